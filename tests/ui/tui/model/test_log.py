"""The loaded stretch of a room's log: how it grows, how messages change, how they are described."""

from __future__ import annotations

import sys
from datetime import UTC
from typing import Any

import pytest
from msgspec import structs

from tests.ui.tui.rich_server import stamp
from trio_chat.client.known_accounts import AccountRef
from trio_chat.protocol import events
from trio_chat.ui.model.place import Place
from trio_chat.ui.tui.model.log import RoomLog, about, moment, rule

LOBBY = "#lobby"


def message(seq: int, text: str = "", sender: str = "bob", **more: Any) -> events.Message:
    return events.Message(
        room=LOBBY, seq=seq, time=stamp(seq), sender=sender, text=text or f"m{seq}", cid=f"c{seq}", **more
    )


def test_the_loaded_stretch_grows_at_both_ends_within_its_bound() -> None:
    log = RoomLog(most=100)
    log.replace([message(n) for n in range(500, 600)], more_before=True, more_after=True)
    log.take_older([message(n) for n in range(400, 500)], more=True)
    log.trim(410)
    assert (log.oldest, log.newest, log.at_end) == (400, 499, False)
    log.take_newer([message(n) for n in range(500, 600)], more=False)
    log.trim(None)
    assert (log.oldest, log.newest, log.at_start, log.at_end) == (500, 599, False, True)
    assert log.take(message(600)) is not None
    assert log.newest == 600


def test_live_messages_are_not_added_after_a_gap() -> None:
    log = RoomLog()
    log.replace([message(n) for n in range(1, 50)], more_before=False, more_after=True)
    log.take(message(900))
    assert log.newest == 49


def test_overlapping_pages_add_no_message_twice() -> None:
    log = RoomLog()
    for n in range(90, 100):
        log.take(message(n))
    log.take_older([message(n) for n in range(80, 95)], more=True)
    assert [entry.seq for entry in log.entries] == list(range(80, 100))


def test_pages_of_changes_alone_are_passed() -> None:
    log = RoomLog()
    marks = [events.Reacted(room=LOBBY, seq=n, time=stamp(), sender="bob", target=1, mark="👍") for n in range(2, 9)]
    log.replace([message(9)], more_before=True, more_after=True)
    log.take_older(marks[3:], more=True)
    assert (log.before, log.oldest) == (5, 9)
    log.take_newer([structs.replace(mark, seq=mark.seq + 10) for mark in marks], more=True)
    assert (log.after, log.newest) == (18, 9)
    log.trim(None)
    log.take_older([message(1), *marks[:3]], more=False)
    assert [entry.seq for entry in log.entries] == [1, 9]
    log.leave_stretch()
    assert (log.before, log.after, log.at_end) == (0, 0, True)


def test_the_loaded_stretch_knows_which_events_it_holds() -> None:
    log = RoomLog()
    assert not log.holds(1)
    log.replace([message(n) for n in range(5, 9)], more_before=True, more_after=True)
    assert [n for n in range(1, 12) if log.holds(n)] == [5, 6, 7, 8]
    log.take_older([], more=False)
    log.take_newer([], more=False)
    assert all(log.holds(n) for n in range(1, 12))


def test_notes_from_before_the_first_page_stay_behind_it() -> None:
    log = RoomLog()
    log.tell("hello", 1.0)
    log.take_older([message(1), message(2)], more=False)
    assert [entry.text for entry in log.entries] == ["m1", "m2", "hello"]
    log.take(message(3))
    assert [entry.seq for entry in log.entries] == [1, 2, 2, 3]


