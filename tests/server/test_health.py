from __future__ import annotations

import trio
import trio.testing

from trio_chat.broker import Broker, BrokerSettings
from trio_chat.records import Snapshot
from trio_chat.server.health import Health, check_health
from trio_chat.server.hub.hub import Hub
from trio_chat.server.tally import Tally
from trio_chat.store import MemoryStore


async def test_a_hub_that_does_not_answer_is_stuck_and_one_that_does_is_well(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    hub = Hub(Broker(BrokerSettings(), Snapshot(), 0.0), MemoryStore("epoch"), Tally())
    before = trio.current_time()
    assert await check_health(hub) == Health("stuck")  # nobody runs it
    assert trio.current_time() - before == 2.0
    await nursery.start(hub.run)
    assert await check_health(hub) == Health("ok", 0.0)
    nursery.cancel_scope.cancel()
