"""Fetching files for an application: into a folder, or as pieces of bytes."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import trio

from trio_chat.client.files.download import DamagedFile, FileDownload
from trio_chat.client.files.progress import ProgressCallback, TransferProgress, TransferState
from trio_chat.client.files.saving import PartialFile, SaveTarget, find_target
from trio_chat.client.files.transfer_connection import TransferConnection, path_of, settle
from trio_chat.errors import Unreachable
from trio_chat.protocol.files import ANY_KIND, clean_file_name, is_digest, is_kind
from trio_chat.protocol.parts import FileInfo

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from trio_chat.client.http import HttpConnection
    from trio_chat.client.transfer_access import TransferAccess

_EXTENDED: Final = re.compile(r"filename\*=utf-8''([^\s;,]{1,2000})", re.IGNORECASE)
_PLAIN: Final = re.compile(r'filename="([^"]{1,1000})"', re.IGNORECASE)
_SIZE: Final = re.compile(r"\d{1,18}", re.ASCII)


class FileChunks:
    """The bytes of a file, to iterate over. The iteration ends only if the hash of all bytes is right."""

    def __init__(self, download: FileDownload) -> None:
        self._download = download

    def __aiter__(self) -> FileChunks:
        return self

    async def __anext__(self) -> bytes:
        """The next bytes. Raises as :meth:`FileDownload.receive`."""
        piece = await self._download.receive()
        if not piece:
            raise StopAsyncIteration
        return piece


@asynccontextmanager
async def open_file(
    access: Callable[[], TransferAccess], file: FileInfo, progress: ProgressCallback | None
) -> AsyncGenerator[FileChunks]:
    """Fetch a file piece by piece; see ``Chat.open_file``."""
    transfer = TransferConnection(access)
    try:
        yield FileChunks(FileDownload(transfer, file, tell=_teller(file, progress)))
    finally:
        await transfer.aclose()


async def save_file(
    access: Callable[[], TransferAccess],
    file: FileInfo,
    path: str | os.PathLike[str],
    progress: ProgressCallback | None,
    *,
    overwrite: bool,
) -> Path:
    """Fetch a file and save it; see ``Chat.save_file``."""
    tell = _teller(file, progress)
    target = await trio.to_thread.run_sync(lambda: find_target(file, path, overwrite=overwrite))
    transfer = TransferConnection(access)
    try:
        try:
            return await _save(transfer, target, file, tell, resume=True)
        except _DamagedStart:  # it may be the bytes of an earlier try: so once again, from the first byte on
            return await _save(transfer, target, file, tell, resume=False)
    finally:
        await transfer.aclose()


class _DamagedStart(Exception):
    """The bytes are wrong, and some of them were there before."""


async def _save(
    transfer: TransferConnection,
    target: SaveTarget,
    file: FileInfo,
    tell: Callable[[int, TransferState], object],
    *,
    resume: bool,
) -> Path:
    partial = await trio.to_thread.run_sync(PartialFile, target, file)
    if not resume:
        partial.restart()
    began = partial.size
    try:
        if began:
            tell(0, "hashing")
        hashed = await trio.to_thread.run_sync(partial.hash_rest)
        download = FileDownload(transfer, file, offset=partial.size, hashed=hashed, tell=tell)
        while piece := await download.receive():
            await trio.to_thread.run_sync(partial.write, piece)
        path = await trio.to_thread.run_sync(partial.finish)
    except DamagedFile as damaged:
        partial.remove()
        await transfer.aclose()
        if began:
            raise _DamagedStart from None
        raise DamagedFile(f"{file.name}: {damaged} Nothing was saved. Try again.") from None
    except BaseException:
        partial.close()
        raise
    tell(file.size, "done")
    return path


async def find_file(access: Callable[[], TransferAccess], file: str) -> FileInfo:
    """The server's facts about a file; see ``Chat.find_file``."""
    transfer = TransferConnection(access)

    async def ask(connection: HttpConnection) -> FileInfo:
        answer = await connection.ask("HEAD", path_of(connection, file))
        await settle(connection, answer)
        digest = answer.headers.get("etag", "").strip('"')
        size = answer.headers.get("content-length", "")
        if not is_digest(digest) or not _SIZE.fullmatch(size):
            raise Unreachable(f"{connection.where} does not say what the file {file} is. Is it uploaded as a whole?")
        kind = answer.headers.get("content-type", "").partition(";")[0].strip()
        name = _name_in(answer.headers.get("content-disposition", ""))
        return FileInfo(id=file, name=name, size=int(size), sha256=digest, kind=kind if is_kind(kind) else ANY_KIND)

    try:
        return await transfer.persist(ask)
    finally:
        await transfer.aclose()


def _name_in(disposition: str) -> str:
    """The name in a ``Content-Disposition`` (RFC 6266): the extended one, else the plain one; cleaned."""
    extended = _EXTENDED.search(disposition)
    if extended is not None:
        return clean_file_name(unquote(extended[1]))
    plain = _PLAIN.search(disposition)
    return clean_file_name(plain[1] if plain is not None else "")


def _teller(file: FileInfo, progress: ProgressCallback | None) -> Callable[[int, TransferState], object]:
    def tell(done: int, state: TransferState) -> None:
        if progress is not None:
            progress(TransferProgress(done, file.size, state))

    return tell
