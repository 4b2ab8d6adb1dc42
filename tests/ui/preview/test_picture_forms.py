"""Pictures as characters, kitty's graphics and sixels: what is written is read back, pixel by pixel."""

from __future__ import annotations

import base64
import random
import zlib

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.preview.reading import read_kitty, read_sixels
from trio_chat.output import Control, Graphic, Output
from trio_chat.ui.preview.half_blocks import Cells, block_rows, colour_256, half_blocks
from trio_chat.ui.preview.kitty import kitty_graphic
from trio_chat.ui.preview.picture import Picture
from trio_chat.ui.preview.sixel import sixel_graphic


def noise(width: int, height: int, seed: int = 1) -> Picture:
    return Picture(width, height, random.Random(seed).randbytes(width * height * 3))


def pixels(picture: Picture) -> list[list[tuple[int, int, int]]]:
    rgb = picture.rgb
    flat = [(rgb[at], rgb[at + 1], rgb[at + 2]) for at in range(0, len(rgb), 3)]
    return [flat[at : at + picture.width] for at in range(0, len(flat), picture.width)]


# ---- characters ----------------------------------------------------------------------------------


def on_screen(rows: list[Output], columns: int) -> pyte.Screen:
    screen = pyte.Screen(columns, len(rows) + 1)
    stream = pyte.Stream(screen)
    for row in rows:
        stream.feed(f"{row}\r\n")
    return screen


def test_each_character_has_the_colours_of_two_pixels() -> None:
    picture = noise(7, 6)
    screen = on_screen(block_rows(picture, "true"), 7)
    for y, row in enumerate(pixels(picture)):
        for x, colour in enumerate(row):
            cell = screen.buffer[y // 2][x]
            assert cell.data == "▀"
            assert (cell.bg if y % 2 else cell.fg) == "{:02x}{:02x}{:02x}".format(*colour)
    assert screen.buffer[3][0].fg == "default"


def test_the_lower_half_of_an_odd_last_row_is_left_as_it_is() -> None:
    assert half_blocks(Picture(2, 1, b"\xff\0\0" * 2), "true") == [[Cells("▀▀", 0xFF0000, None)]]
    screen = on_screen(block_rows(noise(2, 3), "256"), 2)
    assert screen.buffer[1][0].bg == "default"


def test_characters_in_the_same_colours_are_one_run() -> None:
    [row] = half_blocks(Picture(3, 2, b"\1\2\3" * 6), "256")
    assert row == [Cells("▀▀▀", 0x010203, 0x010203)]


@pytest.mark.parametrize(
    ("colour", "number"),
    [
        (0x000000, 16),
        (0xFFFFFF, 231),
        (0xFF0000, 196),
        (0x5F87AF, 67),
        (0x808080, 244),
        (0x080808, 232),
        (0x0000FE, 21),
    ],
)
def test_the_nearest_of_256_colours_is_taken(colour: int, number: int) -> None:
    assert colour_256(colour) == number


def test_without_colours_a_picture_has_no_control_sequences_and_its_light() -> None:
    white, black = Picture(4, 4, b"\xff" * 48), Picture(4, 4, bytes(48))
    assert [str(row) for row in block_rows(white, "mono")] == ["████", "████"]
    assert [str(row) for row in block_rows(black, "mono")] == ["    ", "    "]
    grey = "".join(str(row) for row in block_rows(Picture(20, 20, b"\x80" * 1200), "mono"))
    lit = sum({" ": 0, "▀": 1, "▄": 1, "█": 2}[char] for char in grey)
    assert 180 <= lit <= 220  # about half of the 400 pixels
    assert [str(row) for row in block_rows(Picture(2, 2, b"\x73" * 12), "mono")] == ["▄▀"]  # also at the left edge


def test_a_picture_is_made_smaller_to_fit_with_its_aspect() -> None:
    picture = noise(40, 20)
    assert picture.within(40, 20) is picture
    smaller = picture.within(10, 100)
    assert smaller[:2] == (10, 5)
    assert set(pixels(smaller)[0]) <= set(pixels(picture)[0])
    assert picture.within(0, 0)[:2] == (1, 1)


# ---- kitty ---------------------------------------------------------------------------------------


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 5))
def test_what_kitty_gets_is_the_picture(width: int, height: int, seed: int) -> None:
    picture = noise(width, height, seed)
    keys, pieces = read_kitty(kitty_graphic(picture, 3, 2))
    assert zlib.decompress(base64.b64decode("".join(pieces))) == picture.rgb
    assert (keys["s"], keys["v"], keys["c"], keys["r"]) == (str(width), str(height), "3", "2")
    assert (keys["a"], keys["f"], keys["o"], keys["q"]) == ("T", "24", "z", "2")
    assert all(len(piece) <= 4096 for piece in pieces)
    assert all(len(piece) % 4 == 0 for piece in pieces)


# ---- sixels --------------------------------------------------------------------------------------


def test_a_picture_in_colours_that_sixels_have_comes_back_as_it_was() -> None:
    chance = random.Random(7)
    rgb = bytes(chance.choice((0, 51, 102, 153, 204, 255)) for _ in range(23 * 14 * 3))
    picture = Picture(23, 14, rgb)
    assert read_sixels(sixel_graphic(picture)) == pixels(picture)


@given(st.integers(1, 40), st.integers(1, 20), st.integers(0, 5))
def test_every_pixel_is_drawn_once_and_the_colours_are_right_on_the_whole(width: int, height: int, seed: int) -> None:
    picture = noise(width, height, seed)
    shown = [pixel for row in read_sixels(sixel_graphic(picture)) for pixel in row]
    assert None not in shown
    assert len(shown) == width * height
    if width * height > 200:
        for part in range(3):
            mean = sum(pixel[part] for pixel in shown if pixel is not None) / len(shown)
            assert abs(mean - sum(picture.rgb[part::3]) / len(shown)) < 20


def test_rows_in_one_colour_are_short() -> None:
    assert len(sixel_graphic(Picture(600, 60, bytes(600 * 60 * 3)))) < 200


# ---- the way to the terminal ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "sequence",
    [
        "\x1b_Ga=T;AAAA\x1b\\\x1b]0;title\x07",
        "\x1b_Ga=T;AA\x1b[2J\x1b\\",
        "\x1b_Ga=t,t=f;L2V0Yy9wYXNzd2Q=\x07",
        "\x1bPq~~\x1b[2J\x1b\\",
        "\x1bP0;1;0q\x9c\x1b\\",
        "\x1bP1$r0m\x1b\\",
        "\x1bP+q544e\x1b\\",
        "text",
        "",
    ],
)
def test_nothing_but_a_picture_is_a_graphic(sequence: str) -> None:
    with pytest.raises(ValueError, match="no graphic"):
        Graphic(sequence)


def test_a_text_or_a_control_sequence_is_not_written_as_a_graphic() -> None:
    for text in ("\x1bPq~\x1b\\", Control("\x1b[2J")):
        with pytest.raises(TypeError):
            Output().graphic(text)  # type: ignore[arg-type] # the point of the test
    graphic = sixel_graphic(Picture(1, 1, b"\0\0\0"))
    assert str(Output().graphic(graphic)) == graphic
    assert "\x1b" not in str(Output().text(graphic))
