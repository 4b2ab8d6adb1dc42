"""A store that fails: requests that needed it are refused, all others go on, and it recovers by itself."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.server.live_server import GateStore, LiveServer, Log, Serve
from tests.server.raw_client import Json, RawClient, request, until
from trio_chat.store import DATABASE, SqliteStore


def take_all(log: Log, event: str) -> int:
    """Take all entries of this name out of the log; how many there were."""
    taken = [entry for entry in log.entries if entry["event"] == event]
    log.entries[:] = [entry for entry in log.entries if entry["event"] != event]
    return len(taken)


async def texts_of(client: RawClient, room: str = "#lobby") -> list[tuple[int, str]]:
    """The messages of a room's log, and their places."""
    page = await client.ask("history", room=room, after=0, limit=500)
    return [(event["seq"], event["text"]) for event in page["events"] if event["type"] == "message"]


async def settle(client: RawClient) -> list[Json]:
    """What a client has heard up to now."""
    await client.ask("ping")
    heard, client.passed = client.passed, []
    return heard


# ---- what is refused leaves no trace ---------------------------------------------------------------


async def test_a_room_that_could_not_be_stored_is_not_there(serve: Serve, logged: Log) -> None:
    store = GateStore()
    live = await serve(store=store)
    ada, bob = await live.join_all("ada", "bob")
    store.failing = True
    assert (await ada.ask("join", room="#ops"))["code"] == "not_stored"
    assert [room["name"] for room in (await bob.ask("rooms"))["rooms"]] == ["#lobby"]
    assert (await ada.say("x", "#ops"))["code"] == "unknown_room"
    store.failing = False
    assert (await ada.ask("join", room="#ops"))["room"]["role"] == "owner"
    assert (await ada.say("now", "#ops"))["seq"] == 1
    assert await settle(bob) == []
    assert take_all(logged, "not stored") == 1


async def test_a_failure_that_goes_on_is_logged_now_and_then(
    serve: Serve, logged: Log, mock_clock: trio.testing.MockClock
) -> None:
    store = GateStore()
    live = await serve(store=store)
    ada = await live.join("ada")
    store.failing = True
    for _ in range(5):
        assert (await ada.say("x"))["code"] == "not_stored"
    assert "times" not in logged.take("not stored")
    mock_clock.jump(11)
    for _ in range(3):
        assert (await ada.say("x"))["code"] == "not_stored"
    assert logged.take("not stored")["times"] == 5
    store.failing = False
    assert (await ada.say("x"))["seq"] == 1
    store.failing = True
    assert (await ada.say("x"))["code"] == "not_stored"
    logged.take("not stored")


async def test_damage_that_only_readers_met_turns_health_red(
    serve: Serve, logged: Log, mock_clock: trio.testing.MockClock
) -> None:
    store = GateStore()
    live = await serve(store=store)
    assert (await live.get("/healthz")).status == 200
    store.spoiled = True
    mock_clock.jump(3)
    await until(lambda: live.server.hub.storing.failing)
    answer = await live.get("/healthz")
    assert (answer.status, answer.json) == (503, {"status": "not storing"})
    assert logged.take("nothing is stored any more")["error"] == "The disk is damaged."


