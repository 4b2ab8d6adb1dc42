"""Members of the churn: each joins and leaves rooms, talks, edits, searches, goes and comes back under its own name.

The work has a steady state: names, rooms, conversations and the rooms of one member are bounded in number, and each
kind of action has its own share of all actions. Only the log on the disk grows.
"""

from __future__ import annotations

import json
import random
import socket
import struct
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Final

from tests.benchmarks.wire_clients import Client, Loop, close_frame

ROOMS: Final = 40
"""Rooms with many members each."""

ROOMS_OF_ONE: Final = 4
"""Rooms that a member is in, in the long run."""

NEIGHBOURS: Final = 3
"""People with whom a member has a direct conversation, on each side."""

CORNER: Final = 5
"""Members who share a corner: a small room that is often empty, so that it is removed and made again."""

AWAY: Final = 4.0
"""Seconds until a member who went is back, at the most."""

_ANSWERS: Final = tuple(
    b'{"type":"%b"' % kind for kind in (b"ok", b"error", b"room", b"history", b"found", b"people", b"pong")
)
_WORDS: Final = ("build", "green", "again", "deploy", "later", "coffee", "review", "queue", "lunch", "slow")


class Member:
    """One member. ``own`` has the places of its last messages, ``heard`` the last message of others."""

    def __init__(self, crowd: Crowd, number: int) -> None:
        self._crowd = crowd
        self._chance = crowd.chance
        self.number = number
        self.names = (f"member{number}", f"member{number}.away")  # a member changes between these two
        self.renamed = 0
        self._token = ""
        self.client: Client | None = None
        self.back = 0.0
        self._waiting: dict[str, tuple[str, dict[str, Any]]] = {}
        self.rooms: set[str] = set()
        self.own: deque[tuple[str, int]] = deque(maxlen=20)
        self.heard = b""

    @property
    def source(self) -> str:
        """The address it comes from: each member has a network of 256 addresses of its own on this machine."""
        return f"127.{1 + self.number // 250}.{self.number % 250}.1"

    @property
    def pending(self) -> int:
        """Its requests without an answer."""
        return len(self._waiting)

    def enter(self) -> None:
        """Connect, with the token that proves the name."""
        client = Client(self._crowd.port, self.names[self.renamed], token=self._token, source=self.source)
        self._token = client.token or self._token
        self.client = client
        self._crowd.loop.watch(client, self.take)

    def leave(self, now: float) -> None:
        """Go: with a close frame, without one, or with a reset; come back within some seconds."""
        client = self.client
        if client is None:
            return
        self._crowd.loop.forget(client)
        how = self._chance.choice(("close", "drop", "reset"))
        if how == "close":
            client.send(close_frame())
        elif how == "reset":
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        self.client = None
        self._waiting.clear()
        self.back = now + self._chance.uniform(0, AWAY)

    def ask(self, kind: str, **fields: Any) -> None:
        """Send a request; its answer is taken when it comes."""
        if self.client is not None:
            number, data = self.client.make_request(kind, **fields)
            self._waiting[number] = kind, fields
            self.client.send(data)

    def take(self, payload: bytes) -> None:
        """Take a payload."""
        if payload.startswith(b'{"type":"message"'):
            self._crowd.deliveries += 1
            if b'"room":"@' in payload:
                self._confirm(json.loads(payload))
            else:
                self.heard = payload
        elif payload.startswith(_ANSWERS):
            self._take_answer(json.loads(payload))

    def _confirm(self, message: dict[str, Any]) -> None:
        """Tell the sender of a direct message that it has arrived, as every client does."""
        if message["from"] not in self.names:
            self.ask("received", room=message["room"], seq=message["seq"])

    def _take_answer(self, answer: dict[str, Any]) -> None:
        if answer.get("id", "") not in self._waiting:
            return  # told unasked, as the room of a direct message that began a conversation
        kind, fields = self._waiting.pop(answer["id"])
        if answer["type"] == "error":
            self._crowd.refused[f"{kind}: {answer['code']}"] += 1
            if answer["code"] in {"not_member", "unknown_room"}:
                self.rooms.discard(fields.get("room", ""))
            return
        self._crowd.done[kind] += 1
        if kind == "send":
            self.own.append((answer["room"], answer["seq"]))
        elif kind == "join":
            self.rooms.add(fields["room"])
        elif kind == "nick":
            self.renamed = self.names.index(fields["name"])

    # ---- actions --------------------------------------------------------------------------------

    def say(self) -> None:
        """Send a message to one of its rooms."""
        if self.rooms:
            self.ask("send", room=self._chance.choice(sorted(self.rooms)), text=self._text())

    def say_to_all(self) -> None:
        """Send a message to the lobby."""
        self.ask("send", room="#lobby", text=self._text())

    def say_directly(self) -> None:
        """Send a direct message to a neighbour."""
        self.ask("send", to=[self._neighbour().shown], text=self._text())

    def edit(self) -> None:
        """Edit one of its last messages in rooms where it still is."""
        here = [place for place in self.own if self._is_in(place[0])]
        if here:
            room, seq = self._chance.choice(here)
            self.ask("edit", room=room, target=seq, text=self._text())

    def delete(self) -> None:
        """Delete the oldest of these."""
        place = next((place for place in self.own if self._is_in(place[0])), None)
        if place is not None:
            self.own.remove(place)
            self.ask("delete", room=place[0], target=place[1])

    def react(self) -> None:
        """React to the last message, or no longer."""
        place = self._place()
        if place is not None:
            self.ask("react", room=place[0], target=place[1], mark="+1", on=self._chance.random() < 0.6)

    def read(self) -> None:
        """Set its read position to the last message."""
        place = self._place()
        if place is not None:
            self.ask("read", room=place[0], seq=place[1])

    def search(self) -> None:
        """Search in all rooms."""
        self.ask("search", words=[self._chance.choice(_WORDS)], limit=20)

    def look_back(self) -> None:
        """Read a page of a room's history."""
        if self.rooms:
            self.ask("history", room=self._chance.choice(sorted(self.rooms)), limit=50)

    def look_around(self) -> None:
        """List the people of a room."""
        if self.rooms:
            self.ask("who", room=self._chance.choice(sorted(self.rooms)))

    def type(self) -> None:
        """Tell a room that it is typing."""
        if self.rooms:
            self.ask("typing", room=self._chance.choice(sorted(self.rooms)))

    def move(self) -> None:
        """Join a room, or leave one if it is in enough of them."""
        if len(self.rooms) > self._chance.uniform(0, 2 * ROOMS_OF_ONE):
            self._leave_room(self._chance.choice(sorted(self.rooms)))
        else:
            self.ask("join", room=f"#room{self._chance.randrange(ROOMS)}")

    def visit_corner(self) -> None:
        """Join the small room of its corner, or leave it."""
        room = f"#corner{self.number // CORNER}"
        if room in self.rooms:
            self._leave_room(room)
        else:
            self.ask("join", room=room)

    def rename(self) -> None:
        """Change to its other name."""
        self.ask("nick", name=self.names[1 - self.renamed])

    def step_out(self) -> None:
        """Say that it is away, or back."""
        self.ask("away", **({"text": "lunch"} if self._chance.random() < 0.5 else {}))

    def _leave_room(self, room: str) -> None:
        self.rooms.discard(room)  # at once, so that it does nothing more there
        self.ask("leave", room=room)

    def _is_in(self, room: str) -> bool:
        return room in self.rooms or room.startswith(("@", "#lobby"))

    @property
    def shown(self) -> str:
        """Its name now."""
        return self.names[self.renamed]

    def _neighbour(self) -> Member:
        members = self._crowd.members
        return members[(self.number + self._chance.randint(1, NEIGHBOURS)) % len(members)]

    def _text(self) -> str:
        words = self._chance.choices(_WORDS, k=self._chance.randint(3, 20))
        if self._chance.random() < 0.1:
            words.append(f"@{self._neighbour().shown}:")
        return " ".join([*words, str(self._chance.randrange(10_000))])

    def _place(self) -> tuple[str, int] | None:
        if not self.heard:
            return None
        message = json.loads(self.heard)
        return (str(message["room"]), int(message["seq"])) if self._is_in(message["room"]) else None


