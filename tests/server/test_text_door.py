"""The hub knows no protocol: people chat through a door for lines of text, beside a WebSocket client."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

import pytest
import trio
import trio.testing

from tests.server.live_server import GateStore, LiveServer, Serve
from tests.server.raw_client import until
from tests.server.text_door import TextDoor
from trio_chat.protocol.events import Message
from trio_chat.server.net.transport import listen


@dataclass
class TextClient:
    """The client's end of a connection through the text door."""

    stream: trio.SocketStream
    unread: bytes = b""

    async def say(self, *lines: str) -> None:
        await self.stream.send_all(b"".join(line.encode() + b"\n" for line in lines))

    async def next(self) -> str:
        """The next line; empty at the end."""
        while b"\n" not in self.unread:
            data = await self.stream.receive_some()
            if not data:
                return ""
            self.unread += data
        line, _, self.unread = self.unread.partition(b"\n")
        return line.decode()

    async def take(self, count: int) -> list[str]:
        return [await self.next() for _ in range(count)]

    async def until(self, line: str) -> list[str]:
        """The lines up to this one."""
        lines = [await self.next()]
        while lines[-1] != line:
            assert lines[-1], f"no {line!r} before the end"
            lines.append(await self.next())
        return lines


Enter: TypeAlias = Callable[[str], Awaitable[TextClient]]


@dataclass
class Town:
    """A server with two doors."""

    live: LiveServer
    door: TextDoor
    enter: Enter
    store: GateStore


@pytest.fixture
async def town(serve: Serve, nursery: trio.Nursery) -> AsyncIterator[Town]:
    store = GateStore()
    live = await serve(store=store)
    (listener,) = await listen("127.0.0.1", 0)
    door = TextDoor(live.server, listener)
    clients: list[TextClient] = []

    async def enter(name: str) -> TextClient:
        client = TextClient(await trio.open_tcp_stream(*door.address))
        client.stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        clients.append(client)
        await client.say(f"@hello nick {name}")
        assert await client.next() == f"@hello welcome {name}"
        await client.say("@sync ping")
        await client.until("@sync pong")
        return client

    async with trio.open_nursery() as running:
        running.start_soon(door.run)
        yield Town(live, door, enter, store)
        for client in clients:
            await client.stream.aclose()
        await until(lambda: len(running.child_tasks) == 1 and len(live.server.hub._out._recipients) <= 1)
        running.cancel_scope.cancel()
        listener.close()


def said(lines: list[str]) -> list[str]:
    return [line for line in lines if "said" in line]


async def test_people_chat_through_both_doors_in_one_order(town: Town) -> None:
    ada, bob = await town.enter("ada"), await town.enter("bob")
    eve = await town.live.join("eve")
    await ada.say("say #lobby hello bob")
    await bob.until("said #lobby 1 ada: hello bob")
    await bob.say("say #lobby hello ada")
    assert (await eve.until("message"))["text"] == "hello bob"
    assert (await eve.until("message"))["from"] == "bob"
    await eve.say("hello both")
    for client in (ada, bob):
        assert said(await client.until("said #lobby 3 eve: hello both"))[-2:] == [
            "said #lobby 2 bob: hello ada",
            "said #lobby 3 eve: hello both",
        ]
    town.live.send_everyone_away()


async def test_a_rooms_event_is_encoded_once_for_all_clients_of_a_door(town: Town) -> None:
    clients = [await town.enter(name) for name in ("ada", "bob", "cat")]
    eve = await town.live.join("eve")
    town.door.encoding.encoded.clear()
    await eve.say("hello all")
    for client in clients:
        await client.until("said #lobby 1 eve: hello all")
    assert [event.text for event in town.door.encoding.encoded if isinstance(event, Message)] == ["hello all"]
    town.live.send_everyone_away()


async def test_the_session_that_caused_an_event_gets_its_label_or_no_echo(town: Town) -> None:
    ada, bob = await town.enter("ada"), await town.enter("bob")
    await ada.say("@one say #lobby first", "@two ping")
    assert (await ada.until("@two pong"))[-3:] == ["@one said #lobby 1 ada: first", "@one ok", "@two pong"]
    await ada.say("echo off", "@three say #lobby second", "@four ping")
    assert said(await ada.until("@four pong")) == []
    await bob.say("say #lobby third")
    assert await ada.next() == "said #lobby 3 bob: third"
    assert said(await bob.until("said #lobby 3 bob: third")) == [
        "said #lobby 1 ada: first",
        "said #lobby 2 ada: second",
        "said #lobby 3 bob: third",
    ]


async def test_answers_come_in_the_order_in_which_they_were_asked(town: Town) -> None:
    ada = await town.enter("ada")
    await ada.say("say #lobby hello", "@join join #ops")
    await ada.until("@join ok")
    await ada.say("@1 history #lobby", "@2 ping", "@3 say #ops first", "@4 say #lobby second", "@5 say #ops third")
    await ada.say("@6 dance", "@7 history #lobby", "@8 leave #ops", "@9 ping")
    lines = await ada.until("@9 pong")
    answers = [line for line in lines if line.startswith("@") and line.split()[1] not in {"said", "here"}]
    assert answers == [
        "@1 history #lobby",
        "@2 pong",
        "@3 ok",
        "@4 ok",
        "@5 ok",
        "@6 no unknown_type",
        "@7 history #lobby",
        "@8 ok",
        "@9 pong",
    ]


async def test_a_page_is_decoded_by_the_peer(town: Town) -> None:
    ada = await town.enter("ada")
    await ada.say("say #lobby one", "say #lobby two", "@h history #lobby")
    lines = await ada.until("end of history")
    assert lines[lines.index("@h history #lobby") :] == [
        "@h history #lobby",
        "said #lobby 1 ada: one",
        "said #lobby 2 ada: two",
        "end of history",
    ]


async def test_a_name_is_not_swapped_with_a_line_of_the_same_batch(town: Town) -> None:
    ada, bob = await town.enter("ada"), await town.enter("bob")
    for client in (ada, bob):
        await client.say("@j join #ops")
        await client.until("@j ok")
    await ada.say("@p ping")
    await ada.until("@p pong")
    town.store.shut()
    await ada.say("say #lobby hold")
    await until(lambda: town.store.batches)
    await ada.say("say #lobby a", "say #ops b", "rename eve", "say #ops c", "say #lobby d")
    await until(lambda: town.live.server.hub.waiting)
    town.store.release()
    lines = await bob.until("said #lobby 3 eve: d")
    assert [line for line in lines if "here" not in line] == [
        "said #lobby 1 ada: hold",
        "said #lobby 2 ada: a",
        "said #ops 1 ada: b",
        "renamed ada eve",
        "said #ops 2 eve: c",
        "said #lobby 3 eve: d",
    ]


async def test_each_peer_says_its_own_last_words(town: Town) -> None:
    ada = await town.enter("ada")
    eve = await town.live.join("eve")
    town.live.server.stop()
    events, code, _ = await eve.wait_closed()
    assert (events[-1]["code"], code) == ("shutting_down", 1001)
    assert (await ada.until("bye shutting_down 2.0"))[-1] == "bye shutting_down 2.0"
    assert await ada.next() == ""


async def test_a_session_that_is_not_let_in_hears_of_it_in_its_own_protocol(town: Town) -> None:
    town.live.server.hub._stopping = True
    client = TextClient(await trio.open_tcp_stream(*town.door.address))
    assert await client.next() == ""
    assert town.door.peers[-1].refusal is not None
    assert town.door.peers[-1].refusal.code == "shutting_down"
    await client.stream.aclose()
