"""What /whois shows of a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from tests.ui.followed import FollowedPlace
from trio_chat.errors import NotDone
from trio_chat.protocol.events import PersonInfo, RoomInfo
from trio_chat.ui.actions.person import describe_person
from trio_chat.ui.model.ignored import Ignored

if TYPE_CHECKING:
    from trio_chat.client import Chat

PEOPLE = {
    "#lobby": (PersonInfo(name="ada", id=1), PersonInfo(name="Eve", id=7, away="lunch\x1b[2J", role="owner")),
    "#ops": (PersonInfo(name="ada", id=1), PersonInfo(name="Eve", id=7, role="moderator")),
    "#plans": (PersonInfo(name="ada", id=1),),
}


class Listing:
    """A connection that lists people, and notes of which rooms."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def who(self, room: str) -> tuple[PersonInfo, ...]:
        self.asked.append(room)
        return PEOPLE[room]


def place() -> FollowedPlace:
    rooms = [*PEOPLE, "@ada+eve"]
    return FollowedPlace(rooms=[RoomInfo(name=name, direct=name[0] == "@", members=("ada", "eve")) for name in rooms])


async def test_a_person_who_is_here_is_shown_with_the_rooms_that_are_shared() -> None:
    here = place()
    here.ignored = Ignored(["eve"])
    note = await describe_person("EVE", cast("Chat", Listing()), here)
    assert note.lines == (
        "Eve: here, away: lunch\u241b[2J",
        "  in #lobby (owner), #ops (moderator)",
        "  account number 7",
        "  you have a conversation: /query Eve",
        "  you ignore them",
    )


async def test_only_so_many_rooms_are_asked_about() -> None:
    here = place()
    here.known.update(FollowedPlace(rooms=[RoomInfo(name=f"#r{n}") for n in range(30)]).known)
    listing = Listing()
    PEOPLE.update({f"#r{n}": () for n in range(30)})
    await describe_person("ada", cast("Chat", listing), here)
    assert len(listing.asked) == 11


async def test_a_person_who_is_not_here_is_an_error() -> None:
    with pytest.raises(NotDone, match="Nobody here is called bob"):
        await describe_person("bob", cast("Chat", Listing()), place())