_ACTIONS: Final[tuple[tuple[Callable[[Member], None], int], ...]] = (
    (Member.say, 44),
    (Member.say_to_all, 1),
    (Member.say_directly, 8),
    (Member.edit, 8),
    (Member.delete, 2),
    (Member.react, 6),
    (Member.read, 8),
    (Member.search, 3),
    (Member.look_back, 3),
    (Member.look_around, 1),
    (Member.type, 2),
    (Member.move, 5),
    (Member.visit_corner, 3),
    (Member.rename, 1),
    (Member.step_out, 1),
)
_GO, _VISIT, _REST = 3, 1, sum(share for _, share in _ACTIONS)


class Crowd:
    """All members on one server. ``done`` counts answers by their request, ``refused`` refusals by request and code,
    ``lost`` the connections that the server closed."""

    def __init__(self, port: int, count: int, seed: int) -> None:
        self.port = port
        self.chance = random.Random(seed)
        self.loop = Loop(self._hung_up)
        self.members = [Member(self, number) for number in range(count)]
        self.away: list[Member] = []
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.lost = self.deliveries = self.visits = self.returns = 0
        self._now = 0.0

    @property
    def connected(self) -> int:
        """Members who are connected."""
        return sum(member.client is not None for member in self.members)

    @property
    def pending(self) -> int:
        """Requests without an answer."""
        return sum(member.pending for member in self.members)

    @property
    def messages(self) -> int:
        """Acknowledged messages."""
        return self.done["send"]

    def enter(self) -> None:
        """Let all members in, each into its first rooms."""
        for member in self.members:
            member.enter()
            for _ in range(ROOMS_OF_ONE):
                member.ask("join", room=f"#room{self.chance.randrange(ROOMS)}")

    def act(self, now: float) -> None:
        """Let one member do one thing, and all come back whose time has come; ``now`` is in seconds."""
        self._now = now
        for member in [one for one in self.away if one.back <= now]:
            self.away.remove(member)
            member.enter()
            self.returns += 1
        member = self.chance.choice(self.members)
        choice = self.chance.randrange(_GO + _VISIT + _REST)
        if choice < _GO:
            if member.client is not None:
                member.leave(now)
                self.away.append(member)
        elif choice < _GO + _VISIT:
            Client(self.port, f"user_{self.chance.randrange(10**6)}", quiet=True, source=member.source).close()
            self.visits += 1
        elif member.client is not None:
            (action,) = self.chance.choices([one for one, _ in _ACTIONS], [share for _, share in _ACTIONS])
            action(member)

    def leave(self) -> None:
        """Let all members go."""
        for member in self.members:
            member.leave(self._now)
        self.away.clear()

    def _hung_up(self, client: Client) -> None:
        """Note that the server closed the connection of a member, who comes back."""
        self.lost += 1
        for member in self.members:
            if member.client is client:
                member.leave(self._now)
                self.away.append(member)
