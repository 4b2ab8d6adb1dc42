"""Orders to a running server, through the Unix socket in its data directory."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Final

from trio_chat.cli.offline import is_there
from trio_chat.errors import TrioChatError

if TYPE_CHECKING:
    from pathlib import Path

    from trio_chat.broker.admin import Order, Table
    from trio_chat.server.doors.control import Listening
    from trio_chat.server.health import Health

_PATIENCE: Final = 30.0
"""Seconds that a server may take to reply; even a busy server replies within one."""

_READ: Final = 64 * 1024  # bytes asked for at once


def administer_running(directory: Path, order: Order) -> Table | None:
    """Have the running server carry out an order; ``None`` when no server is running. Raises ``TrioChatError``."""
    import msgspec  # noqa: PLC0415 - a help page does not need it

    from trio_chat.broker.admin import Table  # noqa: PLC0415 - a help page does not need it
    from trio_chat.server.doors.control import NAME, OrderResult  # noqa: PLC0415 - as above

    line = _send(directory, msgspec.json.encode(order))
    if line is None:
        return None
    try:
        answer = msgspec.json.decode(line, type=OrderResult)
    except msgspec.DecodeError:
        raise TrioChatError(f"The server at {directory / NAME} did not reply. See its log.") from None
    if answer.error:
        raise TrioChatError(answer.error)
    return Table(answer.headings, list(answer.rows))


def ask_listening(directory: Path) -> Listening | None:
    """Ask the running server where it listens; ``None`` when none is running, or it is too old to say. Raises
    ``TrioChatError``."""
    import msgspec  # noqa: PLC0415 - a help page does not need it

    from trio_chat.server.doors.control import ControlOrder, Listening  # noqa: PLC0415 - as above

    line = _send(directory, msgspec.json.encode(ControlOrder("listening")))
    try:
        return None if line is None else msgspec.json.decode(line, type=Listening)
    except msgspec.DecodeError:
        return None


def ask_health(directory: Path) -> Health | None:
    """Ask the running server for its health; ``None`` when none is running. Raises ``TrioChatError``."""
    import msgspec  # noqa: PLC0415 - a help page does not need it

    from trio_chat.server.doors.control import NAME, ControlOrder  # noqa: PLC0415 - as above
    from trio_chat.server.health import Health  # noqa: PLC0415 - as above

    line = _send(directory, msgspec.json.encode(ControlOrder("health")))
    try:
        return None if line is None else msgspec.json.decode(line, type=Health)
    except msgspec.DecodeError:
        raise TrioChatError(f"The server at {directory / NAME} did not say how it is. See its log.") from None


def _send(directory: Path, order: bytes) -> bytes | None:
    """Send an order to the running server; returns its reply, or ``None`` when no server is running."""
    from trio_chat.server.doors.control import NAME, short_path  # noqa: PLC0415 - a help page does not need it

    path = directory / NAME
    if not is_there(path):
        return None
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as sock:
        sock.settimeout(_PATIENCE)
        try:
            with short_path(directory) as short:
                sock.connect(short)
            return _ask_server(sock, order + b"\n")
        except (FileNotFoundError, ConnectionRefusedError):  # a server that was killed left its socket behind
            return None
        except OSError as error:
            raise TrioChatError(f"Cannot reach the server at {path}: {error.strerror or error}.") from error


def _ask_server(sock: socket.socket, order: bytes) -> bytes:
    """Send a line and read the reply."""
    sock.sendall(order)
    data = b""
    while not data.endswith(b"\n") and (piece := sock.recv(_READ)):
        data += piece
    return data
