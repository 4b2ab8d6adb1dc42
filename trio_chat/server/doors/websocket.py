"""The WebSocket door: the credentials in the headers of an upgrade, the upgrade itself, and the session."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, wrap_server_stream

from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.codec import SUBPROTOCOL
from trio_chat.protocol.requests import Hello

if TYPE_CHECKING:
    from collections.abc import Sequence

    import trio

    from trio_chat.server.doors.http import Head
    from trio_chat.server.net.connection import Connection


_KEY: Final = 16
"""Bytes of a key (RFC 6455, 4.1)."""


def read_credentials(head: Head) -> Hello | Refusal | None:
    """Read the hello in the headers of an upgrade; ``None`` where there is none: then it comes as a message.

    ``Authorization`` is ``Bearer PASSWORD``, or ``Basic`` (RFC 7617) with the name too. ``Username``, the
    password, ``Trio-Chat-Token``, ``Trio-Chat-Password`` (the account's own) and ``Trio-Chat-Invite`` (the secret of an
    invite) may be percent-encoded UTF-8;
    ``Trio-Chat-Quiet: 1`` makes the session quiet: it is not counted as present.
    """
    name = head.headers.get("username")
    token = head.headers.get("trio-chat-token")
    account_password = head.headers.get("trio-chat-password")
    invite = head.headers.get("trio-chat-invite")
    scheme, _, value = head.headers.get("authorization", "").partition(" ")
    password: str | None = None
    if scheme.lower() == "bearer":
        password = unquote(value.strip())
    elif scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return refuse("bad_head", why="its Authorization header cannot be decoded")
        name = name or user or None
    elif scheme:
        return refuse("bad_head", why="its Authorization header is neither Bearer nor Basic")
    if name is None and password is None and token is None and account_password is None and invite is None:
        return None
    return Hello(
        id="",
        name=None if name is None else unquote(name),
        password=password,
        token=None if token is None else unquote(token),
        account_password=None if account_password is None else unquote(account_password),
        client=head.headers.get("user-agent", "")[:256],
        quiet=head.headers.get("trio-chat-quiet") == "1",
        invite=None if invite is None else unquote(invite),
    )


def check_upgrade(head: Head) -> Refusal | None:
    """Refuse an upgrade that breaks RFC 6455, 4.2.1, or HTTP/1.1: trio-websocket would refuse it without a reason."""
    headers = head.headers
    if head.version != "1.1":
        return refuse("bad_upgrade", why="it is not HTTP/1.1")
    if "content-length" in headers or "transfer-encoding" in headers:
        return refuse("bad_upgrade", why="it has a body")
    if "upgrade" not in [token.strip().lower() for token in headers.get("connection", "").split(",")]:
        return refuse("bad_upgrade", why="its Connection header does not say Upgrade")
    if headers.get("upgrade", "").strip().lower() != "websocket":
        return refuse("bad_upgrade", why="its Upgrade header does not say websocket alone")
    version = headers.get("sec-websocket-version")
    if version != "13":
        return refuse("bad_version") if version else refuse("bad_upgrade", why="it has no Sec-WebSocket-Version")
    if not _is_key(headers.get("sec-websocket-key", "")):
        return refuse("bad_upgrade", why="it has no Sec-WebSocket-Key of 16 bytes in Base64")
    if "host" not in headers:
        return refuse("bad_upgrade", why="it has no Host")
    return None


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == _KEY
    except binascii.Error:
        return False


async def examine(connection: Connection, nursery: trio.Nursery, max_frame: int) -> WebSocketRequest:
    """Have trio-websocket read the upgrade, which is still to be answered. Its tasks run in ``nursery``.

    A bad upgrade is answered with the reason, and the connection ends.
    """
    return await wrap_server_stream(nursery, connection, message_queue_size=1, max_message_size=max_frame)


async def upgrade(
    connection: Connection, request: WebSocketRequest, headers: Sequence[tuple[bytes, bytes]] = ()
) -> WebSocketConnection:
    """Answer the upgrade, with these headers beside its own."""
    proposed = SUBPROTOCOL if SUBPROTOCOL in request.proposed_subprotocols else None
    websocket = await request.accept(subprotocol=proposed, extra_headers=list(headers))
    connection.open_up(websocket)
    return websocket


async def serve(connection: Connection, websocket: WebSocketConnection) -> None:
    """Serve a session until it ends.

    Returns when the peer is gone. On cancellation the caller has to close the connection.
    """
    try:
        while True:  # only for unusual messages: the connection takes the ordinary ones
            await connection.post(await websocket.get_message())
    except ConnectionClosed:
        await connection.wait_closed()
