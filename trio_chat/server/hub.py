"""The hub: one task between the connections and the broker.

Theory of operation. Everything that happens (a connection arrived, requests came, a connection went)
is an item on one bounded inbox. The hub takes what is there, up to a batch, asks the broker about each,
stores what is to be published in one append, and only then carries out the effects: so what anybody
gets, and what a sender is told, is stored. It never waits for a peer, only for the store.

Order on the way out. A room's frames are gathered while the effects of a batch are carried out, and
each member's share is written with one call. So a room is *flushed* before its membership changes,
and before one of its members gets a direct answer, or order would be lost. Acknowledgements may come
late but not early: they ride behind their room's frames.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn, TypeAlias

import structlog
import trio

from trio_chat.broker.effects import Disconnect, Effect, Publish
from trio_chat.errors import Refusal, StoreError, refuse
from trio_chat.protocol.codec import decode_request, encode
from trio_chat.server.dispatch import Dispatcher, Peer
from trio_chat.server.frames import text_frame
from trio_chat.server.wire import Payloads
from trio_chat.store import Entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio_chat.broker import Broker
    from trio_chat.protocol.requests import Hello
    from trio_chat.server.tally import Tally
    from trio_chat.store import Store

_BATCH: Final = 2048
"""Requests in one batch at the most: enough to gather, and a few tens of milliseconds of work."""

_BATCH_BYTES: Final = 256 * 1024
"""Bytes of requests in one batch: what one room may get at once must be far from filling an outbox."""

_INBOX: Final = 1024
"""Readings that may wait for the hub. Each is at most one socket's 64 KiB; most are one message."""

log = structlog.get_logger()


class Arrival:
    """A connection is there. ``hello`` holds the credentials its headers gave; wait for ``settled``, then
    ``refusal`` tells whether it is let in."""

    __slots__ = ("hello", "peer", "refusal", "settled")

    def __init__(self, peer: Peer, hello: Hello | None) -> None:
        self.peer = peer
        self.hello = hello
        self.refusal: Refusal | None = None
        self.settled = trio.Event()


class Departure(NamedTuple):
    """A connection is gone."""

    session: int


class Probe:
    """A sign of life is wanted: ``answered`` is set when the hub comes to it."""

    __slots__ = ("answered",)

    def __init__(self) -> None:
        self.answered = trio.Event()


class Stop(NamedTuple):
    """The server is about to end: tell everyone, with ``retry`` seconds after which to come back."""

    retry: float | None


Item: TypeAlias = Payloads | Arrival | Departure | Probe | Stop


