from __future__ import annotations

import pytest
import trio
import trio.testing
from trio.testing import MockClock

import trio_chat
from tests.client.scripted import LOBBY, ScriptedServer
from trio_chat.client.events import ChatEvent, Missed
from trio_chat.client.mailbox import Mailbox
from trio_chat.client.options import Timeouts


def events(count: int) -> list[ChatEvent]:
    return [Missed(room="#lobby", count=number + 1) for number in range(count)]


async def test_events_come_in_their_order_and_none_after_the_end() -> None:
    mailbox = Mailbox()
    mailbox.put(events(3))
    mailbox.close()
    mailbox.put(events(1))
    assert [await mailbox.get() for _ in range(4)] == [*events(3), None]


async def test_the_mailbox_is_full_by_number_or_by_bytes() -> None:
    by_number = Mailbox(most_events=2)
    by_number.put(events(2))
    assert by_number.full
    by_bytes = Mailbox(most_bytes=100)
    by_bytes.put(events(2), 100)
    fullness = [by_bytes.full]
    await by_bytes.get()
    assert [*fullness, by_bytes.full] == [True, False]
    assert repr(by_bytes) == "<Mailbox 1 events, 50 bytes>"


async def test_the_writer_waits_for_room_or_the_end() -> None:
    mailbox = Mailbox(most_events=2)
    mailbox.put(events(3))
    passed: list[str] = []

    async def write(name: str) -> None:
        await mailbox.wait_room()
        passed.append(name)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write, "first")
        await mailbox.get()
        await trio.testing.wait_all_tasks_blocked()
        assert passed == []
        await mailbox.get()
        await trio.testing.wait_all_tasks_blocked()
        assert passed == ["first"]
        mailbox.put(events(2))
        nursery.start_soon(write, "second")
        await trio.testing.wait_all_tasks_blocked()
        assert passed == ["first"]
        mailbox.close()


async def test_a_cancelled_get_takes_nothing() -> None:
    mailbox = Mailbox()
    with trio.CancelScope() as scope:
        scope.cancel()
        mailbox.put(events(1))
        await mailbox.get()
    assert scope.cancelled_caught
    assert await mailbox.get() == events(1)[0]


async def test_each_event_goes_to_one_of_several_readers() -> None:
    mailbox = Mailbox()
    got: list[ChatEvent | None] = []

    async def read() -> None:
        while (event := await mailbox.get()) is not None:
            got.append(event)

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        mailbox.put(events(5))
        await trio.testing.wait_all_tasks_blocked()
        mailbox.close()
    assert sorted(str(event) for event in got) == sorted(str(event) for event in events(5))


async def test_an_answer_behind_unread_events_does_not_time_out_the_server(
    server: ScriptedServer, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trio_chat.client.mailbox.Mailbox.__init__.__defaults__", (10, 10**6))
    async with server.connect(timeouts=Timeouts(request=5)) as chat:
        for number in range(20):
            await server.write(LOBBY, str(number))
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio_chat.NotAcknowledged, match=r"10 events before it were not read.*listen=False"):
            await chat.send(LOBBY, "hello")
