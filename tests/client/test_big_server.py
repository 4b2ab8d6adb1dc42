"""A server with more rooms, people and conversations than one answer holds."""

from __future__ import annotations

import msgspec
from trio.testing import MockClock

from tests.client.scripted import NOW, ScriptedServer, Session
from tests.client.test_backlog import page
from tests.client.test_state import frames, message, welcome
from trio_chat.client import pages
from trio_chat.client.events import Missed
from trio_chat.client.rooms import Phase
from trio_chat.client.state import ClientState
from trio_chat.protocol import requests
from trio_chat.protocol.events import (
    BanList,
    Error,
    Message,
    People,
    PersonInfo,
    RoomInfo,
    RoomLine,
    RoomList,
    Welcome,
)
from trio_chat.protocol.parts import BanInfo

LOBBY = RoomInfo(name="#lobby")
TALK = RoomInfo(name="@ada+bob", direct=True, members=("ada", "bob"), last=3)


async def answer_in_pages(session: Session, request: requests.AnyRequest) -> bool:
    """Two at a time of five; what came first is counted anew meanwhile, so the third page has it again."""
    match request:
        case requests.Rooms(id=asked, skip=skip):
            names = ["#a", "#b", "#c", "#d", "#a"]
            lines = tuple(RoomLine(name=name, count=skip) for name in names[skip : skip + 2])
            await session.say(RoomList(id=asked, rooms=lines, more=skip + 2 < 5))
        case requests.Who(id=asked, room=room, skip=skip):
            people = tuple(PersonInfo(name=name) for name in "abcde"[skip : skip + 2])
            await session.say(People(id=asked, room=room or "#lobby", people=people, more=skip + 2 < 5))
        case requests.Bans(id=asked, room=room, skip=skip):
            bans = tuple(BanInfo(by="ada", time=NOW, network=f"192.0.2.{n}") for n in range(5)[skip : skip + 2])
            await session.say(BanList(id=asked, room=room, bans=bans, more=skip + 2 < 5))
        case _:
            return False
    return True


async def test_pages_are_put_together(server: ScriptedServer, autojump_clock: MockClock) -> None:
    server.before = answer_in_pages
    async with server.connect() as chat:
        rooms = await chat.list_rooms()
        assert [(room.name, room.count) for room in rooms] == [("#a", 4), ("#b", 0), ("#c", 2), ("#d", 2)]
        assert [person.name for person in await chat.who()] == list("abcde")
        assert [ban.network for ban in await chat.bans("#ops")] == [f"192.0.2.{n}" for n in range(5)]
    assert [request.skip for request in server.asked(requests.Who)] == [0, 2, 4]


async def test_a_server_that_always_has_more_pages_is_not_asked_for_ever(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async def answer(session: Session, request: requests.AnyRequest) -> bool:
        if isinstance(request, requests.Rooms):
            lines = tuple(RoomLine(name=f"#r{request.skip + n}") for n in range(9000))
            await session.say(RoomList(id=request.id, rooms=lines, more=True))
        elif isinstance(request, requests.Who):
            await session.say(People(id=request.id, room="#lobby", people=(), more=True))
        return isinstance(request, requests.Rooms | requests.Who)

    server.before = answer
    async with server.connect() as chat:
        assert len(await chat.list_rooms()) == pages.MOST_LISTED + 8000
        assert await chat.who() == ()


# ---- conversations that a welcome has not ---------------------------------------------------------


def cut(*rooms: RoomInfo, epoch: str = "1") -> Welcome:
    return msgspec.structs.replace(welcome(*rooms, epoch=epoch), left_out=1)


def come_back(*held: Message) -> tuple[ClientState, requests.History]:
    """A conversation that is known, and not in the welcome after an outage; what the log is asked for."""
    conversation = ClientState("c")
    conversation.enter(welcome(LOBBY, TALK))
    conversation.lose()
    assert conversation.enter(cut(LOBBY)).events[1:] == []
    for event in held:
        assert conversation.take(event, 1).events == []
    (request,) = frames(conversation)
    assert isinstance(request, requests.History)
    assert (request.room, request.after) == (TALK.name, 3)
    return conversation, request


def test_a_conversation_missing_from_the_welcome_still_catches_up() -> None:
    conversation, request = come_back()
    missed = [message(4, TALK.name), message(5, TALK.name)]
    assert conversation.take(page(request, *missed)).events == missed
    assert conversation.rooms[TALK.name].phase is Phase.LIVE


def test_messages_that_arrive_meanwhile_follow_the_missed_ones() -> None:
    conversation, request = come_back(message(5, TALK.name))
    missed = [message(4, TALK.name), message(5, TALK.name)]
    assert conversation.take(page(request, *missed)).events == missed


def test_a_conversation_that_is_gone_yields_nothing() -> None:
    conversation, request = come_back()
    refusal = Error(id=request.id, code="unknown_room", message="There is no such room.")
    assert not any(isinstance(event, Missed) for event in conversation.take(refusal).events)


def test_after_a_new_history_began_no_old_conversation_is_fetched() -> None:
    conversation = ClientState("c")
    conversation.enter(welcome(LOBBY, TALK))
    conversation.lose()
    conversation.enter(cut(LOBBY, epoch="2"))
    assert (frames(conversation), list(conversation.rooms)) == ([], [LOBBY.name])
