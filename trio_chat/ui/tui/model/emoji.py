"""Emoji by name, for ``:name:`` and for reactions. Pure."""

from __future__ import annotations

import re
import unicodedata
from difflib import get_close_matches
from typing import Final

from trio_chat.ui.terminal.graphemes import clusters

EMOJI: Final[dict[str, str]] = {
    "+1": "👍", "-1": "👎", "thumbsup": "👍", "thumbsdown": "👎", "ok": "👌", "clap": "👏", "wave": "👋",
    "pray": "🙏", "muscle": "💪", "raised_hands": "🙌", "point_up": "☝️", "eyes": "👀", "heart": "❤️",
    "broken_heart": "💔", "smile": "😄", "smiley": "😃", "grin": "😁", "joy": "😂", "rofl": "🤣",
    "wink": "😉", "blush": "😊", "slight_smile": "🙂", "upside_down": "🙃", "heart_eyes": "😍",
    "kiss": "😘", "thinking": "🤔", "neutral": "😐", "unamused": "😒", "roll_eyes": "🙄",
    "sweat_smile": "😅", "sweat": "😓", "cry": "😢", "sob": "😭", "scream": "😱", "angry": "😠",
    "rage": "😡", "sleeping": "😴", "mask": "😷", "sunglasses": "😎", "nerd": "🤓", "shrug": "🤷",
    "facepalm": "🤦", "tada": "🎉", "party": "🥳", "confetti": "🎊", "gift": "🎁", "cake": "🎂",
    "coffee": "☕", "tea": "🍵", "beer": "🍺", "beers": "🍻", "wine": "🍷", "pizza": "🍕", "apple": "🍎",
    "fire": "🔥", "star": "⭐", "sparkles": "✨", "zap": "⚡", "boom": "💥", "100": "💯", "check": "✅",
    "white_check_mark": "✅", "x": "❌", "warning": "⚠️", "question": "❓", "exclamation": "❗",
    "bulb": "💡", "bug": "🐛", "wrench": "🔧", "hammer": "🔨", "lock": "🔒", "key": "🔑", "link": "🔗",
    "rocket": "🚀", "ship": "🚢", "car": "🚗", "bike": "🚲", "house": "🏠", "computer": "💻",
    "phone": "📱", "mail": "✉️", "calendar": "📅", "clock": "🕐", "hourglass": "⏳", "pin": "📌",
    "memo": "📝", "book": "📖", "chart": "📈", "money": "💰", "sun": "☀️", "moon": "🌙", "cloud": "☁️",
    "rain": "🌧️", "snow": "❄️", "rainbow": "🌈", "earth": "🌍", "tree": "🌳", "flower": "🌸",
    "cat": "🐱", "dog": "🐶", "snake": "🐍", "crab": "🦀", "penguin": "🐧", "ghost": "👻", "robot": "🤖",
    "skull": "💀", "poop": "💩", "salute": "🫡", "handshake": "🤝", "music": "🎵", "trophy": "🏆",
    "soccer": "⚽", "dice": "🎲",
}  # fmt: skip

_NAMED: Final = re.compile(r":([a-z0-9_+\-]+):")


def with_emoji(text: str) -> str:
    """Replace each known ``:name:`` in a text by its emoji; code spans stay as they are."""
    parts = text.split("`")
    parts[::2] = (_NAMED.sub(lambda found: EMOJI.get(found[1], found[0]), part) for part in parts[::2])
    return "`".join(parts)


def expand_emoji(line: str) -> str:
    """A typed line with its emoji; a command stays as it is."""
    return line if line.startswith("/") else with_emoji(line)


def mark_of(word: str) -> str:
    """The reaction for a word: the emoji of that name, with its colons or without, or the word itself."""
    return EMOJI.get(word.strip(":"), word)


_PICTURES: Final = range(0x1F000, 0x1FB00)
"""The range of newer emoji in Unicode; Python's tables have no category for those that are younger than they."""
_AS_PICTURE: Final = {"\ufe0f", "\u20e3"}
"""The characters that turn a character into an emoji, such as a digit."""


def is_emoji(text: str) -> bool:
    """Whether a text is one emoji, as far as Python's tables of characters can tell."""
    return len(list(clusters(text))) == 1 and any(
        unicodedata.category(one) == "So" or ord(one) in _PICTURES or one in _AS_PICTURE for one in text
    )


def why_no_emoji(word: str) -> str:
    """Why a text is neither an emoji nor the name of one, and what to write instead; empty if it is one."""
    word = word.strip()
    if is_emoji(mark_of(word)):
        return ""
    if not word:
        return "Write an emoji or its name, such as tada; Esc leaves the message as it is."
    near = get_close_matches(word.strip(":"), EMOJI, n=1)
    hint = f"Did you mean {near[0]}?" if near else "Tab after its first letters shows the names."
    return f"There is no emoji {word}. {hint}"
