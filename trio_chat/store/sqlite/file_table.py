"""The table of files: who sent them, and which messages carry them. Their bytes are blobs, by their digests.

Theory of operation. However a file is removed (by a record, with its room, with old lines), a trigger notes its digest
in ``dropped_blobs`` if no other file has the same bytes; a file that gets the digest later takes the note away. Both
happen in the transaction that changes the files. So after a crash the notes still say which bytes nobody needs, and
whoever removes the bytes deletes the note only then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trio_chat.records import SaveFile

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterator, Sequence

STATEMENTS: Final = (
    """CREATE TABLE files (
        id TEXT PRIMARY KEY, account INTEGER NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL, kind TEXT NOT NULL,
        digest TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, time TEXT NOT NULL,
        room INTEGER NOT NULL, seq INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX files_place ON files (room, seq)",
    "CREATE INDEX files_of ON files (account, room, size)",
    "CREATE INDEX files_digest ON files (digest)",
    "CREATE INDEX files_time ON files (time)",
    "CREATE TABLE dropped_blobs (digest TEXT PRIMARY KEY) WITHOUT ROWID",
    """CREATE TRIGGER file_gone AFTER DELETE ON files
        WHEN old.digest <> '' AND NOT EXISTS (SELECT 1 FROM files WHERE digest = old.digest)
        BEGIN INSERT OR IGNORE INTO dropped_blobs VALUES (old.digest); END""",
    """CREATE TRIGGER file_made AFTER INSERT ON files WHEN new.digest <> ''
        BEGIN DELETE FROM dropped_blobs WHERE digest = new.digest; END""",
    """CREATE TRIGGER file_whole AFTER UPDATE OF digest ON files WHEN new.digest <> ''
        BEGIN DELETE FROM dropped_blobs WHERE digest = new.digest; END""",
    "ALTER TABLE rooms ADD COLUMN files INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE rooms ADD COLUMN max_file INTEGER NOT NULL DEFAULT 0",
)
"""The migration that makes the tables."""

COLUMNS: Final = "id, account, name, size, kind, digest, width, height, time, room, seq"

SAVE: Final = f"""INSERT INTO files ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)
    ON CONFLICT (id) DO UPDATE SET account = excluded.account, name = excluded.name, size = excluded.size,
    kind = excluded.kind, digest = excluded.digest, width = excluded.width, height = excluded.height,
    time = excluded.time, room = excluded.room, seq = excluded.seq"""  # noqa: S608 - columns of our own

STEP: Final = 500
"""Files that one step removes. A commit waits some milliseconds for a step."""


def uploads(connection: sqlite3.Connection) -> tuple[SaveFile, ...]:
    """The files that no message carries, the oldest first."""
    return tuple(_select(connection, "room = 0 ORDER BY time, id", ()))


def carried(connection: sqlite3.Connection) -> Iterator[SaveFile]:
    """The files that messages carry, in the order of these in each room."""
    rows = connection.execute(f"SELECT {COLUMNS} FROM files WHERE room > 0 ORDER BY room, seq, id")  # noqa: S608 - as in SAVE
    return (SaveFile(*row) for row in rows)


def find(connection: sqlite3.Connection, file: str) -> SaveFile | None:
    """The file with this id."""
    return next(iter(_select(connection, "id = ?", (file,))), None)


def newest(connection: sqlite3.Connection, room: int | None, account: int | None, limit: int) -> list[SaveFile]:
    """The newest files, newest first: of one room, of one account, or of all."""
    conditions, values = ["1"], []
    for column, value in (("room", room), ("account", account)):
        if value is not None:
            conditions.append(f"{column} = ?")
            values.append(value)
    return _select(connection, f"{' AND '.join(conditions)} ORDER BY time DESC, id DESC LIMIT ?", (*values, limit))


def sizes(connection: sqlite3.Connection, accounts: Collection[int] | None = None) -> dict[int, int]:
    """The bytes of the files of each of these accounts, or of each account that has files."""
    if accounts is None:
        return dict(connection.execute("SELECT account, sum(size) FROM files GROUP BY account").fetchall())
    ask = "SELECT coalesce(sum(size), 0) FROM files WHERE account = ?"
    return {account: connection.execute(ask, (account,)).fetchone()[0] for account in accounts}


def prune(connection: sqlite3.Connection, time: str) -> int:
    """Remove some of the files that messages carry and that are older than a time. Returns how many there were."""
    ask = "SELECT id FROM files WHERE room > 0 AND time < ? ORDER BY time LIMIT ?"
    old = connection.execute(ask, (time, STEP)).fetchall()
    connection.executemany("DELETE FROM files WHERE id = ?", old)
    return len(old)


def dropped(connection: sqlite3.Connection, limit: int) -> list[str]:
    """Some digests whose bytes no file has any more."""
    return [digest for (digest,) in connection.execute("SELECT digest FROM dropped_blobs LIMIT ?", (limit,))]


def is_dropped(connection: sqlite3.Connection, digest: str) -> bool:
    """Whether no file has these bytes any more, and the note about that is there."""
    return connection.execute("SELECT 1 FROM dropped_blobs WHERE digest = ?", (digest,)).fetchone() is not None


def note_dropped(connection: sqlite3.Connection, digest: str) -> None:
    """Note about bytes that no file has, if none has them."""
    connection.execute(
        """INSERT OR IGNORE INTO dropped_blobs
        SELECT :digest WHERE NOT EXISTS (SELECT 1 FROM files WHERE digest = :digest)""",
        {"digest": digest},
    )


def forget_dropped(connection: sqlite3.Connection, digests: Collection[str]) -> None:
    """Delete the notes about bytes that are gone."""
    connection.executemany("DELETE FROM dropped_blobs WHERE digest = ?", [(digest,) for digest in digests])


def _select(connection: sqlite3.Connection, rest: str, values: Sequence[object]) -> list[SaveFile]:
    rows = connection.execute(f"SELECT {COLUMNS} FROM files WHERE {rest}", values)  # noqa: S608 - conditions of our own
    return [SaveFile(*row) for row in rows]