def test_edits_deletions_and_reactions_change_their_message_in_place() -> None:
    log = RoomLog()
    log.take(message(1, "teh"))
    log.take(message(2, "other"))
    log.take(events.Edited(room=LOBBY, seq=3, time=stamp(), sender="bob", target=1, text="the"))
    log.take(events.Reacted(room=LOBBY, seq=4, time=stamp(), sender="ada", target=1, mark="👍"))
    log.take(events.Reacted(room=LOBBY, seq=5, time=stamp(), sender="eve", target=1, mark="👍"))
    log.take(events.Reacted(room=LOBBY, seq=6, time=stamp(), sender="ada", target=1, mark="👍", on=False))
    entry = log.find(1)
    assert entry is not None
    assert (entry.text, entry.edited, entry.reactions) == ("the", True, {"👍": (AccountRef("eve"),)})
    log.take(events.Deleted(room=LOBBY, seq=7, time=stamp(), sender="bob", target=1))
    assert (entry.text, entry.deleted, entry.reactions) == ("", True, None)
    assert len(log) == 2
    log.take(events.Edited(room=LOBBY, seq=8, time=stamp(), sender="bob", target=77, text="nowhere"))


def test_a_message_from_history_has_its_present_state() -> None:
    log = RoomLog()
    log.take_older(
        [message(1, "now", edited=stamp(), reactions={"🎉": ("eve",)}, reply_to=7), message(2, "x", deleted=True)],
        more=False,
    )
    first, second = log.entries
    assert (first.edited, first.reactions, first.reply_to) == (True, {"🎉": (AccountRef("eve"),)}, 7)
    assert (second.deleted, second.text) == (True, "")


def test_arrivals_and_departures_fold_and_cancel_out() -> None:
    log = RoomLog()
    log.people(("bob", "eve"), (), 1.0)
    log.people(("sis",), ("bob", "mom"), 2.0)
    assert (log.entries[0].came, log.entries[0].left) == (("eve", "sis"), ("mom",))
    log.take(message(1))
    log.people((), ("eve",), 3.0)
    assert [entry.kind for entry in log.entries] == ["people", "text", "people"]
    log.people(("eve",), (), 4.0)
    assert [entry.kind for entry in log.entries] == ["people", "text"]  # nothing is left to show
    log.people((), ("sis",), 5.0)
    assert log.entries[-1].left == ("sis",)


def test_a_hundred_thousand_messages_take_little_memory() -> None:
    log = RoomLog(most=200_000)
    for n in range(1, 2001):
        log.take(message(n, f"a message of ordinary length, number {n}"))
    each = sum(sys.getsizeof(one) + sys.getsizeof(one.text) + sys.getsizeof(one.time) for one in log.entries) / 2000
    assert each * 100_000 < 60_000_000


def test_times_of_every_form_are_read_or_0() -> None:
    assert moment("2026-01-31T12:00:00.000Z") == 1769860800.0
    assert moment("nonsense") == 0.0


@pytest.mark.parametrize(
    ("action", "value", "sentence"),
    [
        ("slow", "5", "turned slow mode on: 5 seconds between two messages of a person"),
        ("slow", "off", "turned slow mode off"),
        ("keep", "off", "set messages to be kept as long as the server keeps them"),
        ("private", "on", "made the room private"),
        ("private", "off", "made the room public"),
        ("announce_only", "on", "let only moderators write"),
    ],
)
def test_a_change_of_settings_is_a_sentence(action: str, value: str, sentence: str) -> None:
    assert (
        rule(
            events.Moderated(
                room="#ops", seq=1, time="2026-01-31T12:00:00.000Z", sender="ada", action=action, value=value
            )
        )
        == sentence
    )


def test_the_details_of_a_message() -> None:
    log = RoomLog()
    entry = log.take(message(7, "hi", reply_to=3, edited=stamp(), reactions={"👍": ("ada", "bob")}))
    assert entry is not None
    entry.delivery = "delivered"
    assert about(entry, Place(), UTC) == [
        "sender    bob",
        "time      2026-07-27 12:00:07",
        "number    7",
        "reply to  3",
        "state     edited",
        "delivery  delivered",
        "👍 from ada, bob",
    ]
