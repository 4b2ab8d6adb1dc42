"""Fetching the bytes of a file, from an offset on, over as many connections as it takes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from trio_chat.client.files.transfer_connection import TransferConnection, path_of, settle
from trio_chat.errors import ChatError, Unreachable
from trio_chat.protocol.files import is_digest

if TYPE_CHECKING:
    from trio_chat.client.files.progress import TransferState
    from trio_chat.client.http import HttpAnswer, HttpConnection
    from trio_chat.protocol.parts import FileInfo

_OK, _PARTIAL = 200, 206  # RFC 9110, section 15
_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")


class DamagedFile(ChatError):
    """The bytes of a file are not those that its message names."""


class FileDownload:
    """The bytes of one file, piece by piece. ``offset`` bytes are there already, and ``hashed`` has taken them."""

    def __init__(
        self,
        transfer: TransferConnection,
        file: FileInfo,
        *,
        offset: int = 0,
        hashed: hashlib._Hash | None = None,
        tell: Callable[[int, TransferState], object],
    ) -> None:
        if not is_digest(file.sha256):
            raise DamagedFile(f"{file.name} has no SHA-256 in its message, so nobody can tell whether it is whole.")
        self._transfer = transfer
        self._file = file
        self._hash = hashed or hashlib.sha256()
        self._tell = tell
        self._body: HttpConnection | None = None  # the connection on which a response's body is read
        self.at = offset

    def __repr__(self) -> str:
        return f"<FileDownload of {self._file.name!r} at {self.at}>"

    async def receive(self) -> bytes:
        """The next bytes; empty after the last one, when their hash is the one that the message names.

        Raises :class:`DamagedFile` when it is not, or the server sends more or fewer bytes than that,
        :class:`~trio_chat.errors.NotDone` when it refuses, and :class:`~trio_chat.errors.NotAcknowledged` when nothing
        came for too long.
        """
        if self.at == self._file.size:
            await self._finish()
            return b""
        piece = await self._transfer.persist(self._next_piece, waiting=lambda: self._tell(self.at, "waiting"))
        self._hash.update(piece)
        self.at += len(piece)
        self._tell(self.at, "moving")
        return piece

    async def _next_piece(self, connection: HttpConnection) -> bytes:
        if self._body is not connection:
            await self._ask(connection)
            self._body = connection
        try:
            piece = await connection.receive()
        except BaseException:
            self._body = None
            raise
        if not piece:
            raise DamagedFile(f"{connection.where} sent only {self.at} of the {self._file.size} bytes.")
        if self.at + len(piece) > self._file.size:
            raise DamagedFile(f"{connection.where} sends more than the {self._file.size} bytes of the file.")
        return piece

    async def _ask(self, connection: HttpConnection) -> None:
        headers = [("Accept-Encoding", "identity")]
        if self.at:
            headers += [("Range", f"bytes={self.at}-"), ("If-Range", f'"{self._file.sha256}"')]
        answer = await connection.ask("GET", path_of(connection, self._file.id), headers)
        if answer.status not in {_OK, _PARTIAL}:
            await settle(connection, answer)
            raise Unreachable(f"{connection.where} answered with HTTP {answer.status}, and sent no file.")
        self._check_head(answer, connection.where)

    def _check_head(self, answer: HttpAnswer, where: str) -> None:
        """Raise unless exactly the bytes that are missing follow."""
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise Unreachable(f"{where} sends the file in a form that nobody asked for.")
        if answer.status == _PARTIAL:
            given = _RANGE.fullmatch(answer.headers.get("content-range", ""))
            numbers = tuple(map(int, given.groups())) if given else ()
            if numbers != (self.at, self._file.size - 1, self._file.size):
                raise DamagedFile(f"{where} sends other bytes of the file than those that are missing.")
        elif self.at:
            raise DamagedFile(f"{where} has other bytes now than those that came before.")
        length = answer.headers.get("content-length")
        if length is not None and length != str(self._file.size - self.at):
            raise DamagedFile(f"{where} announces {length[:20]} bytes; {self._file.size - self.at} are missing.")

    async def _finish(self) -> None:
        self._tell(self.at, "checking")
        if self._body is not None:  # read the end, so that the connection can be used again
            self._body = None
            await self._transfer.aclose()
        if self._hash.hexdigest() != self._file.sha256:
            raise DamagedFile("The bytes that came are not those that were sent: their SHA-256 is another one.")
