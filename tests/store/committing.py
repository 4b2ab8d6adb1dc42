"""Commits that must succeed, because the test is about something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_chat.store import require_stored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_chat.records import Record
    from trio_chat.store import StoreCommitter


async def save(store: StoreCommitter, records: Sequence[Record]) -> None:
    """Commit these records. Raises ``StoreError`` if they are not stored."""
    require_stored(await store.commit(records))
