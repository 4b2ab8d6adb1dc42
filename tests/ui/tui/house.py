"""A whole chat in one process and in virtual time: the real hub, clients and full screens; only the sockets are fakes.

A :class:`House` has a hub with its store in memory. Each client connects through a :class:`FakeWire`, which hands its
requests to the hub and gives the hub's events to the client, as the bytes that would go over the network. A
:class:`ScreenDevice` is a full screen with its state files whose terminal is never written to.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trio_chat
from trio_chat.broker import Broker, BrokerSettings
from trio_chat.broker.state import ChatRoom, Person
from trio_chat.client import Address, Chat, Identities, entrance
from trio_chat.client.admission import Setback
from trio_chat.client.credentials import Credentials
from trio_chat.client.options import Reconnection, StreamOptions
from trio_chat.client.wire import ConnectionLost
from trio_chat.config import ClientConfig
from trio_chat.errors import ChatError, Refusal, Unreachable
from trio_chat.protocol import events
from trio_chat.protocol.codec import decode_event, decode_request, encode
from trio_chat.server.doors.http import Head
from trio_chat.server.doors.websocket import read_credentials
from trio_chat.server.hub.clock import Clock
from trio_chat.server.hub.hub import Hub
from trio_chat.server.hub.items import Arrival, Departure, Requests
from trio_chat.server.hub.peer import Delivery
from trio_chat.server.tally import Tally
from trio_chat.store import MemoryStore
from trio_chat.ui.model.preferences import Preferences
from trio_chat.ui.terminal.terminal import Terminal
from trio_chat.ui.tui.app import FullScreen
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.session.memory import Memory
from trio_chat.ui.tui.session.options import ScreenOptions

URL: Final = "ws://house.test:1/"
_SECONDS: Final = 1_800_000_000.0


class LineEncoding:
    """Writes the events of rooms as lines of JSON."""

    own_share: Final = False

    def encode(self, delivery: Delivery) -> bytes:
        return (delivery.stored or encode(delivery.event)) + b"\n"


LINES: Final = LineEncoding()


class LinePeer:
    """A session's end of the hub. What the hub says goes to ``frames``, which the client reads."""

    encoding = LINES
    page_bytes = 128 * 1024
    waiting = 0
    takes_more = True

    def __init__(self, session: int) -> None:
        self.session = session
        self.settled = trio.Event()
        self.refusal: Refusal | None = None
        self._put, self.frames = trio.open_memory_channel[bytes](10_000)

    @property
    def stream(self) -> LinePeer:
        return self

    def deliver(self, event: events.Event) -> None:
        self.write(encode(event))

    answer = deliver

    def write(self, data: bytes, /) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            for line in data.splitlines():
                self._put.send_nowait(line)

    def deliver_share(self, shared: bytes, deliveries: Sequence[Delivery], answers: Sequence[events.Event]) -> None:
        del deliveries
        self.write(shared)
        for event in answers:
            self.deliver(event)

    async def wait_ready(self) -> None:
        await trio.lowlevel.checkpoint()

    def admit(self) -> None:
        self.settled.set()

    def refuse(self, reason: Refusal) -> None:
        self.refusal = reason
        self.settled.set()

    def charged(self, size: int) -> None:
        """It reads as fast as the hub takes."""

    def throttle(self, seconds: float) -> None:
        raise NotImplementedError

    def close(self, reason: Refusal, retry: float | None = None) -> None:
        self.deliver(events.Closing(code=reason.code, message=reason.message, retry=retry))
        self.end()

    def end(self) -> None:
        """The connection is gone; what was said before can still be read."""
        self._put.close()


class FakeWire:
    """A connection of a client, in the place of :class:`trio_chat.client.wire.Wire`."""

    def __init__(self, house: House, peer: LinePeer) -> None:
        self._house = house
        self.peer = peer
        self.headers: dict[str, str] = {}  # the house shows no identity

    async def send(self, frame: bytes) -> None:
        await trio.lowlevel.checkpoint()
        self._house.inbox.send_nowait(Requests(self.peer.session, [decode_request(frame)], 0.0, len(frame)))

    async def receive(self) -> bytes:
        try:
            return await self.peer.frames.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError):
            raise ConnectionLost("The connection was lost.") from None

    async def ping(self) -> float:
        await trio.sleep(0.01)
        return 0.01

    def is_silent_since(self, moment: float) -> bool:
        del moment
        return False

    def pause(self) -> None:
        raise NotImplementedError

    go_on = pause

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()
        self.peer.end()


