"""The hub: one task between the connections and the broker.

Theory of operation. Everything that happens (a connection arrived, requests came, a connection went)
is an item on one bounded inbox. The hub takes what is there, up to a batch, asks the broker about each,
stores what is to be stored in one commit, and only then carries out the effects: so what anybody gets,
and what a sender is told, is stored. It never waits for a peer, only for the store. When a batch cannot
be stored, the broker takes back what it decided and the senders are told; what needed no storing goes on. When the
store cannot tell whether a batch is stored, the hub acknowledges nothing, takes nothing back and sends everybody away.

Order on the way out. A room's frames are gathered while the effects of a batch are carried out, and
each member's share is written with one call. So a room is *flushed* before its membership changes,
and before one of its members gets a direct answer, or order would be lost. Acknowledgements may come
late but not early: they ride behind their room's frames.

A batch goes in three steps: all its requests are charged, then the store is asked, in one call, for what the charged
ones need to know, then each is decided. What the batch itself is to store comes before what the store has, so that no
decision so far is missed. Hashing a password, which takes long, is done by a task beside the hub and comes back as an
item.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Final, NoReturn

import structlog
import trio

from trio_chat.broker import Failed
from trio_chat.broker.admin import administer
from trio_chat.broker.effects import Disconnect, Effect, Persist, Publish
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.requests import Hello, SetPassword
from trio_chat.server.hub.batch import Batch, deliveries_of
from trio_chat.server.hub.charging import Charged, charge
from trio_chat.server.hub.clock import Clock
from trio_chat.server.hub.dispatch import Dispatcher
from trio_chat.server.hub.hashing import Hashing
from trio_chat.server.hub.items import (
    Administration,
    Arrival,
    Departure,
    Forgotten,
    Item,
    Prepared,
    Probe,
    Requests,
    Stop,
)
from trio_chat.server.hub.lookup import RETRY
from trio_chat.server.hub.persistence import HubStore, Storing
from trio_chat.store import CommitRefused, CommitUnknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio_chat.broker import Broker
    from trio_chat.broker.broker import ChargedRequest
    from trio_chat.server.hub.peer import Delivery
    from trio_chat.server.tally import Tally

_BATCH: Final = 2048
"""Requests in one batch at the most: enough to gather, and a few tens of milliseconds of work."""

_BATCH_BYTES: Final = 256 * 1024
"""Bytes of requests in one batch: what one room may get at once must be far from filling an outbox."""

_INBOX: Final = 1024
"""Readings that may wait for the hub. Each is at most one socket's 64 KiB; most are one message."""

_AFTER_A_BUG: Final = 60.0
"""Seconds after which it is tried again to do what is due, when that failed as nobody expected: it stays due."""


log = structlog.get_logger()


