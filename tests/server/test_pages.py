"""Pages for one connection: bounded in size, one after the other, and no faster than the peer takes them."""

from __future__ import annotations

from typing import Any

import trio
import trio.testing

from tests.server.live_server import GateStore, LiveServer, Serve
from tests.server.raw_client import Json, RawClient, request, until

LIMIT = 100_000
PAGE = LIMIT // 8
LONG = 3000
"""Characters of a line, of which a few make a page."""


async def with_lines(serve: Serve, count: int, text: str = "word ") -> tuple[LiveServer, RawClient]:
    """A server whose lobby holds so many long lines, and who said them."""
    live = await serve(outbox_bytes=LIMIT)
    ada = await live.join("ada")
    for number in range(count):
        await ada.say(f"{number} {text}".ljust(LONG, "x"))
    ada.passed.clear()
    return live, ada


def size_of(events: list[Json]) -> int:
    return sum(len(event["text"]) for event in events)


async def walk(client: RawClient, kind: str, **fields: Any) -> list[list[Json]]:
    """The events of each page, up to the last."""
    pages = []
    while True:
        page = await client.ask(kind, **fields)
        pages.append(page["events"])
        if not page.get("more", "cursor" in page):
            return pages
        if "after" in fields:
            fields["after"] = page["events"][-1]["seq"]
        elif kind == "search":
            fields["cursor"] = page["cursor"]
        else:
            fields["before"] = page["events"][0]["seq"]


async def test_pages_are_bounded_in_bytes_and_leave_nothing_out(serve: Serve) -> None:
    _, ada = await with_lines(serve, 30)
    forward = await walk(ada, "history", room="#lobby", after=0, limit=500)
    back = await walk(ada, "history", room="#lobby", limit=500)
    found = await walk(ada, "search", words=["word"], limit=100)
    assert [event["seq"] for page in forward for event in page] == list(range(1, 31))
    assert [event["seq"] for page in reversed(back) for event in page] == list(range(1, 31))
    assert [event["seq"] for page in found for event in page] == list(range(30, 0, -1))
    for page in forward + back + found:
        assert 0 < size_of(page) <= PAGE
    assert len(forward) < 15  # several lines each


async def test_a_line_that_is_more_than_a_page_is_one(serve: Serve) -> None:
    live = await serve(outbox_bytes=8 * LONG)
    ada = await live.join("ada")
    for _ in range(3):
        await ada.say("word " * 1000)
    pages = await walk(ada, "history", room="#lobby", after=0, limit=500)
    assert [[event["seq"] for event in page] for page in pages] == [[1], [2], [3]]
    pages = await walk(ada, "search", words=["word"])
    assert [[event["seq"] for event in page] for page in pages] == [[3], [2], [1]]


async def test_pages_wait_for_a_peer_that_reads_slowly_and_all_come(serve: Serve) -> None:
    live, _ = await with_lines(serve, 30)
    slow = await live.join("slow", receive_buffer=1)
    live.squeeze(slow)
    outbox = live.connection_of(slow).outbox
    asked = [f"p{number}" for number in range(100)]
    await slow.send(b"".join(request("history", one, room="#lobby", after=0, limit=500) for one in asked))
    answers: list[Json] = []
    most = 0
    while len(answers) < len(asked):
        await trio.testing.wait_all_tasks_blocked()  # until nothing comes any more without somebody who reads
        most = max(most, outbox.size)
        answers.append(await slow.until("history"))
    assert [answer["id"] for answer in answers] == asked
    assert LIMIT // 16 < most <= LIMIT // 4
    assert (await slow.ask("ping"))["type"] == "pong"
    assert live.server.hub.tally.refusals == {}


async def test_live_messages_do_not_wait_for_pages(serve: Serve) -> None:
    live, ada = await with_lines(serve, 30)
    slow = await live.join("slow", receive_buffer=16384)
    live.squeeze(slow)
    for number in range(50):
        await slow.send(request("history", str(number), room="#lobby", after=0, limit=500))
    await trio.testing.wait_all_tasks_blocked()
    await ada.say("news")
    assert (await slow.until("message"))["text"] == "news"
    assert len([event for event in slow.passed if event["type"] == "history"]) < 50


