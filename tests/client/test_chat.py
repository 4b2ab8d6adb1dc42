from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
import trio
import trio.testing
from trio.testing import MockClock

import trio_chat
from tests.client.scripted import LOBBY, NOW, ScriptedServer, Session
from trio_chat.client import Backoff, Chat, ChatEvent
from trio_chat.protocol import requests
from trio_chat.protocol.events import Closing, Error, Message, Presence, Renamed, Room


async def next_event(chat: Chat) -> ChatEvent:
    with trio.fail_after(100):
        return await anext(chat)


async def next_of(chat: Chat, kind: type) -> ChatEvent:
    while not isinstance(event := await next_event(chat), kind):
        pass
    return event


async def texts(chat: Chat, count: int) -> list[str]:
    """The texts of the next so many messages."""
    found: list[str] = []
    while len(found) < count:
        event = await next_event(chat)
        if isinstance(event, Message):
            found.append(event.text)
    return found


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


async def test_a_topic_is_known_once_its_event_was_yielded(server: ScriptedServer) -> None:
    async with server.connect() as chat:
        await chat.set_topic(LOBBY, "fire")
        await next_event(chat)
        assert chat.rooms[LOBBY].topic == "fire"


async def test_notices_keep_rooms_and_name_up_to_date(server: ScriptedServer) -> None:
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


async def test_what_would_break_the_connection_is_refused_here(server: ScriptedServer) -> None:
    server.frame_limit = 1000
    async with server.connect() as chat:
        with pytest.raises(trio_chat.NotDone, match="1000 bytes"):
            await chat.send(LOBBY, "x" * 1000)
        with pytest.raises(trio_chat.NotDone, match="half a character"):
            await chat.send(LOBBY, "\ud800")
        await chat.send(LOBBY, "hello")
    assert server.texts() == ["hello"]


async def test_a_text_that_is_too_long_is_counted_here_and_never_sent(server: ScriptedServer) -> None:
    async with server.connect() as chat:
        for size in (8001, 100_000):
            with pytest.raises(trio_chat.NotDone) as caught:
                await chat.send(LOBBY, "x" * size)
            assert caught.value.code == "too_long"
            assert caught.value.message == f"That message has {size} characters; 8000 is the most."
        await chat.send(LOBBY, "x" * 8000)
        await chat.send(LOBBY, "hello" + "\u200b" * 8000)  # the server takes out what nobody sees before it counts
    assert len(server.asked(requests.Send)) == 2


async def test_answers_find_their_waiters_in_any_order(server: ScriptedServer) -> None:
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


async def test_events_of_a_later_version_are_passed_over(server: ScriptedServer) -> None:
    async with server.connect() as chat:
        await server.session.say_bytes(b'{"type":"hologram","shape":"cube"}')
        line = msgspec.json.encode({"type": "reacted", "room": LOBBY, "seq": 1, "time": NOW})
        server.logs[LOBBY].append(line)
        await server.session.say_bytes(line)
        await chat.send(LOBBY, "hello")
        assert await texts(chat, 1) == ["hello"]
        assert not server.asked(requests.History)  # it had its place: no gap
        assert len((await chat.history(LOBBY)).events) == 1


