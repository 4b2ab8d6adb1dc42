"""The broker keeps its promises whatever a crowd does to it, in whatever order."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.broker.machine import BrokerMachine

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
"""Whether to look for longer, at other examples in each run, as ``nox -s fuzz`` does."""

SHORT_RUN = settings(max_examples=60, stateful_step_count=50, derandomize=True, database=None, deadline=None)
LONG_RUN = settings(SHORT_RUN, max_examples=250, stateful_step_count=80, derandomize=False, print_blob=True)


@pytest.mark.parametrize("part", range(16 if LONG else 1))  # parts, for no test may take long
def test_promises_hold_in_any_order(part: int) -> None:
    run_state_machine_as_test(BrokerMachine, settings=LONG_RUN if LONG else SHORT_RUN)
