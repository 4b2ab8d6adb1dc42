"""Downloads: a file of a message, whole or in part (RFC 9110), for those who may read the message.

The hub is asked for each request whether the account may have the file now, and again while it is sent. A page in a
browser never runs what it gets: the answer is for saving, is no page whatever it contains, and names a type only where
that is harmless.
"""

from __future__ import annotations

import base64
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from trio_chat.errors import Refusal, StoreError, refuse
from trio_chat.protocol.file_kinds import BYTES, KINDS, TEXT
from trio_chat.server.doors.files.byte_ranges import ByteRange, choose_range, matches
from trio_chat.server.doors.files.disposition import attachment
from trio_chat.server.doors.http import FileBody, HttpRequest, HttpResponse, refused
from trio_chat.store.blobs import BlobMissing

if TYPE_CHECKING:
    from trio_chat.records import SaveFile
    from trio_chat.server.doors.files.file_access import FileAccess
    from trio_chat.server.doors.files.transfer_limit import TransferLimit
    from trio_chat.server.refusals import Refusals
    from trio_chat.store.blobs import BlobStore

_TEXT: Final = "text/plain; charset=utf-8"
"""How an answer names text: without the character set a browser would guess."""

_SAFE: Final = (
    ("Content-Security-Policy", "default-src 'none'; sandbox"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "private, no-cache"),  # it may be kept, and must be asked for again: access may have ended
    ("Accept-Ranges", "bytes"),
)

_UNDECIDED: Final = frozenset({"too_fast", "not_looked_up", "internal", "shutting_down"})
"""Refusals that say nothing about whether somebody may have a file."""

log = structlog.get_logger()


class Downloads:
    """See the module."""

    def __init__(self, access: FileAccess, blobs: BlobStore, transfers: TransferLimit, refusals: Refusals) -> None:
        self._access = access
        self._blobs = blobs
        self._transfers = transfers
        self._refusals = refusals

    def __repr__(self) -> str:
        return f"<Downloads of {self._blobs!r}>"

    async def get(self, request: HttpRequest) -> HttpResponse | Refusal:
        """Answer a ``GET``, or a ``HEAD`` that does not speak tus."""
        found = await self._access.find_file(request)
        if isinstance(found, Refusal):
            return found
        record, headers = found.record, request.head.headers
        tag = f'"{record.digest}"'
        if "if-match" in headers and not matches(headers["if-match"], tag, weakly=False):
            return refuse("version_changed")
        if "if-none-match" in headers and matches(headers["if-none-match"], tag, weakly=True):
            return HttpResponse(304, headers=(("ETag", tag), *_SAFE))
        part = choose_range(headers, record.size, tag) if request.head.method == "GET" else None
        if isinstance(part, Refusal):
            self._refusals.note("refused", part.code, request.address)
            return refused(part, request.head).with_headers(("Content-Range", f"bytes */{record.size}"))
        body = self._open(request, record, found.account, part)
        return body if isinstance(body, Refusal) else _answer(record, tag, part, body)

    def _open(self, request: HttpRequest, record: SaveFile, account: int, part: ByteRange | None) -> FileBody | Refusal:
        """Open the file until the answer is sent. The answer to ``HEAD`` tells its size alone."""
        start, length = part or (0, record.size)
        if request.head.method == "HEAD":
            return FileBody(-1, start, length)
        refusal = self._transfers.begin(account, request.address, request.held)
        if refusal is not None:
            return refusal
        try:
            reader = self._blobs.open(record.digest)
        except (BlobMissing, StoreError) as error:
            log.error("file missing", file=record.id, digest=record.digest, error=str(error))  # noqa: TRY400 - no bug of ours
            return refuse("file_missing")
        request.held.callback(reader.close)
        if reader.size != record.size:
            log.error("file damaged", file=record.id, digest=record.digest, size=reader.size, expected=record.size)
            return refuse("file_missing")
        request.begin_transfer()
        return FileBody(reader.fd, start, length, partial(self._still_allowed, request))

    async def _still_allowed(self, request: HttpRequest) -> bool:
        """Whether the account of a running download may still have the file: it may have left, the message may be
        deleted, the device revoked."""
        found = await self._access.find_file(request)
        return not isinstance(found, Refusal) or found.code in _UNDECIDED


def _answer(record: SaveFile, tag: str, part: ByteRange | None, body: FileBody) -> HttpResponse:
    digest = base64.b64encode(bytes.fromhex(record.digest)).decode()
    headers = [
        ("ETag", tag),
        ("Content-Disposition", attachment(record.name)),
        ("Repr-Digest", f"sha-256=:{digest}:"),  # RFC 9530
        *_SAFE,
    ]
    if part is not None:
        headers.append(("Content-Range", part.content_range(record.size)))
    return HttpResponse(206 if part else 200, _type_of(record), body, tuple(headers))


def _type_of(record: SaveFile) -> str:
    """The type that the answer names: none that a browser would run, whatever the record says."""
    if record.kind == TEXT:
        return _TEXT
    return record.kind if record.kind in KINDS else BYTES
