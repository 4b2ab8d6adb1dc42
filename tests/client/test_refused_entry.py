"""Why one is not let in, each told in a sentence of its own; and what is waited for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import trio
import trio.testing
from trio.testing import MockClock

import trio_chat
from tests.client.scripted import ScriptedServer, Session
from trio_chat.client.credentials import Credentials
from trio_chat.client.options import Reconnection, StreamOptions
from trio_chat.protocol.events import Error


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
    assert str(error).startswith("No server answers at chat.test:8765. ")


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
        (401, trio_chat.NotAdmitted, "requires a password"),
        (409, trio_chat.NotAdmitted, "in use"),
        (404, trio_chat.Unreachable, r"not a trio-chat server \(HTTP 404\)"),
        (200, trio_chat.Unreachable, r"not a trio-chat server \(HTTP 200\)"),
        (502, trio_chat.Unreachable, r"behind chat.test:8765 is not running \(HTTP 502\)"),
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
        (b"", "closed the connection without a reply"),
        (b"220 mail.test ESMTP\r\n", "not a trio-chat server"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "not a trio-chat server"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "Replace ws:// by wss://"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "not a trio-chat server"),
    ],
)
async def test_what_is_no_chat_server_is_told_apart(server: ScriptedServer, answer: bytes, sentence: str) -> None:
    server.answer = answer
    with pytest.raises(trio_chat.Unreachable, match=sentence):
        raise await fails(server)


@pytest.mark.parametrize(
    "answer",
    [
        *(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"[:end] for end in (1, 6, 9, 12, 40, None)),
        b'HTTP/1.1 409 Conflict\r\nContent-Length: 70\r\n\r\n{"type":"error","id":"","co',
        b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 70\r\n\r\n",
    ],
)
async def test_an_answer_of_which_only_the_beginning_came_is_worth_another_try(
    server: ScriptedServer, autojump_clock: MockClock, answer: bytes
) -> None:
    server.answer = answer
    assert str(await fails(server)) == "chat.test:8765 closed the connection in the middle of its reply. Try again."
    told: list[float] = []

    def waiting(error: trio_chat.ChatError, delay: float) -> None:
        told.append(delay)
        server.answer = None

    async with server.connect(wait=True, reconnection=Reconnection(waiting=waiting)) as chat:
        assert chat.name == "ada"
    assert len(told) == 1


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.9\r\n", b"220 mail.test ESMTP\r\n", b"\xff\xfd\x18", b"H\n"])
async def test_what_greets_like_another_server_and_waits_is_known_at_once(
    autojump_clock: MockClock, greeting: bytes
) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    await ours.send_all(greeting)

    async def open_stream(address: trio_chat.client.Address) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        return theirs

    with pytest.raises(trio_chat.Unreachable, match=r"chat.test:8765 is not a trio-chat server\. Check the address\."):
        async with trio_chat.connect("chat.test", name="ada", stream=StreamOptions(open_stream=open_stream)):
            pass
    assert trio.current_time() == 0


@pytest.mark.parametrize(
    "page",
    [
        b"<center>The plain HTTP request was sent to HTTPS port</center>",
        b"Client sent an HTTP request to an HTTPS server.",
        b"You're speaking plain HTTP to an SSL-enabled server port.",
        b'{"type":"error","code":"tls_needed","message":"This server uses TLS."}',
    ],
)
async def test_a_web_server_that_wants_tls_is_understood(server: ScriptedServer, page: bytes) -> None:
    server.answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%s" % (len(page), page)
    assert str(await fails(server)) == "chat.test:8765 uses TLS. Replace ws:// by wss://."


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
    assert "it sent something that is not an event" in str(await fails(server))


async def test_hanging_up_after_the_upgrade_is_told(server: ScriptedServer) -> None:
    async def hang_up(session: Session) -> None:
        await session.drop()

    server._talk = hang_up  # type: ignore[method-assign] # the whole conversation is replaced
    assert "closed the connection before the login was done. The connection was lost." in str(await fails(server))


async def test_a_refusal_after_the_upgrade_is_one_too(server: ScriptedServer) -> None:
    server.refusal = Error(code="wrong_password", message="The server password is wrong.", advice="Ask.")
    error = await fails(server, name=None)
    assert isinstance(error, trio_chat.NotAdmitted)
    assert error.code == "wrong_password"


async def test_wait_keeps_trying_and_says_so(server: ScriptedServer, autojump_clock: MockClock) -> None:
    server.down = True
    told: list[tuple[str, float]] = []

    def waiting(error: trio_chat.ChatError, seconds: float) -> None:
        told.append((type(error).__name__, seconds))
        server.down = len(told) < 5

    async with server.connect(wait=True, reconnection=Reconnection(waiting=waiting)) as chat:
        assert chat.connected
    assert [name for name, _ in told] == ["Unreachable"] * 5
    pauses = [later - earlier for earlier, later in zip(server.tried_at, server.tried_at[1:], strict=False)]
    assert pauses == pytest.approx([seconds for _, seconds in told])
    assert all(seconds <= bound for (_, seconds), bound in zip(told, (0.5, 1, 2, 4, 8), strict=True))


async def test_wait_does_not_wait_for_a_better_password(server: ScriptedServer, autojump_clock: MockClock) -> None:
    server.refusal = Error(code="wrong_password", message="The server password is wrong.")
    assert isinstance(await fails(server, wait=True), trio_chat.NotAdmitted)
    assert len(server.tried_at) == 1


@pytest.mark.parametrize(
    "settings", [{"name": "\ud800"}, {"credentials": Credentials(password="\ud800")}, {"backlog": -1}]
)
async def test_impossible_settings_are_refused_before_anything_is_sent(
    server: ScriptedServer, settings: dict[str, Any]
) -> None:
    with pytest.raises(trio_chat.UsageError):
        async with server.connect(**settings):
            pass
    assert not server.tried_at
