"""The people of the trials, without a trial."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.durability import changes
from tests.durability.changes import Changer
from tests.durability.waiting import wait_until
from trio_chat.client import connecting
from trio_chat.client.mailbox import Mailbox
from trio_chat.config import ServerConfig
from trio_chat.server.app import open_server


async def test_a_changer_goes_on_after_more_events_than_its_mailbox_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "Mailbox", partial(Mailbox, most_events=20))
    config = ServerConfig(port=0, data=tmp_path / "data", rate=0)
    async with open_server(config) as server, trio.open_nursery() as nursery:
        await nursery.start(server.run)
        url = f"ws://127.0.0.1:{server.addresses[0][1]}/"
        changer = Changer("ada", random.Random(1), trio.Event())
        await nursery.start(changer.live, url, tmp_path)
        await wait_until(lambda: changer.stand() >= 100, changer.stand, limit=20)
        await changer.finish()
        assert await changes.check(url, tmp_path, changer) >= 100
        nursery.cancel_scope.cancel()


async def test_a_wait_without_progress_ends_and_tells_the_stand(autojump_clock: MockClock) -> None:
    with pytest.raises(AssertionError, match=r"no progress for 0\.1 seconds: 3 of 5"):
        await wait_until(lambda: False, lambda: "3 of 5", limit=0.1)
