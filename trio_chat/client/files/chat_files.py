"""The files of one chat: what the methods of :class:`~trio_chat.client.chat.Chat` about files do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_chat.client.files import fetching
from trio_chat.client.files.sending import FileSending, MessageParts, SendingChat, unfinished
from trio_chat.protocol.names import fold_room

if TYPE_CHECKING:
    import os
    from collections.abc import Container, Iterable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from trio_chat.client.connection import Link
    from trio_chat.client.files.progress import ProgressCallback
    from trio_chat.client.files.sources import NamedSource
    from trio_chat.protocol.parts import FileInfo


class ChatFiles:
    """See the module."""

    def __init__(self, chat: SendingChat, link: Link, rooms: Container[str]) -> None:
        self._chat = chat
        self._rooms = rooms
        self._link = link

    def __repr__(self) -> str:
        return f"<ChatFiles of {self._chat!r}>"

    def begin_upload(
        self,
        room: str | None,
        files: Iterable[NamedSource],
        text: str,
        *,
        to: Iterable[str] | str,
        reply_to: int | None,
        progress: ProgressCallback | None,
    ) -> FileSending:
        """Make a sending, without beginning it."""
        people = (to,) if isinstance(to, str) else tuple(to)
        where = fold_room(room) if room is not None and room not in self._rooms else room
        message = MessageParts(where, people, text, reply_to)
        return FileSending(self._chat, self._link, message, tuple(files), progress)

    def unfinished(self) -> tuple[FileSending, ...]:
        """The sendings of this account out of the journal."""
        return unfinished(self._chat, self._link)

    async def save(
        self, file: FileInfo, path: str | os.PathLike[str], progress: ProgressCallback | None, *, overwrite: bool
    ) -> Path:
        """Fetch a file and save it."""
        return await fetching.save_file(self._link.transfer_access, file, path, progress, overwrite=overwrite)

    def open(
        self, file: FileInfo, progress: ProgressCallback | None
    ) -> AbstractAsyncContextManager[fetching.FileChunks]:
        """Fetch a file piece by piece."""
        return fetching.open_file(self._link.transfer_access, file, progress)

    async def find(self, file: str) -> FileInfo:
        """Ask the server what a file is."""
        return await fetching.find_file(self._link.transfer_access, file)
