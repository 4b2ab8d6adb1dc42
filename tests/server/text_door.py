"""A second door, to prove that the hub knows no protocol: lines of text over a loopback socket.

A client says ``nick NAME``, and then ``join ROOM``, ``leave ROOM``, ``say ROOM TEXT``, ``rename NAME``, ``ping`` or
``history ROOM``. A line may begin with ``@LABEL``, which its answers carry. The events that a client causes come back
to it with their label, or, after ``echo off``, not at all.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Sequence

import trio

from trio_chat.errors import Refusal, refuse
from trio_chat.protocol import events, requests
from trio_chat.protocol.events import Event
from trio_chat.protocol.requests import AnyRequest
from trio_chat.server.app import Server
from trio_chat.server.hub.items import Arrival, Departure, Item, Requests
from trio_chat.server.hub.peer import Delivery, page_events
from trio_chat.server.net.outbox import Outbox
from trio_chat.server.net.outbox_memory import OutboxMemory
from trio_chat.server.net.transport import TcpListener, Transport

_MADE = "made-"
"""Begins the ids of requests that came without a label."""


class TextEncoding:
    """Room events as lines. The session that caused one may want a label in front of it, or no echo."""

    own_share = True

    def __init__(self) -> None:
        self.encoded: list[Event] = []

    def encode(self, delivery: Delivery) -> bytes:
        self.encoded.append(delivery.event)
        return write(delivery.event)


def write(event: object) -> bytes:
    """The line for an event; none for what this protocol does not tell."""
    match event:
        case events.Message():
            line = f"said {event.room} {event.seq} {event.sender}: {event.text}"
        case events.Presence():
            line = f"here {event.room} {event.count}"
        case events.Renamed():
            line = f"renamed {event.old} {event.new}"
        case _:
            return b""
    return f"{line}\n".encode()


class TextPeer:
    """One session that came through this door."""

    def __init__(self, session: int, encoding: TextEncoding, transport: Transport, nursery: trio.Nursery) -> None:
        self.session = session
        self.encoding = encoding
        self.echo = True
        self.refusal: Refusal | None = None
        self.settled = trio.Event()
        self._nursery = nursery
        self.outbox = Outbox(
            transport,
            100_000,
            OutboxMemory(),
            spawn=nursery.start_soon,  # type: ignore[arg-type] # the writer is a coroutine function without arguments
            too_slow=lambda size: self.close(refuse("too_slow", size=size)),
            broken=nursery.cancel_scope.cancel,
        )
        self.outbox.uncork()

    @property
    def waiting(self) -> int:
        return self.outbox.size

    @property
    def page_bytes(self) -> int:
        return self.outbox.limit // 8

    @property
    def takes_more(self) -> bool:
        return self.outbox.takes_more

    async def wait_ready(self) -> None:
        await self.outbox.wait_room(self.page_bytes)

    def deliver(self, event: Event) -> None:
        self.outbox.write(write(event))

    @property
    def stream(self) -> Outbox:
        return self.outbox

    def deliver_share(self, shared: bytes, deliveries: Sequence[Delivery], answers: Sequence[Event]) -> None:
        del shared  # some of the deliveries are this session's own
        for delivery in deliveries:
            if delivery.session != self.session:
                self.outbox.write(write(delivery.event))
            elif self.echo:
                self.outbox.write(label(delivery.request) + write(delivery.event))
        for event in answers:
            self.answer(event)

    def answer(self, event: Event) -> None:
        mark = label(getattr(event, "id", ""))
        match event:
            case events.Page():
                lines = b"".join(map(write, page_events(event)))
                self.outbox.write(mark + f"history {event.room}\n".encode() + lines + b"end of history\n")
            case events.Error():
                self.outbox.write(mark + f"no {event.code}\n".encode())
            case events.Welcome():
                self.outbox.write(mark + f"welcome {event.name}\n".encode())
            case events.Pong():
                self.outbox.write(mark + b"pong\n")
            case _:
                self.outbox.write(mark + b"ok\n" if mark else b"")

    def admit(self) -> None:
        self.settled.set()

    def refuse(self, reason: Refusal) -> None:
        self.refusal = reason
        self.settled.set()

    def charged(self, size: int) -> None:
        del size  # it reads one line at a time

    def throttle(self, seconds: float) -> None:
        del seconds

    def close(self, reason: Refusal, retry: float | None = None) -> None:
        self.outbox.write_last(f"bye {reason.code} {retry}\n".encode())
        self.outbox.refuse_more()
        self._nursery.start_soon(self._hang_up)

    async def _hang_up(self) -> None:
        await self.outbox.wait_empty()
        self._nursery.cancel_scope.cancel()


def label(request: str) -> bytes:
    """The label of a request, if the client gave it one."""
    return b"" if not request or request.startswith(_MADE) else f"@{request} ".encode()


class TextDoor:
    """Listens for text clients of a server."""

    def __init__(self, server: Server, listener: TcpListener) -> None:
        self.encoding = TextEncoding()
        self.peers: list[TextPeer] = []
        self.address = listener.address
        self._server = server
        self._listener = listener
        self._ids = itertools.count()

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            while True:
                transport, address = await self._listener.accept()
                nursery.start_soon(self._serve, transport, address)

    async def _serve(self, transport: Transport, address: str) -> None:
        with contextlib.closing(transport), self._server.hub.open_inbox() as inbox:
            async with trio.open_nursery() as nursery:
                peer = TextPeer(next(self._server.sessions), self.encoding, transport, nursery)
                self.peers.append(peer)
                try:
                    await inbox.send(Arrival(peer, None, address))
                    await peer.settled.wait()
                    if peer.refusal is None:
                        await self._read(transport, peer, inbox)
                finally:
                    peer.outbox.abandon()
                    with trio.CancelScope(shield=True):
                        await inbox.send(Departure(peer.session))
                nursery.cancel_scope.cancel()

    async def _read(self, transport: Transport, peer: TextPeer, inbox: trio.MemorySendChannel[Item]) -> None:
        waiting = b""
        while True:
            await transport.wait_readable()
            try:
                data = transport.receive()
            except ConnectionError:
                return
            if not data:
                return
            *lines, waiting = (waiting + data).split(b"\n")
            asked = [one for line in lines if (one := self._parse(line.decode(), peer)) is not None]
            await inbox.send(Requests(peer.session, asked, time.perf_counter(), len(data)))

    def _parse(self, line: str, peer: TextPeer) -> AnyRequest | tuple[str, Refusal] | None:
        request = f"{_MADE}{next(self._ids)}"
        if line.startswith("@"):
            request, _, line = line[1:].partition(" ")
        verb, _, rest = line.partition(" ")
        if verb == "echo":
            peer.echo = rest == "on"
            return None
        make = _VERBS.get(verb)
        return (request, refuse("unknown_type", kind=verb)) if make is None else make(request, rest)


_VERBS: dict[str, Callable[[str, str], AnyRequest]] = {
    "nick": lambda request, rest: requests.Hello(id=request, name=rest),
    "join": lambda request, rest: requests.Join(id=request, room=rest),
    "leave": lambda request, rest: requests.Leave(id=request, room=rest),
    "say": lambda request, rest: requests.Send(id=request, room=rest.partition(" ")[0], text=rest.partition(" ")[2]),
    "rename": lambda request, rest: requests.Nick(id=request, name=rest),
    "history": lambda request, rest: requests.History(id=request, room=rest),
    "ping": lambda request, rest: requests.Ping(id=request),
}
