"""Previews of images as a job of an interface: which file is shown, how it can be cancelled, who sees none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.ui.commands.test_messages import in_ops
from tests.ui.file_jobs.standin import FileChat, Progress, at_once
from tests.ui.followed import FollowedPlace
from tests.ui.typed import interpret
from tests.ui.with_files import info, message
from trio_chat.client import Chat
from trio_chat.config import ClientConfig
from trio_chat.errors import NotDone
from trio_chat.protocol.events import Error, Event, RoomInfo
from trio_chat.protocol.parts import FileInfo
from trio_chat.ui.actions.files import CancelTransfer, PreviewImage
from trio_chat.ui.file_jobs.jobs import Draw, FileJobs
from trio_chat.ui.model.notes import Note
from trio_chat.ui.model.place import Place
from trio_chat.ui.model.preferences import Preferences
from trio_chat.ui.model.shown_files import ShownFile
from trio_chat.ui.model.transfers import Transfers

LOG, PHOTO, PLAN = info("a.log"), info("photo.png", 400, "image/png"), info("plan.gif", 400, "image/gif")


# ---- the command ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("/preview", PreviewImage("#ops", (PHOTO,), 3)),  # the newest image, not the newest file
        ("/preview 2", PreviewImage("#ops", (PHOTO,), 3)),
        ("/preview #3", PreviewImage("#ops", (LOG, PHOTO), 3)),
        ("/preview #99.2", PreviewImage("#ops", (), 99, 2)),
    ],
)
def test_lines_become_previews(line: str, action: PreviewImage) -> None:
    place = in_ops()
    place.take(message(3, LOG, PHOTO))
    place.take(message(5, LOG))
    assert interpret(line, place) == action


@pytest.mark.parametrize(("line", "why"), [("/preview", "No image was shown"), ("/preview x", "That is no file")])
def test_what_names_no_image_is_told(line: str, why: str) -> None:
    place = in_ops()
    place.take(message(5, LOG))
    meaning = interpret(line, place)
    assert isinstance(meaning, Error)
    assert why in meaning.message


# ---- the job -------------------------------------------------------------------------------------


class ImageChat(FileChat):
    """Gives the bytes of a file in pieces, when the test lets them come."""

    def __init__(self, *messages: object) -> None:
        super().__init__(*messages)  # type: ignore[arg-type] # as there
        self.opened: list[str] = []

    @asynccontextmanager
    async def open_file(
        self, file: FileInfo, *, progress: Callable[[Progress], object]
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        self.opened.append(file.name)
        await self.move(file.size, progress)

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(4):
                await trio.lowlevel.checkpoint()
                yield b"x" * (file.size // 4)

        yield pieces()


class Viewer:
    """Draws nothing, but notes what it is given."""

    def __init__(self, chat: FileChat, place: Place | None = None, *, draws: bool = True) -> None:
        self.drawn: list[tuple[ShownFile, bytes]] = []
        self.told: list[str] = []
        self.finish = trio.Event()
        place = place or FollowedPlace(rooms=[RoomInfo(name="#ops")])
        draw: Draw | None = self.draw if draws else None
        self.jobs = FileJobs(
            Transfers(), place, lambda: cast("Chat", chat), lambda _transfer: None, None, at_once, draw
        )

    async def draw(self, shown: ShownFile, data: bytes) -> list[Event]:
        self.drawn.append((shown, data))
        await self.finish.wait()
        if shown.file is PLAN:
            raise NotDone("not_shown", "plan.gif cannot be decoded.", "")
        return []

    async def do(self, action: PreviewImage | CancelTransfer) -> None:
        for event in await self.jobs.do(action):
            self.told.append(" ".join(event.lines) if isinstance(event, Note) else cast("Error", event).message)


async def test_the_image_among_the_files_of_a_message_is_fetched_and_drawn(autojump_clock: MockClock) -> None:
    chat = ImageChat(message(7, LOG, PHOTO))
    viewer = Viewer(chat)
    viewer.finish.set()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(viewer.do, PreviewImage("#ops", (), 7))
        while not viewer.drawn:
            await wait_all_tasks_blocked()
            chat.step()
    assert viewer.drawn == [(ShownFile("#ops", 7, PHOTO), b"x" * 400)]
    assert (viewer.told, chat.opened) == ([], ["photo.png"])


async def test_one_picture_is_drawn_at_a_time_and_a_fetch_is_cancelled(autojump_clock: MockClock) -> None:
    chat = ImageChat()
    viewer = Viewer(chat)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(viewer.do, PreviewImage("#ops", (PHOTO,), 7))
        await wait_all_tasks_blocked()
        await viewer.do(PreviewImage("#ops", (PLAN,), 8))
        assert viewer.told == ["Another picture is on its way."]
        await viewer.do(CancelTransfer())
    assert viewer.told[1:] == ["Cancelled: photo.png.", "photo.png is not shown."]
    assert (viewer.drawn, chat.opened) == ([], ["photo.png"])


async def test_what_the_decoder_refuses_is_told(autojump_clock: MockClock) -> None:
    chat = ImageChat()
    viewer = Viewer(chat)
    viewer.finish.set()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(viewer.do, PreviewImage("#ops", (PLAN,), 8))
        while not viewer.told:
            await wait_all_tasks_blocked()
            chat.step()
    assert viewer.told == ["plan.gif cannot be decoded."]


async def test_what_is_no_image_is_not_fetched(autojump_clock: MockClock) -> None:
    chat = ImageChat()
    viewer = Viewer(chat)
    await viewer.do(PreviewImage("#ops", (LOG,), 8))
    assert viewer.told == ["a.log is no image."]
    assert chat.opened == []


async def test_guests_and_pipes_see_no_pictures(autojump_clock: MockClock) -> None:
    guest = FollowedPlace(rooms=[RoomInfo(name="#ops")])
    guest.preferences = Preferences(ClientConfig(), guest=True)
    chat = ImageChat()
    for viewer, why in (
        (Viewer(chat, guest), "There are no pictures over ssh."),
        (Viewer(chat, draws=False), "Pictures are shown at a terminal only."),
    ):
        await viewer.do(PreviewImage("#ops", (PHOTO,), 8))
        assert viewer.told == [why]
    assert chat.opened == []
