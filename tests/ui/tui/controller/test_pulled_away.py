"""Panes, questions and lines about a room from which somebody has just removed the person."""

from __future__ import annotations

import pytest

from tests.ui.followed import message
from tests.ui.tui.controller.fakes import Desk
from trio_chat.protocol import events
from trio_chat.ui.actions.messages import ByNumber, DeleteMessage, ReactToMessage
from trio_chat.ui.input.decoder import Typed
from trio_chat.ui.tui.model import keys
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.panes import Choice, ListPane, Question

OPS = "#ops"
KICKED = events.Left(room=OPS, reason="bob removed you.")


def desk_in_ops() -> Desk:
    desk = Desk()
    desk.model.take(events.Room(room=events.RoomInfo(name=OPS)), 0.0, 0.0)
    desk.model.look(OPS)
    desk.model.take(message(1, "mine", "ada", OPS), 0.0, 0.0)
    desk.model.take(message(2, "his", "bob", OPS), 0.0, 0.0)
    return desk


def said(model: ChatModel) -> str:
    return "\n".join(entry.text for entry in model.room.log.entries) + model.notice


def results(*rows: Choice) -> ListPane:
    return ListPane("search", "Search", lambda _typed: rows, typing=False)


async def test_a_search_hit_in_a_room_that_the_person_was_removed_from_costs_a_sentence() -> None:
    desk = desk_in_ops()
    desk.model.pane = results(Choice("his", "", (OPS, 2)))
    desk.model.take(KICKED, 0.0, 0.0)
    await desk.press("Enter")
    assert desk.pane is None
    assert "You are not in #ops any more." in said(desk.model)
    assert desk.model.place.room == "#lobby"


@pytest.mark.parametrize("name", [OPS, "@ada+eve"])
async def test_a_room_that_is_gone_is_not_taken_for_a_person(name: str) -> None:
    desk = desk_in_ops()
    desk.model.pane = results(Choice("a room", "", name))
    desk.model.take(KICKED, 0.0, 0.0)
    await desk.press("Enter")
    assert f"You are not in {name} any more." in said(desk.model)
    assert desk.model.room.editor.text == ""


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize("purpose", ["react", "delete"])
async def test_a_question_is_about_its_message_wherever_the_person_is_by_now(purpose: str, *, gone: bool) -> None:
    desk = desk_in_ops()
    desk.model.room.selected = 2
    desk.controller._messages.commands[f"message-{purpose}"](desk.controller._messages)
    question = desk.pane
    assert isinstance(question, Question)
    desk.model.take(KICKED, 0.0, 0.0) if gone else desk.model.look("#lobby")
    desk.model.pane = question
    if purpose == "react":
        await desk.press(Typed("+1"))
    await desk.press("Enter")
    deed = ReactToMessage(OPS, ByNumber(2), "👍", on=True) if purpose == "react" else DeleteMessage(OPS, ByNumber(2))
    assert desk.queue.actions == ([] if gone else [deed])  # and nothing in the lobby, where the person is


def test_a_message_for_a_room_that_is_gone_is_shown_as_not_sent() -> None:
    desk = desk_in_ops()
    desk.model.take(KICKED, 0.0, 0.0)
    assert desk.model.send(OPS, "hello", "text", 0.0) == 0
    assert "You are not in #ops any more. Not sent: hello" in said(desk.model)


async def test_keys_do_no_harm_before_the_first_welcome() -> None:
    desk = Desk()
    desk.model.rooms.clear()
    for binding in keys.KEYS:
        for pressed in binding.keys:
            await desk.press(*pressed.split(), "Esc")
    assert desk.queue.actions == []
