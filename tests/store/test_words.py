"""Splitting a text into words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.store.words import MAX_WORD, has_link, matches, phrases_of, spaced, words_of

texts = st.text(st.characters(blacklist_categories=[]), max_size=40)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, World!", ["hello", "world"]),
        ("foo_bar-baz.py:12", ["foo", "bar", "baz", "py", "12"]),
        ("ＦＵＬＬ width ①", ["full", "width", "1"]),  # noqa: RUF001 - these letters are meant
        ("Café naïve Straße ﬁn", ["cafe", "naive", "strasse", "fin"]),
        ("Привет, МИР! ёж", ["привет", "мир", "еж"]),
        ("ΑΘΉΝΑΙ Άλφα", ["αθηναι", "αλφα"]),
        ("日本語 text", ["日", "本", "語", "text"]),
        ("ガギグ", ["ガ", "ギ", "グ"]),
        ("学校에서", ["学", "校", "에", "서"]),
        ("สวัสดี", ["ส", "ว", "ั", "ส", "ด", "ี"]),
        ("مَرْحَبًا بالعالم", ["مرحبا", "بالعالم"]),
        ("ســلام", ["سلام"]),
        ("שָׁלוֹם", ["שלום"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("می\u200cخواهم", ["میخواهم"]),  # noqa: RUF001 - these letters are meant
        ("ok 👍🏽👍 go", ["ok", "👍", "🏽", "👍", "go"]),
        ("👩\u200d👩\u200d👧 ❤\ufe0f", ["👩", "👩", "👧", "❤"]),
        ("🇩🇪", ["🇩", "🇪"]),
        ("co\u00adoperate", ["cooperate"]),
        ("c++ ... !!! \x00\x1b[31m", ["c", "31m"]),
        ("", []),
    ],
)
def test_words_of_many_scripts(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_only_the_first_characters_of_a_long_word_count() -> None:
    assert words_of("x" * 1000 + " " + "я" * 1000) == ["x" * MAX_WORD, "я" * MAX_WORD]


@given(texts)
def test_words_contain_nothing_that_the_index_could_split_or_take_for_an_operator(text: str) -> None:
    for word in words_of(text):
        assert word
        assert not set(word) & set(" \t\n\"'*():^{}+-\x00")
        assert all(char.isalnum() or not char.isascii() for char in word)
        word.encode()


@given(texts)
def test_splitting_words_again_changes_nothing(text: str) -> None:
    assert spaced(spaced(text)) == spaced(text)


@given(texts, texts, texts)
def test_a_text_matches_each_of_its_words(before: str, middle: str, after: str) -> None:
    phrases = phrases_of((middle,))
    assert phrases is None or matches(phrases, f"{before} {middle} {after}")


def test_a_match_has_all_words_and_phrases_in_their_order() -> None:
    phrases = phrases_of(("two words", "more"))
    assert phrases is not None
    assert matches(phrases, "more of two: WORDS")
    assert not matches(phrases, "more words, two")
    assert not matches(phrases, "two words")


def test_a_star_at_the_end_matches_any_ending() -> None:
    phrases = phrases_of(("deplo*",))
    assert phrases is not None
    assert matches(phrases, "we deployed it")
    assert not matches(phrases, "redeployed")


def test_words_without_letters_find_nothing_and_no_words_match_everything() -> None:
    assert phrases_of(("...", "*", "")) is None
    assert phrases_of(()) == []
    assert phrases_of(("...", "a")) == phrases_of(("a",))


@pytest.mark.parametrize("text", ["see https://x.example/y", "HTTP://X", "(www.example.org)"])
def test_links_are_recognized(text: str) -> None:
    assert has_link(text)


@pytest.mark.parametrize("text", ["https:// nothing", "http is fine", "awww.ful", "ftp", ""])
def test_texts_without_a_link_are_not_taken_for_one(text: str) -> None:
    assert not has_link(text)
