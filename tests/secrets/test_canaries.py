"""Secrets are where they are meant to be stored, and nowhere else in all that the program writes.

A story with real processes: a server, people who join in both interfaces, type right and wrong passwords, send, read
and are refused, scripts, administration, bugs on both sides, and kills. Each secret in it is a canary. Then everything
that was written is searched for each of them, also percent-encoded, as Base64, as hexadecimal digits and as JSON.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import signal
import sqlite3
import stat
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import quote

import pytest

from tests.launching import PROGRAM
from tests.programs import PATIENCE, Started, environment
from tests.pty_driver import PtyProgram

Env: TypeAlias = Mapping[str, str]

SERVER_PASSWORD: Final = "canary server password"
ACCOUNT_PASSWORD: Final = "canary account password"
WRONG: Final = ("canary wrong server", "canary wrong account")
WRONG_INVITE: Final = "canaryofawronginvite00"
INLINE: Final = "canary typed inline"

BUG_OF_SERVER: Final = """\
import sys
from trio_chat.broker import arrival
from trio_chat.broker.commands import COMMANDS
from trio_chat.cli import main
from trio_chat.protocol.requests import Hello
right, told = arrival.hello, []
def hello(ask):
    if ask.request.name == "mallory" and not told:
        told.append(1)
        raise RuntimeError(f"cannot decide {ask!r} by {ask.registry.settings!r}")
    return right(ask)
arrival.hello = hello
COMMANDS[Hello] = COMMANDS[Hello]._replace(handler=hello)
sys.exit(main(sys.argv[1:]))
"""

BUG_OF_CLIENT: Final = """\
import sys
from trio_chat.cli import main
from trio_chat.client.credentials import Credentials
right = Credentials.__init__
def make(self, *fields, **more):
    right(self, *fields, **more)
    if self.token:
        raise RuntimeError(f"cannot use {self!r}")
