"""Events as lines of text that are safe for a terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.ui.followed import FollowedPlace, views
from trio_chat.client.events import Disconnected, Missed, Reconnected, RejoinRefused
from trio_chat.output import rendered_line
from trio_chat.protocol import codec
from trio_chat.protocol.events import (
    AwayChanged,
    Closing,
    Delivered,
    Error,
    Event,
    Left,
    Limits,
    Message,
    People,
    PersonInfo,
    Presence,
    Renamed,
    Room,
    RoomInfo,
    RoomLine,
    RoomList,
    TopicChanged,
    TypingNotice,
    Welcome,
)
from trio_chat.protocol.parts import Removal
from trio_chat.ui.model.lines import Teller, as_json, table
from trio_chat.ui.model.notes import Note
from trio_chat.ui.terminal.graphemes import text_width

NOW = datetime(2026, 1, 31, 18, 0, tzinfo=UTC)
TIME = "2026-01-31T12:03:00.000Z"
HOSTILE = "\x1b[2J\x07\u202eevil\u200b\x9b31m"

ALONE = "you are alone there; you will be told when somebody comes"


def teller(*, colour: bool = False, hours: int = 0, symbols: bool = True, **more: str) -> Teller:
    place = FollowedPlace(room="#lobby", rooms=[RoomInfo(name="@ada+bob", direct=True, members=("ada", "bob"))])
    zone = timezone(timedelta(hours=hours))
    return Teller(place, now=lambda: NOW, zone=zone, colour=colour, symbols=symbols, **more)


def tell(event: Event, one: Teller | None = None) -> list[str]:
    one = one or teller()
    one._place.take(event)
    return one.tell(event)


def message(
    text: str = "hello",
    sender: str = "eve",
    room: str = "#lobby",
    *,
    sent: str | None = None,
    kind: Literal["text", "action"] = "text",
) -> Message:
    return Message(room=room, seq=1, time=TIME, sender=sender, text=text, cid="c", sent=sent, kind=kind)


def test_a_message_has_its_time_room_and_sender() -> None:
    assert tell(message()) == ["[12:03] #lobby eve: hello"]


def test_the_time_is_the_senders_own_clock_in_the_readers_zone() -> None:
    assert tell(message(sent="2026-01-31T15:07:00.000+02:00"), teller(hours=5)) == ["[18:07] #lobby eve: hello"]


@pytest.mark.parametrize("sent", ["", "soon", "2026-01-31T12:03:00", "9999-12-31T23:59:59-14:00", "\x1b[31m"])
def test_an_invalid_senders_clock_gives_way_to_the_servers(sent: str) -> None:
    assert tell(message(sent=sent), teller(hours=14))[0].startswith("[02:03] #lobby ")


def test_a_time_of_another_day_has_its_date() -> None:
    assert tell(message(sent="2026-01-30T12:00:00Z")) == ["[2026-01-30 12:00] #lobby eve: hello"]


def test_the_time_is_shown_as_the_settings_say() -> None:
    assert tell(message(), teller(time_format="%H.%M.%S")) == ["[12.03.00] #lobby eve: hello"]


def test_further_lines_of_a_message_are_indented() -> None:
    lines = tell(message("one\n[12:04] #lobby bob: forged"))
    assert lines == ["[12:03] #lobby eve: one", "    [12:04] #lobby bob: forged"]


def test_an_action_is_a_line_about_its_sender() -> None:
    assert tell(message("waves", kind="action")) == ["[12:03] #lobby * eve waves"]


def test_a_direct_message_names_sender_and_recipients() -> None:
    assert tell(message(sender="bob", room="@ada+bob")) == ["[12:03] bob → ada (private): hello"]
    assert tell(message(sender="ada", room="@ada+bob")) == ["[12:03] ada → bob (private): hello"]
    assert tell(message(sender="bob", room="@ada+bob+eve")) == ["[12:03] bob → eve, ada (private): hello"]
    assert tell(message("waves", "bob", "@ada+bob", kind="action")) == ["[12:03] bob → ada (private): * bob waves"]


def test_a_terminal_without_arrows_gets_signs_it_can_show() -> None:
    lines = tell(message(sender="bob", room="@ada+bob"), teller(symbols=False))
    assert lines == ["[12:03] bob -> ada (private): hello"]


def test_a_check_mark_tells_which_direct_message_has_arrived() -> None:
    one = teller()
    tell(message("lunch?", "ada", "@ada+bob"), one)
    assert tell(Delivered(room="@ada+bob", seq=1, by="bob"), one) == ["-- ✓ bob has your message: lunch?"]
    assert tell(Delivered(room="@ada+bob", seq=9, by="bob"), one) == ["-- ✓ bob has your message"]


LIMITS = Limits(text=1, frame=1, to=1)


def welcome(count: int, motd: str = "") -> Welcome:
    rooms = (RoomInfo(name="#lobby", count=count),)
    return Welcome(
        name="ada", token="t", epoch="e", rooms=rooms, lobby="#lobby", limits=LIMITS, time=TIME, server="s", motd=motd
    )


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (welcome(1), "-- You are ada. Nobody else is here yet; you will be told when somebody comes."),
        (welcome(3), "-- You are ada. 3 people are here."),
        (
            replace(welcome(3), asked="eve"),
            "-- You are ada. This server knows your device by that name, and nobody called eve. 3 people are here.",
        ),
        (Presence(room="#lobby", count=3, joined=("eve",)), "-- eve is here (3 people now)"),
        (Presence(room="#ops", count=2, joined=("eve",)), "-- eve is here in #ops (2 people now)"),
        (Presence(room="#lobby", count=4, joined=("eve", "bob")), "-- eve and bob are here (4 people now)"),
        (
            Presence(room="#lobby", count=9, joined=tuple("abcdef")),
            "-- a, b, c, d and 2 more are here (9 people now)",
        ),
        (Presence(room="#lobby", count=2, left=("eve",)), "-- eve has left (2 people now)"),
        (
            Presence(room="#lobby", count=1, left=("eve",)),
            "-- eve has left; you are alone here. You will be told when somebody comes.",
        ),
        (
            Presence(room="#ops", count=1, left=("eve", "bob")),
            "-- eve and bob have left #ops; you are alone there. You will be told when somebody comes.",
        ),
        (Presence(room="#ops", count=2, left=("eve",)), "-- eve has left #ops (2 people now)"),
        (TopicChanged(room="#ops", seq=1, time=TIME, sender="eve", text="plans"), "-- eve set the topic: plans (#ops)"),
        (TopicChanged(room="#ops", seq=1, time=TIME, sender="eve", text=""), "-- eve cleared the topic (#ops)"),
        (Renamed(old="eve", new="grace"), "-- eve is grace now."),
        (Renamed(old="ada", new="grace"), "-- You are grace now."),
        (AwayChanged(name="eve", text="lunch"), "-- eve is away: lunch"),
        (AwayChanged(name="eve", text="away"), "-- eve is away."),
        (AwayChanged(name="eve"), "-- eve is back."),
        (AwayChanged(name="ada"), "-- You are back."),
        (Closing(code="idle", message="Bye!", advice="Join again."), "-- Bye! Join again."),
        (
            Disconnected(reason="The connection was lost.", retry_in=12.4),
            "-- The connection was lost. Next try in 12 seconds.",
        ),
        (
            Disconnected(reason="Nobody answers.", retry_in=1.25, attempt=8),
            "-- Still no connection: Nobody answers. Next try in 1.2 seconds.",
        ),
        (
            Disconnected(reason="The connection was lost.", retry_in=0.04),
            "-- The connection was lost. Trying again now.",
        ),
        (Reconnected(attempts=1), "-- Connected again."),
        (Missed(room="#ops", count=7), "-- 7 older messages in #ops are no longer kept."),
        (Missed(room="#ops", count=1), "-- 1 older message in #ops is no longer kept."),
        (RejoinRefused(room="#ops", code="x", message="No.", advice="Ask."), "-- You are no longer in #ops. No. Ask."),
        (
            Error(code="unknown_person", message="Nobody here is called x.", advice="Nothing was sent."),
            "! Nobody here is called x. Nothing was sent.",
        ),
        (Left(room="#ops"), "-- You have left #ops."),
        (
            Room(room=RoomInfo(name="#ops", count=1, topic="plans")),
            "-- You are in #ops (you are alone there; you will be told when somebody comes). Topic: plans",
        ),
        (Room(room=RoomInfo(name="#ops", count=5)), "-- You are in #ops (5 people)."),
        (
            Room(room=RoomInfo(name="#zzz", count=1), made=True),
            f"-- You made #zzz: there was no such room. You are in #zzz ({ALONE}).",
        ),
    ],
)
def test_each_notice_is_a_sentence(event: Event, line: str) -> None:
    assert tell(event) == [line]


@pytest.mark.parametrize(
    "event",
    [
        Presence(room="#lobby", count=2, joined=("ada",)),
        Disconnected(reason="Nobody answers.", retry_in=0.5, attempt=2),
        Disconnected(reason="Nobody answers.", retry_in=30.0, attempt=13),
        TypingNotice(room="#lobby", name="eve"),
        Room(room=RoomInfo(name="@ada+eve", direct=True, members=("ada", "eve"))),
    ],
)
def test_typing_and_read_positions_make_no_line(event: Event) -> None:
    assert tell(event) == []


def test_a_stop_that_is_not_for_good_is_one_line_with_its_reason_and_the_next_try() -> None:
    closing = Closing(code="shutting_down", message="The server is shutting down.", advice="Try again.", retry=2.0)
    one = teller()
    told = [*tell(closing, one), *tell(Disconnected(reason=closing.message, retry_in=2.5), one)]
    assert told == ["-- The server is shutting down. Next try in 2.5 seconds."]


@pytest.mark.parametrize(
    ("count", "anew", "line"),
    [
        (2, False, "-- Connected again. 2 people are here."),
        (1, False, "-- Connected again. Nobody else is here yet; you will be told when somebody comes."),
        (3, True, "-- Connected again. The server's history began anew. 3 people are here."),
    ],
)
def test_a_reconnect_says_how_many_people_are_here(count: int, *, anew: bool, line: str) -> None:
    one = teller()
    one._place.rooms = views(RoomInfo(name="#lobby", count=count))
    assert tell(Reconnected(attempts=1, anew=anew), one) == [line]


def test_the_message_of_the_day_has_lines_of_its_own() -> None:
    assert tell(welcome(3, "Be kind.\n\nBackups at noon.")) == [
        "-- You are ada. 3 people are here.",
        "-- Be kind.",
        "-- Backups at noon.",
    ]


def test_people_are_shown_as_a_table_with_absences() -> None:
    people = (PersonInfo(name="ada", since=TIME), PersonInfo(name="日本", away="lunch", since="2026-01-30T09:00:00Z"))
    assert tell(People(id="", room="#ops", people=people)) == [
        "#ops: 2 people",
        "name  since",
        "ada   12:03",
        "日本  2026-01-30 09:00  away: lunch",
    ]


def test_rooms_are_shown_as_a_table_with_a_star_at_joined_ones() -> None:
    rooms = (RoomLine(name="#lobby", count=12, joined=True), RoomLine(name="#ops", topic="plans", count=3))
    assert tell(RoomList(id="", rooms=rooms)) == ["  room    people  topic", "* #lobby  12", "  #ops    3       plans"]


def test_a_tables_columns_are_as_wide_as_a_terminal_shows_them() -> None:
    rows = table(("a", "b"), [("日本語", "x"), ("👩‍👩‍👧", "x"), ("e\u0301", "x")])
    assert {text_width(row.rstrip("bx")) for row in rows} == {8}


def test_only_a_direct_message_or_a_mention_by_somebody_else_rings() -> None:
    one = teller()
    assert one.rings(message("hi", "bob", "@ada+bob"))
    assert one.rings(message("ask @Ada about it"))
    assert not one.rings(message("ask @adam about it"))
    assert not one.rings(message("@ada", sender="ada"))
    assert not one.rings(Renamed(old="a", new="b"))


def test_without_colour_there_is_no_escape_sequence() -> None:
    assert not any("\x1b" in rendered_line(line) for line in tell(message("hi @ada")))
    assert any("\x1b[" in rendered_line(line) for line in tell(message("hi @ada"), teller(colour=True)))


def test_a_name_has_the_same_colour_every_time() -> None:
    first, second = (tell(message(sender="eve"), teller(colour=True))[0] for _ in range(2))
    assert first == second
    assert tell(message(sender="EVE"), teller(colour=True))[0] == first.replace("eve", "EVE")


HOSTILE_EVENTS = [
    message(HOSTILE, HOSTILE, "#" + HOSTILE, sent=HOSTILE),
    message(HOSTILE, HOSTILE, "@" + HOSTILE, kind="action"),
    TopicChanged(room=HOSTILE, seq=1, time=HOSTILE, sender=HOSTILE, text=HOSTILE),
    Presence(room=HOSTILE, count=2, joined=(HOSTILE,), left=(HOSTILE,)),
    Renamed(old=HOSTILE, new=HOSTILE),
    AwayChanged(name=HOSTILE, text=HOSTILE),
    Delivered(room=HOSTILE, seq=1, by=HOSTILE),
    Closing(code="c", message=HOSTILE, advice=HOSTILE),
    Error(code="c", message=HOSTILE, advice=HOSTILE),
    People(id="", room=HOSTILE, people=(PersonInfo(name=HOSTILE, away=HOSTILE, since=HOSTILE),)),
    RoomList(id="", rooms=(RoomLine(name=HOSTILE, topic=HOSTILE),)),
    Room(room=RoomInfo(name="#" + HOSTILE, topic=HOSTILE)),
    Left(room="#" + HOSTILE),
    replace(welcome(2, HOSTILE), asked=HOSTILE, put_out=(Removal(room=HOSTILE, by=HOSTILE, reason=HOSTILE),)),
    Disconnected(reason=HOSTILE, retry_in=1),
    Missed(room=HOSTILE, count=1),
    RejoinRefused(room=HOSTILE, code="c", message=HOSTILE, advice=HOSTILE),
    Note(lines=(HOSTILE,)),
]


@pytest.mark.parametrize("event", HOSTILE_EVENTS, ids=lambda event: type(event).__name__)
def test_nothing_from_the_network_reaches_a_terminal_raw(event: Event) -> None:
    for line in (*tell(event), as_json(event)):
        assert not set("\x1b\x07\x9b\u202e\u200b\n\r") & set(line)


@pytest.mark.parametrize("event", HOSTILE_EVENTS, ids=lambda event: type(event).__name__)
def test_the_json_is_exactly_the_event(event: Event) -> None:
    wanted = json.loads(codec.encode(event))
    if wanted.get("id") == "":  # an answer to no request of the reader's
        del wanted["id"]
    assert json.loads(as_json(event)) == wanted


@given(st.text(), st.text(max_size=40))
def test_the_lines_of_any_text_are_harmless(text: str, sender: str) -> None:
    text, sender = (one.encode("utf-8", "replace").decode() for one in (text, sender))
    for line in tell(message(text, sender)):
        assert not any((char < " " and char != "\t") or "\x7f" <= char <= "\x9f" for char in line)


@given(st.text())
def test_the_json_of_any_text_is_one_line_with_the_same_text(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    line = as_json(message(text))
    assert "\n" not in line
    assert json.loads(line)["text"] == text


def test_the_number_of_unlisted_conversations_is_shown() -> None:
    assert tell(replace(welcome(2, ""), left_out=1))[1:] == [
        "-- 1 more private conversation is not listed: you hear what is said there, and /msg NAME writes there."
    ]
    assert tell(replace(welcome(2, ""), left_out=1200))[1].startswith("-- 1200 more private conversations are not")


def test_removals_while_away_are_shown_with_moderator_and_reason() -> None:
    kicked = Removal(room="#ops", by="bob", reason="take a walk")
    banned = Removal(room="#dev", by="eve", action="ban")
    assert tell(replace(welcome(2, "Hello."), put_out=(kicked, banned)))[1:] == [
        "-- Hello.",
        "-- While you were away, bob kicked you from #ops: take a walk",
        "-- While you were away, eve banned you from #dev.",
    ]


def test_a_room_with_nobody_in_it_has_no_table() -> None:
    assert tell(People(id="", room="#ops", people=())) == ["#ops: nobody"]
