"""Getting in: reach the server, make sure that it is the right one, log in."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import msgspec
import trio

from trio_chat.client.admission import Setback, make_headers, refused_by
from trio_chat.client.credentials import Credentials
from trio_chat.client.frames import BadFrame, read_event
from trio_chat.client.local_time import in_local_time
from trio_chat.client.wire import ConnectionLost, Wire, open_wire
from trio_chat.errors import Unreachable
from trio_chat.protocol.codec import encode
from trio_chat.protocol.events import Closing, Error, Welcome
from trio_chat.protocol.requests import Hello

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from trio_chat.client.options import ConnectionOptions
    from trio_chat.client.trust import Trust


@asynccontextmanager
async def enter(
    trust: Trust, options: ConnectionOptions, recall: Callable[[], Credentials], request_id: str, *, came_before: bool
) -> AsyncGenerator[tuple[Wire, Welcome]]:
    """Connect and log in; gives the open connection and the server's welcome.

    ``recall`` gives the credentials, and is called once it is sure which server answers. ``request_id`` is the id of
    the ``hello``, where one is needed. ``came_before``: the server let this client in before, so that a welcome that
    makes no sense is no reason to give up.

    Raises :class:`~trio_chat.client.admission.Setback` when this fails.
    """
    opened = await trust.reach()
    try:
        credentials, nonce = None, b""
        if opened.proven:
            trust.take_proven(opened)
            credentials = recall()
            headers = make_headers(credentials, options.client, quiet=options.quiet)
        else:
            nonce, header = trust.make_nonce()
            headers = [*make_headers(Credentials(), options.client), header]
    except BaseException:
        await trio.aclose_forcefully(opened.stream)
        raise
    has_password = credentials is not None and credentials.password is not None
    opening = open_wire(trust.address, headers, opened.stream, host=opened.authority, has_password=has_password)
    async with opening as wire:
        hello: Hello | None = None
        if credentials is None:
            trust.check(opened, wire.headers, nonce)
            hello = _make_hello(recall(), options, request_id)
        elif credentials.empty:
            hello = _make_hello(credentials, options, request_id)
        yield wire, await _greet(wire, hello, trust.address.authority, came_before=came_before)


def _make_hello(credentials: Credentials, options: ConnectionOptions, request_id: str) -> Hello:
    return Hello(
        id=request_id,
        name=credentials.name,
        password=credentials.password,
        token=credentials.token,
        account_password=credentials.account_password,
        client=options.client,
        quiet=options.quiet,
        invite=credentials.invite,
    )


async def _greet(wire: Wire, hello: Hello | None, where: str, *, came_before: bool) -> Welcome:
    """Say hello, if the headers had no credentials, and wait for the server's welcome."""
    try:
        if hello is not None:
            with suppress(ConnectionLost):  # the server may have said why it closed; that is read below
                await wire.send(encode(hello))
        while True:
            event = in_local_time(read_event(await wire.receive()))
            if isinstance(event, Welcome):
                return event
            if isinstance(event, (Error, Closing)):
                raise refused_by(event)
            if isinstance(event, BadFrame) and event.kind == "welcome":
                sentence = f"The welcome of {where} makes no sense: {event.why}. Its operator can look why."
                raise Setback(Unreachable(sentence), again=came_before)
    except ConnectionLost as lost:
        sentence = f"{where} closed the connection before the login was done. {lost}"
        raise Setback(Unreachable(sentence), again=True) from None
    except msgspec.DecodeError:
        sentence = f"{where} is not a trio-chat server: it sent something that is not an event. Check the address."
        raise Setback(Unreachable(sentence), again=False) from None
