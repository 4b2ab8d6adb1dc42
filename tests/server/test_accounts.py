"""Names and their owners: tokens, passwords, devices, guests; mostly over a restart of the server."""

from __future__ import annotations

import threading
from pathlib import Path
from urllib.parse import quote

import pytest
import trio

from tests.server.live_server import LiveServer, Serve
from tests.server.raw_client import Answer, RawClient, request, until, upgrade_head
from trio_chat.store import DATABASE

SECRET = "correct horse: 馬 %"
DAY = 86400.0


def told(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


def proof(name: str, password: str = SECRET) -> dict[str, str]:
    """The headers of a device that keeps a token and has none of this name yet."""
    return {"Username": name, "Trio-Chat-Password": quote(password), "Trio-Chat-Token": "of another name"}


async def with_password(live: LiveServer, name: str = "ada") -> RawClient:
    client = await live.join(name)
    assert (await client.ask("password", password=SECRET))["type"] == "ok"
    return client


# ---- names are owned -------------------------------------------------------------------------------


async def test_a_name_is_its_first_users_also_after_a_restart(serve: Serve, tmp_path: Path) -> None:
    live = await serve(data=tmp_path)
    ada = await live.join("ada")
    await live.end()
    live = await serve(data=tmp_path)
    assert told(await live.refused({"Username": "ada"})) == (409, "name_owned")
    assert told(await live.refused({"Username": "Ada", "Trio-Chat-Token": "guess"})) == (409, "name_owned")
    assert told(await live.refused({"Username": "%D0%B0da"})) == (409, "name_lookalike")  # a Cyrillic a
    again = await live.join("ada", token=ada.token)
    assert (again.name, again.token) == ("ada", ada.token)


async def test_a_token_is_for_one_name_alone(serve: Serve) -> None:
    live = await serve()
    ada, _ = await live.join_all("ada", "bob")
    assert told(await live.refused({"Username": "bob", "Trio-Chat-Token": ada.token})) == (409, "name_owned")


async def test_a_new_name_stays_and_the_old_one_is_free_also_after_a_restart(serve: Serve, tmp_path: Path) -> None:
    live = await serve(data=tmp_path)
    ada, bob = await live.join_all("ada", "bob")
    assert (await ada.ask("nick", name="bob"))["code"] == "name_taken"
    assert (await ada.ask("nick", name="eve"))["type"] == "ok"
    bob.hang_up()
    await ada.until("presence", left=["bob"])
    assert (await ada.ask("nick", name="bob"))["code"] == "name_owned"
    await live.end()
    live = await serve(data=tmp_path)
    assert (await live.join("eve", token=ada.token)).name == "eve"
    assert (await live.join("ada")).name == "ada"


async def test_two_devices_of_one_account_both_get_everything_and_are_one_person(serve: Serve) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    ghost = await live.look("ada", ada.token)  # the same token twice: the first connection may be dead already
    await bob.say("to both")
    await bob.ask("send", to=["ada"], text="privately")
    for client in (ada, ghost):
        assert (await client.until("message", text="to both"))["seq"] == 1
        assert (await client.until("message", text="privately"))["room"] == "@ada+bob"
    await ghost.ask("join", room="#ops")
    assert (await ada.until("room"))["room"]["name"] == "#ops"
    await ghost.ask("read", room="#lobby", seq=1)
    assert (await ada.until("read"))["seq"] == 1
    ghost.reset()
    await until(lambda: live.server._sockets == 2)
    assert [person["name"] for person in (await bob.ask("who"))["people"]] == ["ada", "bob"]
    assert [event["type"] for event in bob.passed if event["type"] == "presence"] == []
    assert (await ada.say("still here"))["seq"] == 2


# ---- passwords -------------------------------------------------------------------------------------


async def test_a_password_lets_another_device_in_by_header_and_by_hello_also_after_a_restart(
    serve: Serve, tmp_path: Path
) -> None:
    live = await serve(data=tmp_path)
    ada = await with_password(live)
    phone = await live.enter(proof("ada"))
    welcome = await phone.until("welcome")
    assert welcome["name"] == "ada"
    assert welcome["token"] not in {"", ada.token}
    await live.end()
    live = await serve(data=tmp_path)
    client = await live.enter()
    assert (await client.ask("hello", name="ada", account_password=SECRET, token="kept"))["type"] == "welcome"
    assert (await live.look("ada", welcome["token"])).name == "ada"
    devices = (await client.ask("devices"))["devices"]
    assert [device["current"] for device in devices if device.get("current")] == [True]
    assert len(devices) == 3


async def test_the_password_is_nowhere_in_the_data_directory(serve: Serve, tmp_path: Path) -> None:
    live = await serve(data=tmp_path)
    ada = await with_password(live)
    await live.end()
    stored = (tmp_path / DATABASE).read_bytes()
    assert SECRET.encode() not in stored
    assert ada.token.encode() not in stored
    assert b"$argon2id$" in stored


async def test_a_wrong_account_password_is_told_and_so_is_one_for_a_name_without_any(serve: Serve) -> None:
    live = await serve()
    ada = await with_password(live)
    await live.join("bob")
    assert told(await live.refused(proof("ada", "wrong horse"))) == (401, "wrong_account_password")
    assert told(await live.refused(proof("bob"))) == (401, "wrong_account_password"), (
        "whether bob has a password is his"
    )
    client = await live.enter()
    assert (await client.ask("hello", name="ada", account_password="wrong horse"))["code"] == "wrong_account_password"
    assert (await client.ask("hello", name="ada", account_password=SECRET))["type"] == "welcome"
    assert (await ada.say("unharmed"))["type"] == "ok"


async def test_a_new_password_takes_the_place_of_the_old_one(serve: Serve) -> None:
    live = await serve()
    ada = await with_password(live)
    assert (await ada.ask("password", password="another one"))["type"] == "ok"
    assert told(await live.refused(proof("ada"))) == (401, "wrong_account_password")
    assert (await live.enter(proof("ada", "another one"))).name == ""
    assert (await ada.ask("password", password="short"))["code"] == "bad_field"


async def test_the_servers_password_is_checked_before_any_hash_is_made(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = await serve(password="come in")
    client = await live.enter({"Username": "ada", "Authorization": "Bearer come%20in"})
    await client.until("welcome")
    await client.ask("password", password=SECRET)
    monkeypatch.setattr("trio_chat.server.hub.passwords._verify", None)
    for authorization in ("", "Bearer wrong"):
        code = "wrong_password" if authorization else "password_needed"
        assert told(await live.refused({**proof("ada"), "Authorization": authorization})) == (401, code)


async def test_no_password_is_hashed_for_a_stranger_or_a_guest(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trio_chat.server.hub.passwords._hash", None)
    live = await serve()
    stranger = await live.enter()
    assert (await stranger.ask("password", password=SECRET))["code"] == "not_greeted"
    live = await serve(names="guest")
    guest = await live.join("ada")
    assert (await guest.ask("password", password=SECRET))["code"] == "guest"


async def test_when_too_many_prove_themselves_at_once_the_next_is_told_and_all_else_goes_on(
    serve: Serve, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = await serve()
    ada = await with_password(live)
    go_on = threading.Event()

    def verify(encoded: str, password: str) -> bool:
        return go_on.wait(60)

    monkeypatch.setattr("trio_chat.server.hub.passwords._verify", verify)
    monkeypatch.setattr("trio_chat.server.hub.passwords._WAITING", 1)
    answers: list[int] = []

    async def come() -> None:
        client = await live.knock()
        answers.append((await client.upgrade(proof("ada"))).status)

    try:
        for _ in range(3):
            nursery.start_soon(come)
        await until(lambda: live.server.hub._hashing.passwords.asked == 3)
        refused = await live.refused(proof("ada"))
        assert told(refused) == (503, "busy")
        assert refused.headers["retry-after"] == "2"
        assert (await ada.ask("password", password="another one"))["code"] == "busy"
        assert (await ada.say("nobody waits for that"))["type"] == "ok"
        assert answers == []
    finally:
        go_on.set()
    await until(lambda: len(answers) == 3)
    assert answers == [101] * 3


async def test_a_session_that_ends_while_its_password_is_checked_leaves_nothing_behind(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = await serve()
    ada = await with_password(live)
    go_on = threading.Event()
    monkeypatch.setattr("trio_chat.server.hub.passwords._verify", lambda *_: go_on.wait(60))
    try:
        by_header, by_hello = await live.knock(), await live.enter()
        await by_header.send(upgrade_head(proof("ada")))
        await by_hello.send(request("hello", "1", name="ada", account_password=SECRET))
        await until(lambda: live.server.hub._hashing.passwords.asked == 2)
        by_header.reset()
        by_hello.reset()
    finally:
        go_on.set()
    await until(lambda: live.server._sockets == 1 and not live.server.hub._hashing.passwords.asked)
    await ada.ask("ping")
    hub = live.server.hub
    assert (len(hub.broker.sessions), len(hub._out._recipients)) == (1, 1)


# ---- devices ---------------------------------------------------------------------------------------


async def test_a_revoked_device_is_disconnected_and_let_in_no_more(serve: Serve, tmp_path: Path) -> None:
    live = await serve(data=tmp_path)
    ada = await with_password(live)
    phone = await live.look("ada", "of another name", **{"Trio-Chat-Password": quote(SECRET), "User-Agent": "phone"})
    (device,) = [device for device in (await ada.ask("devices"))["devices"] if device["client"] == "phone"]
    assert (await ada.ask("revoke", device=device["id"]))["type"] == "ok"
    events, code, _ = await phone.wait_closed()
    assert (events[-1]["code"], code) == ("revoked", 1008)
    assert told(await live.refused({"Username": "ada", "Trio-Chat-Token": phone.token})) == (409, "name_owned")
    assert (await ada.ask("revoke", device=device["id"]))["code"] == "unknown_device"
    await live.end()
    live = await serve(data=tmp_path)
    assert told(await live.refused({"Username": "ada", "Trio-Chat-Token": phone.token})) == (409, "name_owned")
    assert (await live.join("ada", token=ada.token)).name == "ada"


async def test_a_device_is_revoked_by_its_owner_alone(serve: Serve) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    (device,) = (await ada.ask("devices"))["devices"]
    assert (await bob.ask("revoke", device=device["id"]))["code"] == "unknown_device"
    assert (await ada.say("still here"))["type"] == "ok"


# ---- guests and names that expire ------------------------------------------------------------------


async def test_a_guests_name_is_free_after_the_visit_and_no_message_waits_for_the_guest(serve: Serve) -> None:
    live = await serve(names="guest")
    ada, bob = await live.join_all("ada", "bob")
    assert told(await live.refused({"Username": "ada"})) == (409, "name_taken")
    assert (await ada.ask("password", password=SECRET))["code"] == "guest"
    await bob.ask("send", to=["ada"], text="between us")
    ada.hang_up()
    await bob.until("presence", left=["ada"])
    assert (await bob.ask("send", to=["ada"], text="too late"))["code"] == "unknown_person"
    assert (await bob.say("too late", "@ada+bob"))["code"] == "unknown_person"
    other = await live.join("ada")
    assert list(other.rooms) == ["#lobby"]
    assert (await other.ask("history", room="@ada+bob"))["code"] == "unknown_room"
    await bob.ask("send", to=["ada"], text="to the other")
    assert (await other.until("message"))["text"] == "to the other"
    page = await other.ask("history", room=other.passed[-1]["room"]["name"] if other.passed else "@ada+bob~2")
    assert [event["text"] for event in page["events"]] == ["to the other"]


async def test_a_name_without_password_is_free_when_it_was_not_used_for_too_long(serve: Serve, tmp_path: Path) -> None:
    now = [1.8e9]

    def clock() -> float:
        return now[0]

    live = await serve(data=tmp_path, name_expiry=30, clock=clock)
    ada = await live.join("ada")
    await with_password(live, "bob")
    for client in live.clients:
        client.hang_up()
    await until(lambda: not live.server.hub.broker.here)
    now[0] += 29 * DAY
    assert told(await live.refused({"Username": "ada"})) == (409, "name_owned")
    await live.end()
    now[0] += 2 * DAY
    live = await serve(data=tmp_path, name_expiry=30, clock=clock)
    assert told(await live.refused({"Username": "bob"})) == (409, "name_owned")
    other = await live.join("ada")
    assert other.token != ada.token
    assert told(await live.refused({"Username": "ada", "Trio-Chat-Token": ada.token})) == (409, "name_owned")


async def test_a_name_in_use_does_not_expire(serve: Serve) -> None:
    now = [1.8e9]
    live = await serve(name_expiry=1, clock=lambda: now[0])
    ada = await live.join("ada")
    now[0] += 10 * DAY
    assert told(await live.refused({"Username": "ada"})) == (409, "name_owned")
    assert (await ada.say("mine"))["type"] == "ok"


# ---- quiet sessions --------------------------------------------------------------------------------


async def test_a_quiet_session_is_not_announced_and_gets_and_sends_everything(serve: Serve) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    ada.hang_up()
    await bob.until("presence", left=["ada"])
    quiet = await live.look("ada", ada.token, **{"Trio-Chat-Quiet": "1"})
    assert [person["name"] for person in (await bob.ask("who"))["people"]] == ["bob"]
    assert (await quiet.say("only posting"))["seq"] == 1
    assert (await bob.until("message"))["from"] == "ada"
    await bob.say("heard")
    assert (await quiet.until("message", text="heard"))["seq"] == 2
    quiet.hang_up()
    await until(lambda: live.server._sockets == 1)
    await bob.ask("ping")
    assert [event for event in bob.passed if event["type"] == "presence"] == []
    by_hello = await live.enter()
    assert (await by_hello.ask("hello", name="ada", token=ada.token, quiet=True))["type"] == "welcome"
    await bob.ask("ping")
    assert [event for event in bob.passed if event["type"] == "presence"] == []
