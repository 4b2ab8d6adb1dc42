"""The lines of the log files of rooms, and the names of the files. Pure.

A line begins with the day, the time and the number of its event, so that a file can be read without the chat, and so
that the next run finds the last event that is in it. The further lines of a text are indented.
"""

from __future__ import annotations

import hashlib
import re
import sys
from datetime import datetime, tzinfo
from typing import Final, NamedTuple

from trio_chat.output import rendered_line
from trio_chat.protocol import events
from trio_chat.protocol.text import clean, clean_line
from trio_chat.ui.model.sentences import moderated

_INDENT: Final = "    "
_LONGEST: Final = 150
"""Bytes of a file's name before the day: file systems allow 255 in all."""

_DEVICES: Final = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)", re.IGNORECASE)
"""Names that Windows has given to devices: a file cannot have them, whatever follows after a dot."""

_BEGIN: Final = re.compile(rb"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) #(\d{1,18}) ", re.MULTILINE)


class LogPosition(NamedTuple):
    """The last event in a log: its time as the line has it, and its sequence number."""

    time: str
    seq: int


def file_stem(room: str) -> str:
    """The beginning of the names of a room's log files. Two rooms never have the same, whatever their names.

    Letters and digits of every script, ``@``, ``_``, ``+``, ``-`` and dots stay, other characters become ``%`` and two
    hexadecimal digits for each byte, and so does on Windows the first letter of a device's name. A long name is cut and
    ends with a part of its hash.
    """
    name = room.removeprefix("#") if len(room) > 1 else room
    safe = "".join(
        char if (char.isalnum() and char.isprintable()) or char in "@_+-" or (char == "." and at) else _escaped(char)
        for at, char in enumerate(name)
    )
    if sys.platform == "win32" and _DEVICES.match(safe):
        safe = f"{_escaped(safe[0])}{safe[1:]}"
    if room.startswith("#@"):
        safe = f"%23{safe}"  # else it would be the name of a direct conversation
    if len(safe.encode("utf-8", "surrogatepass")) <= _LONGEST:
        return safe
    cut = safe.encode("utf-8", "surrogatepass")[:_LONGEST].decode("utf-8", "ignore")
    return f"{cut}%~{hashlib.sha256(room.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def _escaped(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))


def position(event: events.RoomEvent, zone: tzinfo | None = None) -> LogPosition:
    """Where an event stands in a log. An invalid time is the beginning of all times."""
    try:
        moment = datetime.fromisoformat(event.time).astimezone(zone)
    except (ValueError, OverflowError, OSError):
        return LogPosition("0001-01-01 00:00:00", event.seq)
    return LogPosition(f"{moment:%Y-%m-%d %H:%M:%S}".rjust(19, "0"), event.seq)


def last_position(tail: bytes) -> LogPosition | None:
    """The position of the last event in the end of a log file, if there is one."""
    found = _BEGIN.findall(tail)
    return LogPosition(found[-1][0].decode(), int(found[-1][1])) if found else None


def log_lines(event: events.RoomEvent, zone: tzinfo | None = None) -> list[str]:
    """The lines for an event of a room's log; none for one that changes nothing that a reader of the file sees."""
    first, *rest = _text(event, zone).split("\n")
    if not first:
        return []
    time, seq = position(event, zone)
    return [rendered_line(f"{time} #{seq} {first}"), *(rendered_line(f"{_INDENT}{line}") for line in rest)]


def missing_line(time: str, count: int) -> str:
    """The line that stands for events that are not in the log."""
    return f"{time} -- {count} {'event is' if count == 1 else 'events are'} not in this log"


def _text(event: events.RoomEvent, zone: tzinfo | None) -> str:
    sender = clean_line(event.sender) if isinstance(event, events.PersonEvent) else ""
    match event:
        case events.Message(deleted=True):
            return f"{sender}: (deleted)"
        case events.Message():
            who = f"* {sender}" if event.kind == "action" else f"{sender}:"
            reply = f" (to #{event.reply_to})" if event.reply_to else ""
            return f"{who}{reply} {clean(event.text)}"
        case events.Edited(text=text):
            return f"* {sender} edited #{event.target}: {clean(text)}" if text else ""
        case events.Deleted():
            return f"* {sender} deleted #{event.target}"
        case events.Reacted(mark=mark, on=on):
            mark = clean_line(mark)
            return f"* {sender} {'reacted to' if on else 'removed'} " + (
                f"#{event.target} with {mark}" if on else f"{mark} from #{event.target}"
            )
        case events.TopicChanged(text=text):
            return f"* {sender} set the topic: {clean_line(text)}" if text else f"* {sender} cleared the topic"
        case events.Moderated():
            return f"* {moderated(event, lambda time: _until(time, zone), lambda name, _: clean_line(name))}"
        case _:
            return ""


def _until(time: str, zone: tzinfo | None) -> str:
    try:
        return f"{datetime.fromisoformat(time).astimezone(zone):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):
        return ""
