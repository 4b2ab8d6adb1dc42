"""A peer that notes what the hub hands to it, and an encoding that notes what it encodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import trio

from trio_chat.errors import Refusal
from trio_chat.protocol.events import Event
from trio_chat.server.hub.peer import Delivery


@dataclass(eq=False)
class FakeEncoding:
    """Writes each event as its type in brackets."""

    own_share: bool = False
    encoded: list[Delivery] = field(default_factory=list)

    def encode(self, delivery: Delivery) -> bytes:
        self.encoded.append(delivery)
        return b"[%s]" % type(delivery.event).__name__.encode()


@dataclass(eq=False)
class FakePeer:
    """Everything that reaches the peer is in ``got``, in order: bytes as they are, structs as structs.

    ``ready`` may be replaced by an event that is not set yet; the peer takes no page before it is set.
    """

    session: int
    encoding: FakeEncoding = field(default_factory=FakeEncoding)
    page_bytes: int = 2048
    waiting: int = 0
    takes_more: bool = True
    got: list[object] = field(default_factory=list)
    shares: list[Sequence[Delivery]] = field(default_factory=list)
    closed: Refusal | None = None
    ready: trio.Event = field(default_factory=trio.Event)

    def __post_init__(self) -> None:
        self.ready.set()

    def deliver(self, event: Event) -> None:
        self.got.append(event)

    @property
    def stream(self) -> FakePeer:
        return self

    def write(self, data: bytes, /) -> None:
        self.got.append(data)

    def deliver_share(self, shared: bytes, deliveries: Sequence[Delivery], answers: Sequence[Event]) -> None:
        self.shares.append(deliveries)
        self.got += [shared, *answers]

    def answer(self, event: Event) -> None:
        self.got.append(event)

    async def wait_ready(self) -> None:
        await self.ready.wait()

    def admit(self) -> None:
        raise NotImplementedError

    def refuse(self, reason: Refusal) -> None:
        raise NotImplementedError

    def charged(self, size: int) -> None:
        del size

    def throttle(self, seconds: float) -> None:
        raise NotImplementedError

    def close(self, reason: Refusal, retry: float | None = None) -> None:
        del retry
        self.closed = reason
