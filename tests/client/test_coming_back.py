"""After a lost connection the client reconnects; no event is missed, doubled or out of order."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
import pytest
import trio
import trio.testing
from trio.testing import MockClock

import trio_chat
from tests.client.scripted import LOBBY, ScriptedServer, Session, next_event, next_of, texts
from trio_chat.client import Backoff
from trio_chat.client.options import Reconnection, Timeouts
from trio_chat.protocol import parts, requests
from trio_chat.protocol.events import Closing, Error, Left, Room, RoomInfo


async def test_a_reconnect_is_announced_and_missed_events_come_first(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async with server.connect() as chat:
        await server.write(LOBBY, "one")
        await server.session.drop()
        for text in ("two", "three"):
            await server.write(LOBBY, text)
        assert await texts(chat, 1) == ["one"]
        event = await next_event(chat)
        assert isinstance(event, trio_chat.Disconnected)
        assert event.reason == "The connection was lost."
        assert 0 <= event.retry_in <= 0.5
        assert not chat.connected
        assert await next_event(chat) == trio_chat.Reconnected(attempts=1)
        await server.write(LOBBY, "four")
        assert await texts(chat, 3) == ["two", "three", "four"]


async def test_live_events_wait_until_the_gap_before_them_is_filled(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    server.page = 2
    asked = trio.Event()
    go = trio.Event()

    async def slow_history(session: Session, request: requests.AnyRequest) -> bool:
        if isinstance(request, requests.History):
            asked.set()
            await go.wait()
        return False

    async with server.connect() as chat:
        server.before = slow_history
        await server.session.drop()
        for number in range(1, 6):
            await server.write(LOBBY, str(number))
        await next_of(chat, trio_chat.Reconnected)
        await asked.wait()
        await server.write(LOBBY, "6")
        await trio.testing.wait_all_tasks_blocked()
        assert chat.rooms[LOBBY].catching_up
        assert chat.statistics().waiting == 0
        go.set()
        assert await texts(chat, 6) == ["1", "2", "3", "4", "5", "6"]
    assert [request.after for request in server.asked(requests.History)] == [0, 2, 4]


async def test_a_gap_between_live_events_is_filled(server: ScriptedServer) -> None:
    async with server.connect() as chat:
        server.session.rooms.clear()
        await server.write(LOBBY, "one")
        await server.write(LOBBY, "two")
        server.session.rooms.add(LOBBY)
        await server.write(LOBBY, "three")
        assert await texts(chat, 3) == ["one", "two", "three"]


async def test_forgotten_events_are_reported_missed(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async with server.connect() as chat:
        await server.session.drop()
        for number in range(1, 6):
            await server.write(LOBBY, str(number))
        server.trim(LOBBY, 3)
        await next_of(chat, trio_chat.Reconnected)
        assert await next_event(chat) == trio_chat.Missed(room=LOBBY, count=3)
        assert await texts(chat, 2) == ["4", "5"]


async def test_a_busy_server_is_asked_for_the_log_again(server: ScriptedServer, autojump_clock: MockClock) -> None:
    busy = 3

    async def refuse(session: Session, request: requests.AnyRequest) -> bool:
        nonlocal busy
        if not isinstance(request, requests.History) or not busy:
            return False
        busy -= 1
        await session.say(Error(id=request.id, code="too_fast", message="You are sending too fast."))
        return True

    server.before = refuse
    async with server.connect() as chat:
        await server.session.drop()
        await server.write(LOBBY, "one")
        assert await texts(chat, 1) == ["one"]
    assert len(server.asked(requests.History)) == 4


async def test_a_log_that_is_refused_for_good_is_not_asked_for_again(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async def refuse(session: Session, request: requests.AnyRequest) -> bool:
        if not isinstance(request, requests.History):
            return False
        await session.say(Error(id=request.id, code="not_a_member", message="You are not in that room."))
        return True

    server.before = refuse
    async with server.connect() as chat:
        await server.session.drop()
        await server.write(LOBBY, "one")
        await next_of(chat, trio_chat.Reconnected)
        assert await next_event(chat) == trio_chat.Missed(room=LOBBY, count=1)
        await server.write(LOBBY, "two")  # no longer held until the log is there
        assert await texts(chat, 1) == ["two"]
        await trio.sleep(60)
    assert len(server.asked(requests.History)) == 1


async def test_an_unacknowledged_message_is_sent_again_under_its_id(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async def lose_twice(session: Session, request: requests.AnyRequest) -> bool:
        if not isinstance(request, requests.Send) or len(server.asked(requests.Send)) > 2:
            return False
        if len(server.asked(requests.Send)) == 2:  # stored, but the acknowledgement is lost
            session.open, session.rooms = False, set()
            await server.store(session, request)
        await session.drop()
        return True

    server.before = lose_twice
    async with server.connect() as chat:
        receipt = await chat.send_to("bob", "hello")
    first, second, third = server.asked(requests.Send)
    assert not first.again
    assert second == third == msgspec.structs.replace(first, again=True)
    assert server.texts("@ada+bob") == ["hello"]
    assert receipt.seq == 1


async def test_a_message_found_in_the_log_is_not_sent_again(server: ScriptedServer, autojump_clock: MockClock) -> None:
    server.forget_people = True  # and with them their ids: sent again it would be stored twice

    async def store_and_drop(session: Session, request: requests.AnyRequest) -> bool:
        if not isinstance(request, requests.Send) or request.text != "hello":
            return False
        await server.write(LOBBY, "before")
        session.open = False
        await server.store(session, request)
        await session.drop()
        return True

    server.before = store_and_drop
    async with server.connect() as chat:
        assert (await chat.send(LOBBY, "hello")).seq == 2
        assert (await chat.send(LOBBY, "after")).seq == 3
        assert await texts(chat, 3) == ["before", "hello", "after"]
    assert server.texts() == ["before", "hello", "after"]


async def test_messages_written_while_offline_are_sent_in_order(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async with server.connect(timeouts=Timeouts(request=math.inf)) as chat:
        server.down = True
        await server.session.drop()
        await next_of(chat, trio_chat.Disconnected)
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(chat.send, LOBBY, str(number))
                await trio.testing.wait_all_tasks_blocked()
            await server.write(LOBBY, "bob was here")
            server.down = False
    assert server.texts() == ["bob was here", *map(str, range(20))]


async def test_rooms_are_joined_again_when_the_server_forgot_us(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    server.forget_people = True
    async with server.connect() as chat:
        await chat.join("#ops")
        await server.session.drop()
        await server.write("#ops", "fire")
        await chat.send("#ops", "where?")
        assert await texts(chat, 2) == ["fire", "where?"]
    assert server.texts("#ops") == ["fire", "where?"]


async def test_a_refused_rejoin_is_reported(server: ScriptedServer, autojump_clock: MockClock) -> None:
    server.forget_people = True

    async def refuse(session: Session, request: requests.AnyRequest) -> bool:
        if not isinstance(request, requests.Join) or len(server.sessions) == 1:
            return False
        await session.say(Error(id=request.id, code="too_many_rooms", message="No.", advice="Leave one."))
        return True

    server.before = refuse
    async with server.connect() as chat:
        await chat.join("#ops")
        await server.session.drop()
        event = await next_of(chat, trio_chat.RejoinRefused)
        assert event == trio_chat.RejoinRefused(room="#ops", code="too_many_rooms", message="No.", advice="Leave one.")
        assert "#ops" not in chat.rooms


async def test_a_removal_while_away_is_reported_and_the_room_is_not_joined_again(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async with server.connect() as chat:
        await chat.join("#ops")
        await server.session.drop()
        server.people["ada"].discard("#ops")
        server.put_out = (parts.Removal(room="#ops", by="bob", reason="a walk"), parts.Removal(room="#never", by="bob"))
        left = await next_of(chat, Left)
        assert left == Left(room="#ops", reason="bob removed you: a walk")
        assert await next_event(chat) == trio_chat.Reconnected(attempts=1)
        await chat.send(LOBBY, "back")
        assert set(chat.rooms) == {LOBBY}
    assert len(server.asked(requests.Join)) == 1


async def test_messages_of_a_new_history_from_before_our_return_are_yielded(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async with server.connect() as chat:
        for number in range(5):
            await server.write(LOBBY, str(number))
        await texts(chat, 5)
        await server.session.drop()
        server.epoch = "epoch-2"
        server.logs[LOBBY].clear()
        server.page = 2
        meanwhile = [f"meanwhile {number}" for number in range(7)]  # more than before: the number alone tells nothing
        for text in meanwhile:
            await server.write(LOBBY, text)
        event = await next_of(chat, trio_chat.Reconnected)
        assert event == trio_chat.Reconnected(attempts=1, anew=True)
        await server.write(LOBBY, "hello")
        assert await texts(chat, 8) == [*meanwhile, "hello"]
    assert [request.after for request in server.asked(requests.History)][:4] == [0, 2, 4, 6]


async def test_a_room_joined_again_in_a_new_history_yields_its_messages(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    server.forget_people = True
    async with server.connect() as chat:
        await chat.join("#ops")
        await server.write("#ops", "before")
        await texts(chat, 1)
        await server.session.drop()
        server.epoch = "epoch-2"
        server.logs = {LOBBY: [], "#ops": []}
        await server.write("#ops", "said while away")
        await next_of(chat, trio_chat.Reconnected)
        assert await texts(chat, 1) == ["said while away"]


async def test_events_lost_from_a_new_history_are_reported_missed(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async with server.connect() as chat:
        await server.session.drop()
        server.epoch = "epoch-2"
        for number in range(1, 6):
            await server.write(LOBBY, str(number))

        async def forget_more(session: Session, request: requests.AnyRequest) -> bool:
            server.before = None
            server.trim(LOBBY, 3)
            return False

        server.before = forget_more
        await next_of(chat, trio_chat.Reconnected)
        assert await next_event(chat) == trio_chat.Missed(room=LOBBY, count=3)
        assert await texts(chat, 2) == ["4", "5"]


async def test_a_direct_conversation_begun_in_a_new_history_comes_whole(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async with server.connect() as chat:
        await server.session.drop()
        server.epoch = "epoch-2"
        server.people["ada"].add("@ada+bob")
        await server.write("@ada+bob", "psst")
        await next_of(chat, Room)
        assert await texts(chat, 1) == ["psst"]


async def test_a_direct_conversation_begun_meanwhile_comes_whole(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async with server.connect() as chat:
        await server.session.drop()
        server.people["ada"].add("@ada+bob")
        await server.write("@ada+bob", "psst")
        await next_of(chat, Room)
        assert await texts(chat, 1) == ["psst"]
        await chat.drain()
    assert server.asked(requests.Received)


async def test_pauses_grow_with_each_failure_and_end_with_success(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async with server.connect(reconnection=Reconnection(backoff=Backoff(first=1, longest=4))) as chat:
        server.down = True
        await server.session.drop()
        delays: list[float] = []
        for attempt in range(8):
            event = await next_event(chat)
            assert isinstance(event, trio_chat.Disconnected)
            assert event.attempt == attempt
            delays.append(event.retry_in)
        assert all(delay <= bound for delay, bound in zip(delays, (1, 2, 4, 4, 4, 4, 4, 4), strict=True))
        assert len(set(delays)) == len(delays)  # jittered
        server.down = False
        assert await next_event(chat) == trio_chat.Reconnected(attempts=8)
        await trio.sleep(10)
        await server.session.drop()
        event = await next_event(chat)
        assert isinstance(event, trio_chat.Disconnected)
        assert event.retry_in <= 1


async def test_the_client_waits_as_long_as_the_server_says(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async with server.connect() as chat:
        await server.session.close(Closing(code="shutting_down", message="It is shutting down.", retry=10))
        assert isinstance(await next_event(chat), Closing)
        event = await next_event(chat)
        assert isinstance(event, trio_chat.Disconnected)
        assert event.reason == "It is shutting down."
        assert 10 <= event.retry_in <= 20
        await next_of(chat, trio_chat.Reconnected)
        assert server.tried_at[1] - server.tried_at[0] == pytest.approx(event.retry_in)


async def test_the_reason_of_a_close_is_reported(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async with server.connect() as chat:
        await server.session.close(reason="tea time")
        event = await next_event(chat)
        assert isinstance(event, trio_chat.Disconnected)
        assert event.reason == "The server closed the connection: tea time."
        await next_of(chat, trio_chat.Reconnected)
        await server.session.close(code=4000)
        event = await next_event(chat)
        assert isinstance(event, trio_chat.Disconnected)
        assert event.reason == "The server closed the connection (code 4000)."


async def test_frames_that_are_no_events_end_the_connection(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async with server.connect() as chat:
        await server.session.say_bytes(b"good morning")
        event = await next_event(chat)
        assert isinstance(event, trio_chat.Disconnected)
        assert "is not an event" in event.reason
        await next_of(chat, trio_chat.Reconnected)


async def test_typing_and_ping_do_not_outlive_their_connection(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async def drop(session: Session, request: requests.AnyRequest) -> bool:
        await session.drop()
        return True

    server.before = drop
    async with server.connect() as chat:
        await chat.typing(LOBBY)
        await next_of(chat, trio_chat.Disconnected)
        await chat.typing(LOBBY)
        await next_of(chat, trio_chat.Reconnected)
        assert await chat.ping() >= 0
        await next_of(chat, trio_chat.Reconnected)
        await trio.sleep(100)
    assert len(server.heard) == 2


@pytest.mark.parametrize("remade", [False, True], ids=["gone", "there, but open"])
async def test_a_text_for_a_private_room_is_not_sent_to_a_public_one_of_a_new_history(
    server: ScriptedServer, autojump_clock: MockClock, *, remade: bool
) -> None:
    async with server.connect() as chat, trio.open_nursery() as nursery:
        await chat.join("#secret")
        await server.session.say(Room(room=RoomInfo(name="#secret", count=1, private=True)))
        await next_of(chat, Room)
        await server.session.drop()
        await next_of(chat, trio_chat.Disconnected)
        refusals: list[trio_chat.NotDone] = []

        async def say() -> None:
            with pytest.raises(trio_chat.NotDone) as caught:
                await chat.send("#secret", "the secret")
            refusals.append(caught.value)

        nursery.start_soon(say)
        await trio.testing.wait_all_tasks_blocked()
        server.epoch, server.heard[:] = "epoch-2", []
        if not remade:
            server.people.clear()
            del server.logs["#secret"]
        assert await next_of(chat, trio_chat.Reconnected) == trio_chat.Reconnected(attempts=1, anew=True)
        if not remade:
            refused = await next_event(chat)
            assert isinstance(refused, trio_chat.RejoinRefused)
            assert (refused.room, refused.code) == ("#secret", "opened")
        assert await chat.send(LOBBY, "hello") is not None
        assert [(one.code, "not sent" in one.message) for one in refusals] == [("opened", True)]
        assert ("#secret" in chat.rooms) == remade
        assert [one.room for one in server.asked(requests.Send)] == [LOBBY]
        assert not server.asked(requests.Join)


async def test_a_request_about_a_message_of_a_lost_history_is_not_sent(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    refused: list[trio_chat.NotDone] = []

    async def try_to(ask: Callable[[], Awaitable[object]]) -> None:
        with pytest.raises(trio_chat.NotDone) as caught:
            await ask()
        refused.append(caught.value)

    async with server.connect() as chat, trio.open_nursery() as nursery:
        await chat.send(LOBBY, "first")
        await server.session.drop()
        await next_of(chat, trio_chat.Disconnected)
        for ask in (
            partial(chat.edit, LOBBY, 1, "last"),
            partial(chat.delete, LOBBY, 1),
            partial(chat.react, LOBBY, 1, "+1"),
            partial(chat.send, LOBBY, "yes", reply_to=1),
        ):
            nursery.start_soon(try_to, ask)
        await trio.testing.wait_all_tasks_blocked()
        server.epoch, server.heard[:] = "epoch-2", []
        assert await next_of(chat, trio_chat.Reconnected) == trio_chat.Reconnected(attempts=1, anew=True)
        await chat.send(LOBBY, "hello")
        assert [(one.code, "not sent" in one.message) for one in refused] == [("outdated", True)] * 4
        assert any("The message was: yes" in str(one) for one in refused)
        changes = requests.Send | requests.Edit | requests.Delete | requests.React
        assert [one for one in server.heard if isinstance(one, changes)] == server.asked(requests.Send)
        assert [one.text for one in server.asked(requests.Send)] == ["hello"]


async def test_a_wait_for_the_next_try_can_be_ended(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async with server.connect(reconnection=Reconnection(backoff=Backoff(1000, 1000))) as chat:
        await server.session.drop()
        await next_of(chat, trio_chat.Disconnected)
        await trio.sleep(1)
        began = trio.current_time()
        chat.reconnect_nowait()
        await next_of(chat, trio_chat.Reconnected)
        assert trio.current_time() == began
        await chat.send(LOBBY, "back")
        assert server.texts() == ["back"]


async def test_a_connection_can_be_replaced_and_what_waits_is_asked_again(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    sessions: list[Session] = []

    async def hang(session: Session, request: requests.AnyRequest) -> bool:
        sessions.append(session)
        return session is sessions[0]

    async with server.connect() as chat, trio.open_nursery() as nursery:
        server.before = hang
        nursery.start_soon(chat.send, LOBBY, "hello")
        await trio.testing.wait_all_tasks_blocked()
        chat.reconnect_nowait()
        lost = await next_of(chat, trio_chat.Disconnected)
        assert isinstance(lost, trio_chat.Disconnected)
        assert (lost.reason, lost.retry_in) == ("A new connection was asked for.", 0.0)
        await next_of(chat, trio_chat.Reconnected)
    assert server.texts() == ["hello"]


async def test_a_chat_that_is_over_cannot_be_reconnected(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async with server.connect() as chat:
        await chat.aclose()
        with pytest.raises(trio_chat.ConnectionClosed):
            chat.reconnect_nowait()
