"""The door for the server's operator: a Unix socket in the data directory.

There is no password: only the socket's owner may open it, and may then order everything. A line in is one JSON object,
an :class:`~trio_chat.broker.admin.Order`; a line out is an :class:`OrderResult`.
"""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec
import structlog
import trio
from msgspec import Struct

from trio_chat.broker.admin import Order
from trio_chat.errors import Refusal, refuse
from trio_chat.server.health import Health, check_health
from trio_chat.server.operator import carry_out
from trio_chat.store.sqlite.faults import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from trio_chat.server.hub.hub import Hub

NAME: Final = "control.sock"
"""The socket's name in the data directory."""

_MAX_PATH: Final = 100
"""Bytes of a socket's path: well below the least limit of the systems that we run on, 104 with the final zero."""

_DESCRIPTORS: Final = Path("/proc/self/fd")
"""The directory of Linux in which an open directory has a short name."""

_SHORT: Final = "/tmp"  # noqa: S108 - only for a directory that TemporaryDirectory makes there; TMPDIR may be long
"""The directory for a short link where there is no /proc."""

_MAX_LINE: Final = 4096
"""The greatest size of an order, a verb and a name, in bytes."""

log = structlog.get_logger()


class Listening(Struct, frozen=True):
    """The answer to the order ``listening``: the server's URLs, the epoch of its history, and the URLs by which people
    on other machines reach it, the best first."""

    urls: tuple[str, ...]
    epoch: str
    guest_urls: tuple[str, ...] = ()


class ControlOrder(Struct, frozen=True):
    """The orders that this door carries out itself: they ask which server this is, and whether it does its work."""

    do: Literal["listening", "health"]


class OrderResult(Struct, frozen=True, omit_defaults=True):
    """A table, or an error with advice."""

    headings: tuple[str, ...] = ()
    rows: tuple[tuple[str | int | float | bool | None, ...], ...] = ()
    error: str = ""


@contextlib.contextmanager
def short_path(directory: Path) -> Iterator[str]:
    """Yield a path to the socket that is short enough: the address of a Unix socket has 107 bytes at the most."""
    path = str(directory / NAME)
    if len(os.fsencode(path)) <= _MAX_PATH:
        yield path
    elif _DESCRIPTORS.is_dir():
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield f"{_DESCRIPTORS}/{handle}/{NAME}"
        finally:
            os.close(handle)
    else:
        with tempfile.TemporaryDirectory(prefix="trio-chat-", dir=_SHORT) as folder:  # nobody else can enter it
            link = Path(folder, "data")
            link.symlink_to(directory.absolute(), target_is_directory=True)
            yield str(link / NAME)


async def serve_control(
    directory: Path,
    hub: Hub,
    urls: Sequence[str] = (),
    guest_urls: Callable[[], Sequence[str]] = tuple,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Take orders until cancelled. ``urls`` are where the server listens, and ``guest_urls`` tells by which URLs people
    on other machines reach it. Replaces the socket of a server that was killed: the store's lock has shown that no
    other server runs. Raises ``StoreError`` when no socket can be made."""
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
            own = path.lstat()
        sock.listen()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.serve_listeners, _answerer(hub, urls, guest_urls), [trio.SocketListener(sock)])
                task_status.started()
        finally:
            _remove(path, own)


def _remove(path: Path, own: os.stat_result) -> None:
    """Remove the server's own socket, unless somebody has removed or replaced it. That must not hinder the end."""
    try:
        if os.path.samestat(path.lstat(), own):
            path.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        log.warning("socket not removed", path=str(path), error=error.strerror)


def _answerer(hub: Hub, urls: Sequence[str], guest_urls: Callable[[], Sequence[str]]):  # type: ignore[no-untyped-def] # noqa: ANN202 - trio's handler, made for one hub
    async def handle(stream: trio.SocketStream) -> None:
        try:
            async with stream:
                await _take_orders(stream, hub, urls, guest_urls)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return
        except Exception:  # the boundary: one order fails, the server goes on
            log.exception("order failed")

    return handle


async def _take_orders(
    stream: trio.SocketStream, hub: Hub, urls: Sequence[str], guest_urls: Callable[[], Sequence[str]]
) -> None:
    waiting = b""
    async for data in stream:
        waiting += data
        *lines, waiting = waiting.split(b"\n")
        for line in lines:
            answer = await _tell(line, hub, urls, guest_urls) or await _carry_out(line, hub)
            await stream.send_all(msgspec.json.encode(answer) + b"\n")
        if len(waiting) > _MAX_LINE:
            return


async def _tell(
    line: bytes, hub: Hub, urls: Sequence[str], guest_urls: Callable[[], Sequence[str]]
) -> Listening | Health | None:
    """Answer a question about the server; ``None`` if the line is none."""
    try:
        order = msgspec.json.decode(line, type=ControlOrder)
    except msgspec.DecodeError:
        return None
    if order.do == "health":
        return await check_health(hub)
    return Listening(tuple(urls), hub.broker.settings.epoch, tuple(guest_urls()))


async def _carry_out(line: bytes, hub: Hub) -> OrderResult:
    try:
        order = msgspec.json.decode(line, type=Order)
    except msgspec.DecodeError as error:
        return OrderResult(error=str(refuse("bad_field", why=str(error))))
    answer = await carry_out(hub, order)
    if isinstance(answer, Refusal):
        return OrderResult(error=str(answer))
    log.info("order", do=order.do, name=order.name)
    return OrderResult(headings=answer.headings, rows=tuple(answer.rows))
