"""Sentences for moderation, for changes that change nothing, and for the connection. Pure; every text from the network
is cleaned here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from trio_chat.addresses import is_this_machine
from trio_chat.client.events import BadEvent, Disconnected, Missed, Reconnected, RejoinRefused
from trio_chat.protocol import events
from trio_chat.protocol.files import size_words
from trio_chat.protocol.names import nearest
from trio_chat.protocol.parts import Removal
from trio_chat.protocol.spans import read_seconds, show_span
from trio_chat.protocol.text import clean_line

if TYPE_CHECKING:
    from trio_chat.client.server_contact import ServerContact

NO_SHELL: Final = "Over ssh there is no shell to go back to. /quit leaves the chat."
"""The sentence for a person who would stop the program where none could continue it."""

_OFTEN: Final = 4  # tries to connect again that are made within a few seconds
_AT_ONCE: Final = 0.05  # seconds that would be shown as 0.0


def moderated(event: events.Moderated, clock: Callable[[str], str], label: Callable[[str, int], str]) -> str:
    """Say what a moderator did. ``clock`` shows a time of the server's, ``label`` a person by name and account."""
    actor, room = label(event.sender, event.sender_id), clean_line(event.room)
    target, value = label(event.target or event.value, event.target_id), clean_line(event.value)
    until = f" until {clock(event.until) or clean_line(event.until)}" if event.until else ""
    why = f": {clean_line(event.reason)}" if event.reason else ""
    match event.action:
        case "kick":
            return f"{actor} kicked {target} from {room}{why}"
        case "ban":
            return f"{actor} banned {target} from {room}{until}{why}"
        case "unban":
            return f"{actor} lifted the ban of {target} from {room}"
        case "mute":
            return f"{actor} muted {target} in {room}{until}"
        case "unmute":
            return f"{actor} unmuted {target} in {room}"
        case "role":
            return f"{actor} made {target} {_a(value)} of {room}"
        case _:
            return _setting(event.action, actor, room, value)


def first_contact(contact: ServerContact, url: str) -> str:
    """Tell the identity of a server that nothing vouches for but the connection itself, so that the person can compare
    it, or that it is a server that they know by another address. Empty for any other server, and on this machine, where
    nobody stands in between."""
    parts = urlsplit(url)
    if not contact.first or contact.verified or contact.fingerprint is None or is_this_machine(parts.hostname or ""):
        return ""
    if contact.elsewhere:
        return f"{parts.netloc} is a server that you know: it has the identity of {clean_line(contact.elsewhere[0])}."
    return (
        f"This is the first contact with {parts.netloc}. Its identity, to compare with its operator's:\n"
        f"{contact.fingerprint.words}"
    )


def called(welcome: events.Welcome) -> str:
    """Say which name the person has, and why, if it is not the one they asked for."""
    name, asked = clean_line(welcome.name), clean_line(welcome.asked)
    why = f" This server knows your device by that name, and nobody called {asked}." if asked else ""
    return f"You are {name}.{why}"


def put_out(gone: Removal) -> str:
    """Say who removed the person from a room while they were away."""
    did = "banned you from" if gone.action == "ban" else "kicked you from"
    why = f": {clean_line(gone.reason)}" if gone.reason else "."
    return f"While you were away, {clean_line(gone.by)} {did} {clean_line(gone.room)}{why}"


def left_out(count: int) -> str:
    """Say how many direct conversations the welcome does not list; nothing if it lists all."""
    if not count:
        return ""
    are = "1 more private conversation is" if count == 1 else f"{count} more private conversations are"
    return f"{are} not listed: you hear what is said there, and /msg NAME writes there."


def _setting(action: str, actor: str, room: str, value: str) -> str:
    off = value == "off"
    match action:
        case "private":
            return f"{actor} made {room} {'public' if off else 'private: only invited people can join it'}"
        case "announce_only":
            return f"{actor} let {'everybody' if off else 'only moderators'} write in {room}"
        case "slow":
            if off:
                return f"{actor} turned slow mode off in {room}"
            return f"{actor} turned slow mode on in {room}: {_span(value)} between two messages of a person"
        case "keep":
            span = "as long as the server keeps them" if off else "for 1 day" if value == "1" else f"for {value} days"
            return f"{actor} set how long messages are kept in {room}: {span}"
        case "files":
            return f"{actor} {'turned files off' if off else 'allowed files'} in {room}"
        case "max_file":
            return f"{actor} set how large a file may be in {room}: {largest_file(value)}"
        case _:
            return f"{actor} changed {clean_line(action)} of {room} to {value}"


def largest_file(value: str) -> str:
    """The value of a room's setting for the largest file, in words."""
    if value in {"0", "off"}:
        return "as large as the server takes"
    return f"at most {size_words(int(value))}" if value.isascii() and value.isdigit() else value


