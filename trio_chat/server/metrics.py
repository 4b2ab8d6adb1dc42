"""The server's figures in the text format of Prometheus (its page "Exposition formats", version 0.0.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from trio_chat.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from trio_chat.server.encryption import Encryption
    from trio_chat.server.hub.hub import Hub
    from trio_chat.server.net.gate import Gate
    from trio_chat.server.net.outbox_memory import OutboxMemory
    from trio_chat.server.newcomers import Newcomers
    from trio_chat.server.tally import Distribution


class ServerCollector(Collector):
    """Reads the figures when a client asks for them, so that counting costs the hub next to nothing."""

    def __init__(
        self, hub: Hub, gate: Gate, newcomers: Newcomers, memory: OutboxMemory, encryption: Encryption
    ) -> None:
        self._hub = hub
        self._gate = gate
        self._newcomers = newcomers
        self._memory = memory
        self._encryption = encryption

    def collect(self) -> Iterator[Metric]:
        """Yield every figure."""
        hub, tally, now = self._hub, self._hub.tally, self._hub.broker.statistics()
        info = GaugeMetricFamily("trio_chat_info", "Always 1; its label is the version.", labels=["version"])
        info.add_metric([__version__], 1)
        yield info
        yield GaugeMetricFamily("trio_chat_connections", "Connections now.", self._gate.inside)
        size = self._newcomers.size
        yield GaugeMetricFamily("trio_chat_newcomers", "Sockets of no connection: not yet, or not any more.", size)
        yield GaugeMetricFamily("trio_chat_people", "People here now.", now.here)
        yield GaugeMetricFamily("trio_chat_names", "Names that have an owner.", now.people)
        yield GaugeMetricFamily("trio_chat_storing", "Whether storing works: 1 or 0.", int(hub.storing.failing is None))
        yield GaugeMetricFamily("trio_chat_rooms", "Rooms.", now.rooms)
        yield GaugeMetricFamily("trio_chat_conversations", "Direct conversations.", now.conversations)
        yield GaugeMetricFamily("trio_chat_outbox_bytes", "Bytes that wait for their peers.", hub.outbox_bytes)
        most = self._memory.limit
        yield GaugeMetricFamily("trio_chat_max_outbox_bytes", "Bytes that may wait for all peers together.", most)
        yield GaugeMetricFamily("trio_chat_inbox_items", "Items that wait for the hub.", hub.waiting)
        yield CounterMetricFamily("trio_chat_accepted", "Connections since the start.", tally.connections)
        yield CounterMetricFamily("trio_chat_messages", "Room events stored.", tally.messages)
        yield CounterMetricFamily("trio_chat_deliveries", "Events and notices given to sessions.", tally.deliveries)
        yield CounterMetricFamily("trio_chat_http_requests", "Requests of HTTP that are no upgrade.", tally.requests)
        yield GaugeMetricFamily("trio_chat_transfers", "Files that are being sent or fetched now.", tally.transfers)
        yield CounterMetricFamily("trio_chat_body_bytes", "Bytes of bodies of requests that came in.", tally.received)
        yield CounterMetricFamily("trio_chat_file_bytes", "Bytes of files that went out.", tally.sent)
        refusals = CounterMetricFamily("trio_chat_refusals", "Refusals by row of the error table.", labels=["code"])
        for code, count in sorted(tally.refusals.items()):
            refusals.add_metric([code], count)
        yield refusals
        if self._encryption.expires is not None:
            text = "When the certificate of TLS expires, in seconds since 1970."
            yield GaugeMetricFamily("trio_chat_certificate_expiry_seconds", text, self._encryption.expires)
        yield _histogram("trio_chat_hub_batch_requests", "Requests in one batch.", tally.batch_requests)
        yield _histogram("trio_chat_hub_batch_seconds", "Time that one batch took.", tally.batch_seconds)
        yield _histogram("trio_chat_hub_delay_seconds", "Time that a request waited for the hub.", tally.delay_seconds)


def _histogram(name: str, text: str, values: Distribution) -> HistogramMetricFamily:
    total, buckets = 0, []
    for bound, count in zip((*map(str, values.bounds), "+Inf"), values.counts, strict=True):
        total += count
        buckets.append((bound, total))
    return HistogramMetricFamily(name, text, buckets=buckets, sum_value=values.total)


def make_metrics(
    hub: Hub, gate: Gate, newcomers: Newcomers, memory: OutboxMemory, encryption: Encryption
) -> CollectorRegistry:
    """Make a registry for this server alone: several servers in one process do not mix."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ServerCollector(hub, gate, newcomers, memory, encryption))
    return registry


def exposition(registry: CollectorRegistry) -> bytes:
    """Return all figures as text."""
    return generate_latest(registry)
