"""``admin invite``, ``invites`` and ``revoke``, and newcomers who join by the line that was printed."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from pathlib import Path

import pytest
import trio

import trio_chat
from tests.launching import PROGRAM
from tests.programs import ServerProgram, elsewhere, environment, run
from tests.pty_driver import PtyProgram
from trio_chat.store import DATABASE

PASSWORD = "the password of the server"


def admin(*arguments: str, data: Path) -> str:
    done = run("admin", *arguments, "--data", str(data))
    assert (done.status, done.err) == (0, "")
    return done.out


def listed(data: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in admin("invites", "--json", data=data).splitlines()]


def roles(data: Path) -> list[int]:
    """The roles in the server's rooms but the lobby."""
    with contextlib.closing(sqlite3.connect(data / DATABASE)) as connection:
        return [role for (role,) in connection.execute("SELECT role FROM members WHERE room > 1 ORDER BY account")]


def link_in(text: str) -> str:
    (link,) = re.findall(r"^trio-chat join '(.*)'$", text, re.MULTILINE)
    return str(link)


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
def test_a_friend_pastes_the_line_and_is_in_and_comes_back_without_it(tmp_path: Path, *, running: bool) -> None:
    data = tmp_path / "data"
    with ServerProgram("--data", str(data), "--admit", "invites") as server:
        port = server.port
        made = admin("invite", "--note", "for zoe", data=data) if running else ""
        server.stop()
    made = made or admin("invite", "--note", "for zoe", "--url", f"ws://127.0.0.1:{port}/", data=data)
    assert re.match(r"Invite 1 lets in one new person until \d{4}-\d\d-\d\d \d\d:\d\d\. Send them this line:\n\n", made)
    assert made.endswith("\n\nOnly people on this machine can connect to that address.\n")
    link = link_in(made)
    with ServerProgram("--data", str(data), "--admit", "invites", port=port) as server:
        zoe, eve = elsewhere(tmp_path / "zoe"), elsewhere(tmp_path / "eve")
        assert run("join", "eve", server.url, env=eve).err.startswith(
            "trio-chat: This server takes new people by invite only."
        )
        done = run("join", "zoe", link, given="hello\n", env=zoe)
        assert (done.status, "-- You are zoe." in done.out) == (0, True), done.err
        assert "-- You are zoe." in run("join", "zoe", server.url, env=zoe).out
        assert "-- You are zoe." in run("join", "zoe", link, env=zoe).out
        used = run("join", "eve", link, env=eve)
        assert (used.status, used.out) == (1, "")
        assert used.err.startswith("trio-chat: All uses of the invite are used up. Ask whoever gave it to you")
    assert [(one["state"], one["uses_left"], one["came_by_it"], one["note"]) for one in listed(data)] == [
        ("used up", 0, "zoe", "for zoe")
    ]
    secret = link.partition("invite=")[2]
    assert secret not in admin("audit", data=data) + json.dumps(listed(data)) + server.err
    assert not any(secret.encode() in file.read_bytes() for file in data.rglob("*") if file.is_file())


def test_an_invite_stands_in_for_the_password_and_leads_into_rooms(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "password").chmod(0o600)
    with ServerProgram("--data", str(data), "--password-file", str(tmp_path / "password")) as server:
        knowing = environment(TRIO_CHAT_PASSWORD=PASSWORD)
        at = ("--url", server.url, "--name", "ada", "--create")
        assert run("send", "#class", *at, given="welcome to class", env=knowing).status == 0
        refused = run("admin", "invite", "--room", "#clas", "--data", str(data))
        assert (refused.status, refused.err) == (1, "trio-chat: There is no room '#clas'. /rooms lists the rooms.\n")
        whom = ("--uses", "2", "--expires", "never", "--room", "#class", "--role", "moderator")
        made = admin("invite", *whom, data=data)
        assert made.startswith(
            "Invite 1 lets in 2 new people. They enter #class too, as moderator. Send them this line:\n"
        )
        zoe = elsewhere(tmp_path / "zoe")
        assert run("join", "zoe", link_in(made), "--room", "#class", given="thanks\n", env=zoe).status == 0
        back = run("send", "#class", "--url", server.url, "--name", "zoe", given="without the password", env=zoe)
        assert (back.status, back.err) == (0, "")
        server.stop()
    assert roles(data) == [3, 2], "ada owns the room, and zoe is a moderator"


