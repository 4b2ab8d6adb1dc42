"""Uploads by tus 1.0.0 (https://tus.io/protocols/resumable-upload): begun, continued, removed.

The hub knows which uploads there are, whose they are and how long they are to be; the blobs have their bytes. The hub
notes an upload before its bytes are begun; where the server ended in between, they are begun when it is asked for.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from trio_chat.broker.uploads import UPLOAD_TIME
from trio_chat.errors import Refusal, refuse
from trio_chat.server.doors.files import tus_headers as tus
from trio_chat.server.doors.files.upload_claims import UploadClaims
from trio_chat.server.doors.http import BodyCut, HttpRequest, HttpResponse, Route, refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trio_chat.records import SaveFile
    from trio_chat.server.doors.files.file_access import FileAccess
    from trio_chat.server.doors.files.receiving import UploadBytes
    from trio_chat.server.doors.files.transfer_limit import TransferLimit
    from trio_chat.server.doors.files.upload_claims import UploadClaim
    from trio_chat.server.refusals import Refusals

_BEGIN: Final = ("/files", "/files/")
UPLOAD: Final = "/files/{id}"
_ALLOWED: Final = "GET, HEAD, PATCH, DELETE, OPTIONS"


class UploadRoutes:
    """See the module. ``max_size`` is the greatest size of a file in bytes."""

    def __init__(
        self, access: FileAccess, received: UploadBytes, transfers: TransferLimit, refusals: Refusals, *, max_size: int
    ) -> None:
        self._access = access
        self._bytes = received
        self._transfers = transfers
        self._refusals = refusals
        self._max_size = max_size
        self._claims = UploadClaims()

    def __repr__(self) -> str:
        return f"<UploadRoutes {self._claims!r}>"

    def routes(self) -> list[Route]:
        """The rows of the route table, all but that of ``HEAD``: a download has it too."""
        most = self._max_size
        return [
            *(Route("OPTIONS", path, self._options) for path in (*_BEGIN, UPLOAD)),
            *(Route("POST", path, self._in_tus(self._begin), max_body=most) for path in _BEGIN),
            Route("POST", UPLOAD, self._in_tus(self._overridden), max_body=most),
            Route("PATCH", UPLOAD, self._in_tus(self._go_on), max_body=most),
            Route("DELETE", UPLOAD, self._in_tus(self._remove)),
        ]

    async def head(self, request: HttpRequest) -> HttpResponse:
        """Tell the offset of an upload: the answer to a ``HEAD`` that speaks tus."""
        return await self._in_tus(self._tell_offset)(request)

    def _in_tus(
        self, handle: Callable[[HttpRequest], Awaitable[HttpResponse | Refusal]]
    ) -> Callable[[HttpRequest], Awaitable[HttpResponse]]:
        """A handler before which the protocol's version is checked, and whose answers all tell it."""

        async def answer(request: HttpRequest) -> HttpResponse:
            found: HttpResponse | Refusal
            try:
                found = tus.check_version(request.head.headers) or await handle(request)
            except BodyCut as cut:
                found = cut.refusal
            return self._told(found, request)

        return answer

    def _told(self, answer: HttpResponse | Refusal, request: HttpRequest, *headers: tuple[str, str]) -> HttpResponse:
        """An answer with the headers of the protocol, each once, and more of them."""
        if isinstance(answer, Refusal):
            self._refusals.note("refused", answer.code, request.address)
            answer = refused(answer, request.head)
        told = {name for name, _ in answer.headers}
        versions = ((name, tus.VERSION) for name in ("Tus-Resumable", "Tus-Version") if name not in told)
        return answer.with_headers(*versions, *headers)

    # ---- the requests -------------------------------------------------------------------------

    async def _options(self, _: HttpRequest) -> HttpResponse:
        """Tell what the server can do. It is the same for everybody, so it needs no token."""
        return HttpResponse(
            204,
            headers=(
                ("Tus-Resumable", tus.VERSION),
                ("Tus-Version", tus.VERSION),
                ("Tus-Extension", tus.EXTENSIONS),
                ("Tus-Max-Size", str(self._max_size)),
                ("Tus-Checksum-Algorithm", ",".join(tus.CHECKSUMS)),
            ),
        )

    async def _begin(self, request: HttpRequest) -> HttpResponse | Refusal:
        """Begin an upload, with the first bytes if the request has any."""
        headers = request.head.headers
        size, metadata = tus.parse_length(headers), tus.parse_metadata(headers)
        if isinstance(size, Refusal):
            return size
        if isinstance(metadata, Refusal):
            return metadata
        refusal = _check_first_bytes(request, size)
        record = refusal or await self._access.begin(request, metadata, size)
        if isinstance(record, Refusal):
            return record
        async with self._claims.hold(record.id) as claim:
            if isinstance(claim, Refusal):
                return claim
            offset = await self._bytes.offset(record)  # makes its file; an upload of no bytes is finished by it
            if offset == 0 and size and request.body.length != 0:
                offset = await self._take(request, record, 0, claim)
        answer = offset if isinstance(offset, Refusal) else HttpResponse(201, headers=_offset(offset))
        return self._told(answer, request, ("Location", f"/files/{record.id}"), _expires(record))

    async def _tell_offset(self, request: HttpRequest) -> HttpResponse | Refusal:
        """Tell where an upload goes on."""
        record = await self._access.find_upload(request)
        if isinstance(record, Refusal):
            return record
        async with self._claims.hold(record.id) as claim:
            offset = claim if isinstance(claim, Refusal) else await self._bytes.offset(record)
        if isinstance(offset, Refusal):
            return offset
        metadata = tus.format_metadata({"filename": record.name})
        told = (("Upload-Length", str(record.size)), ("Upload-Metadata", metadata), _expires(record))
        return HttpResponse(200, headers=(*_offset(offset), *told))

    async def _go_on(self, request: HttpRequest) -> HttpResponse | Refusal:
        """Add the bytes of a request to an upload."""
        offset = tus.parse_offset(request.head.headers)
        refusal = _check_bytes(request)
        if isinstance(offset, Refusal):
            return offset
        if refusal is not None:
            return refusal
        record = await self._access.find_upload(request)
        if isinstance(record, Refusal):
            return record
        async with self._claims.hold(record.id) as claim:
            if isinstance(claim, Refusal):
                return claim
            have = await self._bytes.offset(record)
            if have != offset:
                return have if isinstance(have, Refusal) else refuse("wrong_offset", offset=have, asked=offset)
            if request.body.length != 0 and have != record.size:
                have = await self._take(request, record, offset, claim)
        return have if isinstance(have, Refusal) else HttpResponse(204, headers=(*_offset(have), _expires(record)))

    async def _take(self, request: HttpRequest, record: SaveFile, offset: int, claim: UploadClaim) -> int | Refusal:
        """Take the bytes of a request, and finish the upload with its last one."""
        body, checksum = request.body, tus.parse_checksum(request.head.headers)
        if isinstance(checksum, Refusal):
            return checksum
        if body.length is not None and offset + body.length > record.size:
            return refuse("beyond_length", size=record.size)
        body.restrict(record.size - offset)
        refusal = self._transfers.begin(record.account, request.address, request.held)
        if refusal is not None:
            return refusal
        request.begin_transfer()
        have = await self._bytes.receive(body, record, offset, checksum, claim)
        return have if isinstance(have, Refusal) or have < record.size else await self._bytes.finish(record)

    async def _remove(self, request: HttpRequest) -> HttpResponse | Refusal:
        """Remove an upload that no message carries."""
        record = await self._access.drop_upload(request)
        if isinstance(record, Refusal):
            return record
        async with self._claims.hold(record.id, take=True):
            await self._bytes.discard(record)
        return HttpResponse(204)

    async def _overridden(self, request: HttpRequest) -> HttpResponse | Refusal:
        """Answer a ``POST`` that stands for another method: some clients can send no other."""
        method = tus.find_method(request.head.method, request.head.headers)
        handlers = {"PATCH": self._go_on, "DELETE": self._remove, "HEAD": self._tell_offset}
        handle = handlers.get(method)
        return HttpResponse(405, headers=(("Allow", _ALLOWED),)) if handle is None else await handle(request)


def _check_first_bytes(request: HttpRequest, size: int) -> Refusal | None:
    """Refuse a new upload for the bytes that come with its request: before there is an upload."""
    length = request.body.length
    if length == 0:
        return None
    if length is not None and length > size:
        return refuse("beyond_length", size=size)
    return _check_bytes(request)


def _check_bytes(request: HttpRequest) -> Refusal | None:
    """Refuse a request whose bytes or their checksum are not declared as tus has it."""
    checksum = tus.parse_checksum(request.head.headers)
    return checksum if isinstance(checksum, Refusal) else tus.check_bytes(request.head.headers)


def _offset(offset: int) -> tuple[tuple[str, str], ...]:
    return (("Upload-Offset", str(offset)),)


def _expires(record: SaveFile) -> tuple[str, str]:
    return ("Upload-Expires", tus.format_date(datetime.fromisoformat(record.time).timestamp() + UPLOAD_TIME))
