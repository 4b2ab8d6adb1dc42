"""Emoji by name, for ``:name:`` and for marks on messages. Pure."""

from __future__ import annotations

import re
from typing import Final

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
    """A text with each ``:name:`` that is known in it replaced; code spans stay as they are."""
    parts = text.split("`")
    parts[::2] = (_NAMED.sub(lambda found: EMOJI.get(found[1], found[0]), part) for part in parts[::2])
    return "`".join(parts)


def mark_of(word: str) -> str:
    """What ``/react`` puts on a message: an emoji by its name, with its colons or without, or the word itself."""
    return EMOJI.get(word.strip(":"), word)
