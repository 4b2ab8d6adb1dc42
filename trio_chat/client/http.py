"""HTTP/1.1 to the server of a chat, for its files: one connection, over the streams that the chat itself would open.

Theory of operation. The first thing that a server gets is no secret. Where TLS has proved its key, the token goes into
the first request. Elsewhere the first request is an ``OPTIONS`` with a nonce; its response shows the server's key and
its signature, as the response to an upgrade does, and only then the token follows, on the same connection. See
:mod:`trio_chat.client.trust`.

A request's body is read, sent and forgotten piece by piece, and so is a response's. While a body is sent the response
is awaited already: a server may refuse an upload before it has all of it. No redirect is ever followed.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias
from urllib.parse import quote

import h11
import trio

from trio_chat.client.trust import Trust
from trio_chat.client.wire import CONNECT_TIMEOUT, timed_out
from trio_chat.errors import ChatError, Unreachable

if TYPE_CHECKING:
    from trio_chat.client.address import Address
    from trio_chat.client.trust import OpenedStream

READ_SIZE: Final = 256 * 1024
"""Bytes asked of the socket at once: large enough that Python's part of the work is small."""

STALL: Final = 30.0
"""Seconds in which not one byte moved, after which a connection is given up."""

ANSWER_TIMEOUT: Final = 120.0
"""Seconds for the response after the whole request was sent: a server hashes a file and writes it through to its disk
before it acknowledges the last bytes."""

MAX_ERROR_BODY: Final = 64 * 1024
"""Bytes of a response that are read where no file is wanted: what servers say about an error is far shorter."""

_MAX_HEAD: Final = 32 * 1024

Headers: TypeAlias = Sequence[tuple[str, str]]
ReadPiece: TypeAlias = Callable[[], Awaitable[bytes]]
"""Gives the next piece of a body; empty at its end. May raise ``ChatError``, which ends the request."""


class HttpLost(Exception):
    """The connection broke, or nothing moved any more; ``str()`` is a sentence. Another one may get further."""


class HttpAnswer(NamedTuple):
    """The head of a response: its status, and its headers by their names in lower case."""

    status: int
    headers: Mapping[str, str]


