"""The HTTP door: heads of requests, the health check, the metrics, and a page for people with a browser."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import h11
import msgspec

from trio_chat.addresses import is_this_machine
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.codec import encode
from trio_chat.protocol.events import Error
from trio_chat.protocol.text import clean_line
from trio_chat.server.health import check_health
from trio_chat.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio_chat.server.doors.own_hosts import OwnHosts
    from trio_chat.server.hub.hub import Hub

MAX_HEAD: Final = 16 * 1024
"""The greatest size of an HTTP head, in bytes; browsers and proxies stay far below."""

_LONGEST_ADDRESS: Final = 270
"""Characters of an address that the page shows: a DNS name has 253 at the most, and a port follows it."""


_MOST_HEADERS: Final = 100
"""Headers of one head: browsers and proxies send some thirty, and each takes microseconds to read."""

_ONCE: Final = frozenset(
    {
        "authorization",
        "content-length",
        "host",
        "origin",
        "sec-websocket-key",
        "sec-websocket-version",
        "transfer-encoding",
        "trio-chat-invite",
        "trio-chat-password",
        "trio-chat-quiet",
        "trio-chat-token",
        "username",
    }
)
"""Headers that may not come twice. A proxy in front of the server could read the other one of the two."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an HTTP request. Header names are in lower case. Values of several headers of one name are one list,
    separated by commas (RFC 9110, 5.3)."""

    method: str
    path: str
    headers: dict[str, str] = field(repr=False)  # they may have credentials
    version: str = "1.1"

    @property
    def wants_websocket(self) -> bool:
        """Whether the request asks for an upgrade to WebSocket (RFC 6455, 4.2.1)."""
        return self.method == "GET" and "websocket" in self.headers.get("upgrade", "").lower()


@dataclass(frozen=True, slots=True)
class Response:
    """A response: status, content type, body, more headers."""

    status: int
    kind: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def parse_head(data: bytes) -> Head | Refusal:
    """Read a head, which ``data`` must hold whole. Refuses unfinished heads, and those that h11 refuses."""
    end = data.find(b"\r\n\r\n")
    fault = _find_fault(data[: end + 2] if end >= 0 else data)
    if end < 0 or end > MAX_HEAD - 4:
        why = "its head is too long" if len(data) >= MAX_HEAD else fault or "its head is not complete"
        return refuse("bad_head", why=why)
    if fault is not None:
        return refuse("bad_head", why=fault)
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD * 8)
    try:
        parser.receive_data(data[: end + 4])
        event = parser.next_event()
    except h11.RemoteProtocolError as error:
        error.__traceback__ = None  # h11 raises it in a way that makes a circle, with the connection in it
        return refuse("bad_head", why=clean_line(str(error).partition(":")[0]))
    if not isinstance(event, h11.Request):
        return refuse("bad_head", why="it is not a request")
    headers: dict[str, str] = {}
    for raw_name, raw_value in event.headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if name not in headers:
            headers[name] = value
        elif name in _ONCE:
            return refuse("bad_head", why=f"it has two headers called {name.title()}")
        else:
            headers[name] += f", {value}"
    path = event.target.decode("latin-1").partition("?")[0]
    return Head(event.method.decode("latin-1"), path, headers, event.http_version.decode("latin-1"))


def _find_fault(lines: bytes) -> str | None:
    """Say what is wrong with the lines of a head that h11 would read all the same. A proxy may read them otherwise, and
    then the two do not mean the same request (RFC 9112, 2.2 and 5.2)."""
    ends = lines.count(b"\r\n")
    if lines.count(b"\n") != ends or lines.count(b"\r") != ends:
        return "a line does not end with CR LF"
    if b"\r\n " in lines or b"\r\n\t" in lines:
        return "a header goes on in another line"
    if ends - 1 > _MOST_HEADERS:
        return f"it has more than {_MOST_HEADERS} headers"
    return None


def refused(refusal: Refusal, head: Head | None = None) -> Response:
    """Return the response for a refusal: the error event that a session would get; for a browser that should use TLS,
    a page."""
    if refusal.code == "tls_needed" and head is not None and "text/html" in head.headers.get("accept", ""):
        return _page(HTTPStatus.BAD_REQUEST, _TLS_PAGE.format(url=html.escape(refusal.params["url"])))
    headers: list[tuple[str, str]] = []
    status = refusal.fault.http or HTTPStatus.BAD_REQUEST
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append(("WWW-Authenticate", 'Bearer realm="trio-chat"'))
    if status == HTTPStatus.UPGRADE_REQUIRED:
        headers += [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append(("Retry-After", "2"))
    body = encode(Error(code=refusal.code, message=refusal.message, advice=refusal.advice, until=refusal.until))
    return Response(status, "application/json", body + b"\n", tuple(headers))


def render(response: Response, *, body: bool = True) -> bytes:
    """Return a response as bytes; the connection closes behind it."""
    lines = [
        f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}",
        f"Content-Type: {response.kind}",
        f"Content-Length: {len(response.body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
        *(f"{name}: {value}" for name, value in response.headers),
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (response.body if body else b"")


async def answer(
    head: Head, hub: Hub, hosts: OwnHosts, metrics: Callable[[], bytes], *, encrypted: bool = False
) -> Response | Refusal:
    """Respond to a request that is no upgrade. The figures are for requests to a host of ``hosts`` only: a web page
    could read them under a name of its own that leads here. ``encrypted``: it came over TLS."""
    if head.method not in {"GET", "HEAD"}:
        return Response(
            HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", b"Only GET works here.\n", (("Allow", "GET, HEAD"),)
        )
    if head.path == "/healthz":
        return await _health(hub)
    if head.path == "/metrics":
        refusal = hosts.check(head.headers.get("host", ""))
        if refusal is not None:
            return refusal
        return Response(HTTPStatus.OK, "text/plain; version=0.0.4; charset=utf-8", metrics())
    if head.path == "/":
        return _page(HTTPStatus.OK, _FRONT.format(where=html.escape(_where(head, encrypted)), version=__version__))
    return Response(HTTPStatus.NOT_FOUND, "text/plain", b"There is no such page. / explains this server.\n")


async def _health(hub: Hub) -> Response:
    """Everybody may ask, so the answer says no more than up or down: the log says why."""
    health = await check_health(hub)
    status = HTTPStatus.OK if health.status == "ok" else HTTPStatus.SERVICE_UNAVAILABLE
    return Response(status, "application/json", msgspec.json.encode(health) + b"\n")


_STYLE: Final = """<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>trio-chat</title>
<style>body{{font:1rem/1.5 monospace;max-width:44rem;margin:3rem auto;padding:0 1rem}}
pre{{padding:.8rem;border:1px solid;overflow:auto}}</style>"""

_FRONT: Final = f"""<!doctype html>
<html lang="en"><head>{_STYLE}</head>
<body><h1>trio-chat</h1>
<p>This is a chat server for people who live in the terminal. You cannot chat in the browser: join from a
shell, on any machine with Python 3.11 or newer that has trio-chat installed.</p>
<pre>trio-chat join {{where}}</pre>
<p>If the server has a password, ask whoever runs it. In the chat, /help lists all commands.</p>
<p>Version {{version}}.</p></body></html>
"""

_TLS_PAGE: Final = f"""<!doctype html>
<html lang="en"><head>{_STYLE}</head>
<body><h1>trio-chat</h1>
<p>This server uses TLS, and a plain HTTP request was sent to an HTTPS port. Join it from a shell:</p>
<pre>trio-chat join {{url}}</pre></body></html>
"""


def join_url(head: Head, *, encrypted: bool) -> str:
    """Return the URL of this server for a client, as the request names its host."""
    host = head.headers.get("host", "HOST:PORT")[:_LONGEST_ADDRESS]
    return f"{'wss' if encrypted else 'ws'}://{host}/"


def _where(head: Head, encrypted: bool) -> str:  # noqa: FBT001 - private
    """Return the address to join, as the browser knows it. It needs no scheme where a client finds out by itself."""
    host = head.headers.get("host", "")
    if encrypted or head.headers.get("x-forwarded-proto", "").lower() == "https":
        return join_url(head, encrypted=True)
    named, _, port = host.rpartition(":")
    bare = port.isdigit() and is_this_machine(named.strip("[]"))
    return host if bare else join_url(head, encrypted=False)


def _page(status: HTTPStatus, page: str) -> Response:
    policy = ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
    return Response(status, "text/html; charset=utf-8", page.encode(), (policy,))
