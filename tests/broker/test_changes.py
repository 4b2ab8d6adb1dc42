"""Changing messages: edits, deletions and reactions. And what waits for people who are away: mentions and direct
messages."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.broker.scenario import Crowd
from trio_chat.broker.effects import Seek
from trio_chat.broker.journal import Journal
from trio_chat.protocol.codec import encode
from trio_chat.protocol.events import Deleted, Edited, Error, Message, Ok, Reacted, Welcome
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.requests import (
    AnyRequest,
    Delete,
    Edit,
    Join,
    Leave,
    Nick,
    React,
    Read,
    Search,
    Send,
    SetRole,
    Topic,
)


def line(crowd: Crowd, room: str, seq: int) -> Message:
    """A message as it is stored now."""
    held = crowd.kept.room(room)
    assert held is not None
    event = crowd.kept.logs[held.id][seq - 1][1]
    assert isinstance(event, Message)
    return event


def talk() -> Crowd:
    crowd = Crowd("ada", "bob", "cyd")
    crowd.enter("#ops", "ada", "bob")
    crowd.say("ada", "frist", room="#ops")
    crowd.all_read()
    return crowd


# ---- edit, delete, react ------------------------------------------------------------------------


def test_an_edit_is_told_to_the_room_and_stored_in_the_message() -> None:
    crowd = talk()
    answer = crowd.do("ada", Edit(id="e", room="#ops", target=1, text="first\x1b"))
    assert isinstance(answer, Ok)
    event = Edited(
        room="#ops", seq=2, time=answer.time or "", sender="ada", sender_id=1, target=1, text="first\u241b", mentions=()
    )
    assert crowd.news("bob") == [event]
    assert (line(crowd, "#ops", 1).text, line(crowd, "#ops", 1).edited) == ("first\u241b", answer.time)
    assert crowd.news("cyd") == []


def test_a_deleted_message_is_gone_with_its_edits() -> None:
    crowd = talk()
    crowd.do("ada", Edit(id="e", room="#ops", target=1, text="secret"))
    crowd.do("ada", React(id="r", room="#ops", target=1, mark="+1"))
    crowd.all_read()
    answer = crowd.do("ada", Delete(id="d", room="#ops", target=1))
    assert isinstance(answer, Ok)
    assert crowd.news("bob") == [
        Deleted(room="#ops", seq=4, time=answer.time or "", sender="ada", sender_id=1, target=1)
    ]
    left = line(crowd, "#ops", 1)
    assert (left.text, left.deleted, left.reactions) == ("", True, {})
    for sender, event in crowd.kept.logs[2]:
        assert b"secret" not in encode(event), sender
        assert b"frist" not in encode(event)
    for again in (
        Delete(id="d", room="#ops", target=1),
        Edit(id="e", room="#ops", target=1, text="x"),
        React(id="r", room="#ops", target=1, mark="x"),
    ):
        assert crowd.refused("ada", again).code == "unknown_message"


@pytest.mark.parametrize("target", [0, 2, 99, 2**53])
def test_a_line_that_is_no_message_cannot_be_changed(target: int) -> None:
    crowd = talk()
    crowd.do("ada", Topic(id="t", room="#ops", text="tea"))  # line 2
    assert crowd.refused("ada", Edit(id="e", room="#ops", target=target, text="x")).code == "unknown_message"
    assert crowd.refused("ada", Delete(id="e", room="#ops", target=target)).code == "unknown_message"


def test_a_message_is_its_senders_and_not_its_names() -> None:
    crowd = talk()
    crowd.do("ada", Nick(id="n", name="eve"))
    crowd.do("bob", Nick(id="n", name="ada"))
    assert crowd.refused("bob", Edit(id="e", room="#ops", target=1, text="x")).code == "not_yours"
    assert crowd.refused("bob", Delete(id="e", room="#ops", target=1)).code == "not_yours"
    assert isinstance(crowd.do("ada", Edit(id="e", room="#ops", target=1, text="mine")), Ok)


def test_a_moderator_deletes_anybodys_and_edits_nobodys() -> None:
    crowd = talk()
    crowd.do("ada", SetRole(id="r", room="#ops", name="bob", role="moderator"))
    assert crowd.refused("bob", Edit(id="e", room="#ops", target=1, text="x")).code == "not_yours"
    assert isinstance(crowd.do("bob", Delete(id="d", room="#ops", target=1)), Ok)
    assert [(n.actor, n.target, n.detail) for n in crowd.kept.notes if n.action == "delete"] == [("bob", "ada", "1")]


def test_each_person_reacts_once_with_a_mark_and_can_remove_it() -> None:
    crowd = talk()
    for who in ("ada", "bob", "bob"):
        crowd.do(who, React(id="r", room="#ops", target=1, mark="+1"))
    assert line(crowd, "#ops", 1).reactions == {"+1": ("ada", "bob")}
    assert len(crowd.news_of("ada", Reacted)) == 2
    crowd.do("ada", React(id="r", room="#ops", target=1, mark="+1", on=False))
    assert line(crowd, "#ops", 1).reactions == {"+1": ("bob",)}
    for number in range(19):
        crowd.do("bob", React(id="r", room="#ops", target=1, mark=f"m{number}"))
    assert crowd.refused("ada", React(id="r", room="#ops", target=1, mark="more")).code == "bad_field"
    assert crowd.refused("ada", React(id="r", room="#ops", target=1, mark="a b")).code == "bad_field"


# ---- for who is away ----------------------------------------------------------------------------


def mentions_of(crowd: Crowd, who: str, room: str = LOBBY) -> int:
    (welcome,) = [event for event in crowd.inboxes[crowd.who[who]] if isinstance(event, Welcome)]
    return next(info.mentions for info in welcome.rooms if info.name == room)


def test_mentions_wait_until_the_mentioned_person_has_read_them() -> None:
    crowd = Crowd("ada", "bob", "cyd")
    crowd.enter("#ops", "ada", "bob")
    crowd.go("bob")
    crowd.say("ada", "@BOB: look, @bob; not a@bob, nor @ada")
    crowd.say("ada", "here too, @bob.", room="#ops")
    crowd.say("ada", "@cyd is not in here", room="#ops")
    crowd.restart(orderly=False)
    crowd.back("bob")
    assert (mentions_of(crowd, "bob"), mentions_of(crowd, "bob", "#ops")) == (1, 1)
    crowd.do("bob", Read(id="r", room=LOBBY, seq=1))
    crowd.restart(orderly=True)
    crowd.back("bob")
    assert (mentions_of(crowd, "bob"), mentions_of(crowd, "bob", "#ops")) == (0, 1)


def test_mentions_follow_the_edits_and_the_deletion_of_their_message() -> None:
    crowd = Crowd("ada", "bob")
    crowd.go("bob")
    crowd.say("ada", "@bob: one")
    crowd.say("ada", "two")
    crowd.say("ada", "@bob: three")
    crowd.do("ada", Edit(id="e1", room=LOBBY, target=1, text="one"))
    crowd.do("ada", Edit(id="e2", room=LOBBY, target=2, text="two, @bob"))
    crowd.do("ada", Edit(id="e3", room=LOBBY, target=2, text="@bob two"))
    crowd.do("ada", Delete(id="d", room=LOBBY, target=3))
    for orderly in (False, True):
        crowd.restart(orderly=orderly)
        crowd.back("bob")
        assert mentioned(crowd, "bob") == (2,)
        crowd.go("bob")
    crowd.come("eve")
    crowd.back("ada")
    edits = [event for _, event in crowd.kept.logs[1] if isinstance(event, Edited)]
    assert [event.mentions for event in edits] == [(), (2,), (2,)]


def test_an_edit_mentions_nobody_who_has_read_the_message() -> None:
    crowd = talk()
    crowd.do("bob", Read(id="r", room="#ops", seq=1))
    crowd.do("ada", Edit(id="e", room="#ops", target=1, text="first, @bob and @cyd"))
    crowd.enter("#ops", "cyd")
    for who in ("bob", "cyd"):
        crowd.go(who)
        crowd.back(who)
        assert mentioned(crowd, who, "#ops") == ()


def mentioned(crowd: Crowd, who: str, room: str = LOBBY) -> tuple[int, ...]:
    (welcome,) = [event for event in crowd.inboxes[crowd.who[who]] if isinstance(event, Welcome)]
    (info,) = [info for info in welcome.rooms if info.name == room]
    assert info.mentions == len(info.mentioned)
    return info.mentioned


def test_a_read_position_begins_where_its_member_joined() -> None:
    crowd = talk()
    assert crowd.kept.room("#ops") is not None
    crowd.enter("#empty", "cyd")
    crowd.enter("#ops", "cyd")
    crowd.say("ada", "second", room="#ops")
    crowd.restart(orderly=False)
    crowd.back("cyd")
    (welcome,) = [event for event in crowd.inboxes[crowd.who["cyd"]] if isinstance(event, Welcome)]
    assert welcome.reads_begin
    assert {info.name: (info.read, info.last) for info in welcome.rooms} == {
        LOBBY: (0, 0),
        "#empty": (0, 0),
        "#ops": (1, 2),
    }


def test_a_direct_message_waits_for_a_person_who_is_away() -> None:
    crowd = Crowd("ada", "bob")
    crowd.go("bob")
    room = crowd.say("ada", "for later", "bob").room or ""
    crowd.restart(orderly=False)
    crowd.back("bob")
    (welcome,) = crowd.news_of("bob", Welcome)
    assert isinstance(welcome, Welcome)
    assert [(r.name, r.last, r.read, r.members) for r in welcome.rooms if r.direct] == [(room, 1, 0, ("ada", "bob"))]


def test_a_message_to_a_conversation_reaches_a_person_who_left_it() -> None:
    crowd = Crowd("ada", "bob")
    room = crowd.say("ada", "psst", "bob").room or ""
    crowd.do("bob", Leave(id="l", room=room))
    crowd.all_read()
    crowd.say("ada", "still there?", room=room)
    assert [event.text for event in crowd.news_of("bob", Message) if isinstance(event, Message)] == ["still there?"]


def test_a_reply_to_no_message_begins_no_conversation() -> None:
    crowd = Crowd("ada", "bob")
    assert crowd.refused("ada", Send(id="m", to=("bob",), text="x", reply_to=1)).code == "unknown_message"
    assert crowd.broker.direct == {}


@pytest.mark.parametrize("target", [0, 2, 4, 99, 2**53])
def test_a_line_that_is_no_message_cannot_be_replied_to(target: int) -> None:
    crowd = talk()
    crowd.do("ada", Topic(id="t", room="#ops", text="tea"))  # line 2
    crowd.say("ada", "gone", room="#ops")
    crowd.do("ada", Delete(id="d", room="#ops", target=3))  # line 4
    for seq in (target, 3):
        refusal = crowd.refused("bob", Send(id="m", room="#ops", text="x", reply_to=seq))
        assert refusal.code == "unknown_message"
        assert refusal.message == f"There is no message {seq} in #ops."
    assert isinstance(crowd.do("bob", Send(id="m", room="#ops", text="x", reply_to=1)), Ok)


def test_a_reply_in_a_direct_conversation_is_to_a_message_of_it() -> None:
    crowd = Crowd("ada", "bob", "cyd")
    crowd.say("ada", "psst", "bob")
    answered = crowd.do("bob", Send(id="m", to=("ADA",), text="yes?", reply_to=1))
    assert isinstance(answered, Ok)
    assert crowd.refused("bob", Send(id="n", to=("ada", "cyd"), text="yes?", reply_to=1)).code == "unknown_message"
    assert crowd.refused("bob", Send(id="n", to=("nobody1",), text="x", reply_to=1)).code == "unknown_person"
    assert crowd.refused("bob", Send(id="n", to=("ada",) * 21, text="x", reply_to=1)).code == "too_many_recipients"
    assert crowd.refused("cyd", Send(id="n", room="@ada+bob", text="x", reply_to=1)).code == "unknown_room"


def test_a_reply_sent_again_is_acknowledged_after_the_message_was_deleted() -> None:
    crowd = talk()
    request = Send(id="m", room="#ops", text="x", reply_to=1)
    first = crowd.do("bob", request)
    crowd.do("ada", Delete(id="d", room="#ops", target=1))
    crowd.restart(orderly=False)
    crowd.back("bob")
    assert crowd.do("bob", replace(request, again=True)) == first
    assert crowd.refused("bob", replace(request, id="n", again=True)).code == "unknown_message"


def test_a_reply_that_was_never_stored_is_stored_when_it_is_sent_again() -> None:
    crowd = talk()
    answer = crowd.do("bob", Send(id="m", room="#ops", text="x", reply_to=1, again=True))
    assert isinstance(answer, Ok)


def test_a_message_sent_again_after_a_restart_is_stored_once() -> None:
    crowd = Crowd("ada")
    first = crowd.do("ada", Send(id="m", room=LOBBY, text="once"))
    crowd.restart(orderly=False)
    crowd.back("ada")
    assert crowd.do("ada", Send(id="m", room=LOBBY, text="once", again=True)) == first


# ---- search -----------------------------------------------------------------------------------


def test_a_search_goes_through_ones_own_rooms_only() -> None:
    crowd = talk()
    crowd.say("bob", "psst", "cyd")
    asked = {who: crowd.do(who, Search(id="s", words=("x",))) for who in ("ada", "bob", "cyd")}
    found = {who: sorted(a.rooms) for who, a in asked.items() if isinstance(a, Seek)}
    assert found == {"ada": [1, 2], "bob": [1, 2, 3], "cyd": [1, 3]}
    alone = crowd.do("ada", Search(id="s", room="#ops"))
    assert isinstance(alone, Seek)
    assert alone.rooms == (2,)
    assert crowd.refused("cyd", Search(id="s", words=("x",), room="#ops")).code == "not_a_member"
    assert crowd.refused("ada", Search(id="s", words=("x",), room="@bob+cyd")).code == "unknown_room"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (Search(id="s"), "empty"),
        (Search(id="s", sender="nobody1"), "unknown_person"),
        (Search(id="s", before="yesterday"), "bad_time"),
        (Search(id="s", after="9999999-01-01"), "bad_time"),
    ],
)
def test_a_search_for_nothing_or_nobody_is_refused(request_: Search, code: str) -> None:
    assert talk().refused("ada", request_).code == code


def test_a_search_names_people_by_number_and_times_as_stored() -> None:
    crowd = talk()
    answer = crowd.do("bob", Search(id="s", sender="ADA", before="2026-01-31", after="2026-01-01T01:00:00+01:00"))
    assert isinstance(answer, Seek)
    assert (answer.sender, answer.before, answer.after) == (1, "2026-01-31T00:00:00.000Z", "2026-01-01T00:00:00.000Z")


# ---- steps back -------------------------------------------------------------------------------


def test_a_journal_undoes_changes_back_to_a_mark_or_to_the_last_settling() -> None:
    journal, held, crowd = Journal(), {"a": 1}, Crowd("ada")
    person = crowd.broker.persons[1]
    journal.put(held, "a", 2)
    mark = journal.mark()
    journal.put(held, "b", 3)
    journal.set(person, "password", "x")
    assert journal.pop(held, "a") == 2
    assert journal.pop(held, "none") is None
    journal.undo(mark)
    assert (held, person.password) == ({"a": 2}, None)
    journal.undo()
    assert held == {"a": 1}
    journal.put(held, "c", 4)
    journal.settle()
    journal.undo()
    assert held == {"a": 1, "c": 4}


def test_a_request_that_depends_on_a_change_that_was_not_stored_fails_with_it() -> None:
    """A reaction that is there already, a message that is deleted already: by the request just before."""
    crowd = talk()
    said = crowd.say("bob", "tea?")
    assert said.seq is not None
    crowd.all_read()
    requests: list[AnyRequest] = [
        React(id="1", room=LOBBY, target=said.seq, mark="+1"),
        React(id="2", room=LOBBY, target=said.seq, mark="+1"),
        Delete(id="3", room=LOBBY, target=said.seq),
        Delete(id="4", room=LOBBY, target=said.seq),
        Send(id="5", room=LOBBY, text="yes", reply_to=said.seq),
    ]
    for number, request in enumerate(requests):
        answer = crowd.ask(crowd.who["bob"], request)
        assert isinstance(answer, Error if number > 2 else Ok)
    crowd.fail()
    answers = crowd.news_of("bob", Error, Ok)
    assert [isinstance(answer, Error) and answer.code for answer in answers] == ["not_stored"] * 5
    assert isinstance(crowd.do("bob", React(id="6", room=LOBBY, target=said.seq, mark="+1")), Ok)


def test_entering_in_vain_leaves_no_position_for_the_next_room_of_that_number() -> None:
    crowd = talk()
    crowd.say("bob", "x")
    crowd.ask(crowd.who["cyd"], Join(id="j", room="#new"))
    crowd.ask(crowd.who["cyd"], Send(id="m", room="#new", text="lost"))
    crowd.ask(crowd.who["cyd"], Read(id="r", room="#new", seq=1))
    crowd.fail()
    crowd.check()
    crowd.enter("#other", "cyd")
    crowd.save()
    assert all(read.room != 3 for read in crowd.kept.reads.values())
