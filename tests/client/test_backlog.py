"""The backlog of a room on first sight, missed and unread events."""

from __future__ import annotations

import msgspec
import pytest
from trio.testing import MockClock

from tests.client.scripted import LOBBY, NOW, ScriptedServer, Session, next_of, texts
from tests.client.test_state import frames, message, welcome
from trio_chat.client import Backlog, Missed
from trio_chat.client.frames import read_event
from trio_chat.client.pending import Step
from trio_chat.client.state import ClientState
from trio_chat.protocol import requests
from trio_chat.protocol.codec import encode
from trio_chat.protocol.events import (
    Deleted,
    Edited,
    Error,
    Left,
    Moderated,
    Ok,
    Page,
    Reacted,
    ReadUpTo,
    Room,
    RoomEvent,
    RoomInfo,
)

OPS = RoomInfo(name="#ops", last=9, read=7)
DIRECT = RoomInfo(name="@ada+bob", direct=True, members=("ada", "bob"), last=3)


def entered(*rooms: RoomInfo, backlog: int = 5) -> ClientState:
    conversation = ClientState("c", backlog=backlog)
    conversation.enter(welcome(*rooms))
    return conversation


def page(request: requests.AnyRequest, *events: RoomEvent, more: bool = False, first: int = 1) -> Page:
    assert isinstance(request, requests.History)
    raws = tuple(msgspec.Raw(encode(event)) for event in events)
    return Page(id=request.id, room=request.room, events=raws, more=more, first=first)


def numbers(step: Step) -> list[object]:
    found: list[object] = []
    for event in step.events:
        match event:
            case Backlog(events=events, unread_from=begin, unread=unread):
                found.append(([line.seq for line in events], begin, unread))
            case Missed(count=count):
                found.append(f"missed {count}")
            case RoomEvent(seq=seq):
                found.append(seq)
    return found


def test_the_last_events_come_as_one_backlog_with_the_unread_ones_counted() -> None:
    conversation = entered(OPS)
    (asked,) = frames(conversation)
    assert asked == requests.History(id="c-1", room="#ops", before=10, limit=5)
    step = conversation.take(page(asked, *(message(n, "#ops") for n in range(5, 10)), more=True))
    assert numbers(step) == [([5, 6, 7, 8, 9], 8, 2)]
    assert numbers(conversation.take(message(10, "#ops"))) == [10]
    assert frames(conversation) == []


def test_events_that_arrive_meanwhile_follow_the_backlog() -> None:
    conversation = entered(OPS)
    (asked,) = frames(conversation)
    assert numbers(conversation.take(message(10, "#ops"))) == []
    assert numbers(conversation.take(message(11, "#ops"))) == []
    step = conversation.take(page(asked, message(8, "#ops"), message(9, "#ops")))
    assert numbers(step) == [([8, 9], 8, 2), 10, 11]


def test_a_long_backlog_is_fetched_page_by_page() -> None:
    conversation = entered(RoomInfo(name="#ops", last=500), backlog=300)
    (asked,) = frames(conversation)
    assert isinstance(asked, requests.History)
    assert (asked.before, asked.limit) == (501, 200)
    assert numbers(conversation.take(page(asked, *(message(n, "#ops") for n in range(301, 501)), more=True))) == []
    (asked,) = frames(conversation)
    assert isinstance(asked, requests.History)
    assert (asked.before, asked.limit) == (301, 100)
    step = conversation.take(page(asked, *(message(n, "#ops") for n in range(201, 301)), more=True))
    assert numbers(step) == [(list(range(201, 501)), None, 0)]


def test_unread_events_that_were_removed_are_reported_missed() -> None:
    conversation = entered(RoomInfo(name="#ops", first=6, last=9, read=2))
    (asked,) = frames(conversation)
    step = conversation.take(page(asked, *(message(n, "#ops") for n in range(6, 10)), first=6))
    assert numbers(step) == ["missed 3", ([6, 7, 8, 9], 6, 4)]


