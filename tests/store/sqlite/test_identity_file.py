"""The server's key in its file: who may have made it, what is wrong with it, and what a database knows of it."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest
import trio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from trio_chat.errors import StoreError
from trio_chat.store import DATABASE, SqliteStore
from trio_chat.store.sqlite import identity_file
from trio_chat.store.sqlite.identity_file import (
    IDENTITY_FILE,
    fingerprint_of,
    make_key,
    open_key,
    place_of_key,
    read_fingerprint,
    renew_key,
    take_from_backup,
)
from trio_chat.store.sqlite.maintenance import backup, check, restore


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database of a server that never had a key."""
    path = tmp_path / "data" / DATABASE

    async def make() -> None:
        async with SqliteStore.open(path):
            pass

    trio.run(make)
    return path


def pem_of(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, password: bytes | None = None) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption(),
    )


def sentence_of(database: Path) -> str:
    with pytest.raises(StoreError) as told:
        open_key(database)
    return str(told.value)


def meta_of(database: Path) -> dict[str, str]:
    connection = sqlite3.connect(database)
    try:
        return dict(connection.execute("SELECT key, value FROM meta WHERE key LIKE 'identity%'"))
    finally:
        connection.close()


def put_key_into(database: Path, pem: bytes) -> None:
    """Do what a killed restore leaves: the key in the database alone."""
    connection = sqlite3.connect(database)
    with connection:
        identity_file.put_into_backup(connection, pem)
    connection.close()


def test_a_server_without_a_key_gets_one_that_only_its_owner_can_read(database: Path) -> None:
    before = os.umask(0)
    try:
        made = open_key(database)
    finally:
        os.umask(before)
    place = database.parent / IDENTITY_FILE
    assert made.is_new
    assert place.read_bytes() == made.pem
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert made.pem.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert "PRIVATE" not in repr(made)
    assert {file.name for file in database.parent.iterdir() if file.name.startswith("identity")} == {IDENTITY_FILE}


def test_the_key_stays_the_same_at_each_start(database: Path) -> None:
    first = open_key(database)
    again = open_key(database)
    assert (again.pem, again.is_new) == (first.pem, False)


def test_a_new_database_beside_a_key_takes_that_key(database: Path) -> None:
    pem = make_key()
    place_of_key(database).write_bytes(pem)
    assert open_key(database).pem == pem
    assert meta_of(database) == {"identity": fingerprint_of(pem, database).text}


def test_a_missing_key_is_told_and_none_is_made(database: Path) -> None:
    known = fingerprint_of(open_key(database).pem, database)
    place_of_key(database).unlink()
    sentence = sentence_of(database)
    assert sentence == (
        f"{place_of_key(database)}, which has the server's key ({known.words}), is missing. Put the file back, or "
        "restore a backup with 'trio-chat admin restore FILE'. To begin with a new identity, which every device has to "
        "accept, run 'trio-chat admin identity --renew'."
    )
    assert not place_of_key(database).exists()


def test_another_key_than_before_is_told_with_both_fingerprints(database: Path) -> None:
    known = fingerprint_of(open_key(database).pem, database)
    other = make_key()
    place_of_key(database).write_bytes(other)
    sentence = sentence_of(database)
    assert known.words in sentence
    assert fingerprint_of(other, database).words in sentence
    assert place_of_key(database).read_bytes() == other


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no private key as PEM"),
        (b"\xff\x00 not a key", "no private key as PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key as PEM"),
        (pem_of(ed25519.Ed25519PrivateKey.generate()), "another kind"),
        (pem_of(ec.generate_private_key(ec.SECP384R1())), "another kind"),
        (pem_of(ec.generate_private_key(ec.SECP256R1()), b"secret"), "has a password"),
    ],
    ids=["empty", "binary", "cut", "ed25519", "p384", "encrypted"],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_damaged_key_is_told_and_left_as_it_is(database: Path, content: bytes, why: str, *, known: bool) -> None:
    if known:
        open_key(database)
    place = place_of_key(database)
    place.write_bytes(content)
    sentence = sentence_of(database)
    assert why in sentence
    assert str(place) in sentence
    assert "admin restore" in sentence
    assert "--renew" in sentence
    assert place.read_bytes() == content


