"""Addresses of this machine: which hosts and IP addresses only reach the machine that uses them. Pure."""

from __future__ import annotations

import ipaddress


def is_loopback(address: str) -> bool:
    """Whether an IP address, such as a peer's, is a loopback address; an IPv4 address may be mapped into IPv6."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return ip.is_loopback or (
        isinstance(ip, ipaddress.IPv6Address) and bool(ip.ipv4_mapped and ip.ipv4_mapped.is_loopback)
    )


def is_this_machine(host: str) -> bool:
    """Whether a host name or IP address can only be reached from this machine: a loopback address, or ``localhost``
    (RFC 6761, section 6.3)."""
    return host.lower().rstrip(".") == "localhost" or is_loopback(host)
