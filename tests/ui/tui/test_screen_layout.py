"""The full screen in a pseudo-terminal: how it is divided, its colours, its cells."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.ui.tui.rich_server import Running, stamp
from tests.ui.tui.screens import Screen, Seat
from trio_chat.protocol import requests
from trio_chat.protocol.events import Edited, Reacted, TopicChanged, TypingNotice

THEMES = ["dark", "light", "dusk", "contrast", "sixteen", "plain"]


def test_messages_are_shown(house: Running, ada: Screen) -> None:
    columns, rows = ada.screen.columns, ada.screen.lines
    house.say("hello ada")
    ada.wait_for("hello ada")
    ada.type("hi bob\r")
    ada.sees("hi bob ✓")
    ada.wait_prompt(house.here)
    assert len(ada.rows) == rows
    assert all(len(row) <= columns for row in ada.rows)
    assert ("3 here" in ada.text) == (columns == 200)
    assert ("1 #lobby" in ada.text) == (columns >= 80)


def test_lists_topic_and_status_fold_away_and_come_back_as_the_window_changes(house: Running, seat: Seat) -> None:
    ada = seat.sit(200, 50)
    topic = TopicChanged(room=house.here, seq=1, time=stamp(), sender="bob", text="the topic")
    house.do(house.server.publish, topic)
    ada.wait_until(lambda: "the topic" in ada.rows[0] and "3 here" in ada.text, "topic and people")
    assert "1 #lobby" in ada.text
    ada.resize(70, 24)
    ada.wait_until(lambda: "3 here" not in ada.text and "1 #lobby" in ada.text, "the people to fold away")
    ada.resize(40, 12)
    ada.wait_until(lambda: "1 #lobby" not in ada.text and "the topic" in ada.text, "the rooms to fold away")
    ada.resize(20, 5)
    ada.wait_until(lambda: len(ada.rows) == 5 and house.here not in ada.rows[0], "the topic to fold away")
    ada.wait_prompt(house.here)
    ada.resize(200, 50)
    ada.wait_until(lambda: "3 here" in ada.text and "the topic" in ada.rows[0], "everything to be back")


def test_lists_are_shown_and_hidden_by_keys(house: Running, desk: Screen) -> None:
    desk.press("M-p")
    desk.wait_for("3 here")
    desk.press("M-l")
    desk.wait_gone("1 #lobby")
    desk.press("M-p", "M-l")
    desk.wait_until(lambda: "3 here" not in desk.text and "1 #lobby" in desk.text, "the lists as they were")


def test_the_input_grows_with_its_text_and_shrinks_again(house: Running, ada: Screen) -> None:
    ada.type("one")
    ada.press("M-Enter")
    ada.type("two")
    ada.press("M-Enter")
    ada.type("three")
    if ada.screen.lines < 12:  # a small screen keeps its rows for the conversation
        ada.wait_until(lambda: ada.last_row.startswith(f"→ {house.here}> …"), "where it goes")
        assert ada.last_row.endswith("⏎two⏎three")
    else:
        wanted = [f"→ {house.here}> one", "two", "three"]
        ada.wait_until(lambda: [row.strip() for row in ada.rows[-3:]] == wanted, "the rows of the input")
    ada.press("Enter")
    ada.wait_prompt(house.here)
    assert house.wait_asked(requests.Send).text == "one\ntwo\nthree"


def test_the_status_line_shows_the_connection_unread_messages_and_typing(house: Running, ada: Screen) -> None:
    ada.wait_for("connected")
    house.tell(TypingNotice(room=house.here, name="bob"))
    ada.wait_for("bob is typing")
    house.say("psst", "eve", house.open_direct(f"eve{ada.screen.columns}"))
    ada.wait_for("1 for you")
    if ada.screen.columns > 20:  # where there is no room for all, the most pressing stays
        ada.wait_for("1 unread")
    ada.press("M-a")
    ada.wait_for("(private)>")
    ada.wait_gone("1 for you")
    ada.type("/leave\r")
    ada.wait_prompt("#lobby")


def look(screen: Screen) -> tuple[tuple[str, str, bool], ...]:
    """The colours of the screen."""
    return tuple((cell.fg, cell.bg, cell.bold) for row in screen.screen.buffer.values() for cell in row.values())


# ---- colours ------------------------------------------------------------------------------------


def test_no_color_leaves_out_every_colour(house: Running, tmp_path: Path) -> None:
    with Screen(house.url, tmp_path, NO_COLOR="1").ready() as ada:
        house.say("hello @ada, see https://example.org", room="#lobby")
        ada.wait_for("hello @ada")
        for _ in ada.at_sizes():
            ada.wait_for("@ada, see")
            cells = [cell for row in ada.screen.buffer.values() for cell in row.values()]
            assert {cell.fg for cell in cells} | {cell.bg for cell in cells} == {"default"}
            assert ada.style("@ada").reverse  # type: ignore[attr-defined] # a cell of pyte


def test_every_built_in_theme_is_drawn(house: Running, ada: Screen) -> None:
    house.say("hello @ada")
    ada.wait_for("hello @ada")
    ada.wait_drawn()
    looks = [look(ada)]
    for theme in THEMES[1:] + THEMES[:1]:
        ada.type(f"/theme {theme}\r")
        ada.wait_until(lambda: ada.prompts(house.here) and look(ada) != looks[-1], "other colours")
        ada.wait_drawn()
        looks.append(look(ada))
        assert ({ground for _, ground, _ in looks[-1]} == {"default"}) == (theme == "plain"), theme
    assert looks[0] == looks[-1]
    assert len(set(looks)) == len(THEMES)


def test_a_light_terminal_gets_the_light_theme_by_itself(house: Running, tmp_path: Path) -> None:
    with Screen(house.url, tmp_path, COLORFGBG="0;15").ready() as ada:
        ada.wait_for("connected")
        assert ada.screen.buffer[5][40].bg == "ffffff"


def test_a_terminal_that_says_that_it_is_light_gets_the_light_theme_and_keeps_what_is_typed(
    house: Running, tmp_path: Path
) -> None:
    with Screen(house.url, tmp_path).ready() as ada:
        ada.wait_until(lambda: b"\x1b]11;?\x1b\\" in ada.raw, "the question for the background")
        assert ada.raw.index(b"\x1b]11;?") > ada.raw.index(b"connecting")  # the first picture does not wait for it
        for piece in ("ab\x1b]11;rgb:ff", "ff/ffff/ff", "ff\x07cd"):
            ada.type(piece)
            ada.read(0.1)
        ada.wait_until(lambda: ada.screen.buffer[5][40].bg == "ffffff", "the light theme")
        ada.wait_until(lambda: ada.last_row.endswith("> abcd"), "what was typed")


@pytest.mark.parametrize("env", [{"COLORFGBG": "15;0"}, {"NO_COLOR": "1"}])
def test_a_terminal_is_not_asked_for_a_background_that_changes_nothing(
    house: Running, tmp_path: Path, env: dict[str, str]
) -> None:
    with Screen(house.url, tmp_path, **env).ready() as ada:  # type: ignore[arg-type] # variables of the environment
        ada.wait_for("connected")
        assert b"\x1b]11;" not in ada.raw


def test_a_terminal_of_16_colours_gets_no_others(house: Running, tmp_path: Path) -> None:
    with Screen(house.url, tmp_path, TERM="linux").ready() as ada:
        house.say("hello @ada", room="#lobby")
        ada.wait_for("hello @ada")
        assert b"38;5;" not in ada.raw
        assert b"48;5;" not in ada.raw


def test_a_theme_file_is_used_and_a_faulty_one_refused(house: Running, tmp_path: Path) -> None:
    theme = tmp_path / "mine.toml"
    theme.write_text('based_on = "light"\n[styles]\n"mention.me" = "#fff on #f00"\n')
    with Screen(house.url, tmp_path, "--theme", str(theme)).ready() as ada:
        house.say("hello @ada", room="#lobby")
        for _ in ada.at_sizes():
            ada.wait_for("hello @ada")
            assert ada.style("@ada").bg == "ff0000"  # type: ignore[attr-defined] # a cell of pyte
    theme.write_text('[styles]\nmentoin = "red"\n')
    with Screen(house.url, tmp_path, "--theme", str(theme), columns=20, rows=5) as ada:
        assert ada.wait_exit() == 2
        assert "thereisnostyle'mentoin'" in "".join("".join(ada.everything).split())  # wherever it is broken


# ---- cells --------------------------------------------------------------------------------------


def test_a_date_is_as_short_as_the_window_is_narrow(house: Running, ada: Screen) -> None:
    house.say("hello")
    ada.wait_for("hello")
    dates = {20: "27 July 2026", 80: "Monday, 27 July 2026", 200: "Monday, 27 July 2026"}
    assert f"─ {dates[ada.screen.columns]} ─" in ada.text


@pytest.mark.parametrize("columns", [120, 80])
def test_odd_characters_leave_every_column_where_it_belongs(house: Running, seat: Seat, columns: int) -> None:
    ada = seat.sit(columns, 24)
    for text in (
        "日本語テキスト",
        "👨‍👩‍👧‍👦 family",
        "🇩🇪🇫🇷 flags",
        "👍🏽 skin",
        "e\u0301 combining",
        "שלום עולם",
        "سلام",
    ):
        house.say(text)
    ada.wait_for("combining")
    ada.wait_for("سلام")
    edges = (22, 97) if columns == 120 else (16,)
    said = [[ada.screen.buffer[y][x].data for x in range(columns)] for y in range(1, 22)]
    assert [[cells[at] for at in edges] for cells in said] == [["│"] * len(edges)] * 21


def test_an_emoji_that_a_terminal_takes_for_narrow_leaves_no_old_content(house: Running, ada: Screen) -> None:
    house.say("1234567890")
    ada.sees("1234567890")
    house.do(house.server.publish, Reacted(room=house.here, seq=2, time=stamp(2), sender="eve", target=1, mark="❤️"))
    ada.wait_for("❤")
    house.say("abcdefghij\nabcdefghij\nabcdefghij")
    ada.sees("abcdefghij abcdefghij")
    house.do(
        house.server.publish,
        Edited(room=house.here, seq=4, time=stamp(4), sender="bob", target=3, text="❤️❤️❤️\n❤️❤️❤️\n❤️❤️❤️"),
    )
    ada.wait_until(lambda: "(edited)" in ada.flat and "❤" in ada.text, "the change")
    assert not any(re.search(r"❤\S*[a-j]", row) for row in ada.rows)


def test_wide_characters_are_never_cut_in_two(house: Running, seat: Seat) -> None:
    ada = seat.sit(20, 5)
    house.say("日本語テキスト日本語")
    ada.wait_for("本語")
    shown = "".join(ada.screen.buffer[y][x].data for y in (1, 2) for x in range(20))
    assert "".join(shown.split()) == "bob:日本語テキスト日本語"


def test_hostile_text_reaches_the_terminal_harmless(house: Running, ada: Screen) -> None:
    zalgo = "z" + "\u0301" * 60
    house.say(f"\x1b[31mred\x1b]2;owned\a \u202egnp.exe\u202c zero\u200bwidth {zalgo} end", "eve\x1b[2J")
    ada.wait_for("end")
    assert "zerowidth" in ada.flat
    assert "red" in ada.flat or ada.screen.columns == 20  # there it has scrolled away
    assert ada.screen.title != "owned"
    assert "\u202e".encode() not in ada.raw
    assert ("\u0301" * 9).encode() not in ada.raw