class HttpConnection:
    """One connection to a server that has proved its key. One task uses it at a time. See :func:`open_http`."""

    def __init__(self, opened: OpenedStream, address: Address, headers: Headers) -> None:
        self._opened = opened
        self._address = address
        self._headers = list(headers)
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)

    def __repr__(self) -> str:
        return f"<HttpConnection to {self._address.authority}, {self._h11.our_state}>"

    @property
    def prefix(self) -> str:
        """The path before ``/files``: empty, unless a proxy serves the chat below a path of its own."""
        return self._address.path.partition("?")[0].rstrip("/")

    @property
    def where(self) -> str:
        """The server's host and port, for sentences."""
        return self._address.authority

    @property
    def reusable(self) -> bool:
        """Whether another request can follow now: the last response was read to its end, and nobody closes."""
        return (self._h11.our_state, self._h11.their_state) in {(h11.IDLE, h11.IDLE), (h11.DONE, h11.DONE)}

    @property
    def in_body(self) -> bool:
        """Whether the body of a response can be read on."""
        return self._h11.their_state is h11.SEND_BODY and self._h11.our_state in {h11.DONE, h11.MUST_CLOSE}

    async def ask(
        self, method: str, path: str, headers: Headers = (), body: ReadPiece | None = None, size: int = 0
    ) -> HttpAnswer:
        """Send a request and wait for the head of its response; the body of ``size`` bytes comes from ``body``.

        Raises :class:`HttpLost`, :class:`~trio_chat.errors.Unreachable` for an answer that is no HTTP, and what
        ``body`` raises. After an exception or a cancellation the connection must be closed.
        """
        if self._h11.our_state is h11.DONE:
            self._h11.start_next_cycle()
        sized = [("Content-Length", str(size))] if body is not None or method in {"POST", "PATCH"} else []
        fields = [("Host", self._opened.authority), *self._headers, *headers, *sized]
        await self._send(h11.Request(method=method, target=path, headers=fields))
        return await self._exchange(body)

    async def receive(self) -> bytes:
        """The next piece of the response's body; empty at its end. Raises as :meth:`ask`."""
        while True:
            event = await self._next_event(STALL)
            if isinstance(event, h11.Data):
                if event.data:
                    return bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return b""
            else:
                raise HttpLost(f"{self.where} closed the connection.")

    async def read_short(self) -> bytes:
        """The body of a response that is about an error, or nothing: its first :data:`MAX_ERROR_BODY` bytes. If there
        are more, the connection cannot be used again. Raises as :meth:`ask`."""
        found = bytearray()
        while piece := await self.receive():
            found += piece
            if len(found) > MAX_ERROR_BODY:
                await self.aclose()
                break
        return bytes(found[:MAX_ERROR_BODY])

    async def aclose(self) -> None:
        """Close the connection at once."""
        self._h11.send_failed()
        await trio.aclose_forcefully(self._opened.stream)

    # ---- how it is done ------------------------------------------------------------------------

    async def _exchange(self, body: ReadPiece | None) -> HttpAnswer:
        """Send the body and wait for the response at the same time."""
        patience = STALL if body is None else ANSWER_TIMEOUT  # the server has to store and hash what it got
        failure: ChatError | None = None
        answer: HttpAnswer | None = None
        lost = HttpLost(f"{self.where} did not answer in time.")

        async with trio.open_nursery() as nursery:
            waiting = trio.CancelScope()

            async def send_body() -> None:
                nonlocal failure
                try:
                    while body is not None and (piece := await body()):
                        await self._send(h11.Data(data=piece))
                    await self._send(h11.EndOfMessage())
                except HttpLost:
                    pass  # the server may have said why it closed; that is read next
                except h11.LocalProtocolError as error:  # fewer or more bytes than were announced
                    failure = ChatError(f"The file is not as long as it was: {error}.")
                    waiting.cancel()
                except ChatError as error:
                    failure = error
                    waiting.cancel()
                waiting.deadline = min(waiting.deadline, trio.current_time() + patience)

            nursery.start_soon(send_body)
            with waiting:
                try:
                    answer = await self._read_head()
                except (HttpLost, Unreachable) as error:
                    lost_or_bad: HttpLost | Unreachable = error
                    if isinstance(lost_or_bad, Unreachable):
                        failure = lost_or_bad
                    else:
                        lost = lost_or_bad
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
        if answer is None:
            raise lost
        return answer

    async def _read_head(self) -> HttpAnswer:
        while True:
            event = await self._next_event(math.inf)
            if isinstance(event, h11.Response):
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
                return HttpAnswer(event.status_code, headers)
            if not isinstance(event, h11.InformationalResponse):
                raise HttpLost(f"{self.where} closed the connection.")

    async def _send(self, event: h11.Event) -> None:
        pieces = self._h11.send_with_data_passthrough(event) or []
        try:
            with trio.fail_after(STALL):
                for piece in pieces:
                    await self._opened.stream.send_all(piece)
        except trio.TooSlowError:
            raise HttpLost(f"{self.where} took nothing for {STALL:g} seconds.") from None
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise HttpLost(f"The connection to {self.where} was lost.") from None

    async def _next_event(self, limit: float) -> h11.Event | type[h11.PAUSED]:
        while True:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as error:
                if self._h11.trailing_data[1]:  # the stream ended in the middle
                    raise HttpLost(f"{self.where} closed the connection in the middle of its answer.") from None
                raise Unreachable(f"{self.where} does not answer as a web server does ({error}).") from None
            if event is not h11.NEED_DATA:
                return event  # type: ignore[return-value] # h11 types its sentinels as classes of their own
            self._h11.receive_data(await self._receive(limit))

    async def _receive(self, limit: float) -> bytes:
        try:
            with trio.fail_after(limit):
                return bytes(await self._opened.stream.receive_some(READ_SIZE))
        except trio.TooSlowError:
            raise HttpLost(f"Nothing came from {self.where} for {STALL:g} seconds.") from None
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise HttpLost(f"The connection to {self.where} was lost.") from None


async def open_http(trust: Trust, token: str, client: str) -> HttpConnection:
    """Connect to the server that the trust knows, and make sure that it is this one before it gets the token.

    Raises :class:`~trio_chat.client.admission.Setback` when it cannot be reached or is another server, and
    :class:`HttpLost`.
    """
    agent = ("User-Agent", quote(client, safe="/ .-_()"))
    with trio.move_on_after(CONNECT_TIMEOUT):
        opened = await trust.reach()
        try:
            if not opened.proven:
                await _prove(trust, opened, agent)
        except BaseException:
            await trio.aclose_forcefully(opened.stream)
            raise
        secret = ("Authorization", f"Bearer {quote(token, safe='-_.~')}")
        return HttpConnection(opened, trust.address, (agent, secret))
    raise timed_out(trust.address)


async def _prove(trust: Trust, opened: OpenedStream, agent: tuple[str, str]) -> None:
    """Ask a server for the proof of its key, without a secret. The connection can be used again afterwards."""
    nonce, (name, value) = trust.make_nonce()
    bare = HttpConnection(opened, trust.address, (agent, (name.decode(), value.decode())))
    answer = await bare.ask("OPTIONS", f"{bare.prefix}/files")
    trust.check(opened, answer.headers, nonce)
    await bare.read_short()
    if not bare.reusable:
        raise HttpLost(f"{bare.where} closes each connection after one answer.")