class FolderStream(trio.abc.Stream):
    """The way of a client to the house, which needs no bytes: it says whose client it is, by the identities' folder."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        raise NotImplementedError

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        raise NotImplementedError

    async def wait_send_all_might_not_block(self) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def _open_folder(folder: str, address: Address) -> FolderStream:
    del address
    await trio.lowlevel.checkpoint()
    return FolderStream(folder)


class House:
    """A hub, and the clients that are connected to it. ``chats`` are those of people without a screen, by a label."""

    def __init__(self, directory: Path, clock: MockClock, nursery: trio.Nursery) -> None:
        self.directory = directory
        self.chats: dict[str, Chat] = {}
        self.unplugged: set[str] = set()  # folders of clients that cannot connect
        self._clock = clock
        self._nursery = nursery
        self._sessions = itertools.count(1)
        self._wires: dict[str, FakeWire] = {}  # by the folder of the identities

    async def begin(self) -> None:
        """Start the hub."""
        self.store = MemoryStore("house")
        clock = Clock(wall=self._now, steady=self._now, boot="")
        self.hub = Hub(Broker(BrokerSettings(), await self.store.load(), *clock.read()), self.store, Tally(), clock)
        self.inbox = self.hub.open_inbox()
        await self._nursery.start(self.hub.run)

    def _now(self) -> float:
        return _SECONDS + self._clock.current_time()

    async def settle(self) -> None:
        """Let everything happen that is under way, with the pauses that clients make."""
        for _ in range(4):
            await wait_all_tasks_blocked()
            self._clock.jump(1.0)
        await wait_all_tasks_blocked()

    # ---- clients -------------------------------------------------------------------------------

    @asynccontextmanager
    async def open_wire(
        self,
        address: Address,
        headers: list[tuple[bytes, bytes]],
        opened: FolderStream,
        *,
        host: str,
        has_password: bool,
    ) -> AsyncGenerator[FakeWire]:
        """Connect, in the place of :func:`trio_chat.client.wire.open_wire`."""
        del address, host, has_password
        if opened.folder in self.unplugged:
            raise Setback(Unreachable("The network is away."), again=True)
        given = {name.decode().lower(): value.decode() for name, value in headers}
        assert read_credentials(Head("GET", "/", given)) is None  # they follow in the first message
        peer = LinePeer(next(self._sessions))
        await self.inbox.send(Arrival(peer, None, "192.0.2.1"))
        await peer.settled.wait()
        wire = self._wires[opened.folder] = FakeWire(self, peer)
        try:
            yield wire
        finally:
            peer.end()
            self.inbox.send_nowait(Departure(peer.session))

    def connect(self, folder: str, credentials: Credentials, **more: Any) -> AbstractAsyncContextManager[Chat]:
        """A client whose identities are kept in a folder of the house."""
        stream = StreamOptions(open_stream=partial(_open_folder, folder))
        return trio_chat.connect(
            URL,
            stream=stream,
            credentials=credentials,
            identities=Identities(self.directory / folder),
            reconnection=Reconnection(chance=Random(1)),  # the pauses repeat themselves
            **more,
        )

    def cut(self, folder: str) -> None:
        """Break the connection of a client, which then comes back by itself."""
        wire = self._wires.get(folder)
        if wire is not None:
            wire.peer.end()

    async def enter(self, name: str, *, task_status: trio.TaskStatus[Chat] = trio.TASK_STATUS_IGNORED) -> None:
        """Connect a person without a screen, and read whatever comes."""
        async with self.connect(name, Credentials(name)) as chat:
            self.chats[name] = chat
            task_status.started(chat)
            async for _ in chat:
                pass

    async def plug(self, folder: str, chat: Chat) -> None:
        """Let a client connect again, and wait until it has."""
        self.unplugged.discard(folder)
        for _ in range(20):  # the longest pause is half a minute
            if not chat.connected:
                await self.settle()
        assert chat.connected, f"{folder} does not come back: {chat.ended}"

    # ---- the truth -----------------------------------------------------------------------------

    def person(self, account: int) -> Person:
        """A person as the broker knows them."""
        return self.hub.broker.persons[account]

    async def log(self, room: ChatRoom) -> list[events.RoomEvent]:
        """A room's log as it is now."""
        page = await self.store.read(room.id, 0, None, 1000)
        lines = [decode_event(line) for line in page.events]
        return [line for line in lines if isinstance(line, events.RoomEvent)]


class ScreenDevice:
    """A full screen of a person: the program itself, but for its terminal and the tasks that use it."""

    def __init__(self, house: House, folder: str) -> None:
        self._house = house
        self._folder = folder
        self.chat: Chat
        self.screen: FullScreen

    @property
    def model(self) -> ChatModel:
        """The screen's model."""
        return self.screen._model

    async def run(self, *, task_status: trio.TaskStatus[trio.CancelScope] = trio.TASK_STATUS_IGNORED) -> None:
        """Start the program and keep it until cancelled; then it saves its state, as at each end."""
        directory = self._house.directory / self._folder

        @asynccontextmanager
        async def dial(credentials: Credentials, waiting: Callable[[ChatError, float], None]) -> AsyncGenerator[Chat]:
            del waiting
            async with self._house.connect(self._folder, credentials) as self.chat:
                yield self.chat

        options = ScreenOptions(Preferences(ClientConfig(theme="dark")))
        self.screen = FullScreen(dial, options, Memory(URL, directory), Terminal())
        with trio.CancelScope() as scope:
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self.screen._requests.run)
                    nursery.start_soon(self.screen._queue.run)
                    nursery.start_soon(self.screen._connection.run)
                    await wait_all_tasks_blocked()
                    task_status.started(scope)
            finally:
                self.screen._save()


Play = Callable[[House], Awaitable[None]]


def play(directory: Path, do: Play) -> None:
    """Do something in a house of its own."""
    clock = MockClock()

    async def run() -> None:
        with pytest.MonkeyPatch.context() as patch:
            async with trio.open_nursery() as nursery:
                house = House(directory, clock, nursery)
                patch.setattr(entrance, "open_wire", house.open_wire)
                await house.begin()
                await do(house)
                nursery.cancel_scope.cancel()

    trio.run(run, clock=clock, strict_exception_groups=True)
