"""Files in line mode: progress lines, questions in place of the input, Tab, and a program's lines."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.ui.file_jobs.standin import FileChat, at_once
from tests.ui.plain.test_prompt import FakeTerminal
from tests.ui.with_files import info, message
from trio_chat.client import Chat
from trio_chat.client.known_accounts import KnownAccounts
from trio_chat.protocol.events import Error
from trio_chat.ui.actions.files import SaveFiles, SendFiles
from trio_chat.ui.file_jobs.folders import Folders
from trio_chat.ui.file_jobs.jobs import FileJobs
from trio_chat.ui.input.decoder import Press, Typed
from trio_chat.ui.model.file_questions import LARGE, NO, ask_large, ask_overwrite
from trio_chat.ui.model.notes import Note
from trio_chat.ui.model.transfers import Transfers
from trio_chat.ui.plain.asking import AskedQuestion
from trio_chat.ui.plain.line_mode import LineMode, PlainOptions
from trio_chat.ui.plain.progress_lines import EVERY, ProgressLines
from trio_chat.ui.plain.prompt import Prompt
from trio_chat.ui.terminal.terminal import Terminal


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the current one and the home."""
    (tmp_path / "build.log").write_bytes(b"x" * 400)
    (tmp_path / "my file.txt").write_text("x")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_a_slow_transfer_has_a_line_now_and_then() -> None:
    transfers, lines = Transfers(), ProgressLines()
    one = transfers.begin("send", "build.log", 1000, 0.0)

    def line(now: float, state: str = "moving") -> str:
        transfers.note(one, int(now), None, state, now)  # type: ignore[arg-type] # one of the states
        return lines.line(one, now)

    assert [bool(line(now)) for now in (0.0, 1.0, EVERY - 1, EVERY, EVERY + 1, 2 * EVERY)] == [
        False,
        False,
        False,
        True,
        False,
        True,
    ]
    assert "paused" in line(21.0, "paused")
    assert line(25.0, "paused") == ""
    assert "2%" in line(26.0)
    transfers.end(one, "done", 27.0)
    assert lines.line(one, 27.0) == ""


async def test_only_the_named_keys_answer(autojump_clock: MockClock) -> None:
    for key, answer in (
        (Typed("O"), "O"),
        (Typed("n"), NO),
        (Press("Enter"), "Enter"),
        (Press("Escape"), NO),
        (Press("C-c"), NO),
    ):
        asked = AskedQuestion(ask_overwrite("/a.log", info("a.log")))
        for letter in "who":  # a word that was being typed
            asked.press(Typed(letter))
        asked.press(Press("Tab"))
        with trio.move_on_after(1) as early:
            await asked.wait()
        assert early.cancelled_caught
        asked.press(key)
        assert await asked.wait() == answer
    assert AskedQuestion(ask_overwrite("/a.log", info("a.log"))).prompt == "Enter, O or Esc> "
    assert AskedQuestion(ask_large("a", "#ops")).prompt == "Enter or Esc> "


async def test_a_window_of_20_columns_shows_every_key() -> None:
    desk = PromptDesk()
    desk.prompt._asking = AskedQuestion(ask_overwrite("/a.log", info("a.log")))
    assert "Enter, O or Esc>" in "".join(desk.prompt._draw(20, 5).rows)


class PromptChat(FileChat):
    """A chat for a whole prompt: nothing else happens in it."""

    def __init__(self) -> None:
        super().__init__()
        self.accounts = KnownAccounts("ada")
        self.url = "ws://house.test:1/"
        self.ended = None

    def __aiter__(self) -> PromptChat:
        return self

    async def __anext__(self) -> object:
        await trio.sleep_forever()
        raise StopAsyncIteration

    async def who(self, room: str) -> tuple[()]:
        await trio.lowlevel.checkpoint()
        del room
        return ()

    async def list_rooms(self) -> tuple[()]:
        await trio.lowlevel.checkpoint()
        return ()


