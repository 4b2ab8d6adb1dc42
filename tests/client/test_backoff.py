from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trio_chat.client import Backoff

draws = st.floats(0, 1, exclude_max=True)


def test_bounds_double_from_the_first_to_the_longest() -> None:
    backoff = Backoff(first=0.5, longest=30)
    assert [backoff.bound(attempt) for attempt in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


@given(attempt=st.integers(1, 10**9), draw=draws)
def test_a_pause_is_spread_over_all_of_its_bound(attempt: int, draw: float) -> None:
    backoff = Backoff()
    assert backoff.delay(attempt, draw) == draw * backoff.bound(attempt)
    assert 0 <= backoff.delay(attempt, draw) <= 30


@given(attempt=st.integers(1, 100), draw=draws, asked=st.floats(0, 1000))
def test_nobody_comes_back_before_the_server_asked_for_it(attempt: int, draw: float, asked: float) -> None:
    delay = Backoff().delay(attempt, draw, asked)
    assert asked <= delay <= 2 * asked + 0.5