async def test_a_page_says_where_it_ends_and_live_events_begin(serve: Serve, nursery: trio.Nursery) -> None:
    class Shelf(GateStore):
        """Reads when it is told to."""

        begun, go_on = trio.Event(), trio.Event()

        async def read(self, *args: Any, **kwargs: Any) -> Any:
            self.begun.set()
            await self.go_on.wait()
            return await super().read(*args, **kwargs)

    store = Shelf()
    live = await serve(store=store)
    ada, bob = await live.join_all("ada", "bob")
    for number in range(1, 5):
        await bob.say(f"old {number}")
    for fields in ({"after": 1}, {}, {"before": 99}, {"before": 4}, {"after": 3, "limit": 1}, {"after": 9}):
        await ada.send(request("history", str(fields), room="#lobby", **fields))
    await store.begun.wait()
    await bob.say("new")
    store.go_on.set()
    pages = [await ada.until("history") for _ in range(6)]
    assert [[event["seq"] for event in page["events"]] for page in pages] == [
        [2, 3, 4],
        [1, 2, 3, 4],
        [1, 2, 3, 4],
        [1, 2, 3],
        [4],
        [],
    ]
    assert {(page["last"], page["more"]) for page in pages} == {(4, False)}
    assert [event["seq"] for event in ada.passed if event["type"] == "message"] == [1, 2, 3, 4, 5]


async def test_an_answer_does_not_overtake_a_page_that_was_asked_for_before_it(serve: Serve) -> None:
    _, ada = await with_lines(serve, 5)
    await ada.send(
        request("history", "1", room="#lobby", after=0)
        + request("ping", "2")
        + request("search", "3", words=["word"])
        + request("send", "4", room="#lobby", text="four")
        + request("join", "5", room="#new")
        + request("send", "6", room="#new", text="six")
    )
    assert [(await ada.next_answer())["id"] for _ in range(6)] == list("123456")
    news = [event for event in ada.passed if event["type"] in {"message", "presence"}]
    assert [(event["type"], event["room"]) for event in news] == [
        ("message", "#lobby"),
        ("presence", "#new"),
        ("message", "#new"),
    ]


async def test_a_bounded_number_of_look_ups_wait_and_the_next_are_refused(serve: Serve) -> None:
    live, _ = await with_lines(serve, 5)
    slow = await live.join("slow", receive_buffer=1)
    live.squeeze(slow)
    asked = [str(number) for number in range(400)]
    await slow.send(b"".join(request("history", one, room="#lobby", after=0, limit=500) for one in asked))
    answers = [await slow.next_answer() for _ in asked]
    assert {answer["id"] for answer in answers} == set(asked)
    refused = [answer for answer in answers if answer["type"] == "error"]
    assert {answer["code"] for answer in refused} == {"too_fast"}
    assert 0 < len(refused) < 200


async def test_a_session_that_ends_while_pages_wait_leaves_none_behind(serve: Serve) -> None:
    live, ada = await with_lines(serve, 30)
    slow = await live.join("slow", receive_buffer=1)
    live.squeeze(slow)
    for number in range(50):
        await slow.send(request("history", str(number), room="#lobby", after=0, limit=500))
    await trio.testing.wait_all_tasks_blocked()
    lookup = live.server.hub._out._lookup
    assert repr(lookup) == "<Lookup for 1 sessions>"
    slow.reset()
    await ada.until("presence", left=["slow"])
    await until(lambda: repr(lookup) == "<Lookup for 0 sessions>")
    assert (await ada.ask("history", room="#lobby"))["type"] == "history"


async def test_a_session_that_ends_while_its_page_is_read_hurts_nobody(serve: Serve) -> None:
    class Shelf(GateStore):
        """Reads when it is told to."""

        begun, go_on = trio.Event(), trio.Event()

        async def read(self, *args: Any, **kwargs: Any) -> Any:
            self.begun.set()
            await self.go_on.wait()
            return await super().read(*args, **kwargs)

    store = Shelf()
    live = await serve(store=store)
    ada, bob = await live.join_all("ada", "bob")
    await ada.send(request("history", "1", room="#lobby") + request("history", "2", room="#lobby"))
    await store.begun.wait()
    ada.reset()
    await bob.until("presence", left=["ada"])
    store.go_on.set()
    await until(lambda: repr(live.server.hub._out._lookup) == "<Lookup for 0 sessions>")
    assert (await bob.ask("history", room="#lobby"))["type"] == "history"
