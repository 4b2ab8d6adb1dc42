"""The clients of the trial, each of which uploads one file after the other: tuspy, tus-js-client, and a small one."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import random
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

import trio

from trio_chat.server.doors.files.tus_headers import UPLOAD_BYTES, format_metadata

HERE = Path(__file__).parent
PATIENCE = 120.0


@dataclass(frozen=True)
class Job:
    """One upload: how it is made is drawn by chance."""

    endpoint: str
    token: str
    path: Path
    metadata: dict[str, str]
    chunk: int
    checksum: bool
    with_creation: bool

    @classmethod
    def draw(cls, chance: random.Random, endpoint: str, token: str, path: Path, **metadata: str) -> Job:
        chunk = chance.choice([0, 0, 16 * 1024, 100_000, 512 * 1024])
        return cls(endpoint, token, path, metadata, chunk, chance.random() < 0.3, chance.random() < 0.5)


class TusClient(Protocol):
    """Uploads a file; returns its address and how many times it had to try again."""

    name: str

    async def upload(self, job: Job) -> tuple[str, int]: ...


class ForeignClient:
    """A program that takes jobs as lines."""

    def __init__(self, name: str, command: Sequence[str], environment: dict[str, str]) -> None:
        self.name = name
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True, bufsize=1
        )

    async def upload(self, job: Job) -> tuple[str, int]:
        answer = await trio.to_thread.run_sync(self._ask, {**vars(job), "path": str(job.path)}, abandon_on_cancel=True)
        assert "error" not in answer, (self.name, answer)
        return str(answer["url"]), int(answer["tries"])

    def _ask(self, job: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        line = self._process.stdout.readline()
        assert line, f"{self.name} has ended"
        answer = json.loads(line)
        assert isinstance(answer, dict)
        return answer

    def close(self) -> None:
        """End the program."""
        self._process.kill()
        self._process.communicate()


class OwnClient:
    """A client in a page of code, by the letter of the protocol. It checks on the way what the server tells."""

    name = "own"

    async def upload(self, job: Job) -> tuple[str, int]:
        return await trio.to_thread.run_sync(self._upload, job, abandon_on_cancel=True)

    def _upload(self, job: Job) -> tuple[str, int]:
        data, deadline, tries, url, seen = job.path.read_bytes(), time.monotonic() + PATIENCE, 0, "", 0
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if not url:
                    url = self._create(job, data)
                offset = self.offset(url, job.token)
                assert offset >= seen, "an acknowledged offset was taken back"
                while offset < len(data):
                    seen = offset = self._patch(job, url, offset, data)
                return url, tries
            tries += 1
            time.sleep(0.02)
        raise TimeoutError(url)

    def _create(self, job: Job, data: bytes) -> str:
        headers = {"Upload-Length": str(len(data)), "Upload-Metadata": format_metadata(job.metadata)}
        body = b""
        if job.with_creation:
            headers["Content-Type"] = UPLOAD_BYTES
            body = data[: job.chunk or 1000]
        answer = ask("POST", job.endpoint, job.token, headers, body)
        assert answer.status in {201, 503}, answer
        if answer.status != 201:
            raise http.client.HTTPException(answer.status)
        return urljoin(job.endpoint, answer.headers["location"])

    def offset(self, url: str, token: str) -> int:
        """Where an upload goes on."""
        answer = ask("HEAD", url, token, {})
        if answer.status != 200:
            assert answer.status in {423, 503}, answer
            raise http.client.HTTPException(answer.status)
        assert answer.headers["cache-control"] == "no-store"
        return int(answer.headers["upload-offset"])

    def _patch(self, job: Job, url: str, offset: int, data: bytes) -> int:
        part = data[offset : offset + job.chunk] if job.chunk else data[offset:]
        headers = {"Upload-Offset": str(offset), "Content-Type": UPLOAD_BYTES}
        if job.checksum:
            headers["Upload-Checksum"] = f"sha256 {base64.b64encode(hashlib.sha256(part).digest()).decode()}"
        answer = ask("PATCH", url, job.token, headers, part)
        if answer.status != 204:
            assert answer.status in {409, 423, 503}, answer
            raise http.client.HTTPException(answer.status)
        assert int(answer.headers["upload-offset"]) == offset + len(part)
        return offset + len(part)


@dataclass(frozen=True)
class HttpAnswer:
    """An answer to a request of :func:`ask`."""

    status: int
    headers: dict[str, str]
    body: bytes


def ask(method: str, url: str, token: str, headers: dict[str, str], body: bytes = b"") -> HttpAnswer:
    """Make one request on a connection of its own. Raises ``OSError`` or ``HTTPException`` when it breaks."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    tus = {} if method == "GET" else {"Tus-Resumable": "1.0.0"}
    try:
        connection.request(
            method, parts.path, body, {"Authorization": f"Bearer {token}", "Connection": "close", **tus, **headers}
        )
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return HttpAnswer(answer.status, found, answer.read())
    finally:
        connection.close()


@contextlib.contextmanager
def foreign_clients(tuspy: str, tus_js: str) -> Iterator[list[ForeignClient]]:
    """The foreign clients that are installed: tuspy for the Python at ``tuspy``, tus-js-client in a folder with
    ``node_modules``; an empty text where there is none."""
    clients: list[ForeignClient] = []
    try:
        if tuspy:
            clients.append(ForeignClient("tuspy", [tuspy, str(HERE / "foreign" / "tuspy_client.py")], {}))
        if tus_js:
            program = str(HERE / "foreign" / "tus_js_client.cjs")
            environment = {"NODE_PATH": str(Path(tus_js) / "node_modules"), "PATH": "/usr/local/bin:/usr/bin:/bin"}
            clients.append(ForeignClient("tus-js-client", ["node", program], environment))
        yield clients
    finally:
        for client in clients:
            client.close()
