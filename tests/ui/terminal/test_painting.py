"""The input stays whole below what arrives, as a terminal shows it."""

from __future__ import annotations

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pty_driver import TerminalScreen
from trio_chat.output import Control, Output, styled
from trio_chat.ui.terminal.graphemes import text_width
from trio_chat.ui.terminal.painting import Painter, fold, is_own, lay_out


class Emulator:
    """A terminal that shows what a painter writes."""

    def __init__(self, columns: int = 20, rows: int = 8) -> None:
        self.screen = TerminalScreen(columns, rows, history=1000)
        self.stream = pyte.Stream(self.screen)

    def feed(self, output: Output) -> None:
        self.stream.feed(str(output))

    @property
    def rows(self) -> list[str]:
        rows = [row.rstrip() for row in self.screen.display]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    @property
    def everything(self) -> list[str]:
        gone = ["".join(row[x].data for x in range(self.screen.columns)).rstrip() for row in self.screen.history.top]
        return gone + self.rows

    @property
    def cursor(self) -> tuple[int, int]:
        return self.screen.cursor.y, self.screen.cursor.x


def test_an_arriving_line_is_above_the_input() -> None:
    terminal, painter = Emulator(), Painter()
    terminal.feed(painter.paint([], lay_out("#lobby> ", "hello", 5, 20, 8)))
    terminal.feed(painter.paint(["eve: one", "eve: two"], lay_out("#lobby> ", "hello", 5, 20, 8)))
    assert terminal.rows == ["eve: one", "eve: two", "#lobby> hello"]
    assert terminal.cursor == (2, 13)


def test_a_long_input_takes_several_rows_and_all_of_them_move_down() -> None:
    terminal, painter = Emulator(), Painter()
    text = "abcdefghijklmnopqrstuvwxyz"
    terminal.feed(painter.paint([], lay_out("> ", text, 3, 20, 8)))
    terminal.feed(painter.paint(["eve: hi"], lay_out("> ", text, 3, 20, 8)))
    assert terminal.rows == ["eve: hi", "> abcdefghijklmnopq", "rstuvwxyz"]
    assert terminal.cursor == (1, 5)


def test_a_long_message_that_wraps_is_not_erased_by_the_next() -> None:
    terminal, painter = Emulator(), Painter()
    drawing = lay_out("> ", "typed", 5, 20, 8)
    terminal.feed(painter.paint(["x" * 40], drawing))
    terminal.feed(painter.paint(["y" * 20], drawing))
    assert terminal.rows == ["x" * 20, "x" * 20, "y" * 20, "> typed"]


def test_several_lines_are_indented_and_the_cursor_finds_its_row() -> None:
    drawing = lay_out("> ", "one\ntwo", 5, 20, 8)
    assert drawing.rows == ("> one", "  two")
    assert (drawing.row, drawing.column) == (1, 3)


def test_an_input_higher_than_the_window_shows_the_rows_around_the_cursor() -> None:
    drawing = lay_out("> ", "\n".join("abcdefgh"), 0, 20, 4)
    assert drawing.rows == ("> a", "  b", "  c")
    drawing = lay_out("> ", "\n".join("abcdefgh"), 15, 20, 4)
    assert drawing.rows == ("> ...", "  g", "  h")
    assert drawing.row == 2


@pytest.mark.parametrize(("columns", "height"), [(20, 5), (8, 3), (20, 2), (1, 4)])
def test_an_input_higher_than_the_window_still_says_where_it_will_go(columns: int, height: int) -> None:
    text = "a text that is far higher than this window " * 9
    for cursor in range(len(text) + 1):
        drawing = lay_out("#ops> ", text, cursor, columns, height)
        assert len(drawing.rows) < height
        assert all(text_width(row) <= max(columns - 1, 1) for row in drawing.rows)
        assert 0 <= drawing.row < len(drawing.rows)
        if columns == 20 and height > 2:
            assert drawing.rows[0].startswith("#ops> ")


def test_a_cleared_screen_has_the_input_on_top_and_no_lines_come_back() -> None:
    terminal, painter = Emulator(20, 8), Painter()
    drawing = lay_out("> ", "typed", 5, 20, 8)
    terminal.feed(painter.paint(["eve: one", "eve: two"], drawing))
    terminal.feed(painter.clear() + painter.paint([], drawing))
    assert terminal.rows == ["> typed"]
    assert terminal.cursor == (0, 7)
    terminal.feed(painter.paint(["eve: three"], drawing))
    assert terminal.rows == ["eve: three", "> typed"]
    terminal.feed(painter.repaint(drawing, 5, 8))  # narrower than what stands there: all of it is written again
    assert terminal.rows == ["eve: three", "> typed"]


def test_a_wide_character_is_never_cut_at_the_edge() -> None:
    drawing = lay_out("> ", "日本語日本語", 6, 8, 8)
    assert all(text_width(row) <= 7 for row in drawing.rows)
    assert "".join(drawing.rows) == "> 日本語日本語"


def test_a_prompt_that_takes_too_much_is_shortened() -> None:
    drawing = lay_out("→ somebody-with-a-long-name (private)> ", "hi", 2, 20, 8)
    assert drawing.rows == ("→ somebo>hi",)


