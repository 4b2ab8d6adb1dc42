"""Completion in the full screen."""

from __future__ import annotations

from tests.ui.tui.rich_server import stamp
from trio_chat.protocol import events
from trio_chat.ui.model.place import Place
from trio_chat.ui.tui.model.completing import complete_here


def test_completion_of_emoji_commands_and_search_words() -> None:
    place = Place("ada")
    place.take(events.Message(room="#lobby", seq=1, time=stamp(1), sender="bob", text="hi", cid="c1"))
    assert complete_here(":tad", 4, place, {}).candidates == ("🎉",)
    assert complete_here("/rea", 4, place, {}).candidates == ("/react",)
    assert complete_here("/search from:b", 14, place, {}).candidates == ("from:bob",)
    assert complete_here("/theme l", 8, place, {"theme": ("light", "dark")}).candidates == ("light",)
