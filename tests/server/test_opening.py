"""How a server starts over stored data, and what it says when it cannot."""

from __future__ import annotations

import dataclasses
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from tests.server.live_server import Serve
from trio_chat.broker import BrokerSettings
from trio_chat.config import ServerConfig
from trio_chat.errors import StoreError
from trio_chat.server.app import default_data_directory, open_server
from trio_chat.store import DATABASE, CommitRefused


async def refusal(folder: Path) -> str:
    """The sentence with which a server over this folder does not start."""
    with pytest.raises(StoreError) as told:
        async with open_server(ServerConfig(port=0, data=folder)):
            raise AssertionError(folder)
    return str(told.value)


async def start_program(folder: Path) -> tuple[int, str, str]:
    """``trio-chat serve`` over this folder, which is to end by itself: its exit code and what it said."""
    done = await trio.run_process(
        [sys.executable, "-m", "trio_chat", "serve", "--port", "0", "--data", str(folder)],
        capture_stdout=True,
        capture_stderr=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


async def test_a_data_directory_in_use_is_told_and_the_first_server_goes_on(serve: Serve, tmp_path: Path) -> None:
    live = await serve(data=tmp_path)
    ada = await live.join("ada")
    sentence = await refusal(tmp_path)
    assert str(tmp_path) in sentence
    code, _, said = await start_program(tmp_path)
    assert code == 1
    assert sentence in said.replace("\n", " ")
    assert "Traceback" not in said
    assert (await ada.say("still here"))["type"] == "ok"
    await live.end()
    assert (await (await serve(data=tmp_path)).join("ada", token=ada.token)).name == "ada"


async def test_a_damaged_database_is_told_at_the_start_with_what_to_do(tmp_path: Path) -> None:
    await trio.Path(tmp_path / DATABASE).write_bytes(b"this is no database, though it is long enough " * 100)
    sentence = await refusal(tmp_path)
    assert DATABASE in sentence
    assert "damaged" in sentence
    code, _, said = await start_program(tmp_path)
    assert (code, "Traceback" in said, "damaged" in said) == (1, False, True)


async def test_a_database_of_a_later_version_is_refused_and_left_as_it_is(serve: Serve, tmp_path: Path) -> None:
    live = await serve(data=tmp_path)
    await live.join("ada")
    await live.end()
    connection = sqlite3.connect(tmp_path / DATABASE)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.execute(f"PRAGMA user_version = {version + 1}")
    connection.commit()
    connection.close()
    before = await trio.Path(tmp_path / DATABASE).read_bytes()
    assert "later" in await refusal(tmp_path) or "newer" in await refusal(tmp_path)
    code, _, said = await start_program(tmp_path)
    assert (code, "Traceback" in said) == (1, False)
    assert await trio.Path(tmp_path / DATABASE).read_bytes() == before


async def test_a_data_directory_that_is_a_file_is_told(tmp_path: Path) -> None:
    place = tmp_path / "data"
    await trio.Path(place).write_text("?")
    assert str(place) in await refusal(place)


async def test_a_server_that_remembers_nothing_makes_no_file(serve: Serve, tmp_path: Path) -> None:
    live = await serve(memory=True, data=tmp_path / "data")
    ada = await live.join("ada")
    await ada.say("hello")
    await live.end()
    assert not await trio.Path(tmp_path / "data").exists()


def test_without_a_folder_it_is_the_platforms_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_data_directory().name == "trio-chat"


def test_the_broker_calls_each_setting_by_the_name_that_it_has_in_the_file() -> None:
    names = {field.name for field in dataclasses.fields(BrokerSettings)}
    assert names - set(ServerConfig.__struct_fields__) == {
        "server",  # the program's version
        "identity",  # the fingerprint of the server's key
        "invite_key",  # random in each run
        "epoch",  # the store's
        "conversations",  # a limit without a setting
        "page_bytes",  # worked out from outbox_bytes
        "room_bytes",  # as above
    }


async def test_a_store_that_fails_before_the_first_line_is_stored_ends_the_start_with_its_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_server(ServerConfig(port=0, data=tmp_path)) as server:

        async def fail(_: object) -> CommitRefused:
            return CommitRefused("The disk is full.")

        monkeypatch.setattr(server.upkeep.store, "commit", fail)
        with pytest.RaisesGroup(pytest.RaisesExc(StoreError, match="The disk is full"), flatten_subgroups=True):
            await server.run()
