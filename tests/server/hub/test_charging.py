"""A batch is charged first, has a greatest size, and then asks the store once for the facts that it needs."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from tests.server.hub.fake_peer import FakePeer
from tests.server.hub.test_hub import gather
from tests.server.live_server import Log, Serve
from tests.server.raw_client import frame, request
from trio_chat.errors import StoreError
from trio_chat.protocol.events import Welcome
from trio_chat.protocol.requests import Hello
from trio_chat.server.hub.items import Arrival, Departure, Requests
from trio_chat.store import MemoryStore

virtual = {"clock": lambda: 1e9 + trio.current_time()}
"""The server's clock goes with the test's."""


class LookUps:
    """Counts what a store is asked in each call."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[int, int]] = []
        look_up_many = MemoryStore.look_up_many

        async def counted(store: MemoryStore, lines: Any, sent: Any) -> Any:
            self.calls.append((len(lines), len(sent)))
            return await look_up_many(store, lines, sent)

        monkeypatch.setattr(MemoryStore, "look_up_many", counted)


async def test_the_store_is_asked_once_for_all_that_the_requests_of_a_batch_need(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = await serve()
    ada = await live.join("ada")
    for text in ("one", "two", "three"):
        await ada.say(text)
    look_ups = LookUps(monkeypatch)
    await ada.send(
        request("edit", "e", room="#lobby", target=1, text="uno")
        + request("react", "r", room="#lobby", target=1, mark="+1")
        + request("send", "s", room="#lobby", text="four", reply_to=2, again=True)
        + request("delete", "d", room="#lobby", target=3)
        + request("send", "plain", room="#lobby", text="five")
    )
    assert {(await ada.next_answer())["type"] for _ in range(5)} == {"ok"}
    assert look_ups.calls == [(3, 1)]
    await ada.send(request("ping", "p"))
    await ada.next_answer()
    assert look_ups.calls == [(3, 1)]


async def test_a_request_that_is_refused_by_the_charge_is_not_looked_up(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = await serve(rate=1.0, burst=10)
    ada = await live.join("ada")
    await ada.say("tea?")
    look_ups = LookUps(monkeypatch)
    await ada.send(b"".join(request("edit", f"e{n}", room="#lobby", target=n, text="x") for n in range(1, 21)))
    answers = [await ada.next_answer() for _ in range(20)]
    refused = [answer.get("code") for answer in answers].count("too_fast")
    assert refused >= 10
    assert sum(lines for lines, _ in look_ups.calls) == 20 - refused


async def test_a_request_that_stands_on_what_its_batch_decides_is_looked_up_when_its_turn_comes(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    direct = (await ada.ask("send", to=["bob"], text="psst"))["room"]
    look_ups = LookUps(monkeypatch)
    await bob.send(
        request("nick", "n", name="eve")
        + request("send", "s", to=["bob", "ada"], text="to nobody", reply_to=1)
        + request("edit", "e", room="#lobby", target=9, text="x")
    )
    await bob.send(request("nick", "m", name="bob") + request("send", "t", to=["ada"], text="yes?", reply_to=1))
    answers = {answer["id"]: answer for answer in [await bob.next_answer() for _ in range(5)]}
    assert answers["s"]["code"] == "unknown_person"
    assert answers["e"]["code"] == "unknown_message"
    assert (answers["t"]["type"], answers["t"]["room"]) == ("ok", direct)
    assert len(look_ups.calls) <= 3


async def test_a_store_that_fails_is_asked_once_for_all_requests_of_a_batch(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    live = await serve()
    ada = await live.join("ada")
    await ada.say("tea?")
    asked = []

    async def fail(_: MemoryStore, lines: Any, sent: Any) -> Any:
        asked.append(len(lines) + len(sent))
        raise StoreError("The disk is gone.")

    with monkeypatch.context() as broken:
        broken.setattr(MemoryStore, "look_up_many", fail)
        changes = [request("react", f"r{n}", room="#lobby", target=1 + n, mark="+1") for n in range(20)]
        await ada.send(b"".join(changes))
        answers = [await ada.next_answer() for _ in range(20)]
    assert {answer["code"] for answer in answers} == {"not_looked_up"}
    assert asked == [20]
    logged.take("not looked up")


class AdmittedPeer(FakePeer):
    """A peer that is let in."""

    def admit(self) -> None:
        return None


async def test_a_session_can_ask_in_the_batch_in_which_it_arrives(serve: Serve) -> None:
    live = await serve()
    peer = AdmittedPeer(session=4000)
    with live.server.hub.open_inbox() as inbox:
        inbox.send_nowait(Arrival(peer, None, "127.0.0.1"))
        inbox.send_nowait(Requests(peer.session, [Hello(id="h", name="ada")], 0.0, 40))
        await live.server.hub.probe()
        assert isinstance(peer.got[0], Welcome)
        await inbox.send(Departure(peer.session))


# ---- the greatest size of a batch -----------------------------------------------------------------


async def test_direct_messages_to_many_are_decided_a_few_at_a_time_and_in_order(serve: Serve) -> None:
    queue, clients = await gather(serve, *(f"bob{n}" for n in range(11)))
    ada, bob = clients[0], clients[1]
    people = [client.name for client in clients[1:]]
    await ada.ask("send", to=people, text="begin")
    await queue.begin()
    await queue.add(ada, b"".join(request("send", f"m{n}", to=people, text=str(n)) for n in range(30)))
    await queue.add(bob, request("send", "b", room="#lobby", text="hello"))
    queue.end()
    assert [(await ada.next_answer())["id"] for _ in range(30)] == [f"m{n}" for n in range(30)]
    sizes = [len(batch) for batch in queue.store.batches[2:]]
    assert sizes == [13, 13, 5], "a recipient counts as much as 2048 bytes; the last four leave place for another item"
    told = [await bob.until("message") for _ in range(33)]
    assert [event["text"] for event in told] == ["begin", "hold", *map(str, range(30)), "hello"]


async def test_no_request_of_items_that_are_continued_in_later_batches_is_lost(serve: Serve) -> None:
    queue, clients = await gather(serve, *(f"bob{n}" for n in range(12)))
    people = [client.name for client in clients[2:]]
    for client in clients[:2]:
        await client.ask("send", to=people, text="begin")
    await queue.begin()
    for client in clients[:2]:
        many = (request("send", f"m{n}", to=people, text=str(n), pad="x" * 500) for n in range(60))
        await queue.add(client, b"".join(many))
    queue.end()
    for client in clients[:2]:
        assert [(await client.next_answer())["id"] for _ in range(60)] == [f"m{n}" for n in range(60)]


async def test_a_batch_ends_with_the_item_that_brings_it_to_its_greatest_number_of_bytes(serve: Serve) -> None:
    queue, (bob, *others) = await gather(serve, *(f"bob{number}" for number in range(11)))
    await queue.begin()
    for number, other in enumerate(others):
        await queue.add(other, request("send", f"a{number}", room="#lobby", text="x" * 7000, pad="x" * 50_000))
    await queue.add(bob, request("send", "b", room="#lobby", text="hello"))
    queue.end()
    await bob.until("message", text="hello")
    assert [len(batch) for batch in queue.store.batches[1:]] == [5, 5, 1]


async def test_a_batch_ends_at_its_greatest_number_of_requests_also_within_an_item(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trio_chat.server.hub.charging._BATCH", 100)
    queue, (ada, bob) = await gather(serve, "ada", "bob")
    await queue.begin()
    await queue.add(ada, b"".join(request("send", f"a{n}", room="#lobby", text="x") for n in range(250)))
    await queue.add(bob, request("send", "b", room="#lobby", text="hello"))
    queue.end()
    await bob.until("message", text="hello")
    assert [len(batch) for batch in queue.store.batches[1:]] == [100, 100, 51]


# ---- bytes ----------------------------------------------------------------------------------------


async def test_the_bytes_of_requests_are_charged_and_not_only_their_number(
    serve: Serve, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve(rate=1.0, burst=40.0, **virtual)
    ada = await live.join("ada")
    for answer, frames in (
        ("pong", b"".join(request("ping", f"p{n}", pad="x" * 8100) for n in range(20))),
        ("error", frame(b"x" * 8192) * 20),
    ):
        mock_clock.jump(1000)
        before = trio.current_time()
        mock_clock.autojump_threshold = 0.05
        await ada.send(frames)
        for _ in range(20):
            await ada.until(answer)
        mock_clock.autojump_threshold = float("inf")
        assert trio.current_time() - before > 20 * 7 - 40 - 2 * 16, "some seven units each; two readings may be in debt"


# ---- arrivals -------------------------------------------------------------------------------------


async def test_an_account_that_comes_back_too_often_is_refused_before_the_upgrade_and_others_get_in(
    serve: Serve, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve(rate=1.0, burst=10.0, open=True, behind_proxy=["127.0.0.1"], **virtual)
    ada = await live.join("ada")
    token = ada.token
    for _ in range(3):
        ada.hang_up()
        ada = await live.look("ada", token)
    ada.hang_up()
    refused = await live.refused({"Username": "ada", "Trio-Chat-Token": token})
    assert (refused.status, refused.json["code"]) == (429, "too_fast")
    await live.join("bob")
    mock_clock.jump(6)
    await live.look("ada", token)


async def test_new_accounts_of_one_address_share_its_allowance(
    serve: Serve, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve(address_rate=1.0, address_burst=10.0, rate=1.0, open=True, behind_proxy=["127.0.0.1"], **virtual)
    from_there = {"X-Forwarded-For": "192.0.2.7"}
    for number in range(4):
        await live.enter({"Username": f"eve{number}", **from_there})
    refused = await live.refused({"Username": "eve9", **from_there})
    assert (refused.status, refused.json["code"]) == (429, "too_fast")
    await live.enter({"Username": "bob", "X-Forwarded-For": "192.0.2.8"})
    await live.enter({"Username": "cyd"})
