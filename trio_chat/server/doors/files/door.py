"""The door for files: the routes of uploads and downloads, and what they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trio_chat.server.doors.files.downloads import Downloads
from trio_chat.server.doors.files.file_access import FileAccess
from trio_chat.server.doors.files.receiving import UploadBytes
from trio_chat.server.doors.files.transfer_limit import TransferLimit
from trio_chat.server.doors.files.uploads import UPLOAD, UploadRoutes
from trio_chat.server.doors.http import HttpRequest, HttpResponse, Route

if TYPE_CHECKING:
    from trio_chat.errors import Refusal
    from trio_chat.server.hub.hub import Hub
    from trio_chat.store.blobs import BlobStore

_SHARE: Final = 8
"""An account may have one transfer in so many of the server's."""


class FileDoor:
    """See the module. ``max_file`` is the greatest size of a file in bytes, and ``max_transfers`` the number of uploads
    and downloads at once."""

    def __init__(self, hub: Hub, blobs: BlobStore, *, max_file: int, max_transfers: int) -> None:
        access = FileAccess(hub)
        self.transfers = TransferLimit(max_transfers, max(1, max_transfers // _SHARE))
        received = UploadBytes(access, blobs, hub.files)
        self._uploads = UploadRoutes(access, received, self.transfers, hub.refusals, max_size=max_file)
        self._downloads = Downloads(access, blobs, self.transfers, hub.refusals)

    def __repr__(self) -> str:
        return f"<FileDoor {self.transfers!r}>"

    def routes(self) -> list[Route]:
        """The rows for the route table."""
        return [*self._uploads.routes(), Route("GET", UPLOAD, self._downloads.get), Route("HEAD", UPLOAD, self._head)]

    async def _head(self, request: HttpRequest) -> HttpResponse | Refusal:
        """Tell the offset of an upload to those who speak tus, and the head of a download to all others."""
        speaks_tus = "tus-resumable" in request.head.headers
        return await (self._uploads.head(request) if speaks_tus else self._downloads.get(request))
