"""Whatever keys a person presses while others act, with every pane open, the full screen goes on."""

from __future__ import annotations

from datetime import UTC

import pytest
import trio
from hypothesis import strategies as st

from tests.ui.searching import LONG, search
from tests.ui.tui.test_derived_facts import Company, run, steps
from trio_chat.protocol.query import Query
from trio_chat.ui.input.decoder import Key, Pasted, Press, Typed
from trio_chat.ui.tui.model.keys import KEYS
from trio_chat.ui.tui.model.panes import ListPane
from trio_chat.ui.tui.widgets.conversation import ConversationLayout, ConversationStyle
from trio_chat.ui.tui.widgets.frame import Shown, draw

LEAVING = {"suspend", "external-editor", "interrupt", "delete-or-leave", "delete-or-end", "quit"}
"""Commands that end the program, or hand the terminal to another."""

PRESSES = sorted(
    {key for row in KEYS if row.command not in LEAVING for key in row.keys} - {"C-z", "C-c", "C-d", "C-x C-e"}
)
LINES = (
    "hello @bob",
    "/search lunch",
    "/reply yes",
    "/edit no",
    "/delete",
    "/react +1",
    "/go",
    "/keys",
    "/copy",
    "@eve: x",
)
PANES = ("M-?", "M-k", "M-s", "M-s +", "M-s d", "M-s i", "M-s e", "M-s r", "search", "paste")

screen = st.sampled_from("AB")
keys = st.one_of(
    st.tuples(st.just("press"), screen, st.sampled_from(PRESSES)),
    st.tuples(st.just("press"), screen, st.sampled_from(("Enter", "Up", "Down", "M-s", "M-r", "M-a", "M-u"))),
    st.tuples(st.just("type"), screen, st.sampled_from(LINES), st.booleans()),
    st.tuples(st.just("open"), screen, st.sampled_from(PANES)),
)
SIZES = ((80, 24), (20, 5), (200, 50))


class BusyCompany(Company):
    """A company in which ada also presses keys. Her screens are drawn after each step."""

    async def _keys(self, device: str, *pressed: Key) -> None:
        controller = self.devices[device].screen._controller
        for key in pressed:
            await controller.press(key)

    async def _press(self, device: str, key: str) -> None:
        await self._keys(device, *map(Press, key.split()))

    async def _type(self, device: str, line: str, enter: bool) -> None:  # noqa: FBT001 - from a tuple
        await self._keys(device, Typed(line), *([Press("Enter")] if enter else []))

    async def _open(self, device: str, pane: str) -> None:
        one = self.devices[device]
        if pane == "paste":
            await self._keys(device, Pasted("a line\n" * 30))
        elif pane == "search":
            one.model.pane = found = ListPane("search", "Search", lambda _typed: [], typing=False)
            one.screen._requests.search(Query(words=("lunch",)), found)
            await self.house.settle()
        else:
            first, _, letter = pane.partition(" ")
            await self._keys(device, Press(first), *([Typed(letter)] if letter else []))

    async def check(self) -> None:
        await super().check()
        for device in self.devices.values():
            look = ConversationStyle(device.model.place, zone=UTC)
            for columns, rows in SIZES:
                frame = draw(device.model, ConversationLayout(), look, Shown(), columns, rows, trio.current_time())
                assert len(frame.rows) == rows


def test_every_pane_outlives_the_room_that_it_is_about() -> None:
    for pane in PANES:
        run(
            ("join", "bob", "#ops"),
            ("join", "A", "#ops"),
            ("say", "bob", "#ops", "lunch?"),
            ("say", "A", "#ops", "lunch?"),
            ("open", "A", pane),
            ("kick", "bob", "#ops", "ada"),
            ("press", "A", "Enter"),
            ("type", "A", "+1", True),
            company=BusyCompany,
        )


@pytest.mark.search
@pytest.mark.parametrize("part", range(8 if LONG else 1))  # parts, for no test may take long
def test_no_key_and_no_deed_of_others_ends_a_screen(part: int, pytestconfig: pytest.Config) -> None:
    def play_steps(done: list[tuple[object, ...]]) -> None:
        run(*done, company=BusyCompany)

    search(st.lists(steps | keys | keys, min_size=10, max_size=40), play_steps, pytestconfig, part, short=15, long=60)
