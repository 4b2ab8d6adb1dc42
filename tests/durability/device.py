"""A program that is one device of somebody: it hears one direct conversation, and does what it is told.

    python device.py URL NAME PASSWORD CONVERSATION FILE

It may be killed at any moment and started again: what it heard, it has noted in ``FILE``, one JSON array a line
(sequence number, text, whether it was said before the program came), and it goes on behind that. Where it keeps
its name's token the environment says, as for ``trio-chat join``. Each line of the input is an order, a JSON object
with one of ``say`` (texts, and ``to`` whom), ``read`` (up to which part of what was heard, 0 to 1), ``look``, ``log``
and ``password``. What comes of it is written as JSON objects, the last of which has ``done``.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import trio

from trio_chat.client import Backlog, Backoff, Chat, Missed, connect
from trio_chat.client.credentials import Credentials
from trio_chat.client.options import Reconnection, Timeouts
from trio_chat.protocol.events import Message, RoomEvent

BACKLOG = 100_000


@dataclass
class Notes:
    """What was heard, over all runs of the program."""

    path: Path
    seen: int = 0

    def __post_init__(self) -> None:
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        for line in self.path.read_text("utf-8").splitlines()[-1:]:
            self.seen = json.loads(line)[0]

    def add(self, event: RoomEvent, *, past: bool) -> None:
        """Note an event; of the past, what was noted already is left out."""
        if past and event.seq <= self.seen:
            return
        line = [event.seq, event.text if isinstance(event, Message) else "", past]
        os.write(self._file, json.dumps(line).encode() + b"\n")  # at once, and whole: a kill comes before or after
        self.seen = event.seq


@dataclass
class Device:
    """One run of the program."""

    chat: Chat
    room: str
    notes: Notes

    async def listen(self) -> None:
        """Note what is heard, for ever."""
        async for event in self.chat:
            if isinstance(event, Backlog) and event.room == self.room:
                for line in event.events:
                    self.notes.add(line, past=True)
            elif isinstance(event, RoomEvent) and event.room == self.room:
                self.notes.add(event, past=False)
            elif isinstance(event, Missed):
                tell(missed=event.count, room=event.room)

    async def obey(self, order: dict[str, Any]) -> None:
        """Do what is wanted."""
        if "password" in order:
            await self.chat.set_password(order["password"])
        for text in order.get("say", ()):
            receipt = await self.chat.send_to(order["to"], text)
            tell(said=text, seq=receipt.seq)
        if "read" in order and self.notes.seen:
            seq = math.ceil(self.notes.seen * order["read"])
            await self.chat.read(self.room, seq)
            tell(read=seq)
        log = await self._log() if "log" in order else []
        view = self.chat.rooms.get(self.room)
        tell(done=True, seen=self.notes.seen, position=0 if view is None else view.read, log=log)

    async def _log(self) -> list[tuple[int, str]]:
        lines: list[tuple[int, str]] = []
        while True:
            page = await self.chat.history(self.room, after=lines[-1][0] if lines else 0, limit=500)
            lines += [(event.seq, event.text if isinstance(event, Message) else "") for event in page.events]
            if not page.more:
                return lines


def tell(**what: object) -> None:
    """Write one JSON object, at once and whole."""
    os.write(1, json.dumps(what).encode() + b"\n")


async def orders() -> AsyncIterator[dict[str, Any]]:
    """What is wanted, until the input ends."""
    rest = b""
    async with trio.lowlevel.FdStream(os.dup(0)) as source:
        async for data in source:
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                yield json.loads(line)


async def main(url: str, name: str, password: str, room: str, file: str) -> None:
    """Be the device until the input ends."""
    async with connect(
        url,
        name=name,
        credentials=Credentials(account_password=password),
        backlog=BACKLOG,
        wait=True,
        reconnection=Reconnection(backoff=Backoff(0.05, 0.5)),
        timeouts=Timeouts(request=math.inf, keepalive=5.0),
    ) as chat:
        device = Device(chat, room, Notes(Path(file)))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(device.listen)
            tell(up=True)
            async for order in orders():
                await device.obey(order)
            nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(partial(main, *sys.argv[1:]))
