"""The door for whoever runs the server: a Unix socket in its data directory.

There is no password: who may open the socket, which is its owner's alone, may do everything. One line
in, one JSON object (an :class:`~trio_chat.broker.admin.Order`); one line out, a :class:`Answer`.
"""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING, Final

import msgspec
import structlog
import trio
from msgspec import Struct

from trio_chat.broker.admin import Order
from trio_chat.errors import Refusal, refuse
from trio_chat.server.hub.items import Administration
from trio_chat.store.sqlite.faults import translated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trio_chat.server.hub.hub import Hub

NAME: Final = "control.sock"
"""The socket's name in the data directory."""

_MAX_LINE: Final = 4096
"""Bytes of an order: a verb and a name."""

log = structlog.get_logger()


class Answer(Struct, frozen=True, omit_defaults=True):
    """A table, or an error and what to do."""

    headings: tuple[str, ...] = ()
    rows: tuple[tuple[str | int | float | bool | None, ...], ...] = ()
    error: str = ""


@contextlib.contextmanager
def short_path(directory: Path) -> Iterator[str]:
    """A path to the socket that is short enough: an address of a Unix socket has 107 bytes at the most."""
    path = str(directory / NAME)
    if len(os.fsencode(path)) <= 100:  # noqa: PLR2004 - well below the least limit of the systems we run on
        yield path
        return
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}/{NAME}"
    finally:
        os.close(handle)


async def serve_control(
    directory: Path, hub: Hub, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Take orders until cancelled. A socket that a server left behind when it was killed is replaced: the
    store's lock has told that there is no other server. Raises ``StoreError`` where no socket can be made."""
    path = directory / NAME
    sock = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with sock:
        with translated(path):
            path.unlink(missing_ok=True)
            with short_path(directory) as short:
                before = os.umask(0o177)
                try:
                    await sock.bind(short)
                finally:
                    os.umask(before)
        sock.listen()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.serve_listeners, _answerer(hub), [trio.SocketListener(sock)])
                task_status.started()
        finally:
            path.unlink(missing_ok=True)


def _answerer(hub: Hub):  # type: ignore[no-untyped-def] # noqa: ANN202 - trio's handler, made for one hub
    async def handle(stream: trio.SocketStream) -> None:
        try:
            async with stream:
                await _take_orders(stream, hub)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return
        except Exception:  # the boundary: one order fails, the server goes on
            log.exception("order failed")

    return handle


async def _take_orders(stream: trio.SocketStream, hub: Hub) -> None:
    waiting = b""
    async for data in stream:
        waiting += data
        *lines, waiting = waiting.split(b"\n")
        for line in lines:
            answer = await _carry_out(line, hub)
            await stream.send_all(msgspec.json.encode(answer) + b"\n")
        if len(waiting) > _MAX_LINE:
            return


async def _carry_out(line: bytes, hub: Hub) -> Answer:
    try:
        order = msgspec.json.decode(line, type=Order)
    except msgspec.DecodeError as error:
        return Answer(error=str(refuse("bad_field", why=str(error))))
    item = Administration(order)
    async with hub.open_inbox() as inbox:
        await inbox.send(item)
        await item.settled.wait()
    if isinstance(item.answer, Refusal) or item.answer is None:
        return Answer(error=str(item.answer or refuse("internal")))
    log.info("order", do=order.do, name=order.name)
    return Answer(headings=item.answer.headings, rows=tuple(item.answer.rows))