class PromptDesk:
    """Ada at a terminal in line mode; message 3 has a file."""

    def __init__(self) -> None:
        self.chat = PromptChat()
        mode = LineMode(cast("Chat", self.chat), PlainOptions())
        self.terminal = FakeTerminal()
        self.prompt = prompt = Prompt(mode, cast("Terminal", self.terminal))
        prompt._folders = Folders(at_once)
        prompt._files = FileJobs(
            mode.transfers, mode.place, lambda: mode.chat, prompt._tell_progress, prompt._ask, at_once
        )
        mode.tell(message(3, info("a.log", 400), room="#lobby"))
        self.status: int | None = None

    async def run(self) -> None:
        self.status = await self.prompt.run()

    async def type(self, text: str) -> str:
        """Type; returns what was written since."""
        self.terminal.shown = b""
        self.terminal.keys.send_nowait(text.encode())
        await wait_all_tasks_blocked()
        return self.terminal.shown.decode()


async def test_a_file_is_sent_and_saved_while_typing_goes_on(here: Path, autojump_clock: MockClock) -> None:
    desk = PromptDesk()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run)
        await wait_all_tasks_blocked()
        await desk.type("/send build.log it failed\r")
        await desk.type("/save\r")
        assert "↑ 1 build.log to #lobby" in await desk.type("/transfers\r")
        assert "typed" in await desk.type("typed")
        for _ in range(8):
            desk.chat.step()
            await wait_all_tasks_blocked()
        assert f"Saved: {here}/a.log" in desk.terminal.shown.decode()
        assert desk.chat.sent == [("#lobby", [here / "build.log"], "it failed")]
        nursery.cancel_scope.cancel()


async def test_a_question_stands_where_the_input_is(here: Path, autojump_clock: MockClock) -> None:
    with (here / "big.iso").open("wb") as file:
        file.truncate(LARGE + 1)
    desk = PromptDesk()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run)
        await wait_all_tasks_blocked()
        shown = await desk.type("/send big.iso\r")
        assert "big.iso, 10.0 MiB, to #lobby." in shown
        assert "Enter: send it; Esc: do not send it" in shown
        assert "Enter or Esc> " in shown
        await desk.type("x")
        await desk.type("\x1b")
        await trio.sleep(1)  # it might be the begin of another key
        assert "Nothing was sent." in desk.terminal.shown.decode()
        await desk.type("/send big.iso\r")
        assert "#lobby> " in await desk.type("\r")
        assert len(desk.prompt._mode.transfers.active) == 1
        nursery.cancel_scope.cancel()


async def test_tab_completes_a_path(autojump_clock: MockClock) -> None:
    desk = PromptDesk()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run)
        await wait_all_tasks_blocked()
        await desk.type("/send my\t")
        assert desk.prompt._editor.text == '/send "my file.txt" '
        nursery.cancel_scope.cancel()


async def test_who_leaves_hears_what_is_not_sent_yet(here: Path, autojump_clock: MockClock) -> None:
    desk = PromptDesk()
    desk.chat.unfinished = [here / "build.log"]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run)
        await wait_all_tasks_blocked()
        assert "Going on with sending build.log to #ops." in desk.terminal.shown.decode()
        assert "build.log is not sent yet; it goes on at the next start." in await desk.type("/quit\r")
    assert desk.status == 0
    assert desk.chat.discarded == []


async def test_lines_of_a_program_wait_for_their_file(here: Path, autojump_clock: MockClock) -> None:
    chat = PromptChat()
    mode = LineMode(cast("Chat", chat), PlainOptions())
    mode.files = FileJobs(mode.transfers, mode.place, lambda: mode.chat, lambda _one: None, None, at_once)
    results: list[object] = []

    async def do(action: SendFiles | SaveFiles) -> None:
        results.extend(await mode.do_patiently(action))

    (here / "a.log").write_text("mine")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(do, SendFiles("#lobby", "build.log"))
        nursery.start_soon(do, SaveFiles("#lobby", (info("a.log", 400),), 3))
        for _ in range(8):
            await wait_all_tasks_blocked()
            chat.step()
    assert len(chat.sent) == 1
    assert results == [Note(lines=(f"Saved: {here}/a (1).log (400 bytes)",))]  # nobody could be asked
    assert isinstance((await mode.do_patiently(SendFiles("#lobby", "nowhere")))[0], Error)
