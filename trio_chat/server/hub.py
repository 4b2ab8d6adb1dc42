"""The hub: one task between the connections and the broker.

Theory of operation. Everything that happens (a connection arrived, requests came, a connection went)
is an item on one bounded inbox. The hub takes what is there, up to a batch, asks the broker about each,
stores what is to be stored in one commit, and only then carries out the effects: so what anybody gets,
and what a sender is told, is stored. It never waits for a peer, only for the store. When a batch cannot
be stored, the broker takes back what it decided and the senders are told; what needed no storing goes on.

Order on the way out. A room's frames are gathered while the effects of a batch are carried out, and
each member's share is written with one call. So a room is *flushed* before its membership changes,
and before one of its members gets a direct answer, or order would be lost. Acknowledgements may come
late but not early: they ride behind their room's frames.

What the broker must know of the store (:meth:`Broker.wants`) is read before it is asked, at the start of
a batch: nothing that the batch itself stores can be missed. What takes long (hashing a password) is done
by a task beside the hub and comes back as an item.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any, Final, NoReturn

import structlog
import trio

from trio_chat.broker import Failed
from trio_chat.broker.admin import administer
from trio_chat.broker.broker import WantsLine
from trio_chat.broker.effects import Disconnect, Effect, Persist, Publish
from trio_chat.broker.places import place_of
from trio_chat.broker.state import FoundLine, FoundSent
from trio_chat.errors import Refusal, StoreError, refuse
from trio_chat.protocol.codec import decode_event, decode_request, encode, tag
from trio_chat.protocol.events import ROOM_EVENTS, Message
from trio_chat.protocol.requests import Delete, Edit, Hello, React, Send, SetPassword
from trio_chat.records import Line, Record
from trio_chat.server.batch import Batch
from trio_chat.server.dispatch import Dispatcher
from trio_chat.server.frames import text_frame
from trio_chat.server.items import Administration, Arrival, Departure, Forgotten, Item, Prepared, Probe, Stop
from trio_chat.server.passwords import Passwords
from trio_chat.server.wire import Payloads

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio_chat.broker import Broker
    from trio_chat.broker.broker import Wanted
    from trio_chat.broker.registry import Found
    from trio_chat.protocol.requests import AnyRequest
    from trio_chat.server.tally import Tally
    from trio_chat.store import Store

_BATCH: Final = 2048
"""Requests in one batch at the most: enough to gather, and a few tens of milliseconds of work."""

_BATCH_BYTES: Final = 256 * 1024
"""Bytes of requests in one batch: what one room may get at once must be far from filling an outbox."""

_INBOX: Final = 1024
"""Readings that may wait for the hub. Each is at most one socket's 64 KiB; most are one message."""

_LOG_EVERY: Final = 10.0
"""Seconds between two lines of the log about the same failure: on a full disk a log that grows is no help."""

_TAGS: Final = {kind: tag(kind) for kind in ROOM_EVENTS}
_CHANGES: Final = frozenset({Edit, Delete, React})
_SLOW: Final = frozenset({Hello, SetPassword})

log = structlog.get_logger()


