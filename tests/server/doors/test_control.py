"""The control door: a socket in the data directory, its orders, and who may use it."""

from __future__ import annotations

import errno
import json
import socket
import sqlite3
import stat
import tempfile
from pathlib import Path
from typing import Any, Self

import pytest
import trio

from tests.server.live_server import LiveServer, Log, Serve
from tests.server.raw_client import Json
from trio_chat.errors import StoreError
from trio_chat.server.doors import control
from trio_chat.server.doors.control import NAME, serve_control, short_path
from trio_chat.store import SqliteStore


class Operator:
    """Somebody at the control socket."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = trio.socket.socket(socket.AF_UNIX)
        self._read = b""

    async def __aenter__(self) -> Self:
        with short_path(self._folder) as path:
            await self._socket.connect(path)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._socket.close()

    async def send(self, data: bytes) -> None:
        while data:
            data = data[await self._socket.send(data) :]

    async def answer(self) -> Json | None:
        """The next line; ``None`` at the end."""
        while b"\n" not in self._read:
            try:
                data = await self._socket.recv(65536)
            except ConnectionError:
                return None
            if not data:
                return None
            self._read += data
        line, _, self._read = self._read.partition(b"\n")
        found: Json = json.loads(line)
        return found

    async def order(self, **fields: object) -> Json:
        await self.send(json.dumps(fields).encode() + b"\n")
        answer = await self.answer()
        assert answer is not None
        return answer


def table(answer: Json) -> list[dict[str, Any]]:
    """An answer's rows by their headings."""
    assert "error" not in answer
    return [dict(zip(answer["headings"], row, strict=True)) for row in answer.get("rows", [])]


async def test_orders_are_answered_with_tables(serve: Serve, tmp_path: Path) -> None:
    live = await serve(data=tmp_path)
    ada, bob = await live.join_all("ada", "bob")
    await ada.ask("join", room="#ops")
    await ada.ask("configure", room="#ops", private=True)
    await ada.ask("ban", room="#ops", name="bob", reason="noise")
    await bob.ask("password", password="a long secret")
    async with Operator(tmp_path) as operator:
        users = table(await operator.order(do="users"))
        assert [(u["name"], u["here"], u["devices"], u["password"], u["admin"]) for u in users] == [
            ("ada", 1, 1, False, False),
            ("bob", 1, 1, True, False),
        ]
        rooms = table(await operator.order(do="rooms"))
        assert [(r["room"], r["members"], r["here"], r["events"], r["private"]) for r in rooms] == [
            ("#lobby", 2, 2, 0, False),
            ("#ops", 1, 1, 2, True),
        ]
        (ban,) = table(await operator.order(do="bans"))
        assert (ban["kept out of"], ban["whom"], ban["by"], ban["reason"]) == ("#ops", "bob", "ada", "noise")
        figures = {row["figure"]: row["value"] for row in table(await operator.order(do="stats"))}
        assert (figures["connections"], figures["names"], figures["rooms"], figures["room events"]) == (2, 2, 2, 2)
        assert table(await operator.order(do="unban", name=str(ban["number"]))) == [{"lifted": ban["number"]}]
        assert table(await operator.order(do="bans")) == []
        assert table(await operator.order(do="promote", name="BOB")) == [{"name": "bob", "admin": True}]
    assert (await bob.ask("join", room="#ops"))["type"] == "room"


async def test_a_name_that_is_reset_is_free_and_its_owner_is_disconnected(serve: Serve, tmp_path: Path) -> None:
    live = await serve(data=tmp_path)
    ada, bob = await live.join_all("ada", "bob")
    await ada.say("before")
    async with Operator(tmp_path) as operator:
        assert table(await operator.order(do="reset-name", name="ada")) == [{"freed": "ada"}]
    events, code, _ = await ada.wait_closed()
    assert (events[-1]["code"], code) == ("name_freed", 1008)
    assert (await bob.until("presence"))["left"] == ["ada"]
    other = await live.join("ada")
    assert other.token != ada.token
    assert (await live.refused({"Username": "ada", "Trio-Chat-Token": ada.token})).status == 409
    assert (await other.ask("edit", room="#lobby", target=1, text="not mine"))["code"] == "not_yours"
    await live.end()
    live = await serve(data=tmp_path)
    assert (await live.join("ada", token=other.token)).name == "ada"
    notes = [(line.note.actor, line.note.action, line.note.target) for line in await live.store.notes(5)]
    assert notes == [("server", "reset-name", "ada")]


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"do": "reset-name", "name": "nobody"}, "nobody"),
        ({"do": "promote", "name": ""}, "Nobody here is called"),
        ({"do": "promote", "name": "\x1b[2J"}, "Nobody here is called"),
        ({"do": "unban", "name": "17"}, "no ban number '17'"),
        ({"do": "explode"}, "field is wrong"),
        ({"do": 7}, "field is wrong"),
        ({}, "field is wrong"),
        ([], "field is wrong"),
    ],
)
async def test_an_order_that_cannot_be_done_is_told_in_words_that_print(
    serve: Serve, tmp_path: Path, order: object, words: str
) -> None:
    await serve(data=tmp_path)
    async with Operator(tmp_path) as operator:
        await operator.send(json.dumps(order).encode() + b"\n")
        answer = await operator.answer()
        assert answer is not None
        assert words in answer["error"]
        assert answer["error"].isprintable()
        assert table(await operator.order(do="users")) == []


