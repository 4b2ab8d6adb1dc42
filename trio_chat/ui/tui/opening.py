"""Running the full screen on this process's terminal: the last boundary before the person."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import trio

from trio_chat.errors import ChatError, ConfigError
from trio_chat.ui.terminal.terminal import Terminal
from trio_chat.ui.tui.app import FullScreen
from trio_chat.ui.tui.memory import Memory
from trio_chat.ui.tui.options import Dial, ScreenOptions


def open_full_screen(dial: Dial, wishes: ScreenOptions, url: str) -> int:
    """Run the full screen on this process's terminal; returns the exit status.

    Raises what the first connection raises (:class:`~trio_chat.errors.Unreachable` and the like) and
    :class:`~trio_chat.errors.ConfigError`. Anything unforeseen becomes a report in a file, whose path is said.
    """
    memory = Memory(url)

    async def run() -> int:
        return await FullScreen(dial, wishes, memory, Terminal()).run()

    try:
        return trio.run(run)
    except (ChatError, ConfigError, KeyboardInterrupt):
        raise
    except Exception as error:  # noqa: BLE001 - the last boundary: a person gets a sentence and a file
        path = memory.report_crash(error, datetime.now(UTC))
        where = f"A report is in {path}." if path is not None else "No report could be written."
        sys.stderr.write(f"trio-chat: something went wrong in this program ({type(error).__name__}). {where}\n")
        return 1
