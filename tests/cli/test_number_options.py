"""Flags that take a whole number: both bounds hold, and a refusal names them."""

from __future__ import annotations

import click
import pytest

from trio_chat.cli.options import WholeNumber


@pytest.mark.parametrize(("least", "most", "text"), [(1, None, "1"), (0, 5, "0"), (0, 5, "5"), (1, None, "99999")])
def test_a_number_within_the_bounds_is_read(least: int, most: int | None, text: str) -> None:
    assert WholeNumber(least, most).convert(text, None, None) == int(text)


@pytest.mark.parametrize(
    ("least", "most", "text", "bounds"),
    [
        (1, None, "0", "of 1 or more"),
        (1, None, "x", "of 1 or more"),
        (0, 5, "-1", "from 0 to 5"),
        (0, 5, "6", "from 0 to 5"),
    ],
)
def test_a_number_beyond_the_bounds_is_refused_with_them(least: int, most: int | None, text: str, bounds: str) -> None:
    with pytest.raises(click.UsageError, match=f"must be a whole number {bounds}, not '{text}'"):
        WholeNumber(least, most).convert(text, None, None)