async def test_no_answer_in_time_is_said(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async def swallow(session: Session, request: requests.AnyRequest) -> bool:
        return True

    async with server.connect(request_timeout=5) as chat:
        server.before = swallow
        began = trio.current_time()
        with pytest.raises(trio_chat.NotAcknowledged, match="within 5 seconds"):
            await chat.send(LOBBY, "hello")
        assert trio.current_time() - began == pytest.approx(5)
        server.before = None
        await chat.send(LOBBY, "again")
    assert server.texts() == ["again"]


async def test_drain_waits_for_what_other_tasks_asked(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async def slowly(session: Session, request: requests.AnyRequest) -> bool:
        await trio.sleep(3)
        return False

    server.before = slowly
    async with server.connect() as chat, trio.open_nursery() as nursery:
        nursery.start_soon(chat.send, LOBBY, "hello")
        await trio.testing.wait_all_tasks_blocked()
        await chat.drain()
        assert server.texts() == ["hello"]
        assert chat.statistics().owed == 0


# ---- direct messages are reported received -----------------------------------------------------


async def test_direct_messages_of_others_are_reported_received(server: ScriptedServer) -> None:
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


async def test_who_does_not_listen_reports_nothing(server: ScriptedServer) -> None:
    async with server.connect(listen=False) as chat:
        server.session.rooms.add("@ada+bob")
        await server.write("@ada+bob", "psst")
        await chat.send(LOBBY, "hello")
        assert chat.statistics().waiting == 0
    assert not server.asked(requests.Received)


# ---- names and credentials ---------------------------------------------------------------------


async def test_credentials_travel_percent_encoded(server: ScriptedServer) -> None:
    async with server.connect("åsa", password="pä ß/%", token="t-1", client="bot (1.0)") as chat:
        del chat
    headers = server.session.headers
    assert headers["username"] == "%C3%A5sa"
    assert headers["authorization"] == "Bearer p%C3%A4%20%C3%9F%2F%25"
    assert headers["trio-chat-token"] == "t-1"
    assert headers["user-agent"] == "bot (1.0)"


async def test_without_credentials_the_server_makes_up_a_name(server: ScriptedServer) -> None:
    async with server.connect(None, client="bot") as chat:
        assert chat.name == "user_1234"
        assert chat.welcome.id
    (hello,) = server.asked(requests.Hello)
    assert (hello.name, hello.client) == (None, "bot")


async def test_a_reconnect_proves_the_name_with_the_token(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async with server.connect(None) as chat:
        await chat.rename("lovelace")
        await server.session.drop()
        await next_of(chat, trio_chat.Reconnected)
        assert server.session.headers["username"] == "lovelace"
        assert server.session.headers["trio-chat-token"] == "token-of-user_1234"


# ---- not let in ----------------------------------------------------------------------------------


async def fails(server: ScriptedServer, **settings: Any) -> trio_chat.ChatError:
    with pytest.raises(trio_chat.ChatError) as caught:
        async with server.connect(**settings):
            pass
    await trio.testing.wait_all_tasks_blocked()
    assert not server.open_streams
    return caught.value


async def test_nobody_there_is_a_sentence(server: ScriptedServer) -> None:
    server.down = True
    error = await fails(server)
    assert type(error) is trio_chat.Unreachable
    assert str(error).startswith("Nobody answers at chat.test:8765. ")


@pytest.mark.parametrize(
    ("status", "code"), [(401, "wrong_password"), (409, "name_taken"), (503, "server_full"), (429, "some_new_code")]
)
async def test_a_refused_upgrade_carries_its_reason(server: ScriptedServer, status: int, code: str) -> None:
    body = msgspec.json.encode(Error(code=code, message="No.", advice="Go."))
    server.answer = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)
    error = await fails(server)
    assert isinstance(error, trio_chat.NotAdmitted)
    assert (error.code, error.message, error.advice) == (code, "No.", "Go.")


@pytest.mark.parametrize("length", [b"Content-Length: 2\r\n", b""])
@pytest.mark.parametrize(
    ("status", "kind", "sentence"),
    [
        (401, trio_chat.NotAdmitted, "wants a password"),
        (409, trio_chat.NotAdmitted, "in use"),
        (404, trio_chat.Unreachable, r"no trio-chat server \(HTTP 404\)"),
        (200, trio_chat.Unreachable, r"no trio-chat server \(HTTP 200\)"),
        (502, trio_chat.Unreachable, r"behind chat.test:8765 is not there \(HTTP 502\)"),
    ],
)
async def test_an_answer_of_something_else_is_explained(
    server: ScriptedServer, status: int, kind: type, sentence: str, length: bytes
) -> None:
    server.answer = b"HTTP/1.1 %d X\r\nContent-Type: text/html\r\n%s\r\nhi" % (status, length)
    with pytest.raises(kind, match=sentence):
        raise await fails(server)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"", "hung up before it said anything"),
        (b"220 mail.test ESMTP\r\n", "no trio-chat server"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "no trio-chat server"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "Use wss://"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "no trio-chat server"),
    ],
)
async def test_what_is_no_chat_server_is_told_apart(server: ScriptedServer, answer: bytes, sentence: str) -> None:
    server.answer = answer
    with pytest.raises(trio_chat.Unreachable, match=sentence):
        raise await fails(server)


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.9\r\n", b"220 mail.test ESMTP\r\n", b"\xff\xfd\x18", b"H\n"])
async def test_what_greets_like_another_server_and_waits_is_known_at_once(
    autojump_clock: MockClock, greeting: bytes
) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    await ours.send_all(greeting)

    async def open_stream(address: trio_chat.client.Address) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        return theirs

    with pytest.raises(trio_chat.Unreachable, match=r"chat.test:8765 is no trio-chat server\. Check the address\."):
        async with trio_chat.connect("chat.test", name="ada", open_stream=open_stream):
            pass
    assert trio.current_time() == 0


