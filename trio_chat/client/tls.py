"""TLS of a client: its contexts, its handshake, and the key of the server's certificate.

There are two ways to believe a server. The system's authorities vouch for its certificate; or the certificate has the
key that the client knows, whatever else stands in it, as ssh does with host keys.
"""

from __future__ import annotations

import ssl
from functools import cache

import trio

from trio_chat.client.address import Address
from trio_chat.client.dialling import dial
from trio_chat.protocol.fingerprint import Fingerprint

_ALPN = ["http/1.1"]  # a WebSocket begins with it (RFC 6455, 1.2)


@cache
def system_context() -> ssl.SSLContext:
    """The system's certificate authorities, read only once, since that takes about 20 ms."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(_ALPN)
    return context


@cache
def key_context() -> ssl.SSLContext:
    """TLS with whichever certificate. The caller must compare its key, see :func:`key_of_peer`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(_ALPN)
    return context


async def open_tls(address: Address, context: ssl.SSLContext) -> trio.SSLStream[trio.SocketStream]:
    """A TLS stream to ``address`` whose handshake is done.

    Raises ``OSError`` (``ssl.SSLError`` is one) and ``trio.BrokenResourceError``.
    """
    tcp = await dial(address)
    tls = trio.SSLStream(tcp, context, server_hostname=address.host.partition("%")[0], https_compatible=True)
    try:
        await tls.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(tcp)
        raise
    return tls


def key_of_peer(tls: trio.SSLStream[trio.SocketStream]) -> Fingerprint | None:
    """The fingerprint of the key that the peer proved to have in its handshake; ``None`` when its certificate cannot be
    read."""
    from cryptography import x509  # noqa: PLC0415 - it takes 20 ms, which plain connections need not
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415 - as above

    try:
        key = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True)).public_key()
        return Fingerprint.of_key(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    except ValueError:
        return None
