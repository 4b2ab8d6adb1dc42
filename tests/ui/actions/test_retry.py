"""A script's line that came too fast gets through a little later; anything else is refused at once."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from trio_chat.errors import NotDone, Refused
from trio_chat.ui.actions.retry import LONGEST, PAUSE, patiently


class Server:
    """Refuses so often, with one code."""

    def __init__(self, times: int, code: str = "too_fast") -> None:
        self.left = times
        self.code = code
        self.asked = 0

    async def ask(self) -> str:
        await trio.lowlevel.checkpoint()
        self.asked += 1
        if self.left:
            self.left -= 1
            raise NotDone(self.code, "No.")
        return "done"


async def test_a_request_that_comes_too_fast_is_repeated(autojump_clock: MockClock) -> None:
    server = Server(5)
    assert await patiently(server.ask) == "done"
    assert server.asked == 6


async def test_a_request_is_refused_after_the_longest_wait(autojump_clock: MockClock) -> None:
    server = Server(100_000)
    with pytest.raises(Refused):
        await patiently(server.ask)
    assert trio.current_time() == LONGEST
    assert server.asked == LONGEST / PAUSE + 1


async def test_any_other_refusal_is_raised_at_once(autojump_clock: MockClock) -> None:
    server = Server(1, "unknown_person")
    with pytest.raises(Refused):
        await patiently(server.ask)
    assert server.asked == 1
