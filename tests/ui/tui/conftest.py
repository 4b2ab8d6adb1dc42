"""The scripted server that the pictures of a screen are taken on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ui.tui.rich_server import Running


@pytest.fixture
def chat() -> Iterator[Running]:
    with Running() as running:
        yield running
