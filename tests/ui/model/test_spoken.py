"""Whose joins and leaves are shown, in line mode and in the full screen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.ui.followed import FollowedModel, FollowedPlace
from trio_chat.client.events import Backlog
from trio_chat.protocol import events
from trio_chat.ui.actions.account import ChooseJoins, do_account
from trio_chat.ui.model.lines import Teller
from trio_chat.ui.model.notes import Note
from trio_chat.ui.model.place import Place
from trio_chat.ui.model.spoken import LATELY, ShowJoins

OPS = "#ops"
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
BOB, EVE = 2, 3


def said(account: int, minute: int, name: str = "bob", room: str = OPS) -> events.Message:
    time = f"2026-01-31T11:{minute:02}:00.000Z"
    return events.Message(room=room, seq=minute, time=time, sender=name, sender_id=account, text="hi", cid="")


def came(*people: tuple[str, int], **more: Any) -> events.Presence:
    names, ids = tuple(name for name, _ in people), tuple(account for _, account in people)
    return events.Presence(room=OPS, count=3, joined=names, joined_ids=ids, **more)


def told(place: FollowedPlace, event: events.Presence, now: datetime = NOON) -> str:
    place.take(event)
    return "\n".join(Teller(place, now=lambda: now, zone=UTC).tell(event))


@pytest.mark.parametrize(
    ("which", "shown"),
    [
        ("all", "-- bobby and eve are here in #ops (3 people now)"),
        ("spoke", "-- bobby is here in #ops (3 people now)"),
        ("none", ""),
    ],
)
def test_the_setting_says_whose_joins_are_shown(which: ShowJoins, shown: str) -> None:
    place = FollowedPlace(rooms=[events.RoomInfo(name=OPS)])
    place.show_joins = which
    place.take(said(BOB, 50))
    place.take(said(EVE, 40, "eve"))  # twenty minutes ago
    place.take(said(EVE, 59, "eve", "#lobby"))  # elsewhere
    assert told(place, came(("bobby", BOB), ("eve", EVE))) == shown


def test_a_person_who_was_heard_in_the_backlog_spoke_lately() -> None:
    place = FollowedPlace(rooms=[events.RoomInfo(name=OPS)])
    place.show_joins = "spoke"
    place.take(Backlog(room=OPS, events=(said(BOB, 59),)))
    gone = events.Presence(room=OPS, count=2, left=("bob", "eve"), left_ids=(BOB, EVE), left_how=("quit", "quit"))
    assert told(place, gone) == "-- bob has left #ops (2 people now)"
    later = datetime.fromtimestamp(NOON.timestamp() - 60 + LATELY + 1, UTC)
    assert told(place, came(("bob", BOB)), later) == ""


def test_the_full_screen_follows_the_setting_and_its_pages_count() -> None:
    model = FollowedModel()
    model.begin(events.RoomInfo(name="#lobby"), events.RoomInfo(name=OPS))
    log = model.rooms[OPS].log
    model.place.show_joins = "spoke"
    model.take(came(("bob", BOB)), 0.0, NOON.timestamp())
    assert not log.entries
    assert model.rooms[OPS].people.holds("bob", BOB)  # the list has everybody
    model.place.note_past([said(BOB, 59)])
    model.take(came(("bob", BOB), ("eve", EVE)), 0.0, NOON.timestamp())
    assert [entry.came for entry in log.entries] == [("bob",)]


async def test_the_command_chooses_and_tells() -> None:
    place = Place()
    for action, now in ((ChooseJoins("spoke"), "spoke"), (ChooseJoins(), "spoke"), (ChooseJoins("none"), "none")):
        (note,) = await do_account(action, None, place)  # type: ignore[arg-type] # nothing is asked of the server
        assert place.show_joins == now
        assert isinstance(note, Note)
