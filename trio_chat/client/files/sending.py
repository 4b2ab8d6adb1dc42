"""Sending files: each of them is uploaded, then one message carries them all.

Theory of operation. Each sending stands in the :mod:`journal <trio_chat.client.files.journal>`, with the request
id of the message. So whoever sends the same files with the same text to the same people again, after a lost connection
or a restart, goes on where it ended: with the bytes that the server has, and with the message under its old id, which
the server stores once. The entry is removed when the message is acknowledged.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

import trio

from trio_chat.client.files.journal import JournalEntry, SavedFile, SavedSending, UploadJournal
from trio_chat.client.files.progress import ProgressCallback, TransferProgress, TransferState
from trio_chat.client.files.sources import NamedSource, OpenSource, open_source, split_name
from trio_chat.client.files.transfer_connection import TransferConnection, TryLater
from trio_chat.client.files.upload import TusUpload
from trio_chat.client.http import HttpLost
from trio_chat.errors import ChatError, NotDone, UsageError
from trio_chat.protocol.files import clean_file_name
from trio_chat.protocol.requests import MAX_FILES, Send

if TYPE_CHECKING:
    from trio_chat.client.connection import Link
    from trio_chat.client.events import Receipt
    from trio_chat.client.http import HttpConnection
    from trio_chat.protocol.events import Welcome
    from trio_chat.protocol.parts import FileLimits

_DISCARDING: Final = 2.0
"""Seconds for telling the server that an upload is not wanted any more; it forgets it by itself after a day."""
_AGAIN: Final = 1.0
"""Seconds until a message is sent again that came too soon after the last one."""


class SendingChat(Protocol):
    """The methods that a sending needs of its :class:`~trio_chat.client.chat.Chat`."""

    url: str

    @property
    def welcome(self) -> Welcome:
        """The server's last welcome."""

    async def ask_to_send(self, request: Send) -> Receipt:
        """Send a message; returns when it is stored."""


@dataclass(frozen=True, slots=True)
class MessageParts:
    """The message that is to carry the files: for a ``room``, or for the people in ``to``."""

    room: str | None
    to: tuple[str, ...]
    text: str = ""
    reply_to: int | None = None


