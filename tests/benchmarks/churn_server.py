"""The server with one thing changed, so that a short churn can tell where its memory goes.

    python -m tests.benchmarks.churn_server small|trace serve ...

``small`` gives SQLite a cache of 1 MiB for each connection. With the product's caches, which hold 32 MiB together,
the memory grows for minutes until they are full, and hides what grows for ever. ``trace`` also runs the server under
``tracemalloc``: on SIGUSR1 it writes where its memory has grown since the last time; its resident size says nothing.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import tracemalloc
from collections import Counter
from types import FrameType

from trio_chat.cli import main
from trio_chat.store.sqlite import schema

_SHOWN = 25
_CACHE = 1024  # KiB
_last: list[tracemalloc.Snapshot] = []


def _show(signum: int, frame: FrameType | None) -> None:
    """Write the growth of each place in the code, and the number of objects of each type."""
    gc.collect()
    now = tracemalloc.take_snapshot()
    lines = [f"traced: {tracemalloc.get_traced_memory()[0] // 1024} KiB"]
    if _last:
        for one in now.compare_to(_last[0], "lineno")[:_SHOWN]:
            lines.append(f"{one.size_diff:+12,} bytes {one.count_diff:+9,} blocks ({one.size:,} bytes)")
            lines += one.traceback.format()
    _last[:] = [now]
    kinds = Counter(type(one).__qualname__ for one in gc.get_objects())
    lines.append(", ".join(f"{kind} {count}" for kind, count in kinds.most_common(_SHOWN)))
    os.write(2, ("\n".join(lines) + "\n").encode())


if __name__ == "__main__":
    change = sys.argv.pop(1)
    if change not in {"small", "trace"}:
        sys.exit(f"{change} is no change: small and trace are.")
    vars(schema).update(_WRITER_CACHE=_CACHE, _READER_CACHE=_CACHE)
    if change == "trace":
        tracemalloc.start()
        signal.signal(signal.SIGUSR1, _show)
    sys.exit(main())
