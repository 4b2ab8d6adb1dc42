"""Fixtures for the tests of the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.docs.terminals import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Terminals, which are closed at the end of the test."""
    desk = Desk(tmp_path)
    try:
        yield desk
    finally:
        desk.close()
