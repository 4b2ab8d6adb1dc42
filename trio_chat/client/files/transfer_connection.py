"""The connection of one file transfer, with the patience of the chat.

A lost one is made anew, and a busy server is asked again, after the pauses of the chat's own backoff.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
import trio

from trio_chat.client.admission import Setback
from trio_chat.client.http import HttpAnswer, HttpConnection, HttpLost, open_http
from trio_chat.client.local_time import in_local_time
from trio_chat.errors import ChatError, NotAcknowledged, NotDone, Unreachable
from trio_chat.protocol.events import Error
from trio_chat.protocol.text import clean_line

if TYPE_CHECKING:
    from trio_chat.client.transfer_access import TransferAccess

T = TypeVar("T")

TUS: Final = ("Tus-Resumable", "1.0.0")
"""The header of every request about an upload."""

_LATER: Final = frozenset({408, 409, 423, 425, 429, 500, 502, 503, 504})
"""Statuses after which a second try may succeed: a server that is starting, busy, or still busy with our last
connection (423, 409)."""

_MULTIPLE_CHOICES, _BAD_REQUEST, _NOT_FOUND, _METHOD = 300, 400, 404, 405  # RFC 9110, section 15
_LONGEST_WAIT: Final = 60.0
"""Seconds that a server can make a client wait by ``Retry-After``."""

_ID: Final = re.compile(r"[A-Za-z0-9_~.-]{1,64}")


class TryLater(Exception):
    """The server cannot do it now. ``error`` says why, ``asked`` after how many seconds to ask again (``None``: it did
    not say)."""

    def __init__(self, error: ChatError, asked: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.asked = asked


class TransferConnection:
    """Connects one transfer with a server, and again after each loss: at most one connection at a time.

    ``access`` is asked for each connection, since the chat may have another token or address by then. It raises
    :class:`~trio_chat.errors.ConnectionClosed` when the chat is over, which ends the transfer.
    """

    def __init__(self, access: Callable[[], TransferAccess]) -> None:
        self._access = access
        self._connection: HttpConnection | None = None

    def __repr__(self) -> str:
        return f"<TransferConnection {self._connection!r}>"

    async def persist(
        self,
        work: Callable[[HttpConnection], Awaitable[T]],
        *,
        moved: Callable[[], int] = lambda: 0,
        waiting: Callable[[], object] = lambda: None,
    ) -> T:
        """Do ``work`` with a connection, and again with another one when it is lost, until it is done.

        ``moved`` counts what was achieved: as long as that grows, patience begins anew. ``waiting`` is called before
        each pause. Raises what ``work`` raises, other than :class:`~trio_chat.client.http.HttpLost` and
        :class:`TryLater`; after the patience is over, :class:`~trio_chat.errors.NotAcknowledged` or the server's own
        refusal. Cancelled, the connection is closed.
        """
        failures, before, last_moved = 0, moved(), trio.current_time()
        while True:
            access = self._access()
            asked: float | None = None
            try:
                return await work(await self._connect(access))
            except HttpLost as lost:
                error: ChatError = NotAcknowledged(str(lost))
            except TryLater as later:
                error, asked = later.error, later.asked
            except Setback as setback:
                if not setback.again:
                    raise setback.error from None
                error = setback.error
            except BaseException:
                await self.aclose()
                raise
            await self.aclose()
            if moved() != before:
                failures, before, last_moved = 0, moved(), trio.current_time()
            failures += 1
            left = access.patience - (trio.current_time() - last_moved)
            if left <= 0 or not (access.reconnection.reconnect or asked is not None):
                raise error
            waiting()
            await self._pause(access, failures, asked, left)

    async def _pause(self, access: TransferAccess, failures: int, asked: float | None, left: float) -> None:
        """Wait before another try, at most as long as there is patience ``left``; not longer than until the chat itself
        is connected again."""
        delay = access.reconnection.backoff.delay(failures, access.reconnection.chance.random(), asked)
        with trio.move_on_after(min(delay, left)):
            if asked is None:
                await access.wait_entered()
            else:
                await trio.sleep_forever()

    async def _connect(self, access: TransferAccess) -> HttpConnection:
        if self._connection is not None and (self._connection.reusable or self._connection.in_body):
            return self._connection
        await self.aclose()
        if not access.token:
            why = "This server keeps no accounts, and files belong to accounts: it takes and gives none."
            raise NotDone("no_files", why)
        self._connection = await open_http(access.trust, access.token, access.client)
        return self._connection

    async def aclose(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.aclose()


def path_of(connection: HttpConnection, file: str = "") -> str:
    """The path of a file at the server, or of all of them. Raises ``ChatError`` for an id that cannot be one."""
    if not file:
        return f"{connection.prefix}/files"
    if not _ID.fullmatch(file) or not file.strip("."):
        raise NotDone("unknown_file", f"{clean_line(file[:64])!r} is not the id of a file.", "Look it up again.")
    return f"{connection.prefix}/files/{file}"


async def settle(connection: HttpConnection, answer: HttpAnswer) -> HttpAnswer:
    """Read the rest of a response that carries no file, and return it if the request was done.

    Raises :class:`~trio_chat.errors.NotDone` with the server's refusal, :class:`TryLater`,
    :class:`~trio_chat.errors.Unreachable` for an answer that no chat server gives, such as a redirect, and
    :class:`~trio_chat.client.http.HttpLost`.
    """
    body = await connection.read_short()
    if answer.status < _MULTIPLE_CHOICES:
        return answer
    raise _why_not(answer, body, connection.where)


def _why_not(answer: HttpAnswer, body: bytes, where: str) -> Exception:
    status = answer.status
    if status < _BAD_REQUEST:
        return Unreachable(
            f"{where} answered with a redirect (HTTP {status}), which is not followed. Give the server's own address."
        )
    error: ChatError
    try:
        event = in_local_time(msgspec.json.decode(body, type=Error))
        error = NotDone(event.code, *(clean_line(text) for text in (event.message, event.advice)))
    except (msgspec.DecodeError, UnicodeDecodeError):
        if status in {_NOT_FOUND, _METHOD}:
            gone = "It may have been deleted, or be in a room that you cannot read."
            error = NotDone("unknown_file", f"{where} has no such file for you (HTTP {status}).", gone)
        else:
            error = Unreachable(f"{where} answered with HTTP {status}, and did not say why.")
    if status not in _LATER:
        return error
    after = answer.headers.get("retry-after", "")
    return TryLater(error, min(float(after), _LONGEST_WAIT) if after.isascii() and after.isdecimal() else None)
