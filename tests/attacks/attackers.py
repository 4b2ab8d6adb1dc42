"""Attackers, each a process of its own that works against one server from addresses that nobody else comes from.

    python -m tests.attacks.attackers NAME PORT SECONDS

It prints ``ready`` when the attack has begun, and at the end what it did as JSON. ``burn`` attacks nobody: it only uses
CPU time, as the attackers do, and so shows what is owed to the machine.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import selectors
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from tests.attacks import file_attackers
from tests.attacks.file_attackers import file_attack
from tests.server.raw_client import CONTINUATION, PONG, TEXT, close_frame, frame, request

ADDRESS: Final = "127.66.0.1"
"""The address of every attack that comes from one."""

ROOM: Final = "#lobby"
PASSWORD: Final = "correct-horse-battery"

_LINGER: Final = struct.pack("ii", 1, 0)
_PORTION: Final = 65536
"""Bytes sent at a time."""

_BACK: Final = 0.02
"""Seconds after which a connection that was closed, or not let in, is opened again."""


Attack: TypeAlias = Callable[[int, float], Counter[str]]
"""Attacks a port until a time of ``time.monotonic``, and returns what it did."""


class Session:
    """One connection of a flood. ``frames`` are sent without an end, after a hello if it has a name."""

    def __init__(self, port: int, address: str, head: bytes, frames: Iterator[bytes]) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)  # leave no socket waiting
        self.socket.bind((address, 0))
        self.socket.settimeout(1.0)
        try:
            self.socket.connect(("127.0.0.1", port))
        except OSError:
            self.socket.close()
            raise
        self.socket.setblocking(False)
        self._frames = frames
        self._left = head
        self.upgraded = False
        self.sent = 0

    def write(self) -> None:
        """Send as much as the server takes."""
        while True:
            if not self._left:
                if not self.upgraded:
                    return
                self._left = self._next_portion()
                if not self._left:
                    return
            sent = self.socket.send(self._left)
            self.sent += sent
            self._left = self._left[sent:]

    def _next_portion(self) -> bytes:
        """Return some whole frames, or nothing when there are no more."""
        found: list[bytes] = []
        size = 0
        while size < _PORTION and (one := next(self._frames, b"")):
            found.append(one)
            size += len(one)
        return b"".join(found)

    def read(self) -> bytes:
        """Read some bytes, or none at the end."""
        return self.socket.recv(262_144)


def head(name: str = "", password: str = PASSWORD) -> bytes:
    """An upgrade, with a hello in its headers if there is a name."""
    lines = [
        "GET / HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol: trio-chat.1",
    ]
    if name:
        lines.append(f"Username: {name}")
    if password:
        lines.append(f"Authorization: Bearer {password}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Flood:
    """Sessions that send what they can until a time of ``time.monotonic``, and come back when they are closed."""

    def __init__(self, port: int, until: float) -> None:
        self._port = port
        self._until = until
        self._selector = selectors.DefaultSelector()
        self._open: list[tuple[float, Callable[[], Session]]] = []
        self.done: Counter[str] = Counter()

    def add(self, make: Callable[[], Session]) -> None:
        """Have one more session."""
        self._open.append((0.0, make))

    def run(self) -> None:
        """Attack until the time has come."""
        while (now := time.monotonic()) < self._until:
            due = [make for at, make in self._open if at <= now]
            self._open = [(at, make) for at, make in self._open if at > now]
            for make in due:
                self._connect(make)
            for key, events in self._selector.select(0.02):
                self._turn(key.data, events)

    def _connect(self, make: Callable[[], Session]) -> None:
        try:
            session = make()
        except OSError:
            self.done["not connected"] += 1
            self._open.append((time.monotonic() + _BACK, make))
            return
        self.done["connections"] += 1
        self._selector.register(session.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, (session, make))

    def _turn(self, data: tuple[Session, Callable[[], Session]], events: int) -> None:
        session, make = data
        try:
            if events & selectors.EVENT_READ:
                answer = session.read()
                if not answer:
                    raise ConnectionError
                if not session.upgraded:
                    status = answer[9:12].decode("ascii", "replace")
                    self.done[f"status {status}"] += 1
                    session.upgraded = status == "101"
            if events & selectors.EVENT_WRITE:
                session.write()
                if not session.upgraded:
                    self._selector.modify(session.socket, selectors.EVENT_READ, data)
            elif session.upgraded:
                self._selector.modify(session.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, data)
        except BlockingIOError:
            pass
        except OSError:
            self._selector.unregister(session.socket)
            session.socket.close()
            self.done["closed"] += 1
            self.done["KiB"] += session.sent // 1024
            self._open.append((time.monotonic() + _BACK, make))


_numbers = itertools.count(1)


def _requests(kind: str, **fields: object) -> Iterator[bytes]:
    """Requests without an end, each with an id of its own; ``%`` in a text field becomes a number."""
    for number in itertools.count(1):
        filled = {
            name: value.replace("%", str(next(_numbers))) if isinstance(value, str) else value
            for name, value in fields.items()
        }
        yield request(kind, f"a{number}", **filled)


def _one_address(number: int) -> str:
    """The attacker's only address."""
    del number
    return ADDRESS


def _network(number: int) -> str:
    """An address in the attacker's network."""
    return f"127.66.0.{1 + number % 250}"


def _flood(
    sessions: int,
    frames: Callable[[], Iterator[bytes]],
    *,
    named: bool = True,
    address: Callable[[int], str] = _one_address,
) -> Attack:
    def attack(port: int, until: float) -> Counter[str]:
        flood = Flood(port, until)
        for number in range(sessions):
            source = address(number)

            def make(source: str = source) -> Session:
                name = f"mallory{os.getpid()}-{next(_numbers)}" if named else ""
                return Session(port, source, head(name), frames())

            flood.add(make)
        flood.run()
        return flood.done

    return attack


