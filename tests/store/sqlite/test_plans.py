"""Query plans: no change walks through a whole table, because commits would wait for it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from trio_chat.store.sqlite import changes, schema

STATEMENTS = [statement for each in changes._PLAIN.values() for statement in each]
FEW = {"bans"}
"""Tables so small that a walk through them does not matter."""


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path = tmp_path_factory.mktemp("plans") / schema.DATABASE
    schema.prepare(path, 5.0)
    with closing(schema.open_writer(path, "FULL", 5.0)) as opened:
        yield opened


@pytest.mark.parametrize("statement", STATEMENTS)
def test_no_change_walks_through_a_table(connection: sqlite3.Connection, statement: str) -> None:
    plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", [None] * statement.count("?")).fetchall()
    walked = {detail.split()[1] for *_, detail in plan if detail.startswith("SCAN")}
    assert walked <= FEW


def test_a_walk_through_a_table_would_be_found(connection: sqlite3.Connection) -> None:
    ((*_, detail),) = connection.execute("EXPLAIN QUERY PLAN DELETE FROM members WHERE role = 1").fetchall()
    assert detail.split()[:2] == ["SCAN", "members"]
