"""A typed line: the preview of its destination, and the decision at Enter, which are the same value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.followed import FollowedPlace
from trio_chat.protocol.addressing import Malformed
from trio_chat.protocol.events import Error, Room, RoomInfo
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
        ("/query bob", ("bob",)),
        ("/query @bob hi", ("bob",)),
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
        ("lunch at two @here", None, "nobody is called here", True),
        ("lunch at two @Owner", {"ada"}, "nobody is called Owner", True),
        ("@admin: text", None, "nobody is called admin", True),
        ("@admin:", None, "nobody is called admin", True),
        ("@bob @admin: text", None, "nobody is called admin", True),
        ("/msg admin text", None, "nobody is called admin", True),
        ("/msg admin", None, "nobody is called admin", True),
        ("/query admin", None, "nobody is called admin", True),
        ("@b!b: text", None, "'b!b' cannot be a name: it has '!'", True),
        ("/msg b!b text", None, "'b!b' cannot be a name: it has '!'", True),
        ("hi @Jose\u0301", {"jos\u00e9"}, "Jos\u00e9 (private)", False),
        ("look @bob and @siss", {"ada", "bob"}, "#ops", False),
    ],
)
def test_the_preview_names_the_room_or_the_people_or_a_stranger(
    line: str, present: set[str] | None, words: str, *, refused: bool
) -> None:
    assert describe_destination(parsed(line), in_ops(), present) == (words, refused)


def test_the_preview_of_a_text_for_strangers_is_the_room_that_gets_it_instead() -> None:
    assert describe_destination(parsed("hi @siss", "public"), in_ops(), {"ada", "bob"}) == ("#ops", False)


@pytest.mark.parametrize("text", ["lunch at two @here", "@admin: text", "/msg admin text", "@b!b: text", "hi @b @root"])
def test_a_line_to_a_name_that_nobody_can_have_is_refused_as_the_preview_says(text: str) -> None:
    decision = parsed(text).decide(in_ops())
    assert isinstance(decision.meaning, Error)
    assert decision.destination.refused
    assert decision.meaning.message.rstrip(".").casefold() == decision.destination.refused.casefold()


def test_a_reserved_name_at_the_end_goes_to_the_room_where_unknown_names_do() -> None:
    line = parsed("lunch at two @here", "public")
    assert line.meaning(in_ops()) == SendRoom("#ops", "lunch at two @here")
    assert describe_destination(line, in_ops()) == ("#ops", False)
    assert isinstance(parsed("@here: lunch", "public").meaning(in_ops()), Error)


def test_names_at_the_end_can_be_mentions_in_the_room() -> None:
    line = LineReader(trailing_names="mention").read("tea? @sis @mom")
    assert line.meaning(in_ops()) == SendRoom("#ops", "tea? @sis @mom")
    assert line.destination(in_ops()) == Destination("#ops")


def test_the_public_form_of_a_line_has_the_prepared_text() -> None:
    reader = LineReader("public", lambda text: text.replace(":tea:", "🍵"))
    meaning = reader.read(":tea: @siss").meaning(in_ops())
    assert isinstance(meaning, SendTo)
    assert meaning.otherwise == SendRoom("#ops", "🍵 @siss")


def test_the_preview_in_a_direct_conversation_names_the_others() -> None:
    place = in_ops()
    place.take(Room(room=RoomInfo(name="@ada+bob", direct=True, members=("ada", "bob"))))
    place.room = "@ada+bob"
    assert describe_destination(parsed("hi"), place) == ("bob (private)", False)


def test_the_preview_names_the_room_that_is_being_entered() -> None:
    place = in_ops()
    place.bound_for = "#plans"
    assert describe_destination(parsed("hi"), place) == ("#plans ...", False)
    assert describe_destination(parsed("@bob: hi"), place) == ("bob (private)", False)
    assert parsed("hi").typing_room(place) is None
    place.bound_for = "@bob"
    assert describe_destination(parsed("hi"), place) == ("bob (private) ...", False)


@given(st.text(max_size=80) | st.from_regex(r"/(msg|w|me|say|quit|join) .*", fullmatch=True))
def test_the_preview_and_the_decision_never_differ(text: str) -> None:
    place, line = in_ops(), parsed(text)
    room, people, _, refused = line.destination(place)
    match line.meaning(place):
        case SendRoom() as message:
            assert (message.room, ()) == (room, people)
        case SendTo() as message:
            assert message.to == people
            assert not refused
        case Error():
            assert refused or not people or line.command is not None or isinstance(line.form, Malformed)


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
        ("/query bob hello", "hello"),
        ("/edit ^ hello", "hello"),
        ("/reply 3 hello", "hello"),
        ("/topic hello", ""),
        ("/quit", ""),
        ("@bob @:hello", "@bob @:hello"),
    ],
)
def test_the_text_of_the_message_is_without_its_recipients(line: str, text: str) -> None:
    assert parsed(line).message_text(in_ops()) == text
