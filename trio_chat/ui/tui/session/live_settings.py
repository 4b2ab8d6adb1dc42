"""Settings of the full screen that count at once: at the start, and whenever ``/set`` or ``/alias`` changes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_chat.ui.commands.typed_line import LineReader
from trio_chat.ui.tui.model.attention import whole_words
from trio_chat.ui.tui.model.emoji import expand_emoji
from trio_chat.ui.tui.model.room import read_policy

if TYPE_CHECKING:
    from trio_chat.config import ClientConfig
    from trio_chat.ui.tui.model.chat import ChatModel


def set_up(model: ChatModel, config: ClientConfig) -> None:
    """Give the model the settings that it needs."""
    model.attention.policy = read_policy(config.notify) or "mentions"
    model.attention.words = whole_words(config.highlight)
    model.backlog = config.backlog
    aliases = model.place.preferences.aliases
    model.lines = LineReader(config.unknown_recipients, expand_emoji, config.trailing_names, aliases)
    if not config.typing:
        for room in model.rooms.values():
            room.typing.clear()
    model.changed += 1
