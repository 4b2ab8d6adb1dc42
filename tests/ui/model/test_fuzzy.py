"""Finding a name by a few letters."""

from __future__ import annotations

from trio_chat.ui.model.fuzzy import fuzzy


def test_fuzzy_search_prefers_beginnings_of_words() -> None:
    assert fuzzy("op", ["#shop", "#ops", "#open-source", "#x"]) == ["#ops", "#open-source", "#shop"]
    assert fuzzy("os", ["#ops", "#open-source"]) == ["#open-source", "#ops"]
    assert fuzzy("", ["b", "a"]) == ["b", "a"]