class FileSending:
    """Files on their way to a room or to people, as one message. Made by ``Chat.begin_upload``; :meth:`run` does it.

    ``progress`` is how far it is, all files together; the ``callback``, if there is one, is told of each step too.
    """

    def __init__(
        self,
        chat: SendingChat,
        link: Link,
        message: MessageParts,
        sources: Sequence[NamedSource],
        progress: ProgressCallback | None,
        entry: JournalEntry | None = None,
    ) -> None:
        if not 0 < len(sources) <= MAX_FILES:
            raise UsageError(f"A message carries 1 to {MAX_FILES} files, not {len(sources)}.")
        if (message.room is None) is not bool(message.to):
            raise UsageError("Files go either to a room or to people. Give one of them.")
        self._chat = chat
        self._link = link
        self._message = message
        self._sources = sources
        self.callback = progress
        self._entry = entry
        self._transfer = TransferConnection(link.transfer_access)
        self._opened: list[OpenSource] = []
        self._attempt: trio.CancelScope | None = None
        self._paused = False
        self._unpaused = trio.Event()
        self.progress = TransferProgress(0, None, "waiting")

    def __repr__(self) -> str:
        return f"<FileSending of {', '.join(self.names)}: {self.progress}>"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the files, as far as they are known before they are read."""
        if self._opened:
            return tuple(source.name for source in self._opened)
        if self._entry is not None:
            return tuple(file.name for file in self._entry.saved.files)
        return tuple(clean_file_name(split_name(source)[1]) for source in self._sources)

    @property
    def message(self) -> MessageParts:
        """The message that is to carry the files."""
        return self._message

    @property
    def resumable(self) -> bool:
        """Whether a later run of any program, with the same files and the same text, goes on where this one ends."""
        return self._entry is not None and self._entry.kept and any(file.upload for file in self._entry.saved.files)

    @property
    def paused(self) -> bool:
        """Whether :meth:`pause` was called last."""
        return self._paused

    def pause(self) -> None:
        """Stop sending, until :meth:`go_on`. The server keeps what it has for a day."""
        self._paused, self._unpaused = True, trio.Event()
        if self._attempt is not None:
            self._attempt.cancel()

    def go_on(self) -> None:
        """Go on after :meth:`pause`."""
        self._paused = False
        self._unpaused.set()

    async def run(self) -> Receipt:
        """Send all, and return when the message that carries the files is stored.

        Raises :class:`~trio_chat.errors.UsageError` for a file that cannot be read, :class:`~trio_chat.errors.NotDone`
        when the server refuses, ``ChatError`` when a file changes meanwhile, and
        :class:`~trio_chat.errors.NotAcknowledged` when nothing moved for the ``request_timeout``. After an error and
        after a cancellation, a later run with the same paths and text goes on where this one ended; a stream is
        dropped, on the server too.
        """
        try:
            await self._open()
            if self._entry is None or not self._entry.held:
                self._entry = self._enter()
            entry = self._entry
            ids = [await self._upload(number) for number in range(len(self._opened))]
            receipt = await self._say(entry, ids)
        except BaseException as error:
            await self._give_up(keep=not isinstance(error, NotDone))
            raise
        entry.remove()
        self._tell(self._total, "done")
        await self._close()
        return receipt

    async def discard(self) -> None:
        """Forget the files: remove what the server has of them, and the entry of the journal. Call it after
        :meth:`run` was cancelled, or in place of it. Cancelled, the server forgets them by itself after a day."""
        await self._give_up(keep=False)

    def release(self) -> None:
        """Leave what is unfinished for another program, or a later one."""
        entry, self._entry = self._entry, None
        if entry is not None:
            entry.close()

    # ---- the files -----------------------------------------------------------------------------

    @property
    def _total(self) -> int:
        return sum(source.size for source in self._opened)

    async def _open(self) -> None:
        limits = self._limits()
        for source in self._sources:
            self._opened.append(await open_source(source, most=limits.size or 2**53))
        self._tell(0, "waiting")

    def _limits(self) -> FileLimits:
        limits = self._chat.welcome.files
        if limits is None:
            raise NotDone("no_files", "This server takes no files.", "Whoever runs it can allow them with --max-file.")
        return limits

    def _enter(self) -> JournalEntry:
        """Find these files in the journal, or write them into it."""
        welcome = self._chat.welcome
        saved = SavedSending(
            account=welcome.account,
            epoch=welcome.epoch,
            room=self._message.room,
            to=self._message.to,
            text=self._message.text,
            reply_to=self._message.reply_to,
            message=f"file-{secrets.token_hex(12)}",
            begun=time.time(),
            files=[
                SavedFile(path=str(one.path or ""), name=one.name, size=one.size, changed=one.changed)
                for one in self._opened
            ],
        )
        return journal_of(self._chat, self._link).take(saved)

    async def _upload(self, number: int) -> str:
        assert self._entry is not None  # noqa: S101 - run has entered it
        entry, source = self._entry, self._opened[number]
        saved = entry.saved.files[number]
        if entry.saved.asked and all(file.upload for file in entry.saved.files):
            return saved.upload  # the message may be stored: then the upload is a file of it
        before = sum(one.size for one in self._opened[:number])

        def note(upload: str) -> None:
            saved.upload = upload
            entry.save()

        upload = TusUpload(
            self._transfer,
            source,
            self._metadata(source),
            id=saved.upload,
            begun=note,
            tell=lambda done, state: self._tell(before + done, state),
        )
        while True:
            with trio.CancelScope() as attempt:
                self._attempt = attempt
                if not self._paused:
                    return await upload.run()
            self._attempt = None
            self._tell(self.progress.done, "waiting")
            await self._unpaused.wait()

    def _metadata(self, source: OpenSource) -> dict[str, str]:
        where = {"room": self._message.room} if self._message.room is not None else {"to": ",".join(self._message.to)}
        return {"filename": source.name, **where}

    # ---- the message ---------------------------------------------------------------------------

    async def _say(self, entry: JournalEntry, ids: Sequence[str]) -> Receipt:
        """Send the message that carries the files. Raises ``NotDone``."""
        clock = datetime.now(tz=UTC).astimezone().isoformat(timespec="milliseconds")
        request = Send(
            id=entry.saved.message,
            text=self._message.text,
            room=self._message.room,
            to=self._message.to or None,
            sent=clock,
            reply_to=self._message.reply_to,
            again=entry.saved.asked,
            files=tuple(ids),
        )
        entry.saved.asked = True
        entry.save()
        self._tell(self._total, "checking")
        patience = trio.current_time() + self._link.transfer_access().patience
        while True:
            try:
                return await self._chat.ask_to_send(request)
            except NotDone as refusal:
                if refusal.code != "too_fast" or trio.current_time() >= patience:
                    raise
            await trio.sleep(_AGAIN)

    # ---- the end -------------------------------------------------------------------------------

    async def _give_up(self, *, keep: bool) -> None:
        """End without a message. Only what a later run can find stays: not what was refused, and no stream."""
        entry, self._entry = self._entry, None
        await self._transfer.aclose()
        if entry is not None and keep and entry.kept:
            self._entry = entry  # it can be discarded later
            entry.close()
        elif entry is not None:
            with trio.move_on_after(_DISCARDING, shield=True):
                await self._remove([file.upload for file in entry.saved.files if file.upload])
            entry.remove()
        await self._close()

    async def _remove(self, uploads: Sequence[str]) -> None:
        async def remove(connection: HttpConnection) -> None:
            for upload in uploads:
                await TusUpload.remove(connection, upload)

        with suppress(ChatError, HttpLost, TryLater):
            await self._transfer.persist(remove)

    async def _close(self) -> None:
        with trio.CancelScope(shield=True):  # closing takes no time
            await self._transfer.aclose()
            while self._opened:
                await self._opened.pop().aclose()

    def _tell(self, done: int, state: TransferState) -> None:
        size = self._total if self._opened else self.progress.size
        self.progress = TransferProgress(done, size, state)
        if self.callback is not None:
            self.callback(self.progress)


def journal_of(chat: SendingChat, link: Link) -> UploadJournal:
    """The journal of this device for a chat's server."""
    return UploadJournal(link.state_directory, chat.url)


def unfinished(chat: SendingChat, link: Link) -> tuple[FileSending, ...]:
    """The sendings of this account that ended before their message was acknowledged, the oldest first."""
    found: list[FileSending] = []
    for entry in journal_of(chat, link).take_all(chat.welcome.account, chat.welcome.epoch):
        saved = entry.saved
        message = MessageParts(saved.room, saved.to, saved.text, saved.reply_to)
        sources = [(file.path, file.name) for file in saved.files]
        found.append(_Resumed(chat, link, message, sources, None, entry))
    return tuple(found)


class _Resumed(FileSending):
    """A sending out of the journal. Files that were changed meanwhile are not sent."""

    async def _open(self) -> None:
        await super()._open()
        assert self._entry is not None  # noqa: S101 - it is made with one
        for saved, source in zip(self._entry.saved.files, self._opened, strict=True):
            if (saved.size, saved.changed) != (source.size, source.changed):
                self._entry.remove()
                self._entry = None
                raise ChatError(f"{source.path} was changed since it was begun to be sent. Send it again.")
