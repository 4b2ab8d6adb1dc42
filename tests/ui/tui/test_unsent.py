"""What was typed in a room that one is put out of: it goes nowhere else, and is there again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ui.followed import FollowedModel
from tests.ui.tui.rich_server import Running, stamp
from tests.ui.tui.screens import SIZES, Screen
from trio_chat.client.events import RejoinRefused
from trio_chat.protocol import events, requests
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.panes import Question

LOBBY, SECRET = "#lobby", "#secret"


def info(name: str, *, private: bool = False) -> events.RoomInfo:
    return events.RoomInfo(name=name, private=private)


def entered(*rooms: events.RoomInfo) -> FollowedModel:
    model = FollowedModel()
    model.begin(info(LOBBY), *rooms)
    return model


def told(model: ChatModel) -> list[str]:
    return [entry.text for entry in model.room.log.entries]


def test_what_is_typed_when_one_is_put_out_goes_nowhere_else_and_is_there_again() -> None:
    model = entered()
    ops = events.Room(id="", room=events.RoomInfo(name="#ops", count=1))
    model.take(ops, 0.0, 0.0)
    model.look("#ops")
    model.room.editor.insert("the secret is")
    model.take(events.Left(room="#ops", reason="bob removed you."), 0.0, 0.0)
    assert isinstance(model.pane, Question)  # takes the keys that follow
    assert (model.place.room, model.room.editor.text) == (LOBBY, "")
    model.pane = None
    model.take(ops, 0.0, 0.0)
    assert model.rooms["#ops"].editor.text == "the secret is"


@pytest.mark.parametrize("private", [True, False])
def test_what_waits_for_a_room_says_when_that_is_private_no_longer(*, private: bool) -> None:
    model = entered(info(SECRET, private=True))
    model.look(SECRET)
    model.send(SECRET, "waves", "action", 0.0)
    model.room.editor.insert("the secret")
    model.begin(info(LOBBY))  # the server lost its database
    assert isinstance(model.pane, Question)
    assert (model.place.room, model.room.editor.text) == (LOBBY, "")
    model.take(RejoinRefused(room=SECRET, code="opened", message="Gone.", advice="Join."), 0.0, 0.0)
    assert told(model) == [
        "You are no longer in #secret. The server does not have it any more.",
        "#secret: Gone. Join.",
    ]
    model.take(events.Room(room=info(SECRET, private=private)), 0.0, 0.0)
    model.look(SECRET)
    assert model.room.editor.text == "/me waves\nthe secret"
    opened = "#secret was private and is public now. The text in the input was written before that."
    assert told(model) == ([] if private else [opened])


def test_a_room_that_was_private_says_when_it_is_found_open() -> None:
    model = entered(info(SECRET, private=True))
    model.begin(info(LOBBY), info(SECRET))
    model.look(SECRET)
    assert told(model) == ["#secret was private and is public now."]
    opened = events.Moderated(room=SECRET, seq=1, time=stamp(), sender="bob", target="", action="private", value="on")
    model.take(opened, 0.0, 0.0)
    assert model.room.facts.private


def test_a_draft_for_a_private_room_is_remembered_as_one() -> None:
    model = FollowedModel()
    model.unsent.texts[SECRET] = "the secret"
    model.unsent.private.add(SECRET)
    model.begin(info(LOBBY), info(SECRET))
    model.look(SECRET)
    assert model.room.editor.text == "the secret"
    assert told(model)[0].startswith("#secret was private and is public now.")


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_a_private_room_that_the_server_lost_is_not_made_anew_without_a_word(
    chat: Running, tmp_path: Path, columns: int, rows: int
) -> None:
    with Screen(chat.url, tmp_path, columns=columns, rows=rows).ready() as ada:
        ada.enter(SECRET)
        chat.tell(events.Room(room=info(SECRET, private=True)))
        ada.type("the sec")
        ada.wait_for("the sec")

        async def lose_everything() -> None:
            chat.server.epoch = "epoch-2"
            chat.server.people.clear()
            del chat.server.logs[SECRET]
            await chat.server.session.drop()

        chat.do(lose_everything)
        ada.wait_for("You are no longer")
        chat.forget()
        ada.type("ret\r")
        ada.wait_prompt(LOBBY)
        ada.sees("makes a new one, open to everybody at first.")
        assert not chat.server.asked(requests.Join)
        ada.type("/join #secret\r")
        ada.wait_for("> the sec")
        ada.sees("input was written before that.")
        assert not chat.server.asked(requests.Send)
