"""The monitoring page lists the figures of ``/metrics``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from tests.certificates import make_certificate
from trio_chat.broker import Broker, BrokerSettings
from trio_chat.server.encryption import Encryption
from trio_chat.server.hub.hub import Hub
from trio_chat.server.metrics import exposition, make_metrics
from trio_chat.server.net.certificate import show_certificate
from trio_chat.server.net.gate import Gate
from trio_chat.server.net.outbox_memory import OutboxMemory
from trio_chat.server.newcomers import Newcomers
from trio_chat.server.tally import Tally
from trio_chat.store import MemoryStore

PAGE: Final = Path(__file__).parents[2] / "docs" / "how-to" / "monitoring.md"


def test_the_page_lists_every_figure_and_no_other() -> None:
    made = make_certificate()
    encryption = Encryption(lambda: show_certificate(made.pem, made.key_pem), renewable=False)
    hub = Hub(Broker(BrokerSettings()), MemoryStore("epoch"), Tally())
    text = exposition(make_metrics(hub, Gate(10, 0), Newcomers(hub.refusals), OutboxMemory(), encryption)).decode()
    served = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(trio_chat_\w+)`", row)} == served
