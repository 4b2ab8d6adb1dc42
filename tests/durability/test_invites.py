"""A server that is killed while people come by an invite: no use is lost, and none is counted twice."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import trio

import trio_chat
from tests.programs import PATIENCE, ServerProgram, run
from trio_chat.store import DATABASE

USES = 40


def counted(data: Path) -> tuple[int, set[str]]:
    """The uses that an invite has left, and the names of the accounts that were made by it."""
    with contextlib.closing(sqlite3.connect(data / DATABASE)) as connection:
        ((left,),) = connection.execute("SELECT uses FROM invite_links")
        names = {name for (name,) in connection.execute("SELECT name FROM accounts WHERE invite_link = 1")}
    return left, names


def link_of(data: Path) -> str:
    (made,) = run("admin", "invite", "--uses", str(USES), "--json", "--data", str(data)).events
    return str(made["link"])


async def come(link: str, names: list[str], kill: Any, after: int) -> tuple[set[str], list[str]]:
    """Let people come, all at once, and kill the server when ``after`` of them are in. Returns the names that were let
    in, and the errors of the others."""
    inside: set[str] = set()
    refused: list[str] = []

    async def join(name: str) -> None:
        try:
            async with trio_chat.connect(link, name=name, listen=False):
                inside.add(name)
                if len(inside) == after:
                    kill()
        except trio_chat.ChatError as error:
            refused.append(str(error))

    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            for name in names:
                nursery.start_soon(join, name)
    return inside, refused


@pytest.mark.parametrize("after", [1, 7, 23])
def test_each_use_has_made_one_account_also_when_the_server_is_killed(tmp_path: Path, after: int) -> None:
    data = tmp_path / "data"
    with ServerProgram("--data", str(data), "--admit", "invites", "--per-address", "0") as server:
        link = link_of(data)
        inside, refused = trio.run(come, link, [f"zoe{n}" for n in range(30)], server.process.kill, after)
        assert len(inside) >= after, refused  # else nobody killed the server
        server.process.wait()
        port = server.port
    left, made = counted(data)
    assert left == USES - len(made)
    assert inside <= made, "somebody was let in, and is not stored"
    with ServerProgram("--data", str(data), "--admit", "invites", "--per-address", "0", port=port):
        late, _ = trio.run(come, link, [f"eve{n}" for n in range(USES)], lambda: None, USES + 1)
    assert len(late) == left
    assert counted(data) == (0, made | late)
