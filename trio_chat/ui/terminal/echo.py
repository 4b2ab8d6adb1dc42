"""A terminal without echo, for a password that is typed.

Theory of operation. Echo is a setting of the terminal, not of this program: when the program is stopped with Ctrl-Z,
the shell sets it as it likes, and again when ``fg`` resumes the program. So echo is turned on before a stop; when the
program resumes, echo is turned off and the prompt is printed again. A signal that ends the program turns echo on too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import termios
from collections.abc import Iterator
from types import FrameType
from typing import Final

from trio_chat.output import Output
from trio_chat.ui.terminal.signals import BY_SIGNAL

_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)
_LFLAG: Final = 3  # place of the local modes in what termios.tcgetattr returns


@contextlib.contextmanager
def without_echo(prompt: str) -> Iterator[None]:
    """Keep echo off, also after a stop, and restore the terminal however this ends."""
    fd = _open_terminal()
    if fd is None:
        yield
        return
    found = termios.tcgetattr(fd)

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        _set(fd, found)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # stops here, unless no shell could resume it
        signal.signal(number, stop)
        _hide(fd)

    def go_on(number: int, frame: FrameType | None) -> None:
        del number, frame
        _hide(fd)
        with contextlib.suppress(OSError):
            os.write(fd, Output().text(prompt).encode())

    def end(number: int, frame: FrameType | None) -> None:
        del frame
        with contextlib.suppress(OSError):
            os.write(fd, Output().line("").encode())
        sys.exit(BY_SIGNAL + number)

    handlers = {signal.SIGTSTP: stop, signal.SIGCONT: go_on, **dict.fromkeys(_ENDING, end)}
    heeded = [number for number in handlers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handlers[number]) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _set(fd, found)
        os.close(fd)


def _open_terminal() -> int | None:
    """The terminal to ask at; ``None`` when there is none."""
    with contextlib.suppress(OSError):
        return os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    with contextlib.suppress(OSError, ValueError):  # a stream without a descriptor
        fd = os.dup(sys.stdin.fileno())
        if os.isatty(fd):
            return fd
        os.close(fd)
    return None


def _hide(fd: int) -> None:
    """Turn echo off. In the background, the system stops the program here until it is in the foreground again."""
    with contextlib.suppress(termios.error):
        modes = termios.tcgetattr(fd)
        modes[_LFLAG] &= ~termios.ECHO
        termios.tcsetattr(fd, termios.TCSADRAIN, modes)


def _set(fd: int, modes: list[int | list[bytes | int]]) -> None:
    with contextlib.suppress(termios.error):  # a terminal that is gone needs no restoring
        termios.tcsetattr(fd, termios.TCSADRAIN, modes)
