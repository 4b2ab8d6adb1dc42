"""The chat with a scripted server: requests, answers, names, keepalive."""

from __future__ import annotations

import msgspec
import pytest
import trio
import trio.testing
from trio.testing import MockClock

import trio_chat
from tests.client.scripted import LOBBY, NOW, ScriptedServer, Session, next_event, next_of, texts
from trio_chat.client import Chat
from trio_chat.client.credentials import Credentials
from trio_chat.client.options import Timeouts
from trio_chat.protocol import requests
from trio_chat.protocol.codec import encode
from trio_chat.protocol.events import Error, Left, Message, Presence, Renamed, Room, RoomInfo
from trio_chat.server.net.frames import text_frame

# ---- talking ---------------------------------------------------------------------------------


async def test_send_returns_when_acknowledged(server: ScriptedServer) -> None:
    async with server.connect() as chat:
        receipt = await chat.send(LOBBY, "hello")
        assert receipt == (LOBBY, 1, NOW)
        assert server.texts() == ["hello"]
        event = await next_event(chat)
        assert isinstance(event, Message)
        assert (event.sender, event.text) == ("ada", "hello")


async def test_a_message_carries_the_senders_clock_and_kind(server: ScriptedServer) -> None:
    async with server.connect() as chat:
        await chat.send(LOBBY, "waves", action=True)
    (request,) = server.asked(requests.Send)
    assert request.kind == "action"
    assert request.sent is not None
    assert request.sent[19] == "."  # milliseconds
    assert request.sent[-6] in "+-"  # and the offset


async def test_direct_messages_take_one_name_or_several(server: ScriptedServer) -> None:
    async with server.connect() as chat:
        assert (await chat.send_to("bob", "psst")).room == "@ada+bob"
        await chat.send_to(["bob", "cyd"], "psst")
    assert [request.to for request in server.asked(requests.Send)] == [("bob",), ("bob", "cyd")]


async def test_every_request_has_its_method(server: ScriptedServer) -> None:
    async with server.connect() as chat:
        room = await chat.join("#ops")
        assert room is chat.rooms["#ops"]
        await chat.set_topic("#ops", "fire")
        await chat.typing("#ops")
        await chat.read("#ops", 1)
        assert room.read == 1
        assert [line.name for line in await chat.list_rooms()] == [LOBBY, "#ops"]
        assert [person.name for person in await chat.who()] == ["ada"]
        await chat.away("lunch")
        await chat.away()
        past = await chat.history("#ops", limit=5)
        assert (past.room, past.more, past.first, len(past.events)) == ("#ops", False, 1, 1)
        assert await chat.ping() >= 0
        await chat.leave("#ops")
        assert "#ops" not in chat.rooms
        await chat.rename("lovelace")
        assert chat.name == "lovelace"
    kinds = [type(request).__name__ for request in server.heard]
    assert kinds == [
        "Join",
        "Topic",
        "Typing",
        "Read",
        "Rooms",
        "Who",
        "Away",
        "Away",
        "History",
        "Ping",
        "Leave",
        "Nick",
    ]


async def test_a_topic_is_updated_when_its_event_is_yielded(server: ScriptedServer) -> None:
    async with server.connect() as chat:
        await chat.set_topic(LOBBY, "fire")
        await next_event(chat)
        assert chat.rooms[LOBBY].topic == "fire"


async def test_notices_update_rooms_and_our_name(server: ScriptedServer) -> None:
    async with server.connect() as chat:
        await server.session.say(Presence(room=LOBBY, count=7, joined=("bob",)))
        await server.session.say(Renamed(old="ada", new="lovelace"))
        await next_event(chat)
        await next_event(chat)
        assert chat.rooms[LOBBY].count == 7
        assert chat.name == "lovelace"


async def test_a_refusal_is_raised_with_code_and_advice(server: ScriptedServer) -> None:
    async def refuse(session: Session, request: requests.AnyRequest) -> bool:
        await session.say(Error(id=request.id, code="empty", message="There is nothing.", advice="Write."))
        return True

    server.before = refuse
    async with server.connect() as chat:
        with pytest.raises(trio_chat.NotDone) as caught:
            await chat.send(LOBBY, "")
        assert (caught.value.code, caught.value.message, caught.value.advice) == (
            "empty",
            "There is nothing.",
            "Write.",
        )
        server.before = None
        await chat.send(LOBBY, "hello")


