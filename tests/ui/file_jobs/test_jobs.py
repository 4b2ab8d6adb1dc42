"""Transfers for an interface: questions, progress, pauses, cancelling, and what is told at the end."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.ui.file_jobs.standin import FileChat, at_once
from tests.ui.followed import FollowedPlace
from tests.ui.with_files import info, message
from trio_chat.client import Chat
from trio_chat.config import ClientConfig
from trio_chat.errors import ConnectionClosed, NotDone
from trio_chat.protocol.events import Error, Event, RoomInfo
from trio_chat.protocol.parts import FileInfo, FileLimits
from trio_chat.ui.actions.files import CancelTransfer, FileAction, ListTransfers, SaveFiles, SendFiles
from trio_chat.ui.file_jobs.jobs import FileJobs
from trio_chat.ui.model.file_questions import LARGE, NO, OVERWRITE, YES, FileQuestion
from trio_chat.ui.model.notes import Note
from trio_chat.ui.model.place import Place
from trio_chat.ui.model.preferences import Preferences
from trio_chat.ui.model.transfers import Transfers


class Worker:
    """Jobs with a stand-in chat, and a person who gives these answers."""

    def __init__(self, chat: FileChat, place: Place, answers: list[str]) -> None:
        self.chat = chat
        self.questions: list[FileQuestion] = []
        self.results: list[Event] = []
        self._answers = answers
        self.transfers = Transfers()
        self.jobs = FileJobs(
            self.transfers, place, lambda: cast("Chat", chat), lambda _transfer: None, self.ask, at_once
        )

    async def ask(self, question: FileQuestion) -> str:
        await trio.lowlevel.checkpoint()
        self.questions.append(question)
        return self._answers.pop(0)

    async def do(self, action: FileAction) -> None:
        self.results += await self.jobs.do(action)

    @property
    def told(self) -> str:
        """The sentences that the person reads."""
        return "\n".join(
            " ".join(event.lines) if isinstance(event, Note) else cast("Error", event).message for event in self.results
        )


@asynccontextmanager
async def working(
    *answers: str, chat: FileChat | None = None, place: Place | None = None
) -> AsyncIterator[tuple[Worker, trio.Nursery]]:
    """A worker, and a nursery for its actions."""
    here = place or FollowedPlace(rooms=[RoomInfo(name="#ops")])
    async with trio.open_nursery() as nursery:
        yield Worker(chat or FileChat(), here, list(answers)), nursery
        nursery.cancel_scope.cancel()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file of 400 bytes, which is the current one and the home."""
    (tmp_path / "a.log").write_bytes(b"x" * 400)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


async def test_a_file_is_sent_with_its_text(here: Path, autojump_clock: MockClock) -> None:
    del autojump_clock
    async with working() as (worker, nursery):
        nursery.start_soon(worker.do, SendFiles("#ops", "a.log it failed"))
        await wait_all_tasks_blocked()
        (transfer,) = worker.transfers.active
        assert (transfer.name, transfer.where, transfer.state) == ("a.log", "#ops", "waiting")
        worker.chat.step()
        await wait_all_tasks_blocked()
        assert (transfer.done, transfer.state) == (100, "moving")
        for _ in range(3):
            worker.chat.step()
            await wait_all_tasks_blocked()
        assert transfer.state == "done"
        assert worker.chat.sent == [("#ops", [here / "a.log"], "it failed")]
        assert worker.results == []  # the message itself is what the person sees
        assert worker.questions == []


async def test_several_files_move_at_once_and_each_can_be_cancelled(autojump_clock: MockClock) -> None:
    del autojump_clock
    async with working() as (worker, nursery):
        for _ in range(3):
            nursery.start_soon(worker.do, SendFiles("#ops", "a.log"))
        await wait_all_tasks_blocked()
        assert [one.number for one in worker.transfers.active] == [1, 2, 3]
        await worker.do(ListTransfers())
        assert worker.told.count("a.log to #ops") == 3
        assert worker.told.endswith("/cancel 3 stops the last one.")
        await worker.do(CancelTransfer(2))
        await worker.do(CancelTransfer())
        await wait_all_tasks_blocked()
        assert [one.number for one in worker.transfers.active] == [1]
        assert worker.chat.discarded == ["a.log", "a.log"]  # the server need not keep them
        await worker.do(CancelTransfer(9))
        assert worker.told.endswith("There is no transfer 9.")


