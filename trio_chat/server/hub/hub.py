"""The hub: one task between the doors and the broker.

Theory of operation. Everything that happens (a session arrives, sends requests, goes) is an item on one bounded inbox.
The hub takes the waiting items, up to a batch, asks the broker about each, stores the records of the batch in one
commit, and only then carries out the effects. So every event that a peer gets, and every acknowledgement, is stored.
The hub never waits for a peer, only for the store. When a batch cannot be stored, the broker undoes its decisions and
the senders are told; effects that needed no storing go on. When the store cannot tell whether a batch is stored, the
hub acknowledges nothing, undoes nothing and disconnects everybody.

The hub knows no protocol. Doors decode the requests, and peers write events and answers: see
:mod:`trio_chat.server.hub.peer`. A room's events are gathered while the effects of a batch are carried out, and each
member gets its share in one call; :mod:`trio_chat.server.hub.dispatch` says what keeps them in order.

A batch takes three steps: all its requests are charged, then the store is asked in one call for the facts that the
charged requests need, then each request is decided. Facts from the batch itself come before those from the store, so
no decision so far is missed. A task beside the hub hashes passwords, which takes long, and puts the requests back.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Final, NoReturn

import structlog
import trio

from trio_chat.broker.admin import administer
from trio_chat.broker.broker import ChargedRequest
from trio_chat.broker.effects import Disconnect, Effect, Persist
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.requests import Hello, SetPassword
from trio_chat.server.hub.batch import Batch, deliveries_of
from trio_chat.server.hub.charging import Charged, charge, is_full
from trio_chat.server.hub.clock import Clock
from trio_chat.server.hub.dispatch import Dispatcher
from trio_chat.server.hub.file_orders import ask_file, count_files_anew, find_files, take_file_order
from trio_chat.server.hub.hashing import MAY_HASH, Hashing
from trio_chat.server.hub.items import (
    Administration,
    Arrival,
    Departure,
    HashedRequest,
    Item,
    LogsTrimmed,
    PendingFileOrder,
    Probe,
    Requests,
    Stop,
)
from trio_chat.server.hub.peer import RETRY
from trio_chat.server.hub.persistence import HubStore, Persistence
from trio_chat.server.refusals import Refusals
from trio_chat.store import CommitRefused, CommitUnknown, FileRecords

if TYPE_CHECKING:
    from trio_chat.broker import Broker
    from trio_chat.broker.file_orders import FileOrder
    from trio_chat.records import SaveFile
    from trio_chat.server.hub.peer import Delivery
    from trio_chat.server.tally import Tally

_INBOX: Final = 1024
"""Items that may wait for the hub. Each is at most 64 KiB of requests; most are one message."""

_AFTER_A_BUG: Final = 60.0
"""Seconds until the broker's due work is tried again that failed by a bug: it stays due."""

log = structlog.get_logger()


