"""Files on the full screen: commands, keys, clicks, dropped paths, Tab and questions, beside everything else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.ui.file_jobs.standin import FileChat
from tests.ui.tui.controller.fakes import Desk
from tests.ui.tui.controller.test_mouse import Drawn
from tests.ui.with_files import info, message
from trio_chat.client import Chat
from trio_chat.config import ClientConfig
from trio_chat.ui.input.decoder import Pasted, Typed
from trio_chat.ui.model.file_questions import LARGE
from trio_chat.ui.model.preferences import Preferences
from trio_chat.ui.terminal.escapes import MouseEvent
from trio_chat.ui.tui.model.panes import ListPane, Question
from trio_chat.ui.tui.widgets.bars import status_row
from trio_chat.ui.tui.widgets.conversation import RowOwner, plain_text


class FilesDesk(Desk):
    """A desk whose background requests run, with a stand-in for the chat. Message 3 has a file, message 4 has two."""

    def __init__(self) -> None:
        super().__init__()
        self.chat = FileChat()
        self.requests.chat = cast("Chat", self.chat)
        self.model.take(message(3, info("a.log", 400), room="#lobby"), 0.0, 0.0)
        self.model.take(message(4, info("b", 4), info("c", 4), room="#lobby"), 0.0, 0.0)

    @property
    def notes(self) -> list[str]:
        """The sentences that this program showed."""
        return [entry.text for entry in self.model.room.log.entries if entry.kind in {"note", "error"}]

    @property
    def status(self) -> str:
        """The status line."""
        return plain_text(status_row(self.model, 200, trio.current_time(), 0))

    @property
    def question(self) -> Question:
        """The question that is open."""
        assert isinstance(self.pane, Question)
        return self.pane

    async def finish(self) -> None:
        """Let all transfers come to their end."""
        for _ in range(12):
            self.chat.step()
            await wait_all_tasks_blocked()


@asynccontextmanager
async def at_desk() -> AsyncIterator[FilesDesk]:
    desk = FilesDesk()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.requests.run)
        await wait_all_tasks_blocked()
        yield desk
        nursery.cancel_scope.cancel()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the current one and the home."""
    (tmp_path / "build.log").write_bytes(b"x" * 400)
    (tmp_path / "my file.txt").write_text("x")
    (tmp_path / "builds").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


async def test_a_file_is_sent_while_typing_goes_on(here: Path, autojump_clock: MockClock) -> None:
    async with at_desk() as desk:
        await desk.submit("/send build.log it failed")
        await wait_all_tasks_blocked()
        desk.chat.step()
        await wait_all_tasks_blocked()
        assert "↑ build.log 25%" in desk.status
        await desk.press(Typed("meanwhile"))
        assert desk.model.room.editor.text == "meanwhile"
        await desk.finish()
        assert desk.chat.sent == [("#lobby", [here / "build.log"], "it failed")]
        assert "↑ build.log done" in desk.status
        await trio.sleep(10)
        assert "build.log" not in desk.status
        assert desk.notes == []


async def test_a_file_can_be_the_reply_to_a_message(here: Path, autojump_clock: MockClock) -> None:
    async with at_desk() as desk:
        await desk.submit("/send build.log no reply")
        await wait_all_tasks_blocked()
        desk.model.room.selected = 2
        await desk.press(Typed("r"))
        await desk.submit("/send build.log a reply")
        await desk.finish()
        assert desk.chat.replied_to == [None, 2]
        assert desk.model.room.intent is None


async def test_a_file_that_is_not_there_costs_a_sentence(autojump_clock: MockClock) -> None:
    async with at_desk() as desk:
        await desk.submit("/send nothing.log")
        await wait_all_tasks_blocked()
        assert desk.notes == ["There is no file 'nothing.log'. Put a name with spaces in quotes."]


async def test_a_large_file_is_asked_about_and_other_panes_come_first(here: Path, autojump_clock: MockClock) -> None:
    with (here / "big.iso").open("wb") as file:
        file.truncate(LARGE + 1)
    async with at_desk() as desk:
        await desk.press("M-k")  # the switcher
        first = desk.pane
        desk.controller.input._submission.hand_in("/send big.iso")
        await trio.sleep(1)
        assert desk.pane is first
        await desk.press("Escape")
        await trio.sleep(1)
        assert "big.iso, 10.0 MiB, to #lobby." in desk.question.lines
        await desk.press("Escape")
        await wait_all_tasks_blocked()
        assert desk.notes == ["Nothing was sent."]
        await desk.submit("/send big.iso")
        await trio.sleep(1)
        await desk.press("Enter")
        await wait_all_tasks_blocked()
        assert "↑ big.iso" in desk.status


