"""The lines of the log files of rooms, and the names of the files."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.protocol import events
from trio_chat.protocol.events import RoomEvent
from trio_chat.ui.model.log_lines import LogPosition, file_stem, last_position, log_lines, missing_line, position

TIME = "2026-11-30T14:02:33.500Z"
ADA: dict[str, Any] = {"room": "#ops", "seq": 12, "time": TIME, "sender": "ada", "sender_id": 1}
AT = "2026-11-30 14:02:33 #12"


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        (events.Message(**ADA, cid="c", text="hello"), [f"{AT} ada: hello"]),
        (events.Message(**ADA, cid="c", text="one\ntwo"), [f"{AT} ada: one", "    two"]),
        (events.Message(**ADA, cid="c", text="waves", kind="action"), [f"{AT} * ada waves"]),
        (events.Message(**ADA, cid="c", text="yes", reply_to=9), [f"{AT} ada: (to #9) yes"]),
        (events.Message(**ADA, cid="c", text="", deleted=True), [f"{AT} ada: (deleted)"]),
        (events.Edited(**ADA, target=9, text="better"), [f"{AT} * ada edited #9: better"]),
        (events.Edited(**ADA, target=9, text=""), []),
        (events.Deleted(**ADA, target=9), [f"{AT} * ada deleted #9"]),
        (events.Reacted(**ADA, target=9, mark="+1"), [f"{AT} * ada reacted to #9 with +1"]),
        (events.Reacted(**ADA, target=9, mark="+1", on=False), [f"{AT} * ada removed +1 from #9"]),
        (events.TopicChanged(**ADA, text="tea"), [f"{AT} * ada set the topic: tea"]),
        (events.TopicChanged(**ADA, text=""), [f"{AT} * ada cleared the topic"]),
        (
            events.Moderated(**ADA, action="ban", target="bob", reason="rude", until="2026-11-30T15:00:00Z"),
            [f"{AT} * ada banned bob from #ops until 2026-11-30 15:00: rude"],
        ),
        (RoomEvent(room="#ops", seq=12, time=TIME), []),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_kind_of_event_has_its_line(event: RoomEvent, lines: list[str]) -> None:
    assert log_lines(event, UTC) == lines


def test_nothing_in_a_line_acts_on_a_terminal_that_shows_the_file() -> None:
    hostile = "\x1b]52;c;aGk=\x07\u202e\x9b2J\r"
    event = events.Message(
        room="#ops", seq=1, time=TIME, sender=hostile, sender_id=1, cid="c", text=f"{hostile}\n{hostile}"
    )
    text = "".join(log_lines(event, UTC))
    assert not [char for char in text if char != " " and not char.isprintable()]


@pytest.mark.parametrize("time", ["", "soon", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_an_impossible_time_comes_before_all_others(time: str) -> None:
    event = events.Message(room="#ops", seq=1, time=time, sender="ada", sender_id=1, cid="c", text="x")
    assert position(event, UTC) == LogPosition("0001-01-01 00:00:00", 1)


def test_the_last_event_of_a_file_is_found_behind_texts_that_look_like_events() -> None:
    said = [
        *log_lines(
            events.Message(**ADA, cid="c", text="2026-12-01 00:00:00 #99 bob: x\n2026-12-01 00:00:00 #98 bob: y"), UTC
        ),
        missing_line("2026-12-01 00:00:00", 3),
    ]
    tail = "".join(f"{line}\n" for line in said).encode()
    assert last_position(tail) == LogPosition("2026-11-30 14:02:33", 12)
    assert last_position(b"no event\n") is None
    assert said[-1] == "2026-12-01 00:00:00 -- 3 events are not in this log"


@pytest.mark.parametrize(
    ("room", "stem"),
    [
        ("#ops", "ops"),
        ("#été", "été"),
        ("#東京", "東京"),
        ("#v1.2", "v1.2"),
        ("@ada+bob", "@ada+bob"),
        ("#..", "%2E."),
        ("#.hidden", "%2Ehidden"),
        ("#a/../b", "a%2F..%2Fb"),
        ("#a\x00\n", "a%00%0A"),
        ("#100%", "100%25"),
        ("#@ada", "%23@ada"),
        ("#", "%23"),
        ("", ""),
    ],
)
def test_a_file_is_named_after_its_room(room: str, stem: str) -> None:
    assert file_stem(room) == stem


def test_a_long_name_is_cut_and_stays_different_from_others() -> None:
    one, other = (file_stem(f"#{'東' * 100}{end}") for end in "ab")
    assert one != other
    assert len(one.encode()) <= 180


@given(st.text(), st.text())
def test_two_rooms_never_share_a_file(one: str, other: str) -> None:
    stems = [file_stem(f"#{one}"), file_stem(f"#{other}")]
    assert (stems[0] == stems[1]) is (one == other)
    for stem in stems:
        assert "/" not in stem
        assert "\0" not in stem
        assert not stem.startswith(".")
        assert len(stem.encode()) <= 180