Credentials.__init__ = make
sys.exit(main(sys.argv[1:]))
"""


class Story:
    """The machine on which it all happens. ``said`` has what programs wrote to their streams and terminals, and
    ``arguments`` the command lines of those that ran."""

    def __init__(self, world: Path) -> None:
        self.world = world
        self.data = world / "server" / "data"
        self.said: dict[str, bytes] = {}
        self.arguments: dict[str, bytes] = {}
        self.invite = ""

    def device(self, who: str, **more: str) -> dict[str, str]:
        """The environment of somebody's device. PYTHONHASHSEED gives each program a start, and arguments, of its
        own."""
        folders = {
            f"XDG_{kind}_HOME": str(self.world / who / kind.lower()) for kind in ("STATE", "CONFIG", "DATA", "CACHE")
        }
        (self.world / "tmp").mkdir(exist_ok=True)
        own = {"HOME": str(self.world / who), "TMPDIR": str(self.world / "tmp"), "PYTHONHASHSEED": "0"}
        return environment(**own, **folders, **more)

    def note(self, who: str, program: Started | PtyProgram) -> None:
        """Keep what a program has written, and its arguments if it still runs."""
        name = f"{who} {len(self.said)}"
        if isinstance(program, Started):
            self.said[name] = f"{program.out}\n{program.err}".encode()
        else:
            self.said[name] = bytes(program.raw)

    def note_arguments(self, who: str, program: Started | PtyProgram) -> None:
        """Keep the arguments of a program that runs. The kernel shows them a moment after the program was started."""
        deadline = time.monotonic() + PATIENCE
        while not (words := Path(f"/proc/{program.process.pid}/cmdline").read_bytes()):
            assert time.monotonic() < deadline, who
        self.arguments[f"{who} {len(self.arguments)}"] = words

    def run(self, who: str, *arguments: str, given: str = "", status: int = 0, env: Env | None = None) -> str:
        """Run a command to its end."""
        with Started(*arguments, env=self.device(who, **(env or {}))) as program:
            self.note_arguments(who, program)
            program.give_all(given)
            assert program.wait_exit() == status, (program.out, program.err)
            self.note(who, program)
            return program.out

    def terminal(self, who: str, *arguments: str, **more: str) -> PtyProgram:
        return PtyProgram([*PROGRAM, *arguments], env=self.device(who, **more), columns=100, rows=30)

    def tokens(self) -> Iterator[str]:
        """The tokens that devices keep."""
        for path in self.world.glob("*/state/trio-chat/identities/*.json"):
            yield from json.loads(path.read_bytes())["tokens"].values()


def serve(story: Story, *program: str, options: Sequence[str] = ()) -> Started:
    command = (
        *(program or PROGRAM),
        "serve",
        "--port",
        "0",
        "--data",
        str(story.data),
        "--log-level",
        "debug",
        *options,
    )
    password = story.world / "password-file"
    password.write_text(f"{SERVER_PASSWORD}\n", "utf-8")
    server = Started(*command[1:], "--password-file", str(password), program=command[:1], env=story.device("server"))
    server.wait_for('"event": "listening"')
    story.note_arguments("server", server)
    return server


def url_of(server: Started) -> str:
    line = next(line for line in server.err.splitlines() if '"event": "listening"' in line)
    return str(json.loads(line)["urls"][0])


def join_in_lines(story: Story, url: str) -> None:
    """ada types a wrong password, the right one, sets a password of her own, and types it where it does not belong."""
    with story.terminal("ada", "join", "--plain", "ada", url) as ada:
        ada.wait_asked("Server password")
        ada.type(f"{WRONG[0]}\r")
        ada.wait_asked("Server password", 2)
        ada.type(f"{SERVER_PASSWORD}\r")
        ada.wait_for("#lobby> ")
        story.note_arguments("ada", ada)
        ada.type("/password\r")
        ada.wait_for("New password")
        ada.type(f"{ACCOUNT_PASSWORD}\r")
        ada.wait_for("Repeat it")
        ada.type(f"{ACCOUNT_PASSWORD}\r")
        ada.wait_for("Your password is set")
        ada.type("hello from lines\r")
        ada.wait_for("ada: hello from lines")
        ada.type("/quit\r")
        assert ada.wait_exit() == 0
        story.note("ada", ada)


def join_on_a_full_screen(story: Story, url: str) -> None:
    """ada on another device: the server's password, a wrong password of her own, the right one; then the terminal
    goes away, and the program comes back and is killed."""
    with story.terminal("phone", "join", "ada", url) as ada:
        ada.wait_for("Server password")
        ada.type(f"{SERVER_PASSWORD}\r")
        ada.wait_for("Account password")
        ada.type(f"{WRONG[1]}\r")
        ada.wait_for("is wrong")
        ada.type(f"{ACCOUNT_PASSWORD}\r")
        ada.wait_for("hello from lines")
        ada.type(f"/password {INLINE}\r")
        ada.wait_for("Do not type the password into the line")
        ada.type(b"\x15half a draft")
        ada.wait_for("half a draft")
        ada.signal(signal.SIGTERM)
        ada.wait_exit()
        story.note("phone", ada)


def use_scripts(story: Story, url: str) -> None:
    """bob's scripts: with the password in a variable, without it, with a wrong one; send, tail, who, search."""
    right, wrong = {"TRIO_CHAT_PASSWORD": SERVER_PASSWORD}, {"TRIO_CHAT_PASSWORD": WRONG[0]}
    story.run("bob", "send", "#lobby", "--url", url, "--name", "bob", given="from a script\n", env=right)
    story.run("bob", "who", "--url", url, "--name", "bob", env=right)
    story.run("bob", "search", "script", "--url", url, "--name", "bob", env=right)
    story.run("bob", "send", "#lobby", "lost", "--url", url, "--name", "bob", status=1)
    story.run("bob", "send", "#lobby", "lost", "--url", url, "--name", "bob", status=1, env=wrong)
    story.run("eve", "send", "#lobby", "lost", "--url", url, "--name", "ada", status=1, env=right)  # ada's name
    story.run("bob", "config", "show", env=right)
    with Started("tail", "#lobby", "-n", "9", "--url", url, "--name", "bob", env=story.device("bob", **right)) as tail:
        tail.wait_for("from a script")
        story.note_arguments("bob", tail)
        tail.signal(signal.SIGKILL)
        tail.wait_exit()
        story.note("bob", tail)


