"""The speed of the SQLite store with many lines in it.

Run it as ``python -m tests.benchmarks.store_speed [--lines N] [--folder DIR]``. It builds a database, then
prints a table: the time of opening, loading, reading, searching, deleting, and of commits of 1, 16 and 200
lines with ``synchronous`` FULL and NORMAL. "CPU" is that of the whole process.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from tests.store.committing import save
from trio_chat.records import Line, Redact, SaveRoom
from trio_chat.store import DATABASE, SearchQuery, SqliteStore
from trio_chat.store.interface import cutoff
from trio_chat.store.sqlite.schema import Synchronous

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

ROOMS: Final = 50
SENDERS: Final = 200
VOCABULARY: Final = 30_000
BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)


class Talk:
    """Lines like those of a busy team: word frequencies after Zipf, 3 to 20 words, ids of 16 characters."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        letters = "abcdefghijklmnopqrstuvwxyz"
        self._words = ["".join(self._random.choices(letters, k=self._random.randint(2, 9))) for _ in range(VOCABULARY)]
        self._weights = [1 / (rank + 2) for rank in range(VOCABULARY)]
        self._lasts = dict.fromkeys(range(1, ROOMS + 1), 0)
        self._count = 0

    def word(self, rank: int) -> str:
        return self._words[rank]

    def lines(self, count: int) -> list[Line]:
        texts = self._random.choices(self._words, self._weights, k=count * 20)
        return [self._line(texts[at * 20 : at * 20 + self._random.randint(3, 20)]) for at in range(count)]

    def _line(self, words: list[str]) -> Line:
        room, sender = self._random.randint(1, ROOMS), self._random.randint(1, SENDERS)
        self._lasts[room] += 1
        self._count += 1
        seq, text, cid = self._lasts[room], " ".join(words), f"{self._random.getrandbits(64):016x}"
        stamp = cutoff(BEGIN, -self._count / 28_800)
        event = (
            f'{{"type":"message","room":"#room{room}","seq":{seq},"time":"{stamp}","from":"user{sender}",'
            f'"text":"{text}","cid":"{cid}"}}'
        ).encode()
        return Line(room, seq, stamp, sender, cid, "message", text, None, event)


async def clocked(what: str, repeat: int, call: Callable[[], Awaitable[object]]) -> None:
    """Print the time of a call: the median, the maximum, and the CPU time."""
    took = []
    cpu = time.process_time()
    for _ in range(repeat):
        start = time.perf_counter()
        await call()
        took.append(time.perf_counter() - start)
    cpu = time.process_time() - cpu
    took.sort()
    print(  # noqa: T201 - this is a program
        f"{what:<46} median {took[repeat // 2] * 1e3:9.2f} ms  longest {took[-1] * 1e3:9.2f} ms  "
        f"CPU {cpu / repeat * 1e3:8.3f} ms"
    )


async def build(path: Path, talk: Talk, lines: int) -> None:
    """Fill a database with that many lines."""
    async with SqliteStore.open(path, synchronous="NORMAL") as store:
        await save(store, [SaveRoom(room, f"#room{room}", "") for room in range(1, ROOMS + 1)])
        spent = indexing = wall = 0.0
        for batch in _cut(lines, 5_000):
            records = talk.lines(batch)
            start, cpu = time.perf_counter(), time.process_time()
            await save(store, records)
            wall += time.perf_counter() - start
            spent += time.process_time() - cpu
            cpu = time.process_time()
            while await store.index_some(500):
                pass
            indexing += time.process_time() - cpu
        print(f"built {lines} lines: commits {wall / lines * 1e6:.1f} us and {spent / lines * 1e6:.1f} us CPU a line,")  # noqa: T201 - as above
        print(f"  indexing {indexing / lines * 1e6:.1f} us CPU a line")  # noqa: T201 - as above
    size = await trio.Path(path).stat()
    print(f"  file {size.st_size / 1e6:.0f} MB")  # noqa: T201 - as above


def _cut(total: int, most: int) -> Iterator[int]:
    while total > 0:
        yield min(total, most)
        total -= most


async def measure_reading(path: Path, talk: Talk) -> None:
    """Measure opening, loading, pages and searches."""

    async def open_and_close() -> None:
        async with SqliteStore.open(path):
            pass

    everywhere = tuple((room, 0) for room in range(1, ROOMS + 1))

    def search(what: str, query: SearchQuery) -> Awaitable[None]:
        return clocked(f"search {what}", 20, lambda: store.search(query))

    await clocked("open and close", 5, open_and_close)
    async with AsyncExitStack() as stack:
        start = time.perf_counter()
        store = await stack.enter_async_context(SqliteStore.open(path))
        await store.load()
        print(f"{'open and load, once':<46} {(time.perf_counter() - start) * 1e3:16.2f} ms")  # noqa: T201 - as above
        await clocked("load", 20, store.load)
        await clocked("read the newest 100", 200, lambda: store.read(3, None, None, 100))
        await clocked("read 100 from long ago", 200, lambda: store.read(3, 1000, None, 100))
        await clocked("look one up", 200, lambda: store.look_up(3, 500))
        await clocked("find by a sent id", 200, lambda: store.find(3, "no such id"))
        await clocked("seq_at", 200, lambda: store.seq_at(3, "2026-01-05T00:00:00.000Z"))
        common, rare = talk.word(0), talk.word(VOCABULARY - 1)
        await search("a common word", SearchQuery((common,), everywhere))
        await search("a rare word", SearchQuery((rare,), everywhere))
        await search("a word nobody wrote", SearchQuery(("zzzzzzzzzz",), everywhere))
        await search("two words, one room", SearchQuery((common, talk.word(300)), ((7, 0),)))
        await search("a common word long ago", SearchQuery((common,), everywhere, before="2026-01-02"))
        await search("one sender, rare word, one room", SearchQuery((rare,), ((7, 0),), senders=(9,)))
        await search("links (none)", SearchQuery((), everywhere, has_link=True))


async def measure_commits(path: Path, talk: Talk, synchronous: Synchronous) -> None:
    """Measure commits of several sizes."""
    async with SqliteStore.open(path, synchronous=synchronous) as store:
        for size, repeat in ((1, 300), (16, 200), (200, 100), (2000, 20)):
            batches = iter([talk.lines(size) for _ in range(repeat)])
            await clocked(f"commit {size} lines, {synchronous}", repeat, lambda: save(store, next(batches)))  # noqa: B023 - called at once
        while await store.index_some(500):
            pass


async def measure_deleting(path: Path) -> None:
    """Measure a deletion and the removal of its traces."""
    async with SqliteStore.open(path) as store:
        places = iter([(room, 2000 + room * 7) for room in range(1, 21)])

        async def redact() -> None:
            room, seq = next(places)
            await save(store, [Redact(room, seq, b'{"type":"message","text":""}')])

        async def scrub() -> None:
            while await store.index_some(500):
                pass

        await clocked("delete one line", 10, redact)
        await clocked("... and remove the traces of ten", 1, scrub)
        await clocked("delete one line", 1, redact)
        await clocked("... and remove its traces", 1, scrub)


async def main(folder: Path, lines: int) -> None:
    """Build and measure."""
    path = folder / DATABASE
    talk = Talk(1)
    await build(path, talk, lines)
    await measure_reading(path, talk)
    for synchronous in ("FULL", "NORMAL"):
        await measure_commits(path, talk, synchronous)
    await measure_deleting(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="an empty directory to build in, kept; else a temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        trio.run(main, options.folder or Path(temporary), options.lines)
