"""A terminal is taken over and given back, on every way out of it."""

from __future__ import annotations

import errno
import os
import termios
from collections.abc import Iterator

import pytest
import trio

from trio_chat.output import Output
from trio_chat.ui.terminal.capabilities import is_terminal, usable
from trio_chat.ui.terminal.terminal import Terminal


@pytest.fixture
def pty() -> Iterator[tuple[int, int]]:
    master, slave = os.openpty()
    yield master, slave
    for fd in (master, slave):
        os.close(fd)


def test_the_terminal_is_restored_after_an_error(pty: tuple[int, int]) -> None:
    master, slave = pty
    before = termios.tcgetattr(slave)
    taken = []

    def fail() -> None:
        taken.append(termios.tcgetattr(slave)[3] & (termios.ECHO | termios.ICANON | termios.ISIG))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), Terminal(slave, slave):
        fail()
    assert taken == [0]
    assert termios.tcgetattr(slave) == before
    shown = b""
    while not shown.endswith(b"l"):  # what was written may come in pieces
        shown += os.read(master, 100)
    assert shown == b"\x1b[?2004h\x1b[?2004l"


def test_the_terminal_can_be_given_back_twice(pty: tuple[int, int]) -> None:
    before = termios.tcgetattr(pty[1])
    terminal = Terminal(pty[1], pty[1])
    terminal.take()
    terminal.take()
    terminal.give_back()
    terminal.give_back()
    assert termios.tcgetattr(pty[1]) == before


def test_giving_back_a_terminal_that_is_gone_is_ignored() -> None:
    master, slave = os.openpty()
    with Terminal(slave, slave):
        os.close(master)
    os.close(slave)
    assert Terminal(slave, slave).size() == (80, 24)


async def test_a_terminal_for_which_macos_cannot_wait_is_read_all_the_same(
    pty: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def refuse(fd: int) -> None:
        asked.append(fd)
        raise OSError(errno.EINVAL, "Invalid argument")  # kqueue's answer for /dev/tty

    monkeypatch.setattr(trio.lowlevel, "wait_readable", refuse)
    master, slave = pty
    with Terminal(slave, slave) as terminal:
        for keys in (b"a", b"\x03"):
            os.write(master, keys)
            assert await terminal.read() == keys
        with trio.CancelScope() as scope:
            scope.cancel()
            await terminal.read()
        assert scope.cancelled_caught  # nothing has to be typed to leave
        os.write(master, b"for the thread")
    assert asked == [slave]


async def test_bytes_are_read_as_they_arrive_and_a_hangup_is_the_end() -> None:
    master, slave = os.openpty()
    with Terminal(slave, slave) as terminal:
        os.write(master, b"\x03x\r")
        assert await terminal.read() == b"\x03x\r"
        await terminal.write(Output().text("shown"))
        shown = b""
        while not shown.endswith(b"shown"):  # what was written may come in pieces
            shown += os.read(master, 100)
        os.close(master)
        assert await terminal.read() == b""
        await terminal.write(Output().text("to nobody"))
    os.close(slave)


def test_only_a_capable_terminal_for_input_and_output_is_usable(
    pty: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    monkeypatch.setenv("TERM", "xterm")
    assert usable(pty[1], pty[1])
    assert not usable(reading, pty[1])
    assert not usable(pty[1], writing)
    monkeypatch.setenv("TERM", "dumb")
    assert not usable(pty[1], pty[1])
    os.close(reading)
    os.close(writing)
    assert not is_terminal(reading)