@pytest.mark.parametrize(
    "page",
    [
        b"<center>The plain HTTP request was sent to HTTPS port</center>",
        b"Client sent an HTTP request to an HTTPS server.",
        b"You're speaking plain HTTP to an SSL-enabled server port.",
    ],
)
async def test_a_web_server_that_wants_tls_is_understood(server: ScriptedServer, page: bytes) -> None:
    server.answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%s" % (len(page), page)
    assert str(await fails(server)) == "chat.test:8765 speaks TLS. Use wss:// instead of ws://."


async def test_another_websocket_server_is_told_apart(server: ScriptedServer) -> None:
    server.subprotocol = None
    assert "does not speak trio-chat.1" in str(await fails(server))


async def test_a_server_that_says_nothing_is_given_up(server: ScriptedServer, autojump_clock: MockClock) -> None:
    server.silent = True
    assert "did not answer within 15 seconds" in str(await fails(server))


async def test_no_event_after_the_upgrade_is_no_chat_server(server: ScriptedServer) -> None:
    async def garble(session: Session) -> None:
        await session.say_bytes(b"good morning")

    server._talk = garble  # type: ignore[method-assign] # the whole conversation is replaced
    assert "what it says is no event" in str(await fails(server))


async def test_hanging_up_after_the_upgrade_is_told(server: ScriptedServer) -> None:
    async def hang_up(session: Session) -> None:
        await session.drop()

    server._talk = hang_up  # type: ignore[method-assign] # the whole conversation is replaced
    assert "ended the connection before it let us in. The connection was lost." in str(await fails(server))


async def test_a_refusal_after_the_upgrade_is_one_too(server: ScriptedServer) -> None:
    server.refusal = Error(code="wrong_password", message="The password is wrong.", advice="Ask.")
    error = await fails(server, name=None)
    assert isinstance(error, trio_chat.NotAdmitted)
    assert error.code == "wrong_password"


async def test_wait_keeps_trying_and_says_so(server: ScriptedServer, autojump_clock: MockClock) -> None:
    server.down = True
    told: list[tuple[str, float]] = []

    def waiting(error: trio_chat.ChatError, seconds: float) -> None:
        told.append((type(error).__name__, seconds))
        server.down = len(told) < 5

    async with server.connect(wait=True, waiting=waiting) as chat:
        assert chat.connected
    assert [name for name, _ in told] == ["Unreachable"] * 5
    pauses = [later - earlier for earlier, later in zip(server.tried_at, server.tried_at[1:], strict=False)]
    assert pauses == pytest.approx([seconds for _, seconds in told])
    assert all(seconds <= bound for (_, seconds), bound in zip(told, (0.5, 1, 2, 4, 8), strict=True))


async def test_wait_does_not_wait_for_a_better_password(server: ScriptedServer, autojump_clock: MockClock) -> None:
    server.refusal = Error(code="wrong_password", message="The password is wrong.")
    assert isinstance(await fails(server, wait=True), trio_chat.NotAdmitted)
    assert len(server.tried_at) == 1


@pytest.mark.parametrize(
    "settings", [{"name": "\ud800"}, {"password": "\ud800"}, {"keepalive": 0.0}, {"request_timeout": -1.0}]
)
async def test_impossible_settings_are_refused_before_anything_is_sent(
    server: ScriptedServer, settings: dict[str, Any]
) -> None:
    with pytest.raises(trio_chat.UsageError):
        async with server.connect(**settings):
            pass
    assert not server.tried_at


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
        async with trio_chat.connect("chat.test", open_stream=break_down):
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
        assert chat.statistics().owed == 0


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
    async with server.connect(reconnect=False) as chat:
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


