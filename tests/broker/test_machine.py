"""The broker keeps its promises whatever a crowd does to it, in whatever order."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from tests.broker.machine import BrokerMachine

SHORT = settings(max_examples=60, stateful_step_count=50, derandomize=True, database=None, deadline=None)
LONG = settings(
    SHORT,
    max_examples=3000,
    stateful_step_count=120,
    derandomize=False,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],  # long is what it is for
)

TestPromisesHoldInAnyOrder = BrokerMachine.TestCase
TestPromisesHoldInAnyOrder.settings = LONG if os.environ.get("HYPOTHESIS_PROFILE") == "long" else SHORT