def administer(story: Story, url: str) -> None:
    data = ("--data", str(story.data))
    for verb in ("users", "rooms", "bans", "files", "stats", "audit", "check", "identity", "health"):
        story.run("server", "admin", verb, *data)
    story.run("server", "admin", "promote", "ada", *data)
    story.run("server", "admin", "export", str(story.world / "server" / "export.jsonl"), *data)
    story.run("server", "admin", "backup", str(story.world / "server" / "chat.backup"), *data)
    story.run("server", "config", "show", "server", env={"TRIO_CHAT_PASSWORD": SERVER_PASSWORD})
    for page in ("metrics", "healthz", ""):
        with urllib.request.urlopen(url.replace("ws", "http", 1) + page) as answer:
            story.said[f"/{page}"] = answer.read()


def invite(story: Story, url: str) -> None:
    """gina comes by an invite, hank has a wrong one, and ivo one that has ended."""
    data = ("--data", str(story.data))
    line = story.run("server", "admin", "invite", "--uses", "1", "--url", url, *data)
    link = re.findall(r"'(.+#pin=.+&invite=.+)'", line)[0]
    story.invite = link.partition("&invite=")[2]
    with story.terminal("gina", "join", "--plain", "gina", link) as gina:
        gina.wait_for("You are gina")
        story.note_arguments("gina", gina)
        gina.type("/quit\r")
        assert gina.wait_exit() == 0
        story.note("gina", gina)
    story.run("hank", "join", "--plain", "hank", link.replace(story.invite, WRONG_INVITE), status=1)
    story.run("server", "admin", "revoke", "1", *data)
    story.run("ivo", "join", "--plain", "ivo", link, status=1)
    for verb in ("invites", "audit"):
        story.run("server", "admin", verb, *data)


def crash(story: Story, url: str) -> None:
    """A bug of the client, and one of the server in the middle of a hello."""
    with Started(
        *("-c", BUG_OF_CLIENT, "send", "#lobby", "lost", "--url", url, "--name", "bob"),
        program=PROGRAM[:1],
        env=story.device("bob", TRIO_CHAT_PASSWORD=SERVER_PASSWORD),
    ) as broken:
        assert broken.wait_exit() == 1
        assert "Stopped by a bug (RuntimeError)" in broken.err
        story.note("bob", broken)
    reports = [*story.world.glob("bob/state/**/crash-*.log")]
    assert len(reports) == 1
    assert "Credentials(name='bob'" in reports[0].read_text("utf-8")
    story.run(
        *("mallory", "send", "#lobby", "lost", "--url", url, "--name", "mallory"),
        status=1,
        env={"TRIO_CHAT_PASSWORD": SERVER_PASSWORD},
    )


# ---- the search -----------------------------------------------------------------------------------


def forms(secret: str) -> set[bytes]:
    """The forms in which a secret could stand somewhere."""
    raw = secret.encode()
    return {
        raw,
        quote(secret, safe="").encode(),
        base64.b64encode(raw).rstrip(b"="),
        base64.urlsafe_b64encode(raw).rstrip(b"="),
        base64.b64encode(f"ada:{secret}".encode()).rstrip(b"="),
        raw.hex().encode(),
        json.dumps(secret).encode(),
        raw[::2],  # a redrawn screen
    }


def places_of(story: Story, secret: str) -> set[str]:
    """Where a secret stands: files below the world, and what programs wrote."""
    wanted = forms(secret)
    found = {
        str(path.relative_to(story.world))
        for path in story.world.rglob("*")
        if path.is_file() and any(form in path.read_bytes() for form in wanted)
    }
    for kind, texts in (("said", story.said), ("arguments", story.arguments)):
        found |= {f"{kind}: {name}" for name, text in texts.items() if any(form in text for form in wanted)}
    return found


