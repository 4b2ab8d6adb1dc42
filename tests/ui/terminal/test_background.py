"""The terminal's background is asked for, and nothing of the answer ends in the typed line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.ui.input.decoder import Decoder, Press, Typed
from trio_chat.ui.terminal.background import BackgroundAnswer, Colour, is_light, read_colour

ANSWERS = (b"\x1b]11;rgb:ffff/ffff/ffff\x07", b"\x1b]11;rgb:ff/ff/ff\x1b\\", b"\x1b]11;rgba:f/f/f/f\x07")


@pytest.mark.parametrize("answer", ANSWERS)
@given(data=st.data())
def test_an_answer_in_any_pieces_leaves_only_the_keys(answer: bytes, data: st.DataObject) -> None:
    text = b"ab" + answer + b"cd"
    cuts = sorted(data.draw(st.sets(st.integers(1, len(text) - 1), max_size=4)))
    pauses = data.draw(st.lists(st.booleans(), min_size=len(cuts) + 1, max_size=len(cuts) + 1))
    taking, decoder, keys, colours = BackgroundAnswer(), Decoder(), [], []
    for begin, end, pause in zip([0, *cuts], [*cuts, len(text)], pauses, strict=True):
        rest, colour = taking.split(text[begin:end])
        keys += decoder.feed(rest)
        colours += [colour] if colour is not None else []
        if pause:  # longer than a key takes
            keys += [*decoder.feed(taking.flush()), *decoder.flush()]
    typed = "".join(key.text for key in keys if isinstance(key, Typed))
    assert typed == "abcd"
    assert colours == [Colour(1, 1, 1)]


def test_keys_are_keys_while_an_answer_is_awaited() -> None:
    taking, decoder = BackgroundAnswer(), Decoder()
    rest, colour = taking.split(b"a\x1b[A\x1b")
    assert (decoder.feed(rest), colour, taking.waiting) == ([Typed("a"), Press("Up")], None, True)
    assert [*decoder.feed(taking.flush()), *decoder.flush()] == [Press("Escape")]
    assert taking.split("é\x1b]".encode()) == ("é".encode(), None)
    assert [*decoder.feed(taking.flush()), *decoder.flush()] == [Press("M-]")]


@pytest.mark.parametrize("text", [b"", b"?", b"white", b"#ffffff", b"rgb:ffff/ffff", b"rgb:fffff/0/0", b"rgb:g/0/0"])
def test_what_is_no_colour_changes_nothing(text: bytes) -> None:
    assert read_colour(text) is None


@pytest.mark.parametrize(
    ("text", "light"),
    [
        (b"rgb:0000/0000/0000", False),
        (b"rgb:1e1e/1e1e/2e2e", False),
        (b"rgb:0000/0000/ffff", False),
        (b"rgb:fdfd/f6f6/e3e3", True),
        (b"rgb:ffff/ffff/ffff", True),
    ],
)
def test_a_background_is_light_when_dark_text_is_read_better_on_it(text: bytes, light: bool) -> None:  # noqa: FBT001 - a column of the table
    colour = read_colour(text)
    assert colour is not None
    assert is_light(colour) == light
