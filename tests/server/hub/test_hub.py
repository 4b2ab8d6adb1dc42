"""The hub: everything is stored before it is told, everything is in order, and one fault hurts one session."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from tests.server.live_server import GateStore, LiveServer, Log, Serve
from tests.server.raw_client import Gone, Json, RawClient, frame, request, until
from trio_chat.records import SaveAccount, SaveRead


async def take(client: RawClient, count: int) -> list[Json]:
    """The next so many events."""
    return [await client.next() for _ in range(count)]


def brief(event: Json) -> tuple[Any, ...]:
    """What an event is, in a few words."""
    keys = ("id", "room", "seq", "text", "code", "name", "old", "new", "count")
    shown = (
        event[key]["name"] if key == "room" and isinstance(event[key], dict) else event[key]
        for key in keys
        if key in event
    )
    return (event["type"], *shown)


class Queue:
    """Lets requests gather while the hub waits for its store, so that they are one batch."""

    def __init__(self, live: LiveServer, store: GateStore, holder: RawClient) -> None:
        self.live, self.store, self.holder = live, store, holder

    async def begin(self) -> None:
        """Make the hub wait."""
        before = len(self.store.batches)
        self.store.shut()
        await self.holder.send(request("send", f"hold-{before}", room="#lobby", text="hold"))
        await until(lambda: len(self.store.batches) > before)

    async def add(self, client: RawClient, data: bytes) -> None:
        """Queue what a client sends behind what is there."""
        waiting = self.live.server.hub.waiting
        await client.send(data)
        await until(lambda: self.live.server.hub.waiting > waiting)

    def end(self, *, shut_again: bool = False) -> None:
        """Let the hub go on."""
        self.store.release(shut_again=shut_again)


async def gather(serve: Serve, *names: str) -> tuple[Queue, list[RawClient]]:
    """A server with a store to be shut, people, and one more who holds the hub."""
    store = GateStore()
    live = await serve(store=store)
    *clients, holder = await live.join_all(*names, "holder")
    return Queue(live, store, holder), clients


# ---- order ----------------------------------------------------------------------------------------


async def test_a_sender_hears_their_own_message_before_it_is_acknowledged(serve: Serve) -> None:
    live = await serve()
    ada = await live.join("ada")
    await ada.send(request("send", "1", room="#lobby", text="hi"))
    message, ok = await take(ada, 2)
    assert brief(message) == ("message", "#lobby", 1, "hi")
    assert ok == {"type": "ok", "id": "1", "room": "#lobby", "seq": 1, "time": message["time"]}


async def test_a_message_is_neither_delivered_nor_acknowledged_before_it_is_stored(serve: Serve) -> None:
    queue, (ada, bob) = await gather(serve, "ada", "bob")
    queue.store.shut()
    await ada.send(request("send", "1", room="#lobby", text="hi"))
    await until(lambda: queue.store.batches)
    await trio.testing.wait_all_tasks_blocked()
    for client in (ada, bob):
        assert not client.has_something
    queue.store.release()
    assert brief(await bob.next()) == ("message", "#lobby", 1, "hi")
    assert [brief(event)[0] for event in await take(ada, 2)] == ["message", "ok"]


async def test_a_rooms_messages_come_before_the_direct_answer_to_a_later_request(serve: Serve) -> None:
    queue, (ada, bob) = await gather(serve, "ada", "bob")
    await queue.begin()
    await queue.add(ada, request("send", "a", room="#lobby", text="first"))
    await queue.add(bob, request("who", "w"))
    await queue.add(ada, request("send", "b", room="#lobby", text="second"))
    queue.end()
    assert [brief(event)[:3] for event in await take(bob, 4)] == [
        ("message", "#lobby", 1),
        ("message", "#lobby", 2),
        ("people", "w", "#lobby"),
        ("message", "#lobby", 3),
    ]
    # acknowledgements may come late, but never before the message
    assert [brief(event)[:3] for event in await take(ada, 5)] == [
        ("message", "#lobby", 1),
        ("message", "#lobby", 2),
        ("ok", "a", "#lobby"),
        ("message", "#lobby", 3),
        ("ok", "b", "#lobby"),
    ]


async def test_a_person_who_joins_in_the_middle_of_a_batch_gets_exactly_the_events_after_it(serve: Serve) -> None:
    queue, (ada, bob) = await gather(serve, "ada", "bob")
    await ada.ask("join", room="#ops")
    await queue.begin()
    await queue.add(ada, request("send", "1", room="#ops", text="before"))
    await queue.add(bob, request("join", "j", room="#ops"))
    await queue.add(ada, request("send", "2", room="#ops", text="between"))
    await queue.add(bob, request("leave", "l", room="#ops"))
    await queue.add(ada, request("send", "3", room="#ops", text="after"))
    queue.end()
    await bob.until("message", text="hold")
    await bob.send(request("ping", "end"))
    heard = []
    while (event := await bob.next())["type"] != "pong":
        heard.append(brief(event))
    assert heard == [
        ("room", "j", "#ops"),
        ("presence", "#ops", 2),
        ("message", "#ops", 2, "between"),
        ("ok", "l", "#ops"),
    ]
    await ada.send(request("ping", "end"))
    heard = []
    while (event := await ada.next())["type"] != "pong":
        if event["type"] in {"message", "presence"} and event["room"] == "#ops":
            heard.append(brief(event))
    assert heard == [
        ("presence", "#ops", 1),
        ("message", "#ops", 1, "before"),
        ("presence", "#ops", 2),
        ("message", "#ops", 2, "between"),
        ("presence", "#ops", 1),
        ("message", "#ops", 3, "after"),
    ]


async def test_a_direct_conversation_begun_in_a_batch_is_announced_before_its_first_message(serve: Serve) -> None:
    queue, (ada, bob) = await gather(serve, "ada", "bob")
    await queue.begin()
    await queue.add(ada, request("send", "1", to=["bob"], text="psst") + request("send", "2", to=["bob"], text="hey"))
    queue.end()
    for client in (ada, bob):
        await client.until("message", text="hold")
        assert [brief(event)[:3] for event in await take(client, 3)] == [
            ("room", "@ada+bob"),
            ("message", "@ada+bob", 1),
            ("message", "@ada+bob", 2),
        ]
    assert [brief(event)[:2] for event in await take(ada, 2)] == [("ok", "1"), ("ok", "2")]


async def test_messages_of_many_senders_reach_everyone_in_the_same_order(serve: Serve) -> None:
    live = await serve()
    clients = await live.join_all(*"abcdefgh")
    for turn in range(20):
        for client in clients:
            await client.send(request("send", f"{client.name}{turn}", room="#lobby", text=f"{client.name}{turn}"))
    heard = []
    for client in clients:
        texts: list[tuple[int, str]] = []
        while len(texts) < 160:
            event = await client.until("message")
            texts.append((event["seq"], event["text"]))
        heard.append(texts)
    assert [seq for seq, _ in heard[0]] == list(range(1, 161))
    assert all(texts == heard[0] for texts in heard)
    for client in clients:
        mine = [text for _, text in heard[0] if text[0] == client.name]
        assert mine == [f"{client.name}{turn}" for turn in range(20)]


async def test_a_history_has_the_events_that_were_delivered(serve: Serve) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    for text in ("one", "\u2603 two", "three"):
        await ada.say(text)
    heard = [await bob.until("message") for _ in range(3)]
    page = await bob.ask("history", room="#lobby")
    assert (page["events"], page["more"], page["first"]) == (heard, False, 1)


# ---- the store ------------------------------------------------------------------------------------


async def test_requests_that_gather_during_a_commit_are_stored_together(serve: Serve) -> None:
    queue, (ada, bob) = await gather(serve, "ada", "bob")
    await ada.ask("join", room="#ops")
    await queue.begin()
    await queue.add(ada, request("send", "1", room="#lobby", text="1") + request("send", "2", room="#ops", text="2"))
    await queue.add(bob, request("send", "3", room="#lobby", text="3"))
    await queue.add(bob, request("ping", "4"))
    queue.end()
    await bob.until("pong")
    batches = [[(line.room, line.seq) for line in batch] for batch in queue.store.batches]
    lobby, ops = 1, 2
    assert batches == [[(lobby, 1)], [(lobby, 2), (ops, 1), (lobby, 3)]]


async def test_the_stored_line_is_byte_for_byte_the_sent_one(serve: Serve) -> None:
    store = GateStore()
    live = await serve(store=store)
    ada = await live.join("ada")
    await ada.send(request("send", "1", room="#lobby", text="hi \u2603"))
    data = await ada.receive()
    assert store.batches[0][0].event in data


async def test_requests_that_need_no_storing_cause_no_commit(serve: Serve) -> None:
    store = GateStore()
    live = await serve(store=store)
    ada = await live.join("ada")
    before = len(store.commits)
    for kind in ("ping", "who", "rooms"):
        await ada.ask(kind)
    await ada.ask("typing", room="#lobby")
    assert len(store.commits) == before


async def test_when_a_batch_cannot_be_stored_its_senders_alone_are_told_and_no_number_is_lost(
    serve: Serve, logged: Log
) -> None:
    queue, (ada, bob, eve) = await gather(serve, "ada", "bob", "eve")
    await queue.begin()
    await queue.add(ada, request("send", "a", room="#lobby", text="lost"))
    await queue.add(bob, request("send", "b", to=["eve"], text="lost too"))
    await queue.add(eve, request("ping", "p"))
    queue.end(shut_again=True)
    await until(lambda: len(queue.store.batches) == 2)
    queue.store.failing = True
    queue.store.release()
    assert (await ada.until("error", id="a"))["code"] == "not_stored"
    assert (await bob.until("error", id="b"))["code"] == "not_stored"
    assert (await eve.until("pong"))["id"] == "p"
    assert "lost" not in [event.get("text") for client in (ada, bob, eve) for event in client.passed]
    entry = logged.take("not stored")
    assert entry["error"] == "The disk is full."

    queue.store.failing = False
    again = await ada.ask("send", id="a", room="#lobby", text="found")
    assert (again["type"], again["seq"]) == ("ok", 2)
    assert brief(await eve.until("message"))[2:] == (2, "found")
    again = await bob.ask("send", id="b", to=["eve"], text="found too")
    assert (again["room"], again["seq"]) == ("@bob+eve", 1)


async def test_a_topic_that_cannot_be_stored_is_not_the_topic(serve: Serve, logged: Log) -> None:
    store = GateStore()
    live = await serve(store=store)
    ada = await live.join("ada")
    await ada.ask("topic", room="#lobby", text="old")
    store.failing = True
    assert (await ada.ask("topic", room="#lobby", text="new"))["code"] == "not_stored"
    logged.take("not stored")
    assert (await ada.ask("rooms"))["rooms"][0]["topic"] == "old"


async def test_a_message_sent_twice_is_stored_once_and_acknowledged_each_time(serve: Serve) -> None:
    queue, (ada, bob) = await gather(serve, "ada", "bob")
    await queue.begin()
    await queue.add(ada, request("send", "1", room="#lobby", text="once") * 2)
    queue.end()
    await bob.ask("ping")
    first = await ada.ask("send", id="1", room="#lobby", text="once")
    assert first["seq"] == 2
    await ada.ask("ping")
    assert [event["text"] for event in bob.passed if event["type"] == "message"].count("once") == 1
    assert [event["seq"] for event in ada.passed if event["type"] == "ok"] == [2, 2]


# ---- trouble --------------------------------------------------------------------------------------


async def test_a_connection_that_ends_while_its_disconnect_is_decided_hurts_nobody(serve: Serve) -> None:
    store = GateStore()
    live = await serve(store=store, password="secret")
    clients = [await live.enter({"Authorization": "Bearer secret", "Username": name}) for name in ("ada", "bob")]
    for client in clients:
        client.name = (await client.next())["name"]
    ada, bob = clients
    stranger = await live.enter()
    queue = Queue(live, store, bob)
    await queue.begin()
    await queue.add(stranger, request("hello", "1", password="wrong"))
    await queue.add(ada, request("send", "1", room="#lobby", text="hi"))
    queue.end(shut_again=True)
    await until(lambda: len(store.batches) == 2)  # decided: the stranger is to be sent away
    stranger.reset()
    await until(lambda: live.server._sockets == 2)  # but is gone already, which the hub has not heard
    store.release()
    assert (await ada.until("ok"))["id"] == "1"
    assert (await bob.say("and on"))["type"] == "ok"


async def test_a_slow_peer_that_vanishes_while_a_room_is_flushed_hurts_nobody(serve: Serve) -> None:
    store = GateStore()
    live = await serve(store=store)
    ada, bob = await live.join_all("ada", "bob")
    slow = await live.join("slow", receive_buffer=1)
    live.squeeze(slow)
    outbox = live.connection_of(slow).outbox
    while not outbox.size:
        await ada.say("x" * 8000)
    batches = len(store.batches)
    store.shut()
    await ada.send(request("send", "last", room="#lobby", text="last"))
    await until(lambda: len(store.batches) > batches)
    slow.reset()
    await until(lambda: live.server._sockets == 2)
    store.release()
    assert (await bob.until("message", text="last"))["from"] == "ada"
    assert (await ada.until("ok", id="last"))["type"] == "ok"
    assert (await bob.say("and on"))["type"] == "ok"


async def test_many_histories_at_once_are_all_answered(serve: Serve) -> None:
    live = await serve()
    ada = await live.join("ada")
    await ada.say("hi")
    await ada.send(b"".join(request("history", str(number), room="#lobby") for number in range(40)))
    pages = [await ada.until("history") for _ in range(40)]
    assert {page["id"] for page in pages} == set(map(str, range(40)))
    assert all(len(page["events"]) == 1 for page in pages)


async def test_a_probe_comes_back_only_when_the_hub_gets_to_it(serve: Serve, nursery: trio.Nursery) -> None:
    store = GateStore()
    live = await serve(store=store)
    ada = await live.join("ada")
    store.shut()
    await ada.send(request("send", "1", room="#lobby", text="hi"))
    await until(lambda: store.batches)
    answered = trio.Event()

    async def probe() -> None:
        await live.server.hub.probe()
        answered.set()

    nursery.start_soon(probe)
    await trio.testing.wait_all_tasks_blocked()
    assert not answered.is_set()
    assert repr(live.server.hub).startswith("<Hub 1 items waiting")
    store.release()
    await answered.wait()


async def test_a_session_that_is_gone_gets_nothing_and_asks_nothing_more(serve: Serve) -> None:
    queue, (ada, bob) = await gather(serve, "ada", "bob")
    await queue.begin()
    await queue.add(ada, request("send", "1", room="#lobby", text="my last words"))
    ada.reset()
    await until(lambda: queue.live.server._sockets == 2)
    queue.end()
    assert (await bob.until("message", text="my last words"))["from"] == "ada"
    assert (await bob.until("presence"))["left"] == ["ada"]
    with pytest.raises((Gone, OSError)):
        await ada.send(frame(b"x"))


# ---- due work -------------------------------------------------------------------------------------


async def test_read_positions_are_stored_half_a_second_later_and_neither_earlier_nor_later(
    serve: Serve, mock_clock: trio.testing.MockClock
) -> None:
    store = GateStore()
    live = await serve(store=store, clock=lambda: 1e9 + trio.current_time())
    ada = await live.join("ada")
    await ada.say("hi")
    await ada.ask("read", room="#lobby", seq=1)

    def reads() -> int:
        return sum(isinstance(record, SaveRead) for commit in store.commits for record in commit)

    before = reads()
    for seconds, stored in ((0.49, 0), (0.02, 1)):
        mock_clock.jump(seconds)
        await trio.testing.wait_all_tasks_blocked(0.02)
        assert reads() - before == stored


async def test_the_time_of_a_last_visit_is_stored_half_a_second_after_its_end(
    serve: Serve, mock_clock: trio.testing.MockClock
) -> None:
    store = GateStore()
    live = await serve(store=store, clock=lambda: 1e9 + trio.current_time())
    ada, bob = await live.join_all("ada", "bob")
    mock_clock.jump(60.0)
    ada.hang_up()
    await bob.until("presence")

    def visits() -> list[str]:
        return [
            record.seen
            for commit in store.commits
            for record in commit
            if isinstance(record, SaveAccount) and record.name == "ada"
        ]

    before = len(visits())
    for seconds, stored in ((0.49, []), (0.02, ["2001-09-09T01:47:40.000Z"])):
        mock_clock.jump(seconds)
        await trio.testing.wait_all_tasks_blocked(0.02)
        assert visits()[before:] == stored