async def test_damage_is_looked_for_before_a_request_meets_it(
    serve: Serve, logged: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trio_chat.server.upkeep._STORE_PROBE", 0.01)
    for pause in ("_FIRST_CHECK", "_CHECKING"):
        monkeypatch.setattr(f"trio_chat.server.upkeep.{pause}", 0.01)
    live = await serve(data=tmp_path)
    ada = await live.join("ada")
    for _ in range(40):
        await ada.say("x" * 3000)
    await live.end()
    live = await serve(data=tmp_path)  # whose database is one file, so far
    with (tmp_path / DATABASE).open("r+b") as file:
        file.seek(file.seek(0, 2) // 2)
        file.write(b"\xff" * 8192)
    while (answer := await live.get("/healthz")).status == 200:
        await trio.lowlevel.checkpoint()
    assert answer.json == {"status": "not storing"}
    ada = await live.join("ada", token=ada.token)
    assert (await ada.say("lost?"))["code"] == "not_stored"
    assert "is damaged" in logged.take("nothing is stored any more")["error"]
    take_all(logged, "not stored")


async def test_a_name_that_could_not_be_stored_is_not_changed(serve: Serve, logged: Log) -> None:
    store = GateStore()
    live = await serve(store=store)
    ada, bob = await live.join_all("ada", "bob")
    store.failing = True
    assert (await ada.ask("nick", name="eve"))["code"] == "not_stored"
    store.failing = False
    assert [person["name"] for person in (await bob.ask("who"))["people"]] == ["ada", "bob"]
    assert await settle(bob) == []
    await ada.say("still me")
    assert (await bob.until("message"))["from"] == "ada"
    assert (await live.join("eve")).name == "eve"
    take_all(logged, "not stored")


@pytest.mark.parametrize("by_header", [True, False])
async def test_a_newcomer_whose_account_could_not_be_stored_is_not_let_in(
    serve: Serve,
    logged: Log,
    by_header: bool,  # noqa: FBT001 - two ways of coming in
) -> None:
    store = GateStore()
    live = await serve(store=store)
    bob = await live.join("bob")
    store.failing = True
    if by_header:
        answer = await live.refused({"Username": "ada"})
        assert (answer.status, answer.json["code"]) == (503, "not_stored")
    else:
        client = await live.enter()
        await client.send(request("hello", "1", name="ada"))
        events, _, _ = await client.wait_closed()
        assert [(event["type"], event["code"]) for event in events] == [
            ("error", "not_stored"),
            ("closing", "not_stored"),
        ]
    await until(lambda: live.server._sockets == 1)
    assert [person["name"] for person in (await bob.ask("who"))["people"]] == ["bob"]
    assert bob.passed == []
    store.failing = False
    assert (await live.join("ada")).name == "ada"
    assert [event["joined"] for event in await settle(bob)] == [["ada"]]
    take_all(logged, "not stored")


async def test_a_known_person_comes_in_and_reads_while_nothing_can_be_stored(serve: Serve, logged: Log) -> None:
    store = GateStore()
    live = await serve(store=store)
    ada, bob = await live.join_all("ada", "bob")
    await bob.say("before")
    ada.hang_up()
    await bob.until("presence", left=["ada"])
    store.failing = True
    ada = await live.join("ada", token=ada.token)
    assert await texts_of(ada) == [(1, "before")]
    assert (await ada.say("lost"))["code"] == "not_stored"
    store.failing = False
    assert (await ada.say("kept"))["seq"] == 2
    assert await texts_of(bob) == [(1, "before"), (2, "kept")]
    take_all(logged, "not stored")


async def test_an_edit_a_deletion_and_a_mark_that_could_not_be_stored_change_nothing(serve: Serve, logged: Log) -> None:
    store = GateStore()
    live = await serve(store=store)
    ada = await live.join("ada")
    await ada.say("first")
    store.failing = True
    for kind, fields in {"edit": {"text": "other"}, "delete": {}, "react": {"mark": "+1"}}.items():
        assert (await ada.ask(kind, room="#lobby", target=1, **fields))["code"] == "not_stored"
    store.failing = False
    page = await ada.ask("history", room="#lobby")
    assert [event["text"] for event in page["events"]] == ["first"]
    assert (await ada.say("second"))["seq"] == 2
    take_all(logged, "not stored")


async def test_moderation_that_could_not_be_stored_did_not_happen(serve: Serve, logged: Log) -> None:
    store = GateStore()
    live = await serve(store=store)
    ada, bob = await live.join_all("ada", "bob")
    await ada.ask("join", room="#ops")
    await bob.ask("join", room="#ops")
    await bob.ask("ping")
    store.failing = True
    deeds: list[tuple[str, dict[str, Any]]] = [
        ("kick", {"name": "bob"}),
        ("ban", {"name": "bob"}),
        ("mute", {"name": "bob"}),
        ("role", {"name": "bob", "role": "moderator"}),
        ("configure", {"private": True, "announce_only": True, "slow": 60}),
        ("leave", {}),
    ]
    for kind, fields in deeds:
        assert (await ada.ask(kind, room="#ops", **fields))["code"] == "not_stored", kind
    store.failing = False
    assert (await bob.say("still here", "#ops"))["seq"] == 1
    assert (await bob.say("and not slowed", "#ops"))["seq"] == 2
    assert (await ada.until("message", text="and not slowed"))["seq"] == 2
    assert (await ada.ask("bans", room="#ops")).get("bans", []) == []
    assert (await (await live.join("eve")).ask("join", room="#ops"))["type"] == "room"
    take_all(logged, "not stored")


async def test_what_needed_no_storing_in_the_same_batch_is_done(serve: Serve, logged: Log) -> None:
    store = GateStore()
    live = await serve(store=store)
    ada, bob = await live.join_all("ada", "bob")
    store.failing = True
    await ada.send(
        request("send", "1", room="#lobby", text="lost")
        + request("typing", "2", room="#lobby")
        + request("who", "3")
        + request("send", "4", room="#nowhere", text="x")
    )
    answers = {event["id"]: event for event in [await ada.next_answer() for _ in range(4)]}
    assert {key: value.get("code", value["type"]) for key, value in answers.items()} == {
        "1": "not_stored",
        "2": "ok",
        "3": "people",
        "4": "unknown_room",
    }
    assert [event["type"] for event in await settle(bob)] == ["typing"]
    store.failing = False
    assert (await ada.say("kept"))["seq"] == 1
    take_all(logged, "not stored")


async def test_a_read_position_never_points_past_the_stored_messages(serve: Serve, logged: Log) -> None:
    store = GateStore()
    live = await serve(store=store)
    ada = await live.join("ada")
    await ada.say("one")
    store.failing = True
    await ada.send(request("send", "x", room="#lobby", text="lost") + request("read", "r", room="#lobby", seq=2))
    await ada.until("error", id="x")
    store.failing = False
    phone = await live.look("ada", ada.token)
    assert (phone.rooms["#lobby"]["last"], phone.rooms["#lobby"].get("read", 0)) == (1, 1)
    take_all(logged, "not stored")


# ---- health and recovery ---------------------------------------------------------------------------


async def test_health_turns_red_while_nothing_is_stored_and_green_when_it_works_again(
    serve: Serve, logged: Log, mock_clock: trio.testing.MockClock
) -> None:
    store = GateStore()
    live = await serve(store=store)
    ada = await live.join("ada")
    assert (await live.get("/healthz")).status == 200
    store.failing = True
    assert (await ada.say("lost"))["code"] == "not_stored"
    red = await live.get("/healthz")
    assert (red.status, red.json) == (503, {"status": "not storing"})
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(3)
    await trio.testing.wait_all_tasks_blocked()
    assert (await live.get("/healthz")).status == 503  # tried, and still so
    store.failing = False
    mock_clock.jump(3)  # nobody sends anything
    await trio.testing.wait_all_tasks_blocked()
    green = await live.get("/healthz")
    assert (green.status, green.json["status"]) == (200, "ok")
    assert [entry["log_level"] for entry in logged.entries if entry["event"] == "storing works again"] == ["info"]
    take_all(logged, "not stored")


async def test_health_turns_green_with_the_first_message_that_is_stored(serve: Serve, logged: Log) -> None:
    store = GateStore()
    live = await serve(store=store)
    ada = await live.join("ada")
    store.failing = True
    await ada.say("lost")
    store.failing = False
    await ada.say("kept")
    assert (await live.get("/healthz")).status == 200
    take_all(logged, "not stored")


def store_of(live: LiveServer) -> SqliteStore:
    assert isinstance(live.store, SqliteStore)
    return live.store


def limit_pages(live: LiveServer, *, more: int | None) -> None:
    """Let the database have so many pages more than it has, as on a disk that is nearly full; ``None``: as many
    as it likes. https://sqlite.org/pragma.html#pragma_max_page_count"""
    connection = sqlite3.connect(store_of(live).path)
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.close()
    writer = store_of(live)._writer._connection
    assert writer is not None
    writer.execute(f"PRAGMA max_page_count = {2**31 if more is None else pages + more}")


async def test_a_full_database_refuses_what_does_not_fit_and_goes_on_when_there_is_room(
    serve: Serve, logged: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trio_chat.server.upkeep._STORE_PROBE", 0.01)
    live = await serve(data=tmp_path)
    ada, bob = await live.join_all("ada", "bob")
    limit_pages(live, more=3)
    kept: list[tuple[int, str]] = []
    refused = 0
    while refused < 3:
        text = f"{len(kept)} " + "x" * 3000
        answer = await ada.say(text)
        if answer["type"] == "ok":
            kept.append((answer["seq"], text))
        else:
            assert answer["code"] == "not_stored"
            refused += 1
    error = logged.entries[-1]["error"]
    assert "is full" in error
    assert (await bob.ask("ping"))["type"] == "pong"
    limit_pages(live, more=None)
    answer = await ada.say("there is room")
    kept.append((answer["seq"], "there is room"))
    assert [seq for seq, _ in kept] == list(range(1, len(kept) + 1))
    assert await texts_of(bob) == kept
    await until_green(live)
    assert take_all(logged, "not stored") >= 1
    await live.end()
    live = await serve(data=tmp_path)
    ada = await live.join("ada", token=ada.token)
    assert await texts_of(ada) == kept
    assert (await ada.say("and on"))["seq"] == len(kept) + 1


async def until_green(live: LiveServer) -> None:
    while (await live.get("/healthz")).status != 200:
        await trio.lowlevel.checkpoint()


PROGRAM = """
import resource, signal, sys
import trio
from pathlib import Path
from trio_chat.config import ServerConfig
from trio_chat.server import upkeep
from trio_chat.server.process import run

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write past the limit then fails with EFBIG
upkeep._STORE_PROBE = 0.05

async def limit():
    with trio.open_signal_receiver(signal.SIGUSR1, signal.SIGUSR2) as signals:
        async for number in signals:
            soft = 1 if number == signal.SIGUSR1 else resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
            print("limit", soft, flush=True)

async def announce(server):
    print(*server.urls, flush=True)

async def main():
    async with trio.open_nursery() as nursery:
        nursery.start_soon(limit)
        config = ServerConfig(port=0, rate=0.0, data=Path(sys.argv[1]))
        await run(config, announce=announce)
        nursery.cancel_scope.cancel()

trio.run(main)
"""


class Program:
    """A server in a process of its own, whose files may be kept from growing."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self.said = b""

    async def wait_said(self, words: bytes) -> bytes:
        """Wait until it says these words; the line they are in."""
        assert self.process.stdout is not None
        while words not in self.said or b"\n" not in self.said[self.said.index(words) :]:
            piece = await self.process.stdout.receive_some()
            assert piece, self.said
            self.said += piece
        line, _, self.said = self.said[self.said.index(words) :].partition(b"\n")
        return line


async def test_when_the_system_writes_no_more_nothing_is_acknowledged_and_then_it_goes_on(tmp_path: Path) -> None:
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "data")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    program = Program(process)
    client: RawClient | None = None
    try:
        port = int((await program.wait_said(b"ws://")).rstrip(b"/").rpartition(b":")[2])
        client = await RawClient.open(("127.0.0.1", port))
        await client.upgrade({"Username": "ada"})
        assert (await client.say("before"))["seq"] == 1
        process.send_signal(signal.SIGUSR1)
        await program.wait_said(b"limit")
        for _ in range(3):
            assert (await client.say("no room"))["code"] == "not_stored"
        red = await (await RawClient.open(("127.0.0.1", port))).get("/healthz")
        assert (red.status, red.json) == (503, {"status": "not storing"})
        process.send_signal(signal.SIGUSR2)
        await program.wait_said(b"limit")
        while (await (await RawClient.open(("127.0.0.1", port))).get("/healthz")).status != 200:
            await trio.lowlevel.checkpoint()
        assert (await client.say("after"))["seq"] == 2
        assert await texts_of(client) == [(1, "before"), (2, "after")]
        client.hang_up()
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
        assert process.stdout is not None
        await process.stdout.aclose()
        if client is not None:
            client.hang_up()


async def test_the_number_of_an_account_that_was_taken_back_is_anothers_and_so_is_what_is_stored_of_it(
    serve: Serve, logged: Log
) -> None:
    store = GateStore()
    live = await serve(store=store)
    stranger = await live.enter()
    store.failing = True
    await stranger.send(request("hello", "1", name="ada"))
    await stranger.wait_closed()
    store.failing = False
    bob = await live.join("bob")
    await live.end()  # last visits are stored now
    assert [account.name for account in (await store.load()).accounts] == ["bob"]
    live = await serve(store=store)
    assert (await live.join("bob", token=bob.token)).name == "bob"
    take_all(logged, "not stored")


async def test_a_session_that_ends_while_its_leave_is_undone_is_not_present(serve: Serve, logged: Log) -> None:
    store = GateStore()
    live = await serve(store=store)
    ada, bob = await live.join_all("ada", "bob")
    for client in (ada, bob):
        await client.ask("join", room="#ops")
    before = len(store.commits)
    store.shut()
    await bob.send(request("send", "hold", room="#lobby", text="hold"))
    await until(lambda: len(store.commits) > before)
    await ada.send(request("leave", "1", room="#ops"))
    await until(lambda: live.server.hub.waiting)
    ada.reset()
    await until(lambda: live.server.hub.waiting == 2)
    store.release(shut_again=True)
    await until(lambda: len(store.commits) > before + 1)  # that she left, and is gone
    store.failing = True
    store.release()
    await bob.until("ok", id="hold")
    await bob.ask("ping")
    store.failing = False
    assert [person["name"] for person in (await bob.ask("who", room="#ops"))["people"]] == ["bob"]
    assert (await live.look("ada", ada.token)).rooms["#ops"]["count"] == 2
    take_all(logged, "not stored")


async def test_a_device_that_could_not_be_stored_is_not_let_in_half(serve: Serve, logged: Log) -> None:
    store = GateStore()
    live = await serve(store=store)
    ada = await live.join("ada")
    await ada.ask("password", password="a long secret")
    phone = await live.enter()
    store.failing = True
    await phone.send(request("hello", "1", name="ada", account_password="a long secret", token="kept"))
    events, _, _ = await phone.wait_closed()
    assert [event["code"] for event in events] == ["not_stored", "not_stored"]
    store.failing = False
    assert len((await ada.ask("devices"))["devices"]) == 1
    assert (await ada.say("still one"))["type"] == "ok"
    take_all(logged, "not stored")
