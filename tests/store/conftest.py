"""A store of each kind, and a pen that writes records for it."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from trio_chat.records import Line, SaveAccount, SaveRoom
from trio_chat.store import DATABASE, MemoryStore, SqliteStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from trio_chat.store import Store

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
FOREVER = 10_000_000
"""A backlog that is never reached by a test."""


class Pen:
    """Writes lines of rooms. Each has the next number, and a time one second after the line before."""

    def __init__(self) -> None:
        self.now = BEGIN
        self.lasts: dict[int, int] = {}

    def stamp(self, now: datetime | None = None) -> str:
        return (now or self.now).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)

    def line(
        self,
        text: str = "hello",
        *,
        room: int = 1,
        sender: int = 1,
        cid: str = "",
        kind: str = "message",
        target: int | None = None,
    ) -> Line:
        seq = self.lasts[room] = self.lasts.get(room, 0) + 1
        self.wait(seconds=1)
        return Line(room, seq, self.stamp(), sender, cid, kind, text, target, self.event(seq, text))

    def lines(self, *texts: str, room: int = 1, sender: int = 1) -> list[Line]:
        return [self.line(text, room=room, sender=sender) for text in texts]

    def event(self, seq: int, text: str) -> bytes:
        return json.dumps({"type": "message", "seq": seq, "text": text}, ensure_ascii=False).encode()

    def room(self, number: int = 1, name: str = "#lobby", keep: float | None = None) -> SaveRoom:
        return SaveRoom(number, name, self.stamp(), keep=keep)

    def account(self, number: int, name: str = "ada", password: str | None = None) -> SaveAccount:
        return SaveAccount(number, name, name, name, self.stamp(), self.stamp(), password)


@pytest.fixture
def pen() -> Pen:
    return Pen()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of a database in a data directory that does not exist yet."""
    return tmp_path / "data" / DATABASE


@pytest.fixture
async def sqlite(path: Path) -> AsyncIterator[SqliteStore]:
    async with SqliteStore.open(path, patience=0.1) as store:
        yield store


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, path: Path) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore(secrets.token_hex(8), FOREVER)
        return
    async with SqliteStore.open(path) as store:
        yield store
