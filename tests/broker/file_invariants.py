"""The invariants about files, which hold of a whole broker after every step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_chat.protocol.events import Message

if TYPE_CHECKING:
    from tests.broker.hub_model import HubModel


def check_files(hub: HubModel) -> None:
    """The bytes of all accounts are those of a recount, and each file is an upload or in one message."""
    held, store = hub.broker.files, hub.ahead
    if not held.is_stale:
        sums = store.file_bytes()
        accounts = sums.keys() | store.accounts.keys()
        assert {a: held.used_by(a) for a in accounts if held.used_by(a)} == sums, "a wrong number of bytes"
        assert held.total == sum(sums.values()), "a wrong total of bytes"
    for file in store.files.values():
        if not file.room:
            assert held.get(file.id) == file, f"{file} is not known as an upload"
            assert file.account in store.accounts, "an upload of nobody"
            continue
        assert file.id not in held, f"{file} has its message, and is an upload"
        sender, event = store.logs[file.room][file.seq - 1]
        assert isinstance(event, Message), "no message carries a file"
        assert sender == file.account, "a message carries a file of somebody else"
        assert [one.id for one in event.files].count(file.id) == 1, "a message does not tell of its file"
    for account in store.accounts:
        most = hub.settings.max_uploads
        assert len(held.of(account)) <= most, f"more than {most} uploads"
        assert all(held.get(file) is not None for file in held.of(account)), "an upload that is not there"
    limit = hub.settings.files_total
    assert not limit or held.is_stale or held.total <= limit, "more bytes than the server may have"
