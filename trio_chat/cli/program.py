"""The program's name, which every part of the command line shows."""

from __future__ import annotations

from typing import Final

PROGRAM: Final = "trio-chat"
"""The program's name, however it was started."""

INTERRUPTED: Final = 130
"""The exit status after Ctrl-C: 128 and the number of SIGINT, as shells count."""

COMPLETE: Final = "_TRIO_CHAT_COMPLETE"
"""The environment variable by which a shell asks for completions."""
