"""Which lines of an earlier text a line was, which test a context names, and what is left behind a failed test."""

from __future__ import annotations

import pytest

from tests.mutants.__main__ import sample
from tests.mutants.lines import names, then
from tests.mutants.sites import changes_in
from tests.mutants.trial import behind


@pytest.mark.parametrize(
    ("new", "line", "before"),
    [
        ("a\nb\nc", 2, [2]),
        ("x\na\nb\nc", 3, [2]),  # moved
        ("a\nB\nc", 2, [2]),  # changed
        ("a\nb\nx\ny\nc", 3, [2, 3]),  # new: the lines around it
    ],
)
def test_a_line_is_found_in_the_earlier_text(new: str, line: int, before: list[int]) -> None:
    assert list(then("a\nb\nc", new, line)) == before


@pytest.mark.parametrize(
    ("context", "tests"),
    [
        ("", []),
        ("tests/test_a.py::test_b", ["tests/test_a.py::test_b"]),
        ("tests/test_a.py::test_b (call)", ["tests/test_a.py::test_b"]),  # of a program
        ("tests/test_a.py::test_b (setup)|tests/test_c.py::test_d (call)", ["tests/test_c.py::test_d"]),  # of a fork
    ],
)
def test_a_context_names_the_test_that_ran_a_line(context: str, tests: list[str]) -> None:
    assert names(context) == tests


def test_a_trial_goes_on_behind_a_test_that_fails_by_itself() -> None:
    chosen = ["tests/test_a.py", "tests/test_b.py::test_x", "tests/test_b.py::test_y"]
    assert behind(chosen, "tests/test_b.py::test_x") == ["tests/test_b.py::test_y"]
    assert behind(chosen, "tests/test_a.py::test_z") == chosen[1:]


def test_a_sample_stays_the_same_while_other_lines_change() -> None:
    source = b"x = a < b\ny = a == b\nz = a and b\nw = not a\n"
    found = {"m": changes_in("trio_chat/m.py", source)}
    moved = {"m": changes_in("trio_chat/m.py", b"import q\n\n" + source)}
    chosen = sample(found, 3, seed=7)
    assert len(chosen) == 3
    assert [change.key for change in sample(moved, 3, seed=7)] == [change.key for change in chosen]
