"""How many transfers run at once."""

from __future__ import annotations

import contextlib

from trio_chat.server.doors.files.transfer_limit import TransferLimit

HERE = "127.0.0.1"


def test_transfers_are_counted_until_they_end() -> None:
    transfers = TransferLimit(3, 2)
    with contextlib.ExitStack() as one, contextlib.ExitStack() as other:
        assert transfers.begin(1, HERE, one) is None
        assert transfers.begin(1, HERE, one) is None
        refusal = transfers.begin(1, HERE, one)
        assert refusal is not None
        assert str(refusal).startswith("2 transfers of yours run")
        assert transfers.begin(2, HERE, other) is None
        refusal = transfers.begin(3, HERE, other)
        assert refusal is not None
        assert str(refusal).startswith("3 transfers of this server run")
        assert transfers.running == 3
        one.close()
        assert transfers.running == 1
        assert transfers.begin(3, HERE, other) is None
    assert repr(transfers) == "<TransferLimit: 0 of 3 run>"
    assert not transfers._running  # an account that has none is not kept


def test_the_accounts_of_one_place_leave_transfers_for_others() -> None:
    transfers = TransferLimit(8, 2)
    with contextlib.ExitStack() as stranger:
        for account in range(3):
            for port in range(2):
                assert transfers.begin(account, f"2001:db8::{port + 1}", stranger) is None  # one network
        refusal = transfers.begin(3, "2001:db8::9", stranger)
        assert refusal is not None
        assert str(refusal).startswith("6 transfers of your address run")
        assert transfers.begin(4, "2001:db8:0:1::1", stranger) is None
        assert transfers.begin(5, HERE, stranger) is None
    assert not transfers._places
    assert transfers.begin(3, "2001:db8::9", stranger) is None
    stranger.close()


def test_a_server_of_one_transfer_has_it_for_every_place() -> None:
    with contextlib.ExitStack() as held:
        assert TransferLimit(1, 1).begin(1, "192.0.2.1", held) is None
