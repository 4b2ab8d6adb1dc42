"""Random searches in parts: short ones in every run, long ones with a seed for ``nox -s fuzz``."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, TypeVar

import pytest
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st

LONG: Final = os.environ.get("HYPOTHESIS_PROFILE") == "long"
"""Whether to look for longer, at examples that follow from ``--hypothesis-seed``, as ``nox -s fuzz`` does."""

T = TypeVar("T")


def search(
    examples: st.SearchStrategy[T],
    play: Callable[[T], None],
    config: pytest.Config,
    part: object,
    *,
    short: int,
    long: int,
) -> None:
    """Play examples: ``short`` of them, the same in every run, or ``long``, which follow from the seed and the part.

    A short run shows what it finds as it is: a simpler example would take longer than a test may take.
    """
    phases = (Phase.explicit, Phase.generate)
    repeatable = settings(max_examples=short, derandomize=True, database=None, deadline=None, phases=phases)
    if not LONG:
        repeatable(given(examples)(play))()
        return
    more = settings(repeatable, max_examples=long, derandomize=False, print_blob=True, phases=tuple(Phase))
    more(seed(f"{config.getoption('hypothesis_seed')}, part {part}")(given(examples)(play)))()
