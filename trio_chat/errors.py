"""What can go wrong, in two forms: exceptions for programs, and a table of faults for peers.

The tree::

    TrioChatError
     ├─ ConfigError          a file, variable or flag holds something wrong         exit 2
     ├─ UsageError           a command was asked for something it cannot do         exit 2
     ├─ StoreError           what must be remembered could not be written or read
     └─ ChatError            the client's: something between us and the server
         ├─ Unreachable      nobody answers at that address
         ├─ Refused          the server said no; carries its code, sentence and advice
         │   ├─ NotAdmitted  ... to letting us in (password, name, full)
         │   └─ NotDone      ... to one request
         ├─ NotAcknowledged  sent, and no answer came in time: it may or may not be stored
         └─ ConnectionClosed the conversation is over

A refusal that travels is a value, not an exception: :class:`Refusal` names a row of
:data:`FAULTS`. The server's broker returns them; the client turns them into ``Refused``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final


class TrioChatError(Exception):
    """Whatever trio-chat raises on purpose. ``str()`` of it is a sentence for a person."""


class ConfigError(TrioChatError):
    """A setting is wrong; the sentence names the file and line, the variable or the flag."""


class UsageError(TrioChatError):
    """What was asked for cannot be done as asked."""


class StoreError(TrioChatError):
    """What must be remembered could not be written or read."""


class ChatError(TrioChatError):
    """Something between this client and its server."""


class Unreachable(ChatError):
    """Nobody answers at that address, or what answers is no trio-chat server."""


class ConnectionClosed(ChatError):
    """The conversation is over: the server ended it for good, or this side closed it."""


class NotAcknowledged(ChatError):
    """No answer came in time: what was sent may or may not have been stored."""


class Refused(ChatError):
    """The server said no.

    Attributes: ``code`` (a row of :data:`FAULTS`, or one from a newer server), ``message`` (what
    happened) and ``advice`` (what to do next; may be empty).
    """

    def __init__(self, code: str, message: str, advice: str = "") -> None:
        super().__init__(f"{message} {advice}".strip())
        self.code = code
        self.message = message
        self.advice = advice


class NotAdmitted(Refused):
    """The server did not let this connection in."""


class NotDone(Refused):
    """The server refused one request; the connection goes on."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the error table.

    ``sentence`` and ``advice`` are ``str.format`` templates over the refusal's parameters;
    ``http`` is the status when it happens before the upgrade; ``close`` is the WebSocket close
    code (RFC 6455, 7.4) when the connection ends with it.
    """

    sentence: str
    advice: str
    http: int | None = None
    close: int | None = None


# Close codes from RFC 6455, section 7.4.1, and the registry it opens: 1001 going away, 1008 policy,
# 1009 too big, 1011 internal error, 1013 try again later.
FAULTS: Final[dict[str, Fault]] = {
    # getting in
    "wrong_password": Fault(
        "The password is wrong.", "Ask whoever runs the server for the right one.", http=401, close=1008
    ),
    "password_needed": Fault(
        "This server wants a password.",
        "Give it with --password-file, in TRIO_CHAT_PASSWORD, or when join asks for it.",
        http=401,
        close=1008,
    ),
    "name_taken": Fault("The name {name} is in use.", "Choose another name.", http=409),
    "name_owned": Fault(
        "The name {name} is somebody's.",
        "If it is yours, give your own password, or come from the device that has it; else choose another name.",
        http=409,
    ),
    "wrong_account_password": Fault(
        "That is not the password of {name}.", "Try again, or choose another name.", http=401
    ),
    "banned": Fault("You are kept out of this server{until}.{reason}", "Ask whoever runs it.", http=403, close=1008),
    "banned_here": Fault("You are kept out of {room}{until}.{reason}", "Ask a moderator."),
    "yourself": Fault("That is you: nobody can do that to themselves.", "To go out of a room, /leave it."),
    "banned_there": Fault("{name} is kept out of {room}.", "A moderator may lift that: /unban {name}."),
    "name_lookalike": Fault(
        "The name {name} looks like {other}, which is in use.", "Choose a name that cannot be confused.", http=409
    ),
    "name_invalid": Fault("{name} cannot be a name: {why}.", "{rule}", http=400),
    "name_reserved": Fault("The name {name} is reserved.", "Choose another name.", http=409),
    "server_full": Fault(
        "The server is full: {limit} of {limit} connections are in use.",
        "Try again later.",
        http=503,
        close=1013,
    ),
    "too_many_from_address": Fault(
        "Your address has {limit} connections already.", "Close one of them first.", http=429, close=1013
    ),
    "hello_timeout": Fault(
        "No hello came within {seconds:g} seconds.", "Say hello first, or send a Username header.", close=1008
    ),
    "bad_origin": Fault(
        "A page from {origin} may not connect here.", "Allow it with --allow-origin on the server.", http=403
    ),
    "bad_upgrade": Fault("That is no good upgrade to WebSocket: {why}.", "See RFC 6455, section 4.", http=400),
    "bad_version": Fault("That version of WebSocket is not spoken here.", "Ask for version 13.", http=426),
    "bad_head": Fault("That is no request this server understands: {why}.", "", http=400),
    "shutting_down": Fault("The server is shutting down.", "It may be back soon: try again.", http=503, close=1001),
    # what a peer sends
    "not_json": Fault("That is not JSON: {why}.", "Send one JSON object in each text message."),
    "not_an_object": Fault("That is no JSON object.", 'Send an object with "type" and "id".'),
    "unknown_type": Fault("There is no request of type {kind}.", "The reference lists the types."),
    "bad_field": Fault("A field is wrong: {why}.", "The reference shows each request's fields."),
    "not_text": Fault("Binary messages are not understood.", "Send JSON in a text message."),
    "too_long": Fault("That message has {size} characters; {limit} is the most.", "Shorten it, or send it in parts."),
    "too_big": Fault("A frame had more than {limit} bytes.", "Send less at a time.", close=1009),
    "topic_too_long": Fault("That topic has {size} characters; {limit} is the most.", "Shorten it."),
    "bad_frame": Fault("A frame broke the rules of WebSocket: {why}.", "See RFC 6455, section 5.", close=1002),
    "not_utf8": Fault("A text was no UTF-8.", "Send UTF-8.", close=1007),
    "empty": Fault("There is nothing in that message.", "Write something before you send it."),
    "not_greeted": Fault("Say hello before you ask for anything else.", 'Send {{"type":"hello", ...}} first.'),
    "greeted_already": Fault("You said hello already.", "Use nick to change your name."),
    "too_fast": Fault("Too much at once.", "Wait {seconds:.1f} seconds and go on."),
    # people and rooms
    "unknown_person": Fault("Nobody here is called {name}.{near}", "Nothing was {done}."),
    "unknown_room": Fault("There is no room {room}.{near}", "See which there are with /rooms."),
    "room_invalid": Fault("{room} cannot be a room's name: {why}.", "{rule}"),
    "not_a_member": Fault("You are not in {room}.", "Enter it first with /join {room}."),
    "no_recipient": Fault("That message says neither a room nor whom it is for.", "Give room, or to."),
    "two_recipients": Fault("That message names a room and people.", "Give room, or to, not both."),
    "only_yourself": Fault("That message is for nobody but you.", "Name somebody else."),
    "too_many_recipients": Fault("That message is for {count} people; {limit} is the most.", "Make a room for them."),
    "too_many_rooms": Fault("You are in {limit} rooms, which is the most.", "Leave one first."),
    "too_many_conversations": Fault(
        "You began too many conversations.",
        "Go on with those that there are, or try again in {seconds:.0f} seconds.",
    ),
    "stays_in_lobby": Fault("Everyone is in {room}.", "{advice}"),
    "no_topic_here": Fault("A direct conversation has no topic.", "Make a room for it with /join."),
    "unknown_message": Fault("There is no message {seq} in {room}.", "It may be gone, or not a message."),
    "not_yours": Fault("Message {seq} in {room} is not yours.", "Only its sender{others} may do that."),
    "not_allowed": Fault("In {room} only {role}s may do that.", "Ask one; /who shows who they are."),
    "not_invited": Fault("{room} is private.", "Ask somebody in it for an invitation."),
    "deserted": Fault(
        "{room} is private, and nobody is in it any more.", "Take another name, or ask whoever runs the server."
    ),
    "may_not_speak": Fault("You may not speak in {room}{until}.", "You can go on reading."),
    "announcements_only": Fault("In {room} only moderators speak.", "Say it elsewhere."),
    "too_soon": Fault("In {room} everyone waits between messages.", "Try again in {seconds:.0f} seconds."),
    "last_owner": Fault("{room} would have no owner.", "Make somebody else its owner first."),
    "outranked": Fault("You cannot do that to {name}, who is {role} of {room}.", "Ask one of higher rank."),
    "no_direct_here": Fault("{room} is a direct conversation.", "That is for rooms; make one with /join."),
    "member_already": Fault("{name} is in {room} already.", "They need no invitation."),
    "not_member_there": Fault("Nobody called {name} is in {room}.", "See who is with /who."),
    "rooms_closed": Fault("Here only {makers} make rooms.", "Ask one of them for {room}."),
    "guest": Fault("You are a guest here.", "That is for names that are owned."),
    "unknown_device": Fault("You have no device {device}.", "See which with /devices."),
    "no_ban": Fault("There is no ban of {name} in {room}.", "See whom it keeps out with /bans."),
    "unknown_ban": Fault("There is no ban number {number}.", "See which with trio-chat admin bans."),
    "bad_network": Fault("{network} is no address or range.", "Write one as 192.0.2.7 or 192.0.2.0/24."),
    "bad_time": Fault("{time} is no day or time.", "Write it as 2026-01-31 or 2026-01-31T12:00:00Z."),
    "busy": Fault("Too many people prove who they are just now.", "Try again in a few seconds.", http=503),
    "still_checking": Fault("Your last password is still being looked at.", "Wait for that answer.", http=429),
    "too_many_guesses": Fault(
        "Too many passwords that came from where you are were wrong.", "Try again in {seconds:.0f} seconds.", http=429
    ),
    "too_many_names": Fault(
        "Too many new names came from where you are.",
        "Use a name that is yours already, or try again in {seconds:.0f} seconds.",
        http=429,
    ),
    "revoked": Fault(
        "This device was revoked.", "Come from another of yours, or join with your own password.", close=1008
    ),
    "last_device": Fault(
        "That is your only device, and you have set no password: nobody could come back as {name}.",
        "Set one first with /password.",
    ),
    "name_freed": Fault("Whoever runs the server freed your name.", "Join again, to take it anew.", close=1008),
    "not_stored": Fault(
        "The server could not store that, so nobody got it.",
        "Try again; whoever runs the server sees why in its log.",
        http=503,
    ),
    "not_looked_up": Fault(
        "The server could not look up in its log what that is about, so it did nothing.",
        "Try again; whoever runs the server sees why in its log.",
        http=503,
    ),
    # the end
    "idle": Fault("Bye! Nothing came from you for {seconds:g} seconds.", "Join again when you like.", close=1000),
    "too_slow": Fault(
        "You were disconnected: {size} bytes waited for you and you did not read them.",
        "Join again; what you missed is in the history.",
        close=1008,
    ),
    "internal": Fault(
        "Something went wrong in the server; it is in its log.",
        "Try again, or tell whoever runs it.",
        http=500,
        close=1011,
    ),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A no, as a value: a row of :data:`FAULTS` and what fills its templates."""

    code: str
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def fault(self) -> Fault:
        """The row of the error table."""
        return FAULTS[self.code]

    @property
    def until(self) -> str | None:
        """When what is refused will be allowed: RFC 3339, UTC; ``None`` where that is not known, or never."""
        end = self.params.get("until")
        return end if isinstance(end, str) else None

    @property
    def message(self) -> str:
        """What happened, as a sentence."""
        return self.fault.sentence.format(**{**self.params, "until": until(self.until)})

    @property
    def advice(self) -> str:
        """What to do next; may be empty."""
        return self.fault.advice.format(**self.params)

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()


def until(time: str | None) -> str:
    """The part of a sentence that says when something ends (RFC 3339, UTC); nothing, if it does not."""
    return "" if time is None else f" until {time[:19].replace('T', ' ')} UTC"


def refuse(code: str, **params: Any) -> Refusal:  # noqa: ANN401 - the row's own templates say what fits
    """Make a :class:`Refusal` with its parameters by name."""
    return Refusal(code, params)