def test_the_rows_that_a_shorter_input_no_longer_needs_are_empty() -> None:
    terminal, painter = Emulator(), Painter()
    terminal.feed(painter.paint([], lay_out("> ", "a" * 50, 50, 20, 8)))
    terminal.feed(painter.paint([], lay_out("> ", "a", 1, 20, 8)))
    assert terminal.rows == ["> a"]


def test_finishing_leaves_only_the_conversation() -> None:
    terminal, painter = Emulator(), Painter()
    terminal.feed(painter.paint(["eve: hi"], lay_out("> ", "a" * 30, 2, 20, 8)))
    terminal.feed(painter.finish())
    assert terminal.rows == ["eve: hi"]
    assert terminal.cursor == (1, 0)


@pytest.mark.parametrize("columns", [9, 12, 40])
def test_after_the_window_changed_the_input_stands_there_once(columns: int) -> None:
    terminal, painter = Emulator(20, 8), Painter()
    text = "typed so far, quite long"
    terminal.feed(painter.paint(["eve: one"], lay_out("> ", text, len(text), 20, 8)))
    terminal.screen.resize(8, columns)
    terminal.feed(painter.repaint(lay_out("> ", text, len(text), columns, 8), columns, 8))
    shown = "".join(terminal.rows).replace(" ", "")
    assert shown.count("typedsofar") == 1
    assert shown.startswith("eve:one")


def test_a_repainted_screen_shows_as_many_of_the_last_lines_as_fit() -> None:
    terminal, painter = Emulator(20, 4), Painter()
    terminal.feed(painter.paint([f"line {n}" for n in range(10)], lay_out("> ", "typed", 5, 20, 4)))
    terminal.screen.resize(4, 6)
    terminal.feed(painter.repaint(lay_out("> ", "typed", 5, 6, 4), 6, 4))
    assert terminal.rows == ["line 8", "line 9", "> typ", "ed"]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.text("abcdefgh ", min_size=1, max_size=45), max_size=3),
            st.text("xyz \n日", max_size=60),
            st.integers(0, 60),
        ),
        max_size=8,
    )
)
def test_arriving_lines_never_tear_the_input(
    steps: list[tuple[list[str], str, int]],
) -> None:
    terminal, painter = Emulator(20, 10), Painter()
    said: list[str] = []
    for lines, text, cursor in steps:
        drawing = lay_out("> ", text, min(cursor, len(text)), 20, 10)
        terminal.feed(painter.paint(lines, drawing))
        said += lines
        below = [row.rstrip() for row in terminal.screen.display]
        place = terminal.cursor[0] - drawing.row
        assert [row.replace(" ", "") for row in below[place : place + len(drawing.rows)]] == [
            row.replace(" ", "") for row in drawing.rows
        ]
        assert terminal.cursor[1] == drawing.column
    terminal.feed(painter.finish())
    wanted = [line[at : at + 20].rstrip() for line in said for at in range(0, len(line), 20)]
    while wanted and not wanted[-1]:
        wanted.pop()
    assert terminal.everything == wanted


@pytest.mark.parametrize(
    ("line", "rows"),
    [
        ("-- short", ["-- short"]),
        ("-- a sentence that is longer", ["-- a sentence that", "   is longer"]),
        (styled("! no such room here", "31"), [styled("! no such room", "31"), styled("  here", "31")]),
        ("/me TEXT  it says that you", ["/me TEXT  it says", "          that you"]),
        ("  /me TEXT    it says that you do it", ["  /me TEXT    it says", "that you do it"]),
        ("averyveryverylongword and more", ["averyveryverylongword", "and more"]),
        ("日本語 テキスト 日本語日", ["日本語 テキスト", "日本語日"]),
    ],
)
def test_a_sentence_of_the_program_is_broken_between_words(line: str, rows: list[str]) -> None:
    assert fold(line, 21 if "it says" in line else 18) == rows


@given(st.text(alphabet="ab -!日", max_size=80), st.integers(5, 40))
def test_folding_loses_no_word(text: str, columns: int) -> None:
    assert " ".join(fold(text, columns)).split() == text.split()


def test_notes_of_the_program_are_told_from_messages() -> None:
    assert is_own("-- You are ada.")
    assert is_own(styled("-- You are ada.", "2"))
    assert is_own("! no")
    assert not is_own("[12:00] #lobby bob: -- no")


def test_the_rows_of_a_picture_stand_between_the_lines_and_the_input() -> None:
    painter, terminal = Painter(), Emulator(40, 10)
    drawing = lay_out("> ", "typed", 5, 40, 10)
    rows = [Output().control(Control("\x1b[7m")).text("▀▀").control(Control("\x1b[0m")), Output().text("██")]
    terminal.feed(painter.paint(["a line"], drawing))
    terminal.feed(painter.paint(["photo.png"], drawing, rows))
    assert terminal.rows == ["a line", "photo.png", "▀▀", "██", "> typed"]
    assert terminal.screen.buffer[2][0].reverse
