"""Sessions over TLS: what the outbox and the end of a connection promise holds there too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.certificates import make_certificate
from tests.server.live_server import Serve
from tests.server.raw_client import request
from tests.server.tls_client import join_over_tls


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    """The settings that name a certificate and its key."""
    cert, key = make_certificate("127.0.0.1").write(tmp_path)
    return {"cert": cert, "key": key}


async def test_a_peer_that_stops_reading_is_told_why_after_whole_messages(serve: Serve, files: dict[str, Any]) -> None:
    live = await serve(outbox_bytes=100_000, max_frame=16_384, **files)
    ada, bob = await join_over_tls(live, "ada"), await join_over_tls(live, "bob")
    slow = await join_over_tls(live, "slow", receive_buffer=1)
    live.squeeze(slow)
    outbox, count = live.connection_of(slow).outbox, 0
    while outbox.takes_more:
        assert (await ada.say("x" * 4000))["type"] == "ok"
        count += 1
    assert [event["seq"] for event in [await bob.until("message") for _ in range(count)]] == list(range(1, count + 1))
    events, code, _ = await slow.wait_closed()
    *others, closing = events
    seqs = [event["seq"] for event in others if event["type"] == "message"]
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) < count
    assert closing["code"] == "too_slow"
    assert code == 1008


async def test_the_end_of_the_server_is_told_over_tls(serve: Serve, files: dict[str, Any]) -> None:
    live = await serve(**files)
    ada = await join_over_tls(live, "ada")
    live.server.stop()
    events, code, _ = await ada.wait_closed()
    assert events[-1]["code"] == "shutting_down"
    assert code == 1001
    await live.ended.wait()


async def test_many_requests_in_one_record_and_one_in_many_records_are_all_answered(
    serve: Serve, files: dict[str, Any]
) -> None:
    live = await serve(**files)
    ada = await join_over_tls(live, "ada")
    await ada.send(b"".join(request("ping", f"q{number}") for number in range(50)))
    assert [(await ada.next_answer())["id"] for _ in range(50)] == [f"q{number}" for number in range(50)]
    for byte in request("ping", "slowly"):
        await ada.send(bytes([byte]))
    assert (await ada.next_answer())["id"] == "slowly"
