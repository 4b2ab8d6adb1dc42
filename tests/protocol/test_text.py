"""Cleaning of texts: a cleaned text is harmless, and a harmless text is unchanged."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trio_chat.protocol.text import MAX_MARKS, clean, clean_line, quoted

CONTROLS = [chr(code) for code in [*range(0x20), *range(0x7F, 0xA0)] if chr(code) not in "\n\t"]
TURNING = list("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
UNSEEN = list("\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060\u2064\u206a\u3164\ufeff\uffa0\U000e0001")
BREAKS = ["\u2028", "\u2029"]
NEVER = frozenset([*CONTROLS, *TURNING, *UNSEEN, *BREAKS, *map(chr, range(0xD800, 0xE000))])
PLACED = list("\u200c\u200d\ufe0e\ufe0f\U000e0100\U000e0067\U000e007f\u0301\u0483\u0e4a\u180b")
BASES = ["a", "1", "\u2764", "\U0001f468", "\U0001f3f4", "\U0001f3fd", "\u0915", "\u094d", "\u0645", "\u845b", "\u1820"]

# Many characters that have rules of their own, mixed with all others.
texts = st.lists(
    st.one_of(
        st.sampled_from([*CONTROLS, *TURNING, *UNSEEN, *BREAKS, "\r\n", "\n", "\t", " "]),
        st.sampled_from(PLACED),
        st.sampled_from(BASES),
        st.sampled_from(["\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f", "\u0301" * 10]),
        st.characters(),
    ),
    max_size=30,
).map("".join)


@given(texts)
@example("a" + "\u0301" * 8 + "\u200b" + "\u0301")
@example("\U0001f468\u200d\ufe0f\u200d\U0001f469")
def test_a_clean_text_has_no_character_that_acts_on_a_terminal(text: str) -> None:
    cleaned = clean(text)
    assert not NEVER.intersection(cleaned)
    cleaned.encode()


@given(texts)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    line = clean_line(text)
    assert clean_line(line) == line
    assert clean(line) == line


@given(texts)
def test_a_cleaned_line_is_one_line(text: str) -> None:
    line = clean_line(text)
    assert not {"\n", "\t"}.intersection(line)
    assert line == line.strip()
    assert not NEVER.intersection(line)


@given(texts)
def test_combining_marks_on_one_character_are_limited(text: str) -> None:
    run = 0
    for char in clean(text):
        if unicodedata.category(char)[0] == "M" and char not in "\ufe0e\ufe0f\U000e0100\u180b":
            run += 1
        elif char not in "\u200c\u200d":
            run = 0
        assert run <= MAX_MARKS + 1  # a variation selector may be among them


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain text, with a tab\tand\ntwo lines\n",
        "Grüße, žluťoučký kůň, Việt Nam",
        "e\u0301 decomposed, and a\u0308\u0323",
        "Ελληνικά русский עברית العربية हिन्दी বাংলা ไทย 日本語 한국어",
        "a no-break\u00a0space, an ideographic\u3000space",
        "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian, with its non-joiner
        "\u0915\u094d\u200d\u0937",  # Hindi, with a joiner after a virama
        "\u09b0\u200d\u09cd\u09af",  # Bengali, with a joiner before one
        "family: \U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
        "rainbow flag: \U0001f3f3\ufe0f\u200d\U0001f308",
        "a heart on fire: \u2764\ufe0f\u200d\U0001f525",
        "shades: \U0001f44d\U0001f3fd \U0001f469\U0001f3fd\u200d\U0001f4bb",
        "keycap: 1\ufe0f\u20e3 #\ufe0f\u20e3",
        "Scotland: \U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "country: \U0001f1e9\U0001f1ea",
        "an ideograph's variant: \u845b\U000e0100",
        "Mongolian variant: \u1820\u180b",
        "an emoji of a later Unicode: \U0001faff",
        "a private glyph: \ue0b0",
        "\u0e2a\u0e47\u0e4a marks of Thai",
        "Tibetan: \u0f56\u0f66\u0f92\u0fb2\u0f74\u0f56\u0f66",
    ],
)
def test_ordinary_text_stays_unchanged(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("bell\x07 back\x08 null\x00 del\x7f", "bell␇ back␈ null␀ del␡"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("form\x0cfeed \x0btab", "form␌feed ␋tab"),
        ("c1 \x9b31m \x85", "c1 \ufffd31m \ufffd"),
        ("two\u2028lines\u2029here", "two\nlines\nhere"),
        ("user\u202etxt.exe", "usertxt.exe"),
        ("\u2067x\u2069", "x"),
        ("ze\u200bro wi\u2060dth\ufeff", "zero width"),
        ("so\u00adft", "soft"),
        ("\u3164\u115f\u1160\uffa0", ""),
        ("half \ud83d a pair", "half \ufffd a pair"),
        ("none \ufffe \ufdd0", "none \ufffd \ufffd"),
        ("a\u200db", "ab"),
        ("\U0001f468\u200d alone", "\U0001f468 alone"),
        ("\u200d\U0001f468", "\U0001f468"),
        ("\u0645\u200c\u200c\u200c\u0645", "\u0645\u200c\u0645"),
        ("a\ufe0fb\ufe01", "ab"),
        ("\u2764\ufe0f\ufe0f\ufe0f", "\u2764\ufe0f"),
        ("hidden\U000e0068\U000e0069\U000e007f", "hidden"),
        ("\U0001f3f4\U000e0067\U000e0062", "\U0001f3f4"),
        ("\U0001f3f4" + "\U000e0067" * 40 + "\U000e007f", "\U0001f3f4"),
        ("Z" + "\u0301" * 50 + "a", "Z" + "\u0301" * MAX_MARKS + "a"),
        ("\u0e2a" + "\u0e47\u0e4a" * 20, "\u0e2a" + "\u0e47\u0e4a" * (MAX_MARKS // 2)),
        ("a" + "\u0301\u200b" * 20, "a" + "\u0301" * MAX_MARKS),
    ],
)
def test_acting_and_hidden_characters_become_visible_or_are_removed(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (" spaces ", "spaces"),
        ("two\nlines\tand\r\na tab", "two lines and a tab"),
        ("\n\x1b\n", "␛"),
        ("\u2028", ""),
    ],
)
def test_a_line_has_spaces_for_line_breaks_and_none_at_its_ends(text: str, line: str) -> None:
    assert clean_line(text) == line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("bob", "'bob'"),
        ("", "''"),
        ("it's", '"it\'s"'),
        ("a\x1b\nb", "'a␛␊b'"),
        (" a\t", "' a␉'"),
        ("x" * 41, "'" + "x" * 39 + "…'"),
        ("x" * 40, "'" + "x" * 40 + "'"),
        ("\u200b" * 100_000, "''"),
    ],
)
def test_a_refused_word_is_quoted_harmlessly_and_shortened(text: str, shown: str) -> None:
    assert quoted(text) == shown
