"""A big room: every member gets everything once and in order, though one member does not read."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
import pytest
import trio

from tests.server.live_server import LiveServer, Serve
from tests.server.raw_client import RawClient, upgrade_head


@pytest.fixture
def many_files() -> Iterator[None]:
    """Both ends of every connection are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Line(msgspec.Struct):
    """What a member looks at of an event."""

    type: str
    seq: int = 0
    text: str = ""


@dataclass
class Member:
    """Reads as fast as it can: its own few lines instead of wsproto, which a thousand of them could not afford."""

    client: RawClient
    heard: list[tuple[int, str]] = field(default_factory=list)

    async def listen(self, count: int) -> None:
        """Until so many messages are heard."""
        decoder = msgspec.json.Decoder(Line)
        data = b""
        while len(self.heard) < count:
            more = await self.client.receive()
            assert more, "the server hung up"
            data += more
            at = 0
            while (end := _end_of_frame(data, at)) is not None:
                start, stop = end
                line = decoder.decode(data[start:stop])
                if line.type == "message":
                    self.heard.append((line.seq, line.text))
                at = stop
            data = data[at:]


def _end_of_frame(data: bytes, at: int) -> tuple[int, int] | None:
    """Where a server's whole text frame of less than 64 KiB has its payload; ``None`` if it is not all there."""
    if len(data) < at + 4:
        return None
    assert data[at] == 0x81
    size, start = data[at + 1], at + 2
    assert size <= 126
    if size == 126:
        size, start = int.from_bytes(data[at + 2 : at + 4]), at + 4
    stop = start + size
    return (start, stop) if stop <= len(data) else None


async def crowd(live: LiveServer, count: int) -> list[Member]:
    """So many people come in."""
    members = []
    for number in range(count):
        client = await live.knock()
        await client.send(upgrade_head({"Username": f"member{number}"}))
        members.append(Member(client))
    for member in members:
        answer = await member.client.read_answer_head()
        assert answer.status == 101
    return members


async def talk(speaker: RawClient, texts: list[str]) -> None:
    for number, text in enumerate(texts, 1):
        assert (await speaker.say(text))["seq"] == number


@pytest.mark.parametrize(("count", "messages"), [(100, 100), (1000, 30)])
async def test_every_message_reaches_every_member_once_and_in_order_though_one_does_not_read(
    serve: Serve, many_files: None, count: int, messages: int
) -> None:
    live = await serve(max_connections=count + 10, outbox_bytes=20_000)
    members = await crowd(live, count)
    asleep = await live.join("asleep", receive_buffer=1)
    live.squeeze(asleep)
    given_up = live.connection_of(asleep)
    speaker = await live.join("speaker")
    texts = [f"{number} " + "x" * 2000 for number in range(messages)]
    async with trio.open_nursery() as nursery:
        for member in members:
            nursery.start_soon(member.listen, messages)
        nursery.start_soon(talk, speaker, texts)
    wanted = list(enumerate(texts, 1))
    assert all(member.heard == wanted for member in members)
    assert [event["text"] for event in speaker.passed if event["type"] == "message"] == texts
    assert given_up.outbox._refusing
    assert live.server.hub.tally.messages == messages
    while live.server.hub.outbox_bytes != given_up.outbox.size:  # noqa: ASYNC110 - soon nobody else waits for anything
        await trio.sleep(0.01)


async def test_everyone_talks_at_once_and_all_hear_the_same(serve: Serve, many_files: None) -> None:
    live = await serve(max_connections=110)
    members = await crowd(live, 100)
    clients = [await live.enter({"Username": f"speaker{number}"}) for number in range(10)]
    for client in clients:
        client.name = (await client.until("welcome"))["name"]
    async with trio.open_nursery() as nursery:
        for member in members:
            nursery.start_soon(member.listen, 200)
        for client in clients:
            nursery.start_soon(say_all, client)
    first = members[0].heard
    assert [seq for seq, _ in first] == list(range(1, 201))
    assert all(member.heard == first for member in members)
    for client in clients:
        assert [text for _, text in first if text.startswith(client.name + " ")] == [
            f"{client.name} {number}" for number in range(20)
        ]


async def say_all(client: RawClient) -> None:
    for number in range(20):
        assert (await client.say(f"{client.name} {number}"))["type"] == "ok"
