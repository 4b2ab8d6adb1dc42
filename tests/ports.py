"""Free ports, for programs that are told where to listen."""

from __future__ import annotations

import contextlib
import random
import socket


def find_free_port() -> int:
    """A port that nobody listens on now. It is below those that systems give to connections and to listeners on port 0
    (32768 and more on Linux, 49152 and more elsewhere), or another test could have it before the program listens."""
    for port in random.SystemRandom().sample(range(20_000, 32_768), 100):
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("", port))
            return port
    raise OSError("a hundred ports are taken")
