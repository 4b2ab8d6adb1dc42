"""Images seen in terminals: real programs, a real server, and terminals that show different kinds of pictures."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.launching import PROGRAM
from tests.programs import ServerProgram, as_somebody, environment, run
from tests.pty_driver import PtyProgram
from tests.ui.preview.images import COLOURS, png_claiming, quarters, saved
from tests.ui.preview.reading import read_kitty, read_sixels
from tests.ui.tui.screens import Screen
from trio_chat.client import Chat
from trio_chat.ui.preview.graphics import QUESTION

KITTY, SIXELS = b"\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1b[?62c", b"\x1b[6;20;10t\x1b[?62;4c"
HEX = ["{:02x}{:02x}{:02x}".format(*colour) for colour in COLOURS]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProgram]:
    """A server on which messages 1 to 4 of the lobby carry an image, a text, a bomb, and two images."""
    folder = tmp_path_factory.mktemp("images")
    files = {
        "photo.png": quarters("PNG", side=300),
        "notes.txt": b"no image",
        "bomb.png": png_claiming(60_000, 60_000, rows=0),
        "one.gif": saved(Image.new("RGB", (64, 64), "white"), "GIF"),
        "two.webp": quarters("WEBP", lossless=True),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)

    async def send(chat: Chat) -> None:
        for names in (["photo.png"], ["notes.txt"], ["bomb.png"], ["one.gif", "two.webp"]):
            await chat.send_files("#lobby", [folder / name for name in names])

    with ServerProgram() as program:
        as_somebody(program.url, "bob", send)
        yield program
        program.stop()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where ada's programs keep her name."""
    return tmp_path_factory.mktemp("home")


def seen(screen: Screen) -> list[tuple[str, str]]:
    """The colours of the cells of a picture, row by row."""
    rows = screen.screen.buffer
    cells = [rows[y][x] for y in range(screen.screen.lines) for x in range(screen.screen.columns)]
    return [(cell.fg, cell.bg) for cell in cells if cell.data == "▀"]


def wait_picture(screen: Screen) -> list[tuple[str, str]]:
    screen.wait_until(lambda: bool(seen(screen)), "a picture")
    screen.wait_drawn()
    return seen(screen)


def wait_none(screen: Screen) -> None:
    screen.wait_until(lambda: not seen(screen), "the picture to go")


def test_the_full_screen_shows_an_image_under_its_message_and_forgets_it(server: ServerProgram, home: Path) -> None:
    with Screen(server.url, home, COLORTERM="truecolor", columns=80, rows=40).ready() as screen:
        screen.wait_for("two.webp")
        screen.type("/preview #1\r")
        colours = wait_picture(screen)
        assert (colours[0][0], colours[-1][0]) == (HEX[0], HEX[3])
        assert {colour for pair in colours for colour in pair} >= set(HEX)
        assert screen.row_of("photo.png") < screen.row_of("▀") < screen.row_of("notes.txt")
        screen.type("/preview #1\r")
        wait_none(screen)
        screen.type("/preview\r")  # the newest image
        assert {colour for pair in wait_picture(screen) for colour in pair} >= set(HEX)
        assert screen.row_of("two.webp") < screen.row_of("▀")
        for columns, rows in ((20, 8), (200, 50)):
            screen.resize(columns, rows)
            wait_picture(screen)
            assert all(len(row) <= columns for row in screen.rows)
        screen.enter("#elsewhere")
        wait_none(screen)
        screen.enter("#lobby")
        screen.wait_for("two.webp")
        assert not seen(screen)


def test_a_key_shows_each_image_of_a_message_and_then_none(server: ServerProgram, home: Path) -> None:
    with Screen(server.url, home, NO_COLOR="1", columns=80, rows=40).ready() as screen:
        screen.wait_for("two.webp")

        def blocks() -> int:
            return sum(row.count("█") for row in screen.rows)

        screen.press("M-s")
        screen.wait_for("Enter save")
        screen.type("p")
        screen.wait_until(lambda: blocks() > 10, "a picture without colours")
        assert {cell.fg for row in screen.screen.buffer.values() for cell in row.values() if cell.data == "█"} == {
            "default"
        }
        screen.wait_until(lambda: blocks() > 700, "the whole of the white picture")
        screen.type("p")
        screen.wait_until(lambda: 100 < blocks() < 500, "the other picture, half of it dark")
        screen.type("p")
        screen.wait_until(lambda: blocks() == 0, "the picture to go")


def test_what_cannot_be_shown_is_told_in_a_sentence(server: ServerProgram, home: Path) -> None:
    with Screen(server.url, home, columns=80, rows=24).ready() as screen:
        screen.wait_for("two.webp")
        for typed, told in (
            ("/preview #2", "notes.txt is no image."),
            ("/preview #3", "bomb.png has too many pixels to be shown."),
            ("/preview 99", "Only 5 files were shown"),
            ("/preview #77", "Message 77 of #lobby has no file."),
        ):
            screen.press("C-u")  # a line that means nothing stays
            screen.type(f"{typed}\r")
            screen.wait_for(told)
        screen.press("C-u")
        screen.type("still here\r")
        screen.wait_for("still here ✓")


# ---- line mode, and the shell --------------------------------------------------------------------


