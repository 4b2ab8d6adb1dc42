"""People who change what was said, and their rooms, while the server is being broken; and what must hold afterwards.

Each has a room of their own, does one thing after the other in it, and notes what was acknowledged. At the end, with
nothing under way, the room must be just as they noted it, and each change must be in its log once: see :func:`check`.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import trio

from tests.durability.waiting import wait_until
from trio_chat.client import Backoff, Chat, connect
from trio_chat.client.identity import Identities
from trio_chat.client.options import Reconnection, Timeouts
from trio_chat.protocol.events import Deleted, Edited, Message, Moderated, Reacted, RoomEvent, TopicChanged
from trio_chat.protocol.files import caption_of

_MARKS = ("👍", "🎉", "seen")
_NETWORKS = ("192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32")


@dataclass
class Said:
    """A message as its sender noted it: ``None`` for a text that was taken back."""

    text: str | None
    edited: bool = False
    file: str = ""
    marks: set[str] = field(default_factory=set)


@dataclass
class Room:
    """A room as its owner noted it; ``done`` counts the changes of each kind."""

    name: str
    said: dict[int, Said] = field(default_factory=dict)
    topic: str = ""
    slow: float = 0.0
    private: bool = False
    banned: set[str] = field(default_factory=set)
    done: Counter[str] = field(default_factory=Counter)


class Changer:
    """One person, and what they do until ``done``."""

    def __init__(self, name: str, chance: random.Random, done: trio.Event) -> None:
        self.name = name
        self.room = Room(f"#of-{name}")
        self._ended = False
        self._chance = chance
        self._done = done

    async def live(self, url: str, folder: Path, *, task_status: trio.TaskStatus[None]) -> None:
        """Come in, and change things."""
        async with connect(
            url,
            name=self.name,
            identities=Identities(folder / self.name),
            wait=True,
            reconnection=Reconnection(backoff=Backoff(0.05, 0.5)),
            timeouts=Timeouts(request=math.inf, keepalive=1.0),
        ) as chat:
            await chat.join(self.room.name)
            task_status.started()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_listen, chat)
                ways = (self._say, self._say, self._share, self._edit, self._react, self._delete, self._rule, self._ban)
                while not self._done.is_set():
                    await self._chance.choice(ways)(chat)
                self._ended = True
                nursery.cancel_scope.cancel()

    def stand(self) -> int:
        """Return the number of acknowledged changes."""
        return self.room.done.total()

    async def finish(self) -> None:
        """Let the person end, and wait for the end."""
        self._done.set()
        await wait_until(lambda: self._ended, self.stand, limit=300)  # a stalled upload is given up after 120

    async def _say(self, chat: Chat) -> None:
        text = f"said {self.room.done['said']}"
        receipt = await chat.send(self.room.name, text)
        self.room.said[receipt.seq] = Said(text)
        self.room.done["said"] += 1

    async def _share(self, chat: Chat) -> None:
        content = self._chance.choice([b"the same bytes", self._chance.randbytes(self._chance.randrange(200_000))])
        text = f"shared {self.room.done['said']}"
        receipt = await chat.send_file(self.room.name, _pieces(content), text, name="log.txt")
        self.room.said[receipt.seq] = Said(text, file=hashlib.sha256(content).hexdigest())
        self.room.done["said"] += 1

    async def _with_one(self, change: Callable[[int, Said], Awaitable[None]]) -> None:
        there = [seq for seq, said in self.room.said.items() if said.text is not None]
        if there:
            seq = self._chance.choice(there[-20:])
            await change(seq, self.room.said[seq])

    async def _edit(self, chat: Chat) -> None:
        async def edit(seq: int, said: Said) -> None:
            text = f"edited {self.room.done['edited']}"
            await chat.edit(self.room.name, seq, text)
            said.text, said.edited = text, True
            self.room.done["edited"] += 1

        await self._with_one(edit)

    async def _react(self, chat: Chat) -> None:
        async def react(seq: int, said: Said) -> None:
            mark = self._chance.choice(_MARKS)
            await chat.react(self.room.name, seq, mark, on=mark not in said.marks)
            said.marks ^= {mark}
            self.room.done["reacted"] += 1

        await self._with_one(react)

    async def _delete(self, chat: Chat) -> None:
        async def delete(seq: int, said: Said) -> None:
            await chat.delete(self.room.name, seq)
            said.text, said.marks, said.file = None, set(), ""
            self.room.done["deleted"] += 1

        if self._chance.random() < 0.3:  # or there would soon be nothing to change
            await self._with_one(delete)

    async def _rule(self, chat: Chat) -> None:
        room = self.room
        if self._chance.random() < 0.5:
            topic = f"topic {room.done['topic']}"
            await chat.set_topic(room.name, topic)
            room.topic = topic
            room.done["topic"] += 1
        else:
            slow, private = float(self._chance.randrange(9)), not room.private
            assert await chat.configure(room.name, slow=slow, private=private)
            room.done["moderated"] += 1 + (slow != room.slow)
            room.slow, room.private = slow, private

    async def _ban(self, chat: Chat) -> None:
        network = self._chance.choice(_NETWORKS)
        if network in self.room.banned:
            await chat.unban(self.room.name, network=network)
        else:
            await chat.ban(self.room.name, network=network, reason="a trial")
        self.room.banned ^= {network}
        self.room.done["moderated"] += 1


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _listen(chat: Chat) -> None:
    """Take all events: a client whose mailbox is full reads nothing more, answers included."""
    async for _ in chat:
        pass


_KINDS: dict[str, type[RoomEvent]] = {
    "said": Message,
    "edited": Edited,
    "reacted": Reacted,
    "deleted": Deleted,
    "topic": TopicChanged,
    "moderated": Moderated,
}


async def check(url: str, folder: Path, changer: Changer) -> int:
    """The room is as its owner noted it, and each change is in its log once. Returns how many there were."""
    room = changer.room
    async with connect(url, name=changer.name, identities=Identities(folder / changer.name), listen=False) as chat:
        log = await _whole_log(chat, room.name)
        view = await chat.join(room.name)
        banned = {ban.network for ban in await chat.bans(room.name)}
        await _check_log(chat, changer, log)
    assert not room.said, "acknowledged messages are missing"
    assert (view.topic, view.slow, view.private, banned) == (room.topic, room.slow, room.private, room.banned)
    return room.done.total()


async def _check_log(chat: Chat, changer: Changer, log: list[RoomEvent]) -> None:
    """Each message is as its sender noted it, and its files have their bytes."""
    room = changer.room
    assert [event.seq for event in log] == list(range(1, len(log) + 1)), "the sequence has a gap"
    counted = {kind: sum(isinstance(event, of) for event in log) for kind, of in _KINDS.items()}
    noted = {kind: room.done[kind] for kind in _KINDS}
    assert counted == noted, f"the log has {counted}, acknowledged were {noted}"
    for event in log:
        if isinstance(event, Message):
            said = room.said.pop(event.seq)
            marks = {mark for mark, people in event.reactions.items() if people == (changer.name,)}
            assert (None if event.deleted else caption_of(event), bool(event.edited), marks) == (
                said.text,
                said.edited and said.text is not None,
                said.marks,
            )
            assert "".join(file.sha256 for file in event.files) == said.file
            for file in event.files:  # its hash is checked on the way
                async with chat.open_file(file) as chunks:
                    async for _ in chunks:
                        pass


async def _whole_log(chat: Chat, room: str) -> list[RoomEvent]:
    log: list[RoomEvent] = []
    while True:
        past = await chat.history(room, after=log[-1].seq if log else 0, limit=500)
        log += past.events
        if not past.more:
            return log
