"""Attackers that ask for files, from a few connections at once: each attack is a stream of HTTP requests, sent as fast
as the server answers."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

ADDRESS: Final = "127.66.0.1"
CONNECTIONS: Final = 4

_LINGER: Final = struct.pack("ii", 1, 0)
_SIZE: Final = 4 * 1024 * 1024
_BYTES: Final = "Content-Type: application/offset+octet-stream"
_LOBBY: Final = "Upload-Metadata: filename YQ==,room I2xvYmJ5"


class FileAttacker:
    """One connection. ``token`` proves the account of this process, unless it is made up."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._token = token
        self._socket = self._connect()
        self._early = b""

    def _connect(self) -> socket.socket:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        sock.bind((ADDRESS, 0))
        sock.settimeout(1.0)
        sock.connect(("127.0.0.1", self._port))
        return sock

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def ask(self, line: str, *headers: str, body: bytes = b"", read: bool = True) -> tuple[int, dict[str, str]]:
        """Make a request, and read its answer. Raises ``OSError``."""
        fixed = ("Host: localhost", f"Authorization: Bearer {self._token}", "Tus-Resumable: 1.0.0")
        head = "\r\n".join([f"{line} HTTP/1.1", *fixed, f"Content-Length: {len(body)}", *headers, "", ""])
        self._socket.sendall(head.encode() + body)
        while b"\r\n\r\n" not in self._early:
            self._early += self._more()
        answer, _, self._early = self._early.partition(b"\r\n\r\n")
        first, *lines = answer.decode("latin-1").split("\r\n")
        found = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
        size = int(found.get("content-length", "0")) if read and not line.startswith("HEAD") else 0
        while len(self._early) < size:
            self._early += self._more()
        self._early = self._early[size:]
        return int(first.split()[1]), found

    def _more(self) -> bytes:
        data = self._socket.recv(262_144)
        if not data:
            raise ConnectionError
        return data

    def upload(self, size: int, sent: int) -> str:
        """Begin an upload, with so many of its bytes; its path."""
        status, headers = self.ask("POST /files", f"Upload-Length: {size}", _LOBBY, _BYTES, body=bytes(sent))
        if status != 201:
            raise ConnectionError(status)
        return headers["location"]


def _claim(port: int, token: str, name: str, password: str) -> None:
    """Come in once, so that the token is that of an account."""
    lines = (
        "GET / HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        f"Username: {name}",
        f"Trio-Chat-Token: {token}",
        f"Authorization: Bearer {password}",
    )
    with socket.socket() as sock:
        sock.bind((ADDRESS, 0))
        sock.settimeout(5.0)
        sock.connect(("127.0.0.1", port))
        sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        found = b""
        while b'"type":"welcome"' not in found:
            data = sock.recv(65536)
            if not data:
                raise ConnectionError(found)
            found += data


def file_attack(
    work: Callable[[FileAttacker], Iterator[int]], password: str, *, known: bool = True
) -> Callable[[int, float], Counter[str]]:
    """An attack by ``work``, which yields the status of each of its requests. ``known``: with an account's token."""

    def attack(port: int, until: float) -> Counter[str]:
        done: Counter[str] = Counter()
        token = f"mallory{os.getpid():032}"
        if known:
            _claim(port, token, f"mallory{os.getpid()}", password)

        def one() -> None:
            while time.monotonic() < until:
                with contextlib.suppress(OSError), contextlib.closing(FileAttacker(port, token)) as attacker:
                    for status in work(attacker):
                        done[f"status {status}"] += 1
                        if time.monotonic() >= until:
                            return
                time.sleep(0.02)

        threads = [threading.Thread(target=one) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return done

    return attack


def look_up(attacker: FileAttacker) -> Iterator[int]:
    """Ask for files that are not there."""
    for number in itertools.count():
        yield attacker.ask(f"GET /files/mallory{number}")[0]


def begin_uploads(attacker: FileAttacker) -> Iterator[int]:
    """Begin uploads and remove them."""
    while True:
        path = attacker.upload(_SIZE, 0)
        yield 201
        yield attacker.ask(f"DELETE {path}")[0]


def send_small_parts(attacker: FileAttacker) -> Iterator[int]:
    """Send one byte at a time, each of which is saved."""
    path = attacker.upload(_SIZE, 0)
    for offset in itertools.count():
        yield attacker.ask(f"PATCH {path}", f"Upload-Offset: {offset}", _BYTES, body=b"x")[0]


def ask_for_small_parts(attacker: FileAttacker) -> Iterator[int]:
    """Ask for one byte at a time."""
    path = attacker.upload(65536, 65536)
    for offset in itertools.count():
        yield attacker.ask(f"GET {path}", f"Range: bytes={offset % 65536}-{offset % 65536}")[0]


def read_nothing(attacker: FileAttacker) -> Iterator[int]:
    """Ask for a large file, and read nothing of it."""
    path = attacker.upload(_SIZE, _SIZE)
    yield attacker.ask(f"GET {path}", read=False)[0]
    time.sleep(1.0)


def send_slowly(attacker: FileAttacker) -> Iterator[int]:
    """Hold an upload open, byte for byte."""
    path = attacker.upload(_SIZE, 0)
    head = (
        f"PATCH {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {attacker._token}\r\nUpload-Offset: 0\r\n"
    )
    attacker._socket.sendall(f"{head}Tus-Resumable: 1.0.0\r\n{_BYTES}\r\nContent-Length: {_SIZE}\r\n\r\n".encode())
    while True:
        attacker._socket.sendall(b"x")
        time.sleep(0.05)
        yield 100


def fail_checksums(attacker: FileAttacker) -> Iterator[int]:
    """Send a mebibyte whose checksum is wrong, again and again."""
    path = attacker.upload(_SIZE, 0)
    wrong = "Upload-Checksum: sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA="
    while True:
        yield attacker.ask(f"PATCH {path}", "Upload-Offset: 0", _BYTES, wrong, body=bytes(1024 * 1024))[0]
