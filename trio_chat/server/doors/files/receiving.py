"""The bytes of an upload: from the body of a request to the disk, and into their place when all are there.

Theory of operation. The server never acknowledges an offset that is not on the disk: :meth:`UploadBytes.receive`
writes, saves, and returns then. The bytes that came before a connection was cut are saved as well. Bytes with a
checksum are an exception: they count when all of them are there and right, and are dropped otherwise.

With the last byte the blob is hashed and put in its place (*sealed*), and the hub notes its digest. If the server ends
in between, the upload has all its bytes and no digest: the next request for it seals it again. If there is none, or the
upload was removed meanwhile, a note that was stored before has the blob removed: its bytes count in no quota.
"""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING

import structlog
import trio

from trio_chat.errors import Refusal, StoreError, refuse
from trio_chat.protocol.file_kinds import kind_of
from trio_chat.store.blobs import BlobBusy, BlobMissing, BlobsFull

if TYPE_CHECKING:
    from trio_chat.records import SaveFile
    from trio_chat.server.doors.files.file_access import FileAccess
    from trio_chat.server.doors.files.tus_headers import Checksum
    from trio_chat.server.doors.files.upload_claims import UploadClaim
    from trio_chat.server.doors.http import RequestBody
    from trio_chat.store import FileRecords
    from trio_chat.store.blobs import BlobStore, BlobWriter

log = structlog.get_logger()


class UploadBytes:
    """See the module. All methods are called under a claim to the upload."""

    def __init__(self, access: FileAccess, blobs: BlobStore, records: FileRecords) -> None:
        self._access = access
        self._blobs = blobs
        self._records = records

    def __repr__(self) -> str:
        return f"<UploadBytes in {self._blobs!r}>"

    async def begin(self, upload: str) -> Refusal | None:
        """Make the empty file of an upload."""
        try:
            await self._blobs.begin(upload)
        except StoreError as error:
            return _not_saved(error, upload)
        return None

    async def offset(self, record: SaveFile) -> int | Refusal:
        """Return how many bytes of an upload are on the disk. An upload that has all its bytes is finished first.

        The ``record`` may be of before the claim: another request may have finished or removed the upload since.
        """
        now = self._access.upload_now(record.id)
        if now is None:
            return refuse("unknown_file")
        if now.digest:
            return now.size
        size = await self._blobs.size(record.id)
        if size is None:
            size = 0
            refusal = await self.begin(record.id)
            if refusal is not None:
                return refusal
        return size if size < record.size else await self.finish(record)

    async def receive(
        self, body: RequestBody, record: SaveFile, offset: int, checksum: Checksum | None, claim: UploadClaim
    ) -> int | Refusal:
        """Write a body from an offset on, and return the offset that is on the disk then. See the module.

        Raises ``BodyCut`` when the body does not come whole; what came is on the disk then.
        """
        try:
            async with self._blobs.append(record.id, offset) as writer:
                with claim.scope:
                    return await self._write(body, record, writer, checksum, claim)
                return refuse("upload_busy")  # another request has taken the upload over
        except BlobBusy:
            return refuse("upload_busy")
        except BlobMissing:
            await self.discard(record)
            return refuse("unknown_file")  # it was removed meanwhile
        except BlobsFull:
            log.warning("disk full", upload=record.id)
            return refuse("disk_full")
        except StoreError as error:
            return _not_saved(error, record.id)

    async def _write(
        self, body: RequestBody, record: SaveFile, writer: BlobWriter, checksum: Checksum | None, claim: UploadClaim
    ) -> int | Refusal:
        hashing = None if checksum is None else hashlib.new(checksum.algorithm, usedforsecurity=False)
        right = checksum is None
        try:
            async for piece in body:
                claim.moved()
                if self._access.upload_now(record.id) is None:  # its time is over, or its account is gone
                    raise BlobMissing("The upload was removed.")
                if hashing is not None:
                    await trio.to_thread.run_sync(hashing.update, piece)
                await writer.write(piece)
            right = hashing is None or (checksum is not None and hashing.digest() == checksum.digest)
        finally:
            # what came stays, whatever ends the request: the disk needs a moment for it, and no peer can make it longer
            with trio.CancelScope(shield=True):
                saved = await writer.save() if right else await writer.drop()
        return saved if right else refuse("wrong_checksum")

    async def finish(self, record: SaveFile) -> int | Refusal:
        """Put the bytes of an upload, which are all there, into their place, and have the hub note their digest.

        Returns the size of the upload."""
        try:
            sealed = await self._blobs.seal(record.id, self._records.note_dropped)
        except BlobMissing:
            return refuse("unknown_file")
        except BlobsFull:
            return refuse("disk_full")
        except StoreError as error:
            return _not_saved(error, record.id)
        try:
            refusal = await self._access.finish(record.id, sealed.digest, kind_of(sealed.first, record.size))
            if refusal is not None:
                with contextlib.suppress(StoreError):  # the note of before is there, most probably
                    await self._records.note_dropped(sealed.digest)
        finally:
            sealed.release()
        if refusal is None or refusal.code == "unknown_file":
            await self.discard(record)  # its bytes are in their place now, or nobody wants them
        return refusal or record.size

    async def discard(self, record: SaveFile) -> None:
        """Remove the bytes of an upload from those of uploads. Where that fails the upkeep does it later."""
        try:
            await self._blobs.discard(record.id)
        except StoreError as error:
            log.warning("upload not removed yet", upload=record.id, error=str(error))


def _not_saved(error: StoreError, upload: str) -> Refusal:
    log.error("upload not saved", upload=upload, error=str(error))
    return refuse("not_stored")