async def test_garbage_ends_at_the_most_its_own_connection(serve: Serve, tmp_path: Path) -> None:
    live = await serve(data=tmp_path)
    ada = await live.join("ada")
    async with Operator(tmp_path) as operator:
        await operator.send(b"\n\xff\xfe\n{\n" + b"GET / HTTP/1.1\r\n")
        for _ in range(4):
            answer = await operator.answer()
            assert answer is not None
            assert answer["error"]
    async with Operator(tmp_path) as operator:
        await operator.send(b"x" * 5000)
        assert await operator.answer() is None
    async with Operator(tmp_path) as operator:
        await operator.send(b'{"do":"users"')  # and goes
    async with Operator(tmp_path) as operator:
        await operator.send(b'{"do":"users"}\n' * 50)  # and does not wait for the answers
    async with Operator(tmp_path) as operator:
        assert len(table(await operator.order(do="users"))) == 1
    assert (await ada.say("unharmed"))["type"] == "ok"


async def test_the_socket_is_its_owners_alone_and_goes_with_the_server(serve: Serve, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    live = await serve(data=folder)
    mode = (await trio.Path(folder / NAME).stat()).st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert stat.S_IMODE((await trio.Path(folder).stat()).st_mode) == 0o700
    await live.end()
    assert not await trio.Path(folder / NAME).exists()


async def test_a_server_whose_socket_was_removed_stops_as_any_other(serve: Serve, tmp_path: Path) -> None:
    live = await serve(data=tmp_path)
    await trio.Path(tmp_path / NAME).unlink()
    await live.end()


async def test_a_server_that_stops_leaves_alone_what_took_the_place_of_its_socket(serve: Serve, tmp_path: Path) -> None:
    live = await serve(data=tmp_path)
    path = trio.Path(tmp_path / NAME)
    await path.unlink()
    await path.write_text("somebody's")
    await live.end()
    assert await path.read_text() == "somebody's"


async def test_a_server_stops_although_its_socket_cannot_be_removed(
    serve: Serve, tmp_path: Path, logged: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *, missing_ok: bool = False) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    live = await serve(data=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        await live.end()
    assert logged.take("socket not removed")["error"] == "Permission denied"


@pytest.mark.parametrize("left", ["socket", "file"])
async def test_what_a_server_left_behind_that_was_killed_is_replaced(serve: Serve, tmp_path: Path, left: str) -> None:
    if left == "socket":
        with socket.socket(socket.AF_UNIX) as old, short_path(tmp_path) as path:  # a folder's path may be long
            old.bind(path)
    else:
        await trio.Path(tmp_path / NAME).write_text("?")
    await serve(data=tmp_path)
    async with Operator(tmp_path) as operator:
        assert table(await operator.order(do="users")) == []


@pytest.mark.parametrize("linux", [True, False], ids=["by its descriptor", "by a link"])
async def test_a_data_directory_with_a_long_path_has_its_socket_too(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, linux: bool
) -> None:
    if not linux:
        monkeypatch.setattr(control, "_DESCRIPTORS", tmp_path / "no proc")
    short = tempfile.mkdtemp(dir=control._SHORT)
    monkeypatch.setattr(control, "_SHORT", short)
    folder = tmp_path / ("d" * 90) / ("e" * 90)
    live = await serve(data=folder)
    async with Operator(folder) as operator:
        assert table(await operator.order(do="users")) == []
    assert stat.S_ISSOCK((await trio.Path(folder / NAME).lstat()).st_mode)
    await live.end()
    assert not await trio.Path(folder / NAME).exists()
    await trio.Path(short).rmdir()  # nothing is left in it


async def test_a_directory_that_takes_no_socket_is_said(serve: Serve, tmp_path: Path) -> None:
    live = await serve()
    (tmp_path / NAME).mkdir()
    with pytest.raises(StoreError, match=rf"{tmp_path / NAME} cannot be used: .*\. Look at its owner"):
        await serve_control(tmp_path, live.server.hub)


async def test_the_order_listening_says_which_server_this_is(serve: Serve, tmp_path: Path) -> None:
    live = await serve(data=tmp_path)
    async with Operator(tmp_path) as operator:
        answer = await operator.order(do="listening")
        assert answer == {"urls": live.server.urls, "epoch": live.store.epoch, "guest_urls": []}
        live.server.find_guest_urls = lambda: ["wss://192.0.2.7:8765/"]
        assert (await operator.order(do="listening"))["guest_urls"] == ["wss://192.0.2.7:8765/"]
        assert table(await operator.order(do="users")) == []


async def test_an_order_that_cannot_be_stored_is_not_done(
    serve: Serve, tmp_path: Path, logged: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = await serve(data=tmp_path)
    ada = await live.join("ada")
    await break_commits(live, monkeypatch)
    async with Operator(tmp_path) as operator:
        assert "could not store" in (await operator.order(do="promote", name="ada"))["error"]
        assert [user["admin"] for user in table(await operator.order(do="users"))] == [False]
        assert "could not store" in (await operator.order(do="reset-name", name="ada"))["error"]
        users = table(await operator.order(do="users"))
        assert [(user["name"], user["here"]) for user in users] == [("ada", 1)]
    logged.entries[:] = [entry for entry in logged.entries if entry["event"] != "not stored"]
    monkeypatch.undo()
    await ada.say("still here")


async def break_commits(live: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing more be stored."""
    store = live.store
    assert isinstance(store, SqliteStore)

    def fail(_: object) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    monkeypatch.setattr(store._writer, "commit", fail)
