"""Whether this machine can serve IPv6, which a test may need."""

from __future__ import annotations

import socket


def has_ipv6() -> bool:
    """Whether a socket can be bound to the loopback address of IPv6."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
