"""The banner of ``serve``: the line for a guest, who is let in, and what else a host has to know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trio_chat.cli.banner import Announcement, Invitation, banner, guest_urls
from trio_chat.client.address import parse_given
from trio_chat.config import ServerConfig
from trio_chat.output import unstyled
from trio_chat.protocol.fingerprint import Fingerprint
from trio_chat.version import __version__

SERVER = Fingerprint(bytes(range(32)))
SECRET = "s3cretS3cretS3cretS3cr"
HERE = ["ws://127.0.0.1:8765/"]
EVERYWHERE = ["wss://0.0.0.0:8765/"]
LAN = ["wss://192.0.2.7:8765/", "wss://[fd00::7]:8765/"]


def shown(config: ServerConfig, urls: list[str], guests: list[str], columns: int = 80, **more: Any) -> str:
    told = Announcement(urls, guests, SERVER, **{"data": "/srv/chat", **more})
    return unstyled(banner(config, told, columns))


def line_to_send(text: str) -> str:
    """The row that a host copies."""
    (row,) = (row for row in text.splitlines() if row.startswith("trio-chat join "))
    return row


def test_on_this_machine_it_says_where_how_to_join_where_the_log_is_and_how_to_stop() -> None:
    text = shown(ServerConfig(), HERE, [])
    for part in (
        f"trio-chat {__version__}\n",
        "Listening  ws://127.0.0.1:8765/",
        "Join       trio-chat join 127.0.0.1:8765\n",
        "no other machine can connect",
        "here, on standard error",
        "Kept       in /srv/chat\n",
        "Ctrl-C",
    ):
        assert part in text
    assert "encrypted" not in text
    assert "pin=" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_it_says_that_nothing_is_kept_where_nothing_is() -> None:
    assert "lost when the server stops" in shown(ServerConfig(memory=True), HERE, [], data="")


def test_it_names_every_address_and_brackets_one_of_ipv6() -> None:
    text = shown(ServerConfig(host="localhost"), ["ws://[::1]:9000/", "ws://127.0.0.1:9000/"], [])
    assert "ws://[::1]:9000/ ws://127.0.0.1:9000/" in text
    assert "trio-chat join [::1]:9000\n" in text


def test_it_says_that_a_password_is_needed_and_not_which() -> None:
    for config, guests in (
        (ServerConfig(password="hunter2"), []),
        (ServerConfig(host="0.0.0.0", password="hunter2"), LAN),
    ):
        text = shown(config, HERE, guests, log_is_here=False)
        assert "everybody who has the password" in text
        assert "hunter2" not in text
        assert "where standard error goes" in text


def test_the_line_to_send_is_a_row_of_its_own_that_a_client_reads_back() -> None:
    invitation = Invitation(SECRET, "one person, until 7 December")
    text = shown(ServerConfig(host="0.0.0.0"), EVERYWHERE, LAN, invitation=invitation)
    assert "It lets in one person, until 7 December." in text
    command, verb, link = line_to_send(text).split(" ")
    assert (command, verb) == ("trio-chat", "join")
    given = parse_given(link.strip("'"))
    assert (given.url, given.pin, given.invite) == (LAN[0], SERVER, SECRET)
    assert "Also at    [fd00::7]:8765\n" in text
    assert " ".join(text.split()).count(SERVER.words) == 1
    assert SECRET not in repr(invitation)


def test_without_an_invite_the_line_still_pins_the_server_and_says_whom_it_is_for() -> None:
    for config, whom in (
        (ServerConfig(host="0.0.0.0", password="hunter2"), "asks for the password"),
        (ServerConfig(host="0.0.0.0", open=True), "Send this line to a friend.\n"),
        (ServerConfig(host="0.0.0.0"), "people who have an account here"),
    ):
        text = shown(config, EVERYWHERE, LAN, columns=120)
        assert whom in text
        given = parse_given(line_to_send(text).split(" ")[2].strip("'"))
        assert (given.pin, given.invite) == (SERVER, None)


def test_without_tls_it_warns_that_messages_can_be_read() -> None:
    assert "not encrypted" in shown(ServerConfig(host="0.0.0.0", open=True), HERE, ["ws://192.0.2.7:8765/"])
    assert "not encrypted" not in shown(ServerConfig(host="0.0.0.0", open=True), EVERYWHERE, LAN)


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 50)])
def test_the_whole_banner_is_visible_at_once(columns: int, rows: int) -> None:
    config = ServerConfig(host="0.0.0.0")
    text = shown(config, EVERYWHERE, LAN, columns, invitation=Invitation(SECRET, "one person, until 7 December"))
    height = sum(-(-len(row) // columns) or 1 for row in text.splitlines())
    assert height <= rows - 4  # the log and the shell's prompt are there too
    assert all(len(row) <= columns for row in text.splitlines() if "#pin=" not in row)


def test_at_20_columns_only_what_is_one_word_is_wider() -> None:
    text = shown(ServerConfig(host="0.0.0.0", open=True), ["wss://0.0.0.0:80/"], ["wss://10.1.1.1:80/"], 20)
    assert all(len(row) <= 20 or " " not in row.strip() for row in text.splitlines() if "#pin=" not in row)
    assert "Stop\n  Ctrl-C; once more\n  stops at once\n" in text


@pytest.mark.parametrize(
    ("config", "urls", "expected"),
    [
        (ServerConfig(), HERE, []),
        (ServerConfig(host="0.0.0.0"), EVERYWHERE, LAN),
        (ServerConfig(host="0.0.0.0", public_host=("chat.example",)), EVERYWHERE, ["wss://chat.example:8765/"]),
        (
            ServerConfig(behind_proxy=("127.0.0.1",), public_host=("chat.example",)),
            HERE,
            ["wss://chat.example/"],
        ),
        (ServerConfig(host="0.0.0.0", behind_proxy=("192.0.2.1",)), ["ws://0.0.0.0:8765/"], []),
        (ServerConfig(host="0.0.0.0"), ["wss://0.0.0.0:443/"], ["wss://192.0.2.7/", "wss://[fd00::7]/"]),
    ],
)
def test_guests_are_told_the_public_name_else_the_addresses_that_they_can_reach(
    config: ServerConfig, urls: list[str], expected: list[str]
) -> None:
    assert guest_urls(config, urls, ["192.0.2.7", "fd00::7"]) == expected


def test_behind_a_proxy_without_a_public_name_there_is_no_line_to_send() -> None:
    config = ServerConfig(host="0.0.0.0", behind_proxy=("192.0.2.1",), data=Path("/srv/chat"), open=True)
    text = shown(config, ["ws://0.0.0.0:8765/"], [])
    assert "#pin=" not in text
    assert "--public-host" in text
