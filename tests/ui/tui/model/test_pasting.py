"""The length of messages, and the question about a long paste."""

from __future__ import annotations

import pytest

from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.pasting import ask_about, is_long


@pytest.mark.parametrize(
    ("line", "over"),
    [
        ("0123456789", 0),
        ("0123456789ab", 2),
        ("@bob: 0123456789", 0),
        ("@bob: 0123456789ab", 2),
        ("0123456789 @bob", 0),
        (":tada: 12345678", 0),
        ("/me 0123456789a", 1),
        ("/topic 0123456789", 0),
        ("@bob @:0123456789", 7),
    ],
)
def test_the_excess_is_counted_as_the_server_counts(line: str, over: int) -> None:
    model = ChatModel()
    assert model.excess(model.lines.read(line)) == 0  # before the server said its limit
    model.most_text = 10
    assert model.excess(model.lines.read(line)) == over


def test_a_long_paste_is_described_with_its_plural_and_its_excess() -> None:
    assert [is_long(text) for text in ("a\n" * 4, "a\n" * 5, "a" * 1500, "a" * 1501)] == [False, True, False, True]
    one = ask_about("abc", 2, 10)
    assert one.lines == ("1 line, 3 characters (2 over the limit of 10), that begins with:", "  abc")
    assert [key for key, _ in one.keys] == ["Enter", "Esc"]
    two = ask_about("\nabc", 0, 10)
    assert two.lines == ("2 lines, 4 characters, that begin with:", "  abc")
    assert [key for key, _ in two.keys] == ["Enter", "s", "Esc"]
