"""Logging in: the headers that carry the credentials, and what a refusal means."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec

from trio_chat.client.local_time import in_local_time
from trio_chat.errors import ChatError, NameNeeded, NotAdmitted, Unreachable, UsageError, refuse
from trio_chat.protocol.events import Closing, Error

if TYPE_CHECKING:
    from trio_chat.client.credentials import Credentials
    from trio_chat.client.identity import Identities

_PASSING: Final = frozenset(
    {"server_full", "too_many_from_address", "shutting_down", "internal", "hello_timeout", "too_fast", "busy"}
)
"""Refusals that pass by themselves, so that another try makes sense."""

_BAD_REQUEST, _UNAUTHORIZED, _CONFLICT, _SERVER_ERROR = 400, 401, 409, 500  # RFC 9110, section 15
_TLS_ALERT: Final = b"\x15\x03"  # a TLS server's reply to plain text: an alert record (RFC 8446, 5.1)
_HTTP: Final = b"HTTP/1."
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*(?:\r|$)", re.IGNORECASE)
_WANTS_TLS: Final = re.compile(rb"to (?:an )?(?:HTTPS|SSL)")  # ... and a web server's reply, in a page


class Setback(Exception):
    """A try to connect failed. ``error`` is for the person; ``again``: another try may succeed."""

    def __init__(self, error: ChatError, *, again: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.again = again


class SpeaksTls(Setback):
    """The server answered in plain that it speaks TLS."""

    def __init__(self, where: str) -> None:
        super().__init__(Unreachable(f"{where} uses TLS. Replace ws:// by wss://."), again=False)


class NoTls(Setback):
    """What answered does not speak TLS, or hung up in the handshake. ``error`` says how to do without TLS."""


def make_headers(credentials: Credentials, client: str = "", *, quiet: bool = False) -> list[tuple[bytes, bytes]]:
    """Make the headers of the upgrade from the credentials, the program's name and whether the session is quiet.

    Names and passwords are percent-encoded, because a header cannot carry every character.

    Raises :class:`~trio_chat.errors.UsageError` when a text has half of a surrogate pair.
    """
    try:
        headers = [(b"User-Agent", quote(client, safe="/ .-_()").encode())] if client else []
        if credentials.name:
            headers.append((b"Username", quote(credentials.name, safe="").encode()))
        if credentials.password:
            headers.append((b"Authorization", b"Bearer " + quote(credentials.password, safe="").encode()))
        if credentials.token:
            headers.append((b"Trio-Chat-Token", quote(credentials.token, safe="-_.~").encode()))
        if credentials.account_password:
            headers.append((b"Trio-Chat-Password", quote(credentials.account_password, safe="").encode()))
        if credentials.invite:
            headers.append((b"Trio-Chat-Invite", quote(credentials.invite, safe="-_").encode()))
        if quiet:
            headers.append((b"Trio-Chat-Quiet", b"1"))
    except UnicodeEncodeError:
        raise UsageError("A name and a password are made of whole characters; one here has half of one.") from None
    return headers


def recall(identities: Identities, url: str, credentials: Credentials) -> Credentials:
    """Complete the credentials from the stored identities: the name used last on that server, when no name is given,
    the name's token, and the password that is kept. A name without a token gets a new one, which is stored first.

    Raises :class:`Setback` when the files cannot be read, or a new token cannot be stored: the name would be lost. And
    when there is no name, but the server may not make one up.
    """
    try:
        name = credentials.name or identities.last_name(url)
        if not name and not credentials.made_up:
            raise Setback(NameNeeded(), again=False)
        token = credentials.token or (identities.claim(url, name) if name else None)
        password = credentials.password or (identities.password(url) if credentials.kept else None)
    except ChatError as error:
        raise Setback(error, again=False) from error
    return replace(credentials, name=name, token=token, password=password)


def refused_by(event: Error | Closing) -> Setback:
    """The setback for a refusal that the server sent after the upgrade."""
    again = event.code in _PASSING or (isinstance(event, Closing) and event.retry is not None)
    return Setback(NotAdmitted(event.code, event.message, event.advice), again=again)


def rejected(status: int, body: bytes, where: str, *, has_password: bool) -> Setback:
    """The setback for an HTTP reply that is no upgrade: ``status`` and ``body``, from the server at ``where``."""
    try:
        event = in_local_time(msgspec.json.decode(body, type=Error))
    except (msgspec.DecodeError, UnicodeDecodeError):
        if status == _BAD_REQUEST and _WANTS_TLS.search(body):
            return SpeaksTls(where)
        return _rejected_by_another(status, where, has_password=has_password)
    return SpeaksTls(where) if event.code == "tls_needed" else refused_by(event)


def _rejected_by_another(status: int, where: str, *, has_password: bool) -> Setback:
    """A proxy or another program answered, not trio-chat."""
    if status == _UNAUTHORIZED:
        refusal = refuse("wrong_password" if has_password else "password_needed")
        return Setback(NotAdmitted(refusal.code, refusal.message, refusal.advice), again=False)
    if status == _CONFLICT:
        return Setback(NotAdmitted("name_taken", "The name is in use.", "Choose another name."), again=False)
    if status >= _SERVER_ERROR:
        sentence = f"The server behind {where} is not running (HTTP {status}). Try again later."
        return Setback(Unreachable(sentence), again=True)
    sentence = f"{where} is not a trio-chat server (HTTP {status}). Check the address, also its path."
    return Setback(Unreachable(sentence), again=False)


def hung_up(head: bytes, where: str, *, tls: bool, has_password: bool) -> Setback:
    """The setback for a connection that the other side closed during the handshake, after sending ``head``."""
    if head.startswith(_TLS_ALERT) and not tls:
        return SpeaksTls(where)
    if head and _is_cut(head):
        return Setback(Unreachable(f"{where} closed the connection in the middle of its reply. Try again."), again=True)
    if head.startswith(b"HTTP/1.") and head[9:12].isdigit():
        return rejected(int(head[9:12]), head.partition(b"\r\n\r\n")[2], where, has_password=has_password)
    if head:
        return Setback(Unreachable(f"{where} is not a trio-chat server. Check the address."), again=False)
    hint = "" if tls else "; if the server uses TLS, use wss://"
    sentence = f"{where} closed the connection without a reply. Try again, or check the address{hint}."
    return Setback(Unreachable(sentence), again=True)


def _is_cut(head: bytes) -> bool:
    """Whether this is the start of an HTTP reply (RFC 9112) whose rest did not arrive."""
    if not head.startswith(_HTTP[: len(head)]):
        return False
    fields, complete, body = head.partition(b"\r\n\r\n")
    length = _LENGTH.search(fields)
    return not complete or (length is not None and len(body) < int(length[1]))