async def test_a_lost_connection_is_a_pause(autojump_clock: MockClock) -> None:
    del autojump_clock
    async with working() as (worker, nursery):
        nursery.start_soon(worker.do, SendFiles("#ops", "a.log"))
        await wait_all_tasks_blocked()
        worker.chat.step()
        await wait_all_tasks_blocked()
        worker.chat.connected = False
        worker.chat.step("waiting")
        await wait_all_tasks_blocked()
        (transfer,) = worker.transfers.active
        assert (transfer.state, transfer.done) == ("paused", 100)
        worker.chat.connected = True
        worker.chat.step()
        await wait_all_tasks_blocked()
        assert transfer.state == "moving"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (NotDone("quota_full", "Your files take all your space.", "Delete some."), "Your files take all your space."),
        (ConnectionClosed("The chat is over."), "The chat is over."),
    ],
)
async def test_what_went_wrong_is_told(autojump_clock: MockClock, error: Any, told: str) -> None:
    del autojump_clock
    async with working() as (worker, nursery):
        nursery.start_soon(worker.do, SendFiles("#ops", "a.log"))
        await wait_all_tasks_blocked()
        worker.chat.fails = error
        worker.chat.step()
        await wait_all_tasks_blocked()
        assert worker.told == told
        (transfer,) = worker.transfers.listed(trio.current_time())
        assert transfer.state == "failed"


@pytest.mark.parametrize(("answer", "sent"), [(YES, True), (NO, False)])
async def test_a_large_file_is_asked_about(here: Path, autojump_clock: MockClock, answer: str, *, sent: bool) -> None:
    del autojump_clock
    with (here / "big.iso").open("wb") as file:
        file.truncate(LARGE + 1)
    async with working(answer) as (worker, nursery):
        nursery.start_soon(worker.do, SendFiles("#ops", "big.iso"))
        await wait_all_tasks_blocked()
        assert bool(worker.transfers.active) == sent
        assert "big.iso, 10.0 MiB, to #ops" in worker.questions[0].lines[0]
        assert worker.told == ("" if sent else "Nothing was sent.")


async def test_what_the_server_does_not_take_is_not_begun(here: Path, autojump_clock: MockClock) -> None:
    del autojump_clock
    for number in range(3):
        (here / f"{number}.txt").touch()
    for limits, line, told in (
        (None, "a.log", "This server takes no files."),
        (FileLimits(size=399), "a.log", "takes at most 399 bytes"),
        (FileLimits(size=400, each=2), "0.txt 1.txt 2.txt", "at most 2 files"),
    ):
        async with working(chat=FileChat(limits=limits)) as (worker, _):
            await worker.do(SendFiles("#ops", line))
            assert told in worker.told
            assert worker.transfers.active == ()


async def test_over_ssh_no_file_of_the_servers_machine_is_reached(autojump_clock: MockClock) -> None:
    del autojump_clock
    place = FollowedPlace()
    place.preferences = Preferences(ClientConfig(), guest=True)
    async with working(place=place) as (worker, _):
        for action in (SendFiles("#ops", "/etc/passwd"), SaveFiles("#ops", (info(),), 1)):
            await worker.do(action)
        assert worker.told.count("Over ssh") == 2


async def test_what_was_not_sent_goes_on_at_the_next_start(here: Path, autojump_clock: MockClock) -> None:
    del autojump_clock
    chat = FileChat()
    async with working(chat=chat) as (worker, nursery):
        nursery.start_soon(worker.do, SendFiles("#ops", "a.log"))
        await wait_all_tasks_blocked()
        assert worker.jobs.unsent == ("a.log",)
    assert (chat.cancelled, chat.discarded) == (1, [])  # the end of the program is no cancelling
    (here / "b.log").write_bytes(b"y" * 8)
    chat.unfinished = [here / "a.log", here / "b.log"]
    async with working(chat=chat) as (worker, nursery):
        nursery.start_soon(worker.jobs.resume, worker.results.append)
        await wait_all_tasks_blocked()
        assert worker.told.startswith("Going on with sending a.log to #ops. /cancel stops it.")
        await worker.do(CancelTransfer(2))
        for _ in range(4):
            await wait_all_tasks_blocked()
            chat.step()
        await wait_all_tasks_blocked()
        assert [paths for _, paths, _ in chat.sent] == [[here / "a.log"]]
        assert chat.discarded == ["b.log"]


