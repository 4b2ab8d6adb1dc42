"""Asking a terminal which pictures it shows while a person types: the answer is no key, and the keys are no answer."""

from __future__ import annotations

import os

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_chat.output import Output
from trio_chat.ui.plain.graphics_question import GraphicsQuestion
from trio_chat.ui.preview.graphics import QUESTION, Graphics

SIXELS = b"\x1b[6;20;10t\x1b[?62;4c"


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"TERM": "xterm"})


class Asked:
    def __init__(self) -> None:
        self.written: list[str] = []
        self.question = GraphicsQuestion(self.write)
        self.found: Graphics | None = None

    async def write(self, output: Output) -> None:
        self.written.append(str(output))

    async def ask(self) -> None:
        self.found = await self.question.ask()


async def test_the_answer_in_pieces_is_taken_out_of_what_is_typed(autojump_clock: MockClock) -> None:
    asked = Asked()
    assert asked.question.split(SIXELS) == SIXELS  # nobody asked
    async with trio.open_nursery() as nursery:
        nursery.start_soon(asked.ask)
        await wait_all_tasks_blocked()
        assert asked.written == [str(QUESTION)]
        assert asked.question.split(b"he" + SIXELS[:1]) == b"he"
        assert not asked.question.waiting
        assert asked.question.split(SIXELS[1:] + b"llo") == b"llo"
    assert asked.found == Graphics("sixel", (10, 20))
    await asked.ask()
    assert len(asked.written) == 1
    assert asked.question.split(b"\x1b") == b"\x1b"


async def test_a_terminal_that_is_silent_shows_characters_and_its_late_answer_is_no_key(
    autojump_clock: MockClock,
) -> None:
    asked = Asked()
    await asked.ask()
    assert asked.found == Graphics()
    assert [asked.question.split(b"\x1b"), asked.question.waiting] == [b"", True]
    assert asked.question.flush() == b"\x1b"  # Escape, by itself
    assert asked.question.split(b"x" + SIXELS) == b"x"
    assert not asked.question.waiting
    assert asked.question.split(SIXELS) == SIXELS


async def test_inside_tmux_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"TERM": "tmux-256color", "TMUX": "x"})
    asked = Asked()
    await asked.ask()
    assert (asked.found, asked.written) == (Graphics(), [])
