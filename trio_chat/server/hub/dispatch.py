"""Carrying out the broker's effects: from decisions to what the peers get. Part of the hub; see there.

All that is carried out here is stored already. So a bug of ours must keep nothing from the other sessions, and a
session that may have missed something is disconnected, to come back and catch up from the log. A notice to a room is
about now and not in the log. It is lost instead: disconnecting everybody for it would cause the same notice again.

A room is flushed before its members or their names change, and before one of its members gets an answer. So nobody sees
a line under a name that its sender took later, or an answer before an event that came first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import structlog
import trio
from msgspec.structs import replace

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
from trio_chat.errors import refuse
from trio_chat.protocol.events import AwayChanged, Error, Renamed
from trio_chat.server.hub.channel import Channel
from trio_chat.server.hub.lookup import Lookup
from trio_chat.server.hub.peer import RETRY
from trio_chat.server.hub.recipient import Recipient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from trio_chat.errors import Refusal
    from trio_chat.protocol.events import Event
    from trio_chat.server.hub.peer import Delivery, Peer, PeerOutput
    from trio_chat.server.tally import Tally
    from trio_chat.store import StoreReader

_TURN: Final = 256
"""Writes after which other tasks get a turn, so that one big room does not hold everybody."""

_ABOUT_PEOPLE: Final = frozenset({Renamed, AwayChanged})
"""Notices that one room carries, though they are about people in every room: all rooms are flushed around them."""

log = structlog.get_logger()


class Dispatcher:
    """Knows the peers, and the rooms whose events each of them gets."""

    def __init__(self, store: StoreReader, tally: Tally, names_of: Callable[[set[int]], dict[int, str]]) -> None:
        self._lookup = Lookup(store, tally, names_of)
        self._tally = tally
        self._recipients: dict[int, Recipient] = {}
        self._channels: dict[str, Channel] = {}
        self._dirty: dict[str, Channel] = {}
        self._owing: dict[int, Recipient] = {}
        self._closed: list[int] = []
        self._hurt: set[int] = set()
        self._writes = 0
        self._steps: dict[type[Any], Callable[[Any], Awaitable[None]]] = {
            Reply: self._reply,
            Tell: self._tell,
            Subscribe: self._subscribe,
            Unsubscribe: self._unsubscribe,
            Throttle: self._throttle,
            Disconnect: self._disconnect,
        }

    def __repr__(self) -> str:
        return f"<Dispatcher {len(self._recipients)} peers, {len(self._channels)} channels>"

    @property
    def outbox_bytes(self) -> int:
        """The bytes that wait for their peers."""
        return sum(recipient.peer.waiting for recipient in self._recipients.values())

    def sessions(self) -> list[int]:
        """The sessions that can be told something."""
        return list(self._recipients)

    def add(self, peer: Peer) -> None:
        """A session can be told something from now on."""
        self._recipients[peer.session] = Recipient(peer)

    def remove(self, session: int) -> None:
        """A session is told nothing any more. Removing one twice does nothing."""
        recipient = self._recipients.pop(session, None)
        if recipient is None:
            return
        self._owing.pop(session, None)
        for channel in list(recipient.channels.values()):
            self._drop_member(channel, recipient)
        try:
            recipient.drop_look_ups()
        except Exception:  # the session has gone anyway
            log.exception("not sent", session=session)

    async def carry_out(self, effects: list[Effect], deliveries: list[Delivery], nursery: trio.Nursery) -> list[int]:
        """Carry out effects in their order; ``deliveries`` are what they publish and notify of, in order too.

        Returns the sessions that were disconnected by that, among them those that may have missed something by a bug of
        ours. Tasks in ``nursery`` read from the store what is to be looked up.
        """
        coming = iter(deliveries)
        for effect in effects:
            kind = type(effect)
            try:
                if kind is Publish:
                    self._gather(effect.room, next(coming))  # type: ignore[union-attr] # mypy does not narrow by type() is
                elif kind is Persist:
                    continue
                elif kind is Acknowledge:
                    self._acknowledge(effect)  # type: ignore[arg-type] # as above
                elif kind is Notify:
                    await self._notify(effect, next(coming))  # type: ignore[arg-type] # as above
                elif kind is Recall or kind is Seek:
                    recipient = self._recipients.get(effect.session)  # type: ignore[union-attr] # as above
                    if recipient is not None:
                        if recipient.owed:
                            await self._send_before_answer(recipient)
                        self._lookup.ask(effect, recipient, nursery)  # type: ignore[arg-type] # as above
                else:
                    await self._steps[kind](effect)
            except Exception:  # what was decided is stored, and the others are to hear of it
                log.exception("effect failed", effect=kind.__name__)
                self._hurt.update(self._concerned(effect))
            if self._hurt:
                self._send_away_hurt()
        await self._flush_all()
        for recipient in list(self._owing.values()):
            self._give_owed(recipient)
        self._owing.clear()
        self._send_away_hurt()
        closed, self._closed = self._closed, []
        return closed

    def release(self, charged: Iterable[tuple[int, int]]) -> None:
        """Tell peers, by their sessions, that requests of so many bytes were charged and carried out."""
        for session, size in charged:
            recipient = self._recipients.get(session)
            if recipient is not None:
                recipient.peer.charged(size)

    # ---- bugs ---------------------------------------------------------------------------------

    def _concerned(self, effect: Effect) -> Iterable[int]:
        """The sessions that would be in a half state without this effect; none without a notice: it is about now."""
        if isinstance(effect, Publish):
            channel = self._channels.get(effect.room)
            return () if channel is None else channel.sessions()
        if isinstance(effect, Tell):
            return effect.sessions
        return () if isinstance(effect, Notify | Persist) else (effect.session,)

    def _send_away_hurt(self) -> None:
        while self._hurt:
            recipient = self._recipients.get(self._hurt.pop())
            if recipient is not None:
                recipient.owed.clear()
                self._close(recipient, refuse("internal"), RETRY)

    # ---- gathering and flushing ---------------------------------------------------------------

    def _gather(self, room: str, delivery: Delivery) -> None:
        channel = self._channels.get(room)
        if channel is None:
            return
        if not delivery.room:
            delivery = replace(delivery, room=channel.number)
        for group in channel.groups.values():  # once for each encoding in use
            group.chunks.append(group.encode(delivery))
        if not channel.deliveries:
            self._dirty[room] = channel
        channel.deliveries.append(delivery)

    def _acknowledge(self, effect: Acknowledge) -> None:
        recipient = self._recipients.get(effect.session)
        if recipient is None:
            return
        channel = self._dirty.get(effect.event.room or "")
        recipient.owed.append((channel, effect.event))
        if channel is None:
            self._owing[effect.session] = recipient
        else:  # the flush sends it
            channel.senders[effect.session] = None

    async def _flush_all(self) -> None:
        for channel in list(self._dirty.values()):
            await self._flush(channel)

    async def _flush(self, channel: Channel) -> None:
        """Give every member what the channel gathered, with one write each."""
        deliveries, senders = channel.deliveries, channel.senders
        channel.deliveries, channel.senders = [], {}
        self._dirty.pop(channel.name, None)
        answers: dict[int, tuple[PeerOutput, list[Event]]] = {}
        left: list[Recipient] = []
        for session in senders:
            recipient = self._recipients.get(session)
            if recipient is None:
                continue
            if channel.name in recipient.channels:
                if due := recipient.take_due():
                    answers[session] = recipient.out, due
            else:  # the session sent something and has left
                left.append(recipient)
        writes = self._writes
        for group in channel.groups.values():
            chunks, group.chunks = group.chunks, []
            shared = chunks[0] if len(chunks) == 1 else b"".join(chunks)
            shares = answers
            if group.own_share:
                shares = {
                    d.session: (self._recipients[d.session].out, []) for d in deliveries if d.session in group.members
                } | answers
            self._tally.deliveries += len(deliveries) * len(group.members)
            for session, stream in group.members.items():
                try:
                    if session in shares:
                        out, own = shares[session]
                        out.deliver_share(shared, deliveries, own)
                    else:
                        stream.write(shared)
                except Exception:  # this session alone misses something
                    log.exception("not written", session=session)
                    self._hurt.add(session)
                writes += 1
                if writes >= _TURN:
                    writes = 0
                    await trio.lowlevel.cancel_shielded_checkpoint()
        self._writes = writes
        for recipient in left:
            self._give_owed(recipient)

    async def _flush_heard(self, recipient: Recipient) -> None:
        """Flush the rooms of a session, so that what it is told next does not overtake their events."""
        for channel in recipient.channels.values():
            if channel.deliveries:
                await self._flush(channel)

    async def _send_before_answer(self, recipient: Recipient) -> None:
        """Send what an answer must not overtake: the events of the session's rooms, and its answers so far."""
        await self._flush_heard(recipient)
        if recipient.owed:
            for channel, _ in list(recipient.owed):
                if channel is not None and channel.deliveries:
                    await self._flush(channel)
            self._give_owed(recipient)

    def _give_owed(self, recipient: Recipient) -> None:
        if recipient.owed:
            self._give(recipient, recipient.take_due())

    def _give(self, recipient: Recipient, answers: list[Event]) -> None:
        """Send answers by themselves."""
        try:
            for event in answers:
                recipient.answer(event)
        except Exception:  # as in _flush
            log.exception("not written", session=recipient.peer.session)
            self._hurt.add(recipient.peer.session)

    # ---- the effects --------------------------------------------------------------------------

    async def _reply(self, effect: Reply) -> None:
        recipient = self._recipients.get(effect.session)
        if isinstance(effect.event, Error):
            self._tally.refuse(effect.event.code)
        if recipient is not None:
            await self._send_before_answer(recipient)
            recipient.answer(effect.event)

    async def _tell(self, effect: Tell) -> None:
        for session in effect.sessions:
            recipient = self._recipients.get(session)
            if recipient is not None:
                await self._flush_heard(recipient)
                recipient.out.deliver(effect.event)

    async def _notify(self, effect: Notify, delivery: Delivery) -> None:
        about_people = type(effect.event) in _ABOUT_PEOPLE
        if about_people:
            await self._flush_all()
        self._gather(effect.room, delivery)
        if about_people:
            await self._flush_all()

    async def _subscribe(self, effect: Subscribe) -> None:
        recipient = self._recipients.get(effect.session)
        if recipient is None:
            return
        channel = self._channels.get(effect.room)
        if channel is None:
            channel = self._channels[effect.room] = Channel(effect.room, effect.number)
        elif channel.deliveries:
            await self._flush(channel)
        recipient.enter(channel)

    async def _unsubscribe(self, effect: Unsubscribe) -> None:
        recipient = self._recipients.get(effect.session)
        channel = None if recipient is None else recipient.channels.get(effect.room)
        if recipient is not None and channel is not None:
            if channel.deliveries:
                await self._flush(channel)
            self._drop_member(channel, recipient)

    async def _throttle(self, effect: Throttle) -> None:
        recipient = self._recipients.get(effect.session)
        if recipient is not None:
            recipient.peer.throttle(effect.seconds)

    async def _disconnect(self, effect: Disconnect) -> None:
        recipient = self._recipients.get(effect.session)
        if recipient is not None:
            await self._send_before_answer(recipient)
            self._close(recipient, effect.reason, effect.retry)

    def _close(self, recipient: Recipient, reason: Refusal, retry: float | None) -> None:
        """Say the last words to a session, behind all that was sent to it. For all others it is gone from here on."""
        peer = recipient.peer
        self.remove(peer.session)
        self._closed.append(peer.session)
        self._tally.refuse(reason.code)
        try:
            peer.close(reason, retry)
        except Exception:  # for all others the session is gone
            log.exception("not closed", session=peer.session)

    def _drop_member(self, channel: Channel, recipient: Recipient) -> None:
        recipient.leave(channel)
        if not channel.groups:
            self._channels.pop(channel.name, None)
            self._dirty.pop(channel.name, None)
            channel.deliveries = []
            for session in channel.senders:  # no flush will send their acknowledgements
                if session in self._recipients:
                    self._owing[session] = self._recipients[session]
