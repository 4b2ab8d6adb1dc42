"""Tab makes of a word what may have been meant."""

from __future__ import annotations

import pytest

from tests.ui.followed import FollowedPlace
from trio_chat.config import ClientConfig
from trio_chat.protocol.events import Invited, Message, RoomInfo, RoomLine, RoomList
from trio_chat.ui.commands.completion import complete
from trio_chat.ui.model.place import Place
from trio_chat.ui.model.preferences import Preferences


def place() -> Place:
    rooms = ("#lobby", "#ops", "#opera", "@ada+bob")
    one = FollowedPlace(rooms=[RoomInfo(name=name) for name in rooms])
    one.preferences = Preferences(ClientConfig(alias={"hug": ("/me hugs $1",)}))
    listed = (RoomLine(name="#ops", joined=True), RoomLine(name="#quay"), RoomLine(name="#harbour"))
    one.take(RoomList(id="", rooms=listed))
    one.take(Invited(room="#plans", by="bob"))
    for name in ("Jos\u00e9", "eve", "bob", "Bobby"):
        one.take(Message(room="#ops", seq=1, time="t", sender=name, text="x", cid="c"))
    return one


@pytest.mark.parametrize(
    ("text", "candidates", "after"),
    [
        ("/to", ("/topic",), " "),
        ("/", None, " "),
        ("@e", ("@eve",), ": "),
        ("hi @b", ("@Bobby", "@bob"), " "),
        ("@", ("@Bobby", "@bob", "@eve", "@Jos\u00e9"), ": "),
        ("ev", ("eve",), ": "),
        ("ask ev", ("eve",), " "),
        ("", (), ": "),
        ("see #op", ("#opera", "#ops"), " "),
        ("/join #l", ("#lobby",), " "),
        ("/join #o", ("#opera", "#ops"), " "),
        ("/join h", ("#harbour",), " "),
        ("/join pl", ("#plans",), " "),
        ("see #qu", ("#quay",), " "),
        ("/leave #o", ("#opera", "#ops"), " "),
        ("/who ", ("#lobby", "#opera", "#ops"), " "),
        ("/msg bob", ("Bobby", "bob"), " "),
        ("/msg jose\u0301", ("Jos\u00e9",), " "),
        ("/msg eve,b", ("Bobby", "bob"), " "),
        ("/help to", ("topic",), " "),
        ("/set th", ("theme",), " "),
        ("/set typing ", ("--save", "off", "on"), " "),
        ("/set backlog 5 --", ("--save",), " "),
        ("/notify ", ("all", "mentions", "nothing"), " "),
        ("/theme da", ("dark",), " "),
        ("/alias h", ("hug",), " "),
        ("/hu", ("/hug",), " "),
        ("/go ", ("#lobby", "#opera", "#ops", "bob"), " "),
        ("/me hugs ev", ("eve",), " "),
        ("nobody-like-that", (), ": "),
    ],
)
def test_a_word_is_completed_with_candidates_for_its_place(
    text: str, candidates: tuple[str, ...] | None, after: str
) -> None:
    found = complete(text, len(text), place())
    if candidates is None:
        assert "/join" in found.candidates
    else:
        assert found.candidates == candidates
        assert not candidates or found.after == after


def test_only_the_word_before_the_cursor_is_replaced() -> None:
    found = complete("/msg eve,bo hello", 11, place())
    assert (found.start, found.end) == (9, 11)


def test_the_shared_beginning_of_candidates_is_completed_at_once() -> None:
    assert complete("#o", 2, place()).agreed == "#op"
