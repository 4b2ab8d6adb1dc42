"""Asking the terminal what pictures it shows, and drawing one there, for commands that do not read keys."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from collections.abc import Sequence
from typing import Final

from trio_chat.output import Output
from trio_chat.ui.preview.graphics import DEADLINE, QUESTION, Graphics, GraphicsAnswer, can_ask
from trio_chat.ui.terminal.capabilities import is_terminal

_READ: Final = 1024


def ask_graphics(input_fd: int = 0, output_fd: int = 1) -> Graphics:
    """The kinds of pictures that the terminal of two file descriptors shows. Blocks until it answers, at most
    :data:`DEADLINE` seconds; a terminal that is not asked, or does not answer, shows characters. Keys typed meanwhile
    are lost."""
    if sys.platform == "win32" or not can_ask(os.environ):
        return Graphics()
    if not (is_terminal(input_fd) and is_terminal(output_fd)):
        return Graphics()
    import termios  # noqa: PLC0415 - Windows has none

    found = termios.tcgetattr(input_fd)
    raw = termios.tcgetattr(input_fd)
    raw[3] &= ~(termios.ICANON | termios.ECHO)  # 3: the local modes
    termios.tcsetattr(input_fd, termios.TCSANOW, raw)
    try:
        return _exchange(input_fd, output_fd)
    finally:
        termios.tcsetattr(input_fd, termios.TCSANOW, found)


def write_rows(rows: Sequence[Output], output_fd: int = 1) -> None:
    """Write the rows of a picture to a terminal, each with its end. Blocks. A terminal that is gone gets nothing."""
    whole = Output()
    for row in rows:
        whole += row.line("")
    view = memoryview(whole.encode())
    with contextlib.suppress(OSError):
        while view:
            view = view[os.write(output_fd, view) :]


def _exchange(input_fd: int, output_fd: int) -> Graphics:
    answer = GraphicsAnswer()
    os.write(output_fd, QUESTION.encode())
    until = time.monotonic() + DEADLINE
    while answer.found is None and (left := until - time.monotonic()) > 0:
        readable, _, _ = select.select([input_fd], [], [], left)
        data = os.read(input_fd, _READ) if readable else b""
        if not data:
            break
        answer.split(data)
    return answer.found or Graphics()
