"""Committed records survive ``kill -9`` at any moment."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from trio_chat.store import SqliteStore
from trio_chat.store.sqlite.maintenance import check

if TYPE_CHECKING:
    from pathlib import Path

KILLS = 5

# Commits lines in batches of several sizes into three rooms, with deletions and edits among them, while the
# index is filled; says after each commit which line is the last stored.
PROGRAM = """
import sys, trio
from pathlib import Path
from trio_chat.records import Amend, Line, Redact, SaveAccount, SaveRead, SaveRoom
from trio_chat.store import SqliteStore, require_stored

def line(room, seq):
    text = f"line {seq} of {room} " + "x" * (seq % 300)
    event = b'{"text":"%d"}' % seq
    return Line(room, seq, "2026-01-01T00:00:00.000Z", 1, f"c{room}-{seq}", "message", text, None, event)

async def fill(store):
    while True:
        await store.index_some(20)
        await trio.sleep(0)

async def main():
    async with SqliteStore.open(Path(sys.argv[1])) as store, trio.open_nursery() as nursery:
        lasts = {state.room.id: state.last for state in (await store.load()).rooms} or {1: 0, 2: 0, 3: 0}
        if not any(lasts.values()):
            rooms = [SaveRoom(room, f"#r{room}", "2026") for room in lasts]
            require_stored(await store.commit([SaveAccount(1, *["ada"] * 5), *rooms]))
        nursery.start_soon(fill, store)
        count = 0
        while True:
            count += 1
            room, size = 1 + count % 3, (1, 7, 40)[count % 5 % 3]
            last = lasts[room]
            batch = [line(room, seq) for seq in range(last + 1, last + 1 + size)]
            batch.append(SaveRead(room, 1, last + size))
            if count % 4 == 0 and last > 3:
                batch += [Amend(room, last - 1, b'{"text":"changed"}', "changed"), Redact(room, last, b'{"text":""}')]
            require_stored(await store.commit(batch))
            lasts[room] = last + size
            print(room, lasts[room], flush=True)

trio.run(main)
"""


def run_and_kill(path: Path, commits: int) -> dict[int, int]:
    """Let the program commit that often and kill it. Returns the last line of each room that it reported as stored."""
    said: dict[int, int] = {}
    program = subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE, text=True)
    with program:
        assert program.stdout is not None
        for _ in range(commits):
            room, last = map(int, program.stdout.readline().split())
            said[room] = last
        program.send_signal(signal.SIGKILL)
        for line in program.stdout:  # said before it was dead
            if line.endswith("\n"):
                room, last = map(int, line.split())
                said[room] = last
    assert program.returncode == -signal.SIGKILL
    return said


async def test_no_committed_line_is_lost_by_kill_9(path: Path) -> None:
    dice = random.Random(3)
    said: dict[int, int] = {}
    for _ in range(KILLS):
        said |= run_and_kill(path, dice.randrange(3, 120))
        assert check(path) == []
        async with SqliteStore.open(path) as store:
            snapshot = await store.load()
            for state in snapshot.rooms:
                room, last = state.room.id, state.last
                assert last >= said.get(room, 0)
                stretch = await store.read(room, 0, None, last + 1)
                assert (len(stretch.events), stretch.first, stretch.more) == (last, 1, False)
                for seq, event in enumerate(stretch.events, 1):
                    assert event in (b'{"text":"%d"}' % seq, b'{"text":"changed"}', b'{"text":""}')
                    place = await store.find(1, f"c{room}-{seq}") if seq % 50 == 0 else None
                    assert place is None or place[:2] == (room, seq)
            for read in snapshot.reads:  # stored with the lines, or not at all
                assert read.seq == next(state.last for state in snapshot.rooms if state.room.id == read.room)
            while await store.index_some(1000):
                pass
    print(f"{sum(said.values())} committed lines were checked after {KILLS} kills")  # noqa: T201 - for the log
