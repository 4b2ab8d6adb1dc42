"""Text to styled rows: nothing lost, nothing too wide, nothing slow."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.protocol.text import clean
from trio_chat.ui.terminal.graphemes import text_width
from trio_chat.ui.terminal.layout import Span, clip, fit, inline, links, markup, row_width, wrap


def styles(text: str) -> list[tuple[str, str]]:
    return [(span.style, span.text) for span in inline(text, "", "ada")]


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("plain", [("", "plain")]),
        ("**bold** x", [("bold", "bold"), ("", " x")]),
        ("*it* _al_ ~~no~~", [("italic", "it"), ("", " "), ("italic", "al"), ("", " "), ("strike", "no")]),
        ("**a *b* c**", [("bold", "a "), ("bold italic", "b"), ("bold", " c")]),
        ("`**x**`", [("code", "**x**")]),
        ("2*3*4 a_b_c", [("", "2*3*4 a_b_c")]),
        ("* item *", [("", "* item *")]),
        ("@ada @bob", [("mention.me", "@ada"), ("", " "), ("mention", "@bob")]),
        ("mail@ada.example", [("", "mail@ada.example")]),
        ("@ada\u3055\u3093", [("mention.me", "@ada"), ("", "\u3055\u3093")]),
        ("\u8bf7@ada\u770b", [("", "\u8bf7"), ("mention.me", "@ada"), ("", "\u770b")]),
        ("ada: ping", [("mention.me", "ada"), ("", ": ping")]),
        ("bob: ping", [("", "bob: ping")]),
        ("@a_b_c **@ADA**", [("mention", "@a_b_c"), ("", " "), ("bold mention.me", "@ADA")]),
        ("https://a.example/@ada", [("link", "https://a.example/@ada")]),
        ("`@ada`", [("code", "@ada")]),
        ("in #ops", [("", "in "), ("room", "#ops")]),
        ("**open", [("", "**open")]),
    ],
)
def test_the_markdown_subset(text: str, spans: list[tuple[str, str]]) -> None:
    assert styles(text) == spans


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see https://a.example/b.", ["https://a.example/b"]),
        ("(https://a.example/x_(y))", ["https://a.example/x_(y)"]),
        ("https://a.example/?q=1&r=2, http://b.example!", ["https://a.example/?q=1&r=2", "http://b.example"]),
        ("javascript:alert(1) ftp://x", []),
    ],
)
def test_links_end_before_the_punctuation_of_the_sentence(text: str, found: list[str]) -> None:
    assert links(text) == found


def test_fences_and_quotes_are_paragraphs_of_their_own() -> None:
    rows = [(bar, "".join(span.text for span in row)) for bar, row in markup("> a\n```py\n  b  c\n```\nd")]
    assert rows == [("▌ ", "a"), ("│ ", "py"), ("│ ", "  b  c"), ("", "d")]


@given(st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")), max_size=200), st.integers(2, 60))
def test_wrapped_rows_fit_and_lose_nothing_but_blanks(text: str, columns: int) -> None:
    text = clean(text)
    rows = wrap([Span("", text)], columns)
    assert all(row_width(row) <= columns for row in rows)
    joined = "".join(span.text for row in rows for span in row)
    assert "".join(joined.split()) == "".join(text.split())


@given(st.text(max_size=80), st.integers(0, 40))
def test_a_clipped_text_is_never_too_wide(text: str, columns: int) -> None:
    assert text_width(clip(clean(text).replace("\n", " "), columns)) <= columns


@given(st.text(alphabet="ab 日👍e\u0301", max_size=40), st.integers(1, 30))
def test_a_fitted_row_is_exactly_as_wide_as_asked(text: str, columns: int) -> None:
    assert row_width(fit([Span("", text)], columns)) == columns


def test_words_break_between_words_and_long_ones_anywhere() -> None:
    def rows(text: str, columns: int) -> list[str]:
        return ["".join(span.text for span in row) for row in wrap([Span("", text)], columns)]

    assert rows("one two three", 8) == ["one two", "three"]
    assert rows("abcdefghij", 4) == ["abcd", "efgh", "ij"]
    assert rows("日本語日本語", 5) == ["日本", "語日", "本語"]
    assert ["".join(s.text for s in row) for row in wrap([Span("", "aa"), Span("bold", "bb cc")], 5)] == ["aabb", "cc"]


@pytest.mark.parametrize(
    "text", ["*a " * 3000, "`" * 8000, "**" * 4000, "_x" * 4000, "[(" * 4000, "@" * 8000, "~~a " * 2500]
)
def test_no_text_takes_long_to_read(text: str) -> None:
    began = time.process_time()
    for _, row in markup(text):
        wrap(row, 80)
    assert time.process_time() - began < 2  # a bound far above any machine's noise; what is quadratic takes minutes
