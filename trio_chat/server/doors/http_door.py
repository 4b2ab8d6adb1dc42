"""The HTTP door: answers one request after the other on a connection, by the route table.

A request ends its connection if it says so, or is the last that a connection may make, or if its body was not read to
the end: what comes then cannot be told from the next request.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import structlog
import trio

from trio_chat.errors import Refusal, refuse
from trio_chat.protocol import proof
from trio_chat.server.doors.http.body import BodyCut, RequestBody
from trio_chat.server.doors.http.requests import HttpRequest
from trio_chat.server.doors.http.responses import FileBody, HttpResponse, refused, render
from trio_chat.server.doors.http.routes import Route, RouteMatch, RouteTable
from trio_chat.server.doors.origins import check_origin
from trio_chat.server.net.file_sending import FileShrank

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from trio_chat.server.doors.http.heads import Head
    from trio_chat.server.doors.own_hosts import OwnHosts
    from trio_chat.server.doors.prover import Prover
    from trio_chat.server.net.connection import Connection
    from trio_chat.server.net.waits import Waits
    from trio_chat.server.refusals import Refusals
    from trio_chat.server.tally import Tally

MOST_REQUESTS: Final = 1000
"""Requests that a connection may make, so that what one keeps ends some day."""

_DRAINED: Final = 64 * 1024
"""Bytes of a body that are read for nothing, to keep the connection: less than a new connection costs."""

_DRAINING: Final = 1.0
"""Seconds that the peer has to send them."""

_LOOK: Final = 10.0
"""Seconds between two looks whether the peer may still have the file that it is being sent."""

_NO_PAGE: Final = HttpResponse(404, "text/plain", b"There is no such page. / explains this server.\n")

log = structlog.get_logger()


class HttpVisit:
    """A connection with its requests: the client's ``address``, which may be another one with each request of a proxy;
    whether it is ``encrypted``; the address and port of its end here for which the server may sign (``local``); what
    takes it out of the newcomers for a while (``transferring``); and the number of ``requests`` so far."""

    def __init__(
        self,
        connection: Connection,
        *,
        encrypted: bool,
        local: tuple[str, int] | None,
        transferring: Callable[[], contextlib.AbstractContextManager[None]],
    ) -> None:
        self.connection = connection
        self.encrypted = encrypted
        self.local = local
        self.transferring = transferring
        self.address = ""
        self.requests = 0

    def __repr__(self) -> str:
        return f"<HttpVisit from {self.address}: {self.requests} requests>"


class HttpDoor:
    """See the module. ``timeout`` is how many seconds a peer may take for a response of a few bytes. ``allow_origin``
    and ``hosts`` say which web pages may make requests. ``waits`` ends the reading of bodies when the server stops."""

    def __init__(
        self,
        prover: Prover,
        hosts: OwnHosts,
        allow_origin: Sequence[str],
        waits: Waits,
        refusals: Refusals,
        tally: Tally,
        *,
        timeout: float,
    ) -> None:
        self.routes = RouteTable()
        self._prover = prover
        self._hosts = hosts
        self._allow_origin = tuple(allow_origin)
        self._waits = waits
        self._refusals = refusals
        self._tally = tally
        self._timeout = timeout

    def __repr__(self) -> str:
        return f"<HttpDoor with {self.routes!r}>"

    async def answer(self, visit: HttpVisit, head: Head) -> bool:
        """Answer a request. Returns whether the connection may make another.

        Raises ``trio.BrokenResourceError`` when the peer is gone.
        """
        visit.requests += 1
        self._tally.requests += 1
        with contextlib.ExitStack() as held:
            found = self._find(head)
            route = found.route if isinstance(found, RouteMatch) else None
            body = RequestBody(
                visit.connection, head, route.max_body if route else 0, self._waits, self._tally.count_received
            )
            response = await self._respond(visit, head, found, body, held)
            keep = head.keeps_alive and visit.requests < MOST_REQUESTS and await _drain(body)
            keep = keep and not self._waits.closed
            await self._send(visit, head, response, close=not keep)
            return keep

    def _find(self, head: Head) -> RouteMatch | HttpResponse | Refusal:
        """Return the route of a request, or the answer if it does not get to one."""
        found = self.routes.find(head.method, head.path)
        if not isinstance(found, RouteMatch):
            return _not_allowed(found) if found else _NO_PAGE
        route = found.route
        refusal = None if route.any_origin else check_origin(head, self._allow_origin, self._hosts)
        return refusal or _check_body(head, route) or found

    async def _respond(
        self,
        visit: HttpVisit,
        head: Head,
        found: RouteMatch | HttpResponse | Refusal,
        body: RequestBody,
        held: contextlib.ExitStack,
    ) -> HttpResponse:
        """Have the handler answer. The response has the proof of the server's identity, if the request asks for it."""
        statement = self._prover.read_statement(head, visit.local)
        answer: HttpResponse | Refusal
        if isinstance(statement, Refusal):
            answer = statement
        elif isinstance(found, RouteMatch):
            request = HttpRequest(head, found.params, visit.address, visit.encrypted, body, held, visit.transferring)
            answer = await _handle(found.route, request)
        else:
            answer = found
        if isinstance(answer, Refusal):
            self._refusals.note("refused", answer.code, visit.address)
            answer = refused(answer, head)
        if proof.NONCE.lower() in head.headers and not isinstance(statement, Refusal):
            made = self._prover.headers(statement)
            shown = tuple((name.decode(), value.decode()) for name, value in made)
            answer = answer.with_headers(*shown)
        return answer

    async def _send(self, visit: HttpVisit, head: Head, response: HttpResponse, *, close: bool) -> None:
        connection, whole = visit.connection, head.method != "HEAD"
        with trio.move_on_after(self._timeout) as scope:
            await connection.send_all(render(response, body=whole, close=close))
        if scope.cancelled_caught:
            raise trio.BrokenResourceError("the peer does not read the answer")
        if whole and isinstance(response.body, FileBody) and response.length:
            try:
                await _send_file(connection, response.body, self._tally.count_sent)
            except FileShrank as error:
                log.error("file is shorter than promised", path=head.path, error=str(error))  # noqa: TRY400 - no bug of ours
                raise trio.BrokenResourceError("a file is shorter than promised") from error


