"""IP addresses: the form in which they are compared, and which hosts only reach the machine that uses them. Pure."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Final, TypeAlias

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")
"""IPv4 addresses as a socket for both families shows them: RFC 4291, section 2.5.5.2."""


_IPV4: Final = 4
_MOST_PORT: Final = 65535

_AUTHORITY: Final = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|(?P<host>[\w-]+(?:\.[\w-]+)*\.?))(?::(?P<port>[0-9]{1,5}))?", re.ASCII
)


def read_address(text: str) -> IpAddress:
    """Read an IP address in the one form in which addresses are compared: without a zone, and as IPv4 if an IPv4
    address is mapped into IPv6. Raises ``ValueError``."""
    address = ipaddress.ip_address(text.partition("%")[0])
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


def read_authority(text: str) -> tuple[str, int | None]:
    """Read a host with or without a port, as a ``Host`` header has it (RFC 9110, 7.2): a name, an IPv4 address, or an
    IPv6 address in brackets. Return the host in the form in which hosts are compared, and the port.

    An IPv6 address without a port may also come without brackets. Raises ``ValueError``.
    """
    found = _AUTHORITY.fullmatch(text)
    host = text if found is None else found["six"] or found["host"]
    port = None if found is None or found["port"] is None else int(found["port"])
    if port is not None and not 0 < port <= _MOST_PORT:
        raise ValueError(f"{port} is no port")
    if found is None or found["six"]:
        address = read_address(host)
        if found is None and address.version == _IPV4:
            raise ValueError(f"{text!r} is no host")
        return str(address), port
    try:
        return str(read_address(host)), port
    except ValueError:
        return host.lower().rstrip("."), port


def bracketed(host: str) -> str:
    """Write a host as a URL and a ``Host`` header have it: an IPv6 address in brackets (RFC 3986, 3.2.2)."""
    return f"[{host}]" if ":" in host else host


def read_network(text: str, *, strict: bool = False) -> Network:
    """Read an address or a range of addresses in the form in which addresses are compared.

    Raises ``ValueError``, also for a zone: it can be any text, and means something on one machine only. ``strict``
    refuses a range that is given by an address within it.
    """
    if "%" in text:
        raise ValueError(f"{text!r} has a zone")
    network = ipaddress.ip_network(text, strict=strict)
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        first = network.network_address.ipv4_mapped
        return ipaddress.ip_network(f"{first}/{network.prefixlen - _MAPPED.prefixlen}")
    return network


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """Return the network that an IP address is counted with: the /24 of IPv4, the /64 of IPv6. One holder commonly has
    all addresses of such a network. A text that is no address is a network of its own."""
    try:
        known = read_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((known, 24 if known.version == _IPV4 else 64), strict=False))


def is_loopback(address: str) -> bool:
    """Whether an IP address, such as a peer's, is a loopback address; an IPv4 address may be mapped into IPv6."""
    try:
        return read_address(address).is_loopback
    except ValueError:
        return False


def is_common(address: str) -> bool:
    """Whether many people may share an address because of a proxy or a tunnel on this machine: 127.0.0.1 and ::1, from
    which it connects unless somebody chose another loopback address."""
    try:
        return str(read_address(address)) in {"127.0.0.1", "::1"}
    except ValueError:
        return False


def is_this_machine(host: str) -> bool:
    """Whether a host name or IP address can only be reached from this machine: a loopback address, or ``localhost``
    (RFC 6761, section 6.3)."""
    return host.lower().rstrip(".") == "localhost" or is_loopback(host)