# ---- coming back -----------------------------------------------------------------------------------


async def test_coming_back_is_announced_and_what_was_missed_comes_first(
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


async def test_what_the_server_forgot_is_said(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async with server.connect() as chat:
        await server.session.drop()
        for number in range(1, 6):
            await server.write(LOBBY, str(number))
        server.trim(LOBBY, 3)
        await next_of(chat, trio_chat.Reconnected)
        assert await next_event(chat) == trio_chat.Missed(room=LOBBY, count=3)
        assert await texts(chat, 2) == ["4", "5"]


async def test_a_log_that_cannot_be_had_is_asked_for_again_while_the_server_is_busy(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    busy = 3

    async def refuse(session: Session, request: requests.AnyRequest) -> bool:
        nonlocal busy
        if not isinstance(request, requests.History) or not busy:
            return False
        busy -= 1
        await session.say(Error(id=request.id, code="too_fast", message="Too much at once."))
        return True

    server.before = refuse
    async with server.connect() as chat:
        await server.session.drop()
        await server.write(LOBBY, "one")
        assert await texts(chat, 1) == ["one"]
    assert len(server.asked(requests.History)) == 4


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


async def test_messages_written_meanwhile_go_out_in_their_order(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async with server.connect(request_timeout=math.inf) as chat:
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


async def test_rooms_are_joined_again_where_the_server_forgot_us(
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


async def test_a_room_that_does_not_take_us_back_is_said(server: ScriptedServer, autojump_clock: MockClock) -> None:
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


async def test_what_was_said_in_a_new_history_before_we_were_back_comes(
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


async def test_a_room_entered_again_in_a_new_history_has_what_was_said_meanwhile(
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


async def test_what_a_new_history_no_longer_keeps_is_said(server: ScriptedServer, autojump_clock: MockClock) -> None:
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
    async with server.connect(backoff=Backoff(first=1, longest=4)) as chat:
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


async def test_a_server_that_says_when_to_come_back_is_not_hurried(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async with server.connect() as chat:
        await server.session.close(Closing(code="shutting_down", message="It is shutting down.", retry=10))
        assert isinstance(await next_event(chat), Closing)
        event = await next_event(chat)
        assert isinstance(event, trio_chat.Disconnected)
        assert event.reason == "It is shutting down."
        assert 10 <= event.retry_in <= 20
        await next_of(chat, trio_chat.Reconnected)
        assert server.tried_at[1] - server.tried_at[0] == pytest.approx(event.retry_in)


async def test_a_close_with_a_reason_tells_it(server: ScriptedServer, autojump_clock: MockClock) -> None:
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


async def test_words_that_are_no_events_end_the_connection(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async with server.connect() as chat:
        await server.session.say_bytes(b"good morning")
        event = await next_event(chat)
        assert isinstance(event, trio_chat.Disconnected)
        assert "no event" in event.reason
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


# ---- alive -----------------------------------------------------------------------------------------


async def test_a_ping_tells_the_latency(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async with server.connect() as chat:
        await trio.testing.wait_all_tasks_blocked()
        assert chat.latency == 0


async def test_a_connection_that_falls_silent_is_given_up(server: ScriptedServer, autojump_clock: MockClock) -> None:
    async with server.connect(keepalive=7) as chat:
        await trio.sleep(100)
        assert chat.connected
        server.client_streams[-1].send_all_hook = None  # nothing we send arrives any more
        began = trio.current_time()
        event = await next_event(chat)
        assert isinstance(event, trio_chat.Disconnected)
        assert event.reason == "The connection was lost: nothing came for 7 seconds."
        assert 7 <= trio.current_time() - began <= 14
        assert isinstance(await next_event(chat), trio_chat.Reconnected)


async def test_an_application_that_does_not_read_stops_the_socket_and_keeps_the_connection(
    server: ScriptedServer, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trio_chat.client.mailbox.Mailbox.__init__.__defaults__", (10, 10**6))
    async with server.connect(keepalive=7) as chat:
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