# ---- the attacks ------------------------------------------------------------------------------------


def burn(port: int, until: float) -> Counter[str]:
    """Use CPU time, and nothing of the server."""
    del port
    turns = 0
    while time.monotonic() < until:
        for _ in range(10_000):
            turns += 1
    return Counter(turns=turns)


def _half_heads(count: int, address: Callable[[int], str]) -> Attack:
    def attack(port: int, until: float) -> Counter[str]:
        """Keep as many connections as possible whose head does not end."""
        done: Counter[str] = Counter()
        held: list[socket.socket] = []
        numbers = itertools.count()
        while time.monotonic() < until:
            while len(held) < count and time.monotonic() < until:
                half = socket.socket()
                try:
                    half.bind((address(next(numbers)), 0))
                    half.settimeout(0.2)
                    half.connect(("127.0.0.1", port))
                    half.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
                except OSError:
                    done["not connected"] += 1
                    half.close()
                    break
                done["connections"] += 1
                half.setblocking(False)
                held.append(half)
            kept = []
            for half in held:
                try:
                    half.send(b"x")
                    if half.recv(1000, socket.MSG_DONTWAIT):
                        done["refusals read"] += 1
                    half.close()
                    done["closed"] += 1
                except BlockingIOError:
                    kept.append(half)
                except OSError:
                    half.close()
                    done["closed"] += 1
            held = kept
            time.sleep(0.05)
        for half in held:
            half.close()
        return done

    return attack


def _refused(make_head: Callable[[], bytes]) -> Attack:
    """Connect again and again with a head that is answered by a refusal or a page."""

    def attack(port: int, until: float) -> Counter[str]:
        done: Counter[str] = Counter()
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.socket() as one:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
                one.bind((ADDRESS, 0))
                one.settimeout(0.5)
                one.connect(("127.0.0.1", port))
                one.sendall(make_head())
                done[f"status {one.recv(4096)[9:12].decode('ascii', 'replace') or 'none'}"] += 1
        return done

    return attack


def _fragments() -> Iterator[bytes]:
    yield frame(b"", TEXT, fin=False)
    yield from itertools.repeat(frame(b"", CONTINUATION, fin=False))


def _burst(kind: str, **fields: object) -> Iterator[bytes]:
    """A hundred requests, then the end of the connection: a close frame."""
    yield from itertools.islice(_requests(kind, **fields), 100)
    yield close_frame()


def _comings() -> Iterator[bytes]:
    for number in itertools.count(1):
        yield request("join", f"j{number}", room="#mallory")
        yield request("leave", f"l{number}", room="#mallory")


_RECIPIENTS: Final = [f"member{number}" for number in range(20)]

ATTACKS: Final[dict[str, Attack]] = {
    "half-sent heads": _half_heads(1150, _one_address),
    "half-sent heads of a network": _half_heads(1150, _network),
    "pongs": _flood(1, lambda: itertools.repeat(frame(b"", PONG)), named=False),
    "many pongs": _flood(20, lambda: itertools.repeat(frame(b"x" * 125, PONG)), named=False, address=_network),
    "empty fragments": _flood(2, _fragments, named=False),
    "refused edits": _flood(3, lambda: _requests("edit", room=ROOM, target=1, text="no")),
    "direct messages": _flood(20, lambda: _requests("send", to=_RECIPIENTS, text="hello %")),
    "direct messages of new names": _flood(4, lambda: _burst("send", to=_RECIPIENTS, text="%")),
    "long messages": _flood(20, lambda: _requests("send", room=ROOM, text="%" + "x" * 7000)),
    "server password": _refused(lambda: head(f"mallory{os.getpid()}-{next(_numbers)}", "guess")),
    "own passwords": _flood(24, lambda: _requests("password", password="secret % secret")),
    "new names": _refused(lambda: head(f"mallory{os.getpid()}-{next(_numbers)}")),
    "renames": _flood(10, lambda: _requests("nick", name="mallory%")),
    "searches": _flood(10, lambda: _requests("search", words=["at"])),
    "pages": _flood(10, lambda: _requests("history", room=ROOM, limit=200)),
    "people lists": _flood(10, lambda: _requests("who")),
    "mistyped names": _flood(10, lambda: _requests("send", to=["membre"], text="hello")),
    "pings": _flood(10, lambda: _requests("ping")),
    "coming and going": _flood(10, _comings),
    "health pages": _refused(lambda: b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "bad heads": _refused(lambda: b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: two\r\nUpgrade: websocket\r\n\r\n"),
    "file look-ups": file_attack(file_attackers.look_up, PASSWORD),
    "file tokens": file_attack(file_attackers.look_up, PASSWORD, known=False),
    "begun uploads": file_attack(file_attackers.begin_uploads, PASSWORD),
    "small parts up": file_attack(file_attackers.send_small_parts, PASSWORD),
    "small parts down": file_attack(file_attackers.ask_for_small_parts, PASSWORD),
    "unread downloads": file_attack(file_attackers.read_nothing, PASSWORD),
    "slow uploads": file_attack(file_attackers.send_slowly, PASSWORD),
    "wrong checksums": file_attack(file_attackers.fail_checksums, PASSWORD),
}
"""All attacks, by their names."""


def main() -> None:
    """Attack."""
    name, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    print("ready", flush=True)  # noqa: T201 - the trial waits for it
    done = ({"burn": burn} | ATTACKS)[name](port, time.monotonic() + seconds)
    print(json.dumps(done))  # noqa: T201 - the trial's tally


if __name__ == "__main__":
    main()
