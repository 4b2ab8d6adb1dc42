"""Borders of words in scripts with and without spaces, and words found however they are typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.protocol.word_borders import WordFinder, is_border


@pytest.mark.parametrize(
    ("before", "after", "border"),
    [
        ("a", "b", False),
        ("a", " ", True),
        ("a", ".", True),
        ("a", "", True),
        ("é", "a", False),
        ("я", "a", False),
        ("a", "さ", True),
        ("京", "a", True),
        ("東", "京", True),
        ("ส", "ม", True),
        ("a", "\u0301", False),
        ("か", "\u3099", False),
    ],
)
def test_scripts_without_spaces_have_a_border_at_every_letter(before: str, after: str, *, border: bool) -> None:
    assert is_border(before, after) is border


@pytest.mark.parametrize(
    ("words", "text", "found"),
    [
        (["lunch"], "LUNCH? launch, lunches lunch", ["LUNCH", "lunch"]),
        (["C++"], "c++ and C", ["c++"]),
        (["東京"], "今日は東京です", ["東京"]),
        (["deploy"], "今日deployします", ["deploy"]),
        (["café"], "un cafe\u0301 noir, cafe", ["cafe\u0301"]),
        (["cafe\u0301"], "un CAFÉ noir, cafés", ["CAFÉ"]),
        (["cafe"], "un cafe\u0301 noir", []),
        (["straße"], "STRASSE und Straße", ["STRASSE", "Straße"]),
        (["s"], "ß", []),
        (["が"], "か\u3099", ["か\u3099"]),
        (["한글"], "\u1112\u1161\u11ab\u1100\u1173\u11af은", ["\u1112\u1161\u11ab\u1100\u1173\u11af"]),
        (["foo", "foo bar"], "foo bars, foo bar", ["foo", "foo bar"]),
        (["\uff54\uff45\uff53\uff54"], "a test", ["test"]),
    ],
)
def test_words_are_found_whole_however_they_are_typed(words: list[str], text: str, found: list[str]) -> None:
    finder = WordFinder(words)
    assert [text[start:end] for start, end in finder.find(text)] == found
    assert finder.is_in(text) is bool(found)


def test_no_words_are_found_nowhere() -> None:
    assert not WordFinder([" ", ""]).is_in("a b")


@given(st.text(), st.lists(st.text(max_size=3)))
def test_found_words_do_not_overlap(text: str, words: list[str]) -> None:
    at = 0
    for start, end in WordFinder(words).find(text):
        assert at <= start < end <= len(text)
        at = end