def key_lines(path: Path) -> list[str]:
    return [line for line in path.read_text("ascii").splitlines() if not line.startswith("-----")]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The whole story, told once."""
    world = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        (world / "here").mkdir()
        patch.chdir(world / "here")
        told = Story(world)
        with serve(told, PROGRAM[0], "-c", BUG_OF_SERVER) as server:
            url = url_of(server)
            join_in_lines(told, url)
            join_on_a_full_screen(told, url)
            use_scripts(told, url)
            invite(told, url)
            administer(told, url)
            crash(told, url)
            server.wait_for("cannot decide Ask(")
            server.signal(signal.SIGKILL)
            server.wait_exit()
            told.note("server", server)
        with serve(told, options=("--host", "0.0.0.0")) as server:
            url = url_of(server).replace("0.0.0.0", "127.0.0.1")
            assert url.startswith("wss://")
            told.run(
                "bob", "send", "#lobby", "x", "--url", url, "--name", "bob", env={"TRIO_CHAT_PASSWORD": SERVER_PASSWORD}
            )
            server.signal(signal.SIGTERM)
            server.wait_exit()
            told.note("server", server)
        yield told


def test_the_story_was_told(story: Story) -> None:
    assert len(story.said) > 20
    said = b"".join(story.said.values())
    assert b"cannot decide Ask(" in said
    assert b"Hello(name='mallory', password=...," in said
    assert b"BrokerSettings(" in said
    assert any(b"--password-file" in each for each in story.arguments.values())
    assert len(set(story.tokens())) >= 3


def test_the_servers_password_is_in_its_file_and_where_a_person_typed_it(story: Story) -> None:
    assert places_of(story, SERVER_PASSWORD) == {"password-file"} | remembered(story)
    assert len(remembered(story)) == 2


@pytest.mark.parametrize("secret", [ACCOUNT_PASSWORD, *WRONG])
def test_a_password_of_a_person_and_a_wrong_one_are_nowhere(story: Story, secret: str) -> None:
    assert places_of(story, secret) == set()


def test_a_password_in_a_line_is_seen_by_who_typed_it_and_kept_nowhere(story: Story) -> None:
    (place,) = places_of(story, INLINE)
    assert place.startswith("said: phone")


def test_a_token_is_only_on_the_device_that_it_belongs_to(story: Story) -> None:
    for token in set(story.tokens()):
        (place,) = places_of(story, token)
        assert "/state/trio-chat/identities/" in place


def test_an_invite_is_in_the_line_that_was_made_and_in_the_one_that_was_pasted(story: Story) -> None:
    assert len(story.invite) == 22
    places = [place.rpartition(" ")[0] for place in places_of(story, story.invite)]
    assert sorted(places) == ["arguments: gina", "arguments: ivo", "said: server"]


def test_a_wrong_invite_is_in_the_line_that_was_pasted(story: Story) -> None:
    assert {place.rpartition(" ")[0] for place in places_of(story, WRONG_INVITE)} == {"arguments: hank"}


def test_the_key_is_in_its_file_and_in_the_backup(story: Story) -> None:
    for line in key_lines(story.data / "identity.pem"):
        assert places_of(story, line) == {"server/data/identity.pem", "server/chat.backup"}


def test_what_has_a_secret_in_it_is_its_owners_alone(story: Story) -> None:
    for name in ("*/state/trio-chat/**/*.json", "*/state/**/*.log", "server/data/*", "server/*.backup"):
        places = list(story.world.glob(name))
        assert places, name
        for path in places:
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def remembered(story: Story) -> set[str]:
    """The files in which devices remember the server's password, where a person typed it."""
    return {
        str(path.relative_to(story.world))
        for who in ("ada", "phone")
        for path in (story.world / who / "state" / "trio-chat").rglob("*.json")
        if path.parent.name == "identities"
    }


def test_the_search_finds_a_secret_in_each_of_its_forms(tmp_path: Path) -> None:
    story, secret = Story(tmp_path), secrets.token_urlsafe(16)
    for number, form in enumerate(forms(secret)):
        (story.world / f"file {number}").write_bytes(b"before " + form + b" after")
        story.said[f"program {number}"] = b"before " + form
        story.arguments[f"program {number}"] = form
    assert len(places_of(story, secret)) == 3 * len(forms(secret))
    connection = sqlite3.connect(story.world / "database")
    connection.execute("CREATE TABLE t (c)")
    with connection:
        connection.execute("INSERT INTO t VALUES (?)", (secret,))
    connection.close()
    assert "database" in places_of(story, secret)
