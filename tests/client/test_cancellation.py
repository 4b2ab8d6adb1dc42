"""Exceptions, cancellation and ends leave nothing open and hide nothing."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from trio.testing import MockClock

import trio_chat
from tests.client.scripted import LOBBY, ScriptedServer, Session, next_event, next_of, texts
from trio_chat.client import Chat
from trio_chat.client.options import Reconnection, StreamOptions
from trio_chat.protocol import requests
from trio_chat.protocol.events import Closing, Error, Message, Room

# ---- exceptions and cancellation -----------------------------------------------------------------


async def test_what_the_body_raises_comes_out_as_it_is(server: ScriptedServer) -> None:
    error = KeyError("mine")
    with pytest.raises(KeyError) as caught:
        async with server.connect():
            raise error
    assert caught.value is error


async def test_a_group_of_the_bodys_own_stays_that_group(server: ScriptedServer) -> None:
    async def fail() -> None:
        raise KeyError("mine")

    with pytest.raises(ExceptionGroup) as caught:
        async with server.connect(), trio.open_nursery() as nursery:
            nursery.start_soon(fail)
    assert [type(error) for error in caught.value.exceptions] == [KeyError]


async def test_a_fault_inside_comes_out_ungrouped(server: ScriptedServer) -> None:
    async def break_down(address: object) -> trio.abc.Stream:
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError):
        async with trio_chat.connect("chat.test", stream=StreamOptions(open_stream=break_down)):
            pass


async def test_a_fault_in_the_background_reaches_the_body(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise ZeroDivisionError("a bug")

    async def talk() -> None:
        async with server.connect() as chat:
            monkeypatch.setattr(chat._conversation, "take", fail)
            await chat.send(LOBBY, "hello")

    with pytest.raises(ZeroDivisionError):
        await talk()


async def test_a_cancelled_body_closes_politely(server: ScriptedServer, autojump_clock: MockClock) -> None:
    with trio.move_on_after(5) as scope:
        async with server.connect() as chat:
            async for _ in chat:
                pass
    assert scope.cancelled_caught
    await trio.testing.wait_all_tasks_blocked()
    assert server.session.websocket.closed is not None
    assert server.session.websocket.closed.code == 1000
    assert not server.open_streams


async def test_a_cancelled_send_leaves_the_conversation_usable(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async def swallow(session: Session, request: requests.AnyRequest) -> bool:
        return isinstance(request, requests.Send) and request.text == "slow"

    server.before = swallow
    async with server.connect() as chat:
        with trio.move_on_after(1) as scope:
            await chat.send(LOBBY, "slow")
        assert scope.cancelled_caught
        assert (await chat.send(LOBBY, "quick")).seq == 1
        assert chat.statistics().pending == 0


async def test_a_send_cancelled_before_it_went_out_never_goes(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async with server.connect() as chat:
        server.down = True
        await server.session.drop()
        await next_of(chat, trio_chat.Disconnected)
        with trio.move_on_after(1):
            await chat.send(LOBBY, "never mind")
        server.down = False
        await chat.send(LOBBY, "hello")
    assert server.texts() == ["hello"]


async def test_a_room_entered_by_a_cancelled_join_is_known(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async def slowly(session: Session, request: requests.AnyRequest) -> bool:
        await trio.sleep(2)
        return False

    server.before = slowly
    async with server.connect() as chat:
        with trio.move_on_after(1):
            await chat.join("#ops")
        event = await next_event(chat)
        assert isinstance(event, Room)
        assert event.room.name == "#ops" in chat.rooms


class _CancelAtStep(trio.abc.Instrument):
    """Cancels a scope when so many steps of tasks have been taken."""

    def __init__(self, scope: trio.CancelScope, step: int) -> None:
        self.scope = scope
        self.left = step

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.left -= 1
        if self.left == 0:
            self.scope.cancel()


async def test_cancelled_at_any_step_nothing_is_left_open(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    steps = 0
    finished = False
    while not finished:
        steps += 1
        server = ScriptedServer(nursery)
        with trio.CancelScope() as scope:
            instrument = _CancelAtStep(scope, steps)
            trio.lowlevel.add_instrument(instrument)
            async with server.connect() as chat:
                await chat.send(LOBBY, "one")
                await server.session.drop()
                await chat.send(LOBBY, "two")
                await texts(chat, 2)
            finished = True
        trio.lowlevel.remove_instrument(instrument)
        await trio.testing.wait_all_tasks_blocked()
        assert not server.open_streams, steps
        assert server.texts() in ([], ["one"], ["one", "two"]), steps
    assert steps > 50
    nursery.cancel_scope.cancel()


# ---- the end -------------------------------------------------------------------------------------


async def test_after_aclose_what_waits_is_yielded_and_requests_say_so(server: ScriptedServer) -> None:
    async with server.connect() as chat:
        await chat.send(LOBBY, "hello")
        await chat.aclose()
        await chat.aclose()
        assert [type(event) async for event in chat] == [Message]
        with pytest.raises(trio_chat.ConnectionClosed, match="closed on this side"):
            await chat.send(LOBBY, "too late")
        assert chat.ended is None
        assert not chat.connected
        assert "disconnected" in repr(chat)


async def test_aclose_wakes_who_waits(server: ScriptedServer) -> None:
    async def swallow(session: Session, request: requests.AnyRequest) -> bool:
        return True

    server.before = swallow
    outcomes: list[str] = []

    async def send(chat: Chat) -> None:
        with pytest.raises(trio_chat.ConnectionClosed):
            await chat.send(LOBBY, "hello")
        outcomes.append("send")

    async def iterate(chat: Chat) -> None:
        async for _ in chat:
            pass
        outcomes.append("iterate")

    async def drain(chat: Chat) -> None:
        with pytest.raises(trio_chat.ConnectionClosed):
            await chat.drain()
        outcomes.append("drain")

    async with server.connect() as chat, trio.open_nursery() as nursery:
        nursery.start_soon(send, chat)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(iterate, chat)
        nursery.start_soon(drain, chat)
        await trio.testing.wait_all_tasks_blocked()
        await chat.aclose()
    assert sorted(outcomes) == ["drain", "iterate", "send"]


async def test_aclose_writes_what_is_ready(server: ScriptedServer) -> None:
    async with server.connect() as chat:
        chat._conversation.ask(requests.Away(id="last", text="gone"))
    await trio.testing.wait_all_tasks_blocked()
    assert server.asked(requests.Away)


async def test_aclose_does_not_wait_for_a_dead_server(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async with server.connect() as chat:
        server.client_streams[-1].send_all_hook = None  # nothing we send arrives any more
        began = trio.current_time()
        await chat.aclose()
        assert trio.current_time() - began <= 2


async def test_a_server_that_closes_for_good_ends_the_conversation(server: ScriptedServer) -> None:
    async with server.connect() as chat:
        closing = Closing(code="idle", message="Bye!")
        await server.session.close(closing)
        assert [event async for event in chat] == [closing]
        assert chat.ended == closing
        with pytest.raises(trio_chat.ConnectionClosed, match="Bye!"):
            await chat.send(LOBBY, "wait")
    assert len(server.tried_at) == 1


async def test_without_reconnect_a_lost_connection_is_the_end(server: ScriptedServer) -> None:
    async with server.connect(reconnection=Reconnection(reconnect=False)) as chat:
        await server.session.drop()
        assert [event async for event in chat] == []
        assert isinstance(chat.ended, trio_chat.ConnectionClosed)
        assert str(chat.ended) == "The connection was lost."


@pytest.mark.parametrize("code", ["name_taken", "wrong_password"])
async def test_a_reconnect_that_is_refused_for_good_ends_the_conversation(
    server: ScriptedServer, autojump_clock: MockClock, code: str
) -> None:
    async with server.connect() as chat:
        server.refusal = Error(code=code, message="No.")
        await server.session.drop()
        assert [type(event) async for event in chat] == [trio_chat.Disconnected]
        assert isinstance(chat.ended, trio_chat.NotAdmitted)
        assert chat.ended.code == code
    assert len(server.tried_at) == 2


async def test_a_server_that_is_full_for_now_is_tried_again(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async with server.connect() as chat:
        server.refusal = Error(code="server_full", message="Full.")
        await server.session.drop()
        await next_of(chat, trio_chat.Disconnected)
        second = await next_event(chat)
        assert isinstance(second, trio_chat.Disconnected)
        assert (second.reason, second.attempt) == ("Full.", 1)
        server.refusal = None
        await next_of(chat, trio_chat.Reconnected)
