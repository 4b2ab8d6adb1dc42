"""Answers that grow with the server come in pages bounded in bytes; a welcome leaves some conversations out."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from msgspec import structs

from tests.broker.asking import handle
from trio_chat.broker import Broker, BrokerSettings
from trio_chat.broker.effects import Acknowledge, Reply, Subscribe
from trio_chat.protocol.codec import encode
from trio_chat.protocol.events import BanList, People, RoomList, Welcome
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.requests import AnyRequest, Away, Ban, Bans, Hello, Join, Read, Rooms, Topic, Who
from trio_chat.records import RoomState, SaveAccount, SaveDevice, SaveMember, SaveRoom, Snapshot

PAGE = 2000
TOKEN = "a" * 40
AROUND = 200
"""Bytes that an answer has around its lines."""


def ask(broker: Broker, request: AnyRequest, session: int = 1) -> Any:  # the answer
    effects = handle(broker, session, request, 0.0)
    (answer,) = [effect.event for effect in effects if isinstance(effect, Reply | Acknowledge)]
    return answer


def crowd(*names: str, **settings: Any) -> Broker:
    """People who came in, the first in the session numbered 1."""
    broker = Broker(BrokerSettings(**settings))
    for session, name in enumerate(names, 1):
        broker.open(session, 0.0, token=f"{TOKEN}{session}", number=session)
        assert isinstance(broker.greet(session, Hello(id="", name=name), 0.0), list)
    return broker


def read_all(broker: Broker, request: Rooms | Who | Bans, lines: str) -> list[Any]:
    """Everything, asked for page by page; each is as full as it may be."""
    found: list[Any] = []
    pages = 0
    while True:
        answer = ask(broker, structs.replace(request, skip=len(found)))
        assert len(encode(answer)) <= PAGE + AROUND
        pages += 1
        found += getattr(answer, lines)
        if not answer.more:
            assert pages > 2
            return found
        assert len(encode(answer)) > PAGE - max(len(encode(line)) for line in found)


def test_all_rooms_come_in_pages_the_fullest_first() -> None:
    broker = crowd("ada", "bob", page_bytes=PAGE)
    for number in range(60):
        ask(broker, Join(id="j", room=f"#room{number:02}"))
        ask(broker, Topic(id="t", room=f"#room{number:02}", text="about tea, and nothing else"))
    ask(broker, Join(id="j", room="#room35"), 2)
    rooms = read_all(broker, Rooms(id="r"), "rooms")
    assert [room.name for room in rooms] == [LOBBY, "#room35", *(f"#room{n:02}" for n in range(60) if n != 35)]


def test_all_people_come_in_pages_by_their_names() -> None:
    names = [f"bob{number:02}" for number in range(60)]
    broker = crowd("ada", *reversed(names), page_bytes=PAGE)
    for session in range(2, 62):
        ask(broker, Away(id="a", text="\N{GRINNING FACE}" * 50), session)
    people = read_all(broker, Who(id="w"), "people")
    assert [person.name for person in people] == ["ada", *names]


def test_all_bans_come_in_pages() -> None:
    broker = crowd("ada", page_bytes=PAGE)
    ask(broker, Join(id="j", room="#ops"))
    for number in range(60):
        ask(broker, Ban(id="b", room="#ops", network=f"192.0.2.{number}", reason="spam"))
    bans = read_all(broker, Bans(id="l", room="#ops"), "bans")
    assert [ban.network for ban in bans] == [f"192.0.2.{number}/32" for number in range(60)]


@pytest.mark.parametrize("request_", [Rooms(id="q", skip=9), Who(id="q", skip=9), Bans(id="q", room="#ops", skip=9)])
def test_behind_the_last_page_is_nothing(request_: Rooms | Who | Bans) -> None:
    broker = crowd("ada")
    ask(broker, Join(id="j", room="#ops"))
    answer = ask(broker, request_)
    assert isinstance(answer, RoomList | People | BanList)
    assert not answer.more
    assert b"[]" in encode(answer)


def test_a_line_that_is_longer_than_a_page_comes_alone() -> None:
    broker = crowd("ada", page_bytes=1)
    assert [room.name for room in ask(broker, Rooms(id="r")).rooms] == [LOBBY]
    assert not ask(broker, Rooms(id="r")).more


def conversation(person: int) -> str:
    return f"@ada+bob{person}"


def talked_to(*people: int) -> Snapshot:
    """A server on which everybody once began a conversation with ada, the first."""
    time = "2026-01-01T00:00:00.000Z"
    names = ["ada", *(f"bob{number}" for number in people)]
    rooms = [RoomState(SaveRoom(1, LOBBY, time)), RoomState(SaveRoom(2, "#ops", time), last=3)]
    rooms += [RoomState(SaveRoom(n + 3, conversation(n), time, direct=(1, n + 2)), last=2) for n in people]
    members = [SaveMember(1, n + 1) for n in range(len(names))] + [SaveMember(2, 1)]
    members += [SaveMember(n + 3, account) for n in people for account in (1, n + 2)]
    return Snapshot(
        accounts=tuple(SaveAccount(n + 1, name, name, name, time, time) for n, name in enumerate(names)),
        devices=(SaveDevice(1, 1, hashlib.sha256(TOKEN.encode()).digest(), "", time, time),),
        rooms=tuple(rooms),
        members=tuple(members),
        next_account=len(names) + 1,
        next_room=len(names) + 3,
    )


def welcomed(broker: Broker, session: int = 1) -> Welcome:
    """Let ada in, by the device that she came with first."""
    broker.open(session, 0.0, token=TOKEN, number=0)
    effects = broker.greet(session, Hello(id="", name="ada", token=TOKEN), 0.0)
    assert isinstance(effects, list)
    return next(e.event for e in effects if isinstance(e, Reply) and isinstance(e.event, Welcome))


def test_a_welcome_lists_all_rooms_and_as_many_conversations_as_it_may_and_says_how_many_not() -> None:
    welcome = welcomed(Broker(BrokerSettings(page_bytes=PAGE), talked_to(*range(100))))
    assert len(encode(welcome)) <= PAGE + 2 * AROUND
    listed = [room.name for room in welcome.rooms]
    assert listed[:2] == [LOBBY, "#ops"]
    assert listed[2:] == [conversation(n) for n in range(102 - len(listed), 100)], "the youngest are what is new"
    assert welcome.left_out == 102 - len(listed) > 50


def test_conversations_that_were_read_come_first_and_of_those_the_ones_with_new_messages() -> None:
    """So strangers who begin a thousand do not hide the person's own."""
    broker = Broker(BrokerSettings(page_bytes=1), talked_to(*range(100)))
    assert welcomed(broker).rooms[2].name == conversation(99)
    for session, (number, seq, first) in enumerate([(3, 2, 3), (7, 1, 7), (11, 2, 7)], 2):
        ask(broker, Read(id="r", room=conversation(number), seq=seq))
        assert welcomed(broker, session).rooms[2].name == conversation(first)


def test_a_conversation_that_was_left_out_is_heard_all_the_same() -> None:
    broker = Broker(BrokerSettings(page_bytes=1), talked_to(*range(5)))
    broker.open(1, 0.0, token="x", number=0)
    effects = broker.greet(1, Hello(id="", name="ada", token=TOKEN), 0.0)
    assert isinstance(effects, list)
    heard = {effect.room for effect in effects if isinstance(effect, Subscribe)}
    assert heard == {LOBBY, "#ops", *map(conversation, range(5))}


def test_a_welcome_that_is_said_anew_because_something_was_not_stored_is_bounded_too() -> None:
    broker = Broker(BrokerSettings(page_bytes=PAGE), talked_to(*range(100)))
    before = welcomed(broker)
    broker.settle()
    remaining = broker.take_back([Reply(1, before)], [])
    assert isinstance(remaining[0], Reply)
    assert remaining[0].event == before
