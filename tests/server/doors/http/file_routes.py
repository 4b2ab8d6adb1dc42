"""Routes for tests of the HTTP door: one takes a body, and one sends a file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import trio

from trio_chat.errors import Refusal
from trio_chat.server.doors.http import BodyCut, FileBody, HttpRequest, HttpResponse, Route

LIMIT = 64 * 1024 * 1024


class FileRoutes:
    """``PUT /take`` answers with the size and the SHA-256 of the body, and ``GET /give`` with the file at ``path``;
    ``POST /ignore`` reads no body. The paths begin with ``under``.

    ``cut`` has the reasons why bodies did not come whole, ``pieces`` the sizes that the handler got, and ``addresses``
    those of the clients. ``transfer``: requests count as transfers. ``gate``, if set, is waited for between pieces.
    """

    def __init__(
        self, path: Path | None = None, *, limit: int = LIMIT, transfer: bool = False, under: str = ""
    ) -> None:
        self.path = path
        self.addresses: list[str] = []
        self.transfer = transfer
        self.cut: list[Refusal] = []
        self.pieces: list[int] = []
        self.gate: trio.Event | None = None
        self.routes = [
            Route("PUT", f"{under}/take", self._take, max_body=limit),
            Route("PATCH", under + "/take/{name}", self._take, max_body=limit),
            Route("POST", f"{under}/ignore", self._ignore, max_body=limit),
            Route("GET", f"{under}/give", self._give),
            Route("GET", f"{under}/bug", self._bug),
        ]

    async def _take(self, request: HttpRequest) -> HttpResponse:
        self.addresses.append(request.address)
        if self.transfer:
            request.begin_transfer()
        digest, size = hashlib.sha256(), 0
        try:
            async for piece in request.body:
                self.pieces.append(len(piece))
                if self.gate is not None:
                    await self.gate.wait()
                digest.update(piece)
                size += len(piece)
        except BodyCut as cut:
            self.cut.append(cut.refusal)
            raise
        name = request.params.get("name", "")
        return HttpResponse(200, "text/plain", f"{name}{size} {digest.hexdigest()}".encode())

    async def _ignore(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(204)

    async def _give(self, request: HttpRequest) -> HttpResponse:
        self.addresses.append(request.address)
        if self.transfer:
            request.begin_transfer()
        assert self.path is not None
        fd = os.open(self.path, os.O_RDONLY)
        request.held.callback(os.close, fd)
        return HttpResponse(200, "application/octet-stream", FileBody(fd, 0, os.fstat(fd).st_size))

    async def _bug(self, request: HttpRequest) -> HttpResponse:
        raise ZeroDivisionError


def expected(data: bytes) -> bytes:
    """What ``PUT /take`` answers to a body."""
    return f"{len(data)} {hashlib.sha256(data).hexdigest()}".encode()
