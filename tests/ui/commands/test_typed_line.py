"""A typed line: the preview of its destination, and the decision at Enter, which are the same value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.followed import FollowedPlace
from trio_chat.protocol.events import Room, RoomInfo
from trio_chat.ui.actions.actions import SendRoom, SendTo
from trio_chat.ui.commands.typed_line import Destination, LineReader, TypedLine, describe_destination
from trio_chat.ui.model.place import Place


def in_ops() -> Place:
    place = FollowedPlace(rooms=[RoomInfo(name="#lobby", count=3), RoomInfo(name="#ops", count=2)])
    place.room = "#ops"
    return place


def parsed(text: str, unknown_recipients: str = "error") -> TypedLine:
    return LineReader(unknown_recipients).read(text)


@pytest.mark.parametrize(
    ("line", "people"),
    [
        ("hello @si", ("si",)),
        ("hello @sis @mom", ("sis", "mom")),
        ("@bob", ("bob",)),
        ("@bob:", ("bob",)),
        ("@bob: hi", ("bob",)),
        ("/msg bob", ("bob",)),
        ("/msg @bob hi", ("bob",)),
        ("/msg bob,eve hi", ("bob", "eve")),
        ("/w bob hi", ("bob",)),
        ("/tell bob", ("bob",)),
    ],
)
def test_a_line_to_people_shows_them_while_it_is_typed(line: str, people: tuple[str, ...]) -> None:
    assert parsed(line).destination(in_ops()) == Destination("#ops", people)


@pytest.mark.parametrize(
    ("line", "room"),
    [
        ("", "#ops"),
        ("hello", "#ops"),
        ("hello @", "#ops"),
        ("@ALL", "#lobby"),
        ("@ALL: hi", "#lobby"),
        ("hi @all", "#lobby"),
        ("/msg all", "#lobby"),
        ("/msg all hi", "#lobby"),
        ("@: hi", "#ops"),
        ("/msg", "#ops"),
        ("/me waves", "#ops"),
        ("/say @bob is here", "#ops"),
        ("/reply 3 so do I", "#ops"),
        ("/quit", "#ops"),
        ("/topic x", "#ops"),
        ("//quit", "#ops"),
    ],
)
def test_any_other_line_shows_a_room(line: str, room: str) -> None:
    assert parsed(line).destination(in_ops()) == Destination(room)


def test_a_line_that_may_go_to_the_room_instead_says_so() -> None:
    line = parsed("see you @siss", "public")
    assert line.destination(in_ops()) == Destination("#ops", ("siss",), "#ops")


@pytest.mark.parametrize(
    ("line", "present", "words", "refused"),
    [
        ("hi", None, "#ops", False),
        ("@ALL: hi", None, "everyone", False),
        ("hi @bob @eve", None, "bob, eve (private)", False),
        ("hi @siss", None, "siss (private)", False),
        ("hi @Bob", {"ada", "bob"}, "Bob (private)", False),
        ("hi @siss", {"ada", "bob"}, "nobody is called siss", True),
        ("hi @bob @siss", {"ada", "bob"}, "nobody is called siss", True),
    ],
)
def test_the_preview_names_the_room_or_the_people_or_a_stranger(
    line: str, present: set[str] | None, words: str, *, refused: bool
) -> None:
    assert describe_destination(parsed(line), in_ops(), present) == (words, refused)


def test_the_preview_of_a_text_for_strangers_is_the_room_that_gets_it_instead() -> None:
    assert describe_destination(parsed("hi @siss", "public"), in_ops(), {"ada", "bob"}) == ("#ops", False)


def test_the_preview_in_a_direct_conversation_names_the_others() -> None:
    place = in_ops()
    place.take(Room(room=RoomInfo(name="@ada+bob", direct=True, members=("ada", "bob"))))
    place.room = "@ada+bob"
    assert describe_destination(parsed("hi"), place) == ("bob (private)", False)


@given(st.text(max_size=80) | st.from_regex(r"/(msg|w|me|say|quit|join) .*", fullmatch=True))
def test_the_preview_and_the_decision_never_differ(text: str) -> None:
    place, line = in_ops(), parsed(text)
    room, people, _ = line.destination(place)
    match line.meaning(place):
        case SendRoom() as message:
            assert (message.room, ()) == (room, people)
        case SendTo() as message:
            assert message.to == people


def test_a_line_is_parsed_once_for_each_change_of_its_text() -> None:
    prepared: list[str] = []

    def prepare(text: str) -> str:
        prepared.append(text)
        return text

    reader = LineReader(prepare=prepare)
    assert reader.read("hi") is reader.read("hi")
    reader.read("hi!")
    assert prepared == ["", "hi", "hi!"]


@pytest.mark.parametrize(
    ("line", "room"),
    [
        ("hello", "#ops"),
        ("//etc is a folder", "#ops"),
        ("@ALL: hi", "#lobby"),
        ("@Bob: hi", "@ada+bob"),
        ("hi @bob", "@ada+bob"),
        ("hi @bob @eve", None),
        ("@eve: hi", None),
        ("@", None),
        ("@bob", None),
        ("@bob is here", "#ops"),
        ("/topic plans", None),
        ("/msg bob hi", None),
        ("  ", None),
        ("", None),
    ],
)
def test_typing_notices_go_only_to_the_room_of_the_line(line: str, room: str | None) -> None:
    place = in_ops()
    place.take(Room(room=RoomInfo(name="@ada+bob", direct=True, members=("ada", "bob"))))
    assert parsed(line).typing_room(place) == room


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("hello", "hello"),
        ("@bob: hello", "hello"),
        ("hello @bob", "hello"),
        ("/me waves", "waves"),
        ("/msg bob hello", "hello"),
        ("/edit ^ hello", "hello"),
        ("/reply 3 hello", "hello"),
        ("/topic hello", ""),
        ("/quit", ""),
        ("@bob @:hello", "@bob @:hello"),
    ],
)
def test_the_text_of_the_message_is_without_its_recipients(line: str, text: str) -> None:
    assert parsed(line).message_text(in_ops()) == text
