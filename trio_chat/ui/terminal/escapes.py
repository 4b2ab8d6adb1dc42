"""Escape sequences beside the drawing: clipboard, notifications, window title, mouse reports. Pure."""

from __future__ import annotations

import base64
import re
from typing import Final, NamedTuple

from trio_chat.output import Control
from trio_chat.protocol.text import clean_line

BELL: Final = Control("\a")
NOTHING: Final = Control("")
_MOST_COPIED: Final = 74_994
"""Most bytes that terminals accept in OSC 52: xterm's limit is 100,000 in base64."""
_MOUSE: Final = re.compile(rb"\x1b\[<(\d{1,5});(\d{1,5});(\d{1,5})([Mm])")


class MouseEvent(NamedTuple):
    """An event of the mouse: ``button`` in xterm's numbers (64 and 65 are the wheel), whether it moved with the button
    down, whether the button was released; column and row from 0."""

    button: int
    moved: bool
    released: bool
    column: int
    row: int


def split_mouse(data: bytes) -> tuple[bytes, list[MouseEvent], bytes]:
    """Separate the mouse reports (SGR, xterm's mode 1006) from the other bytes.

    Returns the other bytes, the events, and an unfinished report at the end.
    """
    events = []
    for found in _MOUSE.finditer(data):
        code, column, row = (int(found[n]) for n in (1, 2, 3))
        events.append(MouseEvent(code & ~0b111100, bool(code & 32), found[4] == b"m", column - 1, row - 1))
    rest = _MOUSE.sub(b"", data)
    broken = re.search(rb"\x1b\[<[\d;]{0,17}\Z", rest)
    return (rest[: broken.start()], events, rest[broken.start() :]) if broken else (rest, events, b"")


def copied(text: str) -> Control:
    """The sequence that copies a text to the clipboard of the terminal's user (OSC 52)."""
    data = text.encode("utf-8", "replace")[:_MOST_COPIED]
    return Control(f"\x1b]52;c;{base64.b64encode(data).decode()}\a")


def titled(text: str) -> Control:
    """The sequence that sets the window title (OSC 2)."""
    return Control(f"\x1b]2;{clean_line(text)}\a")


def notified(title: str, body: str, by: str) -> Control:
    """The sequence that rings the bell and shows a notification; ``by`` is the way that :func:`notify_by` chose."""
    title, body = clean_line(title).replace(";", ","), clean_line(body)
    match by:
        case "none":
            return NOTHING
        case "osc9":
            return Control(f"{BELL}\x1b]9;{title}: {body}\a")
        case "osc777":
            return Control(f"{BELL}\x1b]777;notify;{title};{body.replace(';', ',')}\a")
        case _:
            return BELL


def notify_by(setting: str, term: str, program: str) -> str:
    """The kind of notification for this terminal: the setting, or for ``auto`` the best one it is known for."""
    if setting != "auto":
        return setting
    known = f"{term} {program}".lower()
    if any(name in known for name in ("foot", "rxvt", "vte", "ghostty")):
        return "osc777"
    if any(name in known for name in ("kitty", "iterm", "wezterm", "contour", "windows")):
        return "osc9"
    return "bell"