async def test_a_request_that_would_break_the_connection_is_refused_locally(server: ScriptedServer) -> None:
    server.frame_limit = 1000
    async with server.connect() as chat:
        with pytest.raises(trio_chat.NotDone, match="1000 bytes"):
            await chat.send(LOBBY, "x" * 1000)
        with pytest.raises(trio_chat.NotDone, match="half a character"):
            await chat.send(LOBBY, "\ud800")
        await chat.send(LOBBY, "hello")
    assert server.texts() == ["hello"]


async def test_a_text_that_is_too_long_is_refused_locally(server: ScriptedServer) -> None:
    async with server.connect() as chat:
        for size in (8001, 100_000):
            with pytest.raises(trio_chat.NotDone) as caught:
                await chat.send(LOBBY, "x" * size)
            assert caught.value.code == "too_long"
            assert caught.value.message == f"The message has {size} characters; the limit is 8000."
        await chat.send(LOBBY, "x" * 8000)
        await chat.send(LOBBY, "hello" + "\u200b" * 8000)  # the server takes out what nobody sees before it counts
    assert len(server.asked(requests.Send)) == 2


async def test_answers_reach_their_requests_in_any_order(server: ScriptedServer) -> None:
    waiting: list[requests.AnyRequest] = []

    async def reverse(session: Session, request: requests.AnyRequest) -> bool:
        waiting.append(request)
        if len(waiting) == 3:
            for late in reversed(waiting):
                await server.respond(session, late)
        return True

    server.before = reverse
    receipts: dict[str, int] = {}

    async def send(chat: Chat, text: str) -> None:
        receipts[text] = (await chat.send(LOBBY, text)).seq

    async with server.connect() as chat, trio.open_nursery() as nursery:
        for text in ("one", "two", "three"):
            nursery.start_soon(send, chat, text)
    assert {text: server.texts()[seq - 1] for text, seq in receipts.items()} == {
        "one": "one",
        "two": "two",
        "three": "three",
    }


async def test_an_answer_that_comes_twice_counts_once(server: ScriptedServer) -> None:
    async def twice(session: Session, request: requests.AnyRequest) -> bool:
        await server.respond(session, request)
        await server.respond(session, request)
        return True

    server.before = twice
    async with server.connect() as chat:
        assert (await chat.send(LOBBY, "one")).seq == 1
        assert (await chat.send(LOBBY, "two")).seq == 2


async def test_events_of_a_later_version_are_ignored(server: ScriptedServer) -> None:
    async with server.connect() as chat:
        await server.session.say_bytes(b'{"type":"hologram","shape":"cube"}')
        line = msgspec.json.encode({"type": "reacted", "room": LOBBY, "seq": 1, "time": NOW})
        server.logs[LOBBY].append(line)
        await server.session.say_bytes(line)
        await chat.send(LOBBY, "hello")
        assert await texts(chat, 1) == ["hello"]
        assert not server.asked(requests.History)  # it had its place: no gap
        assert len((await chat.history(LOBBY)).events) == 1