def test_in_a_room_never_read_nothing_is_unread() -> None:
    conversation = entered(RoomInfo(name="#ops", first=6, last=9))
    (asked,) = frames(conversation)
    assert numbers(conversation.take(page(asked, message(9, "#ops"), first=6))) == [([9], None, 0)]


def test_when_no_event_is_left_only_the_gap_is_reported() -> None:
    conversation = entered(RoomInfo(name="#ops", first=10, last=9, read=2))
    (asked,) = frames(conversation)
    assert numbers(conversation.take(page(asked, first=10))) == ["missed 7"]


def test_a_lost_connection_begins_the_backlog_again_and_then_fills_the_gap() -> None:
    conversation = entered(OPS)
    frames(conversation)
    conversation.take(message(10, "#ops"))
    conversation.lose()
    conversation.enter(welcome(msgspec.structs.replace(OPS, last=12)))
    (asked,) = frames(conversation)
    assert isinstance(asked, requests.History)
    assert asked.before == 10
    assert numbers(conversation.take(page(asked, message(9, "#ops")))) == [([9], 8, 2)]
    (asked,) = frames(conversation)
    assert isinstance(asked, requests.History)
    assert asked.after == 9
    step = conversation.take(page(asked, *(message(n, "#ops") for n in (10, 11, 12))))
    assert numbers(step) == [10, 11, 12]


def test_direct_messages_from_while_away_are_acknowledged_as_received() -> None:
    conversation = entered(DIRECT)
    (asked,) = frames(conversation)
    lines = [message(1, DIRECT.name), message(2, DIRECT.name, sender="ada"), message(3, DIRECT.name)]
    assert numbers(conversation.take(page(asked, *lines))) == [([1, 2, 3], 1, 3)]
    assert [(r.room, r.seq) for r in frames(conversation) if isinstance(r, requests.Received)] == [
        (DIRECT.name, 1),
        (DIRECT.name, 3),
    ]


def test_a_room_joined_later_has_its_backlog_then() -> None:
    conversation = entered(RoomInfo(name=LOBBY))
    assert frames(conversation) == []
    conversation.take(Room(room=OPS))
    (asked,) = frames(conversation)
    assert numbers(conversation.take(page(asked, message(9, "#ops")))) == [([9], 8, 2)]


def test_without_a_backlog_no_log_is_fetched() -> None:
    assert frames(entered(OPS, backlog=0)) == []


async def test_connect_yields_the_backlog_first(server: ScriptedServer) -> None:
    for n in range(7):
        await server.write(LOBBY, f"old {n}")
    async with server.connect(backlog=3) as chat:
        await server.write(LOBBY, "new")
        backlog = await next_of(chat, Backlog)
        assert isinstance(backlog, Backlog)
        assert [event.seq for event in backlog.events] == [5, 6, 7]
        assert await texts(chat, 1) == ["new"]


def test_a_log_that_is_refused_for_good_is_not_asked_for_again_and_live_events_go_on() -> None:
    conversation = entered(RoomInfo(name="#ops", last=3), backlog=0)
    assert numbers(conversation.take(message(7, "#ops"))) == []  # held: the log shall have what is before it
    (asked,) = frames(conversation)
    step = conversation.take(Error(id=asked.id, code="not_a_member", message="No."))
    assert (numbers(step), step.stalled) == (["missed 3", 7], [])
    assert frames(conversation) == []
    assert numbers(conversation.take(message(8, "#ops"))) == [8]


@pytest.mark.parametrize("code", ["too_fast", "internal", "not_stored"])
def test_a_log_that_cannot_be_had_just_now_is_asked_for_a_little_later(code: str) -> None:
    conversation = entered(RoomInfo(name="#ops", last=3), backlog=0)
    conversation.take(message(7, "#ops"))
    (asked,) = frames(conversation)
    step = conversation.take(Error(id=asked.id, code=code, message="Later."))
    assert (numbers(step), step.stalled) == ([], ["#ops"])
    conversation.ask_again("#ops")
    assert [type(request) for request in frames(conversation)] == [requests.History]


