"""A person with a token who sends and gets files, each byte of a request under the test's control."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import trio.testing

from tests.server.live_server import LiveServer
from tests.server.raw_client import Answer, Json, RawClient, head
from trio_chat.server.doors.files.tus_headers import UPLOAD_BYTES, format_metadata

TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {"Content-Type": UPLOAD_BYTES}


@dataclass
class FileClient:
    """See the module. ``chat`` is the person's connection to the chat, over which messages are sent."""

    live: LiveServer
    chat: RawClient
    token: str

    @classmethod
    async def join(cls, live: LiveServer, name: str) -> FileClient:
        chat = await live.join(name)
        return cls(live, chat, chat.token)

    def head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        """The head of a request with the token; a header given as ``""`` is left out."""
        wanted = {"Host": "localhost", "Authorization": f"Bearer {self.token}", "Connection": "close", **headers}
        return head(method, path, {name: value for name, value in wanted.items() if value})

    async def open(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> RawClient:
        """Begin a request on a connection of its own, and read nothing."""
        client = await self.live.knock()
        await client.send(self.head(method, path, headers) + body)
        return client

    async def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
        """Make a request on a connection of its own."""
        size = {"Content-Length": str(len(body))} if body or method in {"POST", "PATCH"} else {}
        client = await self.open(method, path, {**size, **(headers or {})}, body)
        answer = await client.next_http_answer(whole=method != "HEAD")
        client.hang_up()
        return answer

    async def begin(self, size: int, name: str = "a.bin", **metadata: str) -> Answer:
        """Ask for an upload."""
        given = {"filename": name, **(metadata or {"room": "#lobby"})}
        return await self.ask(
            "POST", "/files", {**TUS, "Upload-Length": str(size), "Upload-Metadata": format_metadata(given)}
        )

    async def create(self, size: int, name: str = "a.bin", **metadata: str) -> str:
        """Begin an upload; its path."""
        answer = await self.begin(size, name, **metadata)
        assert answer.status == 201, answer
        return answer.headers["location"]

    async def patch(self, path: str, offset: int, body: bytes, **headers: str) -> Answer:
        """Add bytes to an upload."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ask("PATCH", path, {**TUS, **BYTES, "Upload-Offset": str(offset), **more}, body)

    async def offset(self, path: str) -> int:
        """Where an upload goes on."""
        answer = await self.ask("HEAD", path, TUS)
        assert answer.status == 200, answer
        return int(answer.headers["upload-offset"])

    async def upload(self, data: bytes, name: str = "a.bin", **metadata: str) -> str:
        """Upload a file; its id."""
        path = await self.create(len(data), name, **metadata)
        if data:
            answer = await self.patch(path, 0, data)
            assert answer.status == 204, answer
        return path.removeprefix("/files/")

    async def send(self, *files: str, room: str = "#lobby", text: str = "") -> Json:
        """Send a message with files; the answer."""
        return await self.chat.ask("send", room=room, text=text, files=list(files))

    async def share(self, data: bytes, name: str = "a.bin", room: str = "#lobby") -> str:
        """Upload a file and send it; its path."""
        file = await self.upload(data, name, room=room)
        answer = await self.send(file, room=room)
        assert answer["type"] == "ok", answer
        return f"/files/{file}"


def checksum(data: bytes, algorithm: str = "sha256") -> str:
    """A value for ``Upload-Checksum``."""
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"


async def written(ada: FileClient, path: str, size: int, clock: trio.testing.MockClock | None = None) -> None:
    """Wait until the server has written so many bytes of an upload."""
    while await ada.live.server.blobs.size(path.removeprefix("/files/")) != size:
        if clock is not None:
            clock.jump(0.02)  # it gathers bytes for a moment before it writes them
