"""Lost answers: a request is sent again and done once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio

import trio_chat
from tests.client.test_against_server import QUICK, serving
from trio_chat.client import Chat
from trio_chat.client.address import Address
from trio_chat.client.options import Reconnection, StreamOptions
from trio_chat.client.wire import open_tcp
from trio_chat.protocol.events import Moderated


class Deaf(trio.abc.Stream):
    """A stream that breaks instead of giving what comes once it is ``deaf``."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self.deaf = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await self._stream.receive_some(max_bytes)
        if self.deaf:
            raise trio.BrokenResourceError
        return data

    async def aclose(self) -> None:
        await self._stream.aclose()


DEEDS: list[tuple[str, Callable[[Chat], Awaitable[object]]]] = [
    ("kick", lambda chat: chat.kick("#ops", "eve", "rude")),
    ("ban", lambda chat: chat.ban("#ops", "eve", seconds=60.0)),
    ("unban", lambda chat: chat.unban("#ops", "bob")),
    ("mute", lambda chat: chat.mute("#ops", "eve", seconds=60.0)),
    ("role", lambda chat: chat.set_role("#ops", "eve", "owner")),
    ("slow", lambda chat: chat.configure("#ops", slow=5.0)),
]


@pytest.mark.parametrize(("deed", "ask"), DEEDS, ids=[deed for deed, _ in DEEDS])
async def test_a_change_whose_answer_is_lost_is_made_once_and_acknowledged(
    deed: str, ask: Callable[[Chat], Awaitable[object]]
) -> None:
    streams: list[Deaf] = []

    async def open_stream(address: Address) -> trio.abc.Stream:
        streams.append(Deaf(await open_tcp(address)))
        return streams[-1]

    async with serving() as server:
        url = server.urls[0]
        async with (
            trio_chat.connect(
                url, name="ada", stream=StreamOptions(open_stream=open_stream), reconnection=Reconnection(backoff=QUICK)
            ) as ada,
            trio_chat.connect(url, name="eve") as eve,
            trio_chat.connect(url, name="bob"),
        ):
            await ada.join("#ops")
            await eve.join("#ops")
            await ada.ban("#ops", "bob")
            streams[-1].deaf = True
            await ask(ada)
            assert len(streams) > 1
            events = (await ada.history("#ops", after=1)).events
            assert [event.action for event in events if isinstance(event, Moderated)] == [deed]
