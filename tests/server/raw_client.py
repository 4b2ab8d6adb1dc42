"""A client with nothing hidden: every byte it sends is the test's own, so frames can be cut, bad or late.

What the server sends is read with wsproto, which also checks that each frame is a good one.
"""

from __future__ import annotations

import itertools
import json
import select
import socket
import struct
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import trio
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Ping, Pong, TextMessage

Json: TypeAlias = dict[str, Any]

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
CONTINUATION = 0


def frame(
    payload: bytes, opcode: int = TEXT, *, fin: bool = True, mask: bytes | None = b"\x01\x02\x03\x04", bits: int = 0
) -> bytes:
    """A client's frame (RFC 6455, 5.2). ``mask`` ``None`` leaves it unmasked; ``bits`` are the reserved ones."""
    size, masked = len(payload), 0 if mask is None else 0x80
    head = bytes([(0x80 if fin else 0) | bits << 4 | opcode])
    if size <= 125:
        head += bytes([masked | size])
    elif size <= 0xFFFF:
        head += bytes([masked | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([masked | 127]) + size.to_bytes(8, "big")
    if mask is None:
        return head + payload
    key = (mask * (size // 4 + 1))[:size]
    return head + mask + (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(size)


def request(kind: str, request_id: str, **fields: object) -> bytes:
    """A request in a frame."""
    return frame(json.dumps({"type": kind, "id": request_id, **fields}).encode())


def close_frame(code: int = 1000) -> bytes:
    """A client's good-bye."""
    return frame(struct.pack("!H", code), CLOSE)


class Closed(Exception):
    """The server closed the WebSocket."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Gone(Exception):
    """The connection ended without a close frame."""


@dataclass(frozen=True)
class Answer:
    """An answer to an HTTP request."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        thing = json.loads(self.body)
        assert isinstance(thing, dict)
        return thing


async def until(condition: Callable[[], object]) -> None:
    """Let others run until something is so. The test's deadline bounds it."""
    while not condition():
        await trio.lowlevel.checkpoint()


_ids = itertools.count(1)


@dataclass
class RawClient:
    """One connection. ``token`` and ``rooms`` are those of its welcome; ``passed`` holds the events that
    :meth:`until` and :meth:`ask` went by."""

    socket: trio.socket.SocketType
    name: str = ""
    token: str = ""
    rooms: dict[str, Json] = field(default_factory=dict)
    passed: list[Json] = field(default_factory=list)
    pongs: list[bytes] = field(default_factory=list)
    _frames: Connection = field(default_factory=lambda: Connection(ConnectionType.CLIENT))
    _early: bytes = b""
    _ready: deque[Json | Closed] = field(default_factory=deque)
    _parts: list[str] = field(default_factory=list)

    @classmethod
    async def open(
        cls, address: tuple[str, int], *, receive_buffer: int | None = None, source: str | None = None
    ) -> RawClient:
        """Connect, from an address of one's own if it matters, and say nothing yet."""
        sock = trio.socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            if source is not None:
                await sock.bind((source, 0))
            await sock.connect(address)
        except BaseException:
            sock.close()
            raise
        return cls(sock)

    # ---- bytes ----------------------------------------------------------------------------

    async def send(self, data: bytes) -> None:
        """Send these bytes."""
        while data:
            data = data[await self.socket.send(data) :]

    async def receive(self) -> bytes:
        """Some bytes, or none at the end; a reset is an end too."""
        if self._early:
            data, self._early = self._early, b""
            return data
        try:
            return await self.socket.recv(65536)
        except ConnectionError:
            return b""

    @property
    def has_something(self) -> bool:
        """Whether there is anything to read, the connection's end included."""
        return bool(self._early or self._ready or select.select([self.socket.fileno()], [], [], 0)[0])

    async def read_to_end(self) -> bytes:
        """Everything up to the connection's end."""
        found = bytearray()
        while data := await self.receive():
            found += data
        return bytes(found)

    def hang_up(self) -> None:
        """Close the socket without a word."""
        self.socket.close()

    def reset(self) -> None:
        """End the connection with a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # ---- HTTP -----------------------------------------------------------------------------

    async def get(self, target: str, *, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
        """The only HTTP request of a connection and its answer, read to the connection's end."""
        await self.send(head(method, target, {"Host": "localhost", "Connection": "close", **(headers or {})}))
        answer = await self.next_http_answer(whole=method != "HEAD")
        assert await self.read_to_end() == b""
        self.hang_up()
        return answer

    async def read_answer(self) -> Answer:
        """An answer, and the connection's end if it says so. The client hangs up."""
        answer = await self.next_http_answer()
        if answer.headers.get("connection") == "close":
            assert await self.read_to_end() == b""
        self.hang_up()
        return answer

    async def next_http_answer(self, *, whole: bool = True) -> Answer:
        """An answer with its body, or without it if it answers HEAD. The connection stays."""
        answer = await self.read_answer_head()
        size = int(answer.headers.get("content-length", "0")) if whole else 0
        body = b""
        while len(body) < size:
            more = await self.receive()
            if not more:
                raise Gone(body)
            body += more
        body, self._early = body[:size], body[size:] + self._early
        return Answer(answer.status, answer.headers, body)

    async def read_answer_head(self) -> Answer:
        """An answer's head."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = await self.receive()
            if not more:
                raise Gone(data)
            data += more
        lines, _, self._early = data.partition(b"\r\n\r\n")
        first, *rest = lines.decode("latin-1").split("\r\n")
        pairs = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in rest)]
        assert len(pairs) == len(dict(pairs)), pairs  # no header of ours comes twice
        return Answer(int(first.split()[1]), dict(pairs), b"")

    async def upgrade(
        self, headers: Mapping[str, str] | None = None, *, target: str = "/", behind: bytes = b""
    ) -> Answer:
        """Ask for the upgrade to WebSocket; ``behind`` goes out together with it."""
        await self.send(upgrade_head(headers, target=target) + behind)
        answer = await self.read_answer_head()
        if answer.status == 101:
            return answer
        body = await self.read_to_end()
        self.hang_up()
        return Answer(answer.status, answer.headers, body)

    # ---- events ---------------------------------------------------------------------------

    async def next(self) -> Json:
        """The next event. Raises ``Closed`` (after it was answered in kind) or ``Gone``."""
        event = await self.next_frame()
        if isinstance(event, Closed):
            await self.answer_close(event)
            raise event
        return event

    async def next_frame(self) -> Json | Closed:
        """As :meth:`next`, but a close frame is returned and not answered."""
        while not self._ready:
            data = await self.receive()
            if not data:
                raise Gone
            self._frames.receive_data(data)
            self._sort()
        return self._ready.popleft()

    def _sort(self) -> None:
        for event in self._frames.events():
            if isinstance(event, TextMessage):
                self._parts.append(event.data)
                if event.message_finished:
                    self._ready.append(json.loads("".join(self._parts)))
                    self._parts.clear()
            elif isinstance(event, CloseConnection):
                self._ready.append(Closed(event.code, event.reason or ""))
            elif isinstance(event, Pong):
                self.pongs.append(bytes(event.payload))
            else:
                assert isinstance(event, Ping), event

    async def answer_close(self, closed: Closed) -> None:
        """Answer a close frame, if anybody still listens."""
        try:
            await self.send(close_frame(closed.code))
        except OSError:
            return

    async def until(self, kind: str, **fields: object) -> Json:
        """The next event of this type and with these fields."""
        while True:
            event = await self.next()
            if event["type"] == kind and all(event.get(name) == value for name, value in fields.items()):
                return event
            self.passed.append(event)

    async def send_request(self, kind: str, **fields: object) -> str:
        """Ask for something, and wait for no answer; the request's id, which no other client of this person made."""
        request_id = str(fields.pop("id", None) or f"{self.name or 'q'}-{next(_ids)}")
        await self.send(request(kind, request_id, **fields))
        return request_id

    async def ask(self, kind: str, **fields: object) -> Json:
        """Ask for something; the answer."""
        request_id = await self.send_request(kind, **fields)
        while True:
            event = await self.next()
            if event.get("id") == request_id:
                return event
            self.passed.append(event)

    async def next_answer(self) -> Json:
        """The next event that answers a request of this client."""
        while "id" not in (event := await self.next()):
            self.passed.append(event)
        return event

    def take_welcome(self, welcome: Json) -> None:
        """Know who this is, and the rooms they are in."""
        self.name, self.token = welcome["name"], welcome["token"]
        self.rooms = {room["name"]: room for room in welcome["rooms"]}

    async def say(self, text: str, room: str = "#lobby") -> Json:
        """Say something; the answer."""
        return await self.ask("send", room=room, text=text)

    async def wait_closed(self) -> tuple[list[Json], int, str]:
        """Read to the end: the events on the way, and the close frame's code and reason."""
        events: list[Json] = []
        while True:
            try:
                events.append(await self.next())
            except Closed as closed:
                assert await self.read_to_end() == b""
                self.hang_up()
                return events, closed.code, closed.reason


def head(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """An HTTP request's head."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def upgrade_head(headers: Mapping[str, str] | None = None, *, target: str = "/") -> bytes:
    """The head that asks for an upgrade; a header given as ``""`` is left out."""
    wanted = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",  # the example of RFC 6455, 1.2
        "Sec-WebSocket-Version": "13",
        **(headers or {}),
    }
    return head("GET", target, {name: value for name, value in wanted.items() if value})