class Hub:
    """See the module."""

    def __init__(self, broker: Broker, store: HubStore, tally: Tally, clock: Clock | None = None) -> None:
        self.storing = Persistence(store, tally)
        self._broker = broker
        self.files: FileRecords = store
        self._clock = clock or Clock()
        self._now = 0.0
        self._sender, self._receiver = trio.open_memory_channel[Item](_INBOX)
        self._out = Dispatcher(store, tally, broker.names_of)
        self._hashing = Hashing(self.open_inbox)
        self._stopping = False
        self._not_due_before = 0.0
        self._rest: Requests | None = None  # of the last item, which the batch had no place for
        self.tally = tally
        self.refusals = Refusals(tally)

    def __repr__(self) -> str:
        return f"<Hub {self.waiting} items waiting, {self._out!r}>"

    @property
    def broker(self) -> Broker:
        """The broker that this hub asks. Only read it."""
        return self._broker

    @property
    def waiting(self) -> int:
        """The number of items on the inbox."""
        return self._receiver.statistics().current_buffer_used

    @property
    def outbox_bytes(self) -> int:
        """The bytes that wait for their peers."""
        return self._out.outbox_bytes

    def open_inbox(self) -> trio.MemorySendChannel[Item]:
        """Return a sending end of the inbox, which the caller closes."""
        return self._sender.clone()

    async def probe(self) -> None:
        """Return when the hub has reached an item that is put on the inbox now."""
        probe = Probe()
        async with self.open_inbox() as inbox:
            await inbox.send(probe)
            await probe.answered.wait()

    async def ask_file(self, order: FileOrder) -> SaveFile | Refusal:
        """Decide an order of the door for files; see :func:`~trio_chat.server.hub.file_orders.ask_file`."""
        async with self.open_inbox() as inbox:
            return await ask_file(inbox, self.files, order)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> NoReturn:
        """Serve the inbox until cancelled. Raises ``StoreError`` if a new server's first records cannot be stored."""
        async with self._receiver, trio.open_nursery() as nursery:
            self._now = self._broker.set_time(*self._clock.read())
            await self.storing.begin([effect.record for effect in self._broker.opening if isinstance(effect, Persist)])
            nursery.start_soon(self.refusals.run)
            task_status.started()
            while True:
                first = await self._wait_item()
                started = time.perf_counter()
                self._now = self._broker.set_time(*self._clock.read())
                batch = await self._ask(first, nursery)
                await self._carry_out(batch, nursery)
                self._out.release(batch.charged)
                if self._stopping:
                    await self._save_last()
                self.tally.batch_seconds.observe(time.perf_counter() - started)

    async def _carry_out(self, batch: Batch, nursery: trio.Nursery) -> None:
        """Store and carry out a batch, and then what follows for others from the sessions that it disconnects."""
        while True:
            effects, deliveries = await self._commit(batch)
            closed = await self._out.carry_out(effects, deliveries, nursery) + batch.reopened(self._broker.sessions)
            if not closed:
                return
            batch = Batch()
            for session in closed:
                batch.effects.extend(self._close(session))
            batch.end_request()

    def _close(self, session: int) -> list[Effect]:
        """Return the effects for others of a session that was disconnected."""
        try:
            return self._broker.close(session, self._now)
        except Exception:  # as in _take_requests
            log.exception("not seen off", session=session)
            return []

    # ---- in ---------------------------------------------------------------------------------

    async def _wait_item(self) -> Item | None:
        """Wait for the next item; ``None`` when the broker has due work."""
        rest, self._rest = self._rest, None
        if rest is not None:
            await trio.lowlevel.checkpoint()
            return rest
        due = self._due()
        if due is None:
            return await self._receiver.receive()
        with trio.move_on_after(max(0.0, due - self._clock())):
            return await self._receiver.receive()
        return None

    async def _ask(self, item: Item | None, nursery: trio.Nursery) -> Batch:
        """Ask the broker about all waiting items, up to a batch."""
        batch = Batch()
        items: list[Item | Charged] = []
        if type(item) is Requests:
            self.tally.delay_seconds.observe(time.perf_counter() - item.came)
        while item is not None:
            if type(item) is Requests:
                items.append(charged := charge(self._broker, item, batch, self._now))
                self._rest = charged.rest
            elif type(item) is not Arrival or self._open(item):
                items.append(item)
            if is_full(batch):
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
                if isinstance(one, Administration):
                    await find_files(self._broker, self.files, one)
                self._take(one, batch, nursery)  # type: ignore[arg-type] # mypy does not narrow by type() is
        due = self._due()
        if due is not None and due <= self._now:
            self._do_due(batch)
        self.tally.batch_requests.observe(batch.asked)
        return batch

    def _due(self) -> float | None:
        """Return the time of the broker's next due work."""
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
        batch.end_request()

    async def _take_requests(self, charged: Charged, batch: Batch, nursery: trio.Nursery) -> None:
        """Decide a session's requests."""
        if self._stopping:
            return
        session, decide = charged.session, self._broker.decide
        try:
            for request in charged.requests:
                if isinstance(request, ChargedRequest):
                    if request.may_look_up or type(request.request) in MAY_HASH:
                        await self._decide_prepared(request, batch, nursery)
                    else:
                        batch.effects.extend(decide(request, self._now))
                        batch.end_request(session, request.request.id)
                elif isinstance(request, Refusal):
                    batch.effects.append(Disconnect(session, request))
                    batch.end_request()
                else:
                    batch.effects.extend(self._broker.reject(session, *request, self._now, charged.extra))
                    batch.end_request()
        except Exception:  # a bug of ours must not end everybody's chat: this one session ends
            log.exception("request failed", session=session)
            batch.effects.append(Disconnect(session, refuse("internal")))
            batch.end_request()

    async def _decide_prepared(self, charged: ChargedRequest, batch: Batch, nursery: trio.Nursery) -> None:
        """Decide one request by what the store has, unless its password has to be hashed first."""
        session, request, stored = charged.session.id, charged.request, None
        look_up = self._broker.look_up_for(charged)
        if look_up is not None:
            # Asked for already, but for a request that stands on what this batch decided: a hello, say, or a new name.
            await self.storing.look_up((look_up,), batch)
            if batch.refused is not None and any(batch.unknown((look_up,))):
                batch.effects.extend(self._broker.refuse(charged, batch.refused))
                batch.end_request()
                return
            stored = batch.find(look_up)
        elif (
            charged.refusal is None
            and isinstance(request, Hello | SetPassword)
            and self._hash_first(session, request, charged, batch, nursery)
        ):
            return
        batch.effects.extend(self._broker.decide(charged, self._now, stored))
        batch.end_request(session, request.id)

    def _take(self, item: Item, batch: Batch, nursery: trio.Nursery) -> None:
        """Take an item other than requests, and let none of its errors past."""
        before, mark = (len(batch.effects), len(batch.decided)), self._broker.journal.mark()
        try:
            self._take_one(item, batch, nursery)
        except Exception:  # as in _take_requests
            log.exception("item failed", kind=type(item).__name__)
            del batch.effects[before[0] :], batch.decided[before[1] :]
            self._broker.journal.undo(mark)
            self._give_up(item, batch)

    def _give_up(self, item: Item, batch: Batch) -> None:
        """Tell the sender of an item that it failed."""
        arrival = item.origin if isinstance(item, HashedRequest) else item
        if isinstance(arrival, Arrival):
            self._turn_away(arrival, refuse("internal"))
        elif isinstance(item, HashedRequest):
            batch.effects.append(Disconnect(item.session, refuse("internal")))
            batch.end_request()
        elif isinstance(item, Administration | PendingFileOrder):
            batch.orders.append(item)

    def _take_one(self, item: Item, batch: Batch, nursery: trio.Nursery) -> None:
        if isinstance(item, Arrival):
            self._take_arrival(item, batch, nursery)
        elif isinstance(item, Departure):
            self._out.remove(item.session)
            batch.departed.append(item.session)
            log.debug("gone", session=item.session)
            batch.effects.extend(self._broker.close(item.session, self._now))
            batch.end_request()
        elif isinstance(item, HashedRequest):
            self._take_hashed(item, batch)
        elif isinstance(item, Probe):
            item.answered.set()
        elif isinstance(item, Administration):
            if item.answer is None:
                item.answer = administer(self._broker, item.order, self._now, batch.effects, item.found)
            batch.orders.append(item)
            batch.end_request(order=True)
        elif isinstance(item, PendingFileOrder):
            take_file_order(self._broker, item, batch, self._now, stopping=self._stopping)
        elif isinstance(item, LogsTrimmed):
            self._broker.forgotten(item.firsts)
        elif isinstance(item, Stop):
            self._stopping = True
            reason = refuse("shutting_down")
            batch.effects.extend(Disconnect(session, reason, item.retry) for session in self._out.sessions())
            batch.end_request()

    def _open(self, arrival: Arrival) -> bool:
        """Open a session while its batch gathers, so that its requests in the same batch can be charged."""
        try:
            token, number = secrets.token_urlsafe(24), secrets.randbelow(9000)
            self._broker.open(arrival.peer.session, self._now, token=token, number=number, address=arrival.address)
        except Exception:  # as in _take_requests
            log.exception("item failed", kind="Arrival")
            self._settle_arrival(arrival, refuse("internal"))
            return False
        return True

    def _take_arrival(self, arrival: Arrival, batch: Batch, nursery: trio.Nursery) -> None:
        session, hello = arrival.peer.session, arrival.hello
        if self._stopping:
            self._turn_away(arrival, refuse("shutting_down"))
            return
        if hello is None:
            self._settle_arrival(arrival, None)
            return
        refusal = self._broker.charge_arrival(session, self._now)
        if refusal is not None:
            self._turn_away(arrival, refusal)
        elif not self._hash_first(session, hello, arrival, batch, nursery):
            self._greet(arrival, hello, batch, proven=None)

    def _take_hashed(self, item: HashedRequest, batch: Batch) -> None:
        """Go on with a request whose password was hashed."""
        origin, found = item.origin, item.found
        if not isinstance(origin, Arrival):
            if isinstance(found, Refusal):
                batch.effects.extend(self._broker.refuse(origin, found))
                batch.end_request()
            else:
                batch.effects.extend(self._broker.decide(origin, self._now, password_hash=found))
                batch.end_request(item.session, item.request.id)
            return
        if self._stopping:
            found = refuse("shutting_down")
        if isinstance(found, Refusal):
            self._turn_away(origin, found)
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
            self._turn_away(arrival, greeted)
        else:
            batch.effects.extend(greeted)
            batch.end_request(session, "", arrival)
            self._out.add(arrival.peer)

    def _turn_away(self, arrival: Arrival, refusal: Refusal) -> None:
        self._broker.close(arrival.peer.session, self._now)
        self._settle_arrival(arrival, refusal)

    def _settle_arrival(self, arrival: Arrival, refusal: Refusal | None) -> None:
        if refusal is not None:
            self.refusals.note("not admitted", refusal.code, arrival.address, name=arrival.hello and arrival.hello.name)
            arrival.peer.refuse(refusal)
            return
        if arrival.hello is None:
            self._out.add(arrival.peer)
        else:
            log.debug("admitted", session=arrival.peer.session, name=arrival.hello.name, address=arrival.address)
        arrival.peer.admit()

    # ---- what takes long ------------------------------------------------------------------------

    def _hash_first(
        self,
        session: int,
        request: Hello | SetPassword,
        origin: Arrival | ChargedRequest,
        batch: Batch,
        nursery: trio.Nursery,
    ) -> bool:
        """Say whether a request must wait for a hash, which is then begun, or was refused because none can be begun."""
        known = self._broker.sessions.get(session)
        if known is None:
            return False
        encoded: str | None = None
        if isinstance(request, Hello) and known.person is None:
            encoded = self._broker.wants_proof(request, self._now, known.address)
            if encoded is None:
                return False
        elif not isinstance(request, SetPassword) or not self._broker.wants_hash(session):
            return False
        refusal = self._hashing.begin(known, request, encoded, origin, nursery)
        if refusal is not None:
            self._take_hashed(HashedRequest(session, request, refusal, origin), batch)
        return True

    # ---- the store ----------------------------------------------------------------------------

    async def _commit(self, batch: Batch) -> tuple[list[Effect], list[Delivery]]:
        """Store a batch. Returns the effects that hold, and their deliveries to rooms."""
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
        if self._broker.uploads.is_stale:
            await count_files_anew(self._broker, self.files)
        for part in batch.decided:
            if part.arrival is not None:
                self._settle_arrival(part.arrival, batch.not_admitted.get(part.session))
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
        for part in batch.decided:
            if part.arrival is not None:
                batch.not_admitted[part.session] = reason
                self._out.remove(part.session)
        for order in batch.orders:
            order.fail(reason)
        return [Disconnect(session, reason, RETRY) for session in self._out.sessions()]

    async def _save_last(self) -> None:
        """Store at the end the records that are otherwise stored now and then."""
        batch = Batch()
        try:
            batch.effects.extend(self._broker.save(self._now))
        except Exception:  # as in _take_requests
            log.exception("not saved")
        batch.end_request()
        await self._commit(batch)

    def _take_back(self, batch: Batch) -> list[Effect]:
        """Undo a batch that could not be stored. Returns the effects that are left: refusals of the requests that were
        to be stored, and all effects that needed no storing."""
        try:
            failed, remaining = batch.sort_out()
            for session in batch.not_admitted:
                self._out.remove(session)
            remaining = self._broker.take_back(remaining, failed)
            reason = refuse("not_stored")
        except Exception:  # it is unknown which decisions hold: the sessions that asked are disconnected
            log.exception("not taken back")
            self._broker.journal.undo()
            remaining = [Disconnect(part.session, refuse("internal")) for part in batch.decided if part.session]
            reason = refuse("internal")
            for part in batch.decided:
                if part.arrival is not None:
                    batch.not_admitted[part.session] = reason
                    self._out.remove(part.session)
        for session in batch.not_admitted:
            self._close(session)
        for order in batch.orders:
            order.fail(reason)
        return remaining