def world(folder: Path, **more: str) -> dict[str, str]:
    around = environment(XDG_STATE_HOME=str(folder / "state"), XDG_CONFIG_HOME=str(folder), **more)
    for unset in {"NO_COLOR", "TMUX", "STY", "COLORTERM"} - more.keys():
        around.pop(unset, None)
    return around


def graphic_in(raw: bytes | bytearray, begin: bytes, end: bytes) -> str:
    """The graphic that a program wrote, whole; empty while it is not."""
    found = re.search(re.escape(begin) + b".*?" + end, bytes(raw), re.DOTALL)
    return found[0].decode() if found is not None else ""


def kitty_pixels(sequence: str) -> tuple[int, bytes]:
    keys, pieces = read_kitty(sequence)
    return int(keys["s"]), zlib.decompress(base64.b64decode("".join(pieces)))


def corners(width: int, rgb: bytes) -> list[tuple[int, ...]]:
    height = len(rgb) // 3 // width
    places = ((1, 1), (width - 2, 1), (1, height - 2), (width - 2, height - 2))
    return [tuple(rgb[(y * width + x) * 3 :][:3]) for x, y in places]


def test_line_mode_draws_what_the_terminal_answers_while_a_person_types(server: ServerProgram, home: Path) -> None:
    command = [*PROGRAM, "join", "--plain", "ada", server.url]
    with PtyProgram(command, env=world(home), columns=60, rows=24) as program:
        program.wait_for("#lobby>")
        program.type("/preview #1\rhalf a li")
        program.wait_until(lambda: QUESTION.encode() in program.raw, "the question")
        program.type(KITTY[:9])
        program.type(KITTY[9:])
        program.type("ne")
        program.wait_until(lambda: bool(graphic_in(program.raw, b"\x1b_Ga=T", rb"m=0;[^\x1b]*\x1b\\")), "the graphic")
        width, rgb = kitty_pixels(graphic_in(program.raw, b"\x1b_Ga=T", rb"m=0;[^\x1b]*\x1b\\"))
        assert width == 300
        assert corners(width, rgb) == list(COLOURS)
        program.wait_until(lambda: program.last_row.endswith("half a line"), "the line")
        program.type("\r")
        program.wait_for("ada: half a line")
        program.type("/preview #1\r")
        program.wait_until(lambda: program.raw.count(b"\x1b_Ga=T") == 2, "another graphic")
        assert program.raw.count(QUESTION.encode()) == 1


def test_get_draws_sixels_where_the_terminal_has_them_and_saves_nothing(server: ServerProgram, home: Path) -> None:
    command = [*PROGRAM, "get", "#lobby/1", "--preview", "--url", server.url, "--name", "ada"]
    here = home / "here"
    here.mkdir()
    with PtyProgram(["env", "-C", str(here), *command], env=world(home), columns=60, rows=24) as program:
        program.wait_until(lambda: QUESTION.encode() in program.raw, "the question")
        program.type(SIXELS)
        assert program.wait_exit() == 0
        program.assert_given_back()
        assert b"[file] photo.png" in program.raw
        shown = read_sixels(graphic_in(program.raw, b"\x1bP0;1;0q", rb"\x1b\\"))
        assert shown[1][1] == COLOURS[0]
        assert shown[-2][-2] == COLOURS[3]
        assert len(shown) == 300
    assert list(here.iterdir()) == []


def test_get_draws_characters_inside_tmux(server: ServerProgram, home: Path) -> None:
    command = [*PROGRAM, "get", "#lobby", "1", "--preview", "--url", server.url, "--name", "ada"]
    around = world(home, TMUX="/tmp/tmux-0/default,1,0", COLORTERM="truecolor")
    with PtyProgram(command, env=around, columns=60, rows=24) as program:
        assert program.wait_exit() == 0
        assert QUESTION.encode() not in program.raw
        cells = [cell for row in program.screen.buffer.values() for cell in row.values() if cell.data == "▀"]
        assert {colour for cell in cells for colour in (cell.fg, cell.bg)} >= set(HEX)
        assert b"\x1b[38;2;255;0;0;48;2;255;0;0m" in program.raw


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["#lobby/2", "--preview"], 1, "notes.txt is no image."),
        (["#lobby/3", "--preview"], 1, "bomb.png has too many pixels to be shown."),
        (["#lobby/1", "--preview", "-o", "x"], 2, "--preview saves nothing."),
    ],
)
def test_get_tells_why_nothing_is_shown(
    server: ServerProgram, home: Path, words: list[str], status: int, told: str
) -> None:
    command = [*PROGRAM, "get", *words, "--url", server.url, "--name", "ada"]
    with PtyProgram(command, env=world(home, NO_COLOR="1")) as program:
        assert program.wait_exit() == status
        assert program.shows(told)


def test_get_shows_nothing_where_there_is_no_terminal(server: ServerProgram, home: Path) -> None:
    done = run("get", "#lobby/1", "--preview", "--url", server.url, "--name", "ada", env=world(home))
    assert done.status == 2
    assert "the output is none" in done.err
    assert done.out == ""


def test_pipes_are_told_where_images_are_shown(server: ServerProgram, home: Path) -> None:
    done = run("join", "--plain", "ada", server.url, given="/preview #1\n", env=world(home))
    assert "Pictures are shown at a terminal only." in done.out + done.err
    assert "trio-chat get --preview" in done.out + done.err
