"""Parts and versions of a file, by the rules of RFC 9110."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.errors import Refusal
from trio_chat.server.doors.files.byte_ranges import ByteRange, choose_range, matches

TAG = '"abc"'


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("bytes=0-499", ByteRange(0, 500)),
        ("bytes=500-999", ByteRange(500, 500)),
        ("bytes=0-0", ByteRange(0, 1)),
        ("bytes=999-", ByteRange(999, 1)),
        ("bytes=9500-", "refused"),
        ("bytes=500-", ByteRange(500, 500)),
        ("bytes=900-5000", ByteRange(900, 100)),
        ("bytes=-500", ByteRange(500, 500)),
        ("bytes=-5000", ByteRange(0, 1000)),
        ("bytes=-0", "refused"),
        ("bytes=1000-", "refused"),
        ("bytes=1000-1000", "refused"),
        ("Bytes=0-1", ByteRange(0, 2)),
        ("bytes= 0-1 ", ByteRange(0, 2)),
        ("bytes=0-1,", ByteRange(0, 2)),
        ("bytes=0-1, 5-6", None),  # several: the whole file, as section 14.2 allows
        ("bytes=0-0,-1", None),
        ("bytes=5000-,6000-", "refused"),
        ("bytes=5000-,0-1", None),
        ("bytes=" + "0-1," * 1000, None),
        ("bytes=5-4", None),
        ("bytes=0-1,5-4", None),
        ("bytes=", None),
        ("bytes=,", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=0x1-2", None),
        ("bytes=--1", None),
        ("bytes=1-2-3", None),
        ("bytes=\u0661-2", None),
        ("bytes=" + "9" * 30 + "-", None),
        ("bytes", None),
        ("rows=0-1", None),
        ("", None),
    ],
)
def test_a_range_of_a_file_of_1000_bytes(value: str, part: ByteRange | str | None) -> None:
    found = choose_range({"range": value}, 1000, TAG)
    if part == "refused":
        assert isinstance(found, Refusal)
        assert found.code == "bad_range"
    else:
        assert found == part


def test_no_range_is_the_whole_file() -> None:
    assert choose_range({}, 1000, TAG) is None


def test_an_empty_file_has_no_part_but_its_end() -> None:
    assert choose_range({"range": "bytes=-5"}, 0, TAG) is None
    assert isinstance(choose_range({"range": "bytes=0-"}, 0, TAG), Refusal)
    assert isinstance(choose_range({"range": "bytes=-0"}, 0, TAG), Refusal)


@pytest.mark.parametrize("condition", ['"abd"', 'W/"abc"', "abc", "*", "Sun, 06 Nov 1994 08:49:37 GMT", '"abc", "x"'])
def test_a_range_of_another_version_is_the_whole_file(condition: str) -> None:
    assert choose_range({"range": "bytes=0-1", "if-range": condition}, 1000, TAG) is None
    assert choose_range({"range": "bytes=5000-", "if-range": condition}, 1000, TAG) is None
    assert choose_range({"range": "bytes=0-1", "if-range": TAG}, 1000, TAG) == ByteRange(0, 2)


def test_a_range_is_written_with_its_last_byte() -> None:
    assert ByteRange(500, 500).content_range(1000) == "bytes 500-999/1000"


@pytest.mark.parametrize(
    ("condition", "weakly", "strongly"),
    [
        ('"abc"', True, True),
        ('W/"abc"', True, False),
        ("*", True, True),
        ('"x", "abc"', True, True),
        ('"x",W/"abc"', True, False),
        ('"x"', False, False),
        ("abc", False, False),
        ("", False, False),
        ('"ab', False, False),
        ('"x*"', False, False),
    ],
)
def test_a_version_is_compared_weakly_or_strongly(condition: str, *, weakly: bool, strongly: bool) -> None:
    assert matches(condition, TAG, weakly=True) == weakly
    assert matches(condition, TAG, weakly=False) == strongly


@given(st.text("bytes=0123456789-, ", max_size=30), st.integers(0, 50))
def test_whatever_is_asked_for_lies_within_the_file(value: str, size: int) -> None:
    found = choose_range({"range": f"bytes={value}"}, size, TAG)
    if isinstance(found, ByteRange):
        assert found.length > 0
        assert 0 <= found.start <= found.start + found.length <= size
