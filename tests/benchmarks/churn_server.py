"""The server under ``tracemalloc``: on SIGUSR1 it writes where its memory has grown since the last time.

    python -m tests.benchmarks.churn_server serve ...

It takes twice the time and memory of the product, so its resident size says nothing; its own figures do.
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

_SHOWN = 25
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
    tracemalloc.start()
    signal.signal(signal.SIGUSR1, _show)
    sys.exit(main())
