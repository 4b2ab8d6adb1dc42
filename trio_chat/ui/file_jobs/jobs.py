"""Sending and saving files for an interface: with progress, questions, cancelling, and an end that is told.

Theory of operation. Each action runs in a task of the interface, so several files move at once and typing goes on. A
transfer has a cancel scope of its own, for ``/cancel``. The client library waits for a lost connection and goes on
where the bytes stopped, so a transfer is paused, not over, while there is none. A failure comes back as an event,
as from other actions.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import trio

from trio_chat.errors import ChatError, NotDone, TrioChatError
from trio_chat.protocol.events import Error, Event, Message
from trio_chat.protocol.file_kinds import is_image
from trio_chat.protocol.files import size_words
from trio_chat.protocol.text import clean_line, quoted
from trio_chat.ui.actions.actions import as_error
from trio_chat.ui.actions.files import (
    CancelTransfer,
    FileAction,
    ListTransfers,
    PreviewImage,
    SaveFiles,
    SendFiles,
)
from trio_chat.ui.file_jobs.choosing import ChosenFile, choose_files, choose_place, free_path, look_at, names_and_size
from trio_chat.ui.file_jobs.folders import InThread
from trio_chat.ui.file_jobs.opening import open_file, why_not_opened
from trio_chat.ui.model.file_questions import (
    LARGE,
    NO,
    OVERWRITE,
    YES,
    FileQuestion,
    ask_large,
    ask_open,
    ask_overwrite,
)
from trio_chat.ui.model.notes import Note
from trio_chat.ui.model.shown_files import ShownFile
from trio_chat.ui.model.transfers import Transfer, Transfers, describe
from trio_chat.ui.preview.decoding import check_image
from trio_chat.ui.preview.loading import load_image

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trio_chat.client import Chat
    from trio_chat.client.files.progress import ProgressCallback, TransferProgress
    from trio_chat.client.files.sending import FileSending
    from trio_chat.protocol.parts import FileInfo
    from trio_chat.ui.model.place import Place

_EVERY: Final = 0.2
"""Seconds between two looks at the progress: faster than anybody reads, slow enough to cost nothing."""

Ask: TypeAlias = Callable[[FileQuestion], Awaitable[str]]
"""Asks the person, and returns the key of the answer; ``NO`` for none."""
Draw: TypeAlias = Callable[[ShownFile, bytes], Awaitable[list[Event]]]
"""Shows an image, given as its bytes, in the terminal. Raises ``NotDone`` when it cannot be shown."""


class FileJobs:
    """Carries out actions on files. ``ask`` is ``None`` where nobody can be asked: then nothing is overwritten or
    opened; ``draw`` is ``None`` where no pictures can be shown. ``show`` is called when the progress of a transfer may
    be looked at again."""

    def __init__(
        self,
        transfers: Transfers,
        place: Place,
        chat: Callable[[], Chat],
        show: Callable[[Transfer], None],
        ask: Ask | None = None,
        in_thread: InThread = trio.to_thread.run_sync,
        draw: Draw | None = None,
    ) -> None:
        self.transfers = transfers
        self._place = place
        self._chat = chat
        self._show = show
        self._ask = ask
        self._in_thread = in_thread
        self._draw = draw
        self._drawing = trio.Lock()  # one decoder at a time
        self._scopes: dict[int, trio.CancelScope] = {}
        self._looked = -math.inf

    def __repr__(self) -> str:
        return f"<FileJobs {self.transfers!r}>"

    async def do(self, action: FileAction) -> list[Event]:
        """Carry out an action; returns its result as events. Cancelled, the client library's journal has what is needed
        to go on with sending later, and what was saved so far stays beside its goal."""
        try:
            match action:
                case ListTransfers():
                    return [self._list()]
                case CancelTransfer(number=number):
                    return [self._cancel(number)]
                case SendFiles():
                    return await self._send(action)
                case SaveFiles():
                    return await self._save(action)
                case PreviewImage():
                    return await self._preview(action)
        except ChatError as error:
            return [as_error(error)]
        except TrioChatError as error:
            return [Error(code="not_done", message=str(error))]

    # ---- the list ------------------------------------------------------------------------------

    def _list(self) -> Note:
        now = trio.current_time()
        listed = self.transfers.listed(now)
        rows = [describe(transfer, now) for transfer in listed]
        if number := next((one.number for one in reversed(listed) if not one.over), None):
            rows.append(f"/cancel {number} stops the last one.")
        return Note(lines=tuple(rows) or ("No file is being sent or saved.",))

    def _cancel(self, number: int | None) -> Note:
        transfer = self.transfers.find(number)
        if transfer is None or transfer.number not in self._scopes:
            which = "No file is being sent or saved." if number is None else f"There is no transfer {number}."
            raise NotDone("no_transfer", which, "/transfers lists them.")
        self._scopes[transfer.number].cancel()
        return Note(lines=(f"Cancelled: {transfer.name}.",))

    @contextmanager
    def _following(self, transfer: Transfer) -> Iterator[ProgressCallback]:
        """Follow a transfer to its end, by what the callback is told. A cancelled one ends without an exception."""
        scope = self._scopes[transfer.number] = trio.CancelScope()
        self._show(transfer)
        try:
            with scope:
                yield partial(self._note, transfer)
                self.transfers.end(transfer, "done", trio.current_time())
        except TrioChatError as error:
            self.transfers.end(transfer, "failed", trio.current_time(), str(error))
            raise
        finally:
            self.transfers.end(transfer, "cancelled", trio.current_time())
            del self._scopes[transfer.number]
            self._show(transfer)

    def _note(self, transfer: Transfer, progress: TransferProgress) -> None:
        """Take a report of the client library, and let the progress be looked at again if it is time."""
        now, state = trio.current_time(), progress.state
        moved = transfer.state in {"moving", "paused"}
        stops = state == "waiting" and (moved or not self._chat().connected)
        if state != "done":
            self.transfers.note(transfer, progress.done, progress.size, "paused" if stops else state, now)
        if now - self._looked >= _EVERY or stops:
            self._looked = now
            self._show(transfer)

    def _refuse_guest(self) -> None:
        if self._place.preferences.guest:
            why = "Over ssh this program runs on the server's machine, and cannot reach your files."
            raise NotDone("no_files_here", why, "Use trio-chat on your own machine.")

    # ---- sending -------------------------------------------------------------------------------

    async def _send(self, action: SendFiles) -> list[Event]:
        self._refuse_guest()
        limits = self._chat().welcome.files
        if limits is None:
            raise NotDone("no_files", "This server takes no files.", "Whoever runs it can allow them with --max-file.")
        files, text = await self._chosen(action)
        for file in files:
            if file.size > limits.size:
                what = f"{quoted(file.path.name)} has {size_words(file.size)}"
                why = f"{what}; this server takes at most {size_words(limits.size)} in one file."
                raise NotDone("too_large", why, "Compress it or split it.")
        if len(files) > limits.each:
            raise NotDone("too_large", f"A message carries at most {limits.each} files.", "Send some of them first.")
        total = sum(file.size for file in files)
        where = self._label(action.room)
        if self._ask is not None and total > LARGE and await self._ask(ask_large(names_and_size(files), where)) != YES:
            return [Note(lines=("Nothing was sent.",))]
        names = tuple(file.path.name for file in files)
        paths = [file.path for file in files]
        upload = self._chat().begin_upload(action.room, paths, text, reply_to=action.reply_to)
        transfer = self.transfers.begin("send", _few(names), total, trio.current_time(), where)
        await self._run(upload, transfer)
        return []

    async def _run(self, upload: FileSending, transfer: Transfer) -> None:
        """Send, and forget what was sent so far if the person cancels it."""
        with self._following(transfer) as report:
            upload.callback = report
            try:
                await upload.run()
            except trio.Cancelled:
                if self._scopes[transfer.number].cancel_called:
                    with trio.CancelScope(shield=True):  # it gives itself a moment only
                        await upload.discard()
                raise

    async def resume(self, tell: Callable[[Event], None]) -> None:
        """Go on with what was being sent when this program, or the connection, ended. Cancelled, it is gone on with the
        next time. ``tell`` is told what is gone on with, and what fails."""
        if self._place.preferences.guest or self._chat().welcome.files is None:
            return
        async with trio.open_nursery() as nursery:
            for upload in self._chat().unfinished_uploads():
                where = self._destination(upload)
                tell(Note(lines=(f"Going on with sending {_few(upload.names)} to {where}. /cancel stops it.",)))
                transfer = self.transfers.begin("send", _few(upload.names), None, trio.current_time(), where)
                nursery.start_soon(self._resume_one, upload, transfer, tell)

    async def _resume_one(self, upload: FileSending, transfer: Transfer, tell: Callable[[Event], None]) -> None:
        try:
            await self._run(upload, transfer)
        except ChatError as error:
            tell(as_error(error))
        except TrioChatError as error:
            tell(Error(code="not_done", message=str(error)))

    def _destination(self, upload: FileSending) -> str:
        message = upload.message
        return ", ".join(map(clean_line, message.to)) if message.room is None else self._label(message.room)

    @property
    def unsent(self) -> tuple[str, ...]:
        """The names of the files that are being sent: they are gone on with at the next start."""
        return tuple(one.name for one in self.transfers.active if one.direction == "send")

    async def _chosen(self, action: SendFiles) -> tuple[tuple[ChosenFile, ...], str]:
        if action.paths:
            return tuple([await self._in_thread(look_at, path) for path in action.paths]), action.argument
        chosen: tuple[tuple[ChosenFile, ...], str] = await self._in_thread(choose_files, action.argument)
        return chosen

    def _label(self, room: str) -> str:
        return ", ".join(map(clean_line, self._place.members(room))) if room.startswith("@") else clean_line(room)

    # ---- saving --------------------------------------------------------------------------------

    async def _save(self, action: SaveFiles) -> list[Event]:
        self._refuse_guest()
        files = action.files or await self._find(action)
        told: list[Event] = []
        if action.opens:
            await self._check_opening(files)
        for file in files:
            saved, sentence = await self._save_one(file, action, several=len(files) > 1)
            told.append(Note(lines=(sentence,)))
            if action.opens and saved is not None:
                await open_file(saved)
        return told

    async def _check_opening(self, files: tuple[FileInfo, ...]) -> None:
        """Raise unless there is one file, which is harmless, and the person wants it opened."""
        if len(files) != 1:
            raise NotDone("not_opened", "Only one file can be opened at a time.", "Name it: /open #12.2")
        if why := why_not_opened(files[0]):
            raise NotDone("not_opened", why, "/save saves it.")
        if self._ask is None or await self._ask(ask_open(files[0])) != YES:
            raise NotDone("not_opened", "Nothing was opened.", "" if self._ask is not None else "/save saves it.")

    # ---- previews ------------------------------------------------------------------------------

    async def _preview(self, action: PreviewImage) -> list[Event]:
        if self._place.preferences.guest:
            raise NotDone("no_pictures", "There are no pictures over ssh.", "Use trio-chat on your own machine.")
        if self._draw is None:
            advice = "In a shell, trio-chat get --preview shows them."
            raise NotDone("no_pictures", "Pictures are shown at a terminal only.", advice)
        files = action.files or await self._find(action)
        image = next((file for file in files if is_image(file.kind)), files[0])
        check_image(image.size, image.kind, clean_line(image.name))
        if self._drawing.locked():
            raise NotDone("busy", "Another picture is on its way.", "/cancel stops it.")
        async with self._drawing:
            transfer = self.transfers.begin("save", image.name, image.size, trio.current_time())
            loaded: list[bytes] = []
            with self._following(transfer) as report:
                loaded.append(await load_image(self._chat().open_file(image, progress=report), image))
            for data in loaded:  # none if it was cancelled
                return await self._draw(ShownFile(action.room, action.seq, image), data)
        return [Note(lines=(f"{clean_line(image.name)} is not shown.",))]

    async def _find(self, action: SaveFiles | PreviewImage) -> tuple[FileInfo, ...]:
        """The files of a message that was not shown."""
        page = await self._chat().history(action.room, after=action.seq - 1, limit=1)
        message = next((event for event in page.events if event.seq == action.seq), None)
        files = message.files if isinstance(message, Message) else ()
        if action.which:
            files = files[action.which - 1 : action.which]
        if not files:
            what = f"Message {action.seq} of {self._label(action.room)} has no {'such ' if action.which else ''}file."
            raise NotDone("unknown_file", what, "/files lists the files of the room.")
        return files

    async def _save_one(self, file: FileInfo, action: SaveFiles, *, several: bool) -> tuple[Path | None, str]:
        """Save a file; returns its path, and the sentence about it."""
        place = await self._in_thread(lambda: choose_place(file, action.path, several=several))
        if place.same:
            return place.path, f"{clean_line(file.name)} is saved already: {clean_line(str(place.path))}"
        overwrite = False
        if place.taken and self._ask is not None and not action.opens:
            answer = await self._ask(ask_overwrite(str(place.path), file))
            if answer == NO:
                return None, f"{clean_line(file.name)} was not saved."
            overwrite = answer == OVERWRITE
        target = place.path
        if place.in_folder and not overwrite:
            target = place.path.parent  # the library finds a free name there
        elif place.taken and not overwrite:
            target = await self._in_thread(free_path, place.path)
        folder = clean_line(str(place.path.parent))
        transfer = self.transfers.begin("save", file.name, file.size, trio.current_time(), folder)
        saved: list[Path] = []  # empty if it is cancelled
        with self._following(transfer) as report:
            saved.append(await self._chat().save_file(file, target, progress=report, overwrite=overwrite))
        if not saved:
            return None, f"{clean_line(file.name)} was not saved."
        return saved[0], f"Saved: {clean_line(str(saved[0]))} ({size_words(file.size)})"


def _few(names: Sequence[str]) -> str:
    """The names of the files of a message, in short."""
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
