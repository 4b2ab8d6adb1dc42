"""Files on the full screen: transfers in the background, questions about them, paths for Tab, dropped paths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import trio

from trio_chat.errors import NotDone
from trio_chat.protocol.events import Event
from trio_chat.protocol.file_kinds import is_image
from trio_chat.protocol.text import clean_line
from trio_chat.ui.actions.files import FileAction, PreviewImage, SendFiles
from trio_chat.ui.commands.completion import Completion
from trio_chat.ui.commands.path_completion import TypedPath
from trio_chat.ui.file_jobs.folders import Folders, InThread
from trio_chat.ui.file_jobs.jobs import FileJobs
from trio_chat.ui.input.editor import Editor
from trio_chat.ui.input.path_words import quoted_path
from trio_chat.ui.model.file_questions import AS_TEXT, NO, WITH_TEXT, YES, FileQuestion, ask_dropped
from trio_chat.ui.model.shown_files import ShownFile
from trio_chat.ui.model.transfers import Transfer
from trio_chat.ui.preview.decoding import decode_image
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.panes import Pressed, Question
from trio_chat.ui.tui.model.previews import Previews
from trio_chat.ui.tui.session.background import BackgroundRequests

_PICTURE: Final = (80, 48)
"""Pixels of a picture where no screen tells how many fit."""
_LOOK: Final = 0.3
"""Seconds between two looks whether another pane has gone: it is before a question, or has taken its place."""


class ScreenFiles:
    """Carries out actions on files beside everything else. ``show`` has the screen drawn; ``picture_size`` says how
    many pixels a picture may have now."""

    def __init__(
        self,
        model: ChatModel,
        requests: BackgroundRequests,
        show: Callable[[], None],
        in_thread: InThread | None = None,
        picture_size: Callable[[], tuple[int, int]] = lambda: _PICTURE,
    ) -> None:
        self._model = model
        self._requests = requests
        self._show = show
        self._folders = Folders(in_thread)
        in_thread = in_thread or trio.to_thread.run_sync
        self.previews = Previews()
        self._picture_size = picture_size
        self.jobs = FileJobs(
            model.transfers, model.place, requests.connected, self._progress, self.ask, in_thread, self._draw
        )
        self._asking = trio.Lock()  # one question at a time
        self._answers_in, self._answers = trio.open_memory_channel[str](1)

    def __repr__(self) -> str:
        return f"<ScreenFiles {self._model.transfers!r}>"

    def _progress(self, transfer: Transfer) -> None:
        del transfer
        self._model.changed += 1
        self._show()

    @property
    def is_guest(self) -> bool:
        """Whether the person is on a machine that is not theirs, so that its files are not for them."""
        return self._model.place.preferences.guest

    def start(self, action: FileAction) -> None:
        """Begin an action; its result is shown when it is done."""
        if isinstance(action, PreviewImage):
            following = self._next_picture(action)
            if following is None:
                self._show()
                return
            action = following
        self._requests.start(partial(self._do, action), offline=True)

    async def _do(self, action: FileAction) -> None:
        for event in await self.jobs.do(action):
            self._take(event)

    def _take(self, event: Event) -> None:
        self._requests.take(event)
        self._show()

    def resume(self) -> None:
        """Go on with what was being sent when this program, or the chat, ended."""
        self._requests.start(partial(self.jobs.resume, self._take))

    # ---- pictures ------------------------------------------------------------------------------

    def _next_picture(self, action: PreviewImage) -> PreviewImage | None:
        """The image of a message that is to be shown after the one that is shown; after the last one, none is, and the
        picture is hidden."""
        room = self._model.rooms.get(action.room)
        shown = self.previews.file(room, action.seq) if room is not None else ""
        ids = [file.id for file in action.files if is_image(file.kind)]
        if room is None or shown not in ids:
            return action
        if shown == ids[-1]:
            self.previews.hide(room, action.seq)
            self._model.changed += 1
            return None
        following = ids[ids.index(shown) + 1]
        return replace(action, files=tuple(file for file in action.files if file.id == following))

    async def _draw(self, shown: ShownFile, data: bytes) -> list[Event]:
        name = clean_line(shown.file.name)
        picture = await decode_image(data, *self._picture_size(), name)
        room = self._model.rooms.get(shown.room)
        if room is None or not self.previews.show(room, shown.seq, picture, shown.file.id):
            raise NotDone("not_here", f"The message with {name} is not here.", f"Go there first: /context {shown.seq}")
        self._model.changed += 1
        self._show()
        return []

    # ---- questions -----------------------------------------------------------------------------

    async def ask(self, question: FileQuestion) -> str:
        """Ask the person in a pane, as soon as no other pane is open; returns the key of the answer."""
        model = self._model
        async with self._asking:
            while True:
                while model.pane is not None:  # noqa: ASYNC110 - panes are opened and closed in many places
                    await trio.sleep(_LOOK)
                pane = Question("file", question.title, question.lines, question.keys)
                model.pane = pane
                model.changed += 1
                self._show()
                while model.pane is pane:
                    with trio.move_on_after(_LOOK):
                        return await self._answers.receive()
                with trio.move_on_after(0):  # it was answered at the last moment
                    return await self._answers.receive()

    def answer(self, result: object) -> None:
        """Take the answer to the question that is shown."""
        if self._asking.locked():
            self._answers_in.send_nowait(result.key if isinstance(result, Pressed) else NO)

    # ---- paths ---------------------------------------------------------------------------------

    def complete(self, editor: Editor, typed: TypedPath, use: Callable[[Completion | None], None]) -> None:
        """Look for the names that complete a typed path, and ``use`` them, unless something was typed meanwhile."""
        there = (editor.text, editor.buffer.cursor)

        async def job() -> None:
            found = await self._folders.complete(typed)
            if (editor.text, editor.buffer.cursor) == there and self._model.room.editor is editor:
                use(found)

        self._requests.start(job, offline=True)

    def look_at_dropped(self, readings: Sequence[tuple[str, ...]], insert: Callable[[], None]) -> None:
        """Offer to send the files that a pasted text names. ``insert`` puts the text into the input, if it names none
        or the person wants that."""
        room, editor = self._model.room, self._model.room.editor

        async def job() -> None:
            paths = await self._folders.find_files(readings)
            if not paths or self._model.pane is not None or self._model.room is not room:
                insert()
                return
            answer = await self.ask(await self._ask_dropped(paths))
            if answer == YES:
                self.start(SendFiles(room.name, "", paths))
            elif answer == WITH_TEXT:
                words = " ".join(quoted_path(str(path)) for path in paths)
                draft = editor.text
                editor.clear()
                editor.put(f"/send {words} {draft}")
            elif answer == AS_TEXT:
                insert()

        self._requests.start(job, offline=True)

    async def _ask_dropped(self, paths: tuple[Path, ...]) -> FileQuestion:
        size = await self._folders.total_size(paths)
        where = clean_line(self._model.label(self._model.room))
        return ask_dropped(tuple(path.name for path in paths), size, where)
