"""Responses of HTTP: a status, headers, and a body that is bytes or a part of a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple

from trio_chat.protocol.codec import encode
from trio_chat.protocol.events import Error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trio_chat.errors import Refusal
    from trio_chat.server.doors.http.heads import Head

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
"""The answer to ``Expect: 100-continue``: send the body (RFC 9110, 10.1.1)."""

_BODILESS: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
"""Statuses whose responses end with the head (RFC 9110, 8.6)."""


class FileBody(NamedTuple):
    """A part of an open file as a body: ``length`` bytes from ``offset`` on. The file has to stay open until the
    response is sent: the handler gives its closing to :attr:`HttpRequest.held`.

    ``still_allowed`` is asked now and then while it is sent; the connection is closed when the peer may not have the
    rest any more."""

    fd: int
    offset: int
    length: int
    still_allowed: Callable[[], Awaitable[bool]] | None = None


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response. ``kind`` is the type of the body; where it is empty there is no ``Content-Type``.

    ``headers`` come beside those that :func:`render` writes. One of them may be ``Cache-Control``, which then replaces
    ``no-store``.
    """

    status: int
    kind: str = ""
    body: bytes | FileBody = b""
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def length(self) -> int:
        """The size of the body in bytes."""
        return self.body.length if isinstance(self.body, FileBody) else len(self.body)

    def with_headers(self, *headers: tuple[str, str]) -> HttpResponse:
        """Return the same response with more headers."""
        return replace(self, headers=(*self.headers, *headers))


def refused(refusal: Refusal, head: Head | None = None) -> HttpResponse:
    """Return the response for a refusal: the error event that a session would get, as JSON; or its sentences, for a
    peer whose ``Accept`` names text and not JSON."""
    headers: list[tuple[str, str]] = []
    status = refusal.fault.http or HTTPStatus.BAD_REQUEST
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append(("WWW-Authenticate", 'Bearer realm="trio-chat"'))
    if status == HTTPStatus.UPGRADE_REQUIRED:
        headers += [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
    if status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
        headers.append(("Retry-After", "2"))
    if head is not None and _prefers_text(head):
        return HttpResponse(status, "text/plain; charset=utf-8", f"{refusal}\n".encode(), tuple(headers))
    body = encode(Error(code=refusal.code, message=refusal.message, advice=refusal.advice, until=refusal.until))
    return HttpResponse(status, "application/json", body + b"\n", tuple(headers))


def _phrase(status: int) -> str:
    """The words behind a status. A status of another protocol over HTTP, as tus's 460, has none (RFC 9112, 4)."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _prefers_text(head: Head) -> bool:
    accepted = head.headers.get("accept", "").lower()
    return "text/" in accepted and "json" not in accepted


def render(response: HttpResponse, *, body: bool = True, close: bool = True) -> bytes:
    """Return a response as bytes, up to its body where that is a part of a file. ``body``: with the body, which the
    answer to HEAD has not. ``close``: the connection closes behind it.
    """
    named = {name.lower() for name, _ in response.headers}
    lines = [f"HTTP/1.1 {response.status} {_phrase(response.status)}"]
    if response.kind:
        lines.append(f"Content-Type: {response.kind}")
    if response.status not in _BODILESS:
        lines.append(f"Content-Length: {response.length}")
    if "cache-control" not in named:
        lines.append("Cache-Control: no-store")
    lines.append("X-Content-Type-Options: nosniff")
    if close:
        lines.append("Connection: close")
    lines += (f"{name}: {value}" for name, value in response.headers)
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    return head + response.body if body and isinstance(response.body, bytes) else head