class Hub:
    """See the module. ``clock`` gives seconds since 1970."""

    def __init__(self, broker: Broker, store: Store, tally: Tally, *, clock: Callable[[], float] = time.time) -> None:
        self._broker = broker
        self._store = store
        self._clock = clock
        self._now = 0.0
        self._sender, self._receiver = trio.open_memory_channel[Item](_INBOX)
        self._out = Dispatcher(store, tally)
        self._stopping = False
        self.tally = tally

    def __repr__(self) -> str:
        return f"<Hub {self.waiting} items waiting, {self._out!r}>"

    @property
    def broker(self) -> Broker:
        """The broker that this hub asks; look, but ask it nothing."""
        return self._broker

    @property
    def waiting(self) -> int:
        """Items on the inbox."""
        return self._receiver.statistics().current_buffer_used

    @property
    def outbox_bytes(self) -> int:
        """Bytes that wait for their peers."""
        return self._out.outbox_bytes

    def open_inbox(self) -> trio.MemorySendChannel[Item]:
        """A sending end of the inbox, to be closed by whoever asked for it."""
        return self._sender.clone()

    async def probe(self) -> None:
        """Return when an item put on the inbox now has come through the hub."""
        probe = Probe()
        async with self.open_inbox() as inbox:
            await inbox.send(probe)
            await probe.answered.wait()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> NoReturn:
        """Serve the inbox until cancelled."""
        async with self._receiver, trio.open_nursery() as nursery:
            task_status.started()
            while True:
                first = await self._wait_item()
                started = time.perf_counter()
                self._now = max(self._now, self._clock())
                effects = self._ask(first)
                effects, frames = await self._store_published(effects)
                closed = await self._out.carry_out(effects, frames, nursery)
                while closed:
                    effects = [effect for session in closed for effect in self._broker.close(session, self._now)]
                    closed = await self._out.carry_out(effects, [], nursery)
                self.tally.batch_seconds.observe(time.perf_counter() - started)

    # ---- in ---------------------------------------------------------------------------------

    async def _wait_item(self) -> Item | None:
        """The next item; ``None`` when time has come for the broker to look at its clock."""
        due = self._broker.due()
        if due is None:
            return await self._receiver.receive()
        with trio.move_on_after(max(0.0, due - self._clock())):
            return await self._receiver.receive()
        return None

    def _ask(self, item: Item | None) -> list[Effect]:
        """Ask the broker about everything that is there, up to a batch."""
        effects: list[Effect] = []
        if type(item) is Payloads:
            self.tally.delay_seconds.observe(time.perf_counter() - item.came)
        asked = size = 0
        while item is not None:
            if type(item) is Payloads:
                asked += len(item.messages)
                size += item.size
                if not self._stopping:
                    self._take_requests(item, effects)
            else:
                self._take(item, effects)
            if asked >= _BATCH or size >= _BATCH_BYTES:
                break
            try:
                item = self._receiver.receive_nowait()
            except trio.WouldBlock:
                break
        due = self._broker.due()
        if due is not None and due <= self._now:
            effects.extend(self._broker.tick(self._now))
        self.tally.batch_requests.observe(asked)
        return effects

    def _take(self, item: Item, effects: list[Effect]) -> None:
        """Whatever is not requests."""
        if isinstance(item, Arrival):
            self._take_arrival(item, effects)
        elif isinstance(item, Departure):
            self._out.remove(item.session)
            effects.extend(self._broker.close(item.session, self._now))
        elif isinstance(item, Probe):
            item.answered.set()
        elif isinstance(item, Stop):
            self._stopping = True
            reason = refuse("shutting_down")
            effects.extend(Disconnect(session, reason, item.retry) for session in self._out.sessions())

    def _take_requests(self, item: Payloads, effects: list[Effect]) -> None:
        session, now = item.session, self._now
        try:
            for payload in item.messages:
                request = ("", refuse("not_text")) if payload is None else decode_request(payload)
                if isinstance(request, tuple):
                    effects.extend(self._broker.reject(session, *request, now))
                else:
                    effects.extend(self._broker.handle(session, request, now))
        except Exception:  # a bug of ours must not end everybody's chat: this one session ends
            log.exception("request failed", session=session)
            effects.append(Disconnect(session, refuse("internal")))

    def _take_arrival(self, arrival: Arrival, effects: list[Effect]) -> None:
        session = arrival.peer.session
        if self._stopping:
            arrival.refusal = refuse("shutting_down")
        else:
            self._broker.open(session, self._now, token=secrets.token_urlsafe(24), number=secrets.randbelow(9000))
            if arrival.hello is not None:
                greeted = self._greet(session, arrival.hello)
                if isinstance(greeted, Refusal):
                    arrival.refusal = greeted
                    self._broker.close(session, self._now)
                else:
                    effects.extend(greeted)
        if arrival.refusal is None:
            self._out.add(arrival.peer)
        else:
            self.tally.refuse(arrival.refusal.code)
        arrival.settled.set()

    def _greet(self, session: int, hello: Hello) -> list[Effect] | Refusal:
        try:
            return self._broker.greet(session, hello, self._now)
        except Exception:  # as above
            log.exception("request failed", session=session)
            return refuse("internal")

    # ---- the store ----------------------------------------------------------------------------

    async def _store_published(self, effects: list[Effect]) -> tuple[list[Effect], list[bytes]]:
        """Store what is to be published. Returns the effects that hold, and the frames of their messages in
        order: each message is encoded here, once."""
        entries = [
            Entry(effect.room, effect.event.seq, encode(effect.event)) for effect in effects if type(effect) is Publish
        ]
        if entries:
            try:
                await self._store.append(entries)
            except StoreError as error:
                log.error("not stored", messages=len(entries), error=str(error))  # noqa: TRY400 - a known failure, told in a line
                return self._broker.take_back(effects), []
            self.tally.messages += len(entries)
        self._broker.settle()
        return effects, [text_frame(entry.event) for entry in entries]
