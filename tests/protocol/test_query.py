"""Typed searches, durations and times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.protocol.query import MOST_WORDS, BadQuery, Query, parse_query
from trio_chat.protocol.spans import has_unit, parse_span, show_span, to_utc


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("disk full", Query(("disk", "full"))),
        ('"disk  full"  now', Query(("disk full", "now"))),
        ('"never closed', Query(("never closed",))),
        ("from:ada", Query(sender="ada")),
        ("FROM:@ada", Query(sender="ada")),
        ("tea in:ops", Query(("tea",), room="#ops")),
        ("tea in:#ops", Query(("tea",), room="#ops")),
        ("tea in:#OPS", Query(("tea",), room="#ops")),
        ("tea in:@bob", Query(("tea",), room="@bob")),
        ("before:2026-01-31 after:2026-01-01T08:00Z", Query(before="2026-01-31", after="2026-01-01T08:00Z")),
        ("has:link", Query(has_link=True)),
        ("has:file", Query(has_file=True)),
        ("has:files has:link", Query(has_file=True, has_link=True)),
        ("file:report from:ada", Query(sender="ada", file="report")),
        ('file:"my report"', Query(file="my report")),
        ("has:links from:ada", Query(sender="ada", has_link=True)),
        ("http://x.example 12:30 note:", Query(("http://x.example", "12:30", "note:"))),
        ("日本 語", Query(("日本", "語"))),
        ("in:#Ops", Query(room="#ops")),
    ],
)
def test_a_search_is_parsed_as_the_reference_says(text: str, query: Query) -> None:
    assert parse_query(text) == query


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "nothing to search for"),
        ('  "" ', "nothing to search for"),
        ("from:", "nothing after from:"),
        ("from:@", "no name"),
        ("from: ada", "nothing after from:"),
        ("from:ada from:bob", "twice"),
        ("has:image", "has:link or has:file"),
        ("has:file has:files", "has:file is given twice"),
        ("file:a file:b", "file: is given twice"),
        ("file:", "nothing after file:"),
        (" ".join("x" * (MOST_WORDS + 1)), "the limit is 20"),
        ("x" * 257, "256"),
    ],
)
def test_a_bad_search_says_why(text: str, why: str) -> None:
    answer = parse_query(text)
    assert isinstance(answer, BadQuery)
    assert why in answer.why


_WORDS = st.text(st.characters(codec="utf-8", exclude_characters='"'), min_size=1, max_size=12)
_NAMES = st.from_regex(r"[a-zä0-9_.-]{1,9}", fullmatch=True)


@given(
    words=st.lists(_WORDS.map(lambda word: " ".join(word.split())).filter(bool), max_size=5),
    sender=st.none() | _NAMES,
    room=st.none() | _NAMES.map("#{}".format),
    has_link=st.booleans(),
)
def test_a_formatted_search_parses_to_the_same_search(
    *, words: list[str], sender: str | None, room: str | None, has_link: bool
) -> None:
    query = Query(tuple(words), sender, room, has_link=has_link)
    assert query.empty or parse_query(str(query)) == query


@given(st.text(max_size=300))
def test_every_text_is_a_search_or_a_bad_search(text: str) -> None:
    answer = parse_query(text)
    assert isinstance(answer, BadQuery) or not answer.empty


# ---- times -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("30s", 30), ("10m", 600), ("2h", 7200), ("1.5H", 5400), ("7d", 604800), ("2w", 1209600), ("0", 0)],
)
def test_a_duration_is_parsed(text: str, seconds: float) -> None:
    assert parse_span(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "-1h", "2 h", "2y", "1e9", "inf", "nan", "²h", "9" * 12])
def test_a_text_that_is_no_duration_gives_none(text: str) -> None:
    assert parse_span(text) is None
    assert not has_unit(text)


@given(st.integers(1, 10**8))
def test_a_formatted_duration_parses_to_the_same_duration(seconds: int) -> None:
    assert parse_span(show_span(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31", "2026-01-30T22:00:00.000Z"),
        ("2026-01-31T12:00", "2026-01-31T10:00:00.000Z"),
        ("2026-01-31T12:00Z", "2026-01-31T12:00:00.000Z"),
        ("2026-01-31T12:00-05:00", "2026-01-31T17:00:00.000Z"),
        ("soon", None),
        ("2026-02-30", None),
        ("0001-01-01", None),
    ],
)
def test_a_day_or_time_is_in_the_zone_of_the_person_who_typed_it(text: str, expected: str | None) -> None:
    assert to_utc(text, timezone(timedelta(hours=2))) == expected


NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2h", "2026-01-31T10:00:00.000Z"),
        (" 7D ", "2026-01-24T12:00:00.000Z"),
        ("1.5h", "2026-01-31T10:30:00.000Z"),
        ("90", None),
        ("9999999w", None),
        ("2026-01-30T00:00Z", "2026-01-30T00:00:00.000Z"),
    ],
)
def test_a_duration_is_a_time_that_long_ago(text: str, expected: str | None) -> None:
    assert to_utc(text, now=NOW) == expected
    if text.strip()[-1] in "hHdDw":
        assert to_utc(text) is None
