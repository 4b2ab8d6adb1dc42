"""How many transfers run at once."""

from __future__ import annotations

import contextlib

from trio_chat.server.doors.files.transfer_limit import TransferLimit


def test_transfers_are_counted_until_they_end() -> None:
    transfers = TransferLimit(3, 2)
    with contextlib.ExitStack() as one, contextlib.ExitStack() as other:
        assert transfers.begin(1, one) is None
        assert transfers.begin(1, one) is None
        refusal = transfers.begin(1, one)
        assert refusal is not None
        assert str(refusal).startswith("2 transfers of yours run")
        assert transfers.begin(2, other) is None
        refusal = transfers.begin(3, other)
        assert refusal is not None
        assert str(refusal).startswith("3 transfers of this server run")
        assert transfers.running == 3
        one.close()
        assert transfers.running == 1
        assert transfers.begin(3, other) is None
    assert repr(transfers) == "<TransferLimit: 0 of 3 run>"
    assert not transfers._running  # an account that has none is not kept
