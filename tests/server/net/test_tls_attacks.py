"""Work that a peer can make TLS do after the handshake: it ends soon, whatever the peer sends."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from pathlib import Path

import pytest
import trio
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from tests.certificates import make_certificate
from trio_chat.server.net.certificate import show_certificate
from trio_chat.server.net.tls import Handshakes, TlsTransport
from trio_chat.server.net.transport import TcpTransport


class RecordWriter:
    """Writes a client's records of TLS 1.3 (RFC 8446, 5.2 and 7.1) with TLS_AES_256_GCM_SHA384, beginning with the
    first one after the handshake."""

    def __init__(self, keylog: Path) -> None:
        (line,) = [line for line in keylog.read_text().splitlines() if line.startswith("CLIENT_TRAFFIC_SECRET_0 ")]
        self._secret = bytes.fromhex(line.split()[2])
        self._count = 0

    def write(self, kind: int, content: bytes) -> bytes:
        """A record of some type of content."""
        key, start = self._expand(b"key", 32), self._expand(b"iv", 12)
        nonce = (int.from_bytes(start) ^ self._count).to_bytes(12)
        self._count += 1
        header = b"\x17\x03\x03" + struct.pack("!H", len(content) + 1 + 16)
        return header + AESGCM(key).encrypt(nonce, content + bytes([kind]), header)

    def update_key(self) -> bytes:
        """A KeyUpdate (4.6.3), after which the next key counts."""
        record = self.write(0x16, b"\x18\x00\x00\x01\x00")
        self._secret, self._count = self._expand(b"traffic upd", 48), 0
        return record

    def _expand(self, label: bytes, size: int) -> bytes:
        name = b"tls13 " + label
        info = struct.pack("!HB", size, len(name)) + name + b"\x00"
        return HKDFExpand(hashes.SHA384(), size, info).derive(self._secret)


async def connect(tmp_path: Path) -> tuple[TlsTransport, socket.socket, RecordWriter]:
    """A transport after its handshake, the peer's socket, and a writer of the peer's records."""
    made = make_certificate()
    near, far = socket.socketpair()
    transport = TlsTransport(TcpTransport(near), show_certificate(made.pem, made.key_pem).context, Handshakes())
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    client.keylog_filename = str(tmp_path / "keys")
    stream = trio.SSLStream(trio.SocketStream(trio.socket.from_stdlib_socket(far.dup())), client)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.do_handshake)
        assert await transport.handshake() is None
    await trio.aclose_forcefully(stream)
    client.keylog_filename = None  # type: ignore[assignment] # it closes the file
    far.setblocking(True)
    return transport, far, RecordWriter(tmp_path / "keys")


def receive_all(transport: TlsTransport) -> tuple[bytes, int]:
    """All text that has come, and the number of readings."""
    text, readings = b"", 0
    with contextlib.suppress(BlockingIOError):
        for _ in range(1000):
            text += transport.receive()
            readings += 1
    return text, readings


async def test_a_change_of_keys_is_followed(tmp_path: Path) -> None:
    transport, far, writer = await connect(tmp_path)
    with transport, far:
        receive_all(transport)
        far.sendall(writer.write(0x17, b"one ") + writer.update_key() + writer.write(0x17, b"two"))
        assert receive_all(transport)[0] == b"one two"


async def test_a_flood_of_key_updates_ends_the_connection(tmp_path: Path) -> None:
    transport, far, writer = await connect(tmp_path)
    with transport, far:
        receive_all(transport)
        for _ in range(24):  # 64,800 bytes: no more than a long message takes until it is whole
            far.sendall(b"".join(writer.update_key() for _ in range(100)))
            assert receive_all(transport)[0] == b""
        far.sendall(b"".join(writer.update_key() for _ in range(100)))
        with pytest.raises(ConnectionAbortedError, match="records without text"):
            receive_all(transport)


async def test_short_records_with_text_are_never_taken_for_a_flood(tmp_path: Path) -> None:
    transport, far, writer = await connect(tmp_path)
    with transport, far:
        receive_all(transport)
        for _ in range(60):
            far.sendall(b"".join(writer.write(0x17, b"x") for _ in range(100)))
            assert receive_all(transport)[0] == b"x" * 100
