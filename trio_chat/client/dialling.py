"""Dialling: a TCP stream to a server, and the authority (the ``Host`` header) under which it was reached.

A server proves itself for the authority that the client dialled. ``localhost`` is two addresses, and a server may
listen on one of them while somebody else has taken its port on the other. So 127.0.0.1 is tried first, and is what
``localhost`` means to a server. A client that got to another address says that address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from trio_chat.addresses import read_address

if TYPE_CHECKING:
    from trio_chat.client.address import Address

_LOCALHOST: Final = "localhost"
_FIRST: Final = "127.0.0.1"


async def dial(address: Address) -> trio.SocketStream:
    """Open a TCP stream to the host and port of an address. Raises ``OSError``."""
    if _is_localhost(address):
        try:
            return await trio.open_tcp_stream(_FIRST, address.port)
        except OSError:
            return await trio.open_tcp_stream(address.host.rstrip("."), address.port)
    return await trio.open_tcp_stream(address.host, address.port)


def authority_reached(address: Address, stream: trio.abc.Stream) -> str:
    """The ``Host`` header for a stream that :func:`dial` opened, perhaps with TLS over it."""
    transport = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
    if _is_localhost(address) and isinstance(transport, trio.SocketStream):
        peer = str(read_address(transport.socket.getpeername()[0]))
        if peer != _FIRST:
            return address._replace(host=peer).host_header
    return address.host_header


def _is_localhost(address: Address) -> bool:
    return address.host.lower().rstrip(".") == _LOCALHOST
