"""The lists beside the conversation: counts of rooms, signs of roles, and what does not fit."""

from __future__ import annotations

import pytest

from tests.ui.followed import LOBBY, FollowedModel, entered, message
from trio_chat.protocol import events
from trio_chat.ui.terminal.layout import Row
from trio_chat.ui.tui.widgets.lists import people_rows, room_rows


def texts(rows: list[Row]) -> list[str]:
    return ["".join(span.text for span in row).strip() for row in rows]


def with_people(*names: str, role: str = "") -> FollowedModel:
    model = entered()
    people = tuple(events.PersonInfo(name=name, id=at, role=role) for at, name in enumerate(names, 1))
    model.take(events.People(id="", room=LOBBY, people=people), 0.0, 0.0)
    return model


@pytest.mark.parametrize(("role", "shown"), [("owner", "&ada"), ("moderator", "+ada"), ("", "ada")])
def test_a_sign_tells_the_role_of_a_person(role: str, shown: str) -> None:
    rows, _ = people_rows(with_people("ada", role=role), 20, 3)
    assert texts(rows)[1] == shown


@pytest.mark.parametrize(
    ("height", "shown"),
    [(4, ["ada", "bob", "eve"]), (3, ["ada", "and 2 more"]), (2, ["and 3 more"])],
)
def test_people_for_whom_there_is_no_row_are_counted(height: int, shown: list[str]) -> None:
    rows, owners = people_rows(with_people("ada", "bob", "eve"), 20, height)
    assert texts(rows)[1:] == shown
    assert owners == [None, *(name if "more" not in name else None for name in shown)]


def test_a_room_shows_how_many_messages_call_the_person_and_else_how_many_are_unread() -> None:
    model = entered()
    model.take(message(1, "hello", room="#ops"), 0.0, 0.0)
    model.take(message(2, "and more", room="#ops"), 0.0, 0.0)
    assert texts(room_rows(model, 20, 3)[0])[1].endswith(" 2")
    model.take(message(3, "@ada look", room="#ops"), 0.0, 0.0)
    assert texts(room_rows(model, 20, 3)[0])[1].endswith(" 1@")
    model.take(message(1, "psst", room="@ada+bob"), 0.0, 0.0)
    assert texts(room_rows(model, 20, 3)[0])[2] == "3 @bob            1"
