"""Completion in the full screen."""

from __future__ import annotations

from tests.ui.tui.rich_server import stamp
from trio_chat.protocol import events
from trio_chat.ui.input.editor import Editor
from trio_chat.ui.model.place import Place
from trio_chat.ui.tui.model.completing import Completing, complete_here


def test_completion_of_emoji_commands_and_search_words() -> None:
    place = Place("ada")
    place.take(events.Message(room="#lobby", seq=1, time=stamp(1), sender="bob", text="hi", cid="c1"))
    assert complete_here(":tad", 4, place).candidates == ("🎉",)
    assert complete_here("/rea", 4, place).candidates == ("/react",)
    assert complete_here("/search from:b", 14, place).candidates == ("from:bob",)
    assert complete_here("/theme l", 8, place).candidates == ("light",)
    assert complete_here("/co", 3, place).candidates == ("/context", "/copy"), "/copy is the full screen's own"
    assert complete_here("/notify m", 9, place).candidates == ("mentions",)
    assert complete_here("/react tad", 10, place).candidates == ("🎉",)
    assert complete_here("/search in:#l", 13, place).candidates == ()


def test_an_emoji_is_completed_by_its_whole_name_also_where_another_begins_with_it() -> None:
    place = Place("ada")
    assert complete_here(":heart:", 7, place).candidates == ("❤️",)
    assert {":heart:", ":heart_eyes:"} <= set(complete_here(":heart", 6, place).candidates)


def test_candidates_that_name_an_emoji_are_shown_with_it_and_others_as_they_are() -> None:
    place = Place("ada")

    def offered(text: str) -> list[str]:
        editor = Editor()
        editor.put(text)
        return (Completing().press(editor, lambda text, cursor: complete_here(text, cursor, place)) or "").split("  ")

    assert {"❤️ :heart:", "😍 :heart_eyes:"} <= set(offered(":heart"))
    assert offered("/co") == ["/context", "/copy"]
