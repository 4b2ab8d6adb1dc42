"""QR codes on a terminal."""

from __future__ import annotations

import segno

from trio_chat.cli.qr_code import qr_code

LINK = "wss://192.0.2.7:8765/#pin=" + "A" * 43 + "&invite=" + "b" * 22
MODULES = {"█": (0, 0), "▀": (0, 1), "▄": (1, 0), " ": (1, 1)}


def test_every_module_is_drawn_light_on_dark_in_a_quiet_zone() -> None:
    rows = qr_code(LINK, 80)
    upper = [[MODULES[char][0] for char in row] for row in rows]
    lower = [[MODULES[char][1] for char in row] for row in rows]
    drawn = [row for pair in zip(upper, lower, strict=True) for row in pair][: len(rows[0])]
    code = segno.make(LINK, error="l", micro=False, boost_error=False)
    assert drawn == [list(row) for row in code.matrix_iter(border=2)]
    assert (len(rows), len(rows[0])) == (21, 41)


def test_a_code_that_is_wider_than_the_terminal_is_not_shown() -> None:
    assert qr_code(LINK, 41)
    assert qr_code(LINK, 40) == []
    assert qr_code("x" * 10_000, 1000) == []
