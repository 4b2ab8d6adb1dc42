"""Bytes from a terminal become keys, however they are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.ui.input.decoder import PASTE_PIECE, Decoder, Key, Pasted, Press, Typed


def keys(*pieces: bytes, flush: bool = False) -> list[Key]:
    decoder = Decoder()
    found = [key for piece in pieces for key in decoder.feed(piece)]
    return found + decoder.flush() if flush else found


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"\r", ["Enter"]),
        (b"\n", ["Enter"]),
        (b"\t", ["Tab"]),
        (b"\x7f", ["Backspace"]),
        (b"\x08", ["C-h"]),
        (b"\x01\x05\x1f\x00", ["C-a", "C-e", "C-_", "C-Space"]),
        (b"\x1b[A\x1b[B\x1b[C\x1b[D", ["Up", "Down", "Right", "Left"]),
        (b"\x1bOA\x1bOH\x1bOF", ["Up", "Home", "End"]),
        (b"\x1b[1~\x1b[3~\x1b[4~\x1b[5~\x1b[6~", ["Home", "Delete", "End", "PageUp", "PageDown"]),
        (b"\x1b[1;5D\x1b[1;3C\x1b[3;5~\x1b[1;2A", ["C-Left", "M-Right", "C-Delete", "S-Up"]),
        (b"\x1b[Z", ["S-Tab"]),
        (b"\x1bb\x1bf\x1b\x7f\x1b\r", ["M-b", "M-f", "M-Backspace", "M-Enter"]),
        (b"\x1b\x02", ["C-M-b"]),
        (b"\x1b\x1b[D", ["M-Left"]),
        (b"\x1b[13;3u\x1b[13;2u\x1b[97;5u\x1b[27;5;97~", ["M-Enter", "S-Enter", "C-a", "C-a"]),
        (b"\x1bOP\x1b[15~\x1b[24~\x1b[[A", ["F1", "F5", "F12", "F1"]),
    ],
)
def test_a_sequence_is_the_key_that_sends_it(data: bytes, names: list[str]) -> None:
    assert keys(data) == [Press(name) for name in names]


def test_utf8_cut_in_the_middle_of_a_character_is_one_character() -> None:
    data = "日本é👍".encode()
    pieces = [data[i : i + 1] for i in range(len(data))]
    assert "".join(key.text for key in keys(*pieces) if isinstance(key, Typed)) == "日本é👍"


def test_bytes_that_are_not_utf8_become_replacement_characters() -> None:
    assert keys(b"a\xffb") == [Typed("a\ufffdb")]


def test_a_lone_escape_is_a_key_only_when_nothing_follows() -> None:
    decoder = Decoder()
    assert decoder.feed(b"\x1b") == []
    waited = decoder.waiting
    assert decoder.flush() == [Press("Escape")]
    assert (waited, decoder.waiting) == (True, False)
    assert decoder.feed(b"x") == [Typed("x")]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\x1b[", [Press("M-[")]),
        (b"\x1bO", [Press("M-O")]),
        (b"\x1b\x1b", [Press("Escape"), Press("Escape")]),
        (b"\x1b[1;5", []),
    ],
)
def test_an_unfinished_sequence_is_decoded_as_it_is(data: bytes, expected: list[Key]) -> None:
    assert keys(data, flush=True) == expected


def test_a_paste_is_one_key_with_its_lines_and_escapes() -> None:
    assert keys(b"a\x1b[200~one\rtwo\x1b[31m\x1b[201~b") == [Typed("a"), Pasted("one\rtwo\x1b[31m"), Typed("b")]


def test_a_paste_without_an_end_is_bounded() -> None:
    decoder = Decoder()
    decoder.feed(b"\x1b[200~")
    got = [key for _ in range(10) for key in decoder.feed(b"x" * PASTE_PIECE)]
    assert sum(len(key.text) for key in got if isinstance(key, Pasted)) >= 9 * PASTE_PIECE
    assert len(decoder._rest) <= PASTE_PIECE + 6


def test_replies_of_the_terminal_and_mouse_reports_are_not_keys() -> None:
    assert keys(b"\x1b]11;rgb:0000/0000/0000\x07\x1b[<0;3;4M\x1b[?62;c\x1bP1$r0m\x1b\\ok") == [Typed("ok")]


def test_c1_controls_are_not_text() -> None:
    assert keys("a\x9bb".encode()) == [Typed("a"), Typed("b")]


@given(st.lists(st.sampled_from([b"a", "é".encode(), b"\x1b[A", b"\x1b[1;5C", b"\x1bOP", b"\r", b"\x1bb", b"\x03"])))
def test_how_the_bytes_are_cut_makes_no_difference(parts: list[bytes]) -> None:
    whole = b"".join(parts)

    def joined(found: list[Key]) -> list[Key]:
        out: list[Key] = []
        for key in found:
            if isinstance(key, Typed) and out and isinstance(out[-1], Typed):
                out[-1] = Typed(out[-1].text + key.text)
            else:
                out.append(key)
        return out

    assert joined(keys(whole)) == joined(keys(*(whole[i : i + 1] for i in range(len(whole)))))


@given(st.binary(max_size=200))
def test_no_bytes_break_the_decoder_and_no_control_comes_out_as_text(data: bytes) -> None:
    for key in keys(data, flush=True):
        if isinstance(key, Typed):
            assert key.text
            assert not any(char < " " or "\x7f" <= char <= "\x9f" for char in key.text)
