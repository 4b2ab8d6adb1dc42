"""A crowd that talks while its server, or the network, is being broken; and what must hold afterwards.

Every member is the product's own client. It sends one message after the other, each under its own text,
notes what was acknowledged and where, and collects what it is given. At the end nobody may be missing
anything: see :func:`check`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import trio

from tests.durability.waiting import wait_until
from trio_chat.client import Backoff, Chat, Missed, connect
from trio_chat.client.identity import Identities
from trio_chat.client.options import Reconnection, Timeouts
from trio_chat.protocol.events import Message, RoomEvent

ROOM = "#load"


@dataclass
class Member:
    """One member: what it had acknowledged (text to place), and what it was given, in order."""

    name: str
    acknowledged: dict[str, int] = field(default_factory=dict)
    given: list[RoomEvent] = field(default_factory=list)

    @property
    def last(self) -> int:
        """The place of the newest event it was given."""
        return self.given[-1].seq if self.given else 0


@dataclass
class Crowd:
    """All members; ``done`` ends their talking, not their listening."""

    url: str
    folder: Path
    members: list[Member]
    done: trio.Event = field(default_factory=trio.Event)
    sent: int = 0
    quiet: int = 0

    async def talk(self, nursery: trio.Nursery) -> None:
        """Let everyone come in and talk; returns when all are in."""
        for member in self.members:
            await nursery.start(self._live, member)

    async def _live(self, member: Member, *, task_status: trio.TaskStatus[None]) -> None:
        async with connect(
            self.url,
            name=member.name,
            identities=Identities(self.folder / member.name),
            wait=True,
            reconnection=Reconnection(backoff=Backoff(0.05, 0.5)),
            timeouts=Timeouts(request=math.inf, keepalive=1.0),
        ) as chat:
            await chat.join(ROOM)
            task_status.started()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._listen, chat, member)
                await self._speak(chat, member)

    async def _speak(self, chat: Chat, member: Member) -> None:
        while not self.done.is_set():
            text = f"{member.name} {len(member.acknowledged)}"
            receipt = await chat.send(ROOM, text)
            member.acknowledged[text] = receipt.seq
            self.sent += 1
        self.quiet += 1

    async def _listen(self, chat: Chat, member: Member) -> None:
        async for event in chat:
            assert not isinstance(event, Missed), f"{member.name} was told that {event} is gone"
            if isinstance(event, RoomEvent) and event.room == ROOM:
                member.given.append(event)

    async def wait_sent(self, count: int) -> None:
        """Wait until so many more messages were acknowledged: whatever broke, it works again."""
        goal = self.sent + count
        await wait_until(lambda: self.sent >= goal, self._stand)

    async def finish(self) -> list[RoomEvent]:
        """Let everyone finish, and give the room's whole log, once everyone was given its end."""
        self.done.set()
        await wait_until(lambda: self.quiet >= len(self.members), self._stand)
        identities = Identities(self.folder / "auditor")
        async with connect(self.url, name="auditor", identities=identities, listen=False) as chat:
            await chat.join(ROOM)
            log: list[RoomEvent] = []
            while True:
                page = await chat.history(ROOM, after=log[-1].seq if log else 0, limit=500)
                log += page.events
                if not page.more:
                    break
        await wait_until(lambda: all(member.last >= log[-1].seq for member in self.members), self._stand)
        return log

    def _stand(self) -> dict[str, tuple[int, int]]:
        """Return the number of acknowledged messages and the last place of each member, by name."""
        return {member.name: (len(member.acknowledged), member.last) for member in self.members}


def check(crowd: Crowd, log: list[RoomEvent]) -> int:
    """Everything acknowledged is in the log once and where it was said to be, the log has no gap, and each
    member was given just what the log has since it came in. Returns how many were acknowledged."""
    assert [event.seq for event in log] == list(range(1, len(log) + 1)), "the sequence has a gap"
    said = [event.text for event in log if isinstance(event, Message)]
    assert len(set(said)) == len(said), "a message is stored twice"
    places = {event.text: event.seq for event in log if isinstance(event, Message)}
    for member in crowd.members:
        for text, seq in member.acknowledged.items():
            assert places.get(text) == seq, f"{text!r} was acknowledged at {seq} and is at {places.get(text)}"
        first = member.given[0].seq
        assert member.given == log[first - 1 :], f"{member.name} was not given what the log has"
    return sum(len(member.acknowledged) for member in crowd.members)
