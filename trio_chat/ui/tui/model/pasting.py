"""Long pastes, and texts beyond the server's limit. Pure."""

from __future__ import annotations

from typing import Final

from trio_chat.protocol.text import clean
from trio_chat.ui.tui.model.panes import Question

_LONG_LINES, _LONG_TEXT = 5, 1500
"""For a paste of more lines or characters than these the person is asked first."""
_EXCERPT: Final = 200


def is_long(text: str) -> bool:
    """Whether to ask the person about a paste."""
    return text.count("\n") >= _LONG_LINES or len(text) > _LONG_TEXT


def excess(text: str, limit: int) -> int:
    """By how many characters a message is over the limit, counted as the server does; 0 where no limit is known."""
    return max(len(clean(text)) - limit, 0) if limit and len(text) > limit else 0


def ask_about(text: str, over: int, limit: int) -> Question:
    """The question about a long paste. With a paste that makes the input exceed the limit, by ``over`` characters, it
    does not offer to send at once."""
    count, size = text.count("\n") + 1, len(text)
    lines = f"{count} line{'s' if count > 1 else ''}, {size} character{'s' if size > 1 else ''}"
    too_long = f" ({over} over the limit of {limit})" if over else ""
    begins = "begin" if count > 1 else "begins"
    first = text.lstrip().split("\n", 1)[0]
    send = () if over else (("s", "send it as it is"),)
    return Question(
        "paste",
        "A long paste",
        (f"{lines}{too_long}, that {begins} with:", f"  {first[:_EXCERPT]}"),
        (("Enter", "put it in the input"), *send, ("Esc", "forget it")),
    )
