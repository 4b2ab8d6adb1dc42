"""Emoji: by name, completed, and told from other texts."""

from __future__ import annotations

import pytest

from trio_chat.ui.tui.model.completing import complete_emoji
from trio_chat.ui.tui.model.emoji import mark_of, why_no_emoji, with_emoji


def test_emoji_by_name_but_not_in_code() -> None:
    assert with_emoji(":tada: `:tada:` :nosuch: 10:30:20") == "🎉 `:tada:` :nosuch: 10:30:20"
    assert mark_of("+1") == mark_of(":+1:") == "👍"


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("tada", ""),
        (":+1:", ""),
        (" 🎉 ", ""),
        ("👨‍👩‍👧‍👦", ""),
        ("🇩🇪", ""),
        ("1️⃣", ""),
        ("❤", ""),
        ("", "Write an emoji or its name"),
        ("tadda", "There is no emoji tadda. Did you mean tada?"),
        (":qqq:", "Tab after its first letters"),
        ("🎉🎉", "There is no emoji"),
        ("日", "There is no emoji"),
    ],
)
def test_a_text_that_is_no_emoji_is_refused_with_a_hint(word: str, why: str) -> None:
    assert why in why_no_emoji(word)
    assert bool(why_no_emoji(word)) == bool(why)


def test_an_emoji_answer_may_leave_out_the_colons() -> None:
    assert complete_emoji("tad", 3).candidates == complete_emoji(":tad", 4).candidates == ("🎉",)
    assert complete_emoji(":thu", 4).candidates == (":thumbsdown:", ":thumbsup:")
    assert complete_emoji("x", 1).candidates == ("❌",)
