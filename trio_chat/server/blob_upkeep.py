"""The server's work for the bytes of files beside the chat: it removes what nobody needs any more.

The store notes which bytes no file has any more, in the commit that removes the last file with them. The note is
deleted when they are gone from the disk, so a server that was killed in between goes on at its next start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

import structlog
import trio

from trio_chat.errors import StoreError

if TYPE_CHECKING:
    from trio_chat.store import FileRecords
    from trio_chat.store.blobs import BlobStore

_STEP: Final = 100
"""Blobs that are removed before their notes are deleted, in one commit: some ten milliseconds of disk time."""

_PAUSE: Final = 0.5
"""Seconds between two looks whether files were removed: messages come first."""

_AGAIN: Final = 2.0
"""Seconds until it is tried again after the disk failed, or while a file is just being made."""

log = structlog.get_logger()


async def remove_blobs(records: FileRecords, blobs: BlobStore) -> NoReturn:
    """Remove the bytes of files, and of uploads, soon after nobody needs them."""
    told = ""
    due = True  # an earlier process may have left some
    while True:
        try:
            if due or records.files_dropped:
                due = True
                due = not await remove_unneeded(records, blobs)
        except StoreError as error:
            if str(error) != told:  # once is enough while the failure goes on
                log.warning("files not removed", error=str(error))
            told = str(error)
            await trio.sleep(_AGAIN)
            continue
        told = ""
        await trio.sleep(_AGAIN if due else _PAUSE)


async def remove_unneeded(records: FileRecords, blobs: BlobStore) -> bool:
    """Remove all blobs that no file has, and all uploads that are no uploads any more.

    Returns whether that is all: it is not where a file with such bytes is just being made. Raises ``StoreError``; what
    was done until then stays done, and so it does on cancellation.
    """
    while digests := await records.dropped_blobs(_STEP):
        gone = [digest for digest in digests if await blobs.remove(digest, records.is_dropped)]
        await records.forget_dropped(gone)
        if len(gone) < len(digests):
            return False
    for upload in await blobs.uploads():
        known = await records.find_file(upload)
        if known is None or known.digest:  # it expired, or the server ended between its record and this
            await blobs.discard(upload)
    return True
