"""The scripted servers that the full screen is looked at with, and the programs that look."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ui.tui.rich_server import Running
from tests.ui.tui.screens import SIZES, Screen, Seat


@pytest.fixture
def chat() -> Iterator[Running]:
    """A server for one test."""
    with Running() as running:
        yield running


@pytest.fixture(scope="module")
def house() -> Iterator[Running]:
    """A server for all tests of a module."""
    with Running() as running:
        yield running


@pytest.fixture(scope="module")
def seat(house: Running, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seat]:
    """A program for all tests of a module, started with the options that the module calls ``OPTIONS``."""
    seat = Seat(house, tmp_path_factory.mktemp("seat"), *getattr(request.module, "OPTIONS", ()))
    yield seat
    seat.leave()


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def ada(seat: Seat, request: pytest.FixtureRequest) -> Screen:
    """The module's program, in a room of the test's own, at each of the sizes (``house.here`` is the room)."""
    return seat.sit(*request.param)


@pytest.fixture
def desk(seat: Seat) -> Screen:
    """The module's program, in a room of the test's own, as large as a terminal opens."""
    return seat.sit(*SIZES[0])
