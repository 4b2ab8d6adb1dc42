"""A store that cannot tell whether a batch is stored: the server acknowledges nothing, takes nothing back and ends."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from functools import partial

import pytest
import trio

from tests.server.live_server import GateStore, LiveServer, Log, Serve, run_live_server
from tests.server.raw_client import until
from trio_chat.broker.admin import Order
from trio_chat.config import ServerConfig
from trio_chat.errors import StoreError
from trio_chat.records import Record
from trio_chat.server.hub.items import Administration
from trio_chat.store import CommitOutcome, CommitUnknown, MemoryStore

WHY = "The connection to the database was lost."


class UncertainStore(GateStore):
    """Answers a commit with "unknown" while it is ``uncertain``; ``keeps`` tells whether it then stores the records."""

    def __init__(self, *, keeps: bool) -> None:
        super().__init__()
        self.uncertain = False
        self._keeps = keeps

    async def commit(self, records: Sequence[Record]) -> CommitOutcome:
        if not self.uncertain:
            return await super().commit(records)
        if self._keeps:
            await MemoryStore.commit(self, records)
        self.commits.append(list(records))
        if self._gate is not None:
            await self._gate.wait()
        return CommitUnknown(WHY)


@contextlib.asynccontextmanager
async def server_that_ends(store: UncertainStore, logged: Log) -> AsyncIterator[LiveServer]:
    """A server that ends inside the block, because its store could not tell the outcome of a commit."""
    config = ServerConfig(port=0, rate=0.0, memory=True)
    with pytest.RaisesGroup(
        pytest.RaisesExc(StoreError, match=rf"not known whether the last messages are stored: {WHY} Start"),
        flatten_subgroups=True,
    ):
        async with trio.open_nursery() as nursery:
            live: LiveServer = await nursery.start(partial(run_live_server, config, store=store))
            yield live
            live.send_everyone_away()
    entry = logged.take("not known whether stored")
    assert entry["log_level"] == "critical"
    assert entry["error"] == WHY


@pytest.mark.parametrize("keeps", [True, False])
async def test_nothing_is_acknowledged_or_taken_back_and_all_clients_are_told_to_come_back(
    serve: Serve, logged: Log, *, keeps: bool
) -> None:
    store = UncertainStore(keeps=keeps)
    async with server_that_ends(store, logged) as live:
        ada, bob = await live.join_all("ada", "bob")
        assert (await ada.say("before"))["seq"] == 1
        await bob.until("message", text="before")
        committed = len(store.commits)
        store.uncertain = True
        await ada.send_request("send", id="x1", room="#lobby", text="perhaps")
        for client in (ada, bob):
            events, code, _ = await client.wait_closed()
            assert code == 1001
            (closing,) = [event for event in events if event["type"] == "closing"]
            assert (closing["code"], closing["retry"]) == ("shutting_down", 2.0)
            assert not [event for event in events if event["type"] in {"ok", "error"} or event.get("text") == "perhaps"]
        assert len(store.commits) == committed + 1
    assert len(store.commits) == committed + 1

    store.uncertain = False
    live = await serve(store=store)
    again = await live.join("ada", token=ada.token)
    answer = await again.ask("send", id="x1", room="#lobby", text="perhaps", again=True)
    assert (answer["type"], answer["seq"]) == ("ok", 2)
    page = await again.ask("history", room="#lobby", after=0)
    assert [event["text"] for event in page["events"] if event["type"] == "message"] == ["before", "perhaps"]


async def test_what_came_meanwhile_is_not_done(logged: Log) -> None:
    store = UncertainStore(keeps=False)
    async with server_that_ends(store, logged) as live:
        ada, bob = await live.join_all("ada", "bob")
        store.uncertain = True
        store.shut()
        await ada.send_request("send", room="#lobby", text="perhaps")
        await until(lambda: store.batches)
        await bob.send_request("send", room="#lobby", text="too late")
        newcomer = await live.knock()
        order = Administration(Order("reset-name", "bob"))
        async with trio.open_nursery() as nursery, live.server.hub.open_inbox() as inbox:
            refused = trio.Event()

            async def knock() -> None:
                answer = await newcomer.upgrade({"Username": "eve"})
                assert answer.status == 503
                refused.set()

            nursery.start_soon(knock)
            await inbox.send(order)
            store.release()
            await refused.wait()
            await order.settled.wait()
        assert "shutting down" in str(order.answer)
        for client in (ada, bob):
            events, _, _ = await client.wait_closed()
            assert not [event for event in events if event["type"] in {"ok", "message"}]
    assert [[line.text for line in batch] for batch in store.batches] == [["perhaps"]]


async def test_arrivals_and_orders_in_a_batch_of_unknown_outcome_are_refused(logged: Log) -> None:
    store = UncertainStore(keeps=False)
    async with server_that_ends(store, logged) as live:
        (ada,) = await live.join_all("ada")
        store.uncertain = True
        newcomer = await live.knock()
        answer = await newcomer.upgrade({"Username": "eve"})
        assert answer.status == 503
        events, _, _ = await ada.wait_closed()
        assert [event["type"] for event in events] == ["closing"]
        # ada was closed and eve refused, once each: a close of what is to be answered could cut the answer off
        assert live.server.hub.tally.refusals["shutting_down"] == 2


async def test_an_order_in_the_uncertain_batch_is_refused(logged: Log) -> None:
    store = UncertainStore(keeps=False)
    async with server_that_ends(store, logged) as live:
        await live.join_all("ada")
        store.uncertain = True
        order = Administration(Order("promote", "ada"))
        async with live.server.hub.open_inbox() as inbox:
            await inbox.send(order)
            await order.settled.wait()
        assert "shutting down" in str(order.answer)


async def test_a_new_server_whose_first_records_have_an_unknown_outcome_does_not_begin(logged: Log) -> None:
    store = UncertainStore(keeps=True)
    store.uncertain = True
    with pytest.RaisesGroup(pytest.RaisesExc(StoreError, match=WHY), flatten_subgroups=True):
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(run_live_server, ServerConfig(port=0, memory=True), store=store))
