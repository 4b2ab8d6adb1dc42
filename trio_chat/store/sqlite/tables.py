"""Compares the tables of a database with those that its migrations make.

The ``user_version`` says which migrations were done, but not in which form: a copy of the program that was never
released may have done another migration under the same number.
"""

from __future__ import annotations

import contextlib
import sqlite3
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_Statements: TypeAlias = "Sequence[Sequence[str]]"
_Tables: TypeAlias = dict[str, dict[str, tuple[object, ...]]]


def differences(connection: sqlite3.Connection, migrations: _Statements) -> Iterator[str]:
    """Give a clause for each table, column and index that these migrations make and the database lacks, or has in
    another form."""
    made, indexes = _made(tuple(map(tuple, migrations)))
    there = _tables(connection)
    for table, columns in made.items():
        found = there.get(table)
        if found is None:
            yield f"there is no table {table}"
            continue
        for column, form in columns.items():
            if column not in found:
                yield f"the table {table} has no column {column}"
            elif found[column] != form:
                yield f"the column {column} of the table {table} has another form"
        for column in found.keys() - columns.keys():
            yield f"the table {table} has a column {column} too many"
    for index in sorted(indexes - _indexes(connection)):
        yield f"there is no index {index}"


@cache
def _made(migrations: tuple[tuple[str, ...], ...]) -> tuple[_Tables, frozenset[str]]:
    """The tables and the indexes that migrations make."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as empty:
        for statements in migrations:
            for statement in statements:
                empty.execute(statement)
        return _tables(empty), _indexes(empty)


def _tables(connection: sqlite3.Connection) -> _Tables:
    """The form of each column of each table: its type, whether it must have a value, its default, its place in the
    key. The tables of SQLite and of the search index are left out; the volumes in the index are checked elsewhere."""
    rows = connection.execute(
        """SELECT t.name, c.name, c.type, c."notnull", c.dflt_value, c.pk
        FROM sqlite_master AS t, pragma_table_info(t.name) AS c
        WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite!_%' ESCAPE '!' AND t.name NOT LIKE 'words!_%' ESCAPE '!'"""
    )
    tables: _Tables = {}
    for table, column, *form in rows:
        tables.setdefault(table, {})[column] = tuple(form)
    return tables


def _indexes(connection: sqlite3.Connection) -> frozenset[str]:
    """The indexes that were made on purpose, without those that SQLite makes for keys."""
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
    return frozenset(name for (name,) in rows)