async def _send_file(connection: Connection, body: FileBody, count: Callable[[int], None]) -> None:
    """Send a file as long as the peer may have it: at the slowest rate, it would take a day.

    Raises as :meth:`Connection.send_file`.
    """
    failure: Exception | None = None
    ended = False

    async def watch(allowed: Callable[[], Awaitable[bool]]) -> None:
        nonlocal ended
        while not ended:
            await trio.sleep(_LOOK)
            ended = not await allowed()
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        if body.still_allowed is not None:
            nursery.start_soon(watch, body.still_allowed)
        try:
            await connection.send_file(body.fd, body.offset, body.length, count)
        except (FileShrank, trio.BrokenResourceError, trio.ClosedResourceError) as error:
            failure = error
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
    if ended:
        raise trio.BrokenResourceError("the peer may not have the rest")


async def _handle(route: Route, request: HttpRequest) -> HttpResponse | Refusal:
    """Run a handler. A bug in it costs its request alone."""
    try:
        return await route.handler(request)
    except BodyCut as cut:
        return cut.refusal
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        raise
    except Exception:
        log.exception("request failed", method=request.head.method, path=route.pattern)
        return refuse("internal")


async def _drain(body: RequestBody) -> bool:
    """Read a small rest of a body for nothing. Returns whether the connection is at the end of the request then."""
    if body.finished:
        return True
    if body.expected or body.left is None or body.left > _DRAINED:
        return False
    with trio.move_on_after(_DRAINING):
        try:
            async for _ in body:
                pass
        except (BodyCut, trio.BrokenResourceError):
            return False
    return body.finished


def _check_body(head: Head, route: Route) -> Refusal | None:
    """Refuse a request for what its head says of its body."""
    if head.headers.get("expect", "100-continue").lower() != "100-continue":
        return refuse("bad_expectation")
    if route.max_body and head.length is not None and head.length > route.max_body:
        return refuse("body_too_large", limit=route.max_body)
    return None


def _not_allowed(methods: Sequence[str]) -> HttpResponse:
    text = "Only GET works here.\n" if set(methods) == {"GET", "HEAD"} else f"Only {', '.join(methods)} work here.\n"
    return HttpResponse(405, "text/plain", text.encode(), (("Allow", ", ".join(methods)),))
