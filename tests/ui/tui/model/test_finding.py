"""How a search for messages is read from words."""

from __future__ import annotations

from trio_chat.protocol.query import BadQuery, Query
from trio_chat.ui.tui.model.finding import read_query


def test_a_search_is_read_from_words() -> None:
    assert read_query("a b from:@bob in:ops before:2026-01-01 has:link", "#x") == Query(
        ("a", "b"), sender="bob", room="#ops", before="2026-01-01", has_link=True
    )
    here = read_query("in:here x", "#x")
    assert isinstance(here, Query)
    assert here.room == "#x"
    assert isinstance(read_query("  ", "#x"), BadQuery)
