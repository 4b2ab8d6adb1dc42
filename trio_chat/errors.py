"""The errors, in two forms: exceptions for programs, and a table of refusals for peers.

The tree::

    TrioChatError
     ├─ ConfigError          a value in the settings file, environment or flags is wrong    exit 2
     ├─ UsageError           a command was used in a way that cannot work                   exit 2
     ├─ OutputError          the output of a command could not be written
     ├─ StoreError           the store could not be read or written
     └─ ChatError            a client's connection or request failed
         ├─ Unreachable      no trio-chat server answers at that address
         ├─ IdentityRefused  another server answers there than the one that is known, or it cannot prove who it is
         ├─ Refused          the server refused; carries code, message and advice
         │   ├─ NotAdmitted  ... to admit the connection (password, name, server full)
         │   │   └─ NameNeeded   no name was given, and the client did not ask for a made-up one
         │   └─ NotDone      ... one request
         ├─ NotAcknowledged  no answer came in time: the request may or may not be stored
         └─ ConnectionClosed the connection ended for good

On the wire a refusal is a value, not an exception: a :class:`Refusal` names a row of :data:`FAULTS`. The broker
returns refusals; the client library raises them as ``Refused``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final


class TrioChatError(Exception):
    """The base of every exception that trio-chat raises on purpose. ``str()`` gives a sentence for a person."""


class ConfigError(TrioChatError):
    """A setting is wrong. The sentence names the file and line, the variable or the flag."""


class UsageError(TrioChatError):
    """A command was used in a way that cannot work, for example with two options that exclude each other."""


class OutputError(TrioChatError):
    """The output of a command could not be written although its reader is still there, as on a full disk."""


class StoreError(TrioChatError):
    """The store could not be read or written."""


class ChatError(TrioChatError):
    """The base of all errors between a client and its server."""


class Unreachable(ChatError):
    """No trio-chat server answers at that address."""


class IdentityRefused(ChatError):
    """Another server answers at an address than the one that is known there, or it cannot prove who it is. No secret
    was sent to it.

    Attributes: ``where`` (host and port), ``expected`` and ``found`` (fingerprints as text; empty for none).
    """

    def __init__(self, text: str, *, where: str, expected: str = "", found: str = "") -> None:
        super().__init__(text)
        self.where = where
        self.expected = expected
        self.found = found


class ConnectionClosed(ChatError):
    """The connection ended for good: the server closed it, or the client did."""


class NotAcknowledged(ChatError):
    """No answer came in time: the request may or may not have been stored."""


class Refused(ChatError):
    """The server refused.

    Attributes: ``code`` (a row of :data:`FAULTS`, or a code that only a newer server knows), ``message`` (what
    happened) and ``advice`` (what to do next; may be empty).
    """

    def __init__(self, code: str, message: str, advice: str = "") -> None:
        super().__init__(f"{message} {advice}".strip())
        self.code = code
        self.message = message
        self.advice = advice


class NotAdmitted(Refused):
    """The server did not admit this connection."""


class NameNeeded(NotAdmitted):
    """No name is given or remembered for this server, and the credentials do not allow a made-up one. The client raises
    it before it logs in."""

    def __init__(self) -> None:
        super().__init__(
            "name_needed", "You have no name on this server yet.", "Give one, as in: trio-chat join NAME SERVER"
        )


class NotDone(Refused):
    """The server refused one request; the connection stays open."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the error table.

    ``sentence`` and ``advice`` are ``str.format`` templates over the refusal's parameters. ``http`` is the HTTP status
    of an answer before the upgrade. ``close`` is the WebSocket close code (RFC 6455, 7.4) when the refusal ends the
    connection.
    """

    sentence: str
    advice: str
    http: int | None = None
    close: int | None = None


# Close codes from RFC 6455, section 7.4.1, and the registry it opens: 1001 going away, 1008 policy,
# 1009 too big, 1011 internal error, 1013 try again later.
FAULTS: Final[dict[str, Fault]] = {
    # admission
    "wrong_password": Fault(
        "The server password is wrong.", "Ask whoever runs the server for it.", http=401, close=1008
    ),
    "password_needed": Fault(
        "This server requires a password.",
        "Give it with --password-file or in TRIO_CHAT_PASSWORD, or type it when join asks.",
        http=401,
        close=1008,
    ),
    "invite_needed": Fault(
        "This server takes new people by invite only.",
        "Ask somebody who is in for an invite, and join with its link.",
        http=403,
        close=1008,
    ),
    "accounts_only": Fault("This server takes no new people.", "Ask whoever runs the server.", http=403, close=1008),
    "invite_unknown": Fault(
        "The server knows no such invite.", "Copy the whole link again, or ask for a new one.", http=403, close=1008
    ),
    "invite_used_up": Fault(
        "All uses of the invite are used up.", "Ask whoever gave it to you for a new one.", http=403, close=1008
    ),
    "invite_expired": Fault(
        "The invite has expired.", "Ask whoever gave it to you for a new one.", http=403, close=1008
    ),
    "invite_revoked": Fault(
        "The invite was revoked.", "Ask whoever gave it to you for a new one.", http=403, close=1008
    ),
    "name_taken": Fault("The name {name} is in use.", "Choose another name.", http=409),
    "name_owned": Fault(
        "The name {name} already has an owner.",
        "If it is yours, give its password or join from a device that has it; otherwise choose another name.",
        http=409,
    ),
    "wrong_account_password": Fault(
        "The password for {name} is wrong.",
        "Try again, join from a device that has the name, or choose another name.",
        http=401,
    ),
    "banned": Fault(
        "You are banned from this server{until}.{reason}", "Ask whoever runs the server.", http=403, close=1008
    ),
    "banned_here": Fault("You are banned from {room}{until}.{reason}", "Ask a moderator of {room}."),
    "yourself": Fault("You cannot do that to yourself.", "To leave a room, type /leave."),
    "banned_there": Fault("{name} is banned from {room}.", "A moderator can lift the ban with /unban {name}."),
    "name_lookalike": Fault(
        "The name {name} looks like {other}, which is in use.",
        "Choose a name that cannot be confused with it.",
        http=409,
    ),
    "name_invalid": Fault("{name} cannot be a name: {why}.", "{rule}", http=400),
    "name_reserved": Fault("The name {name} is reserved.", "Choose another name.", http=409),
    "server_full": Fault(
        "The server is full: all {limit} connections are in use.",
        "Try again later.",
        http=503,
        close=1013,
    ),
    "too_many_from_address": Fault(
        "Your address already has {limit} connections, the most allowed.",
        "Close one of them first.",
        http=429,
        close=1013,
    ),
    "hello_timeout": Fault(
        "Your client sent no hello within {seconds:g} seconds.", "Send hello first, or a Username header.", close=1008
    ),
    "head_timeout": Fault("No whole request came within {seconds:g} seconds.", "Send its head at once.", http=408),
    "too_many_from_network": Fault(
        "Your network already has {limit} connections, the most allowed.",
        "Try again when somebody near you has left.",
        http=429,
        close=1013,
    ),
    "too_many_attempts": Fault(
        "Too many connections came from your address.", "Wait a few seconds, then try again.", http=429, close=1013
    ),
    "crowded": Fault(
        "Too many connections wait to log in, and most come from your address.",
        "Try again in a moment.",
        http=503,
        close=1013,
    ),
    "bad_origin": Fault(
        "A web page from {origin} may not connect to this server.",
        "Whoever runs the server can allow it with --allow-origin.",
        http=403,
    ),
    "bad_host": Fault(
        "This server does not know itself as {host}.",
        "Use its address, or ask whoever runs the server to add that name with --public-host.",
        http=403,
    ),
    "bad_upgrade": Fault("The request is not a valid WebSocket upgrade: {why}.", "See RFC 6455, section 4.", http=400),
    "bad_version": Fault("The server does not support that version of WebSocket.", "Use version 13.", http=426),
    "bad_head": Fault("The server does not understand the request: {why}.", "Send a valid HTTP/1.1 request.", http=400),
    "head_too_long": Fault(
        "The head of the request is too long: the limit is {limit} bytes.", "Send fewer or shorter headers.", http=431
    ),
    "bad_coding": Fault(
        "The server does not know that Transfer-Encoding.", "Send the body with Content-Length or in chunks.", http=501
    ),
    "bad_expectation": Fault(
        "The server cannot do what the Expect header asks for.", "Expect 100-continue or nothing.", http=417
    ),
    "body_too_large": Fault(
        "The body of the request is over the limit of {limit} bytes.", "Send less in one request.", http=413
    ),
    "bad_body": Fault(
        "The body of the request did not come whole: {why}.", "Send it again, or go on where it ended.", http=400
    ),
    "slow_body": Fault(
        "The body of the request comes with less than {rate} bytes a second.",
        "Send it again, or go on where it ended.",
        http=408,
    ),
    "tls_needed": Fault("This server uses TLS.", "Type trio-chat join {url} to join it.", http=400),
    "no_tls": Fault("This server does not use TLS.", "Replace wss:// by ws:// in its address."),
    "bad_handshake": Fault("The TLS handshake failed: {why}.", "Use TLS 1.2 or newer."),
    "shutting_down": Fault("The server is shutting down.", "It may be back soon; try again.", http=503, close=1001),
    # malformed or oversized requests
    "not_json": Fault("The request is not JSON: {why}.", "Send one JSON object in each text message."),
    "not_an_object": Fault("The request is not a JSON object.", 'Send an object with "type" and "id".'),
    "unknown_type": Fault("There is no request of type {kind}.", "The protocol reference lists the types."),
    "bad_field": Fault("A field is wrong: {why}.", "The protocol reference lists each request's fields."),
    "not_text": Fault("The server does not accept binary messages.", "Send JSON in a text message."),
    "too_long": Fault("The message has {size} characters; the limit is {limit}.", "Shorten it, or send it in parts."),
    "too_big": Fault("The request is over the limit of {limit} bytes.", "Send less at a time.", close=1009),
    "topic_too_long": Fault("The topic has {size} characters; the limit is {limit}.", "Shorten it."),
    "bad_frame": Fault("A frame broke the rules of WebSocket: {why}.", "See RFC 6455, section 5.", close=1002),
    "too_many_fragments": Fault(
        "The message came in more than {limit} fragments.", "Send it in fewer or in one.", close=1009
    ),
    "not_utf8": Fault("The text is not UTF-8.", "Encode it as UTF-8.", close=1007),
    "empty": Fault("The text is empty.", "Write something first."),
    "not_greeted": Fault("The first request must be hello.", 'Send {{"type":"hello", ...}} first.'),
    "greeted_already": Fault("This session has already sent hello.", "To change your name, send nick."),
    "too_fast": Fault("You are sending too fast.", "Wait {seconds:.1f} seconds, then continue.", http=429),
    # people and rooms
    "unknown_person": Fault("Nobody here is called {name}.{near}", "Nothing was {done}."),
    "unknown_room": Fault("There is no room {room}.{near}", "/rooms lists the rooms."),
    "room_invalid": Fault("{room} cannot be a room's name: {why}.", "{rule}"),
    "not_a_member": Fault("You are not in {room}.", "Join it first with /join {room}."),
    "no_recipient": Fault("The message names neither a room nor a recipient.", "Give room or to."),
    "two_recipients": Fault("The message names both a room and recipients.", "Give room or to, not both."),
    "only_yourself": Fault("You are the message's only recipient.", "Name somebody else."),
    "too_many_recipients": Fault(
        "The message has {count} recipients; the limit is {limit}.", "Make a room for them with /join."
    ),
    "too_many_rooms": Fault("You are in {limit} rooms, the most allowed.", "Leave one first with /leave."),
    "too_many_conversations": Fault(
        "You started too many direct conversations.",
        "Continue one you have, or try again in {seconds:.0f} seconds.",
    ),
    "stays_in_lobby": Fault("Everyone is always in {room}.", "{advice}"),
    "no_topic_here": Fault("A direct conversation has no topic.", "Make a room with /join; rooms have topics."),
    "unknown_message": Fault("There is no message {seq} in {room}.", "It may have been deleted; check the number."),
    "not_yours": Fault("Message {seq} in {room} is not yours.", "Only its sender{others} can do that."),
    "not_allowed": Fault("Only {role}s of {room} can do that.", "Ask one of them; /who lists them."),
    "not_invited": Fault(
        "The room name {room} is not free.",
        "Choose another name. If you were asked to come, a member or an administrator can invite you.",
    ),
    "may_not_speak": Fault("You are muted in {room}{until}.", "You can still read; a moderator can lift the mute."),
    "announcements_only": Fault("Only moderators can speak in {room}.", "Write in another room, or ask a moderator."),
    "too_soon": Fault(
        "{room} is in slow mode: everyone waits between messages.", "Try again in {seconds:.0f} seconds."
    ),
    "last_owner": Fault("{room} must have an owner.", "Make somebody else an owner first, with /op."),
    "outranked": Fault("You cannot do that to {name}, who is {role} of {room}.", "Ask somebody with a higher role."),
    "no_direct_here": Fault("{room} is a direct conversation.", "That works only in rooms; make one with /join."),
    "member_already": Fault("{name} is already in {room}.", "They need no invitation."),
    "not_member_there": Fault("{name} is not in {room}.", "/who lists its members."),
    "not_joined_yet": Fault("{name} has not joined {room} yet.", "They can with /join {room}; then try again."),
    "not_removable": Fault(
        "{room} cannot be removed: {why}.", "Only its owner can remove a room, when nobody else is in it."
    ),
    "rooms_closed": Fault("On this server only {makers} can make rooms.", "Ask one of them to make {room}."),
    "guest": Fault("You are a guest on this server.", "Only an owned name has devices and a password."),
    "unknown_device": Fault("You have no device {device}.", "/devices lists your devices."),
    "no_ban": Fault("{name} is not banned from {room}.", "/bans lists who is."),
    "unknown_ban": Fault("There is no ban number {number}.", "List the bans with trio-chat admin bans."),
    "unknown_invite": Fault("There is no invite number {number}.", "List the invites with trio-chat admin invites."),
    "too_many_invites": Fault(
        "The server has {limit} invites that have not ended, the most allowed.",
        "Revoke one first with trio-chat admin revoke.",
    ),
    "bad_network": Fault(
        "{network} is not an address or a range of addresses.", "Write it as 192.0.2.7 or 192.0.2.0/24."
    ),
    "bad_time": Fault("{time} is not a day or a time.", "Write it as 2026-01-31 or 2026-01-31T12:00:00Z."),
    "busy": Fault("Too many people are signing in right now.", "Try again in a few seconds.", http=503),
    "still_checking": Fault("Your last password is still being checked.", "Wait for the answer.", http=429),
    "too_many_guesses": Fault(
        "Too many wrong passwords came from your address.", "Try again in {seconds:.0f} seconds.", http=429
    ),
    "too_many_names": Fault(
        "Too many new names came from your address.",
        "Use a name you already own, or try again in {seconds:.0f} seconds.",
        http=429,
    ),
    "revoked": Fault("This device was revoked.", "Join from another device, or with your own password.", close=1008),
    "last_device": Fault(
        "That is your only device and you have no password: nobody could join as {name} again.",
        "Set a password first with /password.",
    ),
    "name_freed": Fault("Whoever runs the server freed your name.", "Join again to claim it again.", close=1008),
    "not_stored": Fault(
        "The server could not store your request, so it did nothing.",
        "Try again; the server's log says why.",
        http=503,
    ),
    "not_looked_up": Fault(
        "The server could not read its database, so it did nothing.",
        "Try again; the server's log says why.",
        http=503,
    ),
    # uploads and downloads
    "bad_upload": Fault(
        "The request for an upload is wrong: {why}.",
        "The page Files over HTTP of the documentation has examples.",
        http=400,
    ),
    "wrong_tus_version": Fault(
        "The server does not speak version {version} of tus.", "Send Tus-Resumable: 1.0.0.", http=412
    ),
    "not_upload_bytes": Fault(
        "The bytes of an upload cannot have the type {kind}.",
        "Send Content-Type: application/offset+octet-stream.",
        http=415,
    ),
    "wrong_offset": Fault(
        "The upload goes on at byte {offset}, not at {asked}.",
        "Ask for the offset with HEAD, then go on there.",
        http=409,
    ),
    "beyond_length": Fault(
        "The request has more than the {size} bytes that the upload was to have.", "Send no more than that.", http=413
    ),
    "upload_busy": Fault(
        "Another request is sending bytes for this upload.", "Wait until it ends, then ask for the offset.", http=423
    ),
    "wrong_checksum": Fault(
        "The bytes of the request do not have its checksum, and were dropped.", "Send them again.", http=460
    ),
    "bad_range": Fault("The file has {size} bytes, and none of them was asked for.", "Ask for others.", http=416),
    "version_changed": Fault("The file is not the version that was asked for.", "Ask for it anew.", http=412),
    "too_many_transfers": Fault(
        "{limit} transfers of {whose} run, the most allowed.", "Wait until one of them ends.", http=503
    ),
    # files
    "no_token": Fault(
        "The request has no token that this server knows.",
        "Send the token of your device, which the chat's welcome has, as Authorization: Bearer TOKEN.",
        http=401,
    ),
    "no_files": Fault("This server takes no files.", "Whoever runs it can allow them with --max-file.", http=403),
    "files_off": Fault("{room} takes no files.", "Send them elsewhere; a moderator can allow them here.", http=403),
    "too_large": Fault("{name} has {size}; the limit{where} is {limit}.", "Send a smaller file.", http=413),
    "quota_full": Fault(
        "With {name}, your files would take {size}; you may have {limit}.",
        "Delete messages with files that nobody needs any more, or ask whoever runs the server.",
        http=413,
    ),
    "files_full": Fault(
        "The server has no place for {name}: all files together may take {limit}.",
        "Tell whoever runs the server.",
        http=507,
    ),
    "disk_full": Fault(
        "The disk of the server is full: it takes no files now.", "Tell whoever runs the server.", http=507
    ),
    "unknown_file": Fault(
        "There is no such file here.", "It may have been deleted, with its message or because of its age.", http=404
    ),
    "unfinished_file": Fault("{name} is not uploaded whole yet.", "Send the rest of it first.", http=409),
    "too_many_uploads": Fault(
        "You have {limit} uploads that no message carries, the most allowed.",
        "Send them, cancel some of them, or wait: they end after a day.",
        http=429,
    ),
    "file_missing": Fault("The server has lost the bytes of this file.", "Tell whoever runs the server.", http=500),
    # the end of a connection
    "idle": Fault("Bye! You sent nothing for {seconds:g} seconds.", "Join again when you like.", close=1000),
    "too_slow": Fault(
        "You were disconnected: {size} bytes were waiting and your client did not read them.",
        "Join again; what you missed is in the history.",
        close=1008,
    ),
    "internal": Fault(
        "The server had an internal error; its log has the details.",
        "Try again, or tell whoever runs the server.",
        http=500,
        close=1011,
    ),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal as a value: a row of :data:`FAULTS` and the parameters of its templates."""

    code: str
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def fault(self) -> Fault:
        """The row of the error table."""
        return FAULTS[self.code]

    @property
    def until(self) -> str | None:
        """The time at which the refusal ends (RFC 3339, UTC); ``None`` if it never ends or the time is unknown."""
        end = self.params.get("until")
        return end if isinstance(end, str) else None

    @property
    def message(self) -> str:
        """The sentence that says what happened."""
        return self.fault.sentence.format(**{**self.params, "until": until(self.until)})

    @property
    def advice(self) -> str:
        """The sentence that says what to do next; may be empty."""
        return self.fault.advice.format(**self.params)

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()


def until(time: str | None) -> str:
    """Format the end of a ban or mute for a sentence, `` until 2026-01-31 12:00:00 UTC``; empty for ``None``."""
    return "" if time is None else f" until {time[:19].replace('T', ' ')} UTC"


def refuse(code: str, **params: Any) -> Refusal:  # noqa: ANN401 - the row's own templates say what fits
    """Make a :class:`Refusal`, with its parameters as keywords."""
    return Refusal(code, params)