async def test_what_cannot_go_on_is_told(here: Path, autojump_clock: MockClock) -> None:
    del autojump_clock
    chat = FileChat()
    chat.unfinished, chat.fails = [here / "a.log"], NotDone("changed", "a.log was changed since.", "")
    async with working(chat=chat) as (worker, nursery):
        nursery.start_soon(worker.jobs.resume, worker.results.append)
        await wait_all_tasks_blocked()
        chat.step()
        await wait_all_tasks_blocked()
        assert worker.told.endswith("a.log was changed since.")
    chat = FileChat(limits=None)
    chat.unfinished = [here / "a.log"]
    async with working(chat=chat) as (worker, _):
        await worker.jobs.resume(worker.results.append)
        assert worker.told == ""


# ---- saving -------------------------------------------------------------------------------------


async def save(worker: Worker, nursery: trio.Nursery, *files: FileInfo, **more: Any) -> None:
    """Save files to the end."""
    nursery.start_soon(worker.do, SaveFiles("#ops", files, 1, **more))
    for _ in range(4 * max(len(files), 1)):
        await wait_all_tasks_blocked()
        worker.chat.step()
    await wait_all_tasks_blocked()


async def test_a_file_is_saved_and_its_place_is_told(here: Path, autojump_clock: MockClock) -> None:
    del autojump_clock
    async with working() as (worker, nursery):
        await save(worker, nursery, info("b.log", 400), path="sub.log")
        assert worker.chat.saved == [("b.log", here / "sub.log", False)]
        assert worker.told == f"Saved: {here}/sub.log (400 bytes)"


@pytest.mark.parametrize(("answer", "saved"), [(YES, ("a (1).log", False)), (OVERWRITE, ("a.log", True)), (NO, None)])
async def test_nothing_is_overwritten_without_asking(
    here: Path, autojump_clock: MockClock, answer: str, saved: tuple[str, bool] | None
) -> None:
    del autojump_clock
    async with working(answer) as (worker, nursery):
        await save(worker, nursery, info("a.log", 400))
        assert len(worker.questions) == 1
        assert worker.chat.saved == ([] if saved is None else [("a.log", here / saved[0], saved[1])])
        assert ("was not saved" in worker.told) == (saved is None)


async def test_where_nobody_can_be_asked_both_are_kept(here: Path, autojump_clock: MockClock) -> None:
    del autojump_clock
    async with working() as (worker, nursery):
        worker.jobs = FileJobs(
            worker.transfers, FollowedPlace(), lambda: cast("Chat", worker.chat), lambda _one: None, None, at_once
        )
        await save(worker, nursery, info("a.log", 400))
        assert worker.chat.saved == [("a.log", here / "a (1).log", False)]
        await worker.do(SaveFiles("#ops", (info("b.log"),), 1, opens=True))
        assert "Nothing was opened." in worker.told


async def test_a_file_that_is_there_already_is_not_fetched(here: Path, autojump_clock: MockClock) -> None:
    del autojump_clock
    digest = hashlib.sha256(b"x" * 400).hexdigest()
    same = FileInfo(id="i", name="a.log", size=400, sha256=digest)
    async with working() as (worker, nursery):
        await save(worker, nursery, same)
        assert worker.chat.saved == []
        assert worker.told == f"a.log is saved already: {here}/a.log"


async def test_all_files_of_a_message_that_was_not_shown_are_saved(here: Path, autojump_clock: MockClock) -> None:
    del autojump_clock
    (here / "sub").mkdir()
    chat = FileChat(message(12, info("b", 4), info("c", 4)), message(13))
    async with working(chat=chat) as (worker, nursery):
        nursery.start_soon(worker.do, SaveFiles("#ops", (), 12, path="sub"))
        for _ in range(10):
            await wait_all_tasks_blocked()
            chat.step()
        assert [path for _, path, _ in chat.saved] == [here / "sub" / "b", here / "sub" / "c"]
        for action in (SaveFiles("#ops", (), 13), SaveFiles("#ops", (), 99), SaveFiles("#ops", (), 12, 3)):
            await worker.do(action)
        assert worker.told.count("has no") == 3


async def test_opening_asks_first_and_refuses_programs(autojump_clock: MockClock) -> None:
    del autojump_clock
    async with working(NO) as (worker, _):
        await worker.do(SaveFiles("#ops", (info("a.sh"),), 1, opens=True))
        assert "is not opened" in worker.told
        assert worker.questions == []
        await worker.do(SaveFiles("#ops", (info("b.log"),), 1, opens=True))
        assert len(worker.questions) == 1
        await worker.do(SaveFiles("#ops", (info("b.log"), info("c.log")), 1, opens=True))
        assert "Only one file" in worker.told
        assert worker.chat.saved == []
