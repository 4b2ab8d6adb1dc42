"""Cheap clients for measuring a server: one thread, one selector, frames written and read by hand.

A frame's mask is zero, so its payload stands in it as it is (a server must unmask it all the same). Of what comes
only the frames' borders are looked at, and a few bytes.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

MASKED: Final = 0x80
TEXT_BYTES: Final = 100
"""Bytes of each message's text."""

_TIMEOUT: Final = 120.0
"""Seconds that a server may be busy with itself: one that lists its memory is, on a busy machine."""

_HELLO: Final = (
    "GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: trio-chat.1\r\n{credentials}\r\n"
)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, in steps of the system's clock (10 ms)."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def frame(payload: bytes) -> bytes:
    """A text message as a client sends it."""
    size = len(payload)
    head = struct.pack("!BB", 0x81, MASKED | size) if size <= 125 else struct.pack("!BBH", 0x81, MASKED | 126, size)
    return head + bytes(4) + payload


def close_frame() -> bytes:
    """A close frame with the status 1000, as a client sends it."""
    return struct.pack("!BB", 0x88, MASKED | 2) + bytes(4) + struct.pack("!H", 1000)


class Client:
    """One connection, under a name of its own, or without one. ``token`` proves that the name is ours; the server's
    token for it is there afterwards. ``source`` is the address to come from, any of 127.0.0.0/8; ``password`` is the
    server's, and ``timeout`` is in seconds. ``context`` makes it speak TLS."""

    def __init__(
        self,
        port: int,
        name: str,
        *,
        token: str = "",
        quiet: bool = False,
        source: str = "127.0.0.1",
        password: str = "",
        timeout: float = _TIMEOUT,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.name = name
        self._asked = 0
        self._rest = b""
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout, source_address=(source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            self.socket = context.wrap_socket(self.socket)
        given = {
            "Username": name,
            "Trio-Chat-Token": token,
            "Trio-Chat-Quiet": "1" if quiet else "",
            "Authorization": f"Bearer {password}" if password else "",
        }
        credentials = "".join(f"{header}: {value}\r\n" for header, value in given.items() if value)
        try:
            self.token = self._enter(credentials)
        except BaseException:
            self.socket.close()
            raise

    def _enter(self, credentials: str) -> str:
        """Upgrade with these headers. Returns the token in the welcome."""
        self.socket.sendall(_HELLO.format(credentials=credentials).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self._receive()
        first, _, self._rest = head.partition(b"\r\n\r\n")
        if b" 101 " not in first:
            raise ConnectionError((first + self._rest).decode())
        return str(json.loads(self._wait_for(b'"type":"welcome"'))["token"])

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    def ask(self, kind: str, **fields: object) -> dict[str, Any]:
        """Ask for something and wait for the answer, which must not be a refusal."""
        self.socket.sendall(self.request(kind, **fields))
        answer: dict[str, Any] = json.loads(self._wait_for(b'"id":"q%d"' % self._asked))
        if answer["type"] == "error":
            raise ConnectionError(answer["message"])
        return answer

    def request(self, kind: str, **fields: object) -> bytes:
        """Return a request with a number of its own, in a frame."""
        return self.make_request(kind, **fields)[1]

    def make_request(self, kind: str, **fields: object) -> tuple[str, bytes]:
        """Return the id of a request, and the request in a frame."""
        self._asked += 1
        number = f"q{self._asked}"
        return number, frame(json.dumps({"type": kind, "id": number, **fields}).encode())

    def send(self, data: bytes) -> None:
        """Send frames. If the server has hung up, the next reading says so."""
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(data)

    def message(self, room: str, text: str) -> bytes:
        """Return a message in a frame, without the JSON encoder: ``text`` must need no escaping."""
        self._asked += 1
        return frame(
            b'{"type":"send","id":"q%d","room":"%b","text":"%b"}' % (self._asked, room.encode(), text.encode())
        )

    def arrived(self) -> Iterator[bytes]:
        """Read once, and return the payloads of all complete frames."""
        return self._split(self._rest + self._receive())

    @property
    def has_more(self) -> bool:
        """Whether bytes are decrypted already, so that the socket need not become readable for them."""
        return isinstance(self.socket, ssl.SSLSocket) and self.socket.pending() > 0

    def _split(self, data: bytes) -> Iterator[bytes]:
        at, end = 0, len(data)
        while end - at >= 2:
            size, start = data[at + 1], at + 2
            if size == 126:
                size, start = int.from_bytes(data[at + 2 : at + 4]), at + 4
            elif size == 127:
                size, start = int.from_bytes(data[at + 2 : at + 10]), at + 10
            if start + size > end or start > end:
                break
            yield data[start : start + size]
            at = start + size
        self._rest = data[at:]

    def _receive(self) -> bytes:
        data = self.socket.recv(262_144)
        if not data:
            raise ConnectionError(f"The server hung up on {self.name}.")
        return data

    def _wait_for(self, mark: bytes) -> bytes:
        payloads = list(self._split(self._rest))
        while True:
            for payload in payloads:
                if mark in payload:
                    return payload
            payloads = list(self.arrived())


class Loop:
    """Waits for many clients at once, and passes each payload to the function of its client.

    ``hung_up`` is called with a client whose connection the server has closed; without it, that raises ConnectionError.
    """

    def __init__(self, hung_up: Callable[[Client], None] | None = None) -> None:
        self._selector = selectors.DefaultSelector()
        self._hung_up = hung_up

    def watch(self, client: Client, take: Callable[[bytes], None]) -> None:
        """From now on pass every payload of a client to ``take``."""
        self._selector.register(client.socket, selectors.EVENT_READ, (client, take))

    def forget(self, client: Client) -> None:
        """Pass on nothing more of a client, which is still open."""
        self._selector.unregister(client.socket)

    def turn(self, deadline: float) -> None:
        """Wait for payloads until a time of ``time.perf_counter``, and pass them on."""
        for key, _ in self._selector.select(max(0.0, deadline - time.perf_counter())):
            client, take = key.data
            try:
                for payload in client.arrived():
                    take(payload)
                while client.has_more:
                    for payload in client.arrived():
                        take(payload)
            except ConnectionError:
                if self._hung_up is None:
                    raise
                self._hung_up(client)

    def run(self, deadline: float) -> None:
        """Pass on all payloads until then."""
        while time.perf_counter() < deadline:
            self.turn(deadline)


class AckedSender:
    """Sends messages in a room of its own, each when the one before is acknowledged."""

    def __init__(self, client: Client, room: str) -> None:
        self._client = client
        self._room = room
        self._text = "x" * TEXT_BYTES
        client.ask("join", room=room)
        self.acknowledged = 0
        self.going = self.waits = False

    def say(self) -> None:
        """Send the next message."""
        self.waits = True
        self._client.socket.sendall(self._client.message(self._room, self._text))

    def take(self, payload: bytes) -> None:
        """Take a payload. After an acknowledgement, send the next message."""
        if payload.startswith(b'{"type":"ok"'):
            self.acknowledged += 1
            self.waits = False
            if self.going:
                self.say()
        elif payload.startswith(b'{"type":"error"'):
            raise ConnectionError(payload.decode())


class Hearer:
    """Notes the time of each message from its sender to this client, in seconds."""

    def __init__(self) -> None:
        self.took: list[float] = []

    def take(self, payload: bytes) -> None:
        """Take a payload."""
        if payload.startswith(b'{"type":"message"'):
            at = payload.find(b'"text":"at ') + 11
            self.took.append(time.perf_counter() - int(payload[at : at + 20]) / 1e9)
        elif payload.startswith(b'{"type":"error"'):
            raise ConnectionError(payload.decode())


class Asker:
    """Sends requests of one kind, again and again, and notes the time of each answer, in seconds."""

    def __init__(self, client: Client, questions: Iterator[tuple[str, dict[str, object]]]) -> None:
        self._client = client
        self._questions = questions
        self._asked: float | None = None
        self.took: dict[str, list[float]] = {}
        self._kind = ""

    @property
    def waits(self) -> bool:
        """Whether the last request has no answer yet."""
        return self._asked is not None

    def ask(self) -> None:
        """Send the next request, unless the last one has no answer yet."""
        if self._asked is None:
            self._kind, fields = next(self._questions)
            self._asked = time.perf_counter()
            self._client.socket.sendall(self._client.request(self._kind, **fields))

    def take(self, payload: bytes) -> None:
        """Take a payload."""
        if self._asked is not None and payload.startswith(
            (b'{"type":"history"', b'{"type":"found"', b'{"type":"error"')
        ):
            if payload.startswith(b'{"type":"error"'):
                raise ConnectionError(payload.decode())
            self.took.setdefault(self._kind, []).append(time.perf_counter() - self._asked)
            self._asked = None


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share of all values is."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
