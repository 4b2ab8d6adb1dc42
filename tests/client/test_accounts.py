"""Names that are ours: what is kept of them, what proves them, and when they are no longer ours."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import trio

import trio_chat
from tests.client.scripted import ScriptedServer
from tests.client.test_against_server import serving, texts, wait_for
from tests.client.test_repeats import Deaf
from tests.client.test_state import welcome
from trio_chat.client import Backlog, Chat, Identities
from trio_chat.client.address import Address
from trio_chat.client.admission import make_headers
from trio_chat.client.credentials import Credentials
from trio_chat.client.options import StreamOptions
from trio_chat.client.state import ClientState
from trio_chat.client.wire import open_tcp
from trio_chat.protocol import requests
from trio_chat.protocol.events import (
    Deleted,
    Edited,
    Invited,
    Left,
    Message,
    Moderated,
    Reacted,
    ReadUpTo,
    Renamed,
    RoomInfo,
)

URL = "ws://chat.example:8765/"


# ---- what is kept -------------------------------------------------------------------------------


def test_a_token_is_kept_for_one_server_and_for_its_owner_alone(tmp_path: Path) -> None:
    identities = Identities(tmp_path / "state")
    identities.remember(URL, "Ada", "secret")
    assert identities.token(URL, "ada") == "secret"
    assert identities.last_name(URL) == "Ada"
    assert identities.token("ws://chat.example:8765/other", "ada") == "secret"  # a path makes no other server of it
    assert identities.token("ws://chat.example:9000/", "ada") is None
    assert identities.token(URL, "bob") is None
    (file,) = (tmp_path / "state" / "identities").glob("*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_server_on_this_machine_is_one_whatever_this_machine_is_called(tmp_path: Path) -> None:
    identities = Identities(tmp_path)
    identities.remember("ws://localhost:8765/", "ada", "t-1")
    for host in ("127.0.0.1", "localhost", "LocalHost", "[::1]"):
        assert identities.token(f"ws://{host}:8765/", "ada") == "t-1"
    assert identities.token("ws://127.0.0.1:8766/", "ada") is None
    assert identities.token("ws://192.0.2.1:8765/", "ada") is None


def test_a_file_that_cannot_be_read_is_said_not_replaced(tmp_path: Path) -> None:
    identities = Identities(tmp_path)
    identities.remember(URL, "ada", "secret")
    (file,) = (tmp_path / "identities").glob("*.json")
    file.write_text("{")
    with pytest.raises(trio_chat.ChatError, match="Repair or remove it"):
        identities.remember(URL, "bob", "other")
    assert file.read_text() == "{"


def test_credentials_are_sent_percent_encoded() -> None:
    headers = dict(make_headers(Credentials("zoë", account_password="a b:ü", token="t/1"), quiet=True))
    assert headers == {
        b"Username": b"zo%C3%AB",
        b"Trio-Chat-Token": b"t%2F1",
        b"Trio-Chat-Password": b"a%20b%3A%C3%BC",
        b"Trio-Chat-Quiet": b"1",
    }


# ---- with a scripted server ---------------------------------------------------------------------


async def test_what_a_server_gives_is_sent_the_next_time_and_the_name_with_it(server: ScriptedServer) -> None:
    async with server.connect("ada"):
        pass
    async with server.connect(None) as chat:
        assert chat.name == "ada"
        assert server.hellos[-1].token == "token-of-ada"


async def test_a_new_name_takes_its_proof_along(server: ScriptedServer, tmp_path: Path) -> None:
    identities = Identities(tmp_path)
    async with server.connect("ada", identities=identities) as chat:
        await chat.rename("grace")
        await server.session.say(Renamed(old="ada", new="Grace"))
        async for event in chat:
            if isinstance(event, Renamed):
                break
        assert identities.token(chat.url, "grace") == "token-of-ada"
        assert identities.token(chat.url, "ada") == "token-of-ada"  # another server there may know us by it
        assert identities.last_name(chat.url) == "Grace"


async def test_a_refusal_takes_no_proof_away(server: ScriptedServer, tmp_path: Path) -> None:
    identities = Identities(tmp_path)
    async with server.connect("ada", identities=identities) as chat:
        url = chat.url
    server.refusal = trio_chat.protocol.events.Error(code="name_owned", message="The name ada already has an owner.")
    with pytest.raises(trio_chat.NotAdmitted):
        async with server.connect(None, identities=identities):
            pass
    assert identities.token(url, "ada") == "token-of-ada"
    assert identities.last_name(url) == "ada"


async def test_a_name_is_claimed_with_a_token_that_is_kept_before(server: ScriptedServer, tmp_path: Path) -> None:
    server.refusal = trio_chat.protocol.events.Error(code="wrong_password", message="No.")
    identities = Identities(tmp_path)
    for _ in range(2):
        with pytest.raises(trio_chat.NotAdmitted):
            async with server.connect("ada", identities=identities):
                pass
    first, second = (hello.token for hello in server.hellos)
    assert first is not None
    assert first == second == identities.token("ws://chat.test:8765/", "ada")
    assert len(first) >= requests.MIN_TOKEN
    assert identities.last_name("ws://chat.test:8765/") is None


async def test_a_name_whose_proof_cannot_be_kept_is_not_claimed(server: ScriptedServer, tmp_path: Path) -> None:
    (tmp_path / "identities").mkdir()
    (tmp_path / "identities" / ".lock").mkdir()
    with pytest.raises(trio_chat.ChatError, match="where the tokens of your names are kept"):
        async with server.connect("ada", identities=Identities(tmp_path)):
            pass
    assert server.hellos == []


async def test_names_that_cannot_be_read_are_told_before_anything_is_sent(
    server: ScriptedServer, tmp_path: Path
) -> None:
    (tmp_path / "identities").write_text("no folder")
    with pytest.raises(trio_chat.ChatError, match="identities"):
        async with server.connect("ada", identities=Identities(tmp_path)):
            pass
    assert server.hellos == []


async def test_who_only_looks_says_so(server: ScriptedServer) -> None:
    async with server.connect(None, quiet=True):
        pass
    (hello,) = server.hellos
    assert hello.quiet


@pytest.mark.parametrize(("typed", "again"), [("Zoe\u0308", "zo\u00eb"), ("\uff4d\uff49\uff41", "Mia"), ("a b", "A B")])
def test_a_name_is_found_again_however_it_is_typed(typed: str, again: str, tmp_path: Path) -> None:
    identities = Identities(tmp_path)
    token = identities.claim(URL, typed)
    assert identities.token(URL, again) == token
    identities.remember(URL, again, token)
    assert identities.claim(URL, typed) == token


# ---- with a real one ----------------------------------------------------------------------------


async def test_a_name_stays_ours_when_the_welcome_was_lost(tmp_path: Path) -> None:
    async with serving() as server:
        streams: list[Deaf] = []

        async def open_stream(address: Address) -> trio.abc.Stream:
            streams.append(Deaf(await open_tcp(address)))
            streams[-1].deaf = len(streams) == 1
            return streams[-1]

        lost = trio_chat.connect(
            server.urls[0],
            name="ada",
            identities=device(tmp_path, "desk"),
            stream=StreamOptions(open_stream=open_stream),
            wait=True,
        )
        async with lost as chat:
            assert chat.name == "ada"
        assert len(streams) == 2
        assert len(server.hub.broker.persons) == 1


async def test_programs_that_come_first_at_one_time_are_one_person(tmp_path: Path) -> None:
    async with serving() as server, trio.open_nursery() as nursery:
        names: list[str] = []

        async def come() -> None:
            async with trio_chat.connect(server.urls[0], name="new", identities=device(tmp_path, "desk")) as chat:
                names.append(chat.name)

        for _ in range(5):
            nursery.start_soon(come)
    assert names == ["new"] * 5


async def test_two_servers_that_take_turns_at_an_address_both_keep_their_names(tmp_path: Path) -> None:
    desk = device(tmp_path, "desk")
    async with serving() as one, serving() as other:
        servers = [one, other]

        async def open_stream(address: Address) -> trio.abc.Stream:
            host, port = servers[0].addresses[0]
            return await open_tcp(address._replace(host=host, port=port))

        for _ in range(3):
            async with trio_chat.connect(
                "ws://chat.example:8765/", name="ada", identities=desk, stream=StreamOptions(open_stream=open_stream)
            ) as chat:
                assert chat.name == "ada"
            servers.reverse()


def device(tmp_path: Path, name: str) -> Identities:
    return Identities(tmp_path / name)


async def test_a_device_whose_name_was_changed_on_another_comes_in_under_the_new_one(tmp_path: Path) -> None:
    async with serving() as server:
        url, lap = server.urls[0], device(tmp_path, "lap")
        async with trio_chat.connect(url, name="ada", identities=device(tmp_path, "desk")) as desk:
            await desk.set_password("correct horse")
            async with trio_chat.connect(
                url, name="ada", credentials=Credentials(account_password="correct horse"), identities=lap
            ):
                pass
            await desk.rename("eve")
            async with trio_chat.connect(url, name="ada", identities=lap) as chat:
                assert (chat.name, chat.welcome.asked) == ("eve", "ada")
            assert lap.last_name(url) == "eve"


def test_another_name_after_a_reconnect_is_said() -> None:
    conversation = ClientState("c")
    conversation.enter(welcome(RoomInfo(name="#lobby"), name="eve"))
    conversation.lose()
    step = conversation.enter(welcome(RoomInfo(name="#lobby"), name="ada", epoch="2"))
    assert step.events == [trio_chat.Reconnected(attempts=0, anew=True), Renamed(old="eve", new="ada")]
    assert conversation.name == "ada"
    conversation.lose()
    assert conversation.enter(welcome(RoomInfo(name="#lobby"), name="Ada", epoch="2")).events == [
        trio_chat.Reconnected(attempts=0)
    ]


async def test_a_password_lets_another_device_in_and_revoking_puts_it_out(tmp_path: Path) -> None:
    async with serving() as server:
        url = server.urls[0]
        async with trio_chat.connect(url, name="ada", identities=device(tmp_path, "desk")) as desk:
            with pytest.raises(trio_chat.NotAdmitted) as caught:
                async with trio_chat.connect(url, name="ada", identities=device(tmp_path, "lap")):
                    pass
            assert caught.value.code == "name_owned"
            await desk.set_password("correct horse")
            with pytest.raises(trio_chat.NotAdmitted) as caught:
                async with trio_chat.connect(
                    url,
                    name="ada",
                    credentials=Credentials(account_password="wrong horse"),
                    identities=device(tmp_path, "lap"),
                ):
                    pass
            assert caught.value.code == "wrong_account_password"
            async with trio_chat.connect(
                url,
                name="ada",
                credentials=Credentials(account_password="correct horse"),
                identities=device(tmp_path, "lap"),
            ):
                pass
            async with trio_chat.connect(url, identities=device(tmp_path, "lap")) as lap:  # its token proves it now
                assert lap.name == "ada"
                mine, other = sorted(await desk.devices(), key=lambda one: not one.current)
                assert mine.current
                await desk.revoke(other.id)
                async for _ in lap:
                    pass
                assert isinstance(lap.ended, trio_chat.protocol.events.Closing)
                assert lap.ended.code == "revoked"
            assert len(await desk.devices()) == 1


async def test_what_was_said_while_one_was_away_is_there_once_and_reading_is_shared(tmp_path: Path) -> None:
    async with serving() as server:
        url = server.urls[0]
        async with trio_chat.connect(url, name="ada") as ada, trio_chat.connect(url, name="bob") as bob:
            await ada.send_to("bob", "one")
            assert await texts(bob, 1) == ["one"]
            await bob.read("@ada+bob", 1)
        async with trio_chat.connect(url, name="ada") as ada:
            await ada.send_to("bob", "two")
            await ada.send("#lobby", "where is @bob?")
        async with (
            trio_chat.connect(url, name="bob", backlog=10) as bob,
            trio_chat.connect(url, name="bob", backlog=10) as tablet,
        ):
            assert bob.rooms["#lobby"].mentions == 1
            for chat in (bob, tablet):
                found: dict[str, Backlog] = {}
                while len(found) < 2:
                    event = await wait_for(chat, Backlog)
                    assert isinstance(event, Backlog)
                    found[event.room] = event
                direct = found["@ada+bob"]
                assert [line.text for line in direct.events if isinstance(line, Message)] == ["one", "two"]
                assert (direct.unread_from, direct.unread) == (2, 1)
            await bob.read("@ada+bob", 2)
            await bob.read("#lobby", 1)
            await wait_for(tablet, ReadUpTo)
            await wait_for(tablet, ReadUpTo)
            assert [tablet.rooms[name].unread for name in ("@ada+bob", "#lobby")] == [0, 0]
            assert tablet.rooms["#lobby"].mentions == 0


async def test_what_is_said_can_change_and_everybody_and_the_history_agree() -> None:
    async with serving() as server:
        url = server.urls[0]
        async with trio_chat.connect(url, name="ada") as ada, trio_chat.connect(url, name="bob") as bob:
            first = await ada.send("#lobby", "won")
            second = await ada.send("#lobby", "too")
            await bob.send("#lobby", "which?", reply_to=first.seq)
            await ada.edit("#lobby", first.seq, "one")
            await ada.delete("#lobby", second.seq)
            await bob.react("#lobby", first.seq, "+1")
            for chat in (ada, bob):
                for kind in (Edited, Deleted, Reacted):
                    await wait_for(chat, kind)
            past = await bob.history("#lobby")
            one, gone, answer = (event for event in past.events if isinstance(event, Message))
            assert (one.text, one.edited is not None, one.reactions) == ("one", True, {"+1": ("bob",)})
            assert (gone.text, gone.deleted) == ("", True)
            assert answer.reply_to == first.seq
            with pytest.raises(trio_chat.NotDone) as caught:
                await bob.edit("#lobby", first.seq, "mine now")
            assert caught.value.code == "not_yours"


async def test_what_was_said_is_found_page_by_page() -> None:
    async with serving() as server, trio_chat.connect(server.urls[0], name="ada", listen=False) as ada:
        for n in range(5):
            await ada.send("#lobby", f"tea {n}")
        while (await ada.search("tea")).behind:  # noqa: ASYNC110 - only the server knows when it has got round to them
            await trio.sleep(0.02)
        found = await ada.search("tea", limit=3)
        assert [message.text for message in found.messages] == ["tea 4", "tea 3", "tea 2"]
        rest = await ada.search("tea", limit=3, cursor=found.cursor)
        assert [message.text for message in rest.messages] == ["tea 1", "tea 0"]
        assert rest.cursor is None
        since = await ada.history("#lobby", since="2000-01-01", limit=2)
        assert [event.seq for event in since.events] == [1, 2]


async def put_in_order(ada: Chat, bob: Chat) -> None:
    await ada.join("#ops")
    assert await ada.configure("#ops", private=True, slow=5)
    assert not await ada.configure("#ops", slow=5)
    with pytest.raises(trio_chat.NotDone) as caught:
        await bob.join("#ops")
    assert caught.value.code == "not_invited"
    await ada.invite("#ops", "bob")
    assert await wait_for(bob, Invited) == Invited(room="#ops", by="ada", by_id=1)
    room = await bob.join("#ops")
    assert (room.private, room.slow, room.role) == (True, 5.0, "member")
    assert await ada.set_role("#ops", "bob", "moderator")
    assert not await ada.set_role("#ops", "bob", "moderator")
    await wait_for(bob, Moderated)
    assert room.role == "moderator"


async def test_rooms_are_kept_in_order() -> None:
    async with serving() as server:
        url = server.urls[0]
        async with trio_chat.connect(url, name="ada") as ada, trio_chat.connect(url, name="bob") as bob:
            await put_in_order(ada, bob)
            await ada.mute("#ops", "bob")
            with pytest.raises(trio_chat.NotDone) as caught:
                await bob.send("#ops", "hm")
            assert caught.value.code == "may_not_speak"
            await ada.mute("#ops", "bob", seconds=0)
            await bob.send("#ops", "thanks")
            await ada.kick("#ops", "bob", "enough")
            left = await wait_for(bob, Left)
            assert isinstance(left, Left)
            assert "ada removed you: enough" in left.reason
            assert "#ops" not in bob.rooms
            await ada.ban("#ops", "bob", seconds=600, reason="really")
            (ban,) = await ada.bans("#ops")
            assert (ban.name, ban.by, ban.reason, ban.until is not None) == ("bob", "ada", "really", True)
            await ada.unban("#ops", "bob")
            assert await ada.bans("#ops") == ()
