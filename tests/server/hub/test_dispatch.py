"""The dispatcher: what reaches each peer, and in which order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest
import trio
import trio.testing

from tests.server.hub.fake_peer import FakeEncoding, FakePeer
from trio_chat.broker.effects import (
    Acknowledge,
    Disconnect,
    Effect,
    Notify,
    Publish,
    Recall,
    Reply,
    Subscribe,
    Tell,
    Unsubscribe,
)
from trio_chat.errors import refuse
from trio_chat.protocol.events import Left, Message, Ok, Page, Pong, Renamed, TypingNotice
from trio_chat.protocol.requests import History
from trio_chat.server.hub.batch import Batch, deliveries_of
from trio_chat.server.hub.dispatch import Dispatcher
from trio_chat.server.tally import Tally
from trio_chat.store import LogSlice, MemoryStore

ROOMS = {"#a": 1, "#b": 2}

Carry: TypeAlias = Callable[..., Awaitable[list[int]]]


class SlowStore(MemoryStore):
    """Reads once it is told to."""

    def __init__(self) -> None:
        super().__init__("slow")
        self.go_on = trio.Event()

    async def read(self, *_: Any, **__: Any) -> LogSlice:
        await self.go_on.wait()
        return LogSlice([], more=False, first=1)


@pytest.fixture
async def store() -> SlowStore:
    return SlowStore()


@pytest.fixture
def out(store: SlowStore) -> Dispatcher:
    return Dispatcher(store, Tally(), lambda accounts: {})


@pytest.fixture
def carry(out: Dispatcher, nursery: trio.Nursery) -> Carry:
    """Carry out effects, all of them caused by ``session``."""

    async def carry(*effects: Effect, session: int = 0, request: str = "") -> list[int]:
        batch = Batch()
        batch.effects.extend(effects)
        batch.end_request(session, request)
        _, deliveries, _ = batch.prepare()
        return await out.carry_out(batch.effects, deliveries, nursery)

    return carry


async def enter(out: Dispatcher, carry: Carry, *peers: FakePeer, room: str = "#a") -> None:
    for peer in peers:
        if peer.session not in out.sessions():
            out.add(peer)
        await carry(Subscribe(peer.session, room, ROOMS[room]))


def message(seq: int, room: str = "#a") -> Publish:
    event = Message(room=room, seq=seq, time="2026-01-01T00:00:00.000Z", sender="ada", text="hi", sent="", cid="")
    return Publish(room, event, ROOMS[room], 7)


def ok(session: int, request: str, room: str | None = None) -> Acknowledge:
    return Acknowledge(session, Ok(id=request, room=room))


def ids(got: list[object]) -> list[object]:
    """Bytes as they are, and of structs their ids."""
    return [thing if isinstance(thing, bytes) else getattr(thing, "id", type(thing).__name__) for thing in got]


def pong(request: str) -> Reply:
    return Reply(1, Pong(id=request, time="2026-01-01T00:00:00.000Z"))


def look_up(session: int, request: str) -> Recall:
    return Recall(session, History(id=request, room="#a"), 1, last=9)


# ---- rooms ----------------------------------------------------------------------------------------


async def test_members_get_what_a_batch_has_for_their_room_at_once(out: Dispatcher, carry: Carry) -> None:
    ada, bob = FakePeer(1), FakePeer(2)
    await enter(out, carry, ada, bob)
    await carry(message(1), message(2), ok(1, "x", "#a"))
    assert ids(ada.got) == [b"[Message][Message]", "x"]
    assert ids(bob.got) == [b"[Message][Message]"]


async def test_an_event_is_encoded_once_for_each_encoding_in_use(out: Dispatcher, carry: Carry) -> None:
    first, second = FakeEncoding(), FakeEncoding()
    peers = [FakePeer(number, first if number < 3 else second) for number in range(1, 6)]
    await enter(out, carry, *peers)
    await carry(message(1), session=4, request="m")
    assert [len(encoding.encoded) for encoding in (first, second)] == [1, 1]
    (delivery,) = first.encoded
    assert (delivery.room, delivery.session, delivery.request) == (1, 4, "m")
    assert b'"type":"message"' in delivery.stored
    assert [peer.got for peer in peers] == [[b"[Message]"]] * 5
    await carry(Unsubscribe(1, "#a"), Unsubscribe(2, "#a"), message(2))
    assert [len(encoding.encoded) for encoding in (first, second)] == [1, 2]


async def test_the_session_that_caused_an_event_gets_its_own_share_where_the_encoding_has_one(
    out: Dispatcher, carry: Carry
) -> None:
    shared, own = FakeEncoding(), FakeEncoding(own_share=True)
    ada, bob, eve = FakePeer(1, shared), FakePeer(2, own), FakePeer(3, own)
    await enter(out, carry, ada, bob, eve)
    await carry(message(1), session=1)
    await carry(message(2), session=2)
    assert (ada.shares, eve.shares) == ([], [])
    ((delivery,),) = bob.shares
    assert delivery.event.seq == 2  # type: ignore[attr-defined] # it is the second message


async def test_what_nobody_caused_is_nobodys_own_share(out: Dispatcher, nursery: trio.Nursery, carry: Carry) -> None:
    ada = FakePeer(1, FakeEncoding(own_share=True))
    await enter(out, carry, ada)
    effects: list[Effect] = [Notify("#a", Renamed(old="eve", new="zoe"))]
    await out.carry_out(effects, deliveries_of(effects), nursery)  # as of a batch that was undone
    assert (ada.got, ada.shares) == ([b"[Renamed]"], [])


async def test_a_room_is_flushed_before_a_member_leaves_and_before_one_enters(out: Dispatcher, carry: Carry) -> None:
    ada, bob = FakePeer(1), FakePeer(2)
    await enter(out, carry, ada)
    out.add(bob)
    await carry(message(1), Subscribe(2, "#a"), message(2), Unsubscribe(1, "#a"), message(3))
    assert ada.got == [b"[Message]", b"[Message]"]
    assert bob.got == [b"[Message]", b"[Message]"]


async def test_all_rooms_are_flushed_around_a_new_name(out: Dispatcher, carry: Carry) -> None:
    bob = FakePeer(1)
    await enter(out, carry, bob)
    await enter(out, carry, bob, room="#b")
    renamed = Notify("#a", Renamed(old="ada", new="eve"))
    await carry(message(1), message(1, "#b"), renamed, message(2, "#b"), message(2))
    assert bob.got == [b"[Message]", b"[Message]", b"[Renamed]", b"[Message]", b"[Message]"]


async def test_a_notice_to_a_session_does_not_overtake_its_rooms(out: Dispatcher, carry: Carry) -> None:
    ada = FakePeer(1)
    await enter(out, carry, ada)
    await carry(message(1), Tell((1, 99), Left(room="#b")), message(2))
    assert ids(ada.got) == [b"[Message]", "Left", b"[Message]"]


# ---- the order of answers -------------------------------------------------------------------------


async def test_acknowledgements_that_wait_for_different_rooms_keep_their_order(out: Dispatcher, carry: Carry) -> None:
    ada = FakePeer(1)
    await enter(out, carry, ada)
    await enter(out, carry, ada, room="#b")
    await carry(
        message(1), ok(1, "1", "#a"), message(1, "#b"), ok(1, "2", "#b"), message(2), ok(1, "3", "#a"), ok(1, "4")
    )
    assert [thing for thing in ids(ada.got) if isinstance(thing, str)] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("room", ["#a", None])
async def test_an_answer_does_not_overtake_an_acknowledgement(out: Dispatcher, carry: Carry, room: str | None) -> None:
    ada, bob = FakePeer(1), FakePeer(2)
    out.add(ada)
    await enter(out, carry, bob)
    await carry(message(1), ok(1, "1", room), pong("2"))
    assert ids(ada.got) == ["1", "2"]


async def test_an_answer_does_not_overtake_a_look_up(out: Dispatcher, carry: Carry, store: SlowStore) -> None:
    ada = FakePeer(1)
    await enter(out, carry, ada)
    await carry(look_up(1, "1"), pong("2"), message(1), ok(1, "3", "#a"), look_up(1, "4"))
    await carry(pong("5"), Tell((1,), Left(room="#b")))
    await trio.testing.wait_all_tasks_blocked()
    assert ada.got == []
    store.go_on.set()
    await trio.testing.wait_all_tasks_blocked()
    assert ids(ada.got) == ["1", "2", b"[Message]", "3", "4", "5", "Left"]
    await carry(message(2))
    assert ada.got[-1] == b"[Message]"
    assert repr(out._recipients[1]) == "<Recipient 1: 0 look-ups, 0 bytes held>"


async def test_live_events_do_not_wait_for_a_look_up_unless_an_answer_does(
    out: Dispatcher, carry: Carry, store: SlowStore
) -> None:
    ada = FakePeer(1)
    await enter(out, carry, ada)
    await carry(look_up(1, "1"), message(1))
    assert ada.got == [b"[Message]"]
    await enter(out, carry, ada, room="#b")
    await carry(pong("2"), message(1, "#b"))
    assert ada.got == [b"[Message]"]
    store.go_on.set()
    await trio.testing.wait_all_tasks_blocked()
    assert ids(ada.got) == [b"[Message]", "1", "2", b"[Message]"]


async def test_what_waits_for_a_look_up_is_bounded_and_sent_past_the_bound(
    out: Dispatcher, carry: Carry, store: SlowStore
) -> None:
    ada = FakePeer(1)
    await enter(out, carry, ada)
    await carry(look_up(1, "page"), *(pong(str(number)) for number in range(8)))
    assert ada.got == []
    await carry(pong("8"))
    assert ids(ada.got) == [str(number) for number in range(9)]
    await carry(message(1))
    assert ada.got[-1] == b"[Message]"
    store.go_on.set()
    await trio.testing.wait_all_tasks_blocked()
    assert isinstance(ada.got[-1], Page)


async def test_answers_do_not_wait_long_for_a_peer_that_takes_no_pages(
    out: Dispatcher, carry: Carry, store: SlowStore, mock_clock: trio.testing.MockClock
) -> None:
    ada = FakePeer(1)
    out.add(ada)
    store.go_on.set()
    ada.ready = trio.Event()
    await carry(look_up(1, "1"), pong("2"))
    await trio.testing.wait_all_tasks_blocked()
    assert ada.got == []
    mock_clock.jump(6)
    await trio.testing.wait_all_tasks_blocked()
    assert ids(ada.got) == ["2"]
    ada.ready.set()
    await trio.testing.wait_all_tasks_blocked()
    assert ids(ada.got) == ["2", "1"]


async def test_the_last_words_come_behind_what_waits_for_a_look_up(
    out: Dispatcher, carry: Carry, store: SlowStore
) -> None:
    ada = FakePeer(1)
    await enter(out, carry, ada)
    reason = refuse("idle", seconds=1)
    closed = await carry(look_up(1, "1"), pong("2"), message(1), Disconnect(1, reason))
    assert (closed, ids(ada.got), ada.closed) == ([1], ["2", b"[Message]"], reason)
    store.go_on.set()
    await trio.testing.wait_all_tasks_blocked()
    assert len(ada.got) == 2
    assert out.sessions() == []


async def test_a_notice_reaches_a_room_with_the_session_that_caused_it(out: Dispatcher, carry: Carry) -> None:
    ada = FakePeer(1)
    await enter(out, carry, ada, room="#b")
    await carry(Notify("#b", TypingNotice(room="#b", name="ada")), session=5, request="t")
    (delivery,) = ada.encoding.encoded
    assert (delivery.room, delivery.session, delivery.request, delivery.stored) == (2, 5, "t", b"")
