"""Sentences for what moderators do and for what this side alone knows. Pure; whatever came over the network is
cleaned here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from trio_chat.client.events import Disconnected, Missed, Reconnected, RejoinRefused
from trio_chat.protocol import events
from trio_chat.protocol.spans import show_span
from trio_chat.protocol.text import clean_line

_OFTEN: Final = 4  # tries to connect again that are made within a few seconds
_AT_ONCE: Final = 0.05  # seconds that would be shown as 0.0


def moderated(event: events.Moderated, clock: Callable[[str], str], label: Callable[[str, int], str]) -> str:
    """Say what a moderator did. ``clock`` shows a time of the server's, ``label`` a person by name and account."""
    who, room = label(event.sender, event.sender_id), clean_line(event.room)
    whom, value = label(event.target or event.value, event.target_id), clean_line(event.value)
    until = f" until {clock(event.until) or clean_line(event.until)}" if event.until else ""
    why = f": {clean_line(event.reason)}" if event.reason else ""
    match event.action:
        case "kick":
            return f"{who} put {whom} out of {room}{why}"
        case "ban":
            return f"{who} banned {whom} from {room}{until}{why}"
        case "unban":
            return f"{who} lifted the ban of {whom} from {room}"
        case "mute":
            return f"{who} muted {whom} in {room}{until}"
        case "unmute":
            return f"{who} lets {whom} speak in {room} again"
        case "role":
            return f"{who} made {whom} {_a(value)} of {room}"
        case _:
            return _setting(event.action, who, room, value)


def called(welcome: events.Welcome) -> str:
    """What one is called, and why, if that is not what one wanted to be called."""
    name, asked = clean_line(welcome.name), clean_line(welcome.asked)
    why = f" This server knows your device by that name, and nobody called {asked}." if asked else ""
    return f"You are {name}.{why}"


def put_out(gone: events.Removal) -> str:
    """What somebody is told who comes back and is in a room no more."""
    did = "banned you from" if gone.action == "ban" else "put you out of"
    why = f": {clean_line(gone.reason)}" if gone.reason else "."
    return f"While you were away, {clean_line(gone.by)} {did} {clean_line(gone.room)}{why}"


def left_out(count: int) -> str:
    """What somebody is told whose conversations are too many to be listed; nothing where none is missing."""
    if not count:
        return ""
    are = "1 more private conversation is" if count == 1 else f"{count} more private conversations are"
    return f"{are} not listed: you hear what is said there, and /msg NAME writes there."


def _setting(action: str, who: str, room: str, value: str) -> str:
    off = value == "off"
    match action:
        case "private":
            return f"{who} made {room} {'open to everyone' if off else 'private: one enters by invitation'}"
        case "announce_only":
            return f"{who} let {'everyone' if off else 'only moderators'} speak in {room}"
        case "slow":
            rule = "nobody has to wait between messages" if off else f"everyone waits {_span(value)} between messages"
            return f"{who} decided for {room}: {rule}"
        case "keep":
            rule = "as long as the server says" if off else "1 day" if value == "1" else f"{value} days"
            return f"{who} decided for {room}: messages are kept {rule}"
        case _:
            return f"{who} changed {clean_line(action)} of {room} to {value}"


def so_already(room: str, setting: str, value: bool | float) -> str:  # noqa: FBT001 - a setting's value, as it came
    """What somebody is told who gave a room a setting that it has."""
    room = clean_line(room)
    match setting:
        case "private":
            return f"{room} is {'private' if value else 'public'} already."
        case "announce_only":
            return f"{'Only moderators' if value else 'All'} may speak in {room} already."
        case "slow":
            rule = f"Everyone waits {show_span(value)}" if value else "Nobody waits"
            return f"{rule} between messages in {room} already."
        case _:
            kept = ("for 1 day" if value == 1 else f"for {value:g} days") if value else "as long as the server says"
            return f"Messages in {room} are already kept {kept}."


def role_already(room: str, name: str, role: str) -> str:
    """What somebody is told who gave another the role that they have."""
    return f"{clean_line(name)} is {_a(role)} of {clean_line(room)} already."


def muted_already(room: str, name: str, seconds: float | None) -> str:
    """What somebody is told who muted another for good, or (0 ``seconds``) unmuted them, where that is so."""
    how = "is muted" if seconds != 0 else "may speak"
    return f"{clean_line(name)} {how} in {clean_line(room)} already."


def banned_already(room: str, whom: str) -> str:
    """What somebody is told who banned another just as they are banned."""
    return f"{clean_line(whom)} is banned from {clean_line(room)} already."


def topic_already(room: str, text: str) -> str:
    """What somebody is told who set the topic that a room has."""
    return f"That is the topic of {clean_line(room)} already." if text else f"{clean_line(room)} has no topic."


def marked_already(mark: str, *, on: bool) -> str:
    """What somebody is told who put the same mark on a message again, or took one off that is not there."""
    return f"Your {clean_line(mark)} is on that message already." if on else f"There is no {clean_line(mark)} of yours."


def _a(role: str) -> str:
    return f"an {role}" if role[:1] in "aeiou" else f"a {role}"


def rules(room: events.RoomInfo | events.RoomLine) -> list[str]:
    """What one must know of a room before one speaks there, in a few words each."""
    said = {
        "private": room.private,
        "only moderators speak": room.announce_only,
        f"{show_span(room.slow)} between messages": room.slow > 0,
    }
    return [rule for rule, holds in said.items() if holds]


def _span(value: str) -> str:
    try:
        return show_span(float(value))
    except ValueError:
        return value


def connection(event: events.Event, company: str) -> str:
    """What there is to tell about the connection itself; empty for nothing. ``company`` says who is
    here, when one is back."""
    match event:
        case events.Closing():
            return _closing(event)
        case Disconnected(attempt=attempt) if attempt and (attempt < _OFTEN or attempt & (attempt - 1)):
            return ""  # of many tries only the 4th, 8th, 16th, ... is told
        case Disconnected(reason=reason, retry_in=retry, attempt=attempt):
            what = "Still no connection: " if attempt else ""  # how it went, the reason says by itself
            return f"{what}{clean_line(reason).rstrip('.')}. {_next_try(retry)}"
        case Reconnected(anew=anew):
            history = " The server's history began anew." if anew else ""
            return f"Connected again.{history}{company}"
        case Missed(room=room, count=count):
            what = "message" if count == 1 else "messages"
            return f"{count} older {what} in {clean_line(room)} {'is' if count == 1 else 'are'} no longer kept."
        case RejoinRefused(room=room, message=message, advice=advice):
            return f"You are no longer in {clean_line(room)}. {clean_line(message)} {clean_line(advice)}".rstrip()
        case _:
            return ""


def _closing(event: events.Closing) -> str:
    if event.retry is not None:
        return ""  # Disconnected follows, with the reason and with when the next try really is
    return f"{clean_line(event.message)} {clean_line(event.advice)}".rstrip()


def _next_try(seconds: float) -> str:
    if seconds < _AT_ONCE:
        return "Trying again now."
    shown = f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}"  # noqa: PLR2004 - tenths matter below
    return f"Next try in {shown} seconds."