class Hub:
    """See the module. ``clock`` gives seconds since 1970."""

    def __init__(
        self, broker: Broker, store: HubStore, tally: Tally, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.storing = Storing(store, tally)
        self._broker = broker
        self._clock = Clock(clock)
        self._now = 0.0
        self._sender, self._receiver = trio.open_memory_channel[Item](_INBOX)
        self._out = Dispatcher(store, tally, broker.names_of)
        self._hashing = Hashing(self.open_inbox)
        self._stopping = False
        self._not_due_before = 0.0
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
        """Serve the inbox until cancelled. Raises ``StoreError`` if what a new server must store cannot be."""
        async with self._receiver, trio.open_nursery() as nursery:
            self._now = self._clock()
            await self.storing.begin([effect.record for effect in self._broker.opening if isinstance(effect, Persist)])
            task_status.started()
            while True:
                first = await self._wait_item()
                started = time.perf_counter()
                self._now = self._clock()
                await self._carry_out(await self._ask(first, nursery), nursery)
                if self._stopping:
                    await self._save_last()
                self.tally.batch_seconds.observe(time.perf_counter() - started)

    async def _carry_out(self, batch: Batch, nursery: trio.Nursery) -> None:
        """Store and carry out a batch, and what follows from whom that disconnects."""
        while True:
            effects, deliveries = await self._commit(batch)
            closed = await self._out.carry_out(effects, deliveries, nursery)
            if not closed:
                return
            batch = Batch()
            for session in closed:
                batch.effects.extend(self._close(session))
            batch.end_turn()

    def _close(self, session: int) -> list[Effect]:
        """A session was disconnected: what follows for others."""
        try:
            return self._broker.close(session, self._now)
        except Exception:  # as in _take_requests
            log.exception("not seen off", session=session)
            return []

    # ---- in ---------------------------------------------------------------------------------

    async def _wait_item(self) -> Item | None:
        """The next item; ``None`` when time has come for the broker to look at its clock."""
        due = self._due()
        if due is None:
            return await self._receiver.receive()
        with trio.move_on_after(max(0.0, due - self._clock())):
            return await self._receiver.receive()
        return None

    async def _ask(self, item: Item | None, nursery: trio.Nursery) -> Batch:
        """Ask the broker about everything that is there, up to a batch."""
        batch = Batch()
        items: list[Item | Charged] = []
        if type(item) is Requests:
            self.tally.delay_seconds.observe(time.perf_counter() - item.came)
        while item is not None:
            items.append(charge(self._broker, item, batch, self._now) if type(item) is Requests else item)
            if batch.asked >= _BATCH or batch.size >= _BATCH_BYTES:
                break
            try:
                item = self._receiver.receive_nowait()
            except trio.WouldBlock:
                break
        await self.storing.look_up(batch.look_ups, batch)
        for one in items:
            if type(one) is Charged:
                await self._take_requests(one, batch, nursery)
            else:
                self._take(one, batch, nursery)  # type: ignore[arg-type] # mypy does not narrow by type() is
        due = self._due()
        if due is not None and due <= self._now:
            self._do_due(batch)
        self.tally.batch_requests.observe(batch.asked)
        return batch

    def _due(self) -> float | None:
        """When the broker next has something to do by itself."""
        if self._now < self._not_due_before:
            return self._not_due_before
        try:
            return self._broker.due()
        except Exception:  # as in _do_due
            log.exception("not known what is due")
            self._not_due_before = self._now + _AFTER_A_BUG
            return self._not_due_before

    def _do_due(self, batch: Batch) -> None:
        mark = self._broker.journal.mark()
        try:
            batch.effects.extend(self._broker.tick(self._now))
        except Exception:  # a bug of ours must not end everybody's chat
            log.exception("nothing done that was due")
            self._broker.journal.undo(mark)
            self._not_due_before = self._now + _AFTER_A_BUG
        batch.end_turn()

    async def _take_requests(self, charged: Charged, batch: Batch, nursery: trio.Nursery) -> None:
        """Decide a session's requests."""
        if self._stopping:
            return
        session, effects = charged.session, batch.effects
        try:
            for request in charged.requests:
                if isinstance(request, Refusal):
                    effects.append(Disconnect(session, request))
                    batch.end_turn()
                elif isinstance(request, tuple):
                    effects.extend(self._broker.reject(session, *request, self._now))
                    batch.end_turn()
                else:
                    await self._decide(request, batch, nursery)
        except Exception:  # a bug of ours must not end everybody's chat: this one session ends
            log.exception("request failed", session=session)
            effects.append(Disconnect(session, refuse("internal")))
            batch.end_turn()

    async def _decide(self, charged: ChargedRequest, batch: Batch, nursery: trio.Nursery) -> None:
        """Decide one request, unless its password has to be hashed first."""
        session, request, stored = charged.session.id, charged.request, None
        look_up = self._broker.look_up_for(charged)
        if look_up is not None:
            # Asked for already, but for a request that stands on what this batch decided: a hello, say, or a new name.
            await self.storing.look_up((look_up,), batch)
            if batch.refused is not None and any(batch.unknown((look_up,))):
                batch.effects.extend(self._broker.refuse(charged, batch.refused))
                batch.end_turn()
                return
            stored = batch.find(look_up)
        elif (
            charged.refusal is None
            and isinstance(request, Hello | SetPassword)
            and self._prepare(session, request, charged, batch, nursery)
        ):
            return
        batch.effects.extend(self._broker.decide(charged, self._now, stored))
        batch.end_turn(session, request.id)

    def _take(self, item: Item, batch: Batch, nursery: trio.Nursery) -> None:
        """Whatever is not requests, and the boundary that no error of it passes."""
        before, mark = (len(batch.effects), len(batch.turns)), self._broker.journal.mark()
        try:
            self._take_one(item, batch, nursery)
        except Exception:  # as in _take_requests
            log.exception("item failed", kind=type(item).__name__)
            del batch.effects[before[0] :], batch.turns[before[1] :]
            self._broker.journal.undo(mark)
            self._give_up(item, batch)

    def _give_up(self, item: Item, batch: Batch) -> None:
        """Tell whoever waits for an item that nothing comes of it."""
        arrival = item.origin if isinstance(item, Prepared) else item
        if isinstance(arrival, Arrival):
            self._broker.close(arrival.peer.session, self._now)
            self._settle_arrival(arrival, refuse("internal"))
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
            self._settle_arrival(arrival, refuse("shutting_down"))
            return
        self._broker.open(
            session,
            self._now,
            token=secrets.token_urlsafe(24),
            number=secrets.randbelow(9000),
            address=arrival.address,
        )
        if hello is None:
            self._settle_arrival(arrival, None)
        elif not self._prepare(session, hello, arrival, batch, nursery):
            self._greet(arrival, hello, batch, proven=None)

    def _take_prepared(self, item: Prepared, batch: Batch) -> None:
        """A request comes back from having its password hashed."""
        origin, found = item.origin, item.found
        if not isinstance(origin, Arrival):
            if isinstance(found, Refusal):
                batch.effects.extend(self._broker.refuse(origin, found))
                batch.end_turn()
            else:
                batch.effects.extend(self._broker.decide(origin, self._now, password_hash=found))
                batch.end_turn(item.session, item.request.id)
            return
        if self._stopping:
            found = refuse("shutting_down")
        if isinstance(found, Refusal):
            self._broker.close(item.session, self._now)
            self._settle_arrival(origin, found)
        elif isinstance(item.request, Hello):
            self._greet(origin, item.request, batch, proven=found)

    def _greet(self, arrival: Arrival, hello: Hello, batch: Batch, *, proven: str | None) -> None:
        session = arrival.peer.session
        try:
            greeted = self._broker.greet(session, hello, self._now, proven=proven)
        except Exception:  # as in _take_requests
            log.exception("request failed", session=session)
            greeted = refuse("internal")
        if isinstance(greeted, Refusal):
            self._broker.close(session, self._now)
            self._settle_arrival(arrival, greeted)
        else:
            batch.effects.extend(greeted)
            batch.end_turn(session, "", arrival)
            self._out.add(arrival.peer)

    def _settle_arrival(self, arrival: Arrival, refusal: Refusal | None) -> None:
        if refusal is not None:
            self.tally.refuse(refusal.code)
            name = None if arrival.hello is None else arrival.hello.name
            log.info("not admitted", code=refusal.code, name=name, address=arrival.address)
            arrival.peer.refuse(refusal)
            return
        if arrival.hello is None:
            self._out.add(arrival.peer)
        else:
            log.debug("admitted", session=arrival.peer.session, name=arrival.hello.name, address=arrival.address)
        arrival.peer.admit()

    # ---- what takes long ------------------------------------------------------------------------

    def _prepare(
        self,
        session: int,
        request: Hello | SetPassword,
        origin: Arrival | ChargedRequest,
        batch: Batch,
        nursery: trio.Nursery,
    ) -> bool:
        """Whether a request must wait for a hash, which is then being made, or is refused for it."""
        known = self._broker.sessions.get(session)
        if known is None:
            return False
        encoded: str | None = None
        if isinstance(request, Hello) and known.person is None:
            encoded = self._broker.wants_proof(request, self._now)
            if encoded is None:
                return False
        elif not isinstance(request, SetPassword) or not self._broker.wants_hash(session):
            return False
        refusal = self._hashing.begin(known, request, encoded, origin, nursery)
        if refusal is not None:
            self._take_prepared(Prepared(session, request, refusal, origin), batch)
        return True

    # ---- the store ----------------------------------------------------------------------------

    async def _commit(self, batch: Batch) -> tuple[list[Effect], list[Delivery]]:
        """Store what is to be stored. Returns the effects that hold, and the deliveries of what they tell rooms."""
        effects, outcome = batch.effects, None
        try:
            records, deliveries, lines = batch.prepare()
        except Exception:  # as in _take_requests
            log.exception("not stored", effects=len(effects))
            effects = self._take_back(batch)
            deliveries = deliveries_of(effects)
        else:
            if records:
                outcome = await self.storing.commit(records, lines)
            if isinstance(outcome, CommitUnknown):
                effects, deliveries = self._step_down(batch), []
            elif isinstance(outcome, CommitRefused):
                effects = self._take_back(batch)
                deliveries = deliveries_of(effects)
        self._broker.settle()
        for turn in batch.turns:
            if turn.arrival is not None:
                self._settle_arrival(turn.arrival, batch.not_admitted.get(turn.session))
        for order in batch.orders:
            order.settled.set()
        return effects, deliveries

    def _step_down(self, batch: Batch) -> list[Effect]:
        """End the chat after a commit whose outcome is unknown.

        Nothing of the batch is acknowledged or delivered, and nothing is taken back: either could be wrong. All
        clients are told to come back; a server that has read the store anew then knows what is stored.
        """
        self._stopping = True
        reason = refuse("shutting_down")
        for turn in batch.turns:
            if turn.arrival is not None:
                batch.not_admitted[turn.session] = reason
                self._out.remove(turn.session)
        for order in batch.orders:
            order.answer = reason
        return [Disconnect(session, reason, RETRY) for session in self._out.sessions()]

    async def _save_last(self) -> None:
        """Store at the end what is otherwise stored now and then."""
        batch = Batch()
        try:
            batch.effects.extend(self._broker.save(self._now))
        except Exception:  # as in _take_requests
            log.exception("not saved")
        batch.end_turn()
        await self._commit(batch)

    def _take_back(self, batch: Batch) -> list[Effect]:
        """What remains of a batch that could not be stored: refusals for what was to be stored, and all that
        was not."""
        try:
            failed, remaining = self._sort_out(batch)
            remaining = self._broker.take_back(remaining, failed)
            reason = refuse("not_stored")
        except Exception:  # nobody knows any more what holds: whoever asked for any of it is sent away
            log.exception("not taken back")
            self._broker.journal.undo()
            remaining = [Disconnect(turn.session, refuse("internal")) for turn in batch.turns if turn.session]
            reason = refuse("internal")
            for turn in batch.turns:
                if turn.arrival is not None:
                    batch.not_admitted[turn.session] = reason
                    self._out.remove(turn.session)
        for session in batch.not_admitted:
            self._close(session)
        for order in batch.orders:
            order.answer = reason
        return remaining

    def _sort_out(self, batch: Batch) -> tuple[list[Failed], list[Effect]]:
        """Which requests of a batch that could not be stored failed by that, and the effects that needed no storing."""
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
                batch.not_admitted[turn.session] = refuse("not_stored")
                self._out.remove(turn.session)
            else:
                failed.append(Failed(turn.session, turn.request or ""))
        return failed, remaining