def test_a_revoked_invite_lets_nobody_in_and_is_listed_as_such(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ServerProgram("--data", str(data), "--admit", "invites"):
        link = json.loads(admin("invite", "--uses", "9", "--json", data=data))["link"]
        assert admin("revoke", "1", data=data) == "Invite 1 lets nobody in any more. People who came by it stay.\n"
        done = run("join", "zoe", link, env=elsewhere(tmp_path / "zoe"))
        assert done.err.startswith("trio-chat: The invite was revoked.")
        unknown = run("admin", "revoke", "2", "--data", str(data))
        assert (unknown.status, "There is no invite number '2'." in unknown.err) == (1, True)
    assert [(one["number"], one["state"], one["uses_left"]) for one in listed(data)] == [(1, "revoked", 9)]
    assert admin("invites", data=data).splitlines()[0].split() == [
        *("number", "state", "uses", "left", "until", "rooms", "role", "by", "created", "came", "by", "it", "note")
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--uses", "0"), "--uses must be a whole number from 1 to 10000, not '0'."),
        (("--expires", "soon"), "--expires must be a time such as 30s, 10m, 2h, 7d or 2w, or never, not 'soon'."),
        (("--expires", "0s"), "--expires must be a time such as"),
        (("--url", "wss://chat.example/#pin=x"), "--url is an address such as wss://chat.example/, without a pin."),
        (("--role", "king"), "king"),
    ],
)
def test_a_wrong_option_is_a_usage_error_and_makes_no_invite(
    tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    data = tmp_path / "data"
    with ServerProgram("--data", str(data)) as server:
        server.stop()
    done = run("admin", "invite", "--data", str(data), *arguments)
    assert (done.status, done.out) == (2, "")
    assert sentence in done.err
    assert listed(data) == []


def test_a_stopped_server_of_any_port_has_no_address_for_a_link(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ServerProgram("--data", str(data)) as server:
        server.stop()
    (tmp_path / "chat.toml").write_text("[server]\nport = 0\n")
    done = run("admin", "invite", "--data", str(data), "--config", str(tmp_path / "chat.toml"))
    assert (done.status, done.out) == (2, "")
    assert "Give it with --url" in done.err
    (tmp_path / "chat.toml").write_text('[server]\nhost = "0.0.0.0"\npublic_host = ["chat.example", "192.0.2.7"]\n')
    done = run("admin", "invite", "--data", str(data), "--config", str(tmp_path / "chat.toml"), "--json")
    urls = [link.partition("#")[0] for link in done.events[0]["links"]]
    assert urls == ["wss://chat.example:8765/", "wss://192.0.2.7:8765/"]


def test_a_moderator_makes_a_link_in_the_chat_and_a_friend_joins_by_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    ada, zoe = elsewhere(tmp_path / "ada"), elsewhere(tmp_path / "zoe")
    with ServerProgram("--data", str(data), "--admit", "invites") as server:
        assert run("join", "ada", link_in(admin("invite", data=data)), env=ada).status == 0
        done = run("join", "ada", server.url, given="/invite-link 2 1h\n", env=ada)
        assert "Only moderators of #lobby can do that." in done.out + done.err
        admin("promote", "ada", data=data)
        done = run("join", "ada", server.url, given="/join #class\n/invite-link 2 1h #class\n", env=ada)
        does = "This line lets in 2 new people within 1h, who enter #class too."
        assert f"{does} Only people on this machine can use it." in done.out
        assert "Send it only to them" not in done.out
        (link,) = re.findall(r"trio-chat join '(.*)'", done.out)
        assert run("join", "zoe", link, "--room", "#class", given="thanks\n", env=zoe).status == 0
        assert link.partition("invite=")[2] not in server.err
    assert [(one["by"], one["uses_left"], one["rooms"], one["came_by_it"]) for one in listed(data)] == [
        ("server", 0, "", "ada"),
        ("ada", 1, "#class", "zoe"),
    ]
    kept = [file for folder in ("ada", "zoe") for file in (tmp_path / folder).rglob("*") if file.is_file()]
    assert not any(link.partition("invite=")[2].encode() in file.read_bytes() for file in kept)


def test_on_another_device_the_password_of_an_account_takes_the_place_of_an_invite(tmp_path: Path) -> None:
    data = tmp_path / "data"
    phone = elsewhere(tmp_path / "phone", NO_COLOR="1")
    with ServerProgram("--data", str(data), "--admit", "invites") as server:
        link = link_in(admin("invite", data=data))

        async def join_and_set_password() -> None:
            async with trio_chat.connect(link, name="zoe") as chat:
                await chat.set_password("correct horse")

        trio.run(join_and_set_password)
        with PtyProgram([*PROGRAM, "join", "zoe", server.url, "--plain"], env=phone) as guest:
            guest.wait_for("This server takes new people by invite only.")
            guest.wait_asked("Account password: ")
            guest.type("correct horse\r")
            guest.wait_for("-- You are zoe.")
        stranger = elsewhere(tmp_path / "stranger", NO_COLOR="1")
        with PtyProgram([*PROGRAM, "join", "eve", server.url, "--plain"], env=stranger) as guest:
            guest.wait_asked("Account password: ")
            guest.type("\r")
            assert guest.wait_exit() == 1


def test_on_a_server_with_a_password_enter_leads_to_the_password_of_an_account_by_an_invite(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "password").chmod(0o600)
    with ServerProgram("--data", str(data), "--password-file", str(tmp_path / "password")) as server:
        link = link_in(admin("invite", data=data))

        async def join_and_set_password() -> None:
            async with trio_chat.connect(link, name="zoe") as chat:
                await chat.set_password("correct horse")

        trio.run(join_and_set_password)
        phone = elsewhere(tmp_path / "phone", NO_COLOR="1")
        with PtyProgram([*PROGRAM, "join", "zoe", server.url, "--plain"], env=phone) as guest:
            guest.wait_asked("Server password:")
            guest.type("a guess\r")
            guest.wait_asked("Server password:", 2)
            guest.type("\r")
            guest.wait_asked("Account password:")
            guest.type("correct horse\r")
            guest.wait_for("-- You are zoe.")
