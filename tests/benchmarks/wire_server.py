"""The server without one of its properties, to measure the cost of that property.

    python -m tests.benchmarks.wire_server normal|single serve ...

``normal`` commits without waiting for the disk (``synchronous=NORMAL``): what was acknowledged may be lost when the
power fails. ``single`` takes one request at a time from its inbox, so that each message is a transaction of its own.
The product can do neither.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from trio_chat.cli import main
from trio_chat.server import app, hub
from trio_chat.store import SqliteStore
from trio_chat.store.sqlite.schema import Synchronous


class QuickStore(SqliteStore):
    """A store whose commits return once the operating system has them."""

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, path: Path, *, synchronous: Synchronous = "NORMAL", patience: float = 5.0
    ) -> AsyncIterator[SqliteStore]:
        async with super().open(path, synchronous=synchronous, patience=patience) as store:
            yield store


if __name__ == "__main__":
    change = sys.argv.pop(1)
    if change == "normal":
        vars(app)["SqliteStore"] = QuickStore
    elif change == "single":
        vars(hub)["_BATCH"] = 1
    else:
        sys.exit(f"{change} is no change: normal and single are.")
    sys.exit(main())