def test_a_link_in_the_place_of_the_key_is_not_followed(database: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.pem"
    elsewhere.write_bytes(make_key())
    place_of_key(database).symlink_to(elsewhere)
    assert "is a link" in sentence_of(database)
    place_of_key(database).unlink()
    place_of_key(database).hardlink_to(elsewhere)
    assert "second name" in sentence_of(database)


def test_a_new_key_is_written_past_a_link_that_waits_for_it(database: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("mine")
    place_of_key(database).with_name(f"{IDENTITY_FILE}.partial").symlink_to(target)
    open_key(database)
    assert target.read_text() == "mine"


def test_the_key_of_a_third_user_is_refused(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_key(database)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    real = os.fstat

    def fstat(descriptor: int) -> os.stat_result:
        found = list(real(descriptor))
        found[4] = 4242  # st_uid
        return os.stat_result(found)

    monkeypatch.setattr(os, "fstat", fstat)
    assert "belongs to another user (number 4242)" in sentence_of(database)


def test_the_key_that_root_makes_gets_the_owner_of_the_directory(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[str, int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    def fchown(descriptor: int, user: int, group: int) -> None:
        given.append((Path(f"/proc/self/fd/{descriptor}").readlink().name, user, group))

    monkeypatch.setattr(os, "fchown", fchown)
    open_key(database)
    owner = database.parent.stat()
    assert given == [(f"{IDENTITY_FILE}.partial", owner.st_uid, owner.st_gid)]


def test_a_key_that_others_could_read_is_closed_to_them(database: Path) -> None:
    open_key(database)
    place_of_key(database).chmod(0o644)
    open_key(database)
    assert stat.S_IMODE(place_of_key(database).stat().st_mode) == 0o600


def test_a_new_key_replaces_a_missing_one_and_keeps_another(database: Path) -> None:
    first = open_key(database).pem
    place_of_key(database).unlink()
    fingerprint, kept = renew_key(database)
    assert kept is None
    second = open_key(database).pem
    assert fingerprint_of(second, database) == fingerprint
    assert second != first
    place_of_key(database).write_bytes(b"damaged")
    for number in ("", "-2"):
        was = place_of_key(database).read_bytes()
        _, kept = renew_key(database)
        assert kept == database.parent / f"{IDENTITY_FILE}.replaced{number}"
        assert kept.read_bytes() == was
    assert not open_key(database).is_new


def test_what_a_killed_restore_left_is_finished_at_the_next_start(database: Path) -> None:
    mine, restored = open_key(database).pem, make_key()
    put_key_into(database, restored)
    assert open_key(database).pem == restored
    assert place_of_key(database).read_bytes() == restored
    assert place_of_key(database).with_name(f"{IDENTITY_FILE}.replaced").read_bytes() == mine
    assert meta_of(database) == {"identity": fingerprint_of(restored, database).text}
    secret = restored.splitlines()[1]
    assert not any(secret in file.read_bytes() for file in database.parent.iterdir() if DATABASE in file.name)


def test_a_key_that_is_there_already_is_not_kept_twice(database: Path) -> None:
    pem = open_key(database).pem
    put_key_into(database, pem)
    take_from_backup(database)
    assert [file.name for file in database.parent.iterdir() if "identity" in file.name] == [IDENTITY_FILE]


# ---- backups ----------------------------------------------------------------------------------------


def secret_of(pem: bytes) -> bytes:
    return pem.splitlines()[1]


def test_a_backup_carries_the_key_and_a_restore_puts_it_into_its_file(database: Path, tmp_path: Path) -> None:
    pem = open_key(database).pem
    assert backup(database, tmp_path / "chat.backup") is None
    assert stat.S_IMODE((tmp_path / "chat.backup").stat().st_mode) == 0o600
    assert secret_of(pem) in (tmp_path / "chat.backup").read_bytes()
    restore(tmp_path / "chat.backup", tmp_path / "restored")
    restored = tmp_path / "restored" / DATABASE
    assert place_of_key(restored).read_bytes() == pem
    assert stat.S_IMODE(place_of_key(restored).stat().st_mode) == 0o600
    assert secret_of(pem) not in restored.read_bytes()
    assert check(restored) == []
    opened = open_key(restored)
    assert (opened.pem, opened.is_new) == (pem, False)


def test_restoring_the_backup_of_another_server_keeps_the_key_that_was_there(database: Path, tmp_path: Path) -> None:
    theirs = open_key(database).pem
    backup(database, tmp_path / "chat.backup")
    _, kept = renew_key(database)
    assert kept is not None
    mine = open_key(database).pem
    restore(tmp_path / "chat.backup", database.parent)
    assert open_key(database).pem == theirs
    assert database.parent.joinpath(f"{IDENTITY_FILE}.replaced-2").read_bytes() == mine


def test_a_backup_from_before_there_were_keys_restores_and_leaves_a_key_as_it_is(
    database: Path, tmp_path: Path
) -> None:
    assert backup(database, tmp_path / "old.backup") is None
    restore(tmp_path / "old.backup", tmp_path / "fresh")
    assert not place_of_key(tmp_path / "fresh" / DATABASE).exists()
    assert check(tmp_path / "fresh" / DATABASE) == []
    assert open_key(tmp_path / "fresh" / DATABASE).is_new
    pem = open_key(database).pem
    restore(tmp_path / "old.backup", database.parent)
    opened = open_key(database)
    assert (opened.pem, opened.is_new) == (pem, False)


def test_a_backup_that_is_put_in_place_by_hand_brings_its_key(database: Path, tmp_path: Path) -> None:
    pem = open_key(database).pem
    backup(database, tmp_path / "chat.backup")
    place = tmp_path / "by hand" / DATABASE
    place.parent.mkdir()
    (tmp_path / "chat.backup").rename(place)
    assert check(place) == []
    assert read_fingerprint(place) == fingerprint_of(pem, place)
    assert open_key(place).pem == pem
    assert secret_of(pem) not in place.read_bytes()


@pytest.mark.parametrize("damage", ["missing", "damaged", "another"])
def test_a_check_finds_a_key_that_is_missing_or_wrong(database: Path, tmp_path: Path, damage: str) -> None:
    open_key(database)
    backup(database, tmp_path / "good.backup")
    good = (tmp_path / "good.backup").read_bytes()
    assert check(database) == []
    place = place_of_key(database)
    place.unlink()
    if damage != "missing":
        place.write_bytes(b"damaged" if damage == "damaged" else make_key())
    (finding,) = check(database)
    assert str(place) in finding
    assert "admin restore" in finding
    with pytest.raises(StoreError, match=r"identity\.pem"):
        read_fingerprint(database)
    assert backup(database, tmp_path / "new.backup") == finding
    with pytest.raises(StoreError, match=r"good\.backup stays as it is, because it may have the key"):
        backup(database, tmp_path / "good.backup")
    assert (tmp_path / "good.backup").read_bytes() == good
    restore(tmp_path / "good.backup", database.parent)
    assert check(database) == []


def test_a_server_that_never_started_has_no_fingerprint_yet(database: Path) -> None:
    with pytest.raises(StoreError, match=r"There is no .*identity\.pem yet"):
        read_fingerprint(database)
    assert check(database) == []
