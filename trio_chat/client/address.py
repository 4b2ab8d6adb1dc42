"""Server addresses and invite links: reading what a person types. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from trio_chat.addresses import bracketed, is_this_machine
from trio_chat.errors import UsageError
from trio_chat.protocol.fingerprint import Fingerprint
from trio_chat.protocol.invite_link import LinkParts, parse_fragment

DEFAULT_PORT: Final = 8765
"""The port on which ``trio-chat serve`` listens by default."""

# RFC 6455, section 3.
_SCHEME_PORTS: Final = {"ws": 80, "wss": 443}
_MEANT: Final = {"http": "ws", "https": "wss"}
_EXAMPLES: Final = "Give HOST, HOST:PORT or a URL such as ws://127.0.0.1:8765/."
_HIGHEST_PORT: Final = 65535


class Address(NamedTuple):
    """A server's address. ``host`` is ASCII without brackets, after an IPv6 address perhaps with a zone (``%eth0``),
    ``path`` begins with ``/``."""

    host: str
    port: int
    tls: bool
    path: str

    @property
    def authority(self) -> str:
        """``HOST:PORT`` as it stands in a URL, with brackets around an IPv6 address."""
        return f"{bracketed(self.host)}:{self.port}"

    @property
    def host_header(self) -> str:
        """The ``Host`` header (RFC 9110, 7.2): without the scheme's default port and without an IPv6 zone."""
        host = bracketed(self.host.partition("%")[0])
        return host if self.port == _SCHEME_PORTS["wss" if self.tls else "ws"] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole address as a URL. A zone is as in RFC 6874 where it could be misread otherwise."""
        # not always, since earlier versions named the files of a server after this URL
        host = self.authority.replace("%25", "%2525", 1) if "%25" in self.host else self.authority
        return f"{'wss' if self.tls else 'ws'}://{host}{self.path}"


@dataclass(frozen=True, slots=True)
class GivenAddress:
    """A server's address as a person gave it, perhaps in an invite link.

    - ``explicit``: the scheme was given. Without it, a client may move from plain to TLS on this machine, and never
      back.
    - ``pin``: the fingerprint of the only server that may answer.
    - ``invite``: the secret of an invite. It is in no URL, no ``repr`` and no error message.
    """

    address: Address
    explicit: bool = True
    pin: Fingerprint | None = None
    invite: str | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The address as a URL, without the pin and the invite."""
        return self.address.url

    def with_port(self, port: int) -> GivenAddress:
        """The same with another port."""
        return replace(self, address=self.address._replace(port=port))


def parse_url(text: str) -> Address:
    """Read a server's address.

    ``text`` is a ``ws://`` or ``wss://`` URL, with port 80 or 443 when it names none (RFC 6455, section 3), or
    ``HOST[:PORT]``, with port 8765 when it names none: ``ws://`` for a loopback address and ``localhost``, ``wss://``
    for every other host. An IPv6 address before a port is in brackets, and may have a zone (``fe80::1%eth0``), whose
    ``%`` may be written ``%25`` (RFC 6874). Of an invite link, the pin and the invite are left out; :func:`parse_given`
    gives them too.

    Raises :class:`~trio_chat.errors.UsageError` with a sentence that says what is wrong.
    """
    return parse_given(text).address


def parse_given(text: str) -> GivenAddress:
    """Read a server's address or an invite link, ``wss://HOST:PORT/#pin=FINGERPRINT&invite=SECRET``.

    The address is read as by :func:`parse_url`. Raises :class:`~trio_chat.errors.UsageError` with a sentence that says
    what is wrong, without the secret.
    """
    text, mark, fragment = text.strip().partition("#")
    if not text:
        raise UsageError(f"The server's address is empty. {_EXAMPLES}")
    if any(ch.isspace() or not ch.isprintable() for ch in text):
        raise UsageError(f"{text!r} is not a server's address: it has a space in it. {_EXAMPLES}")
    explicit = "://" in text
    address = _read_url(text) if explicit else _read_bare(text)
    parts = _read_fragment(text, fragment) if mark else LinkParts()
    return GivenAddress(address, explicit, parts.pin, parts.invite)


def _read_url(text: str) -> Address:
    scheme = text.partition("://")[0].lower()
    if scheme in _MEANT:
        meant = _MEANT[scheme] + text[len(scheme) :]
        raise UsageError(f"{text} is a web page's address. Did you mean {meant}?")
    if scheme not in _SCHEME_PORTS:
        raise UsageError(f"{text} is not a server's address: it must begin with ws:// or wss://. {_EXAMPLES}")
    return _read(text, text, _SCHEME_PORTS[scheme])


def _read_bare(text: str) -> Address:
    bare = f"[{text}]" if _is_ipv6(text) else text
    address = _read(text, f"ws://{bare}", DEFAULT_PORT)
    return address._replace(tls=not is_this_machine(address.host))


def _read_fragment(text: str, fragment: str) -> LinkParts:
    try:
        parts = parse_fragment(fragment)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if parts.invite is not None and parts.pin is None:
        raise UsageError("The link has an invite and no pin. Copy the whole link again, or ask for a new one.")
    if parts.pin is None:
        raise UsageError(f"{text} is followed by a # without a pin. Leave out the # and the text after it.")
    return parts


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
    if not port:
        raise UsageError(f"{text} has no usable port: ports go from 1 to {_HIGHEST_PORT}.")
    return Address(_read_host(text, parts), port, parts.scheme == "wss", _read_path(text, parts))


def _read_host(text: str, parts: SplitResult) -> str:
    host = parts.hostname or ""
    if ":" in host:
        if not _is_ipv6(host):
            raise UsageError(f"{text} is not a server's address: {host} is not an IPv6 address. {_EXAMPLES}")
        return _read_zone(text, host)
    try:
        ascii_host = host.encode("idna").decode("ascii")
    except UnicodeError:
        ascii_host = ""
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", ascii_host):
        raise UsageError(f"{text} is not a server's address: it has no valid host name. {_EXAMPLES}")
    return ascii_host


def _read_zone(text: str, host: str) -> str:
    """Return an IPv6 address with its zone as the system wants it. RFC 6874 writes ``%`` as ``%25`` in a URL."""
    address, mark, zone = host.partition("%")
    # 25 alone, or before digits where this is no URL, is the number of an interface
    if zone.startswith("25") and zone != "25" and ("://" in text or not zone.isdecimal()):
        zone = zone[2:]
    if mark and not re.fullmatch(r"[A-Za-z0-9._~:@+-]+", zone):
        raise UsageError(f"{text} is not a server's address: it has no valid zone after the %, such as fe80::1%eth0.")
    return f"{address}{mark}{zone}"


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
