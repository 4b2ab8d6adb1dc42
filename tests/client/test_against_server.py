"""The client library and the server together, over loopback sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

import trio_chat
from trio_chat.client import Backoff, Chat, ChatEvent, Identities
from trio_chat.config import ServerConfig
from trio_chat.protocol.events import Closing, Delivered, Message
from trio_chat.server.app import Server, open_server

QUICK = Backoff(first=0.01, longest=0.1)


@asynccontextmanager
async def serving(**settings: object) -> AsyncIterator[Server]:
    settings.setdefault("port", 0)
    if "data" not in settings:
        settings["memory"] = True
    config = ServerConfig(**settings)  # type: ignore[arg-type] # whatever a test sets
    with trio.fail_after(60):
        async with open_server(config) as server, trio.open_nursery() as nursery:
            await nursery.start(server.run)
            yield server
            server.stop()


async def wait_for(chat: Chat, kind: type) -> ChatEvent:
    async for event in chat:
        if isinstance(event, kind):
            return event
    raise AssertionError(f"ended by {chat.ended}")


async def texts(chat: Chat, count: int) -> list[str]:
    found: list[str] = []
    while len(found) < count:
        event = await wait_for(chat, Message)
        assert isinstance(event, Message)
        found.append(event.text)
    return found


async def test_two_people_talk_in_a_room_and_privately() -> None:
    async with serving() as server:
        url = server.urls[0]
        async with trio_chat.connect(url, name="ada") as ada, trio_chat.connect(url, name="böb") as bob:
            await ada.send("#lobby", "hello")
            assert await texts(bob, 1) == ["hello"]
            receipt = await bob.send_to("ada", "psst")
            assert await texts(ada, 2) == ["hello", "psst"]
            delivered = await wait_for(bob, Delivered)
            assert delivered == Delivered(room=receipt.room, seq=receipt.seq, by="ada")
            assert {person.name for person in await ada.who()} == {"ada", "böb"}


async def test_every_request_is_understood() -> None:
    async with serving() as server, trio_chat.connect(server.urls[0]) as chat:
        assert chat.name.startswith("user_")
        room = await chat.join("#ops")
        await chat.set_topic("#ops", "fire")
        await chat.send("#ops", "where?")
        assert await texts(chat, 1) == ["where?"]
        assert room.topic == "fire"
        await chat.typing("#ops")
        await chat.read("#ops", 2)
        await chat.away("lunch")
        past = await chat.history("#ops", after=1)
        assert [event.seq for event in past.events] == [2]
        assert {line.name for line in await chat.list_rooms()} == {"#lobby", "#ops"}
        await chat.rename("ada")
        assert chat.name == "ada"
        assert await chat.ping() < 30
        await chat.leave("#ops")
        with pytest.raises(trio_chat.NotDone) as caught:
            await chat.send("#ops", "gone")
        assert caught.value.code == "not_a_member"


async def test_who_may_not_come_in_is_told_why(tmp_path: Path) -> None:
    async with serving() as server, trio_chat.connect(server.urls[0], name="ada"):
        with pytest.raises(trio_chat.NotAdmitted) as caught:
            async with trio_chat.connect(server.urls[0], name="ADA", identities=Identities(tmp_path)):
                pass
        assert caught.value.code == "name_owned"


async def test_a_server_that_stops_and_starts_again_has_both_back() -> None:
    async with serving() as first:
        port = first.addresses[0][1]
        url = first.urls[0]
        async with (
            trio_chat.connect(url, name="ada", backoff=QUICK) as ada,
            trio_chat.connect(url, name="bob", backoff=QUICK) as bob,
        ):
            await ada.join("#ops")
            first.stop()
            closing = await wait_for(ada, Closing)
            assert isinstance(closing, Closing)
            assert closing.code == "shutting_down"
            await wait_for(ada, trio_chat.Disconnected)
            async with serving(port=port):
                for chat in (ada, bob):
                    event = await wait_for(chat, trio_chat.Reconnected)
                    assert isinstance(event, trio_chat.Reconnected)
                    assert event.anew
                await ada.send("#lobby", "still here")
                assert await texts(bob, 1) == ["still here"]
                await ada.send("#ops", "here too")


async def test_many_messages_reach_everybody_once_and_in_order() -> None:
    async with serving() as server:
        url = server.urls[0]
        async with trio_chat.connect(url, name="ada") as ada, trio_chat.connect(url, name="bob") as bob:

            async def send(chat: Chat) -> None:
                for number in range(100):
                    await chat.send("#lobby", f"{chat.name} {number}")

            async with trio.open_nursery() as nursery:
                nursery.start_soon(send, ada)
                nursery.start_soon(send, bob)
            said = await texts(ada, 200)
            assert said == await texts(bob, 200)
            for name in ("ada", "bob"):
                assert [text for text in said if text.startswith(name)] == [f"{name} {n}" for n in range(100)]
