"""The mouse over a drawn screen: a click, a drag, the wheel, and events that mean nothing."""

from __future__ import annotations

from tests.ui.tui.controller.fakes import Desk
from trio_chat.ui.terminal.escapes import MouseEvent
from trio_chat.ui.tui.model.panes import Choice, ListPane


class Drawn:
    """A screen whose first row is a room, and whose second row is message 2; the third is an item of a list."""

    messages = (1, 2)

    def under(self, column: int, row: int) -> tuple[str, object]:
        del column
        return (("room", "#ops"), ("line", (2, True)), ("item", 0))[row]

    def text(self, start: tuple[int, int], end: tuple[int, int]) -> str:
        return f"from {start} to {end}"


def press(column: int, row: int) -> MouseEvent:
    return MouseEvent(0, moved=False, released=False, column=column, row=row)


def move(column: int, row: int) -> MouseEvent:
    return MouseEvent(0, moved=True, released=False, column=column, row=row)


def release(column: int, row: int) -> MouseEvent:
    return MouseEvent(0, moved=False, released=True, column=column, row=row)


def wheel(*, up: bool) -> MouseEvent:
    return MouseEvent(64 if up else 65, moved=False, released=False, column=0, row=0)


def take(desk: Desk, *happened: MouseEvent) -> None:
    desk.screen.drawn = Drawn()
    for event in happened:
        desk.controller.mouse.take(event)


async def test_a_click_selects_a_message_and_a_release_without_a_press_does_nothing() -> None:
    desk = Desk()
    take(desk, release(3, 1))
    assert desk.model.room.selected is None
    take(desk, press(3, 1), release(3, 1))
    assert desk.model.room.selected == 2


async def test_a_drag_copies_the_text_between_its_ends() -> None:
    desk = Desk()
    seen = []
    for event in (press(3, 1), move(5, 1), move(7, 1), release(7, 1)):
        take(desk, event)
        seen.append(desk.screen.selection)
    assert seen == [None, ((3, 1), (5, 1)), ((3, 1), (7, 1)), None]
    assert len(desk.screen.written) == 1
    assert desk.model.room.selected is None, "a drag is no click"


async def test_a_motion_whose_press_was_not_seen_begins_there() -> None:
    desk = Desk()
    seen = []
    for column in (3, 5):
        take(desk, move(column, 1))
        seen.append(desk.screen.selection)
    assert seen == [None, ((3, 1), (5, 1))]


async def test_the_wheel_scrolls_the_conversation_and_moves_in_a_list() -> None:
    desk = Desk()
    take(desk, wheel(up=True), wheel(up=False))
    assert desk.screen.calls == ["scroll 3", "scroll -3"]
    rows = (Choice("one", "", ("#lobby", 1)), Choice("two", "", ("#lobby", 2)))
    desk.model.pane = pane = ListPane("search", "Search", lambda _typed: rows, typing=False)
    take(desk, wheel(up=False))
    assert pane.at == 1
    take(desk, wheel(up=True))
    assert pane.at == 0
    assert desk.screen.calls == ["scroll 3", "scroll -3"]


async def test_before_the_first_drawing_the_mouse_does_nothing() -> None:
    desk = Desk()
    desk.controller.mouse.take(press(3, 1))
    take(desk, release(3, 1))
    assert desk.model.room.selected is None
