"""Mouse reports are read, and escape sequences are written safely."""

from __future__ import annotations

import base64

import pytest

from trio_chat.ui.terminal.escapes import MouseEvent, copied, notified, notify_by, split_mouse, titled


def test_mouse_reports_are_separated_from_keys_wherever_the_bytes_are_cut() -> None:
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


def test_escape_sequences_contain_no_hostile_text() -> None:
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
def test_the_kind_of_notification_depends_on_the_terminal(term: str, program: str, by: str) -> None:
    assert notify_by("auto", term, program) == by
    assert notify_by("osc9", term, program) == "osc9"
