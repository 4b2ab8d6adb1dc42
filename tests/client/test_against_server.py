"""The client library and the server together, over loopback sockets."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

import trio_chat
from trio_chat.client import Address, Backoff, Chat, ChatEvent, Disconnected, Identities
from trio_chat.client.options import Reconnection, StreamOptions
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
            assert delivered == Delivered(room=receipt.room, seq=receipt.seq, by="ada", by_id=1)
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


async def test_a_refused_login_says_why(tmp_path: Path) -> None:
    async with serving() as server, trio_chat.connect(server.urls[0], name="ada"):
        with pytest.raises(trio_chat.NotAdmitted) as caught:
            async with trio_chat.connect(server.urls[0], name="ADA", identities=Identities(tmp_path)):
                pass
        assert caught.value.code == "name_owned"


async def test_history_returns_as_many_events_as_requested_however_long_they_are() -> None:
    async with serving(outbox_bytes=80_000, rate=0) as server, trio_chat.connect(server.urls[0], listen=False) as chat:
        for number in range(1, 31):
            await chat.send("#lobby", f"word {number} ".ljust(3000, "x"))
        for asked, seqs, more in (
            ({"limit": 20}, range(11, 31), True),
            ({"limit": 30}, range(1, 31), False),
            ({"before": 21, "limit": 100}, range(1, 21), False),
            ({"after": 0, "limit": 25}, range(1, 26), True),
            ({"since": "2026-01-01", "limit": 500}, range(1, 31), False),
        ):
            past = await chat.history("#lobby", **asked)
            assert ([event.seq for event in past.events], past.more, past.first) == ([*seqs], more, 1)
        found = await chat.search("word", limit=25)
        assert [message.seq for message in found.messages] == [*range(30, 5, -1)]
        found = await chat.search("word", limit=25, cursor=found.cursor)
        assert [message.seq for message in found.messages] == [*range(5, 0, -1)]
        assert found.cursor is None


class SlowStream(trio.abc.Stream):
    """A connection from which only so many bytes a second come."""

    def __init__(self, inner: trio.SocketStream, rate: float) -> None:
        inner.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        self._inner, self._rate = inner, rate

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        data = await self._inner.receive_some(16384)
        await trio.sleep(len(data) / self._rate)
        return bytes(data)

    async def aclose(self) -> None:
        await self._inner.aclose()


async def test_coming_back_over_a_slow_connection_brings_everything_in_one_go(autojump_clock: MockClock) -> None:
    """Several rooms with more in each than the server keeps for anybody who does not read."""
    rooms, each = ("#one", "#two", "#three"), 60
    async with serving(outbox_bytes=100_000, rate=0, per_address=0) as server:
        cut: list[trio.SocketStream] = []

        async def open_stream(address: Address) -> trio.abc.Stream:
            cut.append(await trio.open_tcp_stream(*server.addresses[0]))
            return SlowStream(cut[-1], 100_000)

        async with (
            trio_chat.connect(server.urls[0], name="ada", listen=False) as ada,
            trio_chat.connect(
                server.urls[0],
                name="bob",
                stream=StreamOptions(open_stream=open_stream),
                reconnection=Reconnection(backoff=Backoff(30, 30)),
            ) as bob,
        ):
            for room in rooms:
                await ada.join(room)
                await bob.join(room)
            await cut[0].aclose()
            await wait_for(bob, Disconnected)
            for number in range(each):
                for room in rooms:
                    await ada.send(room, f"{number} ".ljust(7800, "x"))
            seqs: dict[str, list[int]] = {room: [] for room in rooms}
            while sum(map(len, seqs.values())) < each * len(rooms):
                message = await wait_for(bob, Message)
                assert isinstance(message, Message)
                seqs[message.room].append(message.seq)
            assert seqs == {room: [*range(1, each + 1)] for room in rooms}
            assert len(cut) == 2
            assert server.hub.tally.refusals == {}


async def test_both_clients_return_to_a_restarted_server() -> None:
    async with serving() as first:
        port = first.addresses[0][1]
        url = first.urls[0]
        async with (
            trio_chat.connect(url, name="ada", reconnection=Reconnection(backoff=QUICK)) as ada,
            trio_chat.connect(url, name="bob", reconnection=Reconnection(backoff=QUICK)) as bob,
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
