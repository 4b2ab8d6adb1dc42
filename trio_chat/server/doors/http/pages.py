"""The pages that every server has: the health check, the figures, and a page for people with a browser."""

from __future__ import annotations

import html
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import msgspec

from trio_chat.addresses import is_this_machine
from trio_chat.server.doors.http.responses import HttpResponse
from trio_chat.server.doors.http.routes import Route
from trio_chat.server.health import check_health
from trio_chat.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio_chat.errors import Refusal
    from trio_chat.server.doors.http.heads import Head
    from trio_chat.server.doors.http.requests import HttpRequest
    from trio_chat.server.doors.own_hosts import OwnHosts
    from trio_chat.server.hub.hub import Hub

_LONGEST_ADDRESS: Final = 270
"""Characters of an address that the page shows: a DNS name has 253 at the most, and a port follows it."""


def page_routes(hub: Hub, hosts: OwnHosts, figures: Callable[[], bytes]) -> list[Route]:
    """Return the routes of the pages. The figures are for requests to a host of ``hosts`` only: a web page could read
    them under a name of its own that leads here."""

    async def show_front(request: HttpRequest) -> HttpResponse:
        where = html.escape(_where(request.head, encrypted=request.encrypted))
        return make_page(HTTPStatus.OK, _FRONT.format(where=where, version=__version__))

    async def show_health(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - the signature of handlers
        health = await check_health(hub)  # everybody may ask, so the answer says up or down alone: the log says why
        status = HTTPStatus.OK if health.status == "ok" else HTTPStatus.SERVICE_UNAVAILABLE
        return HttpResponse(status, "application/json", msgspec.json.encode(health) + b"\n")

    async def show_figures(request: HttpRequest) -> HttpResponse | Refusal:
        refusal = hosts.check(request.head.headers.get("host", ""))
        return refusal or HttpResponse(HTTPStatus.OK, "text/plain; version=0.0.4; charset=utf-8", figures())

    return [
        Route("GET", "/", show_front, any_origin=True),
        Route("GET", "/healthz", show_health, any_origin=True),
        Route("GET", "/metrics", show_figures, any_origin=True),
    ]


def show_tls_page(url: str) -> HttpResponse:
    """Return the page for a browser that sent a plain request to a server with TLS."""
    return make_page(HTTPStatus.BAD_REQUEST, _TLS_PAGE.format(url=html.escape(url)))


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


def _where(head: Head, *, encrypted: bool) -> str:
    """Return the address to join, as the browser knows it. It needs no scheme where a client finds out by itself."""
    host = head.headers.get("host", "")
    if encrypted or head.headers.get("x-forwarded-proto", "").lower() == "https":
        return join_url(head, encrypted=True)
    named, _, port = host.rpartition(":")
    bare = port.isdigit() and is_this_machine(named.strip("[]"))
    return host if bare else join_url(head, encrypted=False)


def make_page(status: HTTPStatus, page: str) -> HttpResponse:
    """Return a page of HTML that loads nothing."""
    policy = ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
    return HttpResponse(status, "text/html; charset=utf-8", page.encode(), (policy,))
