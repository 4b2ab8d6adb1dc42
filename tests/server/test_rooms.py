"""Stored rooms: who may make, join, speak in and moderate them; also over a restart of the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.live_server import LiveServer, Serve
from tests.server.raw_client import Answer, Json, RawClient
from trio_chat.broker.admin import Order
from trio_chat.server.hub.items import Administration


def told(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


def code_of(answer: Json) -> str:
    """The code of an error, or the type of any other answer."""
    return str(answer.get("code", answer["type"]))


async def order(live: LiveServer, do: str, name: str = "") -> Administration:
    """Have the server do what its administrator wants."""
    item = Administration(Order(do, name))  # type: ignore[arg-type] # a test's own word
    async with live.server.hub.open_inbox() as inbox:
        await inbox.send(item)
        await item.settled.wait()
    return item


class Town:
    """A live that can be torn down and built again over what it remembers."""

    def __init__(self, serve: Serve, folder: Path) -> None:
        self._serve, self._folder = serve, folder
        self.live: LiveServer

    async def open(self, *names: str) -> list[RawClient]:
        """A server that is new, with people."""
        self.live = await self._serve(data=self._folder)
        return await self.live.join_all(*names)

    async def restart(self, *clients: RawClient) -> list[RawClient]:
        """The same people at the server's next start."""
        await self.live.end()
        self.live = await self._serve(data=self._folder)
        return [await self.live.join(client.name, token=client.token) for client in clients]


@pytest.fixture
def town(serve: Serve, tmp_path: Path) -> Town:
    return Town(serve, tmp_path)


# ---- making and losing rooms -----------------------------------------------------------------------


async def test_rooms_their_topics_settings_and_members_stay(town: Town) -> None:
    ada, bob = await town.open("ada", "bob")
    await ada.ask("join", room="#ops")
    await bob.ask("join", room="#ops")
    await ada.ask("topic", room="#ops", text="Pager duty")
    await ada.ask("configure", room="#ops", slow=2.5, announce_only=True, keep=7)
    await ada.ask("role", room="#ops", name="bob", role="moderator")
    ada, bob = await town.restart(ada, bob)
    assert {key: ada.rooms["#ops"][key] for key in ("topic", "role", "slow", "announce_only", "last")} == {
        "topic": "Pager duty",
        "role": "owner",
        "slow": 2.5,
        "announce_only": True,
        "last": 5,
    }
    assert bob.rooms["#ops"]["role"] == "moderator"
    page = await bob.ask("history", room="#ops")
    assert [(event["type"], event.get("action")) for event in page["events"]] == [
        ("topic", None),
        ("moderated", "announce_only"),
        ("moderated", "slow"),
        ("moderated", "keep"),
        ("moderated", "role"),
    ]


async def test_where_only_administrators_make_rooms_others_are_told(serve: Serve) -> None:
    live = await serve(room_creation="admins")
    ada, bob = await live.join_all("ada", "bob")
    assert code_of(await ada.ask("join", room="#ops")) == "rooms_closed"
    await order(live, "promote", "ada")
    assert code_of(await ada.ask("join", room="#ops")) == "room"
    assert code_of(await bob.ask("join", room="#ops")) == "room"
    await order(live, "demote", "ada")
    assert code_of(await ada.ask("join", room="#more")) == "rooms_closed"


async def test_where_moderators_make_rooms_those_of_the_lobby_do(serve: Serve) -> None:
    live = await serve(room_creation="moderators")
    ada, bob = await live.join_all("ada", "bob")
    refused = await bob.ask("join", room="#ops")
    assert (code_of(refused), refused["message"]) == (
        "rooms_closed",
        "On this server only moderators of #lobby can make rooms.",
    )
    await order(live, "promote", "ada")
    await ada.ask("role", room="#lobby", name="bob", role="moderator")
    assert code_of(await bob.ask("join", room="#ops")) == "room"
    await ada.ask("role", room="#lobby", name="bob", role="member")
    assert code_of(await bob.ask("join", room="#more")) == "rooms_closed"


async def test_a_room_that_is_empty_and_in_which_nothing_was_said_goes(town: Town) -> None:
    (ada,) = await town.open("ada")
    for room in ("#empty", "#told"):
        await ada.ask("join", room=room)
    await ada.say("something", "#told")
    for room in ("#empty", "#told"):
        await ada.ask("leave", room=room)
    assert [room["name"] for room in (await ada.ask("rooms"))["rooms"]] == ["#lobby", "#told"]
    (ada,) = await town.restart(ada)
    assert [room["name"] for room in (await ada.ask("rooms"))["rooms"]] == ["#lobby", "#told"]
    assert (await ada.ask("join", room="#told"))["room"]["last"] == 1