def made_room(room: str, known: Iterable[str]) -> str:
    """Say that the person made a room, and name the room that they may have meant."""
    room = clean_line(room)
    near = nearest(room, (one for one in known if one != room))
    hint = f" Did you mean {clean_line(near)}? /remove {room} deletes this one." if near else ""
    return f"You made {room}: there was no such room.{hint}"


def left_conversation(people: str) -> str:
    """Say that the person left a conversation with these people, and what that means."""
    return f"You left the conversation with {people}. The next message brings it back, with all that was said."


def so_already(room: str, setting: str, value: bool | float) -> str:  # noqa: FBT001 - a setting's value, as it came
    """Say that a room has a setting already."""
    room = clean_line(room)
    match setting:
        case "private":
            return f"{room} is {'private' if value else 'public'} already."
        case "announce_only":
            return f"{'Only moderators' if value else 'Everybody'} may write in {room} already."
        case "slow":
            rule = f"Everyone waits {show_span(value)}" if value else "Nobody waits"
            return f"{rule} between messages in {room} already."
        case "files":
            return f"Files are {'allowed' if value else 'off'} in {room} already."
        case "max_file":
            return f"A file in {room} may be {largest_file(str(int(value)))} already."
        case _:
            kept = ("for 1 day" if value == 1 else f"for {value:g} days") if value else "as long as the server says"
            return f"Messages in {room} are already kept {kept}."


def role_already(room: str, name: str, role: str) -> str:
    """Say that somebody has a role already."""
    return f"{clean_line(name)} is {_a(role)} of {clean_line(room)} already."


def muted_already(room: str, name: str, seconds: float | None) -> str:
    """Say that somebody is muted already, or (0 ``seconds``) not muted."""
    how = "is muted" if seconds != 0 else "may speak"
    return f"{clean_line(name)} {how} in {clean_line(room)} already."


def banned_already(room: str, target: str) -> str:
    """Say that somebody is banned already."""
    return f"{clean_line(target)} is banned from {clean_line(room)} already."


def topic_already(room: str, text: str) -> str:
    """Say that a room has this topic already."""
    return f"That is the topic of {clean_line(room)} already." if text else f"{clean_line(room)} has no topic."


def reacted_already(mark: str, *, on: bool) -> str:
    """Say that the person has, or has not, reacted to a message so."""
    have = "have already" if on else "have not"
    return f"You {have} reacted to that message with {clean_line(mark)}."


def _a(role: str) -> str:
    return f"an {role}" if role[:1] in "aeiou" else f"a {role}"


def rules(room: events.RoomInfo | events.RoomLine) -> list[str]:
    """The rules of a room, in a few words each."""
    said = {
        "private": room.private,
        "only moderators write": room.announce_only,
        f"{show_span(room.slow)} between messages": room.slow > 0,
    }
    return [rule for rule, holds in said.items() if holds]


def _span(value: str) -> str:
    seconds = read_seconds(value)
    return value if seconds is None else show_span(seconds)


def connection(event: events.Event, company: str) -> str:
    """Say what happened to the connection; empty for other events. ``company`` is the sentence about who is here, for
    when the person is back."""
    match event:
        case events.Closing():
            return _closing(event)
        case Disconnected(attempt=attempt) if attempt and (attempt < _OFTEN or attempt & (attempt - 1)):
            return ""  # of many tries only the 4th, 8th, 16th, ... is reported
        case Disconnected(reason=reason, retry_in=retry, attempt=attempt):
            what = "Still no connection: " if attempt else ""  # the reason says how it went
            return f"{what}{clean_line(reason).rstrip('.')}. {_next_try(retry)}"
        case Reconnected(anew=anew):
            history = " The server's history began anew." if anew else ""
            return f"Connected again.{history}{company}"
        case Missed(room=room, count=count):
            what = "message" if count == 1 else "messages"
            return f"{count} older {what} in {clean_line(room)} {'is' if count == 1 else 'are'} no longer kept."
        case BadEvent(kind=kind, why=why):
            return bad_event(kind, why)
        case RejoinRefused(room=room, message=message, advice=advice):
            return f"You are no longer in {clean_line(room)}. {clean_line(message)} {clean_line(advice)}".rstrip()
        case _:
            return ""


def not_in(room: str) -> str:
    """Say that the person is not in a room any more: somebody removed them, or another device left it."""
    return f"You are not in {clean_line(room)} any more."


def bad_event(kind: str, why: str) -> str:
    """Say that an event of the server's makes no sense."""
    return f"The server sent an event that makes no sense ({clean_line(kind)}: {clean_line(why)}). It was passed over."


def _closing(event: events.Closing) -> str:
    if event.retry is not None:
        return ""  # Disconnected follows, with the reason and with when the next try really is
    return f"{clean_line(event.message)} {clean_line(event.advice)}".rstrip()


def _next_try(seconds: float) -> str:
    if seconds < _AT_ONCE:
        return "Trying again now."
    shown = f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}"  # noqa: PLR2004 - tenths matter below
    return f"Next try in {shown} seconds."