def test_a_backlog_that_is_refused_for_good_is_done_without() -> None:
    conversation = entered(OPS)
    (asked,) = frames(conversation)
    step = conversation.take(Error(id=asked.id, code="not_a_member", message="No."))
    assert (numbers(step), step.stalled) == ([], [])
    assert numbers(conversation.take(message(10, "#ops"))) == [10]


# ---- unread, mentions, rooms' rules -------------------------------------------------------------


def test_unread_events_and_mentions_are_counted() -> None:
    conversation = entered(RoomInfo(name="#ops", last=9, read=7, mentions=1), backlog=0)
    room = conversation.rooms["#ops"]
    assert (room.unread, room.mentions) == (2, 1)
    conversation.take(msgspec.structs.replace(message(10, "#ops"), text="what says @ADA?"))
    conversation.take(msgspec.structs.replace(message(11, "#ops"), text="and @adam?"))
    assert (room.unread, room.mentions) == (4, 2)
    conversation.take(ReadUpTo(room="#ops", seq=9))
    assert (room.unread, room.mentions) == (2, 1)
    conversation.ask(requests.Read(id="r", room="#ops", seq=11))
    conversation.take(Ok(id="r"))
    assert (room.unread, room.mentions) == (0, 0)


def test_edits_and_deletions_change_which_messages_mention_us() -> None:
    conversation = entered(RoomInfo(name="#ops", last=9, read=5, mentions=3, mentioned=(7, 9)), backlog=0)
    room = conversation.rooms["#ops"]
    assert (room.mentions, room.mentioned) == (3, (7, 9))

    def edited(seq: int, target: int, text: str, mentions: tuple[int, ...] | None = None) -> None:
        line = Edited(room="#ops", seq=seq, time="", sender="bob", target=target, text=text, mentions=mentions)
        conversation.take(line)

    edited(10, 8, "now for @ada")
    edited(11, 7, "for nobody")
    edited(12, 4, "@ada, you have read this")
    edited(13, 9, "")  # edited again later
    assert (room.mentions, room.mentioned) == (3, (8, 9))
    conversation.take(Deleted(room="#ops", seq=14, time="", sender="eve", target=9))
    assert (room.mentions, room.unlisted, room.mentioned) == (2, 1, (8,))
    assert (room.mentions_within(5, 7), room.mentions_within(7, 8), room.mentions_within(8, 20)) == (0, 1, 0)
    conversation.take(ReadUpTo(room="#ops", seq=6))
    assert (room.mentions, room.unlisted, room.mentioned) == (1, 0, (8,))
    conversation.take(ReadUpTo(room="#ops", seq=10**15))  # a server that tells nonsense
    conversation.take(msgspec.structs.replace(message(15, "#ops"), text="@ada"))
    assert (room.read, room.mentions) == (14, 1)


def test_an_early_servers_position_of_a_room_never_read_is_its_end() -> None:
    never_read, empty = RoomInfo(name="#ops", last=9), RoomInfo(name="#empty")
    conversation = entered(never_read, empty, backlog=0)
    assert {name: room.unread for name, room in conversation.rooms.items()} == {"#ops": 0, "#empty": 0}
    conversation.lose()
    later = RoomInfo(name="#ops", last=11)
    conversation.enter(welcome(later, msgspec.structs.replace(empty, last=2)))
    assert {name: room.unread for name, room in conversation.rooms.items()} == {"#ops": 2, "#empty": 2}
    assert not [request for request in frames(conversation) if isinstance(request, requests.Read)]
    present = ClientState("c")
    present.enter(msgspec.structs.replace(welcome(never_read), reads_begin=True))
    assert present.rooms["#ops"].unread == 9


