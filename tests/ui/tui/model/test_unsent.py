"""Drafts of rooms that the person is removed from: they go nowhere else, and return."""

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


def test_a_draft_of_a_room_survives_a_removal_and_goes_nowhere_else() -> None:
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


@pytest.mark.parametrize(
    ("room", "why", "said"),
    [
        ("#ops", "", "You are no longer in #ops."),
        ("#ops", "bob removed you.", "You are no longer in #ops. bob removed you."),
        ("@ada+bob", "It is over.", "Your conversation with bob is over. It is over."),
    ],
)
def test_a_room_that_is_left_is_named_with_the_reason(room: str, why: str, said: str) -> None:
    members = ("ada", "bob") if room.startswith("@") else ()
    model = entered(info(LOBBY), events.RoomInfo(name=room, count=2, direct=bool(members), members=members))
    model.take(events.Left(room=room, reason=why), 0.0, 0.0)
    assert told(model) == [said]


@pytest.mark.parametrize("private", [True, False])
def test_a_kept_draft_warns_when_its_private_room_is_public(*, private: bool) -> None:
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


def test_a_private_room_found_public_is_reported() -> None:
    model = entered(info(SECRET, private=True))
    model.begin(info(LOBBY), info(SECRET))
    model.look(SECRET)
    assert told(model) == ["#secret was private and is public now."]
    opened = events.Moderated(room=SECRET, seq=1, time=stamp(), sender="bob", target="", action="private", value="on")
    model.take(opened, 0.0, 0.0)
    assert model.room.facts.private


def test_a_saved_draft_remembers_that_its_room_was_private() -> None:
    model = FollowedModel()
    model.unsent.texts[SECRET] = "the secret"
    model.unsent.private.add(SECRET)
    model.begin(info(LOBBY), info(SECRET))
    model.look(SECRET)
    assert model.room.editor.text == "the secret"
    assert told(model)[0].startswith("#secret was private and is public now.")


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_a_lost_private_room_is_not_made_again_silently(chat: Running, tmp_path: Path, columns: int, rows: int) -> None:
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


def test_a_message_to_a_room_that_the_person_was_just_removed_from_is_given_back_in_a_note() -> None:
    model = entered()
    assert model.send("#gone", "my long text", "text", 0.0) == 0
    note = model.room.log.entries[-1]
    assert (note.kind, note.text) == ("error", "You are not in #gone any more. Not sent: my long text")
