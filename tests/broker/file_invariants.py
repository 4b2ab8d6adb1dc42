"""The invariants about files, which hold of a whole broker after every step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_chat.protocol.events import Message

if TYPE_CHECKING:
    from tests.broker.hub_model import HubModel


def check_files(hub: HubModel) -> None:
    """The bytes of all accounts are those of a recount, and each file is an upload or in one message."""
    uploads, store = hub.broker.uploads, hub.ahead
    if not uploads.is_stale:
        sums = store.file_bytes()
        accounts = sums.keys() | store.accounts.keys()
        assert {a: uploads.used_by(a) for a in accounts if uploads.used_by(a)} == sums, "a wrong number of bytes"
        assert uploads.total_bytes == sum(sums.values()), "a wrong total of bytes"
    for file in store.files.values():
        if not file.room:
            assert uploads.get(file.id) == file, f"{file} is not known as an upload"
            assert file.account in store.accounts, "an upload of nobody"
            continue
        assert file.id not in uploads, f"{file} has its message, and is an upload"
        sender, event = store.logs[file.room][file.seq - 1]
        assert isinstance(event, Message), "no message carries a file"
        assert sender == file.account, "a message carries a file of somebody else"
        assert [one.id for one in event.files].count(file.id) == 1, "a message does not tell of its file"
    for account in store.accounts:
        most = hub.settings.max_uploads
        assert len(uploads.of(account)) <= most, f"more than {most} uploads"
        assert all(uploads.get(file) is not None for file in uploads.of(account)), "an upload that is not there"
    limit = hub.settings.files_total
    assert not limit or uploads.is_stale or uploads.total_bytes <= limit, "more bytes than the server may have"