async def test_when_its_last_owner_leaves_a_room_the_first_of_the_highest_owns_it(town: Town) -> None:
    ada, bob, eve = await town.open("ada", "bob", "eve")
    for client in (ada, bob, eve):
        await client.ask("join", room="#ops")
    await ada.ask("role", room="#ops", name="eve", role="moderator")
    assert code_of(await ada.ask("role", room="#ops", name="ada", role="member")) == "last_owner"
    await ada.ask("leave", room="#ops")
    _, bob, eve = await town.restart(ada, bob, eve)
    assert (bob.rooms["#ops"].get("role", "member"), eve.rooms["#ops"]["role"]) == ("member", "owner")


# ---- who may enter and who may speak ---------------------------------------------------------------


async def test_a_private_room_is_hidden_and_entered_by_invitation_alone(town: Town) -> None:
    ada, bob, eve = await town.open("ada", "bob", "eve")
    await ada.ask("join", room="#board")
    await ada.ask("configure", room="#board", private=True)
    await ada.say("secret plans", "#board")
    assert code_of(await bob.ask("invite", room="#board", name="eve")) == "unknown_room"
    assert code_of(await ada.ask("invite", room="#board", name="bob")) == "ok"
    assert (await bob.until("invited"))["room"] == "#board"
    ada, bob, eve = await town.restart(ada, bob, eve)  # the invitation stays
    for kind in ("who", "history", "send", "leave"):
        fields = {"text": "x"} if kind == "send" else {}
        assert code_of(await eve.ask(kind, room="#board", **fields)) == "unknown_room", kind
    assert [room["name"] for room in (await eve.ask("rooms"))["rooms"]] == ["#lobby"]
    assert code_of(await eve.ask("join", room="#board")) == "not_invited"
    assert code_of(await bob.ask("join", room="#board")) == "room"
    await bob.ask("leave", room="#board")
    assert code_of(await bob.ask("join", room="#board")) == "not_invited"  # it was for once


async def test_a_kicked_person_may_come_back(town: Town) -> None:
    ada, bob = await town.open("ada", "bob")
    for client in (ada, bob):
        await client.ask("join", room="#ops")
    phone = await town.live.look("bob", bob.token)
    assert code_of(await bob.ask("kick", room="#ops", name="ada")) == "not_allowed"
    assert code_of(await ada.ask("kick", room="#ops", name="bob", reason="tea time")) == "ok"
    for client in (bob, phone):
        left = await client.until("left")
        assert (left["room"], "tea time" in left["reason"]) == ("#ops", True)
    await ada.say("without bob", "#ops")
    assert code_of(await bob.say("hello?", "#ops")) == "not_a_member"
    assert [event["text"] for event in bob.passed if event["type"] == "message"] == []
    ada, bob = await town.restart(ada, bob)
    assert list(bob.rooms) == ["#lobby"]
    assert code_of(await bob.ask("join", room="#ops")) == "room"


async def test_a_banned_person_stays_out_of_the_room_until_the_ban_is_lifted(town: Town) -> None:
    ada, bob = await town.open("ada", "bob")
    for client in (ada, bob):
        await client.ask("join", room="#ops")
    await ada.ask("ban", room="#ops", name="bob", reason="noise")
    assert (await bob.until("left"))["room"] == "#ops"
    ada, bob = await town.restart(ada, bob)
    answer = await bob.ask("join", room="#ops")
    assert (answer["code"], "noise" in answer["message"]) == ("banned_here", True)
    (ban,) = (await ada.ask("bans", room="#ops"))["bans"]
    assert (ban["name"], ban["by"], ban["reason"]) == ("bob", "ada", "noise")
    assert code_of(await ada.ask("unban", room="#ops", name="bob")) == "ok"
    assert code_of(await bob.ask("join", room="#ops")) == "room"


async def test_a_ban_of_a_network_removes_its_people_and_keeps_them_out(town: Town) -> None:
    ada, bob, eve = await town.open("ada", "bob", "eve")
    for client in (ada, bob):
        await client.ask("join", room="#ops")
    assert code_of(await ada.ask("ban", room="#ops", network="not.a.net")) == "bad_network"
    assert code_of(await ada.ask("ban", room="#ops", network="127.0.0.9/8")) == "ok"
    assert (await bob.until("left"))["room"] == "#ops"
    ada, bob, eve = await town.restart(ada, bob, eve)
    assert code_of(await eve.ask("join", room="#ops")) == "banned_here"
    assert (await ada.ask("bans", room="#ops"))["bans"][0]["network"] == "127.0.0.0/8"
    await ada.ask("unban", room="#ops", network="127.0.0.0/8")
    assert code_of(await eve.ask("join", room="#ops")) == "room"


async def test_a_ban_of_the_lobby_is_one_of_the_server(town: Town) -> None:
    ada, bob = await town.open("ada", "bob")
    await order(town.live, "promote", "ada")
    assert code_of(await ada.ask("ban", room="#lobby", name="bob", seconds=3600, reason="spam")) == "ok"
    events, code, _ = await bob.wait_closed()
    assert (events[-1]["code"], code) == ("banned", 1008)
    for _ in range(2):
        refused = await town.live.refused({"Username": "bob", "Trio-Chat-Token": bob.token})
        assert told(refused) == (403, "banned")
        assert "spam" in refused.json["message"]
        (ada,) = await town.restart(ada)
    table = (await order(town.live, "bans")).answer
    assert table is not None
    number = str(table.rows[0][0])  # type: ignore[union-attr] # it is no refusal
    await order(town.live, "unban", number)
    assert (await town.live.join("bob", token=bob.token)).name == "bob"


