"""Uploads and downloads of many people at once, from blocking sockets in threads: as much as the machine gives.

    python -m tests.benchmarks.file_load PORT FILE --tokens=TOKEN,... --uploads 10 --downloads 10 --path /files/ID

Prints one line of JSON with the seconds that the uploads took, and the downloads: from the start to the last byte.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

_PIECE: Final = 1 << 20
_PATIENCE: Final = 300.0


def send_head(sock: socket.socket, method: str, path: str, headers: dict[str, str]) -> None:
    """Send the head of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers.items())]
    sock.sendall("\r\n".join([*lines, "", ""]).encode())


def ask(sock: socket.socket, method: str, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    """Send the head of a request, and return the status, the headers and the beginning of the body of its answer."""
    send_head(sock, method, path, headers)
    return read_answer(sock)


def read_answer(sock: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Read the head of an answer: its status, its headers in lower case, and what came with it of its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            raise ConnectionError(f"the server hung up: {data!r}")
        data += more
    lines, _, rest = data.partition(b"\r\n\r\n")
    first, *others = lines.decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in others)
    return int(first.split()[1]), {name.lower(): value for name, value in pairs}, rest


def connect(port: int) -> socket.socket:
    """Connect to a server of this machine."""
    return socket.create_connection(("127.0.0.1", port), _PATIENCE)


def upload(port: int, token: str, file: Path, *, room: str = "#lobby") -> str:
    """Upload a file by tus, in one request behind the one that begins it. Returns its path on the server."""
    size = file.stat().st_size
    with connect(port) as sock, file.open("rb") as opened:
        tus = {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {token}"}
        named = ",".join(
            f"{key} {base64.b64encode(value.encode()).decode()}"
            for key, value in {"filename": file.name, "room": room}.items()
        )
        begun = {"Upload-Length": str(size), "Upload-Metadata": named, "Content-Length": "0"}
        status, headers, rest = ask(sock, "POST", "/files", tus | begun)
        if status != 201:
            raise ConnectionError(f"{status}: {rest!r}")
        path = headers["location"]
        body = {
            "Upload-Offset": "0",
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(size),
        }
        send_head(sock, "PATCH", path, tus | body)
        sock.sendfile(opened)
        status, headers, rest = read_answer(sock)
        if (status, headers.get("upload-offset")) != (204, str(size)):
            raise ConnectionError(f"{status}: {rest!r}")
    return path


def remove(port: int, token: str, path: str) -> None:
    """Remove an upload that no message carries."""
    with connect(port) as sock:
        ask(sock, "DELETE", path, {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {token}"})


def download(port: int, path: str, size: int, token: str = "") -> None:
    """Fetch a file, and throw its bytes away."""
    with connect(port) as sock:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        status, _, rest = ask(sock, "GET", path, headers | {"Connection": "close"})
        place, got = bytearray(_PIECE), len(rest)
        while got < size and (more := sock.recv_into(place)):
            got += more
        if (status, got) != (200, size):
            raise ConnectionError(f"{status}: {got} of {size} bytes came")


def together(jobs: Sequence[Callable[[], object]]) -> float:
    """Run jobs in threads of their own. Returns the seconds until the last was done. Raises what one of them raised."""
    faults: list[BaseException] = []

    def run(job: Callable[[], object]) -> None:
        try:
            job()
        except BaseException as error:  # noqa: BLE001 - it is raised below, in the thread that waits
            faults.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return time.perf_counter() - began


def main(argv: Sequence[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--tokens", default="", help="with commas between them")
    parser.add_argument("--uploads", type=int, default=0)
    parser.add_argument("--downloads", type=int, default=0)
    parser.add_argument("--path", default="")
    parser.add_argument("--idle", action="store_true", help="take what other processes leave of the cores")
    given = parser.parse_args(argv)
    if given.idle:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    took: dict[str, float] = {}
    paths: list[tuple[str, str]] = []
    size = given.file.stat().st_size
    tokens = given.tokens.split(",")

    def send_all() -> None:
        def send(token: str) -> None:
            paths.append((token, upload(given.port, token, given.file)))

        chosen = [tokens[number % len(tokens)] for number in range(given.uploads)]
        took["uploads"] = together([lambda token=token: send(token) for token in chosen])  # type: ignore[misc] # token is bound

    def fetch_all() -> None:
        chosen = [tokens[number % len(tokens)] for number in range(given.downloads)]
        jobs = [lambda token=token: download(given.port, given.path, size, token) for token in chosen]
        took["downloads"] = together(jobs)

    together([job for job, count in ((send_all, given.uploads), (fetch_all, given.downloads)) if count])
    for token, path in paths:
        remove(given.port, token, path)
    sys.stdout.write(json.dumps(took) + "\n")


if __name__ == "__main__":
    main()
