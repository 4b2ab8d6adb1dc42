"""The WebSocket door: who gets in, and how a refusal is told before the upgrade and after it."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import trio.testing

from tests.server.live_server import Serve
from tests.server.raw_client import Answer, request, until, upgrade_head
from trio_chat.errors import Refusal
from trio_chat.protocol.codec import SUBPROTOCOL
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.requests import Hello
from trio_chat.server.doors.http import Head, parse_head
from trio_chat.server.doors.websocket import read_credentials

Headers = dict[str, str]


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def told(answer: Answer) -> tuple[int, str]:
    """Status and code; the body is the error that a session would get."""
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["type"] == "error"
    assert answer.json["message"]
    return answer.status, answer.json["code"]


# ---- the password ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, None),  # nothing said: it may still come in the first message
        ({"Authorization": "Bearer wrong"}, "wrong_password"),
        ({"Authorization": "Bearer "}, "wrong_password"),
        ({"Authorization": basic("ada:wrong")}, "wrong_password"),
        ({"Authorization": basic("secret")}, "wrong_password"),  # a name without a colon
        ({"Username": "ada"}, "password_needed"),
        ({"Authorization": "Bearer SECRET", "Username": "ada"}, "wrong_password"),
        ({"Authorization": "Bearer secret", "Username": "ada"}, None),
        ({"Authorization": "bearer secret"}, None),
        ({"Authorization": "Bearer s%65cret"}, None),
        ({"Authorization": basic("ada:secret")}, None),
        ({"Authorization": basic(":secret")}, None),
    ],
)
async def test_the_password_is_checked_before_the_upgrade(serve: Serve, headers: Headers, code: str | None) -> None:
    live = await serve(password="secret")
    client = await live.knock()
    answer = await client.upgrade(headers)
    if code is None:
        assert answer.status == 101
    else:
        assert told(answer) == (401, code)
        assert answer.headers["www-authenticate"] == 'Bearer realm="trio-chat"'
        assert live.server.hub.broker.statistics().sessions <= 1


async def test_a_password_beyond_ascii_is_given_percent_encoded(serve: Serve) -> None:
    live = await serve(password="pässwört: %")
    client = await live.enter({"Authorization": "Bearer p%C3%A4ssw%C3%B6rt: %25", "Username": "ada"})
    assert (await client.next())["name"] == "ada"
    client = await live.enter({"Authorization": basic("bob:pässwört: %")})
    assert (await client.next())["name"] == "bob"


@pytest.mark.parametrize(
    "value", ["Basic ###", "Basic " + base64.b64encode(b"\xff\xfe").decode(), "Digest x=y", "secret", "Bearersecret x"]
)
async def test_credentials_that_cannot_be_read_are_refused_with_a_sentence(serve: Serve, value: str) -> None:
    live = await serve(password="secret")
    assert told(await live.refused({"Authorization": value})) == (400, "bad_head")


async def test_without_a_password_any_is_fine(serve: Serve) -> None:
    live = await serve()
    client = await live.enter({"Authorization": "Bearer whatever", "Username": "ada"})
    assert (await client.next())["name"] == "ada"


# ---- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("ada", 409, "name_owned"),
        ("ADA", 409, "name_owned"),
        ("%61da", 409, "name_owned"),
        ("%D0%B0da", 409, "name_lookalike"),  # a Cyrillic a
        ("ALL", 409, "name_reserved"),
        ("server", 409, "name_reserved"),
        ("two words", 400, "name_invalid"),
        ("%1b[2J", 400, "name_invalid"),
        ("x" * 33, 400, "name_invalid"),
        ("x" * 5000, 400, "name_invalid"),
        ("%ff%fe", 400, "name_invalid"),
        ("%ED%A0%80", 400, "name_invalid"),  # half of a surrogate pair
    ],
)
async def test_a_name_that_cannot_be_had_is_refused_before_the_upgrade(
    serve: Serve, name: str, status: int, code: str
) -> None:
    live = await serve()
    ada = await live.join("ada")
    assert told(await live.refused({"Username": name})) == (status, code)
    assert (await ada.say("mine"))["type"] == "ok"
    assert [event["type"] for event in ada.passed] == ["message"]


async def test_a_name_of_any_script_comes_percent_encoded_or_in_basic(serve: Serve) -> None:
    live = await serve()
    client = await live.enter({"Username": "%E6%97%A5%E6%9C%AC"})
    assert (await client.next())["name"] == "日本"
    client = await live.enter({"Authorization": basic("søren:")})
    assert (await client.next())["name"] == "søren"


async def test_the_username_header_beats_the_name_in_basic(serve: Serve) -> None:
    live = await serve()
    client = await live.enter({"Authorization": basic("bob:x"), "Username": "ada"})
    assert (await client.next())["name"] == "ada"


async def test_without_a_name_one_is_made_up_that_is_free(serve: Serve) -> None:
    live = await serve()
    names = set()
    for _ in range(20):
        client = await live.enter({"Authorization": "Bearer x"})
        names.add((await client.next())["name"])
    assert len(names) == 20
    assert all(name.startswith("user_") for name in names)


async def test_a_guests_name_is_free_again_when_its_holder_is_gone_however_they_went(serve: Serve) -> None:
    live = await serve(names="guest")
    for leave in ("hang_up", "reset"):
        client = await live.join("ada")
        getattr(client, leave)()
        await until(lambda: not live.server.hub.broker.here)
    assert (await live.join("ada")).name == "ada"


async def test_a_client_with_the_token_comes_in_as_one_more_session(serve: Serve) -> None:
    live = await serve()
    ada = await live.enter({"Username": "ada"})
    token = (await ada.next())["token"]
    assert told(await live.refused({"Username": "ada", "Trio-Chat-Token": "guess"})) == (409, "name_owned")
    phone = await live.enter({"Username": "ada", "Trio-Chat-Token": token})
    assert (await phone.next())["name"] == "ada"
    await ada.say("to myself")
    assert (await phone.until("message"))["text"] == "to myself"
    assert live.server.hub.broker.statistics().people == 1


def test_every_credential_is_read_from_its_header() -> None:
    head = Head(
        "GET",
        "/",
        {
            "username": "ad%C3%A4",
            "authorization": "Bearer a%20b",
            "trio-chat-token": "t%2F",
            "trio-chat-password": "p%25",
            "trio-chat-invite": "i%2D_",
            "trio-chat-quiet": "1",
            "user-agent": "bot",
        },
    )
    assert read_credentials(head) == Hello(
        id="", name="adä", password="a b", token="t/", account_password="p%", client="bot", quiet=True, invite="i-_"
    )
    assert read_credentials(Head("GET", "/", {"trio-chat-invite": "i"})) == Hello(id="", invite="i")
    assert read_credentials(Head("GET", "/", {"user-agent": "bot"})) is None


@pytest.mark.parametrize("name", ["Trio-Chat-Invite", "Trio-Chat-Token", "Trio-Chat-Password", "Username"])
def test_a_credential_may_not_come_twice(name: str) -> None:
    twice = f"GET / HTTP/1.1\r\nHost: x\r\n{name}: a\r\n{name}: b\r\n\r\n".encode()
    refusal = parse_head(twice)
    assert isinstance(refusal, Refusal)
    assert str(refusal).startswith(f"The server does not understand the request: it has two headers called {name}.")


# ---- hello ----------------------------------------------------------------------------------------


async def test_the_welcome_says_all_that_a_client_needs(serve: Serve) -> None:
    live = await serve(motd="Be kind.", max_text=100, max_frame=2048, max_recipients=3)
    client = await live.enter({"Username": "ada"})
    welcome = await client.next()
    assert welcome["type"] == "welcome"
    assert (welcome["name"], welcome["lobby"], welcome["motd"]) == ("ada", LOBBY, "Be kind.")
    assert welcome["limits"] == {"text": 100, "frame": 2048, "to": 3}
    assert welcome["rooms"] == [{"name": LOBBY, "count": 1, "slow": 0.0}]
    assert welcome["epoch"]
    assert welcome["token"]
    assert welcome["account"] == 1
    presence = {"type": "presence", "room": LOBBY, "count": 1, "joined": ["ada"], "joined_ids": [1]}
    assert await client.next() == presence


@pytest.mark.parametrize("fields", [{"name": "ada"}, {"name": "ada", "password": "secret"}, {}])
async def test_hello_may_come_as_the_first_message(serve: Serve, fields: dict[str, Any]) -> None:
    live = await serve(password="secret" if "password" in fields else None)
    client = await live.enter()
    answer = await client.ask("hello", **fields)
    assert answer["type"] == "welcome"
    assert answer["name"] == fields.get("name", answer["name"])
    assert (await client.say("hi"))["type"] == "ok"


async def test_hello_sent_together_with_the_head_is_heard(serve: Serve) -> None:
    live = await serve()
    client = await live.knock()
    await client.upgrade(behind=request("hello", "1", name="ada") + request("ping", "2"))
    assert (await client.next())["type"] == "welcome"
    assert (await client.until("pong"))["id"] == "2"


@pytest.mark.parametrize(("password", "code"), [("wrong", "wrong_password"), (None, "password_needed")])
async def test_a_wrong_password_in_a_hello_ends_the_connection_with_the_reason(
    serve: Serve, password: str | None, code: str
) -> None:
    live = await serve(password="secret")
    client = await live.enter()
    await client.send(request("hello", "1", name="ada", password=password))
    events, close, reason = await client.wait_closed()
    assert [(event["type"], event["code"]) for event in events] == [("error", code), ("closing", code)]
    assert close == 1008
    assert events[0]["message"].startswith(reason)


async def test_a_taken_name_in_a_hello_leaves_another_try(serve: Serve) -> None:
    live = await serve()
    await live.join("ada")
    client = await live.enter()
    assert (await client.ask("hello", name="Ada"))["code"] == "name_owned"
    assert (await client.ask("hello", name="bob"))["type"] == "welcome"


async def test_a_client_that_sends_no_hello_is_told_so_and_closed(
    serve: Serve, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve(handshake_timeout=10.0, clock=lambda: 1e9 + trio.current_time())
    ada = await live.join("ada")
    client = await live.enter()
    await client.ask("ping")
    mock_clock.jump(11)
    events, code, _ = await client.wait_closed()
    assert [event["code"] for event in events] == ["hello_timeout"]
    assert code == 1008
    assert (await ada.say("still here"))["type"] == "ok"


# ---- the upgrade ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [("", None), (SUBPROTOCOL, SUBPROTOCOL), (f"chat, {SUBPROTOCOL}", SUBPROTOCOL), ("chat, superchat", None)],
)
async def test_the_subprotocol_is_answered_when_it_is_offered(serve: Serve, offered: str, chosen: str | None) -> None:
    live = await serve()
    client = await live.knock()
    answer = await client.upgrade({"Sec-WebSocket-Protocol": offered, "Username": "ada"})
    assert (answer.status, answer.headers.get("sec-websocket-protocol")) == (101, chosen)
    assert answer.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, 1.3
    assert (await client.next())["type"] == "welcome"


async def test_the_chat_is_at_the_root_alone(serve: Serve) -> None:
    live = await serve()
    assert (await live.refused(target="/chat")).status == 404
    assert (await live.enter()).name == ""
    client = await live.knock()
    assert (await client.upgrade(target="/?x=1")).status == 101


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Sec-WebSocket-Key": ""}, 400, "bad_upgrade"),
        ({"Sec-WebSocket-Version": ""}, 400, "bad_upgrade"),
        ({"Sec-WebSocket-Version": "8"}, 426, "bad_version"),
        ({"Connection": "close"}, 400, "bad_upgrade"),
        ({"Connection": ""}, 400, "bad_upgrade"),
        ({"Upgrade": "websocket, h2c"}, 400, "bad_upgrade"),
        ({"Sec-WebSocket-Key": "short"}, 400, "bad_upgrade"),
        ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ="}, 400, "bad_upgrade"),
        ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZTE="}, 400, "bad_upgrade"),  # 17 bytes
        ({"Content-Length": "0"}, 400, "bad_upgrade"),
        ({"Content-Length": "5"}, 400, "bad_upgrade"),
        ({"Transfer-Encoding": "chunked"}, 400, "bad_upgrade"),
        ({"Transfer-Encoding": "identity"}, 501, "bad_coding"),
    ],
)
async def test_a_bad_upgrade_is_refused_and_nobody_hears_of_it(
    serve: Serve, headers: Headers, status: int, code: str
) -> None:
    live = await serve()
    ada = await live.join("ada")
    answer = await live.refused({"Username": "bob", **headers})
    assert (answer.status, answer.json["code"], answer.json["type"]) == (status, code, "error")
    assert answer.headers.get("sec-websocket-version") == ("13" if status == 426 else None)
    assert live.server.hub.tally.refusals == {code: 1}
    await until(lambda: live.server._sockets == 1)
    assert (await ada.say("still here"))["type"] == "ok"
    assert [event["type"] for event in ada.passed] == ["message"]


@pytest.mark.parametrize(
    "name", ["Sec-WebSocket-Key", "Sec-WebSocket-Version", "Username", "Host", "Authorization", "Origin"]
)
async def test_an_upgrade_with_two_headers_of_a_name_is_refused(serve: Serve, name: str) -> None:
    live = await serve()
    values = {"Username": "ada", "Authorization": "Bearer x", "Origin": "http://localhost"}
    data = upgrade_head(values)
    line = next(line for line in data.split(b"\r\n") if line.startswith(name.encode() + b":"))
    client = await live.knock()
    await client.send(data[:-2] + line.replace(b"ada", b"bob") + b"\r\n\r\n")
    assert told(await client.read_answer()) == (400, "bad_head")


@pytest.mark.parametrize(
    ("before", "after"),
    [(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n"), (b"\r\n", b"\n"), (b"\r\nConnection", b"\nConnection")],
)
async def test_an_upgrade_that_is_not_http_1_1_is_refused(serve: Serve, before: bytes, after: bytes) -> None:
    live = await serve()
    client = await live.knock()
    await client.send(upgrade_head().replace(before, after))
    answer = await client.read_answer()
    assert told(answer) == (400, "bad_upgrade" if b"1.0" in after else "bad_head")


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        (None, "chat.example", 101),
        ("https://chat.example", "chat.example", 101),
        ("https://CHAT.example:8765", "chat.example:8765", 101),
        ("https://friend.example", "chat.example", 101),
        ("https://elsewhere.example", "chat.example", 403),
        ("https://friend.example.evil.example", "chat.example", 403),
        ("null", "chat.example", 403),
        ("https://chat.example:1", "chat.example", 403),
        ("http://[", "chat.example", 403),
        ("", "chat.example", 101),
    ],
)
async def test_a_page_of_another_site_may_not_connect_unless_allowed(
    serve: Serve, origin: str | None, host: str, status: int
) -> None:
    live = await serve(allow_origin=("https://friend.example",), public_host=("chat.example",))
    client = await live.knock()
    answer = await client.upgrade({"Host": host, "Username": "ada", **({"Origin": origin} if origin else {})})
    assert answer.status == status
    if status == 403:
        assert told(answer) == (403, "bad_origin")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 101),
        ("LOCALHOST.:8765", 101),
        ("chat.localhost:8765", 101),
        ("127.0.0.1:8765", 101),
        ("192.0.2.7:8765", 101),
        ("[::1]:8765", 101),
        ("[2001:db8::1]", 101),
        ("chat.example", 101),
        ("Chat.Example.:8765", 101),
        ("evil.example", 403),
        ("evil.example:8765", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("notchat.example", 403),
        ("chat.example.evil.example", 403),
        ("[evil.example]", 403),
    ],
)
async def test_a_page_may_connect_from_its_own_host_only_if_the_host_is_this_servers(
    serve: Serve, host: str, status: int
) -> None:
    live = await serve(public_host=("chat.example",))
    client = await live.knock()
    answer = await client.upgrade({"Host": host, "Origin": f"http://{host}", "Username": "ada"})
    assert answer.status == status
    if status == 403:
        assert told(answer) == (403, "bad_host")
        assert "--public-host" in answer.json["advice"]
    client = await live.knock()
    assert (await client.upgrade({"Host": host})).status == 101  # no browser: it would name an origin


async def test_a_page_on_an_empty_host_is_not_its_own(serve: Serve) -> None:
    live = await serve()
    client = await live.knock()
    await client.send(
        b"GET / HTTP/1.1\r\nHost:\r\nOrigin: null\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert told(await client.read_answer()) == (403, "bad_origin")
