"""How changes, the past, what moderators do and the lists look."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ui.model.test_lines import HOSTILE, TIME, message, tell, teller
from trio_chat.client.events import Backlog
from trio_chat.output import rendered_line
from trio_chat.protocol.events import (
    BanList,
    Deleted,
    DeviceList,
    Edited,
    Event,
    Invited,
    Left,
    Message,
    Moderated,
    Reacted,
    Room,
    RoomEvent,
    RoomInfo,
    RoomLine,
    RoomList,
)
from trio_chat.protocol.parts import BanInfo, DeviceInfo
from trio_chat.ui.model.notes import Context, Hits


def said(seq: int, text: str, sender: str = "eve", room: str = "#lobby", **more: object) -> Message:
    return Message(room=room, seq=seq, time=TIME, sender=sender, text=text, cid="c", **more)  # type: ignore[arg-type] # whatever a test sets


def moderated(
    action: str, *, target: str = "", value: str = "", reason: str = "", until: str | None = None
) -> Moderated:
    return Moderated(
        room="#ops",
        seq=1,
        time=TIME,
        sender="ada",
        action=action,
        target=target,
        value=value,
        reason=reason,
        until=until,
    )


def test_an_edit_deletion_or_reaction_is_a_line_of_its_own() -> None:
    one = teller()
    tell(said(12, "lunch at four"), one)
    common: dict[str, Any] = {"room": "#lobby", "time": TIME, "sender": "eve", "target": 12}
    assert tell(Edited(seq=13, text="lunch\nat five", **common), one) == [
        "[12:03] #lobby * eve edited #12: lunch",
        "    at five",
    ]
    assert tell(Reacted(seq=14, mark="👍", **common), one) == [
        "[12:03] #lobby * eve reacted to #12 with 👍 (lunch at five)"
    ]
    assert tell(Reacted(seq=15, mark="👍", on=False, **common), one) == [
        "[12:03] #lobby * eve removed 👍 from #12 (lunch at five)"
    ]
    assert tell(Deleted(seq=16, **common), one) == ["[12:03] #lobby * eve deleted #12"]
    assert tell(Edited(seq=17, text="", **common), one) == []


def test_a_reply_shows_its_message() -> None:
    one = teller()
    tell(said(12, "lunch at four"), one)
    assert tell(said(13, "fine", "bob", reply_to=12), one) == ["[12:03] #lobby bob (to eve: lunch at four): fine"]
    assert tell(said(14, "fine", "bob", reply_to=3), one) == ["[12:03] #lobby bob (to #3): fine"]


def test_numbers_are_shown_on_demand() -> None:
    one = teller()
    one._place.numbered = True
    assert tell(said(12, "hi"), one) == ["[12:03] #lobby #12 eve: hi"]


def test_the_backlog_shows_messages_as_they_are_now_and_marks_the_new_ones() -> None:
    events: tuple[RoomEvent, ...] = (
        said(1, "one", edited=TIME),
        said(2, "", deleted=True),
        Deleted(room="#lobby", seq=3, time=TIME, sender="eve", target=2),
        said(4, "four", reactions={"👍": ("bob", "eve")}),
    )
    assert tell(Backlog(room="#lobby", events=events, unread_from=3, unread=2)) == [
        "[12:03] #lobby eve: one (edited)",
        "[12:03] #lobby eve: (deleted)",
        "-- new in #lobby since you left",
        "[12:03] #lobby eve: four",
        "    👍 bob and eve",
    ]
    assert tell(Backlog(room="#lobby", events=events[3:], unread_from=1, unread=50))[0] == (
        "-- new in #lobby since you left; 49 more before these"
    )
    assert tell(Backlog(room="#lobby", events=events[:1])) == ["[12:03] #lobby eve: one (edited)"]


def test_a_mention_in_the_backlog_rings_too() -> None:
    one = teller()
    events = (said(1, "@ada?"), said(2, "hm"))
    assert one.rings(Backlog(room="#lobby", events=events, unread_from=1, unread=2))
    assert not one.rings(Backlog(room="#lobby", events=events, unread_from=2, unread=1))
    assert not one.rings(Backlog(room="#lobby", events=events))


def test_search_results_have_numbers_and_say_whether_more_exist() -> None:
    assert tell(Hits(messages=(said(12, "tea"),), more=True, behind=3)) == [
        "[12:03] #lobby #12 eve: tea",
        "-- The newest 3 messages are not indexed yet; try again in a moment.",
        "-- There is more: type /search alone for the next page.",
    ]
    assert tell(Hits(messages=())) == ["Nothing was found."]


def test_the_message_of_a_context_is_highlighted() -> None:
    lines = tell(Context(room="#lobby", around=2, events=(said(1, "a"), said(2, "b"))), teller(colour=True))
    assert [rendered_line(line).startswith("\x1b[1m") for line in lines] == [False, True]


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (moderated("kick", target="bob", reason="enough"), "-- ada kicked bob from #ops: enough"),
        (moderated("ban", target="bob", until=TIME), "-- ada banned bob from #ops until 12:03"),
        (moderated("ban", value="192.0.2.0/24"), "-- ada banned 192.0.2.0/24 from #ops"),
        (moderated("unban", target="bob"), "-- ada lifted the ban of bob from #ops"),
        (moderated("mute", target="bob"), "-- ada muted bob in #ops"),
        (moderated("unmute", target="bob"), "-- ada unmuted bob in #ops"),
        (moderated("role", target="bob", value="owner"), "-- ada made bob an owner of #ops"),
        (moderated("private", value="on"), "-- ada made #ops private: only invited people can join it"),
        (moderated("private", value="off"), "-- ada made #ops public"),
        (moderated("announce_only", value="on"), "-- ada let only moderators write in #ops"),
        (moderated("slow", value="90"), "-- ada turned slow mode on in #ops: 90s between two messages of a person"),
        (moderated("slow", value="off"), "-- ada turned slow mode off in #ops"),
        (moderated("keep", value="30"), "-- ada set how long messages are kept in #ops: for 30 days"),
        (moderated("dance", value="jig"), "-- ada changed dance of #ops to jig"),
        (Left(room="#ops", reason="bob removed you."), "-- You are no longer in #ops: bob removed you."),
        (Invited(room="#ops", by="bob"), "-- bob invited you to #ops. Type /join #ops to join it."),
    ],
)
def test_each_moderation_is_a_sentence(event: Event, line: str) -> None:
    assert tell(event) == [line]


def test_lists_are_tables() -> None:
    devices = (
        DeviceInfo(id=1, client="bot", created=TIME, seen=TIME),
        DeviceInfo(id=2, client="x", created=TIME, seen=TIME, current=True),
    )
    assert tell(DeviceList(id="", devices=devices)) == [
        "  number  program  first here  last here",
        "  1       bot      12:03       12:03",
        "* 2       x        12:03       now",
    ]
    bans = (
        BanInfo(by="ada", time=TIME, name="bob", reason="enough"),
        BanInfo(by="ada", time=TIME, network="::/0", until=TIME),
    )
    assert tell(BanList(id="", room="#ops", bans=bans)) == [
        "banned  until     by   why",
        "bob     for good  ada  enough",
        "::/0    12:03     ada",
    ]
    assert tell(BanList(id="", room="#ops", bans=())) == ["Nobody is banned from #ops."]
    assert tell(RoomList(id="", rooms=(RoomLine(name="#x", count=1, private=True, topic="tea"),)))[1].endswith(
        "(private) tea"
    )
    strict = RoomLine(name="#x", count=1, announce_only=True, slow=90.0, topic="tea")
    assert tell(RoomList(id="", rooms=(strict,)))[1].endswith("(only moderators write) (90s between messages) tea")
    entered = RoomInfo(name="#x", count=2, private=True, slow=10.0)
    assert tell(Room(room=entered)) == ["-- You are in #x (private, 10s between messages, 2 people)."]


def test_sentences_are_harmless_on_a_terminal() -> None:
    events: list[Event] = [
        Edited(room=HOSTILE, seq=1, time=TIME, sender=HOSTILE, target=1, text=HOSTILE),
        Reacted(room=HOSTILE, seq=1, time=TIME, sender=HOSTILE, target=1, mark=HOSTILE),
        Moderated(room=HOSTILE, seq=1, time=HOSTILE, sender=HOSTILE, action=HOSTILE, value=HOSTILE),
        moderated("ban", target=HOSTILE, reason=HOSTILE, until=HOSTILE),
        Left(room=HOSTILE, reason=HOSTILE),
        Invited(room=HOSTILE, by=HOSTILE),
        Hits(messages=(said(1, HOSTILE, HOSTILE, HOSTILE, reactions={HOSTILE: (HOSTILE,)}, reply_to=1),)),
        Backlog(room=HOSTILE, events=(message(HOSTILE, HOSTILE, HOSTILE),), unread_from=1, unread=1),
        DeviceList(id="", devices=(DeviceInfo(id=1, client=HOSTILE, created=HOSTILE, seen=HOSTILE),)),
        BanList(id="", room=HOSTILE, bans=(BanInfo(by=HOSTILE, time=HOSTILE, name=HOSTILE, reason=HOSTILE),)),
    ]
    for event in events:
        for line in tell(event):
            assert line.isprintable(), (event, line)
