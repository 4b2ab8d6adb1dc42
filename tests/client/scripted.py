"""A small chat server that misbehaves on request, over streams in memory or a loopback socket.

By itself it does what the protocol says, in the plainest way. A test changes that through its plain
attributes: ``before`` sees each request first and may take it over.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import trio
import trio.testing
import trio_websocket
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from wsproto.utilities import ProtocolError

import trio_chat
from tests.certificates import make_ec_key
from trio_chat.client import Address, Chat, ChatEvent
from trio_chat.client.options import StreamOptions
from trio_chat.client.wire import WatchedStream
from trio_chat.protocol import proof, requests
from trio_chat.protocol.codec import SUBPROTOCOL, decode_request, encode
from trio_chat.protocol.events import (
    AnyEvent,
    Closing,
    Deleted,
    Error,
    Limits,
    Message,
    Ok,
    Page,
    People,
    PersonInfo,
    Pong,
    Room,
    RoomInfo,
    RoomLine,
    RoomList,
    TopicChanged,
    Welcome,
)
from trio_chat.protocol.fingerprint import Fingerprint
from trio_chat.protocol.parts import Removal
from trio_chat.protocol.requests import AnyRequest

NOW = "2026-01-31T12:00:00.000Z"
LOBBY = "#lobby"
T = TypeVar("T")


@dataclass(eq=False)
class Session:
    """One connection, as the server sees it."""

    server: ScriptedServer
    stream: trio.abc.Stream
    websocket: trio_websocket.WebSocketConnection
    headers: dict[str, str]
    name: str
    rooms: set[str]
    open: bool = True
    closing: trio.Event | None = None
    handshake: trio.CancelScope = field(default_factory=trio.CancelScope)

    async def say(self, event: AnyEvent) -> None:
        await self.say_bytes(encode(event))

    async def say_bytes(self, data: bytes) -> None:
        try:
            await self.websocket.send_message(data.decode())
        except (trio_websocket.ConnectionClosed, ProtocolError):
            self.open = False

    async def drop(self) -> None:
        """Cut the connection without a word."""
        self.open = False
        await trio.aclose_forcefully(self.stream)

    async def close(self, closing: Closing | None = None, code: int = 1001, reason: str | None = None) -> None:
        """Close the connection as the protocol wants it."""
        if closing is not None:
            await self.say(closing)
        self.open = False
        self.closing = trio.Event()
        with self.handshake:
            await self.websocket.aclose(code, reason)
        self.closing.set()


@dataclass(eq=False)
class ScriptedIdentity:
    """The key of a server, and how it is shown in the response to an upgrade."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=make_ec_key)
    temporary: bool = False
    signs: bool = True
    nonsense: bool = False  # its signature is of something else
    own_host: str = ""  # the only authority that it signs for

    @property
    def public_key(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def fingerprint(self) -> Fingerprint:
        return Fingerprint.of_key(self.public_key)

    def show(self, headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
        """The headers of the response to an upgrade with these headers."""
        shown = [(proof.IDENTITY.encode(), base64.b64encode(self.public_key))]
        if self.signs and self.own_host in {"", headers["host"]} and proof.NONCE.lower() in headers:
            nonce = base64.b64decode(headers[proof.NONCE.lower()])
            statement = proof.make_statement(b"" if self.nonsense else nonce, headers["host"])
            signature = self.key.sign(statement, ec.ECDSA(SHA256()))
            shown.append((proof.PROOF.encode(), base64.b64encode(signature)))
        if self.temporary:
            shown.append((proof.TEMPORARY.encode(), b"1"))
        return shown


Before = Callable[[Session, AnyRequest], Awaitable[bool]]


@dataclass(eq=False)
class ScriptedServer:
    nursery: trio.Nursery
    epoch: str = "epoch-1"
    down: bool = False
    answer: bytes | None = None  # what to answer instead of an upgrade; then hang up
    refusal: AnyEvent | None = None  # what to say after the upgrade instead of a welcome
    silent: bool = False  # say nothing after the upgrade
    subprotocol: str | None = SUBPROTOCOL
    identity: ScriptedIdentity | None = None  # without one, it is a server of an earlier version
    forget_people: bool = False  # who is gone is in the lobby only when back, and their ids are forgotten
    put_out: tuple[Removal, ...] = ()  # what the next welcome says of rooms that one was put out of
    frame_limit: int = 65536
    page: int = 100
    before: Before | None = None
    logs: dict[str, list[bytes]] = field(default_factory=lambda: {LOBBY: []})
    first: dict[str, int] = field(default_factory=dict)
    people: dict[str, set[str]] = field(default_factory=dict)
    stored: dict[str, Ok] = field(default_factory=dict)
    heard: list[AnyRequest] = field(default_factory=list)
    hellos: list[requests.Hello] = field(default_factory=list)  # the first request of each connection
    sessions: list[Session] = field(default_factory=list)
    tried_at: list[float] = field(default_factory=list)
    client_streams: list[trio.testing.MemorySendStream] = field(default_factory=list)
    open_streams: int = 0

    # ---- for tests ----------------------------------------------------------------------------

    def connect(self, name: str | None = "ada", **settings: Any) -> AbstractAsyncContextManager[Chat]:
        stream = StreamOptions(open_stream=self.open_stream)
        return trio_chat.connect("ws://chat.test:8765/", name=name, stream=stream, **settings)

    async def open_stream(self, address: Address) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        self.tried_at.append(trio.current_time())
        if self.down:
            raise ConnectionRefusedError("all attempts failed")
        ours, theirs = trio.testing.memory_stream_pair()
        self.client_streams.append(theirs.send_stream)
        self.nursery.start_soon(self.serve, ours)
        return theirs

    @property
    def session(self) -> Session:
        """The newest connection."""
        return self.sessions[-1]

    def asked(self, kind: type[T]) -> list[T]:
        return [request for request in self.heard if isinstance(request, kind)]

    def texts(self, room: str = LOBBY) -> list[str]:
        return [msgspec.json.decode(line)["text"] for line in self.logs[room]]

    async def write(self, room: str, text: str, sender: str = "bob", cid: str = "x") -> Ok:
        """Put a message into a room's log and give it to whoever is there."""
        log = self.logs.setdefault(room, [])
        seq = self.first.get(room, 1) + len(log)
        message = Message(room=room, seq=seq, time=NOW, sender=sender, text=text, cid=cid)
        await self.publish(message)
        return Ok(id=cid, room=room, seq=seq, time=NOW)

    async def publish(self, event: Message | TopicChanged | Deleted) -> None:
        self.logs.setdefault(event.room, []).append(encode(event))
        for session in [s for s in self.sessions if s.open and event.room in s.rooms]:
            await session.say(event)

    def describe(self, room: str) -> RoomInfo:
        first = self.first.get(room, 1)
        last = first + len(self.logs[room]) - 1
        return RoomInfo(name=room, direct=room.startswith("@"), count=1, first=first, last=last)

    # ---- serving ------------------------------------------------------------------------------

    async def serve(self, stream: trio.abc.Stream) -> None:
        self.open_streams += 1
        try:
            async with trio.open_nursery() as nursery:
                await self._serve(stream, nursery)
                nursery.cancel_scope.cancel()
        except* (trio_websocket.ConnectionClosed, trio.BrokenResourceError, trio.ClosedResourceError, ProtocolError):
            pass
        finally:
            self.open_streams -= 1
            await trio.aclose_forcefully(stream)

    async def _serve(self, stream: trio.abc.Stream, nursery: trio.Nursery) -> None:
        if self.answer is not None:
            await stream.receive_some(65536)
            await stream.send_all(self.answer)
            return
        watched = WatchedStream(stream)
        with trio.CancelScope() as head:
            watched.watch_end(head.cancel)  # trio-websocket waits for ever for a head that never comes
            request = await trio_websocket.wrap_server_stream(nursery, watched)
        if head.cancelled_caught:
            return
        watched.watch_end(None)
        headers = {name.decode().lower(): value.decode() for name, value in request.headers}
        (headers["host"],) = re.findall(r"(?i)\r\nhost: ([^\r]*)", bytes(watched.head or b"").decode())
        shown = [] if self.identity is None else self.identity.show(headers)
        websocket = await request.accept(subprotocol=self.subprotocol, extra_headers=shown)
        session = Session(self, stream, websocket, headers, "user_1234", {LOBBY})
        self.sessions.append(session)
        if self.silent:
            await websocket.get_message()  # none comes: until the client goes
        if self.refusal is not None:
            if "username" not in headers:
                hello = decode_request(await websocket.get_message())
                assert isinstance(hello, requests.Hello)
                self.hellos.append(hello)
            await session.say(self.refusal)
            await session.close()
            return
        try:
            await self._talk(session)
        finally:
            try:
                if session.closing is not None:
                    await session.closing.wait()  # its reader task is needed for the handshake
            finally:
                session.handshake.cancel()  # the reader dies of a ping that crosses the close

    async def _talk(self, session: Session) -> None:
        if "username" in session.headers:
            session.name = session.headers["username"]
            await self._welcome(session, "")
        while session.open:
            request = decode_request(await session.websocket.get_message())
            assert not isinstance(request, tuple), request
            if isinstance(request, requests.Hello):
                session.name = request.name or session.name
                self.hellos.append(request)
                await self._welcome(session, request.id)
                continue
            self.heard.append(request)
            if self.before is None or not await self.before(session, request):
                await self.respond(session, request)

    async def _welcome(self, session: Session, request_id: str) -> None:
        if self.forget_people:
            self.people.pop(session.name, None)
            self.stored.clear()
        session.rooms = self.people.setdefault(session.name, {LOBBY})
        await session.say(
            Welcome(
                name=session.name,
                token=f"token-of-{session.name}",
                epoch=self.epoch,
                rooms=tuple(self.describe(room) for room in sorted(session.rooms)),
                lobby=LOBBY,
                limits=Limits(text=8000, frame=self.frame_limit, to=20),
                time=NOW,
                server="scripted",
                put_out=self.put_out,
                id=request_id,
            )
        )

    async def respond(self, session: Session, request: AnyRequest) -> None:
        """Answer as the protocol says."""
        match request:
            case requests.Send():
                await session.say(await self.store(session, request))
            case requests.Join(id=id, room=room):
                self.logs.setdefault(room, [])
                session.rooms.add(room)
                await session.say(Room(id=id, room=self.describe(room)))
            case requests.Leave(id=id, room=room):
                session.rooms.discard(room)
                await session.say(Ok(id=id, room=room))
            case requests.Topic(id=id, room=room, text=text):
                seq = len(self.logs[room]) + 1
                await self.publish(TopicChanged(room=room, seq=seq, time=NOW, sender=session.name, text=text))
                await session.say(Ok(id=id, room=room, seq=seq, time=NOW))
            case requests.Rooms(id=id):
                await session.say(RoomList(id=id, rooms=tuple(RoomLine(name=name, count=1) for name in self.logs)))
            case requests.Who(id=id, room=room):
                people = tuple(PersonInfo(name=s.name) for s in self.sessions if s.open)
                await session.say(People(id=id, room=room or LOBBY, people=people))
            case requests.History():
                await session.say(self.recall(request))
            case requests.Ping(id=id):
                await session.say(Pong(id=id, time=NOW))
            case _:
                await session.say(Ok(id=request.id))

    async def store(self, session: Session, request: requests.Send) -> Ok:
        """Store a message, once under its id, and return its acknowledgement."""
        if request.id not in self.stored:
            room = request.room or "@" + "+".join(sorted({session.name, *(request.to or ())}))
            if room not in session.rooms:
                self.logs.setdefault(room, [])
                session.rooms.add(room)
                await session.say(Room(room=self.describe(room)))
            self.stored[request.id] = await self.write(room, request.text, session.name, request.id)
        return self.stored[request.id]

    def recall(self, request: requests.History) -> AnyEvent:
        if request.room not in self.logs:
            return Error(id=request.id, code="unknown_room", message="There is no such room.")
        log, first = self.logs[request.room], self.first.get(request.room, 1)
        limit = min(request.limit, self.page)
        if request.after is not None:
            begin = max(0, request.after + 1 - first)
            lines, more = log[begin : begin + limit], begin + limit < len(log)
        else:
            end = len(log) if request.before is None else max(0, request.before - first)
            lines, more = log[max(0, end - limit) : end], end - limit > 0
        raws = tuple(msgspec.Raw(line) for line in lines)
        return Page(id=request.id, room=request.room, events=raws, more=more, first=first)

    def trim(self, room: str, count: int) -> None:
        """Forget the oldest events of a room, as retention does."""
        self.first[room] = self.first.get(room, 1) + count
        del self.logs[room][:count]


async def next_event(chat: Chat) -> ChatEvent:
    with trio.fail_after(100):
        return await anext(chat)


async def next_of(chat: Chat, kind: type) -> ChatEvent:
    while not isinstance(event := await next_event(chat), kind):
        pass
    return event


async def texts(chat: Chat, count: int) -> list[str]:
    """The texts of the next so many messages."""
    found: list[str] = []
    while len(found) < count:
        event = await next_event(chat)
        if isinstance(event, Message):
            found.append(event.text)
    return found
