"""A batch is charged first; then the store is asked once for what its requests need."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.hub.fake_peer import FakePeer
from tests.server.live_server import Log, Serve
from tests.server.raw_client import request
from trio_chat.errors import StoreError
from trio_chat.protocol.events import Welcome
from trio_chat.protocol.requests import Hello
from trio_chat.server.hub.items import Arrival, Departure, Requests
from trio_chat.store import MemoryStore

DAY = 86400.0


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