async def test_a_network_that_is_banned_from_the_server_is_refused_before_anything_else(town: Town) -> None:
    (ada,) = await town.open("ada")
    await order(town.live, "promote", "ada")
    assert code_of(await ada.ask("ban", room="#lobby", network="127.0.0.0/8")) == "ok"
    assert told(await town.live.refused({"Username": "eve"})) == (403, "banned")
    client = await town.live.enter()
    await client.send_request("hello", name="eve")
    events, code, _ = await client.wait_closed()
    assert (events[-1]["code"], code) == ("banned", 1008)


async def test_a_muted_person_reads_and_neither_speaks_nor_edits(town: Town) -> None:
    ada, bob = await town.open("ada", "bob")
    for client in (ada, bob):
        await client.ask("join", room="#ops")
    await bob.say("before", "#ops")
    assert code_of(await ada.ask("mute", room="#ops", name="bob")) == "ok"
    ada, bob = await town.restart(ada, bob)
    assert code_of(await bob.say("mmh", "#ops")) == "may_not_speak"
    assert code_of(await bob.ask("edit", room="#ops", target=1, text="other")) == "may_not_speak"
    assert code_of(await ada.say("listen", "#ops")) == "ok"
    assert (await bob.until("message"))["text"] == "listen"
    await ada.ask("mute", room="#ops", name="bob", seconds=0)
    assert code_of(await bob.say("thanks", "#ops")) == "ok"


async def test_in_a_room_for_announcements_only_moderators_speak(town: Town) -> None:
    ada, bob, eve = await town.open("ada", "bob", "eve")
    for client in (ada, bob, eve):
        await client.ask("join", room="#news")
    await ada.ask("configure", room="#news", announce_only=True)
    await ada.ask("role", room="#news", name="bob", role="moderator")
    assert code_of(await eve.say("me too", "#news")) == "announcements_only"
    assert code_of(await eve.ask("configure", room="#news", announce_only=False)) == "not_allowed"
    assert code_of(await bob.say("news", "#news")) == "ok"
    assert code_of(await bob.ask("configure", room="#news", private=True)) == "not_allowed"


async def test_in_a_slow_room_everyone_waits_between_messages(serve: Serve) -> None:
    now = [1.8e9]
    live = await serve(clock=lambda: now[0])
    ada, bob = await live.join_all("ada", "bob")
    for client in (ada, bob):
        await client.ask("join", room="#ops")
    await ada.ask("configure", room="#ops", slow=30)
    assert code_of(await bob.say("one", "#ops")) == "ok"
    assert code_of(await bob.say("two", "#ops")) == "too_soon"
    now[0] += 31
    assert code_of(await bob.say("two", "#ops")) == "ok"
    assert [code_of(await ada.say(text, "#ops")) for text in ("one", "two")] == ["ok", "ok"]  # who decides need not


async def test_an_administrator_may_in_every_room_what_its_owner_may_and_reads_no_private_talk(town: Town) -> None:
    ada, bob, eve = await town.open("ada", "bob", "eve")
    await ada.ask("join", room="#ops")
    await ada.ask("configure", room="#ops", private=True)
    await ada.ask("send", to=["bob"], text="between us")
    await order(town.live, "promote", "eve")
    ada, bob, eve = await town.restart(ada, bob, eve)
    assert code_of(await eve.ask("history", room="@ada+bob")) == "unknown_room"
    assert code_of(await eve.ask("join", room="@ada+bob")) == "room_invalid"
    assert code_of(await eve.ask("join", room="#ops")) == "room"
    refused = await eve.ask("kick", room="#lobby", name="ada")
    assert (code_of(refused), refused["advice"]) == ("stays_in_lobby", "To keep somebody out of the server, use /ban.")
    assert code_of(await eve.ask("kick", room="#ops", name="ada")) == "ok"
    assert (await ada.until("left"))["room"] == "#ops"


async def test_what_moderators_did_is_in_the_audit_log(town: Town) -> None:
    ada, bob = await town.open("ada", "bob")
    for client in (ada, bob):
        await client.ask("join", room="#ops")
    await bob.say("rude", "#ops")
    await ada.ask("delete", room="#ops", target=1)
    await ada.ask("ban", room="#ops", name="bob", reason="rude")
    notes = [line.note for line in await town.live.store.notes(10)]
    assert [(note.actor, note.action, note.room, note.target, note.detail) for note in notes] == [
        ("ada", "ban", "#ops", "bob", "rude"),
        ("ada", "delete", "#ops", "bob", "1"),
    ]
