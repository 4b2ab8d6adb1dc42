"""The object of a commit is freed at its end, and does not wait for the garbage collector, which comes rarely."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from tests.store.committing import save
from trio_chat.records import SaveRoom
from trio_chat.store.sqlite.changes import Changes

if TYPE_CHECKING:
    from trio_chat.store import SqliteStore


async def test_nothing_is_left_of_a_commit(sqlite: SqliteStore) -> None:
    gc.collect()
    gc.disable()
    try:
        await save(sqlite, [SaveRoom(1, "#ops", "2026")])
        assert not [one for one in gc.get_objects() if type(one) is Changes]
    finally:
        gc.enable()
