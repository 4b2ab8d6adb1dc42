"""How long the broker takes for what once walked over everybody: mistyped names, and sessions that may be silent.

``python -m tests.benchmarks.broker_speed`` prints the median and the longest of many calls, in milliseconds.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

from trio_chat.broker import Broker, BrokerSettings
from trio_chat.errors import Refusal
from trio_chat.protocol.names import LOBBY
from trio_chat.records import RoomState, SaveAccount, SaveMember, SaveRoom, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

COUNT = 100_000
"""Accounts, rooms and sessions."""

_SYLLABLES = (
    "an",
    "be",
    "cor",
    "da",
    "el",
    "fin",
    "go",
    "hu",
    "ir",
    "jo",
    "ka",
    "lu",
    "mo",
    "ni",
    "os",
    "pe",
    "qui",
    "ro",
)


def made_up(count: int) -> list[str]:
    """Names as people choose them, and as servers make them up."""
    dice = random.Random(1)
    names = {f"user_{number}" for number in range(count // 2)}
    while len(names) < count:
        names.add(
            "".join(dice.choices(_SYLLABLES, k=dice.randint(2, 5))) + str(dice.randrange(100)) * dice.randint(0, 1)
        )
    return sorted(names)


def full_broker(names: list[str]) -> Broker:
    """A broker with these accounts, each in a room of its own too."""
    stamp = "2026-01-01T00:00:00.000Z"
    return Broker(
        BrokerSettings(idle_timeout=3600.0),
        Snapshot(
            accounts=tuple(SaveAccount(n, name, name, name, stamp, stamp) for n, name in enumerate(names, 1)),
            rooms=(
                RoomState(SaveRoom(1, LOBBY, stamp)),
                *(RoomState(SaveRoom(n, f"#{name}", stamp)) for n, name in enumerate(names, 2)),
            ),
            members=tuple(SaveMember(1, n) for n in range(1, len(names) + 1)),
            next_account=len(names) + 1,
            next_room=len(names) + 2,
        ),
    )


def clock(what: str, calls: Iterable[Callable[[], object]]) -> None:
    """Print how long these calls take."""
    times = []
    for call in calls:
        started = time.perf_counter()
        call()
        times.append((time.perf_counter() - started) * 1000)
    sys.stdout.write(f"{what:44} median {statistics.median(times):7.3f} ms   longest {max(times):7.3f} ms\n")


def main() -> None:
    """Measure all."""
    names = made_up(COUNT)
    broker = full_broker(names)
    dice = random.Random(2)
    person = broker.persons[1]

    def mistyped() -> str:
        name = dice.choice(names)
        at = dice.randrange(len(name))
        return name[:at] + dice.choice("xyz_") + name[at + dice.randrange(2) :]

    words = [mistyped() for _ in range(400)]
    found = sum(
        "Did you mean" in answer.advice + answer.message
        for word in words
        if isinstance(answer := broker.find_person(word), Refusal)
    )
    sys.stdout.write(f"{COUNT} accounts, rooms and sessions; {found} of {len(words)} mistyped names were understood\n")
    clock("a mistyped name of a person", (partial(broker.find_person, word) for word in words))
    clock("a mistyped name of a room", (partial(broker.no_such_room, f"#{word}", person) for word in words))
    clock("a name far from all", [partial(broker.find_person, "zzyzx_unlike_any")] * 100)
    for session in range(COUNT):
        broker.open(session, 1.0 + session / 1000, token=f"{session}", number=session)
        broker.sessions[session].active = 1e9  # all are busy, which is found out one by one
    clock("tick, while sessions are to be checked", (partial(broker.tick, 10.0 + now) for now in range(100)))
    clock("tick, with all due at once", [partial(broker.tick, 1e6)] * 100)


if __name__ == "__main__":
    main()
