from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio

from tests.client.scripted import ScriptedServer


@pytest.fixture
async def server(nursery: trio.Nursery) -> AsyncIterator[ScriptedServer]:
    scripted = ScriptedServer(nursery)
    yield scripted
    nursery.cancel_scope.cancel()
