"""Heads of HTTP requests: parsed by h11, and refused where a proxy could read them otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import h11

from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.text import clean_line

MAX_HEAD: Final = 16 * 1024
"""The greatest size of an HTTP head, in bytes; browsers and proxies stay far below."""

_MOST_HEADERS: Final = 100
"""Headers of one head: browsers and proxies send some thirty, and each takes microseconds to read."""

_LONGEST_LENGTH: Final = 18
"""Digits of ``Content-Length``: a thousand petabytes have so many."""

_ONCE: Final = frozenset(
    {
        "authorization",
        "content-length",
        "expect",
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
    query: str = field(default="", repr=False)

    @property
    def wants_websocket(self) -> bool:
        """Whether the request asks for an upgrade to WebSocket (RFC 6455, 4.2.1)."""
        return self.method == "GET" and "websocket" in self.headers.get("upgrade", "").lower()

    @property
    def length(self) -> int | None:
        """The size of the body in bytes as the head tells it: 0 without one, ``None`` if it comes in chunks."""
        return None if "transfer-encoding" in self.headers else int(self.headers.get("content-length", "0"))

    @property
    def keeps_alive(self) -> bool:
        """Whether the peer may send another request on the connection (RFC 9112, 9.3)."""
        told = {token.strip().lower() for token in self.headers.get("connection", "").split(",")}
        return self.version == "1.1" and "close" not in told


def parse_head(data: bytes) -> Head | Refusal:
    """Read a head, which ``data`` must hold whole. Refuses unfinished heads, and those that h11 refuses."""
    end = data.find(b"\r\n\r\n")
    fault = _find_fault(data[: end + 2] if end >= 0 else data)
    if end < 0 or end > MAX_HEAD - 4:
        if len(data) >= MAX_HEAD:
            return refuse("head_too_long", limit=MAX_HEAD)
        return refuse("bad_head", why=fault or "its head is not complete")
    if fault is not None:
        return refuse("bad_head", why=fault)
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD * 8)
    try:
        parser.receive_data(data[: end + 4])
        event = parser.next_event()
    except h11.RemoteProtocolError as error:
        error.__traceback__ = None  # h11 raises it in a way that makes a circle, with the connection in it
        if error.error_status_hint == HTTPStatus.NOT_IMPLEMENTED:
            return refuse("bad_coding")
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
    path, _, query = event.target.decode("latin-1").partition("?")
    version = event.http_version.decode("latin-1")
    return _check_framing(headers, version) or Head(event.method.decode("latin-1"), path, headers, version, query)


def _check_framing(headers: dict[str, str], version: str) -> Refusal | None:
    """Refuse a head that tells the size of its body in two ways, or in a way of HTTP/1.1 in an older version: a proxy
    may then see the end of the request elsewhere (RFC 9112, 6.1 and 6.3)."""
    if len(headers.get("content-length", "")) > _LONGEST_LENGTH:
        return refuse("bad_head", why="its Content-Length is too great")
    if "transfer-encoding" not in headers:
        return None
    if "content-length" in headers:
        return refuse("bad_head", why="it has both Content-Length and Transfer-Encoding")
    if version != "1.1":
        return refuse("bad_head", why="only HTTP/1.1 has Transfer-Encoding")
    return None


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
