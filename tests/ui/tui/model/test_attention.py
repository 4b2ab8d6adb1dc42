"""Which messages call the person, which room needs attention next, and what the title of the window says."""

from __future__ import annotations

import pytest

from tests.ui.followed import entered, message
from trio_chat.client.rooms import RoomView
from trio_chat.protocol import events
from trio_chat.ui.tui.model.attention import Attention, next_attention, whole_words, window_title
from trio_chat.ui.tui.model.log import entry_of
from trio_chat.ui.tui.model.room import RoomModel


@pytest.mark.parametrize(
    ("policy", "text", "calls"),
    [("all", "x", True), ("mentions", "x", False), ("mentions", "@ada", True), ("nothing", "@ada", False)],
)
def test_the_policy_of_a_room_decides_which_messages_notify(policy: str, text: str, calls: bool) -> None:  # noqa: FBT001 - a table's column
    model = entered()
    model.rooms["#ops"].policy = policy  # type: ignore[assignment] # one of the three
    assert bool(model.take(message(1, text, room="#ops"), 0.0, 0.0)) == calls
    model.attention.quiet = True
    assert model.take(message(2, text, room="#ops"), 0.0, 0.0) == []


def unread(name: str, messages: int = 0, mentions: int = 0) -> RoomModel:
    return RoomModel(RoomView.enter(events.RoomInfo(name=name, last=messages, mentions=mentions)))


def test_a_silenced_room_needs_no_attention_without_a_mention() -> None:
    attention = Attention()
    rooms = [unread("#a"), unread("#b", 3), unread("#c", 1), unread("@d", 1)]
    rooms[1].policy = "nothing"
    assert next_attention(rooms, "#a", attention) == "@d"
    rooms[3].see(1)
    assert next_attention(rooms, "#a", attention) == "#c"
    rooms[2].see(1)
    assert next_attention(rooms, "#a", attention) is None
    rooms[1].facts.note_mention(2)
    assert next_attention(rooms, "#a", attention) == "#b"


def test_the_window_title_counts_mentions_and_private_messages() -> None:
    rooms = [unread("#a"), unread("#b", 3, 1), unread("@d", 2)]
    assert window_title(rooms, "#a", "#a") == "(3) #a - trio-chat"
    assert window_title(rooms[:1], "#a", "#a") == "#a - trio-chat"


def test_highlight_words_call_as_whole_words_in_any_case() -> None:
    words = whole_words(["lunch", " C++ ", ""])
    assert words is not None
    assert [words.is_in(text) for text in ("Lunch!", "lunches", "in C++.", "C+")] == [True, False, True, False]
    assert whole_words([" "]) is None
    model = entered()
    model.attention.words = words
    for text, calls in (("who is for LUNCH?", True), ("brunch", False)):
        entry = entry_of(message(1, text))
        assert entry is not None
        assert model.calls(entry) == calls