async def test_a_request_without_an_answer_in_time_raises(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async def swallow(session: Session, request: requests.AnyRequest) -> bool:
        return True

    async with server.connect(timeouts=Timeouts(request=5)) as chat:
        server.before = swallow
        began = trio.current_time()
        with pytest.raises(trio_chat.NotAcknowledged, match="within 5 seconds"):
            await chat.send(LOBBY, "hello")
        assert trio.current_time() - began == pytest.approx(5)
        server.before = None
        await chat.send(LOBBY, "again")
    assert server.texts() == ["again"]


async def test_joining_a_room_and_being_removed_at_once_still_returns_the_room(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async def put_out(session: Session, request: requests.AnyRequest) -> bool:
        if isinstance(request, requests.Join):
            entered = Room(id=request.id, room=RoomInfo(name=request.room))
            left = Left(room=request.room, reason="bob removed you.")
            await session.stream.send_all(text_frame(encode(entered)) + text_frame(encode(left)))  # at once
        return isinstance(request, requests.Join)

    server.before = put_out
    async with server.connect() as chat:
        for number in range(30):  # who of the two tasks goes on first is chance
            assert (await chat.join(f"#r{number}")).name == f"#r{number}"


async def test_drain_waits_for_requests_of_other_tasks(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async def slowly(session: Session, request: requests.AnyRequest) -> bool:
        await trio.sleep(3)
        return False

    server.before = slowly
    async with server.connect() as chat, trio.open_nursery() as nursery:
        nursery.start_soon(chat.send, LOBBY, "hello")
        await trio.testing.wait_all_tasks_blocked()
        await chat.drain()
        assert server.texts() == ["hello"]
        assert chat.statistics().pending == 0


# ---- direct messages are reported received -----------------------------------------------------


async def test_direct_messages_of_others_are_acknowledged_as_received(server: ScriptedServer) -> None:
    server.logs["@ada+bob"] = []
    async with server.connect() as chat:
        server.session.rooms.add("@ada+bob")
        await server.session.say(Room(room=server.describe("@ada+bob")))
        await server.write("@ada+bob", "psst")
        await server.write("@ada+bob", "mine", sender="ada")
        await server.write(LOBBY, "hello")
        await texts(chat, 3)
        await chat.drain()
    assert [(r.room, r.seq) for r in server.asked(requests.Received)] == [("@ada+bob", 1)]


async def test_without_listening_nothing_is_acknowledged_as_received(server: ScriptedServer) -> None:
    async with server.connect(listen=False) as chat:
        server.session.rooms.add("@ada+bob")
        await server.write("@ada+bob", "psst")
        await chat.send(LOBBY, "hello")
        assert chat.statistics().waiting == 0
    assert not server.asked(requests.Received)


# ---- names and credentials ---------------------------------------------------------------------


async def test_credentials_follow_the_upgrade_in_the_first_message(server: ScriptedServer) -> None:
    given = Credentials(password="pä ß/%", account_password="correct horse", token="t-1", invite="i-1")
    async with server.connect("åsa", credentials=given, client="bot (1.0)") as chat:
        del chat
    assert not {"username", "authorization", "trio-chat-token", "trio-chat-password"} & set(server.session.headers)
    assert server.session.headers["user-agent"] == "bot (1.0)"
    (hello,) = server.hellos
    assert (hello.name, hello.password, hello.token, hello.client) == ("åsa", "pä ß/%", "t-1", "bot (1.0)")
    assert (hello.account_password, hello.invite) == ("correct horse", "i-1")


async def test_without_credentials_the_server_makes_up_a_name(server: ScriptedServer) -> None:
    async with server.connect(None, client="bot") as chat:
        assert chat.name == "user_1234"
        assert chat.welcome.id
    (hello,) = server.hellos
    assert (hello.name, hello.client) == (None, "bot")


async def test_a_reconnect_proves_the_name_with_the_token(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async with server.connect(None) as chat:
        await chat.rename("lovelace")
        await server.session.drop()
        await next_of(chat, trio_chat.Reconnected)
        assert (server.hellos[-1].name, server.hellos[-1].token) == ("lovelace", "token-of-user_1234")


# ---- alive -----------------------------------------------------------------------------------------


async def test_a_ping_tells_the_latency(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async with server.connect() as chat:
        await trio.testing.wait_all_tasks_blocked()
        assert chat.latency == 0


async def test_a_connection_that_falls_silent_is_given_up(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async with server.connect(timeouts=Timeouts(keepalive=7)) as chat:
        await trio.sleep(100)
        assert chat.connected
        server.client_streams[-1].send_all_hook = None  # nothing we send arrives any more
        began = trio.current_time()
        event = await next_event(chat)
        assert isinstance(event, trio_chat.Disconnected)
        assert event.reason == "The connection was lost: nothing arrived for 7 seconds."
        assert 7 <= trio.current_time() - began <= 14
        assert isinstance(await next_event(chat), trio_chat.Reconnected)


async def test_an_application_that_does_not_read_stops_the_socket_and_keeps_the_connection(
    server: ScriptedServer, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trio_chat.client.mailbox.Mailbox.__init__.__defaults__", (10, 10**6))
    async with server.connect(timeouts=Timeouts(keepalive=7)) as chat:
        for number in range(200):
            await server.write(LOBBY, str(number))
        await trio.sleep(100)
        assert chat.connected
        figures = chat.statistics()
        assert figures.paused
        assert figures.waiting == 10
        assert await texts(chat, 200) == [str(number) for number in range(200)]
        await chat.send(LOBBY, "caught up")
        assert len(server.sessions) == 1