async def test_a_question_that_another_pane_replaces_comes_back(here: Path, autojump_clock: MockClock) -> None:
    with (here / "big.iso").open("wb") as file:
        file.truncate(LARGE + 1)
    async with at_desk() as desk:
        await desk.submit("/send big.iso")
        await trio.sleep(1)
        desk.model.pane = Question("left", "You are out", ("why",), (("Enter", "go on"),))
        await trio.sleep(1)
        assert desk.question.purpose == "left"
        await desk.press("Enter")
        await trio.sleep(1)
        assert desk.question.title == "Send a large file"


async def test_enter_on_a_message_saves_its_file(here: Path, autojump_clock: MockClock) -> None:
    async with at_desk() as desk:
        desk.model.room.selected = 3
        await desk.press("Enter")
        await desk.finish()
        assert desk.chat.saved == [("a.log", here / "a.log", False)]
        assert desk.notes == [f"Saved: {here}/a.log (400 bytes)"]
        desk.model.room.selected = 2
        await desk.press("Enter")  # a message without a file is replied to, as before
        assert desk.model.room.intent is not None
        await desk.press("Escape")
        desk.model.room.selected = 2
        await desk.press(Typed("s"))
        assert desk.model.notice == "There is no file in that message."


def labels(desk: FilesDesk) -> list[str]:
    """The rows of the list that is open."""
    assert isinstance(desk.pane, ListPane)
    return [row.label for row in desk.pane.rows]


async def test_of_several_files_the_person_chooses(here: Path, autojump_clock: MockClock) -> None:
    async with at_desk() as desk:
        for steps, names in (((), ["b", "c"]), (("Down", "Down"), ["c"])):
            desk.chat.saved.clear()
            desk.model.room.selected = 4
            await desk.press("Enter")
            assert labels(desk) == ["all 2 files", "[file] b, 4 bytes, text", "[file] c, 4 bytes, text"]
            await desk.press(*steps, "Enter")
            await trio.sleep(1)
            if steps:  # it is there from the first time
                assert desk.question.title == "A file of that name is there"
                await desk.press(Typed("o"), Typed("O"))
            await desk.finish()
            assert [name for name, _, _ in desk.chat.saved] == names
    assert (here / "b").exists()


class MessageDrawn(Drawn):
    """A screen with message 3 everywhere."""

    def under(self, column: int, row: int) -> tuple[str, object]:
        del column, row
        return ("line", RowOwner(3, said=True))


async def test_the_second_click_on_a_message_saves_its_file(autojump_clock: MockClock) -> None:
    async with at_desk() as desk:
        desk.screen.drawn = MessageDrawn()
        for clicks in (1, 2):
            for released in (False, True):
                desk.controller.mouse.take(MouseEvent(0, moved=False, released=released, column=5, row=5))
            await wait_all_tasks_blocked()
            assert bool(desk.model.transfers.active) == (clicks == 2)


async def test_a_file_is_not_overwritten_without_asking(here: Path, autojump_clock: MockClock) -> None:
    (here / "a.log").write_text("mine")
    async with at_desk() as desk:
        await desk.submit("/save 3")
        await trio.sleep(1)
        assert desk.question.title == "A file of that name is there"
        await desk.press("Enter")
        await desk.finish()
        assert (here / "a.log").read_text() == "mine"
        assert (here / "a (1).log").exists()


async def test_transfers_are_listed_and_cancelled(autojump_clock: MockClock) -> None:
    async with at_desk() as desk:
        await desk.submit("/send build.log")
        await wait_all_tasks_blocked()
        await desk.submit("/save 3")
        await wait_all_tasks_blocked()
        assert "↑ 1 file ↓ 1 file" in desk.status
        await desk.submit("/transfers")
        await wait_all_tasks_blocked()
        await desk.submit("/cancel 1")
        await wait_all_tasks_blocked()
        assert desk.notes[0].startswith("↑ 1 build.log to #lobby: 0% of 400 bytes")
        assert desk.notes[0].endswith("/cancel 2 stops the last one.")
        assert desk.notes[1] == "Cancelled: build.log."
        assert desk.chat.discarded == ["build.log"]
        assert "↓ a.log" in desk.status


# ---- paths --------------------------------------------------------------------------------------


