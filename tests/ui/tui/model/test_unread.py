"""What is unread follows from the log as it is now: edits, deletions, other devices, restarts."""

from __future__ import annotations

import pytest

from tests.ui.followed import LOBBY, FollowedModel, entered, message
from tests.ui.tui.rich_server import stamp
from trio_chat.protocol import events
from trio_chat.ui.model.ignored import Ignore
from trio_chat.ui.tui.model.effects import Load, SayRead
from trio_chat.ui.tui.model.log import RoomLog

OPS = "#ops"


def take(model: FollowedModel, *lines: events.RoomEvent) -> None:
    for line in lines:
        model.take(line, 0.0, 0.0)


def edited(seq: int, target: int, text: str) -> events.Edited:
    return events.Edited(room=OPS, seq=seq, time=stamp(seq), sender="bob", target=target, text=text)


def deleted(seq: int, target: int, sender: str = "bob") -> events.Deleted:
    return events.Deleted(room=OPS, seq=seq, time=stamp(seq), sender=sender, target=target)


def counts(model: FollowedModel, room: str = OPS) -> tuple[int, int, int | None]:
    one = model.rooms[room]
    return one.unread, one.mentions, one.new_since


def test_a_mention_that_was_deleted_or_edited_away_is_gone_and_a_new_one_counts() -> None:
    model = entered()
    take(model, message(1, "@ada", room=OPS), message(2, "@ada", room=OPS), message(3, "lunch", room=OPS))
    assert counts(model) == (3, 2, 0)
    take(model, deleted(4, 1))
    assert counts(model) == (2, 1, 0)
    take(model, edited(5, 2, "nobody"), edited(6, 3, "lunch, @ada?"))
    assert counts(model) == (2, 1, 0)
    take(model, deleted(7, 2), deleted(8, 3, "eve"))
    assert counts(model) == (0, 0, None)


def test_what_was_said_in_a_room_that_was_empty_when_one_joined_is_unread() -> None:
    model = FollowedModel()
    effects = model.begin(
        events.RoomInfo(name=LOBBY), events.RoomInfo(name="#plans", last=3, mentions=1, mentioned=(2,))
    )
    assert counts(model, "#plans") == (3, 1, 0)
    assert model.next_room() == "#plans"
    assert effects[-1] == Load(("#plans",))
    reaction = events.Reacted(room="#plans", seq=3, time=stamp(3), sender="eve", target=1, mark="+1")
    page = [message(1, room="#plans"), message(2, "@ada", room="#plans"), reaction]
    model.rooms["#plans"].log.take_older(page, more=False)
    assert counts(model, "#plans") == (2, 1, 0)  # a reaction is no message


def test_reading_on_another_device_leaves_what_came_later_unread() -> None:
    model = entered(events.RoomInfo(name=LOBBY), events.RoomInfo(name=OPS, last=3, read=3))
    take(model, *(message(seq, room=OPS) for seq in range(4, 11)))
    assert counts(model) == (7, 0, 3)
    model.take(events.ReadUpTo(room=OPS, seq=9), 0.0, 0.0)
    assert counts(model) == (1, 0, 9)


def test_the_line_new_of_the_room_on_the_screen_moves_when_another_device_reads_on() -> None:
    model = entered()
    model.attention.focused = False
    take(model, *(message(seq, room=LOBBY) for seq in range(1, 4)))
    assert counts(model, LOBBY) == (3, 0, 0)
    model.take(events.ReadUpTo(room=LOBBY, seq=2), 0.0, 0.0)
    assert counts(model, LOBBY) == (1, 0, 2)
    model.attention.focused = True
    assert model.saw() == [SayRead(LOBBY, 3)]
    assert counts(model, LOBBY) == (0, 0, 2)  # it stays while the person reads
    model.take(events.ReadUpTo(room=LOBBY, seq=3), 0.0, 0.0)
    assert counts(model, LOBBY) == (0, 0, None)


def test_a_line_that_arrives_before_ones_eyes_makes_no_line_new() -> None:
    model = entered()
    take(model, message(1), message(2))
    assert counts(model, LOBBY) == (0, 0, None)


@pytest.mark.parametrize(
    "change",
    [
        events.Edited(room=LOBBY, seq=2, time=stamp(2), sender="bob", target=1, text="better"),
        events.Deleted(room=LOBBY, seq=2, time=stamp(2), sender="bob", target=1),
        events.Reacted(room=LOBBY, seq=2, time=stamp(2), sender="eve", target=1, mark="+1"),
    ],
    ids=lambda change: type(change).__name__,
)
def test_a_change_of_a_message_on_the_screen_is_read_at_once(change: events.RoomEvent) -> None:
    model = entered()
    take(model, message(1))
    assert model.take(change, 0.0, 0.0) == [SayRead(LOBBY, 2)]
    model.place.ignored.do(Ignore("eve"), model.place.accounts)
    assert model.take(message(3, sender="eve"), 0.0, 0.0) == [SayRead(LOBBY, 3)]  # nor does a hidden one wait


def test_events_above_and_below_the_loaded_stretch_count_in_full() -> None:
    model = entered(
        events.RoomInfo(name=LOBBY), events.RoomInfo(name=OPS, last=100, read=10, mentions=2, mentioned=(15, 55))
    )
    log = model.rooms[OPS].log
    log.replace([message(seq, room=OPS) for seq in range(50, 60)], more_before=True, more_after=True)
    take(model, message(101, room=OPS))
    assert log.gaps(10, 101) == [(10, 49), (59, 101)]
    assert counts(model) == (39 + 10 + 42, 1, 10)  # of the loaded ones none calls


def test_lines_that_another_device_read_before_they_came_here_are_read() -> None:
    model = entered()
    assert counts(model) == (0, 0, None)
    model.known[OPS].last = 2
    model.known[OPS].mark_read(2)
    assert counts(model) == (0, 0, None)
    take(model, message(1, room=OPS), message(2, room=OPS), message(3, room=OPS))
    assert counts(model) == (1, 0, 2)


def test_the_gaps_of_a_log() -> None:
    log = RoomLog()
    assert log.gaps(3, 9) == [(3, 9)]
    log.take(edited(10, 1, "x"))
    log.take(message(11, room=OPS))
    assert log.gaps(3, 11) == [(3, 9)]
    assert log.gaps(10, 11) == []
    log.take_older([message(seq, room=OPS) for seq in range(5, 10)], more=True)
    assert log.gaps(3, 11) == [(3, 4)]
    log.take_older([message(seq, room=OPS) for seq in range(1, 5)], more=False)
    assert log.gaps(0, 11) == []
