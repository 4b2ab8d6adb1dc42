"""How a client connects and stays connected: the groups of settings that :func:`~trio_chat.client.connecting.connect`
takes. Pure; all times are seconds."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypedDict

from trio_chat.client.backoff import Backoff
from trio_chat.client.credentials import Credentials
from trio_chat.errors import ChatError, UsageError

if TYPE_CHECKING:
    import ssl

    from trio_chat.client.server_contact import ServerContact
    from trio_chat.client.wire import OpenStream


@dataclass(frozen=True, slots=True)
class Reconnection:
    """How a client reconnects after its connection is lost.

    - ``reconnect``: connect again. Without it, the chat is over.
    - ``backoff``: the pauses between attempts. ``chance``: the random numbers of their jitter.
    - ``waiting``: with ``connect(..., wait=True)``, called with the error and the length of the pause after each failed
      attempt to connect the first time.
    """

    reconnect: bool = True
    backoff: Backoff = field(default_factory=Backoff)
    waiting: Callable[[ChatError, float], None] | None = None
    chance: random.Random = field(default_factory=random.Random)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait for the server.

    - ``request``: until a request without a reply raises; ``math.inf`` for never.
    - ``keepalive``: between two pings. A connection on which nothing arrived for that long after a ping is given up.
    """

    request: float = 30.0
    keepalive: float = 20.0

    def __post_init__(self) -> None:
        if min(self.request, self.keepalive) <= 0:
            raise UsageError("Timeouts are seconds, more than 0.")


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How the byte stream to the server is made.

    - ``ssl_context``: for ``wss://``, in place of the system's certificate authorities. With ``ssl.CERT_NONE`` it
      vouches for nobody: then only a certificate of the server's own key proves who the server is.
    - ``open_stream``: an async function from an :class:`~trio_chat.client.address.Address` to a ``trio.abc.Stream``, in
      place of TCP and TLS: for a proxy, a Unix socket, a test.
    """

    ssl_context: ssl.SSLContext | None = None
    open_stream: OpenStream | None = None


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """All that a connection is kept by.

    ``wait``: keep trying to connect the first time. ``listen``: the application reads events. ``quiet``: nobody is told
    that the session comes and goes. ``client``: the program and its version, told to the server. ``met``: called once,
    when the server has shown who it is.
    """

    reconnection: Reconnection = field(default_factory=Reconnection)
    timeouts: Timeouts = field(default_factory=Timeouts)
    stream: StreamOptions = field(default_factory=StreamOptions)
    wait: bool = False
    listen: bool = True
    quiet: bool = False
    client: str = ""
    met: Callable[[ServerContact], None] | None = None


# ---- the arguments of 0.1.0 --------------------------------------------------------------------


class EarlierArguments(TypedDict, total=False):
    """The arguments of ``connect`` in 0.1.0 that are fields of a group now. They still work, with a warning."""

    password: str | None
    account_password: str | None
    token: str | None
    reconnect: bool
    backoff: Backoff | None
    waiting: Callable[[ChatError, float], None] | None
    chance: random.Random | None
    request_timeout: float
    keepalive: float
    ssl_context: ssl.SSLContext | None
    open_stream: OpenStream | None


HOMES: Final[Mapping[str, tuple[type, str]]] = {
    "password": (Credentials, "password"),
    "account_password": (Credentials, "account_password"),
    "token": (Credentials, "token"),
    "reconnect": (Reconnection, "reconnect"),
    "backoff": (Reconnection, "backoff"),
    "waiting": (Reconnection, "waiting"),
    "chance": (Reconnection, "chance"),
    "request_timeout": (Timeouts, "request"),
    "keepalive": (Timeouts, "keepalive"),
    "ssl_context": (StreamOptions, "ssl_context"),
    "open_stream": (StreamOptions, "open_stream"),
}
"""Where each of these arguments is now: its group and its field."""


def with_earlier(group: Any, earlier: EarlierArguments) -> Any:  # noqa: ANN401 - any of the groups, and the same one back
    """A group with the fields that an earlier argument gives; ``None`` meant the default."""
    fields = {
        HOMES[name][1]: value for name, value in earlier.items() if HOMES[name][0] is type(group) and value is not None
    }
    return replace(group, **fields)
