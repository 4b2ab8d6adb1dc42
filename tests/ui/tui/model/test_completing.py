"""Completion in the full screen."""

from __future__ import annotations

from tests.ui.tui.rich_server import stamp
from trio_chat.protocol import events
from trio_chat.ui.model.place import Place
from trio_chat.ui.tui.model.completing import complete_here


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
