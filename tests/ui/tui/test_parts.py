"""The parts between the model and the terminal: the memory's file, the mouse, the panes, what the terminal is told."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.ui.followed import FollowedModel
from trio_chat.errors import ConfigError
from trio_chat.protocol.events import RoomInfo
from trio_chat.ui.input.decoder import Press, Typed
from trio_chat.ui.tui.background import BackgroundRequests
from trio_chat.ui.tui.escapes import MouseEvent, copied, notified, notify_by, split_mouse, titled
from trio_chat.ui.tui.layout import Row, Span
from trio_chat.ui.tui.memory import Memory, ScreenState
from trio_chat.ui.tui.model.completing import complete_emoji
from trio_chat.ui.tui.model.emoji import why_no_emoji
from trio_chat.ui.tui.model.panes import SHUT, Answered, Choice, Chosen, ListPane, Pressed, Question, TextPane
from trio_chat.ui.tui.themes import THEMES, by_itself, choose, read_theme
from trio_chat.ui.tui.widgets.bars import lay_out_input
from trio_chat.ui.tui.widgets.frame import Shown, cut_cells, cut_spans, divide
from trio_chat.ui.tui.widgets.screen import Palette, runs


def test_what_is_shown_is_decided_without_a_terminal_or_a_connection() -> None:
    code = (
        "import sys, trio_chat.ui.tui.model.chat, trio_chat.ui.tui.model.completing, trio_chat.ui.tui.widgets.frame;"
        "sys.exit(', '.join({'trio', 'urwid', 'socket', 'ssl'} & sys.modules.keys()) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=60, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_remembered_comes_back_and_is_nobody_elses_business(tmp_path: Path) -> None:
    memory = Memory("ws://one/", tmp_path)
    assert memory.load() == ScreenState()
    memory.save(ScreenState(drafts={"#lobby": "half"}, policies={"#ops": "nothing"}, room="#ops", typed=["a", "b"]))
    (path,) = (tmp_path / "screen").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Memory("ws://one/", tmp_path).load().drafts == {"#lobby": "half"}
    assert Memory("ws://two/", tmp_path).load() == ScreenState()
    path.write_text("{broken")
    assert Memory("ws://one/", tmp_path).load() == ScreenState()


def test_the_drafts_of_one_server_under_several_urls_become_one(tmp_path: Path) -> None:
    first = {"drafts": {"#lobby": "old", "#ops": "half"}, "private": ["#ops"], "typed": ["a"], "room": "#ops"}
    second = {"drafts": {"#lobby": "new"}, "policies": {"#ops": "nothing"}, "typed": ["b"]}
    for age, url, content in ((2, "ws://localhost:9/", first), (1, "ws://127.0.0.1:9/", second)):
        path = tmp_path / "screen" / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}.json"  # as 0.1.0 named it
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))
        os.utime(path, (2_000_000_000 - age,) * 2)
    expected = ScreenState(
        drafts={"#lobby": "new", "#ops": "half"},
        private=["#ops"],
        policies={"#ops": "nothing"},
        room="#ops",
        typed=["a", "b"],
    )
    for host in ("[::1]", "localhost"):
        assert Memory(f"ws://{host}:9/", tmp_path).load() == expected


def test_a_memory_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "screen").write_text("a file in the way")
    memory = Memory("ws://one/", tmp_path)
    memory.save(ScreenState(room="#ops"))
    assert memory.load() == ScreenState()


def test_a_crash_leaves_its_traceback_in_a_file(tmp_path: Path) -> None:
    path = Memory("ws://one/", tmp_path).report_crash(ValueError("broken"), datetime(2026, 1, 31, 12, tzinfo=UTC))
    assert path == tmp_path / "crash-20260131-120000.txt"
    assert "ValueError: broken" in path.read_text()


def test_the_mouse_is_taken_out_of_the_keys_wherever_the_bytes_are_cut() -> None:
    data = b"a\x1b[<0;3;4Mb\x1b[<64;1;1M\x1b[<32;5;6Mc\x1b[<0;5;6m"
    wanted = [
        MouseEvent(0, False, False, 2, 3),
        MouseEvent(64, False, False, 0, 0),
        MouseEvent(0, True, False, 4, 5),
        MouseEvent(0, False, True, 4, 5),
    ]
    assert split_mouse(data) == (b"abc", wanted, b"")
    for cut in range(len(data)):
        first, events, held = split_mouse(data[:cut])
        rest, more, left = split_mouse(held + data[cut:])
        if not data[:cut].endswith((b"\x1b", b"\x1b[")):  # those may be a key, and are the decoder's to hold
            assert (first + rest, events + more, left) == (b"abc", wanted, b"")


def test_what_is_said_to_the_terminal_holds_nothing_that_acts() -> None:
    assert copied("é") == "\x1b]52;c;" + base64.b64encode("é".encode()).decode() + "\a"
    assert "\x1b]" not in titled("a\x1b]2;b\a")[4:]
    assert notified("a;b", "c\x1b;d", "osc777").count(";") == 3
    assert notified("a", "b", "none") == ""
    assert notified("a", "b", "bell") == "\a"


@pytest.mark.parametrize(
    ("term", "program", "by"),
    [
        ("xterm-kitty", "", "osc9"),
        ("foot", "", "osc777"),
        ("xterm-256color", "WezTerm", "osc9"),
        ("xterm-256color", "", "bell"),
    ],
)
def test_how_to_call_depends_on_the_terminal(term: str, program: str, by: str) -> None:
    assert notify_by("auto", term, program) == by
    assert notify_by("osc9", term, program) == "osc9"


def test_themes_give_way_on_terminals_that_have_not_their_colours() -> None:
    assert [choose("light", n) for n in (1, 16, 256)] == ["plain", "sixteen", "light"]
    assert [by_itself(said) for said in ("15;0", "0;15", "0;default;7", "", "nonsense")] == [
        "dark", "light", "light", "dark", "dark"
    ]  # fmt: skip
    for theme in THEMES.values():
        assert theme.keys() == THEMES["dark"].keys()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x = [", "is not TOML"),
        ('based_on = "no"', "there is no theme 'no'"),
        ("[styles]\nlnik = 'red'", "no style 'lnik'"),
        ("[styles]\nlink = 3", "must give each style a text"),
    ],
)
def test_a_faulty_theme_file_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_theme(path)
    assert sentence in str(caught.value)
    assert str(path) in str(caught.value)


def test_every_style_of_every_theme_can_be_drawn() -> None:
    for name, colours in (
        ("dark", 256),
        ("light", 256),
        ("dusk", 256),
        ("contrast", 256),
        ("sixteen", 16),
        ("plain", 1),
    ):
        palette = Palette(THEMES[name], colours)  # type: ignore[arg-type] # one of urwid's numbers
        for style in THEMES[name]:
            palette.spec(style)
        assert palette.spec("quote bold").bold


def test_a_row_is_anchored_behind_what_terminals_draw_differently() -> None:
    palette = Palette(THEMES["dark"], 256)
    row: Row = [Span("", "a🇯🇵b"), Span("bold", "c")]
    made = [(charset, text) for _, charset, text in runs(row, palette, anchor=True)]
    flag = [(None, b"  "), ("U", b"\x1b[2G"), (None, "🇯🇵".encode()), ("U", b"\x1b[4G")]
    assert made == [(None, b"a"), *flag, (None, b"b"), (None, b"c")]
    made = [(charset, text) for _, charset, text in runs([Span("", "aשb")], palette, anchor=True)]
    assert made == [(None, b"a"), (None, "ש".encode()), ("U", b"\x1b[3G"), (None, b"b")]


def test_cells_are_cut_where_wide_characters_stand() -> None:
    assert cut_cells("a日本b", 1, 5) == "日本"
    assert cut_cells("a日本b", 2, 6) == "本b"
    assert [span.text for span in cut_spans([Span("", "ab"), Span("bold", "cd")], 1, 3)] == ["b", "c"]


@pytest.mark.parametrize("columns", range(1, 220, 7))
def test_a_screen_of_any_width_is_divided_without_a_rest(columns: int) -> None:
    for shown in (Shown(), Shown(rooms=True, people=True), Shown(rooms=False, people=False)):
        parts = divide(columns, 24, shown)
        beside = sum(wide + 1 for wide in (parts.rooms, parts.people) if wide)
        assert parts.middle + beside == columns
        assert parts.middle > 0


def test_the_input_is_broken_into_rows_with_its_cursor() -> None:
    entered = lay_out_input([Span("prompt", "> ")], "one two", 7, 6, 3)
    assert (["".join(span.text for span in row).rstrip() for row in entered.rows], entered.row) == (["> one", "two"], 1)
    many = lay_out_input([Span("prompt", "→ #lobby> ")], "\n".join("abcdef"), 11, 20, 3)  # where it goes stays there
    assert ["".join(span.text for span in row).split() for row in many.rows] == [
        ["→", "#lobby>", "a", "…"],
        ["e"],
        ["f"],
    ]
    assert (many.row, many.column) == (2, 3)
    for cursor, shown, column in ((0, "> abcdefghi", 2), (26, "> …stuvwxyz", 11), (13, "> …fghijklm", 11)):
        entered = lay_out_input([Span("prompt", "> ")], "abcdefghijklmnopqrstuvwxyz", cursor, 12, 1)
        assert ("".join(span.text for span in entered.rows[0])[: len(shown)], entered.column) == (shown, column)
    hidden = lay_out_input([Span("prompt", "> ")], "secret", 6, 20, 1, secret=True)
    assert "secret" not in "".join(span.text for span in hidden.rows[0])


def test_a_list_is_narrowed_moved_in_and_chosen_from() -> None:
    pane = ListPane(
        "switcher", "Go to", lambda wanted: [Choice(one, "", one) for one in ("ab", "ac", "b") if wanted in one]
    )
    pane.press(Typed("a"), None)
    assert [row.label for row in pane.rows] == ["ab", "ac"]
    pane.press(Press("Down"), "down")
    assert pane.press(Press("Enter"), "choose") == Chosen("ac")
    pane.press(Typed("x"), None)
    assert pane.press(Press("Enter"), "choose") is None
    assert pane.press(Press("Escape"), "shut") is SHUT


def test_questions_and_texts_are_answered_and_closed() -> None:
    asked = Question("name", "Name", ("Which?",), asks="Name")
    asked.press(Typed("ada"), None)
    assert asked.press(Press("Enter"), None) == Answered("ada")
    keyed = Question("x", "X", (), (("Enter", "yes"), ("s", "send")))
    assert keyed.press(Typed("s"), None) == Pressed("s")
    assert keyed.press(Typed("q"), None) is None
    assert keyed.press(Press("Enter"), "choose") == Pressed("Enter")
    text = TextPane("T", [("", "a")] * 30)
    text.press(Press("PageDown"), "page-down")
    assert text.top == 10
    assert text.press(Typed("?"), None) == Pressed("?")


def test_what_is_not_loaded_cannot_be_gone_to_without_a_connection() -> None:
    model = FollowedModel()
    model.begin(RoomInfo(name="#lobby", last=500, read=20))
    model.room.fetching = ""
    requests = BackgroundRequests(model, lambda: None, lambda _call: None)
    for go in (requests.jump, requests.reach):
        go("#lobby", 20)
        assert model.room.fetching == ""
        assert model.room.log.entries[-1].text == "That message is not loaded, and there is no connection."


def test_tab_in_a_question_says_where_nothing_begins_so() -> None:
    asked = Question("react", "Mark it", ("Which?",), asks="emoji", find=complete_emoji, refuse=why_no_emoji)
    asked.press(Typed("qqq"), None)
    asked.press(Press("Tab"), None)
    assert asked.said == "Nothing begins like that."
    asked.press(Press("Enter"), None)
    assert (asked.said.startswith("There is no emoji qqq."), asked.editor.text) == (True, "qqq")
    asked.press(Press("Backspace"), None)
    assert asked.said == ""
