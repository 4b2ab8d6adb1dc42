"""Which web pages may make requests of this server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_chat.errors import Refusal, refuse

if TYPE_CHECKING:
    from trio_chat.server.doors.http import Head
    from trio_chat.server.doors.own_hosts import OwnHosts


def check_origin(head: Head, allow_origin: tuple[str, ...], hosts: OwnHosts) -> Refusal | None:
    """Refuse a web page of another site: a browser names the site of the page (RFC 6455, 10.2).

    A page may connect from an origin in ``allow_origin``, and from the host that it connects to if that is one of
    ``hosts``.
    """
    origin, host = head.headers.get("origin"), head.headers.get("host", "")
    if origin is None or origin in allow_origin:
        return None
    if not host or origin.partition("://")[2].lower() != host.lower():
        return refuse("bad_origin", origin=repr(origin[:100]))
    return hosts.check(host)
