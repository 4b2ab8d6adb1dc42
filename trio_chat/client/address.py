"""Server addresses: reading what a person types. Pure."""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from trio_chat.errors import UsageError

DEFAULT_PORT: Final = 8765
"""The port on which ``trio-chat serve`` listens by default."""

# RFC 6455, section 3.
_SCHEME_PORTS: Final = {"ws": 80, "wss": 443}
_MEANT: Final = {"http": "ws", "https": "wss"}
_EXAMPLES: Final = "Give HOST, HOST:PORT or a URL such as ws://127.0.0.1:8765/."
_HIGHEST_PORT: Final = 65535


class Address(NamedTuple):
    """A server's address. ``host`` is ASCII without brackets, ``path`` begins with ``/``."""

    host: str
    port: int
    tls: bool
    path: str

    @property
    def authority(self) -> str:
        """``HOST:PORT`` as it stands in a URL, with brackets around an IPv6 address."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def host_header(self) -> str:
        """The ``Host`` header (RFC 9110, 7.2): without the scheme's default port and without an IPv6 zone."""
        host = self.host.partition("%")[0]
        host = f"[{host}]" if ":" in host else host
        return host if self.port == _SCHEME_PORTS["wss" if self.tls else "ws"] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole address as a URL."""
        return f"{'wss' if self.tls else 'ws'}://{self.authority}{self.path}"


def parse_url(text: str) -> Address:
    """Read a server's address.

    ``text`` is a ``ws://`` or ``wss://`` URL, with port 80 or 443 when it names none (RFC 6455, section 3), or
    ``HOST[:PORT]``, which means ``ws://``, with port 8765 when it names none. An IPv6 address before a port is in
    brackets.

    Raises :class:`~trio_chat.errors.UsageError` with a sentence that says what is wrong.
    """
    text = text.strip()
    if not text:
        raise UsageError(f"The server's address is empty. {_EXAMPLES}")
    if any(ch.isspace() or not ch.isprintable() for ch in text):
        raise UsageError(f"{text!r} is not a server's address: it has a space in it. {_EXAMPLES}")
    if "://" not in text:
        bare = f"[{text}]" if _is_ipv6(text) else text
        return _read(text, f"ws://{bare}", DEFAULT_PORT)
    scheme = text.partition("://")[0].lower()
    if scheme in _MEANT:
        meant = _MEANT[scheme] + text[len(scheme) :]
        raise UsageError(f"{text} is a web page's address. Did you mean {meant}?")
    if scheme not in _SCHEME_PORTS:
        raise UsageError(f"{text} is not a server's address: it must begin with ws:// or wss://. {_EXAMPLES}")
    return _read(text, text, _SCHEME_PORTS[scheme])


def _read(text: str, url: str, default_port: int) -> Address:
    try:
        parts = urlsplit(url)
        port = parts.port if parts.port is not None else default_port
    except ValueError as error:
        raise UsageError(_why_not(text, url, error)) from None
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            f"{parts.hostname}: a name and a password do not belong in the server's address. Give them separately."
        )
    if parts.fragment or "#" in text:
        raise UsageError(f"{text} is not a server's address: leave out the # and the text after it.")
    if not port:
        raise UsageError(f"{text} has no usable port: ports go from 1 to {_HIGHEST_PORT}.")
    return Address(_read_host(text, parts), port, parts.scheme == "wss", _read_path(text, parts))


def _read_host(text: str, parts: SplitResult) -> str:
    host = parts.hostname or ""
    if ":" in host:
        if not _is_ipv6(host):
            raise UsageError(f"{text} is not a server's address: {host} is not an IPv6 address. {_EXAMPLES}")
        return host
    try:
        ascii_host = host.encode("idna").decode("ascii")
    except UnicodeError:
        ascii_host = ""
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", ascii_host):
        raise UsageError(f"{text} is not a server's address: it has no valid host name. {_EXAMPLES}")
    return ascii_host


def _read_path(text: str, parts: SplitResult) -> str:
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii():
        raise UsageError(f"{text} is not a server's address: write its path percent-encoded.")
    return path


def _why_not(text: str, url: str, error: ValueError) -> str:
    authority = url.partition("://")[2].partition("/")[0]
    if "port" in str(error).lower():
        return f"{text} has no usable port: ports are numbers from 1 to {_HIGHEST_PORT}."
    if "[" in authority or "]" in authority:
        return f"{text} is not a server's address: an IPv6 address is written [::1]:{DEFAULT_PORT}."
    return f"{text} is not a server's address. {_EXAMPLES}"


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True
