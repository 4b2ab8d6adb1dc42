"""The events and answers for one session, in their order. Part of the hub; see there.

Answers keep the order in which they were asked. Two kinds of them are not ready at once:

- An acknowledgement rides behind the events of its room, so it is *owed* until that room is flushed. The
  acknowledgements behind it wait with it.
- A *look-up* is read from the store by a task beside the hub. While one is pending, the answers behind it are held, and
  with them all that the session gets after them: the answer to a join has to come before the room's events. Live events
  alone do not wait for look-ups.

The events held are bounded. Past the bound, or when the peer takes its pages too slowly, all of them are sent and the
pages follow. Then the order is lost, but no event is, and the hub's memory is not filled.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trio_chat.broker.effects import Recall, Seek
    from trio_chat.protocol.events import Event
    from trio_chat.server.hub.channel import Channel
    from trio_chat.server.hub.peer import Delivery, Peer, PeerOutput, Stream

_LOOK_UPS: Final = 256
"""Look-ups of one session that may wait: a client that comes back asks for the history of each of its rooms."""

_EVENT: Final = 256
"""The bytes that a held event counts for, which is not encoded yet."""


class Held(NamedTuple):
    """Something that waits behind a look-up: the bytes it counts for, and the call that sends it."""

    size: int
    send: Callable[[], None]


class Recipient:
    """The hub's side of a peer. ``out`` is where its events and answers go: the peer, or the queue of what is held.

    ``owed`` has the acknowledgements to come, each with the room that has to be flushed before, if there is one.
    """

    __slots__ = ("_queue", "_size", "channels", "look_ups", "out", "owed", "peer")

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.out: PeerOutput = peer
        self.channels: dict[str, Channel] = {}
        self.owed: list[tuple[Channel | None, Event]] = []
        self.look_ups = 0
        self._queue: deque[Recall | Seek | Held] | None = None
        self._size = 0

    def __repr__(self) -> str:
        return f"<Recipient {self.peer.session}: {self.look_ups} look-ups, {self._size} bytes held>"

    # ---- membership ---------------------------------------------------------------------------

    def enter(self, channel: Channel) -> None:
        """Get a room's events from here on."""
        self.channels[channel.name] = channel
        channel.set_member(self.peer.session, self.peer.encoding, self.out)

    def leave(self, channel: Channel) -> None:
        """Get a room's events no longer."""
        self.channels.pop(channel.name, None)
        channel.remove(self.peer.session, self.peer.encoding)

    # ---- answers ------------------------------------------------------------------------------

    def take_due(self) -> list[Event]:
        """Take the acknowledgements that wait for no room any more, in order."""
        owed = self.owed
        due = []
        for channel, event in owed:
            if channel is not None and channel.deliveries:
                break
            due.append(event)
        del owed[: len(due)]
        if due and self.look_ups:
            self._hold()
        return due

    def answer(self, event: Event) -> None:
        """Send an answer, behind the look-ups asked before it."""
        if self.look_ups:
            self._hold()
        self.out.answer(event)

    # ---- look-ups -----------------------------------------------------------------------------

    def add_look_up(self, effect: Recall | Seek) -> bool:
        """Take a look-up's place among the answers, unless too many wait."""
        if self.look_ups >= _LOOK_UPS:
            return False
        if self._queue is None:
            self._queue = deque()
        self._queue.append(effect)
        self.look_ups += 1
        return True

    def next_look_up(self) -> Recall | Seek | None:
        """The look-up to be answered next. It is the first in the queue: all before it was sent."""
        first = self._queue[0] if self._queue else None
        return None if isinstance(first, Held) else first

    def finish_look_up(self) -> None:
        """Send what waited for the look-up that was next: it is answered."""
        if self._queue is not None:
            self._queue.popleft()
            self.look_ups -= 1
            self._send_held()

    def drop_look_ups(self) -> None:
        """Forget the look-ups, and send what waited for them."""
        self.send_all_held()
        self._queue = None
        self.look_ups = 0

    def send_all_held(self) -> None:
        """Send what waits for look-ups, ahead of them."""
        if self.out is self.peer or self._queue is None:
            return
        queue = self._queue
        self._queue = deque(entry for entry in queue if not isinstance(entry, Held))
        self._redirect(self.peer)
        for entry in queue:
            if isinstance(entry, Held):
                entry.send()

    def _send_held(self) -> None:
        """Send what is held up to the next look-up."""
        queue = self._queue
        while queue and isinstance(first := queue[0], Held):
            queue.popleft()
            self._size -= first.size
            first.send()
        if not queue:
            self._queue = None
        if not queue or len(queue) == self.look_ups:
            self._redirect(self.peer)

    def _hold(self) -> None:
        if self.out is self.peer:
            self._redirect(_Queue(self))

    def _redirect(self, out: PeerOutput) -> None:
        if self.out is out:
            return
        self.out = out
        self._size = 0
        for channel in self.channels.values():
            channel.set_member(self.peer.session, self.peer.encoding, out)

    def hold(self, size: int, send: Callable[[], None]) -> None:
        """Keep something to be sent behind the look-ups; past the bound, send all that is kept."""
        if self._queue is None:
            self._queue = deque()
        self._queue.append(Held(size, send))
        self._size += size
        if self._size > self.peer.page_bytes:
            self.send_all_held()


class _Queue:
    """Stands in for a peer while answers wait for a look-up: keeps everything in its order."""

    __slots__ = ("_recipient",)

    def __init__(self, recipient: Recipient) -> None:
        self._recipient = recipient

    @property
    def stream(self) -> Stream:
        return self

    def deliver(self, event: Event) -> None:
        self._recipient.hold(_EVENT, partial(self._recipient.peer.deliver, event))

    def write(self, data: bytes, /) -> None:
        self._recipient.hold(len(data), partial(self._recipient.peer.stream.write, data))

    def deliver_share(self, shared: bytes, deliveries: Sequence[Delivery], answers: Sequence[Event]) -> None:
        size = len(shared) + _EVENT * len(answers)
        self._recipient.hold(size, partial(self._recipient.peer.deliver_share, shared, deliveries, answers))

    def answer(self, event: Event) -> None:
        self._recipient.hold(_EVENT, partial(self._recipient.peer.answer, event))