class Hub:
    """See the module. ``clock`` gives seconds since 1970."""

    def __init__(self, broker: Broker, store: Store, tally: Tally, *, clock: Callable[[], float] = time.time) -> None:
        self._broker = broker
        self._store = store
        self._clock = clock
        self._now = 0.0
        self._sender, self._receiver = trio.open_memory_channel[Item](_INBOX)
        self._held: Payloads | None = None
        self._out = Dispatcher(store, tally)
        self._passwords = Passwords()
        self._stopping = False
        self.stored = trio.Event()
        self.failing: str | None = None
        self._storing_since: float | None = None
        self._untold, self._told_until = 0, 0.0
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

    @property
    def waits_for(self) -> str | None:
        """Why nothing comes through just now, as far as it is the store that does not answer."""
        if self._storing_since is None:
            return None
        return self.failing or (
            f"The store has not answered for {trio.current_time() - self._storing_since:.0f} seconds: another program "
            "keeps the database locked, or its disk is slow."
        )

    def works_again(self) -> None:
        """Storing does what it should, whether it did before or not."""
        if self.failing is not None:
            self.failing = None
            log.info("storing works again")

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
        """Serve the inbox until cancelled. Raises ``StoreError`` if what a new server must store cannot be."""
        async with self._receiver, trio.open_nursery() as nursery:
            self._now = self._clock()
            await self._store.commit([effect.record for effect in self._broker.opening if isinstance(effect, Persist)])
            task_status.started()
            while True:
                first = self._held or await self._wait_item()
                started = time.perf_counter()
                self._held = None
                self._now = max(self._now, self._clock())
                batch = await self._ask(first, nursery)
                effects, frames = await self._commit(batch)
                closed = await self._out.carry_out(effects, frames, nursery)
                while closed:
                    effects = [effect for session in closed for effect in self._broker.close(session, self._now)]
                    closed = await self._out.carry_out(effects, [], nursery)
                if self._stopping:
                    await self._save_last()
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

    async def _ask(self, item: Item | None, nursery: trio.Nursery) -> Batch:
        """Ask the broker about everything that is there, up to a batch."""
        batch = Batch()
        if type(item) is Payloads:
            self.tally.delay_seconds.observe(time.perf_counter() - item.came)
        while item is not None:
            if type(item) is Payloads:
                await self._take_requests(item, batch, nursery)
            else:
                self._take(item, batch, nursery)
            if batch.full or batch.asked >= _BATCH or batch.size >= _BATCH_BYTES:
                break
            try:
                item = self._receiver.receive_nowait()
            except trio.WouldBlock:
                break
        due = self._broker.due()
        if due is not None and due <= self._now:
            batch.effects.extend(self._broker.tick(self._now))
            batch.end_turn()
        self.tally.batch_requests.observe(batch.asked)
        return batch

    async def _take_requests(self, item: Payloads, batch: Batch, nursery: trio.Nursery) -> None:
        if self._stopping:
            return
        session, now, effects = item.session, self._now, batch.effects
        batch.size += item.size
        try:
            for index, payload in enumerate(item.messages):
                request = ("", refuse("not_text")) if payload is None else decode_request(payload)
                batch.asked += 1
                if isinstance(request, tuple):
                    effects.extend(self._broker.reject(session, *request, now))
                    batch.end_turn()
                    continue
                kind = type(request)
                found: Found = None
                if kind in _CHANGES or (kind is Send and (request.again or request.reply_to is not None)):  # type: ignore[union-attr] # it is a Send
                    wanted = self._broker.wants(session, request)
                    if wanted is not None and effects:  # what it wants may be in this very batch
                        self._held = item._replace(messages=item.messages[index:], size=0)
                        batch.full = True
                        return
                    found = await self._look_up(wanted)
                elif kind in _SLOW and self._prepare(session, request, None, batch, nursery):
                    continue
                effects.extend(self._broker.handle(session, request, now, found))
                batch.end_turn(session, request.id)
        except Exception:  # a bug of ours must not end everybody's chat: this one session ends
            log.exception("request failed", session=session)
            effects.append(Disconnect(session, refuse("internal")))
            batch.end_turn()

    def _take(self, item: Item, batch: Batch, nursery: trio.Nursery) -> None:
        """Whatever is not requests, and the boundary that no error of it passes."""
        before, mark = len(batch.effects), self._broker.journal.mark()
        try:
            self._take_one(item, batch, nursery)
        except Exception:  # as in _take_requests
            log.exception("item failed", kind=type(item).__name__)
            del batch.effects[before:]
            self._broker.journal.undo(mark)
            self._give_up(item, batch)

    def _give_up(self, item: Item, batch: Batch) -> None:
        """Tell whoever waits for an item that nothing comes of it."""
        arrival = item if isinstance(item, Arrival) else item.arrival if isinstance(item, Prepared) else None
        if arrival is not None:
            arrival.refusal = refuse("internal")
            self._broker.close(arrival.peer.session, self._now)
            self._settle_arrival(arrival)
        elif isinstance(item, Prepared):
            batch.effects.append(Disconnect(item.session, refuse("internal")))
            batch.end_turn()
        elif isinstance(item, Administration):
            batch.orders.append(item)

    def _take_one(self, item: Item, batch: Batch, nursery: trio.Nursery) -> None:
        if isinstance(item, Arrival):
            self._take_arrival(item, batch, nursery)
        elif isinstance(item, Departure):
            self._out.remove(item.session)
            log.debug("gone", session=item.session)
            batch.effects.extend(self._broker.close(item.session, self._now))
            batch.end_turn()
        elif isinstance(item, Prepared):
            self._take_prepared(item, batch)
        elif isinstance(item, Probe):
            item.answered.set()
        elif isinstance(item, Administration):
            item.answer = administer(self._broker, item.order, self._now, batch.effects)
            batch.orders.append(item)
            batch.end_turn(order=True)
        elif isinstance(item, Forgotten):
            self._broker.forgotten(item.firsts)
        elif isinstance(item, Stop):
            self._stopping = True
            reason = refuse("shutting_down")
            batch.effects.extend(Disconnect(session, reason, item.retry) for session in self._out.sessions())
            batch.end_turn()

    def _take_arrival(self, arrival: Arrival, batch: Batch, nursery: trio.Nursery) -> None:
        session, hello = arrival.peer.session, arrival.hello
        if self._stopping:
            arrival.refusal = refuse("shutting_down")
            self._settle_arrival(arrival)
            return
        self._broker.open(
            session,
            self._now,
            token=secrets.token_urlsafe(24),
            number=secrets.randbelow(9000),
            address=arrival.address,
        )
        if hello is None:
            self._settle_arrival(arrival)
        elif not self._prepare(session, hello, arrival, batch, nursery):
            self._greet(arrival, hello, batch, proven=None)

    def _take_prepared(self, item: Prepared, batch: Batch) -> None:
        """A request comes back from having been prepared."""
        if isinstance(item.found, Refusal):
            if item.arrival is not None:
                item.arrival.refusal = item.found
                self._broker.close(item.session, self._now)
                self._settle_arrival(item.arrival)
            else:
                batch.effects.extend(self._broker.reject(item.session, item.request.id, item.found, self._now))
                batch.end_turn()
        elif item.arrival is not None and isinstance(item.request, Hello):
            self._greet(item.arrival, item.request, batch, proven=item.found if isinstance(item.found, str) else None)
        else:
            batch.effects.extend(self._broker.handle(item.session, item.request, self._now, item.found))
            batch.end_turn(item.session, item.request.id)

    def _greet(self, arrival: Arrival, hello: Hello, batch: Batch, *, proven: str | None) -> None:
        session = arrival.peer.session
        try:
            greeted = self._broker.greet(session, hello, self._now, proven=proven)
        except Exception:  # as in _take_requests
            log.exception("request failed", session=session)
            greeted = refuse("internal")
        if isinstance(greeted, Refusal):
            arrival.refusal = greeted
            self._broker.close(session, self._now)
            self._settle_arrival(arrival)
        else:
            batch.effects.extend(greeted)
            batch.end_turn(session, "", arrival)
            self._out.add(arrival.peer)

    def _settle_arrival(self, arrival: Arrival) -> None:
        if arrival.refusal is not None:
            self.tally.refuse(arrival.refusal.code)
            name = None if arrival.hello is None else arrival.hello.name
            log.info("not admitted", code=arrival.refusal.code, name=name, address=arrival.address)
        elif arrival.hello is None:
            self._out.add(arrival.peer)
        else:
            log.debug("admitted", session=arrival.peer.session, name=arrival.hello.name, address=arrival.address)
        arrival.settled.set()

    # ---- what takes long ------------------------------------------------------------------------

    def _prepare(
        self, session: int, request: AnyRequest, arrival: Arrival | None, batch: Batch, nursery: trio.Nursery
    ) -> bool:
        """Whether a request must wait for a hash, which is then being made, or is refused for it."""
        known = self._broker.sessions.get(session)
        if known is None:
            return False
        encoded: str | None = None
        place = place_of(known.address) or f"session {session}"
        if isinstance(request, Hello) and known.person is None:
            encoded = self._broker.wants_proof(request, self._now)
            place = place_of(known.address) or f"name {(request.name or '').casefold()}"
        if encoded is None and not (isinstance(request, SetPassword) and self._broker.wants_hash(session)):
            return False
        refusal = self._passwords.begin(session, place)
        if refusal is not None:
            self._take_prepared(Prepared(session, request, refusal, arrival), batch)
        elif isinstance(request, Hello) and encoded is not None:
            nursery.start_soon(self._prove, session, place, request, arrival, encoded)
        elif isinstance(request, SetPassword):
            nursery.start_soon(self._hash, session, place, request)
        return True

    async def _hash(self, session: int, place: str, request: SetPassword) -> None:
        found: str | Refusal
        try:
            found = await self._passwords.hash(session, place, request.password)
        except Exception:  # as in _take_requests
            log.exception("password not hashed", session=session)
            found = refuse("internal")
        async with self.open_inbox() as inbox:
            await inbox.send(Prepared(session, request, found, None))

    async def _prove(self, session: int, place: str, request: Hello, arrival: Arrival | None, encoded: str) -> None:
        found: str | Refusal | None
        try:
            proven = await self._passwords.verify(session, place, encoded, request.account_password or "")
            found = encoded if proven else None
        except Exception:  # as in _take_requests
            log.exception("password not checked", session=session)
            found = refuse("internal")
        async with self.open_inbox() as inbox:
            await inbox.send(Prepared(session, request, found, arrival))

    # ---- the store ----------------------------------------------------------------------------

    async def _look_up(self, wanted: Wanted | None) -> Found:
        """What the store has of what the broker wants; nothing, if it cannot be read."""
        if wanted is None:
            return None
        try:
            if isinstance(wanted, WantsLine):
                line = await self._store.look_up(wanted.room, wanted.seq)
                if line is None:
                    return None
                event = decode_event(line.event)
                return FoundLine(line.sender, event) if isinstance(event, Message) else None
            sent = await self._store.find(wanted.sender, wanted.cid)
            return await self._look_up(wanted.answered) if sent is None else FoundSent(*sent)
        except StoreError as error:
            self._fail("not looked up", error)
            return None

    async def _commit(self, batch: Batch) -> tuple[list[Effect], list[bytes]]:
        """Store what is to be stored. Returns the effects that hold, and the frames of what they publish, in
        order: each is encoded here, once."""
        records: list[Record] = []
        frames: list[bytes] = []
        for effect in batch.effects:
            kind = type(effect)
            if kind is Publish:
                line = _line(effect)  # type: ignore[arg-type] # mypy does not narrow by type() is
                records.append(line)
                frames.append(text_frame(line.event))
            elif kind is Persist:
                records.append(effect.record)  # type: ignore[union-attr] # mypy does not narrow by type() is
        effects = batch.effects
        if records:
            self._storing_since = trio.current_time()
            try:
                await self._store.commit(records)
            except StoreError as error:
                self._fail("not stored", error, records=len(records))
                effects, frames = self._take_back(batch), []
            except Exception:  # as in _take_requests
                log.exception("not stored", records=len(records))
                effects, frames = self._take_back(batch), []
            else:
                if frames:  # what is smaller than a message may be stored where none has room
                    self.works_again()
                self.tally.messages += len(frames)
                self.stored.set()
            finally:
                self._storing_since = None
        self._broker.settle()
        for turn in batch.turns:
            if turn.arrival is not None:
                self._settle_arrival(turn.arrival)
        for order in batch.orders:
            order.settled.set()
        return effects, frames

    async def _save_last(self) -> None:
        """Store at the end what is otherwise stored now and then."""
        batch = Batch()
        batch.effects.extend(self._broker.save(self._now))
        batch.end_turn()
        await self._commit(batch)

    def _take_back(self, batch: Batch) -> list[Effect]:
        """What remains of a batch that could not be stored: refusals for what was to be stored, and all that
        was not."""
        failed: list[Failed] = []
        remaining: list[Effect] = []
        start = 0
        for turn in batch.turns:
            effects, start = batch.effects[start : turn.end], turn.end
            kept = [effect for effect in effects if not isinstance(effect, Publish | Persist)]
            if len(kept) == len(effects) or not (turn.session or turn.order):  # who has gone has gone
                remaining.extend(kept)
            elif turn.order:
                pass  # nobody is sent away by what was not done
            elif turn.arrival is not None:
                turn.arrival.refusal = refuse("not_stored")
                self._out.remove(turn.session)
            else:
                failed.append(Failed(turn.session, turn.request or ""))
        remaining = self._broker.take_back(remaining, failed)
        for turn in batch.turns:
            if turn.arrival is not None and turn.arrival.refusal is not None:
                self._broker.close(turn.session, self._now)
        for order in batch.orders:
            order.answer = refuse("not_stored")
        return remaining

    def _fail(self, what: str, error: StoreError, **more: Any) -> None:  # noqa: ANN401 - whatever the log should tell
        """Log a failure; one that goes on is logged now and then, with how often it came meanwhile."""
        now = trio.current_time()
        if str(error) == self.failing and now < self._told_until:
            self._untold += 1
            return
        if self._untold:
            more["times"] = self._untold + 1
        self.failing, self._untold, self._told_until = str(error), 0, now + _LOG_EVERY
        log.error(what, error=str(error), **more)


def _line(effect: Publish) -> Line:
    event = effect.event
    return Line(
        effect.number,
        event.seq,
        event.time,
        effect.sender,
        effect.cid,
        _TAGS[type(event)],
        effect.text,
        effect.target,
        encode(event),
    )