def test_a_rooms_rules_and_our_role_follow_moderation() -> None:
    conversation = entered(RoomInfo(name="#ops"), backlog=0)
    deeds = [("private", "on", ""), ("announce_only", "on", ""), ("slow", "10", ""), ("role", "moderator", "ada")]
    for seq, (action, value, target) in enumerate([*deeds, ("role", "owner", "bob")], 1):
        event = Moderated(room="#ops", seq=seq, time="", sender="bob", action=action, value=value, target=target)
        assert numbers(conversation.take(event)) == [seq]
    room = conversation.rooms["#ops"]
    assert (room.private, room.announce_only, room.slow, room.role) == (True, True, 10.0, "moderator")
    conversation.take(Left(room="#ops", reason="bob removed you."))
    assert "#ops" not in conversation.rooms


# ---- changes that are asked again ---------------------------------------------------------------


def test_a_change_found_in_the_log_is_not_sent_again() -> None:
    conversation = entered(RoomInfo(name="#ops", last=3), backlog=0)
    changes: list[requests.AnyRequest] = [
        requests.Edit(id="e", room="#ops", target=1, text="new"),
        requests.Delete(id="d", room="#ops", target=2),
        requests.React(id="r", room="#ops", target=1, mark="+"),
        requests.Delete(id="other", room="#ops", target=3),
        requests.Edit(id="f", room="#ops", target=3, text="the caption"),
        requests.Edit(id="n", room="#ops", target=3, text=""),
    ]
    for change in changes:
        conversation.ask(change)
    assert len(frames(conversation)) == 6
    conversation.lose()
    conversation.enter(welcome(RoomInfo(name="#ops", last=8)))
    (asked,) = frames(conversation)  # the changes wait until the room has caught up
    step = conversation.take(
        page(
            asked,
            Edited(room="#ops", seq=4, time="", sender="ada", target=1, text="new"),
            Deleted(room="#ops", seq=5, time="", sender="ada", target=2),
            Reacted(room="#ops", seq=6, time="", sender="ada", target=1, mark="+"),
            Edited(room="#ops", seq=7, time="", sender="ada", target=3, text="the caption\n[file] a.txt, 1 KiB"),
            Edited(room="#ops", seq=8, time="", sender="ada", target=3, text="[file] a.txt, 1 KiB"),
        )
    )
    assert {key: answer.seq for key, answer in step.answers.items() if isinstance(answer, Ok)} == {
        "e": 4,
        "d": 5,
        "r": 6,
        "f": 7,
        "n": 8,
    }
    assert frames(conversation) == [msgspec.structs.replace(changes[3], again=True)]


def test_a_message_that_just_fits_still_fits_when_sent_again() -> None:
    conversation = ClientState("c")
    request = requests.Send(id="1", text="x" * 100, room=LOBBY)
    size = len(encode(msgspec.structs.replace(request, again=True)))
    conversation.enter(welcome(RoomInfo(name=LOBBY), frame=size))
    conversation.ask(request)
    frames(conversation)
    conversation.lose()
    assert conversation.enter(welcome(RoomInfo(name=LOBBY), frame=size)).answers == {}
    assert frames(conversation) == [msgspec.structs.replace(request, again=True)]


async def test_a_deletion_whose_answer_was_lost_is_done_once(server: ScriptedServer, autojump_clock: MockClock) -> None:
    await server.write(LOBBY, "one", sender="ada")

    async def lose_the_answer(session: Session, request: requests.AnyRequest) -> bool:
        if not isinstance(request, requests.Delete):
            return False
        session.open = False
        await server.publish(Deleted(room=LOBBY, seq=2, time=NOW, sender="ada", target=request.target))
        await session.drop()
        return True

    server.before = lose_the_answer
    async with server.connect() as chat:
        assert (await chat.delete(LOBBY, 1)).seq == 2
    assert len(server.asked(requests.Delete)) == 1


def test_an_edited_message_in_the_history_has_its_present_text() -> None:
    event = read_event(
        b'{"type":"message","room":"#ops","seq":1,"time":"","from":"bob","text":"new","cid":"1","edited":"2026-01-31T12:00:00Z",'
        b'"reactions":{"+":["ada","eve"]}}'
    )
    assert event == msgspec.structs.replace(
        message(1, "#ops", cid="1"), text="new", edited="2026-01-31T12:00:00Z", reactions={"+": ("ada", "eve")}
    )
