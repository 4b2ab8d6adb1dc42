"""The addresses of this machine at which other machines can reach it, the most useful first."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from trio_chat.addresses import IpAddress

_VIRTUAL: Final = re.compile(r"(docker|podman|br-|veth|virbr|vmnet|vboxnet|lxc|lxd|cni|flannel|cali|kube)")
"""How the interfaces are called whose addresses only this machine and its containers use."""
_ELSEWHERE: Final = ("198.51.100.1", "2001:db8::1")
"""Addresses for documentation (RFC 5737, RFC 3849): the route to them is the one to the outside. Nothing is sent."""


class Interface(NamedTuple):
    """A network interface: its name, and its addresses without a zone."""

    name: str
    addresses: tuple[str, ...]


def reachable_hosts(bound: Iterable[str]) -> list[str]:
    """The hosts by which others can reach a server that listens on these addresses.

    ``0.0.0.0`` and ``::`` stand for the addresses of all interfaces of their family. Empty when there are none.
    """
    bound = list(dict.fromkeys(bound))
    found = [host for host in bound if not ipaddress.ip_address(host.partition("%")[0]).is_unspecified]
    families = {ipaddress.ip_address(host).version for host in bound if host not in found}
    if families:
        found += choose(interfaces(), families, outward())
    return list(dict.fromkeys(found))


def choose(known: Iterable[Interface], families: Iterable[int], first: Sequence[str] = ()) -> list[str]:
    """Choose from the addresses of these families (4, 6) those that others can reach. Pure.

    Those in ``first`` come first, then IPv4 before IPv6. Addresses of virtual interfaces and link-local ones of IPv4
    are only taken when there are no others. Link-local ones of IPv6 never are: each machine names its links itself.
    """
    families = set(families)
    ranked: list[tuple[tuple[bool, bool, int], str]] = []
    for interface in known:
        virtual = _VIRTUAL.match(interface.name) is not None
        for text in interface.addresses:
            address = ipaddress.ip_address(text)
            if address.version in families and _is_of_use(address):
                last_resort = virtual or address.is_link_local
                ranked.append(((last_resort, text not in first, address.version), text))
    best = min((rank[0] for rank, _ in ranked), default=False)
    return [text for rank, text in sorted(ranked, key=lambda pair: pair[0]) if rank[0] == best]


def _is_of_use(address: IpAddress) -> bool:
    linked = address.version != 4 and address.is_link_local  # noqa: PLR2004 - the version of IP
    return not (address.is_loopback or address.is_unspecified or address.is_multicast or linked)


def interfaces() -> list[Interface]:
    """The network interfaces of this machine; none when the system does not tell them."""
    import ifaddr  # noqa: PLC0415 - only a server for other machines needs it

    try:
        adapters = list(ifaddr.get_adapters())
    except OSError:
        return []
    return [
        Interface(adapter.nice_name, tuple(ip.ip if isinstance(ip.ip, str) else ip.ip[0] for ip in adapter.ips))
        for adapter in adapters
    ]


def outward() -> list[str]:
    """The addresses of this machine from which it would connect to the outside."""
    found: list[str] = []
    for family, address in zip((socket.AF_INET, socket.AF_INET6), _ELSEWHERE, strict=True):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((address, 9))  # the discard port; a datagram socket sends nothing to connect
                found.append(str(probe.getsockname()[0]).partition("%")[0])
        except OSError:
            continue
    return found
