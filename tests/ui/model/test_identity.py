"""Who is who in line mode after people changed their names: told, edited, ignored and replied to by their accounts.

ada (1) speaks and becomes eve; bob (2), who is the reader, becomes ada.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tests.ui.followed import FollowedPlace
from trio_chat.client.events import Backlog
from trio_chat.client.known_accounts import KnownAccounts
from trio_chat.protocol import events
from trio_chat.ui.model.ignored import Ignore, Ignored, IgnoredPeople, IgnoredPerson, reactions_of
from trio_chat.ui.model.lines import Teller
from trio_chat.ui.model.notes import Hits
from trio_chat.ui.state_files import load_ignored

TIME = "2026-01-31T12:00:00.000Z"
ADA, BOB, CARL = 1, 2, 3
DIRECT = events.RoomInfo(name="@ada+bob", direct=True, members=("ada", "bob"), member_ids=(ADA, BOB))


def said(seq: int, sender: str, account: int, text: str = "", room: str = "#ops", **more: object) -> events.Message:
    return events.Message(
        room=room, seq=seq, time=TIME, sender=sender, sender_id=account, text=text or f"m{seq}", cid=f"c{seq}", **more  # type: ignore[arg-type] # a message's fields
    )  # fmt: skip


def reader(*rooms: events.RoomInfo) -> tuple[FollowedPlace, Teller]:
    """Bob, and what he is told."""
    place = FollowedPlace("bob", rooms=rooms or (events.RoomInfo(name="#ops"), DIRECT))
    place.accounts.own = BOB
    place.accounts.epoch = "1"
    place.accounts.learn(BOB, "bob")
    return place, Teller(place, now=lambda: datetime(2026, 1, 31, 12, tzinfo=UTC), zone=UTC)


def swap(place: FollowedPlace) -> None:
    """ada becomes eve, and bob ada."""
    place.take(events.Renamed(old="ada", new="eve", id=ADA))
    place.take(events.Renamed(old="bob", new="ada", id=BOB))


def test_a_line_said_under_an_earlier_name_says_who_that_is_now() -> None:
    place, teller = reader()
    first = said(1, "ada", ADA, "hello")
    place.take(first)
    assert teller.tell(first) == ["[12:00] #ops ada: hello"]
    swap(place)
    assert teller.tell(first) == ["[12:00] #ops ada (now eve): hello"]
    assert teller.tell(said(2, "bob", BOB, "hi")) == ["[12:00] #ops bob (now ada): hi"]
    assert teller.tell(said(3, "ada", BOB, "hm", reply_to=1)) == [
        "[12:00] #ops ada (to ada (now eve): hello): hm",
    ]
    line = {"room": "#ops", "seq": 4, "time": TIME, "sender": "ada", "sender_id": ADA}
    topic = events.TopicChanged(**line, text="plans")  # type: ignore[arg-type] # its fields
    kick = events.Moderated(**line, action="kick", target="bob", target_id=BOB)  # type: ignore[arg-type] # as above
    assert teller.tell(topic) == ["-- ada (now eve) set the topic: plans (#ops)"]
    assert teller.tell(kick)[0].startswith("-- ada (now eve) kicked bob (now ada)")
    assert teller.tell(Hits(messages=(first,))) == ["[12:00] #ops #1 ada (now eve): hello"]


def test_a_line_of_somebody_whose_name_the_reader_has_now_is_not_theirs() -> None:
    place, teller = reader()
    place.take(said(1, "ada", ADA))
    place.take(said(2, "bob", BOB))
    place.take(said(3, "ada", ADA))
    swap(place)
    assert place.me == "ada"
    assert place.find_said("#ops", 1, own=True) == 2
    place.note_said("#ops", 4, "mine")
    assert place.find_said("#ops", 1, own=True) == 4
    assert teller.rings(said(5, "ada", ADA, "psst", "@ada+bob"))
    assert not teller.rings(said(6, "bob", BOB, "psst", "@ada+bob"))


def test_a_mention_is_of_the_account_that_had_the_name() -> None:
    place, teller = reader()
    swap(place)
    assert not teller.rings(said(1, "carl", CARL, "hey @ada", mentions=(ADA,)))
    assert teller.rings(said(2, "carl", CARL, "hey @bob", mentions=(BOB,)))


def test_the_names_to_complete_are_those_of_today() -> None:
    place, _ = reader(events.RoomInfo(name="#ops"))
    swap(place)
    place.take(Backlog(room="#ops", events=(said(1, "ada", ADA), said(2, "carl", CARL))))
    assert place.people == ("carl", "eve")


def test_a_direct_conversation_stays_with_its_people() -> None:
    place, teller = reader()
    swap(place)
    place.take(events.Presence(room="#lobby", count=3, joined=("bob",), joined_ids=(CARL,)))
    assert place.members(DIRECT.name) == ("eve",)
    assert place.find_direct("@eve") == DIRECT.name
    assert place.find_direct("@bob") is None
    assert teller.tell(said(1, "ada", ADA, "hi", DIRECT.name)) == ["[12:00] ada (now eve) → ada (private): hi"]
    assert teller.tell(said(2, "bob", BOB, "hi", DIRECT.name)) == ["[12:00] bob (now ada) → eve (private): hi"]


def test_a_reaction_stays_with_the_account() -> None:
    place, teller = reader()
    swap(place)
    message = said(1, "carl", CARL, "hi", reactions={"👍": ("ada", "bob")}, reaction_ids={"👍": (ADA, BOB)})
    assert teller.tell(message) == ["[12:00] #ops carl: hi", "    👍 eve and ada"]


def test_the_colour_stays_with_the_account() -> None:
    place = reader()[0]
    teller = Teller(place, zone=UTC, colour=True)
    before = teller.tell(said(1, "ada", ADA))[0].partition("#ops ")[2].partition("ada")[0]
    swap(place)
    after = teller.tell(said(2, "eve", ADA))[0].partition("#ops ")[2].partition("eve")[0]
    assert before == after


# ---- ignoring -----------------------------------------------------------------------------------


def test_an_ignored_person_stays_ignored_under_another_name_and_nobody_inherits_it() -> None:
    place, teller = reader()
    place.take(said(1, "ada", ADA))
    assert place.ignored.do(Ignore("ada"), place.accounts).lines[0].startswith("You ignore ada now")
    place.take(events.Renamed(old="ada", new="eve", id=ADA))
    place.take(events.Renamed(old="carl", new="ada", id=CARL))
    assert place.ignored.names == ["eve"]
    assert teller.tell(said(2, "eve", ADA)) == []
    assert teller.tell(said(3, "ada", CARL)) == ["[12:00] #ops ada: m3"]
    message = said(4, "ada", CARL, reactions={"👎": ("ada", "carl")}, reaction_ids={"👎": (ADA, CARL)})
    assert reactions_of(place.ignored.left_of(message)) == {"👎": (("carl", CARL),)}
    assert place.ignored.do(Ignore("ada", on=False), place.accounts).lines == ("You do not ignore ada.",)
    assert place.ignored.do(Ignore("eve", on=False), place.accounts).lines == ("You do not ignore eve any more.",)
    assert teller.tell(said(5, "ada", ADA)) == ["[12:00] #ops ada (now eve): m5"]


def test_a_rename_while_the_reader_is_away_changes_nothing() -> None:
    place, teller = reader()
    place.ignored = Ignored(IgnoredPeople((IgnoredPerson("ada", ADA),), "1"))
    back = KnownAccounts("bob", BOB)
    back.epoch = "1"
    back.learn(ADA, "eve")
    back.learn(CARL, "ada")
    place.enter(back, "#lobby", place.known)
    assert place.ignored.names == ["eve"]
    assert (teller.tell(said(1, "ada", ADA)), len(teller.tell(said(2, "ada", CARL)))) == ([], 1)


def test_a_name_without_a_number_gets_the_number_of_who_has_it(tmp_path: Path) -> None:
    load_ignored("ws://one/", tmp_path)._save(IgnoredPeople())
    (path,) = (tmp_path / "ignored").iterdir()
    path.write_text('["Ada","nobody"]')  # as version 0.1 wrote it
    place, teller = reader()
    place.ignored = load_ignored("ws://one/", tmp_path)
    assert teller.tell(said(1, "ada", 99)) == []  # by the name, as long as nobody is known to have it
    place.take(events.TypingNotice(room="#ops", name="ada", id=ADA))
    assert place.ignored.names == ["ada", "nobody"]
    again = load_ignored("ws://one/", tmp_path)
    assert (again.covers("eve", ADA), again.covers("ada", 99), again.covers("nobody", 7)) == (True, False, True)
    assert msgspec.json.decode(path.read_bytes()) == {
        "epoch": "1",
        "people": [{"name": "ada", "account": ADA}, {"name": "nobody"}],
    }


def test_numbers_of_another_history_are_not_those_of_this_one() -> None:
    place, _ = reader()
    place.accounts.learn(CARL, "ada")
    place.ignored = Ignored(IgnoredPeople((IgnoredPerson("ada", ADA), IgnoredPerson("mallory", BOB)), "0"))
    place.enter(place.accounts, "#lobby", place.known)
    covers = place.ignored.covers
    assert (covers("x", ADA), covers("x", BOB), covers("ada", CARL), covers("mallory", 7)) == (False, False, True, True)


@pytest.mark.parametrize("number", [0, ADA])
def test_a_server_without_numbers_goes_by_names(number: int) -> None:
    place = FollowedPlace("bob", rooms=[events.RoomInfo(name="#ops")])
    place.ignored = Ignored(IgnoredPeople((IgnoredPerson("ada", number),), "1" if number else ""))
    assert place.ignored.covers("ada")
    place.take(events.Renamed(old="ada", new="eve"))
    assert (place.ignored.covers("eve"), place.ignored.covers("ada")) == (True, False)
