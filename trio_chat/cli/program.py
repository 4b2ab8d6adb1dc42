"""The program's name, which every part of the command line shows."""

from __future__ import annotations

from typing import Final

PROGRAM: Final = "trio-chat"
"""The program's name, however it was started."""

COMPLETE: Final = "_TRIO_CHAT_COMPLETE"
"""The environment variable by which a shell asks for completions."""
