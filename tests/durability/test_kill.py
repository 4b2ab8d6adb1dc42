"""``kill -9`` at any moment loses no acknowledged message. ``nox -s kills`` does it 200 times."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from tests.durability.crowd import Crowd, Member, check
from tests.programs import ServerProgram, find_free_port

KILLS = int(os.environ.get("TRIO_CHAT_TRIAL_KILLS", "4"))
SENDERS = 20


async def start(data: Path, port: int) -> ServerProgram:
    def run() -> ServerProgram:
        return ServerProgram("--data", str(data), "--rate", "0", port=port)

    return await trio.to_thread.run_sync(run)


def kill(server: ServerProgram) -> None:
    """End it with SIGKILL."""
    with server:
        server.process.kill()


@asynccontextmanager
async def crowd_of(url: str, folder: Path) -> AsyncIterator[Crowd]:
    crowd = Crowd(url, folder, [Member(f"sender{number}") for number in range(SENDERS)])
    async with trio.open_nursery() as nursery:
        await crowd.talk(nursery)
        yield crowd
        nursery.cancel_scope.cancel()


async def test_no_acknowledged_message_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    chance = random.Random(20)
    data, port = tmp_path / "data", find_free_port()
    server = await start(data, port)
    try:
        async with crowd_of(server.url, tmp_path / "identities") as crowd:
            for _ in range(KILLS):
                await crowd.wait_sent(chance.randrange(1, 200))
                await trio.sleep(chance.uniform(0, 0.02))  # not always just after an acknowledgement
                kill(server)
                server = await start(data, port)
            await crowd.wait_sent(SENDERS)
            log = await crowd.finish()
        count = check(crowd, log)
    finally:
        kill(server)
    print(f"{KILLS} kills, {count} acknowledged messages checked, {len(log)} in the log, 0 lost")  # noqa: T201 - the figure that is quoted
    assert count >= SENDERS
