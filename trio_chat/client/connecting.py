"""Connecting to a server: :func:`connect` gives a :class:`~trio_chat.client.chat.Chat`."""

from __future__ import annotations

import secrets
import warnings
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

import trio

from trio_chat.client.address import GivenAddress, parse_given
from trio_chat.client.chat import Chat
from trio_chat.client.connection import Link
from trio_chat.client.credentials import Credentials
from trio_chat.client.identity import Identities
from trio_chat.client.mailbox import Mailbox
from trio_chat.client.options import (
    HOMES,
    ConnectionOptions,
    EarlierArguments,
    Reconnection,
    StreamOptions,
    Timeouts,
    with_earlier,
)
from trio_chat.client.state import ClientState
from trio_chat.errors import UsageError
from trio_chat.protocol.fingerprint import Fingerprint
from trio_chat.version import __version__

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from contextlib import AbstractAsyncContextManager

    from trio_chat.client.server_contact import ServerContact


def connect(  # noqa: PLR0913 - each is a setting or a group of settings, by keyword only
    url: str | GivenAddress,
    *,
    name: str | None = None,
    pin: Fingerprint | str | None = None,
    credentials: Credentials | None = None,
    identities: Identities | None = None,
    backlog: int = 0,
    quiet: bool = False,
    listen: bool = True,
    wait: bool = False,
    met: Callable[[ServerContact], None] | None = None,
    reconnection: Reconnection | None = None,
    timeouts: Timeouts | None = None,
    stream: StreamOptions | None = None,
    client: str = f"trio-chat {__version__}",
    **earlier: Unpack[EarlierArguments],
) -> AbstractAsyncContextManager[Chat]:
    """Connect to a server, as in ``async with trio_chat.connect(url, name="ada") as chat``.

    - ``url``: ``ws://`` or ``wss://``, ``HOST[:PORT]`` (see :func:`~trio_chat.client.address.parse_url`), an invite
      link, or the result of :func:`~trio_chat.client.address.parse_given`.
    - ``name``: the name to have; without it, the last name used on that server, else one that the server makes up.
    - ``pin``: the fingerprint of the only server that may answer, as an object or as text, in place of a link's.
    - ``credentials``: the passwords or the token; they may hold the name too.
    - ``identities``: where names and their tokens are stored; by default, in this user's state directory
      (:func:`~trio_chat.client.state_files.state_directory`). A program that must not share a name with this user's
      other programs has a folder of its own: ``Identities(folder)``.
    - ``backlog``: how many of a room's last events to yield, as one ``Backlog``, when the room is first seen.
    - ``quiet``: the session only reads or posts. Nobody is told that it comes and goes, and it does not count as here.
    - ``listen``: the application reads events. Without it, iterating gives none.
    - ``wait``: when no server answers, keep trying instead of raising.
    - ``met``: called once, when the server has shown who it is, and before it gets any secret, also if it then refuses
      the login.
    - ``reconnection``, ``timeouts``, ``stream``: see :mod:`trio_chat.client.options`.
    - ``client``: the program and its version, told to the server.
    - ``earlier``: arguments of 0.1.0 that are fields of a group now. They still work, with a ``DeprecationWarning``.

    Entering it raises :class:`~trio_chat.errors.UsageError` when the address or the credentials cannot be right,
    :class:`~trio_chat.errors.Unreachable` when no trio-chat server answers,
    :class:`~trio_chat.errors.IdentityRefused` when another server answers than the one that is known there, and
    :class:`~trio_chat.errors.NotAdmitted` when the server refuses the login. What the body raises comes out as it is.
    At the end, cancelled or not, the chat is closed, within two seconds.
    """
    credentials = credentials or Credentials()
    if name is not None:
        if credentials.name is not None:
            raise UsageError("The name is given twice, by name and in the credentials. Leave one of them out.")
        credentials = replace(credentials, name=name)
    if backlog < 0:
        raise UsageError("backlog is a number of events: 0 or more.")
    for argument in earlier:
        if argument not in HOMES:
            raise TypeError(f"connect() got an unexpected keyword argument {argument!r}")
        group, field = HOMES[argument]
        warnings.warn(f"{argument}= is a field now: {group.__name__}({field}=...)", DeprecationWarning, stacklevel=2)
    options = ConnectionOptions(
        with_earlier(reconnection or Reconnection(), earlier),
        with_earlier(timeouts or Timeouts(), earlier),
        with_earlier(stream or StreamOptions(), earlier),
        wait=wait,
        listen=listen,
        quiet=quiet,
        client=client,
        met=met,
    )
    given = _pinned(parse_given(url) if isinstance(url, str) else url, pin)
    credentials = with_earlier(credentials, earlier)
    if given.invite is not None:
        credentials = replace(credentials, invite=given.invite)
    return _connected(given, credentials, options, backlog, identities or Identities())


def _pinned(given: GivenAddress, pin: Fingerprint | str | None) -> GivenAddress:
    """The address with a pin. Raises ``UsageError`` when the text is none, or the link has another."""
    if pin is None:
        return given
    if isinstance(pin, str):
        try:
            pin = Fingerprint.parse(pin)
        except ValueError as error:
            raise UsageError(str(error)) from None
    if given.pin not in {None, pin}:
        raise UsageError("The link has another pin than the one that is given beside it. Leave one of them out.")
    return replace(given, pin=pin)


@asynccontextmanager
async def _connected(
    given: GivenAddress, credentials: Credentials, options: ConnectionOptions, backlog: int, identities: Identities
) -> AsyncGenerator[Chat]:
    """Keep a connection for as long as the body runs."""
    conversation = ClientState(secrets.token_hex(6), listening=options.listen, backlog=backlog)
    mailbox = Mailbox()
    link = Link(given, credentials, options, conversation, mailbox, identities)
    failure: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(link.run)
            try:
                await link.wait_entered()
                yield Chat(link, conversation, mailbox, link.address.url)
            except BaseException as error:  # noqa: BLE001 - raised again below, outside of the nursery's group
                failure = error
            with trio.CancelScope(shield=True):
                await link.aclose()
                await link.wait_finished()
    except BaseExceptionGroup as group:
        raise _single(group) from None
    if failure is not None:
        raise failure


def _single(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The only error of a nursery's group, or the group itself: no caller has to take groups apart."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup) and len(found.exceptions) == 1:
        found = found.exceptions[0]
    return found
