"""Carrying out the broker's effects: from decisions to bytes in outboxes. Part of the hub; see there.

What is carried out is stored already. So where a bug of ours is in the way, all others get theirs, and whoever may have
missed something is sent away, to come back and catch up from the log. A notice to a room, which is about now and not in
the log, is lost: to send everybody away for it would bring the same notice about again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog
import trio

from trio_chat.broker.effects import (
    Acknowledge,
    Disconnect,
    Effect,
    Notify,
    Persist,
    Publish,
    Recall,
    Reply,
    Seek,
    Subscribe,
    Tell,
    Throttle,
    Unsubscribe,
)
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.codec import encode
from trio_chat.protocol.events import Closing, Error, Event
from trio_chat.server.hub.lookup import Lookup
from trio_chat.server.net.frames import text_frame

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from trio_chat.server.net.outbox import Outbox
    from trio_chat.server.tally import Tally
    from trio_chat.store import StoreReader

RETRY: Final = 2.0
"""Seconds after which a client should come back that was sent away for no fault of its own."""

_TURN: Final = 256
"""Writes after which others get a turn, so that one big room does not hold everyone."""

log = structlog.get_logger()


class Peer(Protocol):
    """What is wanted of a connection."""

    @property
    def session(self) -> int:
        """Its number."""

    @property
    def outbox(self) -> Outbox:
        """Where its bytes go."""

    def pause(self, seconds: float) -> None:
        """Read nothing for so long."""

    def close_soon(self, reason: Refusal) -> None:
        """Close it; it has been told why."""


class Channel:
    """The sessions that get what a room gets, and the frames gathered for them; ``acks`` ride behind."""

    __slots__ = ("acks", "frames", "members", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.members: dict[int, Outbox] = {}
        self.frames: list[bytes] = []
        self.acks: dict[int, bytes] = {}


class Dispatcher:
    """Knows the peers and which channels each hears."""

    def __init__(self, store: StoreReader, tally: Tally) -> None:
        self._lookup = Lookup(store, tally)
        self._tally = tally
        self._peers: dict[int, Peer] = {}
        self._heard: dict[int, dict[str, Channel]] = {}
        self._channels: dict[str, Channel] = {}
        self._dirty: dict[str, Channel] = {}
        self._late: dict[int, bytes] = {}
        self._closed: list[int] = []
        self._hurt: set[int] = set()
        self._writes = 0
        self._steps: dict[type[Any], Callable[[Any], Awaitable[None]]] = {
            Reply: self._reply,
            Notify: self._notify,
            Tell: self._tell,
            Subscribe: self._subscribe,
            Unsubscribe: self._unsubscribe,
            Throttle: self._throttle,
            Disconnect: self._disconnect,
        }

    def __repr__(self) -> str:
        return f"<Dispatcher {len(self._peers)} peers, {len(self._channels)} channels>"

    @property
    def outbox_bytes(self) -> int:
        """Bytes that wait for their peers."""
        return sum(peer.outbox.size for peer in self._peers.values())

    def sessions(self) -> list[int]:
        """Whom there is to tell."""
        return list(self._peers)

    def add(self, peer: Peer) -> None:
        """A connection can be told things from now on."""
        self._peers[peer.session] = peer
        self._heard[peer.session] = {}

    def remove(self, session: int) -> None:
        """A connection is not told anything any more. Removing one twice does nothing."""
        self._peers.pop(session, None)
        self._lookup.forget(session)
        for channel in self._heard.pop(session, {}).values():
            self._drop_member(channel, session)

    async def carry_out(self, effects: list[Effect], frames: list[bytes], nursery: trio.Nursery) -> list[int]:
        """Carry out effects in their order; ``frames`` are those of what they publish, in order too.

        Returns the sessions that were disconnected by it. What is read from the store is read by tasks in ``nursery``.
        Whoever may have missed something by a bug of ours is among them: they come back and catch up.
        """
        coming = iter(frames)
        for effect in effects:
            kind = type(effect)
            try:
                if kind is Publish:
                    self._gather(effect.room, next(coming))  # type: ignore[union-attr] # mypy does not narrow by type() is
                elif kind is Persist:
                    continue
                elif kind is Acknowledge:
                    self._acknowledge(effect)  # type: ignore[arg-type] # as above
                elif kind is Recall or kind is Seek:
                    peer = self._peers.get(effect.session)  # type: ignore[union-attr] # as above
                    if peer is not None:
                        self._lookup.ask(effect, peer.outbox, nursery)  # type: ignore[arg-type] # as above
                else:
                    await self._steps[kind](effect)
            except Exception:  # what was decided is stored, and the others are to hear of it
                log.exception("effect failed", effect=kind.__name__)
                self._hurt.update(self._concerned(effect))
            if self._hurt:
                self._send_away_hurt()
        for channel in list(self._dirty.values()):
            await self._flush(channel)
        late, self._late = self._late, {}
        for session, data in late.items():
            self._write(session, data)
        self._send_away_hurt()
        closed, self._closed = self._closed, []
        return closed

    # ---- bugs ---------------------------------------------------------------------------------

    def _concerned(self, effect: Effect) -> Iterable[int]:
        """Who would be in a half state without this effect. Nobody without a notice to a room: it is about now."""
        if isinstance(effect, Publish):
            channel = self._channels.get(effect.room)
            return () if channel is None else channel.members
        if isinstance(effect, Tell):
            return effect.sessions
        return () if isinstance(effect, Notify | Persist) else (effect.session,)

    def _send_away_hurt(self) -> None:
        while self._hurt:
            session = self._hurt.pop()
            peer = self._peers.get(session)
            if peer is None:
                continue
            reason = refuse("internal")
            self._late.pop(session, None)
            try:
                self._tally.refuse(reason.code)
                peer.outbox.write(closing_frame(reason, RETRY))
            except Exception:  # then the close frame alone has to say it
                log.exception("not told why", session=session)
            self._close(peer, reason)

    # ---- gathering and flushing ---------------------------------------------------------------

    def _gather(self, room: str, frame: bytes) -> None:
        channel = self._channels.get(room)
        if channel is not None:
            channel.frames.append(frame)
            self._dirty[room] = channel

    def _acknowledge(self, effect: Acknowledge) -> None:
        frame = text_frame(encode(effect.event))
        channel = self._dirty.get(effect.event.room or "")
        waiting = self._late if channel is None else channel.acks
        waiting[effect.session] = waiting.get(effect.session, b"") + frame

    async def _flush(self, channel: Channel) -> None:
        """Give every member what the channel gathered, with one write each."""
        frames, acks = channel.frames, channel.acks
        channel.frames, channel.acks = [], {}
        self._dirty.pop(channel.name, None)
        blob = frames[0] if len(frames) == 1 else b"".join(frames)
        self._tally.deliveries += len(frames) * len(channel.members)
        for session, outbox in channel.members.items():
            try:
                outbox.write(blob + acks.pop(session) if session in acks else blob)
            except Exception:  # this one alone misses something
                log.exception("not written", session=session)
                self._hurt.add(session)
            self._writes += 1
            if self._writes >= _TURN:
                self._writes = 0
                await trio.lowlevel.cancel_shielded_checkpoint()
        for session, data in acks.items():  # whoever sent and is no member any more
            self._write(session, data)

    async def _flush_heard(self, session: int) -> None:
        """Flush what a session hears, so that what it is told next does not overtake it."""
        for channel in self._heard.get(session, {}).values():
            if channel.frames:
                await self._flush(channel)

    def _write(self, session: int, data: bytes) -> None:
        peer = self._peers.get(session)
        if peer is not None:
            try:
                peer.outbox.write(data)
            except Exception:  # as in _flush
                log.exception("not written", session=session)
                self._hurt.add(session)

    # ---- the effects --------------------------------------------------------------------------

    async def _reply(self, effect: Reply) -> None:
        await self._tell_one(effect.session, effect.event)

    async def _tell_one(self, session: int, event: Event) -> None:
        if isinstance(event, Error):
            self._tally.refuse(event.code)
        await self._flush_heard(session)
        self._write(session, text_frame(encode(event)))

    async def _tell(self, effect: Tell) -> None:
        frame = text_frame(encode(effect.event))
        for session in effect.sessions:
            await self._flush_heard(session)
            self._write(session, frame)

    async def _notify(self, effect: Notify) -> None:
        self._gather(effect.room, text_frame(encode(effect.event)))

    async def _subscribe(self, effect: Subscribe) -> None:
        peer = self._peers.get(effect.session)
        if peer is None:
            return
        channel = self._channels.get(effect.room)
        if channel is None:
            channel = self._channels[effect.room] = Channel(effect.room)
        elif channel.frames:
            await self._flush(channel)
        channel.members[effect.session] = peer.outbox
        self._heard[effect.session][effect.room] = channel

    async def _unsubscribe(self, effect: Unsubscribe) -> None:
        channel = self._heard.get(effect.session, {}).pop(effect.room, None)
        if channel is not None:
            if channel.frames:
                await self._flush(channel)
            self._drop_member(channel, effect.session)

    async def _throttle(self, effect: Throttle) -> None:
        peer = self._peers.get(effect.session)
        if peer is not None:
            peer.pause(effect.seconds)

    async def _disconnect(self, effect: Disconnect) -> None:
        peer = self._peers.get(effect.session)
        if peer is None:
            return
        await self._flush_heard(effect.session)
        peer.outbox.write(self._late.pop(effect.session, b"") + closing_frame(effect.reason, effect.retry))
        self._tally.refuse(effect.reason.code)
        self._close(peer, effect.reason)

    def _close(self, peer: Peer, reason: Refusal) -> None:
        self.remove(peer.session)
        self._closed.append(peer.session)
        try:
            peer.close_soon(reason)
        except Exception:  # for all others they are gone
            log.exception("not closed", session=peer.session)

    def _drop_member(self, channel: Channel, session: int) -> None:
        channel.members.pop(session, None)
        channel.acks.pop(session, None)
        if not channel.members:
            self._channels.pop(channel.name, None)
            self._dirty.pop(channel.name, None)


def closing_frame(reason: Refusal, retry: float | None) -> bytes:
    """The last words to a connection: why it is closed."""
    closing = Closing(code=reason.code, message=reason.message, advice=reason.advice, until=reason.until, retry=retry)
    return text_frame(encode(closing))
