"""Ending cleanly on a signal, with the exit status that shells expect."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

import trio

_ENDING: Final[tuple[signal.Signals, ...]] = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)
"""SIGHUP is there on Unix only, SIGBREAK (Ctrl-Break, or the window was closed) on Windows only."""
BY_SIGNAL: Final = 128
"""The exit status after a signal is this plus the number of the signal (POSIX sh, 2.8.2)."""
INTERRUPTED: Final = BY_SIGNAL + signal.SIGINT


def heeded() -> tuple[signal.Signals, ...]:
    """The signals that end this program. A signal that it was started to ignore (``nohup``) stays ignored."""
    return tuple(number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN)


@contextmanager
def outlived(numbers: Iterable[signal.Signals]) -> Iterator[None]:
    """Ignore these signals inside the block, so that an orderly end is not cut short.

    A terminal that is gone is noticed twice, by reading and by SIGHUP. A signal that a signal receiver has not yielded
    when it closes is raised again, and would kill the program while it is ending.
    """
    before = {number: signal.signal(number, _let_be) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _let_be(number: int, frame: FrameType | None) -> None:
    """Do nothing. Unlike SIG_IGN, a handler is not inherited by child processes."""


async def until_signal(
    work: Callable[[], Awaitable[int]], beside: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint
) -> int:
    """Run ``work``, which returns an exit status; Ctrl-C, SIGTERM, SIGHUP or SIGBREAK cancels it.

    A signal that this program was started to ignore (``nohup``, a job in the background) stays ignored. Raises the
    exception of ``work``. ``beside`` runs at the same time and is cancelled when the work ends.
    """
    status = 0
    failure: Exception | None = None
    with trio.open_signal_receiver(*heeded()) as arrivals:
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                nonlocal status
                async for number in arrivals:
                    status = BY_SIGNAL + number
                    break
                nursery.cancel_scope.cancel()

            nursery.start_soon(watch)
            nursery.start_soon(beside)
            try:
                status = await work()
            except Exception as error:  # noqa: BLE001 - raised again below, outside of the nursery's group
                failure = error
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return status
