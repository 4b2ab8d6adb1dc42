"""Asking a terminal which pictures it shows, and its answers, whole or in pieces, among the keys."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.preview.images import quarters
from trio_chat.ui.preview.asking import ask_graphics
from trio_chat.ui.preview.drawing import draw_image
from trio_chat.ui.preview.graphics import QUESTION, Graphics, GraphicsAnswer, can_ask, colour_depth

KITTY = b"\x1b_Gi=31;OK\x1b\\"
CELL = b"\x1b[6;20;10t"
SIXELS, NO_SIXELS = b"\x1b[?62;4;22c", b"\x1b[?62;22c"


@pytest.mark.parametrize(
    ("answer", "graphics"),
    [
        (KITTY + CELL + NO_SIXELS, Graphics("kitty", (10, 20))),
        (KITTY + CELL + SIXELS, Graphics("kitty", (10, 20))),
        (CELL + SIXELS, Graphics("sixel", (10, 20))),
        (SIXELS, Graphics("sixel", (8, 16))),
        (NO_SIXELS, Graphics("blocks", (8, 16))),
        (b"\x1b[?4c", Graphics("blocks", (8, 16))),  # the first number is the kind of terminal, a VT132
        (b"\x1b_Gi=31;ENOTSUPPORTED:no\x1b\\" + NO_SIXELS, Graphics("blocks", (8, 16))),
        (b"\x1b[6;0;9999t" + SIXELS, Graphics("sixel", (8, 16))),
    ],
)
def test_a_terminal_says_what_it_shows(answer: bytes, graphics: Graphics) -> None:
    reader = GraphicsAnswer()
    assert reader.split(answer) == b""
    assert reader.found == graphics


@given(st.sampled_from([KITTY + CELL + NO_SIXELS, SIXELS, CELL + SIXELS]), st.lists(st.integers(1, 30)), st.data())
def test_an_answer_in_pieces_among_keys_is_taken_out_and_the_keys_stay(
    answer: bytes, cuts: list[int], data: st.DataObject
) -> None:
    before, after = (data.draw(st.sampled_from([b"", b"hello", b"\x1b[A", "é\r".encode()])) for _ in range(2))
    whole, reader, passed = before + answer + after, GraphicsAnswer(), b""
    for cut in cuts:
        passed, whole = passed + reader.split(whole[:cut]), whole[cut:]
    passed += reader.split(whole)
    assert reader.found is not None
    assert passed + reader.flush() == before + after


def test_a_key_that_looks_like_the_beginning_of_an_answer_comes_back_in_the_end() -> None:
    reader = GraphicsAnswer()
    assert reader.split(b"a\x1b") == b"a"
    assert reader.flush() == b"\x1b"
    assert reader.found is None


@pytest.mark.parametrize(
    ("environment", "asked"),
    [
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "xterm-256color", "TMUX": "/tmp/tmux-0/default,1,0"}, False),
        ({"TERM": "tmux-256color"}, False),
        ({"TERM": "screen"}, False),
        ({"TERM": "xterm", "STY": "1.tty"}, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({}, False),
    ],
)
def test_a_terminal_that_is_shared_or_dumb_is_not_asked(environment: dict[str, str], *, asked: bool) -> None:
    assert can_ask(environment) is asked


@pytest.mark.parametrize(
    ("environment", "depth"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "true"),
        ({"TERM": "xterm", "COLORTERM": "24bit"}, "true"),
        ({"TERM": "xterm-direct"}, "true"),
        ({"TERM": "xterm-256color"}, "256"),
        ({"TERM": "tmux-256color"}, "256"),
        ({"TERM": "vt100"}, "mono"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, "mono"),
    ],
)
def test_the_colours_are_those_that_the_environment_says(environment: dict[str, str], depth: str) -> None:
    assert colour_depth(environment) == depth
    assert colour_depth(environment, colour=False) == "mono"


# ---- at a pseudo-terminal ------------------------------------------------------------------------


@contextlib.contextmanager
def terminal(answer: bytes) -> Iterator[tuple[int, bytearray]]:
    """A terminal that gives this answer to the question; yields its descriptor and what it was asked."""
    import termios  # noqa: PLC0415 - Windows has none

    there, here = os.openpty()
    asked = bytearray()

    def answering() -> None:
        with contextlib.suppress(OSError):
            while not asked.endswith(b"\x1b[c"):
                asked.extend(os.read(there, 1024))
            os.write(there, answer)

    before = termios.tcgetattr(here)
    thread = threading.Thread(target=answering)
    thread.start()
    try:
        yield here, asked
        assert termios.tcgetattr(here) == before
    finally:
        os.close(here)
        thread.join()
        os.close(there)


on_unix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")


@on_unix
@pytest.mark.parametrize(
    ("answer", "graphics"),
    [(KITTY + CELL + NO_SIXELS, Graphics("kitty", (10, 20))), (CELL + SIXELS, Graphics("sixel", (10, 20)))],
)
def test_a_terminal_is_asked_and_left_as_it_was(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, graphics: Graphics
) -> None:
    monkeypatch.setattr(os, "environ", {"TERM": "xterm"})
    with terminal(answer) as (fd, asked):
        assert ask_graphics(fd, fd) == graphics
        assert bytes(asked) == QUESTION.encode()


@on_unix
def test_a_terminal_that_does_not_answer_shows_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"TERM": "xterm"})
    monkeypatch.setattr("trio_chat.ui.preview.asking.DEADLINE", 0.05)
    with terminal(b"") as (fd, _):
        assert ask_graphics(fd, fd) == Graphics()
    read, write = os.pipe()
    assert ask_graphics(read, write) == Graphics()
    os.close(read)
    os.close(write)


# ---- drawing -------------------------------------------------------------------------------------


async def test_a_picture_fits_the_terminal_in_each_form() -> None:
    rows = await draw_image(quarters("PNG", side=300), "photo", (30, 10), Graphics(), "true")
    assert len(rows) == 7
    kitty = await draw_image(quarters("PNG", side=300), "photo", (30, 10), Graphics("kitty", (10, 20)), "true")
    assert "s=140,v=140,c=14,r=7" in str(kitty[0])
    sixel = await draw_image(quarters("PNG", side=300), "photo", (30, 10), Graphics("sixel", (10, 20)), "true")
    assert '"1;1;140;140' in str(sixel[0])
    narrow = await draw_image(quarters("PNG", side=300), "photo", (15, 40), Graphics("kitty", (10, 20)), "true")
    assert "s=140,v=140,c=14,r=7" in str(narrow[0])  # the last column stays free
    tiny = await draw_image(quarters("PNG", side=300), "photo", (1, 1), Graphics(), "mono")
    assert len(tiny) == 1
