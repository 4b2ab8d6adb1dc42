"""A program of the person's own that is started for each message that calls them: the setting ``notify_command``.

Theory of operation. The program gets the message as JSON on its input. No shell sees the message or the command. The
program has no terminal: it runs in a session of its own, so that it cannot write over the screen, and Ctrl-C is not for
it. A person who is called a hundred times in a second does not need a hundred programs, so only :data:`MOST` run at
once and the other calls are dropped. A program that does not end is ended, also when the chat ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NoReturn

import trio

from trio_chat.protocol.events import Message
from trio_chat.ui.model.lines import as_json

MOST: Final = 4
"""Programs that run at once: enough for calls that come together, few enough for a small machine."""
SECONDS: Final = 10.0
"""Seconds that a program may run."""
_NOT_PASSED: Final = "TRIO_CHAT_PASSWORD"  # a variable of the environment that is for this program only
_TO_END: Final = 0.5
"""Seconds between asking a program to end and killing it."""


class NotifyCommand:
    """Starts the program with these words, the first of which is the program. Without words it does nothing.

    ``complain`` is called with a sentence when the program fails for the first time.
    """

    def __init__(self, words: Sequence[str], complain: Callable[[str], None]) -> None:
        self._words = tuple(words)
        self._complain = complain
        self._has_complained = False
        self._running = 0
        self._calls_in, self._calls = trio.open_memory_channel[bytes](MOST)

    def __repr__(self) -> str:
        return f"<NotifyCommand {self._words}, {self._running} running>"

    def call(self, message: Message) -> None:
        """Start the program for a message, unless too many run already."""
        if self._words and self._running < MOST:
            with suppress(trio.WouldBlock):
                self._calls_in.send_nowait(as_json(message).encode() + b"\n")
                self._running += 1

    async def run(self) -> NoReturn:
        """Run the programs, until cancelled; then end those that still run, within a moment."""
        async with trio.open_nursery() as nursery:
            async for event in self._calls:
                nursery.start_soon(self._run_one, event)
        raise AssertionError  # not reached: only cancellation ends the nursery

    async def _run_one(self, event: bytes) -> None:
        try:
            with trio.move_on_after(SECONDS) as limit:
                done = await trio.run_process(
                    self._words,
                    stdin=event,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    check=False,
                    env={name: value for name, value in os.environ.items() if name != _NOT_PASSED},
                    start_new_session=True,
                    deliver_cancel=_end,
                )
        except (OSError, ValueError) as error:
            self._fail(f"could not be started: {error}")
        else:
            if limit.cancelled_caught:
                self._fail(f"did not end within {SECONDS:g} seconds and was ended")
            elif done.returncode:
                self._fail(f"ended with status {done.returncode}")
        finally:
            self._running -= 1

    def _fail(self, how: str) -> None:
        if not self._has_complained:
            self._has_complained = True
            self._complain(f"notify_command: {self._words[0]} {how}.")


async def _end(process: trio.Process) -> None:
    """End a program and all that it has started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        await trio.sleep(_TO_END)
