"""The data part of migration 4: stored room events get the numbers of the accounts that they speak of.

Lines of earlier versions have only names in their events: ``from``, and in ``reactions`` the people who reacted. Names
pass from one person to another, so a history that goes by them shows a line as another person's. The account of a
line's sender stands in its column ``sender``. The account of a reaction stands in the same column of the line that told
the room of it: that line is there as long as the message, since a log is only ever cut at its beginning.

The lines are rewritten once, when a server opens the database for the first time, in portions: each is a transaction
of its own that also notes how far it came (``identified`` in ``meta``), so a server that is stopped goes on there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    import sqlite3

STATEMENTS: Final = (
    "ALTER TABLE bans ADD COLUMN by_account INTEGER NOT NULL DEFAULT 0",
    # No line has a number yet up to the second of these; once all have, both are removed.
    "INSERT INTO meta VALUES ('identified', 0)",
    "INSERT INTO meta SELECT 'identify', coalesce(max(id), 0) FROM events",
)
"""The part of the migration that changes tables, and notes what is to be done with the lines."""

PORTION: Final = 1000
"""Lines rewritten in one transaction: some 20 ms, and a WAL that stays small."""


def is_complete(connection: sqlite3.Connection) -> bool:
    """Whether all lines of a database of this version have been rewritten."""
    return connection.execute("SELECT 1 FROM meta WHERE key = 'identify'").fetchone() is None


def identify_lines(connection: sqlite3.Connection) -> None:
    """Rewrite all lines that have no numbers yet. Raises ``sqlite3.Error``; then a later call goes on."""
    while not is_complete(connection):
        connection.execute("BEGIN IMMEDIATE")
        try:
            _identify_portion(connection)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise


def _identify_portion(connection: sqlite3.Connection) -> None:
    bounds = dict(connection.execute("SELECT key, value FROM meta WHERE key IN ('identified', 'identify')").fetchall())
    rows = connection.execute(
        "SELECT id, room, seq, sender, kind, event FROM events WHERE id > ? AND id <= ? ORDER BY id LIMIT ?",
        (bounds["identified"], bounds["identify"], PORTION),
    ).fetchall()
    rewritten = []
    for number, room, seq, sender, kind, event in rows:
        fields = _fields_of(event)
        if fields is not None and "from" in fields:
            _identify(connection, fields, room, seq, sender, is_message=kind == "message")
            rewritten.append((msgspec.json.encode(fields), number))
    connection.executemany("UPDATE events SET event = ? WHERE id = ?", rewritten)
    if len(rows) < PORTION:
        connection.execute("DELETE FROM meta WHERE key IN ('identified', 'identify')")
    else:
        connection.execute("UPDATE meta SET value = ? WHERE key = 'identified'", (rows[-1][0],))


def _fields_of(event: bytes) -> dict[str, Any] | None:
    """A stored event as a JSON object; ``None`` for bytes that are none, which stay as they are."""
    try:
        fields = msgspec.json.decode(event)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _identify(
    connection: sqlite3.Connection, fields: dict[str, Any], room: int, seq: int, sender: int, *, is_message: bool
) -> None:
    """Put the numbers into an event: its sender's and, in a message, those of its mentions and reactions."""
    if sender > 0:
        fields.setdefault("from_id", sender)
    if not is_message:
        return
    rows = connection.execute("SELECT account FROM mentions WHERE room = ? AND seq = ?", (room, seq)).fetchall()
    if rows and "mentions" not in fields:
        fields["mentions"] = [account for (account,) in rows]
    if fields.get("reactions") and "reaction_ids" not in fields:
        people = _people_who_reacted(connection, room, seq)
        numbers: dict[str, list[int]] = {}
        for mark, names in fields["reactions"].items():
            by_account = {people.get((mark, name)) or -place: name for place, name in enumerate(names, 1)}
            fields["reactions"][mark] = list(by_account.values())
            numbers[mark] = [max(account, 0) for account in by_account]
        fields["reaction_ids"] = numbers


def _people_who_reacted(connection: sqlite3.Connection, room: int, target: int) -> dict[tuple[str, str], int]:
    """The accounts of the people who reacted to a message, by the reaction and their name at that time.

    Where two people of one name reacted in the same way, the later one counts: the message has the name once.
    """
    # Sorted here: asked for the order, SQLite would walk through the whole room for each message.
    rows = connection.execute(
        "SELECT seq, sender, event FROM events WHERE room = ? AND target = ? AND kind = 'reacted'", (room, target)
    ).fetchall()
    people: dict[tuple[str, str], int] = {}
    for _, sender, event in sorted(rows):
        fields = _fields_of(event) or {}
        if fields.get("on", True):
            people[fields.get("mark", ""), fields.get("from", "")] = sender
    return people
