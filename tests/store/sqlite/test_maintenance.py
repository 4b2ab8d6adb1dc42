"""Backup, restore, export and check, beside a running server and without one."""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio

from tests.store.committing import save
from trio_chat.errors import StoreError
from trio_chat.records import AuditNote, DropRoom, Redact, SaveDevice, SaveMember
from trio_chat.store import DATABASE, SqliteStore
from trio_chat.store.sqlite import maintenance, schema
from trio_chat.store.sqlite.maintenance import backup, check, export_json, read_notes, restore

if TYPE_CHECKING:
    from tests.store.conftest import Pen


async def settle(store: SqliteStore) -> None:
    while await store.index_some(100):
        pass


def change(path: Path, *statements: str) -> None:
    """Change a database in a way that no server would."""
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def another_programs(path: Path) -> Path:
    """Create a database of another program."""
    change(path, "CREATE TABLE things (name)")
    return path


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def write_file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


# ---- backup ---------------------------------------------------------------------------------------


async def test_a_backup_made_while_a_server_writes_is_one_state_of_its_database(
    sqlite: SqliteStore, pen: Pen, tmp_path: Path
) -> None:
    await save(sqlite, [pen.room(1), *pen.lines(*["x" * 500] * 3000)])
    stop = trio.Event()
    seen: list[tuple[int, int]] = []

    async def write() -> None:
        while not stop.is_set():
            await save(sqlite, pen.lines(*["y" * 500] * 20))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        for number in range(3):
            await trio.to_thread.run_sync(
                backup, sqlite.path, tmp_path / f"{number}.backup", lambda *done: seen.append(done)
            )
        stop.set()
    lasts = []
    for number in range(3):
        file = tmp_path / f"{number}.backup"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert check(file) == []
        async with SqliteStore.open(file) as copy:
            lasts.append((await copy.load()).rooms[0].last)
            assert copy.epoch == sqlite.epoch
    assert 3000 <= lasts[0] <= lasts[1] <= lasts[2] <= pen.lasts[1]
    assert seen[-1][0] == seen[-1][1] > 0


