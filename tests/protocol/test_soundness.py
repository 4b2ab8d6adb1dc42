"""Values that no working server gives are refused, or left out, where an event is decoded."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.protocol.instances import IMPOSSIBLE
from trio_chat.protocol import events
from trio_chat.protocol.codec import decode_event, encode
from trio_chat.protocol.requests import MAX_FILES
from trio_chat.protocol.soundness import is_time

TIME = "2026-01-31T12:00:00.000Z"
LIMITS = events.Limits(text=1, frame=1, to=1)
LINE = {"type": "message", "room": "#ops", "seq": 1, "time": TIME, "from": "bob", "text": "hi", "cid": "c"}
FILE = {"id": "f1", "name": "build.log", "size": 7, "sha256": "0" * 64}


def decoded(**fields: Any) -> events.AnyEvent | None:
    return decode_event(msgspec.json.encode(fields))


def welcome(*rooms: events.RoomInfo, lobby: str = "#lobby") -> bytes:
    return encode(
        events.Welcome(name="ada", token="t", epoch="e", rooms=rooms, lobby=lobby, limits=LIMITS, time=TIME, server="s")
    )


@pytest.mark.parametrize(
    "fields",
    [
        {**LINE, "seq": 0},
        {**LINE, "seq": -5},
        {**LINE, "seq": 2**53},
        {**LINE, "seq": 10**30},
        {**LINE, "room": ""},
        {**LINE, "from_id": -1},
        {**LINE, "reply_to": 0},
        {**LINE, "files": [{**FILE, "size": -1}]},
        {**LINE, "files": [{**FILE, "size": 2**60}]},
        {**LINE, "files": [{**FILE, "width": -1}]},
        {**LINE, "files": [{**FILE, "id": ""}]},
        {"type": "room", "room": {"name": "#ops", "max_file": -1}},
        *({**LINE, "time": time} for time in IMPOSSIBLE),
        {**LINE, "edited": IMPOSSIBLE[0]},
        {"type": "deleted", "room": "#ops", "seq": 2, "time": TIME, "from": "bob", "target": -1},
        {"type": "presence", "room": "#ops", "count": -1},
        {"type": "room", "room": {"name": "#ops", "first": 9, "last": 3}},
        {"type": "room", "room": {"name": "#ops", "slow": -1.0}},
        {"type": "room", "room": {"name": "#ops", "slow": 1e300}},
        {"type": "room", "room": {"name": "#ops", "mentions": -1}},
        {"type": "people", "id": "1", "room": "#ops", "people": [{"name": "bob", "since": IMPOSSIBLE[0]}]},
        {"type": "bans", "id": "1", "room": "#ops", "bans": [{"by": "bob", "time": IMPOSSIBLE[0]}]},
        {"type": "devices", "id": "1", "devices": [{"id": 1, "client": "", "created": TIME, "seen": IMPOSSIBLE[1]}]},
        {"type": "history", "id": "1", "room": "#ops", "events": [], "more": False, "first": 9, "last": 3},
        {"type": "history", "id": "1", "room": "#ops", "events": [], "more": False, "first": 0},
        {"type": "ok", "id": "1", "seq": 0},
    ],
    ids=lambda fields: " ".join(str(value)[:20] for value in fields.values()),
)
def test_an_event_that_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        decoded(**fields)


def test_a_welcome_without_its_lobby_or_with_impossible_limits_is_refused() -> None:
    lobby = events.RoomInfo(name="#lobby")
    assert isinstance(decode_event(welcome(lobby)), events.Welcome)
    with pytest.raises(msgspec.ValidationError, match="lobby"):
        decode_event(welcome(events.RoomInfo(name="#ops")))
    with pytest.raises(msgspec.ValidationError, match=r"limits\.frame"):
        decode_event(welcome(lobby).replace(b'"frame":1', b'"frame":-1'))


@pytest.mark.parametrize(("given", "kept"), [(-5, 0.0), (1e300, 86400.0), (2.5, 2.5)])
def test_a_close_says_its_reason_whatever_it_says_of_the_return(given: float, kept: float) -> None:
    closing = decoded(type="closing", code="stop", message="Bye", retry=given, until=IMPOSSIBLE[0])
    assert closing == events.Closing(code="stop", message="Bye", retry=kept)


def test_a_number_that_no_request_may_have_is_refused() -> None:
    """A client asks on with a search's cursor, and signs a device out by its number."""
    found: dict[str, Any] = {"type": "found", "id": "q", "events": []}
    device = {"client": "c", "created": TIME, "seen": TIME}
    for number in (-1, 2**53 + 1):
        for event in (
            {**found, "cursor": number},
            {"type": "devices", "id": "q", "devices": [{**device, "id": number}]},
        ):
            with pytest.raises(msgspec.ValidationError):
                decoded(**event)
    assert isinstance(decoded(**found, cursor=2**53), events.Found)


def test_a_minor_value_that_makes_no_sense_is_left_out() -> None:
    message = decoded(**LINE, sent="0001-01-01T00:00:00+23:59")
    assert isinstance(message, events.Message)
    assert (message.text, message.sent) == ("hi", None)
    presence = decoded(type="presence", room="#ops", count=1, joined=["bob"], joined_ids=[1, 2], left_how=["quit"])
    assert presence == events.Presence(room="#ops", count=1, joined=("bob",))
    room = decoded(type="room", room={"name": "@a", "last": 3, "read": 10**9, "mentioned": [2, 7], "member_ids": [1]})
    assert isinstance(room, events.Room)
    assert (room.room.read, room.room.mentioned, room.room.member_ids) == (3, (2,), ())
    error = decoded(type="error", code="banned", message="No.", until="9999-12-31T23:59:59.999Z")
    assert error == events.Error(code="banned", message="No.")


def test_a_time_can_be_shown_in_every_zone() -> None:
    assert is_time(TIME)
    assert not any(map(is_time, IMPOSSIBLE))


def test_a_file_has_a_name_that_files_can_have_here() -> None:
    message = decoded(
        **LINE, files=[{**FILE, "name": "../../.bash\x1b[2Jrc\u202e", "kind": "text/html\x1b"}], sent="soon"
    )
    assert isinstance(message, events.Message)
    assert [(file.name, file.kind) for file in message.files] == [("_.._.bash_[2Jrc", "application/octet-stream")]
    assert (message.text, message.sent) == ("hi", None)


def test_a_file_that_cannot_be_checked_is_left_out() -> None:
    message = decoded(**LINE, sent=TIME, files=[{**FILE, "sha256": "../x"}, FILE, {**FILE, "sha256": "A" * 64}])
    assert isinstance(message, events.Message)
    assert ([file.name for file in message.files], message.sent) == (["build.log"], TIME)


def test_a_message_has_no_more_files_than_one_can_carry() -> None:
    message = decoded(**LINE, files=[FILE] * 500)
    assert isinstance(message, events.Message)
    assert len(message.files) == MAX_FILES
