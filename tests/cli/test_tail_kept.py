"""``tail --since``: what is asked for and no longer kept is said."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import trio

import trio_chat
from trio_chat.cli.tail import _read_begin, _show_backlog
from trio_chat.client import Chat
from trio_chat.config import ClientConfig, ServerConfig
from trio_chat.server.app import make_server
from trio_chat.store import MemoryStore
from trio_chat.store.blobs import DirectoryBlobs
from trio_chat.ui.plain.line_mode import LineMode, plain_options
from trio_chat.ui.plain.pipes import LineOutput


class Sink(LineOutput):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__(-1)
        self.lines: list[str] = []

    async def write(self, lines: list[str]) -> None:
        self.lines += lines


@pytest.fixture
async def chat(nursery: trio.Nursery, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Chat]:
    """Somebody in a room of which the last four messages of ten are kept."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    store = MemoryStore("epoch", backlog=4)
    async with DirectoryBlobs.open_temporary() as blobs:
        server = make_server(ServerConfig(port=0, memory=True), store, await store.load(), blobs=blobs)
        await nursery.start(server.run)
        async with trio_chat.connect(server.urls[0], name="ada", listen=False) as ada:
            await ada.join("#kept")
            for number in range(1, 11):
                await ada.send("#kept", f"text {number}")
            yield ada
        server.stop()


@pytest.mark.parametrize(
    ("backlog", "since", "lost", "seqs"),
    [
        (None, "2", 5, [7, 8, 9, 10]),
        (None, "6", 1, [7, 8, 9, 10]),
        (None, "7", 0, [7, 8, 9, 10]),
        (None, "9", 0, [9, 10]),
        (None, "99", 0, []),
        (None, "1h", 6, [7, 8, 9, 10]),
        (None, "2020-01-31", 6, [7, 8, 9, 10]),
        (None, "2120-01-31", 0, []),
        (3, "2", 0, [8, 9, 10]),
        (5, "2", 5, [7, 8, 9, 10]),
        (9, None, 0, [7, 8, 9, 10]),
    ],
)
async def test_what_is_no_longer_kept_is_said(
    chat: Chat,
    capsys: pytest.CaptureFixture[str],
    backlog: int | None,
    since: str | None,
    lost: int,
    seqs: list[int],
) -> None:
    sink = Sink()
    talk = LineMode(chat, plain_options(ClientConfig()))
    assert await _show_backlog(talk, sink, ["#kept"], _read_begin(backlog, since)) == {"#kept": (seqs or [0])[-1]}
    assert [line.partition("ada: ")[2] for line in sink.lines] == [f"text {seq}" for seq in seqs]
    messages = "messages in #kept are" if lost != 1 else "message in #kept is"
    said = f"trio-chat: {lost} older {messages} no longer kept.\n" if lost else ""
    assert capsys.readouterr().err == said


async def test_a_program_is_told_by_an_object(chat: Chat, capsys: pytest.CaptureFixture[str]) -> None:
    sink = Sink()
    talk = LineMode(chat, plain_options(ClientConfig(), json=True))
    await _show_backlog(talk, sink, ["#kept"], _read_begin(None, "2"))
    events = [json.loads(line) for line in sink.lines]
    assert events[0] == {"type": "missed", "room": "#kept", "count": 5}
    assert [event["seq"] for event in events[1:]] == [7, 8, 9, 10]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("since", "json_too"), [(None, [11, 12]), ("1h", [11, 12])])
async def test_the_last_lines_are_those_that_are_told(chat: Chat, since: str | None, json_too: list[int]) -> None:
    await chat.react("#kept", 10, "+1")
    await chat.edit("#kept", 10, "text 10 again")
    for as_json, expected in ((False, ["text 9", "text 10 again (edited)", "    +1 ada"]), (True, json_too)):
        sink = Sink()
        talk = LineMode(chat, plain_options(ClientConfig(), json=as_json))
        assert await _show_backlog(talk, sink, ["#kept"], _read_begin(2, since)) == {"#kept": 12}
        assert [json.loads(line)["seq"] if as_json else line.rpartition("ada: ")[2] for line in sink.lines] == expected
