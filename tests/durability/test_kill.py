"""``kill -9`` at any moment loses nothing that was acknowledged. ``nox -s kills`` does it 200 times."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from tests.durability import changes
from tests.durability.changes import Changer
from tests.durability.members import Crowd, Member, check
from tests.ports import find_free_port
from tests.programs import PATIENCE, ServerProgram
from trio_chat.store import DATABASE, file_archive
from trio_chat.store.blobs import FILES

KILLS = int(os.environ.get("TRIO_CHAT_TRIAL_KILLS", "4"))
SENDERS = 20
CHANGERS = 4


async def start(data: Path, port: int) -> ServerProgram:
    def run() -> ServerProgram:
        return ServerProgram("--data", str(data), "--rate", "0", port=port)

    return await trio.to_thread.run_sync(run)


def kill(server: ServerProgram) -> None:
    """End it with SIGKILL."""
    with server:
        server.process.kill()


def check_blobs(data: Path, patience: float) -> None:
    """Soon after the start there are the bytes of the files and of the uploads that are known, and no others."""
    until = time.monotonic() + patience
    while True:
        with contextlib.closing(sqlite3.connect(f"file:{data / DATABASE}?mode=ro", uri=True)) as database:
            known = dict(database.execute("SELECT id, digest FROM files").fetchall())
        blobs = {file.name for file in (data / FILES).glob("??/*")}
        begun = {file.name for file in (data / FILES / "partial").iterdir()}
        # an upload whose answer was lost is begun twice, and ends after a day
        is_right = blobs == set(known.values()) - {""} and all(known.get(upload) == "" for upload in begun)
        if is_right or time.monotonic() > until:
            break
        time.sleep(0.1)
    assert blobs == set(known.values()) - {""}
    assert {known.get(upload) for upload in begun} <= {""}
    assert list(file_archive.check(data / DATABASE)) == []


@asynccontextmanager
async def crowd_of(url: str, folder: Path) -> AsyncIterator[Crowd]:
    crowd = Crowd(url, folder, [Member(f"sender{number}") for number in range(SENDERS)])
    async with trio.open_nursery() as nursery:
        await crowd.talk(nursery)
        yield crowd
        nursery.cancel_scope.cancel()


async def test_what_was_acknowledged_is_there_when_the_server_was_killed(tmp_path: Path) -> None:
    chance = random.Random(20)
    data, port, identities = tmp_path / "data", find_free_port(), tmp_path / "identities"
    server = await start(data, port)
    try:
        async with crowd_of(server.url, identities) as crowd, trio.open_nursery() as nursery:
            changers = [Changer(f"changer{n}", random.Random(n), crowd.done) for n in range(CHANGERS)]
            for changer in changers:
                await nursery.start(changer.live, server.url, identities)
            for _ in range(KILLS):
                await crowd.wait_sent(chance.randrange(1, 200))
                await trio.sleep(chance.uniform(0, 0.02))  # not always just after an acknowledgement
                kill(server)
                server = await start(data, port)
            await crowd.wait_sent(SENDERS)
            log = await crowd.finish()
            for changer in changers:
                await changer.finish()
        count = check(crowd, log)
        kill(server)  # what comes now comes from the file
        server = await start(data, port)
        await trio.to_thread.run_sync(check_blobs, data, PATIENCE)
        changed = sum([await changes.check(server.url, identities, changer) for changer in changers])
    finally:
        kill(server)
    print(f"{KILLS} kills, {count} acknowledged messages checked, {len(log)} in the log, 0 lost")  # noqa: T201 - the figure that is quoted
    print(f"{changed} acknowledged changes of messages and rooms checked, each done once")  # noqa: T201 - as above
    assert count >= SENDERS
    assert changed >= CHANGERS
