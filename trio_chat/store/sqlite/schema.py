"""The database's tables, as numbered migrations, and the connections to it.

The ``user_version`` of a database is the number of migrations done. A migration that was released is never changed; a
change of the tables is a new migration at the end.

``events`` contains all lines of all rooms in the order in which they were stored; its ``id`` only grows. The search
index is divided into volumes, each an FTS5 table ``words_N`` for :data:`VOLUME` ids, so that a volume can be rebuilt in
a moment. ``volumes`` lists them with the times of their lines, and tells whether they contain words that must be
removed (``dirty``). All lines up to the id ``indexed`` in ``meta`` are in the index. ``purges`` lists deleted rooms
whose lines are still to be removed, ``scrubs`` lines whose text was deleted (see
:mod:`trio_chat.store.sqlite.removal`). ``files`` and ``dropped_blobs`` are explained in
:mod:`trio_chat.store.sqlite.file_table`.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import urllib.parse
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from trio_chat.errors import StoreError
from trio_chat.store.sqlite import file_table, line_accounts
from trio_chat.store.sqlite.faults import explain, explain_system
from trio_chat.store.sqlite.private_files import create_private, refuse_stranger
from trio_chat.store.sqlite.tables import differences

if TYPE_CHECKING:
    from pathlib import Path

Synchronous: TypeAlias = Literal["FULL", "NORMAL"]
"""When a commit returns: once it is on the disk, or (only for comparison) once the system has it."""

DATABASE: Final = "chat.sqlite3"
"""The name of the database in a data directory."""

APPLICATION: Final = 0x7472636B  # "trck"
"""The ``application_id`` of our databases, which distinguishes them from those of other programs."""

VOLUME: Final = 8192
"""Ids in one volume of the search index. A volume is rebuilt in about 50 ms; a million lines make 123 volumes."""

_WRITER_CACHE: Final = 8 * 1024  # KiB: tables, indexes and search volumes grow at their ends; 32 MiB are no faster
_READER_CACHE: Final = 8 * 1024  # KiB
# Pages of the WAL after which a commit merges them into the database, while others wait. With SQLite's default of 1000
# that happens every second at 200 messages a second. Four times as many are hardly more work: most are the same pages.
_CHECKPOINT: Final = 4000
_WAL_LIMIT: Final = 64 * 1024 * 1024  # bytes: a WAL that grew beyond this is truncated

_FIRST: Final = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID",
    "INSERT INTO meta VALUES ('indexed', 0), ('probe', 0)",
    # AUTOINCREMENT: an id is never used again.
    """CREATE TABLE accounts (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, key TEXT NOT NULL, skeleton TEXT NOT NULL,
        created TEXT NOT NULL, seen TEXT NOT NULL, password TEXT, admin INTEGER NOT NULL)""",
    """CREATE TABLE devices (
        id INTEGER PRIMARY KEY AUTOINCREMENT, account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
        digest BLOB NOT NULL, label TEXT NOT NULL, created TEXT NOT NULL, seen TEXT NOT NULL)""",
    "CREATE INDEX devices_of ON devices (account)",
    """CREATE TABLE rooms (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, direct TEXT NOT NULL, private INTEGER NOT NULL,
        topic TEXT NOT NULL, announce_only INTEGER NOT NULL, slow REAL NOT NULL, keep REAL, created TEXT NOT NULL,
        first INTEGER NOT NULL DEFAULT 1)""",
    """CREATE TABLE members (
        room INTEGER NOT NULL, account INTEGER NOT NULL, role INTEGER NOT NULL, floor INTEGER NOT NULL,
        muted_until TEXT, PRIMARY KEY (room, account)) WITHOUT ROWID""",
    "CREATE TABLE invites (room INTEGER NOT NULL, account INTEGER NOT NULL, PRIMARY KEY (room, account)) WITHOUT ROWID",
    """CREATE TABLE reads (
        room INTEGER NOT NULL, account INTEGER NOT NULL, seq INTEGER NOT NULL,
        PRIMARY KEY (room, account)) WITHOUT ROWID""",
    """CREATE TABLE mentions (
        room INTEGER NOT NULL, account INTEGER NOT NULL, seq INTEGER NOT NULL,
        PRIMARY KEY (room, account, seq)) WITHOUT ROWID""",
    """CREATE TABLE bans (
        id INTEGER PRIMARY KEY AUTOINCREMENT, room INTEGER, account INTEGER, network TEXT, until TEXT,
        reason TEXT NOT NULL, by TEXT NOT NULL, time TEXT NOT NULL)""",
    """CREATE TABLE notes (
        id INTEGER PRIMARY KEY, time TEXT NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
        room TEXT NOT NULL, target TEXT NOT NULL, detail TEXT NOT NULL)""",
    """CREATE TABLE events (
        id INTEGER PRIMARY KEY, room INTEGER NOT NULL, seq INTEGER NOT NULL, time TEXT NOT NULL,
        sender INTEGER NOT NULL, cid TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, target INTEGER,
        event BLOB NOT NULL)""",
    "CREATE UNIQUE INDEX events_place ON events (room, seq)",
    # Groups of consecutive ids come first: the ids of senders are random, and so only the end of this index is written.
    "CREATE INDEX events_sent ON events ((id >> 13), sender, cid) WHERE cid <> ''",
    "CREATE INDEX events_target ON events (room, target) WHERE target IS NOT NULL",
    """CREATE TABLE volumes (
        number INTEGER PRIMARY KEY, dirty INTEGER NOT NULL, oldest TEXT NOT NULL, newest TEXT NOT NULL)""",
    "CREATE TABLE purges (room INTEGER PRIMARY KEY)",
    "CREATE TABLE scrubs (id INTEGER PRIMARY KEY)",
)

_ACCOUNTS: Final = (
    "ALTER TABLE accounts ADD COLUMN put_out TEXT NOT NULL DEFAULT '[]'",  # as JSON
    "ALTER TABLE accounts ADD COLUMN guest INTEGER NOT NULL DEFAULT 0",
)

# Deleting an account deletes all rows that refer to it. Without these indexes that is a walk through all members, for
# which commits wait.
_OF_ACCOUNTS: Final = tuple(
    f"CREATE INDEX {table}_of ON {table} (account)" for table in ("members", "invites", "reads", "mentions")
)

# A read position begins where its member joined the room. Members from before that rule who never read theirs begin at
# the room's end, or before their first mention that is unread.
_READS: Final = (
    """INSERT OR IGNORE INTO reads (room, account, seq)
        SELECT room, account, seq FROM (
            SELECT members.room AS room, members.account AS account, coalesce(
                (SELECT min(seq) - 1 FROM mentions
                    WHERE mentions.room = members.room AND mentions.account = members.account),
                (SELECT max(seq) FROM events WHERE events.room = members.room), 0) AS seq
            FROM members JOIN rooms ON rooms.id = members.room
            WHERE rooms.direct = '' AND members.role > 0)
        WHERE seq > 0""",
)

_INVITE_LINKS: Final = (
    """CREATE TABLE invite_links (
        id INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL, uses INTEGER NOT NULL, until TEXT,
        rooms TEXT NOT NULL, role INTEGER NOT NULL, by TEXT NOT NULL, by_account INTEGER NOT NULL, time TEXT NOT NULL,
        note TEXT NOT NULL, revoked INTEGER NOT NULL)""",
    "ALTER TABLE accounts ADD COLUMN invite_link INTEGER NOT NULL DEFAULT 0",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    _FIRST,
    _ACCOUNTS,
    _OF_ACCOUNTS,
    line_accounts.STATEMENTS,
    _READS,
    _INVITE_LINKS,
    file_table.STATEMENTS,
)
"""Each migration's statements; the fourth is followed by :mod:`trio_chat.store.sqlite.line_accounts`."""