async def test_tab_completes_paths_and_goes_through_them(autojump_clock: MockClock) -> None:
    async with at_desk() as desk:
        await desk.press(Typed("/send my"), "Tab")
        await wait_all_tasks_blocked()
        assert desk.model.room.editor.text == '/send "my file.txt" '
        desk.model.room.editor.clear()
        await desk.press(Typed("/send b"), "Tab")
        await wait_all_tasks_blocked()
        assert desk.model.room.editor.text == "/send build"
        assert desk.model.notice == "build.log  builds/"
        await desk.press("Tab")
        assert desk.model.room.editor.text == "/send build.log"
        await desk.press("Tab")
        assert desk.model.room.editor.text == "/send builds/"
        await desk.press(Typed("x"), "Tab")
        await wait_all_tasks_blocked()
        assert desk.model.room.editor.text == "/send builds/x"


async def test_what_was_typed_meanwhile_is_not_disturbed_by_tab(autojump_clock: MockClock) -> None:
    async with at_desk() as desk:
        await desk.press(Typed("/send my"), "Tab", Typed("x"))
        await wait_all_tasks_blocked()
        assert desk.model.room.editor.text == "/send myx"


async def drop(desk: FilesDesk, text: str) -> None:
    await desk.press(Pasted(text))
    await trio.sleep(1)


async def test_a_dropped_file_is_offered_to_be_sent(here: Path, autojump_clock: MockClock) -> None:
    async with at_desk() as desk:
        await drop(desk, f"'{here}/my file.txt' ")
        assert desk.question.lines == ("my file.txt, 1 byte, to #lobby.",)
        await desk.press("Enter")
        await desk.finish()
        assert desk.chat.sent == [("#lobby", [here / "my file.txt"], "")]


async def test_a_dropped_file_can_get_a_text_or_be_a_text(here: Path, autojump_clock: MockClock) -> None:
    async with at_desk() as desk:
        editor = desk.model.room.editor
        await desk.press(Typed("look"))
        await drop(desk, f"{here}/build.log\n{here}/my file.txt\n")
        assert desk.question.lines == ("2 files, 401 bytes, to #lobby.",)
        await desk.press(Typed("c"))
        await wait_all_tasks_blocked()
        assert editor.text == f'/send {here}/build.log "{here}/my file.txt" look'
        editor.clear()
        await drop(desk, f"{here}/build.log")
        await desk.press(Typed("t"))
        await wait_all_tasks_blocked()
        assert editor.text == f"{here}/build.log"
        editor.clear()
        await drop(desk, f"{here}/build.log")
        await desk.press("Escape")
        await wait_all_tasks_blocked()
        assert (editor.text, desk.pane, desk.chat.sent) == ("", None, [])


@pytest.mark.parametrize("text", ["/etc/no-such-file", "/etc", "hello", "/send", "~"])
async def test_other_pastes_go_into_the_input(text: str, autojump_clock: MockClock) -> None:
    async with at_desk() as desk:
        await drop(desk, text)
        assert desk.pane is None
        assert desk.model.room.editor.text == text


async def test_behind_a_command_a_path_is_pasted(here: Path, autojump_clock: MockClock) -> None:
    async with at_desk() as desk:
        await desk.press(Typed("/send "))
        await drop(desk, f"'{here}/my file.txt' ")
        assert desk.model.room.editor.text == f"/send '{here}/my file.txt' "
        assert desk.pane is None


async def test_over_ssh_the_servers_files_are_out_of_reach(here: Path, autojump_clock: MockClock) -> None:
    async with at_desk() as desk:
        desk.model.place.preferences = Preferences(ClientConfig(), guest=True)
        await desk.press(Typed("/send my"), "Tab")
        await wait_all_tasks_blocked()
        assert desk.model.room.editor.text == "/send my"
        desk.model.room.editor.clear()
        await drop(desk, f"{here}/build.log")
        assert desk.pane is None
        desk.model.room.editor.clear()
        await desk.submit("/save 3")
        await wait_all_tasks_blocked()
        assert "Over ssh" in desk.notes[-1]


async def test_what_was_not_sent_goes_on_when_the_chat_begins(here: Path, autojump_clock: MockClock) -> None:
    async with at_desk() as desk:
        desk.chat.unfinished = [here / "build.log"]
        desk.files.resume()
        await wait_all_tasks_blocked()
        assert desk.notes == ["Going on with sending build.log to #ops. /cancel stops it."]
        assert "↑ build.log" in desk.status
        await desk.finish()
        assert len(desk.chat.sent) == 1
