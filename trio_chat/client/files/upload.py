"""Sending the bytes of one file by tus 1.0.0 (https://tus.io/protocols/resumable-upload).

Theory of operation. ``POST`` makes an upload on the server, ``PATCH`` sends its bytes from an offset on, and ``HEAD``
asks how many bytes the server has: after a lost connection, or after a restart of this program or of the server, the
upload goes on there. The whole rest of a file goes in one ``PATCH``. In the end the server's SHA-256 of all bytes is
compared with our own, so that what is acknowledged is what was read.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from trio_chat.client.files.transfer_connection import TUS, TransferConnection, path_of, settle
from trio_chat.errors import ChatError, Unreachable

if TYPE_CHECKING:
    from trio_chat.client.files.progress import TransferState
    from trio_chat.client.files.sources import OpenSource
    from trio_chat.client.http import HttpAnswer, HttpConnection

_CREATED, _NOT_FOUND, _GONE = 201, 404, 410  # RFC 9110, section 15
_MOST_CREATED: Final = 3
"""How often an upload is begun anew because the server does not know it any more."""
_BYTES: Final = ("Content-Type", "application/offset+octet-stream")


class TusUpload:
    """The upload of one file. ``id`` names an upload that was begun before; ``metadata`` says what it is for.

    ``begun`` is called with the id of each upload that is made; ``tell`` with the number of bytes that are sent, and
    with what happens.
    """

    def __init__(
        self,
        transfer: TransferConnection,
        source: OpenSource,
        metadata: dict[str, str],
        *,
        id: str = "",  # noqa: A002 - the field's own word
        begun: Callable[[str], object],
        tell: Callable[[int, TransferState], object],
    ) -> None:
        self._transfer = transfer
        self._source = source
        self._metadata = metadata
        self._begun = begun
        self._tell = tell
        self._created = 0
        self._sent = 0
        self._steps = 0  # grows with all that is achieved
        self.id = id

    def __repr__(self) -> str:
        return f"<TusUpload {self.id!r} of {self._source!r}>"

    async def run(self) -> str:
        """Send all that the server does not have yet, and return the id of the file.

        Raises :class:`~trio_chat.errors.NotDone` when the server refuses, ``ChatError`` when the file changed or
        arrived damaged, and :class:`~trio_chat.errors.NotAcknowledged` when nothing moved for too long; after that, and
        cancelled, another one with the same ``id`` goes on.
        """
        return await self._transfer.persist(
            self._try, moved=lambda: self._steps, waiting=lambda: self._tell(self._sent, "waiting")
        )

    async def _try(self, connection: HttpConnection) -> str:
        offset = await self._find_offset(connection) if self.id else None
        if offset is None:
            offset = await self._create(connection)
        if not self._source.is_at(offset):
            self._tell(offset, "hashing")
            await self._source.seek(offset)
        if offset < self._source.size:
            await self._send_rest(connection, offset)
        await self._check(connection)
        return self.id

    async def _create(self, connection: HttpConnection) -> int:
        self._created += 1
        if self._created > _MOST_CREATED:
            raise Unreachable(f"{connection.where} forgets each upload that it was asked to begin. Try again later.")
        pairs = (f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in self._metadata.items())
        headers = [TUS, ("Upload-Length", str(self._source.size)), ("Upload-Metadata", ",".join(pairs))]
        answer = await settle(connection, await connection.ask("POST", path_of(connection), headers))
        # only the last part of the address: nobody leads us to another host by it
        self.id = urlsplit(answer.headers.get("location", "")).path.rstrip("/").rpartition("/")[2]
        if answer.status != _CREATED or not self.id:
            raise Unreachable(f"{connection.where} did not say where to send the file. Check the server's address.")
        path_of(connection, self.id)  # an id that cannot be one raises
        self._begun(self.id)
        self._steps += 1
        return 0

    async def _find_offset(self, connection: HttpConnection) -> int | None:
        """How many bytes the server has; ``None`` if it does not know the upload."""
        answer = await connection.ask("HEAD", path_of(connection, self.id), [TUS])
        if answer.status in {_NOT_FOUND, _GONE}:
            await connection.read_short()
            return None
        answer = await settle(connection, answer)
        offset = _number(answer, "upload-offset")
        if offset is None or offset > self._source.size or _number(answer, "upload-length") != self._source.size:
            return None  # it is another file's
        return offset

    async def _send_rest(self, connection: HttpConnection, offset: int) -> None:
        """Send the bytes from the offset on."""
        size = self._source.size
        self._sent = offset
        self._tell(offset, "moving")

        async def read() -> bytes:
            piece = await self._source.read()
            # a piece is asked for when the one before it is on its way
            self._tell(self._sent, "moving" if piece else "checking")
            self._sent += len(piece)
            self._steps += len(piece)
            return piece

        path, headers = path_of(connection, self.id), [TUS, ("Upload-Offset", str(offset)), _BYTES]
        answer = await settle(connection, await connection.ask("PATCH", path, headers, read, size - offset))
        if _number(answer, "upload-offset") != size:
            raise Unreachable(f"{connection.where} took another number of bytes than it was sent. Try again.")

    async def _check(self, connection: HttpConnection) -> None:
        """Compare the server's digest of all the bytes, which it tells of a finished file, with our own."""
        self._tell(self._source.size, "checking")
        await self._source.check()
        # without the header of tus: this asks for the file, not for the state of its upload
        answer = await settle(connection, await connection.ask("HEAD", path_of(connection, self.id)))
        if answer.headers.get("etag", "") != f'"{self._source.digest}"':
            await self.remove(connection, self.id)
            self.id = ""
            raise ChatError(f"{self._source.name} arrived damaged at {connection.where}. Nothing was sent. Try again.")

    @staticmethod
    async def remove(connection: HttpConnection, upload: str) -> None:
        """Remove an upload from the server; one that it does not have any more is fine too."""
        await connection.ask("DELETE", path_of(connection, upload), [TUS])
        await connection.read_short()


def _number(answer: HttpAnswer, name: str) -> int | None:
    text = answer.headers.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None  # noqa: PLR2004 - 2**63