def make_directory(path: Path) -> None:
    """Create the directory of a database, accessible only to its owner whatever the umask.

    An existing directory stays as it is. Raises ``StoreError``.
    """
    try:
        if not path.parent.exists():
            path.parent.parent.mkdir(parents=True, exist_ok=True)
            path.parent.mkdir(mode=0o700)
            _set_mode(path.parent, 0o700)
    except OSError as error:
        raise explain_system(error, path.parent) from error


def _set_mode(directory: Path, mode: int) -> None:
    """Set the mode of a new directory, which the umask may have taken from its owner. Raises ``OSError``."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except PermissionError:  # never for root, who could be led elsewhere by the name
        directory.chmod(mode)
        return
    try:
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def make_file(path: Path) -> None:
    """Create an empty database, accessible only to its owner whatever the umask. An existing one stays as it is.

    Raises ``StoreError``.
    """
    try:
        # SQLite gives the files beside the database the same mode.
        made = create_private(path)
    except FileExistsError:
        if not path.is_file():
            raise StoreError(f"{path} is not a file, so it cannot be the database.") from None
        return
    except OSError as error:
        raise explain_system(error, path) from error
    os.close(made)


def connect(path: Path, *, write: bool, patience: float) -> sqlite3.Connection:
    """Open a connection to an existing database. It waits ``patience`` seconds for a lock.

    It may be used in any thread, by one thread at a time. The caller begins and ends transactions. Raises
    ``sqlite3.Error``, and ``StoreError`` if another user could have led root to the file.
    """
    refuse_stranger(path)
    place = f"file:{urllib.parse.quote(str(path))}?mode={'rw' if write else 'ro'}"
    return sqlite3.connect(
        place, uri=True, timeout=patience, isolation_level=None, check_same_thread=False, cached_statements=256
    )


def open_writer(path: Path, synchronous: Synchronous, patience: float) -> sqlite3.Connection:
    """Open the only connection that writes and checkpoints. Raises ``sqlite3.Error``."""
    connection = connect(path, write=True, patience=patience)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA fullfsync = ON")  # macOS: fsync leaves data in the drive's memory there
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{_WRITER_CACHE}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT}")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}")
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path, patience: float) -> sqlite3.Connection:
    """Open a connection that only reads. Raises ``sqlite3.Error``."""
    connection = connect(path, write=False, patience=patience)
    try:
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA cache_size = -{_READER_CACHE}")
        connection.execute("CREATE TEMP TABLE asked (room INTEGER PRIMARY KEY, floor INTEGER NOT NULL)")
        connection.execute("CREATE TEMP TABLE carrying (id INTEGER PRIMARY KEY)")
    except BaseException:
        connection.close()
        raise
    return connection


def identify(connection: sqlite3.Connection, path: Path) -> int:
    """Return the number of migrations done in a database, 0 for an empty one.

    Raises ``StoreError`` if it belongs to another program or a later version, and ``sqlite3.Error`` if it is not a
    database.
    """
    application = _pragma(connection, "application_id")
    version = _pragma(connection, "user_version")
    if application != APPLICATION:
        if application or version or connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise StoreError(f"{path} is the database of another program. Give the server a data directory of its own.")
        return 0
    if version > len(MIGRATIONS):
        raise StoreError(
            f"{path} was written by a later trio-chat: its tables have version {version}, this one knows "
            f"{len(MIGRATIONS)}. Install the later one again, or restore a backup from before it."
        )
    return version


def other_form(connection: sqlite3.Connection, path: Path) -> list[str]:
    """Return a clause for each difference between the tables of a database and those that its migrations make.

    Raises as :func:`identify`.
    """
    return list(differences(connection, MIGRATIONS[: identify(connection, path)]))


def refuse_other_form(connection: sqlite3.Connection, path: Path) -> None:
    """Raise ``StoreError`` if the tables of a database are not those that its migrations make."""
    found = other_form(connection, path)
    if found:
        raise StoreError(
            f"{path} was changed by something else, or written by a trio-chat that was never released: "
            f"{'; '.join(found[:3])}. Restore a backup, or give the server a data directory of its own."
        )


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Migrate a database to the newest version. Each migration is done completely or not at all.

    Raises ``StoreError`` and ``sqlite3.Error``.
    """
    _need_search(connection)
    refuse_other_form(connection, path)
    for number in range(identify(connection, path) + 1, len(MIGRATIONS) + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in MIGRATIONS[number - 1]:
                connection.execute(statement)
            if number == 1:
                connection.execute(f"PRAGMA application_id = {APPLICATION}")
                renew_epoch(connection)
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    line_accounts.identify_lines(connection)


def renew_epoch(connection: sqlite3.Connection) -> None:
    """Give the history a new epoch: from now on it is a different history."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('epoch', ?)", (secrets.token_hex(8),))


def meta(connection: sqlite3.Connection, key: str) -> str | int:
    """Return a single value of the database: ``epoch`` or ``indexed``."""
    row: tuple[str | int] | None = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise StoreError(f"The database has no {key}: it is damaged. Restore a backup.")
    return row[0]


def prepare(path: Path, patience: float) -> None:
    """Create the database if it does not exist, and migrate it to the newest version. Raises ``StoreError``."""
    make_file(path)
    try:
        connection = open_writer(path, "FULL", patience)
        try:
            migrate(connection, path)
            # A WAL that a crash left is merged into the database. It may contain texts that were deleted since.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise explain(error, path) from error


def _need_search(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("CREATE VIRTUAL TABLE temp.probe USING fts5(text)")
        connection.execute("DROP TABLE temp.probe")
    except sqlite3.OperationalError as error:
        if "no such module" not in str(error):
            raise
        raise StoreError(
            f"This Python's SQLite ({sqlite3.sqlite_version}) was built without FTS5, which search needs. Use a "
            "Python whose SQLite has it; those from python.org and of the usual distributions do."
        ) from error


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