async def test_a_backup_does_not_start_again_when_a_server_writes_meanwhile(
    sqlite: SqliteStore, pen: Pen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await save(sqlite, [pen.room(1), *pen.lines(*["x" * 500] * 500)])
    monkeypatch.setattr(maintenance, "_PAGES", 20)
    seen: list[int] = []

    def write(done: int, _total: int) -> None:
        seen.append(done)
        change(sqlite.path, "UPDATE meta SET value = value + 1 WHERE key = 'probe'")
        assert len(seen) < 200

    await trio.to_thread.run_sync(backup, sqlite.path, tmp_path / "b", write)
    assert len(seen) > 5
    assert seen == sorted(seen)


async def test_a_backup_is_one_file_and_only_a_newer_backup_replaces_it(
    sqlite: SqliteStore, pen: Pen, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    target = folder / "chat.backup"
    await save(sqlite, [pen.room(1)])
    backup(sqlite.path, target)
    await save(sqlite, pen.lines("a"))
    backup(sqlite.path, target)
    assert names(folder) == ["chat.backup"]
    out = io.BytesIO()
    export_json(target, out)
    assert b'"event"' in out.getvalue()


def test_a_backup_of_a_missing_database_or_over_another_file_is_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not exist"):
        backup(path, tmp_path / "b")
    trio.run(_make, path)
    letter = write_file(tmp_path / "letter", b"dear bob")
    with pytest.raises(StoreError, match="is not a backup"):
        backup(path, letter)
    assert letter.read_bytes() == b"dear bob"
    with pytest.raises(StoreError, match="is the database itself"):
        backup(path, path)
    with pytest.raises(StoreError, match="No such file or directory"):
        backup(path, tmp_path / "no" / "such" / "place")
    with pytest.raises(StoreError, match="is damaged"):
        backup(letter, tmp_path / "b")
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("kind", ["pipe", "directory", "device"])
async def test_a_backup_into_something_that_is_no_file_is_refused_at_once(
    path: Path, tmp_path: Path, kind: str
) -> None:
    async with SqliteStore.open(path):
        pass
    target = tmp_path / "target"
    if kind == "pipe":
        os.mkfifo(target)
    elif kind == "directory":
        target.mkdir()
    else:
        target = Path(os.devnull)
    with pytest.raises(StoreError, match="exists and is not a backup"):
        maintenance.backup(path, target)
    with pytest.raises(StoreError, match="is not a file"):
        maintenance.restore(target, path.parent)
    assert not target.is_file()


async def test_a_database_of_a_server_is_never_taken_for_an_earlier_backup(path: Path, tmp_path: Path) -> None:
    await _make(path)
    other = tmp_path / "other" / DATABASE
    running = tmp_path / "running" / "by-another-name"
    await _make(other)
    async with SqliteStore.open(running):
        refused = {
            other: "is the name of a server's own database",
            other.with_name("not yet") / DATABASE: "is the name of a server's own database",
            running: "is the database of a server that runs",
        }
        for target, why in refused.items():
            before = await trio.Path(target).read_bytes() if target.parent.exists() else None
            with pytest.raises(StoreError, match=why):
                backup(path, target)
            assert before is None or await trio.Path(target).read_bytes() == before
    killed = write_file(tmp_path / "killed", await trio.Path(other).read_bytes())
    write_file(tmp_path / "killed-wal", b"what a server that was killed has there")
    for _ in range(2):  # with the database and without it
        with pytest.raises(StoreError, match="SQLite would apply it to the backup"):
            backup(path, killed)
        killed.unlink(missing_ok=True)
    backup(path, running)  # its server is gone
    assert check(running) == []


async def test_a_backup_to_a_full_disk_names_the_disk(
    sqlite: SqliteStore, pen: Pen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await save(sqlite, [pen.room(1), *pen.lines(*["x" * 500] * 100)])

    def connect_to_full_disk(path: Path, *, write: bool, patience: float) -> sqlite3.Connection:
        connection = schema.connect(path, write=write, patience=patience)
        if path != sqlite.path:
            connection.execute("PRAGMA max_page_count = 5")
        return connection

    monkeypatch.setattr(maintenance, "connect", connect_to_full_disk)
    with pytest.raises(StoreError) as caught:
        backup(sqlite.path, tmp_path / "b")
    assert str(caught.value) == f"The disk that holds {tmp_path / 'b'} is full. Free some space, then try again."
    assert names(tmp_path) == ["data"]


async def _make(path: Path) -> None:
    async with SqliteStore.open(path):
        pass


# ---- restore --------------------------------------------------------------------------------------


async def test_a_restored_backup_has_the_old_content_and_a_new_epoch(path: Path, pen: Pen, tmp_path: Path) -> None:
    file = tmp_path / "chat.backup"
    async with SqliteStore.open(path) as store:
        await save(store, [pen.account(1), pen.room(1), *pen.lines("kept")])
        epoch = store.epoch
        backup(path, file)
        await save(store, pen.lines("later"))
    kept = restore(file, path.parent)
    assert kept is not None
    assert kept.is_file()
    async with SqliteStore.open(path) as store:
        assert store.epoch != epoch
        assert (await store.read(1, 0, None, 9)).events == [pen.event(1, "kept")]
        await settle(store)
    assert check(path) == []
    async with SqliteStore.open(kept) as before:
        assert before.epoch == epoch
        assert len((await before.read(1, 0, None, 9)).events) == 2


async def test_a_backup_can_be_restored_where_no_database_is(path: Path, tmp_path: Path) -> None:
    await _make(path)
    file = tmp_path / "chat.backup"
    backup(path, file)
    elsewhere = tmp_path / "new" / "data"
    assert restore(file, elsewhere) is None
    assert stat.S_IMODE((elsewhere / DATABASE).stat().st_mode) == 0o600
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o700
    await _make(elsewhere / DATABASE)


async def test_the_wal_that_a_killed_server_left_is_not_applied_to_the_restored_database(
    path: Path, pen: Pen, tmp_path: Path
) -> None:
    file = tmp_path / "chat.backup"
    async with SqliteStore.open(path) as store:
        await save(store, [pen.room(1), *pen.lines("kept")])
        backup(path, file)
        await save(store, pen.lines(*["later"] * 100))
        shutil.copytree(path.parent, tmp_path / "killed")
    assert (tmp_path / "killed" / f"{DATABASE}-wal").stat().st_size > 0
    kept = restore(file, tmp_path / "killed")
    async with SqliteStore.open(tmp_path / "killed" / DATABASE) as store:
        assert (await store.read(1, 0, None, 999)).events == [pen.event(1, "kept")]
    assert kept is not None
    async with SqliteStore.open(kept) as before:
        assert len((await before.read(1, 0, None, 999)).events) == 101


async def test_the_audit_log_is_read_beside_a_server_and_without_one(path: Path, pen: Pen, tmp_path: Path) -> None:
    notes = [AuditNote(pen.stamp(), "ada", deed, "#ops", "bob") for deed in ("kick", "ban", "unban")]
    async with SqliteStore.open(path) as store:
        await save(store, notes)
        assert read_notes(path, 2) == notes[1:]
    assert read_notes(path, 50) == notes
    with pytest.raises(StoreError, match="does not exist"):
        read_notes(tmp_path / "none", 1)
    with pytest.raises(StoreError, match="another program"):
        read_notes(another_programs(tmp_path / "other"), 1)


async def test_a_damaged_database_does_not_replace_a_good_backup(path: Path, pen: Pen, tmp_path: Path) -> None:
    async with SqliteStore.open(path) as store:
        await save(store, [pen.room(1), *pen.lines(*["x" * 300] * 200)])
    file = tmp_path / "chat.backup"
    backup(path, file)
    good = await trio.Path(file).read_bytes()
    write_file(path, good[:20_000] + b"\x55" * 8192 + good[28_192:])
    with pytest.raises(StoreError, match="is damaged"):
        backup(path, file)
    assert await trio.Path(file).read_bytes() == good
    assert "chat.backup.partial" not in names(tmp_path)
    write_file(file, good[:20_000] + b"\x55" * 8192 + good[28_192:])
    with pytest.raises(StoreError, match=r"is damaged.* Nothing was changed") as told:
        restore(file, tmp_path / "other")
    assert "\n" not in str(told.value)


async def test_nothing_is_restored_under_a_running_server_or_from_a_damaged_file(
    sqlite: SqliteStore, pen: Pen, tmp_path: Path
) -> None:
    await save(sqlite, [pen.room(1), *pen.lines(*["x" * 300] * 200)])
    file = tmp_path / "chat.backup"
    backup(sqlite.path, file)
    with pytest.raises(StoreError, match="in use by another server"):
        restore(file, sqlite.path.parent)
    whole = await trio.Path(file).read_bytes()
    elsewhere = tmp_path / "elsewhere"
    for damaged in (whole[:20_000] + b"\x55" * 4096 + whole[24_096:], whole[:40_960], b"no database at all" * 99, b""):
        write_file(file, damaged)
        with pytest.raises(StoreError):
            restore(file, elsewhere)
    with pytest.raises(StoreError, match="does not exist"):
        restore(tmp_path / "none", elsewhere)
    assert names(elsewhere) == [f"{DATABASE}.lock"]


async def test_a_file_that_is_not_a_backup_is_refused_as_what_it_is(
    sqlite: SqliteStore, pen: Pen, tmp_path: Path
) -> None:
    await save(sqlite, [pen.account(1), pen.room(1), *pen.lines("hello")])
    file = tmp_path / "chat.jsonl"
    with file.open("wb") as out:
        export_json(sqlite.path, out)
    with pytest.raises(StoreError) as caught:
        restore(file, tmp_path / "elsewhere")
    assert str(caught.value) == (
        f"{file} is an export, which cannot be restored. Give a backup, which trio-chat admin backup makes."
    )
    write_file(file, b"SQLite? No.")
    with pytest.raises(StoreError) as caught:
        restore(file, tmp_path / "elsewhere")
    assert str(caught.value) == f"{file} is not a backup. Give a backup, which trio-chat admin backup makes."
    assert not (tmp_path / "elsewhere").exists()


# ---- export ---------------------------------------------------------------------------------------


def test_an_export_of_a_database_of_an_earlier_version_is_refused_with_a_sentence(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        schema.make_directory(path)
        schema.prepare(path, 1.0)
    with pytest.raises(StoreError, match=r"was last used by an earlier trio-chat\. Start the server on it once"):
        export_json(path, io.BytesIO())


async def test_an_export_contains_the_messages_and_no_secrets(sqlite: SqliteStore, pen: Pen) -> None:
    secret = SaveDevice(1, 1, b"\x07" * 32, "laptop", "2026", "2026")
    await save(sqlite, [pen.account(1, "ada", password="$argon2id$"), secret, pen.room(1), SaveMember(1, 1, 3)])
    await save(sqlite, [pen.room(2, "#gone"), *pen.lines("x", room=2), *pen.lines("hello 日本", "secret"), DropRoom(2)])
    await save(sqlite, [Redact(1, 2, b'{"deleted":true}')])
    out = io.BytesIO()
    count = export_json(sqlite.path, out)
    lines: list[dict[str, Any]] = [json.loads(line) for line in out.getvalue().splitlines()]
    assert count == len(lines)
    assert [line["type"] for line in lines] == ["export", "account", "room", "member", "event", "event"]
    assert lines[0]["epoch"] == sqlite.epoch
    assert lines[1].keys() == {"type", "id", "name", "created", "seen", "admin"}
    assert lines[1]["name"] == "ada"
    assert (lines[2]["name"], lines[2]["last"], lines[3]["role"]) == ("#lobby", 2, 3)
    assert lines[4]["event"] == {"type": "message", "seq": 1, "text": "hello 日本"}
    assert lines[5]["event"] == {"deleted": True}
    for word in (b"argon2", b"laptop", b"secret", b"\\u0007"):
        assert word not in out.getvalue()


# ---- check ----------------------------------------------------------------------------------------


async def test_a_sound_database_has_no_findings_with_a_server_and_without(path: Path, pen: Pen) -> None:
    async with SqliteStore.open(path) as store:
        await save(store, [pen.account(1), pen.room(1), pen.room(2, "#gone"), SaveMember(1, 1)])
        await save(store, [*pen.lines("a b", "...", "日本", "last"), *pen.lines("x", room=2)])
        await store.index_some(2)
        await save(store, [DropRoom(2), Redact(1, 1, b"{}")])
        assert check(path) == []
        await settle(store)
        pen.wait(days=2)
        await save(store, pen.lines("new"))
        await store.prune(pen.now, 1)
        assert check(path) == []
    assert check(path) == []


LOST_LINE = "INSERT INTO events SELECT 99, 9, 1, time, 1, '', '', '', NULL, event FROM events WHERE id = 1"
TWIN = "INSERT INTO accounts SELECT 2, name, key, '', '', '', NULL, 0, '[]', 0, 0 FROM accounts"


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("DELETE FROM events WHERE seq IN (2, 3)", "Room #lobby misses 2 of its lines 1 to 5."),
        ("DELETE FROM events WHERE seq = 1", "Room #lobby should begin with line 1 but begins with 2."),
        ("DELETE FROM accounts WHERE id = 1", "There is no account for 1 member."),
        ("INSERT INTO reads VALUES (7, 1, 1), (8, 1, 1)", "There is no room for 2 read positions."),
        (LOST_LINE, "1 lines belong to a room (number 9) that does not exist."),
        (TWIN, "2 accounts have the name ada."),
        ("DROP TABLE words_0", "Volume 0 of the search index is missing."),
        ("INSERT INTO words_0 (words_0) VALUES ('delete-all')", "Search does not find 5 of a sample of lines."),
    ],
)
async def test_every_fault_is_found(path: Path, pen: Pen, statement: str, finding: str) -> None:
    async with SqliteStore.open(path) as store:
        await save(store, [pen.account(1), pen.room(1), SaveMember(1, 1), *pen.lines("a", "b", "c", "d", "e")])
        await settle(store)
    assert check(path) == []
    change(path, statement)
    assert finding in check(path)


async def test_damage_to_the_file_is_found(path: Path, pen: Pen) -> None:
    async with SqliteStore.open(path) as store:
        await save(store, [pen.room(1), *pen.lines(*["word " * 40] * 300)])
    whole = await trio.Path(path).read_bytes()
    write_file(path, whole[:100_000] + b"\x33" * 8192 + whole[108_192:])
    assert any("damaged" in finding for finding in check(path))
    write_file(path, b"not a database, but long enough to be taken for one" * 100)
    assert any("damaged" in finding for finding in check(path))


async def test_a_file_that_cannot_be_checked_is_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not exist"):
        check(path)
    change(tmp_path / "theirs", "CREATE TABLE t (x)")
    with pytest.raises(StoreError, match="another program"):
        check(tmp_path / "theirs")
    assert "tables of version 0" in check(write_file(tmp_path / "empty", b""))[0]
