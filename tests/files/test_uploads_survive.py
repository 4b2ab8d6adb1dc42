"""Uploads survive cut connections and a killed server: what was acknowledged comes back with its hash, what was not
goes on where the server says, and nothing is half visible.

With the small client of these tests, ten breaks. ``nox -s tus`` does two hundred, with tuspy and tus-js-client too.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin

import trio

from tests.files.clients import Job, OwnClient, TusClient, ask, foreign_clients
from tests.files.cutting_relay import Break, CuttingRelay, make_plan
from tests.ports import find_free_port
from tests.programs import ServerProgram
from tests.server.raw_client import Closed, Gone, RawClient
from trio_chat.server.doors.files.tus_headers import UPLOAD_BYTES, format_metadata

BREAKS = int(os.environ.get("TRIO_CHAT_TRIAL_BREAKS", "10"))  # a test sees no settings of the environment
TUSPY = os.environ.get("TRIO_CHAT_TRIAL_TUSPY", "")
TUS_JS = os.environ.get("TRIO_CHAT_TRIAL_TUS_JS", "")
SEED = int(os.environ.get("TRIO_CHAT_TRIAL_SEED", "11"))

MOST = 2 * 1024 * 1024
"""Bytes of a file at most. A break comes after fewer, so most uploads are broken, and some more than once."""

KILLED = 5
"""Of so many breaks one is a kill."""

ABANDONED = max(3, BREAKS // 10)


@dataclass
class Trial:
    """The server, and what was acknowledged so far."""

    folder: Path
    port: int
    chance: random.Random
    server: ServerProgram | None = None
    tokens: dict[str, str] = field(default_factory=dict)
    files: dict[str, tuple[str, str]] = field(default_factory=dict)  # of each file its hash, and who sent it
    tries: Counter[str] = field(default_factory=Counter)
    uploads: Counter[str] = field(default_factory=Counter)

    async def start(self) -> None:
        """Start the server, or start it again."""
        limits = ("--rate", "0", "--per-address", "0", "--max-uploads", "1000")
        self.server = await trio.to_thread.run_sync(
            lambda: ServerProgram("--data", str(self.folder / "data"), *limits, port=self.port)
        )

    async def kill(self) -> None:
        """End the server with SIGKILL and start it again."""
        self.end()
        await self.start()

    def end(self) -> None:
        """End the server with SIGKILL."""
        assert self.server is not None
        with self.server as server:
            server.process.kill()

    @property
    def url(self) -> str:
        """Where uploads begin, past the relay."""
        return f"http://127.0.0.1:{self.port}/files"

    @contextlib.asynccontextmanager
    async def visit(self, name: str) -> AsyncIterator[RawClient]:
        """Be in the chat as somebody, for whom the first time makes an account."""
        client = await RawClient.open(("127.0.0.1", self.port))
        try:
            answer = await client.upgrade({"Username": name, "Trio-Chat-Token": self.tokens.get(name, "")})
            if answer.status != 101:
                raise Gone(answer.body)
            client.take_welcome(await client.until("welcome"))
            self.tokens[name] = client.token
            yield client
        finally:
            client.hang_up()

    async def send(self, name: str, file: str) -> dict[str, object]:
        """Send a message with a file, until it is answered. Returns the answer."""
        while True:
            with contextlib.suppress(OSError, Gone, Closed):
                async with self.visit(name) as client:
                    return await client.ask("send", id=f"message-{file}", room="#lobby", text="", files=[file])
            await trio.sleep(0.05)

    def make_file(self, name: str) -> Path:
        """A file with random bytes, of a random size that may be nothing."""
        size = self.chance.choice(
            [self.chance.randrange(2), self.chance.randrange(100_000), *[self.chance.randrange(MOST)] * 4]
        )
        path = self.folder / name
        path.write_bytes(self.chance.randbytes(size))
        return path

    async def upload_on(self, client: TusClient, relay: CuttingRelay) -> None:
        """Upload one file after the other, and send each, until all breaks have happened."""
        while relay.left or not self.uploads[client.name]:
            name = f"{client.name}-{self.uploads[client.name]}.bin"
            path = self.make_file(name)
            endpoint = f"http://127.0.0.1:{relay.port}/files"
            job = Job.draw(self.chance, endpoint, self.tokens[client.name], path, filename=name, room="#lobby")
            url, tries = await client.upload(job)
            file = url.rpartition("/")[2]
            answer = await self.send(client.name, file)
            assert answer["type"] == "ok", answer
            self.files[file] = (hashlib.sha256(path.read_bytes()).hexdigest(), client.name)
            path.unlink()
            self.uploads[client.name] += 1
            self.tries[client.name] += tries

    async def abandon(self, number: int) -> None:
        """Begin an upload, and let the connection break in the middle of it, of which nothing may be seen; then have it
        finished after a kill."""
        token, data = self.tokens["own"], self.chance.randbytes(MOST)
        metadata = format_metadata({"filename": f"abandoned-{number}.bin", "room": "#lobby"})
        begun = ask("POST", self.url, token, {"Upload-Length": str(len(data)), "Upload-Metadata": metadata})
        url, sent = urljoin(self.url, begun.headers["location"]), self.chance.randrange(len(data))
        part = self.chance.randrange(sent + 1)
        await trio.to_thread.run_sync(break_off, url, token, data[:part], len(data))
        acknowledged = await self.offset(url)
        assert 0 <= acknowledged <= part
        file = url.rpartition("/")[2]
        assert ask("GET", url, token, {}).status in {404, 409}
        assert (await self.send("own", file))["type"] == "error"
        await self.kill()
        offset = await self.offset(url)
        assert acknowledged <= offset <= part
        headers = {"Upload-Offset": str(offset), "Content-Type": UPLOAD_BYTES}
        done = await trio.to_thread.run_sync(ask, "PATCH", url, token, headers, data[offset:])
        assert (done.status, done.headers["upload-offset"]) == (204, str(len(data)))
        answer = await self.send("own", file)  # the message that was refused before
        assert answer["type"] == "ok", answer
        self.files[file] = (hashlib.sha256(data).hexdigest(), "own")

    async def offset(self, url: str) -> int:
        """Where the server says that an upload goes on."""
        return await trio.to_thread.run_sync(OwnClient().offset, url, self.tokens["own"])

    async def check_all(self) -> None:
        """Every file that was acknowledged is there for everybody, whole and in part; on the disk each blob has its
        hash for its name."""
        async with self.visit("reader") as reader:
            pass
        for file, (digest, _) in self.files.items():
            answer = ask("GET", f"{self.url}/{file}", reader.token, {})
            assert answer.status == 200
            assert hashlib.sha256(answer.body).hexdigest() == digest
            assert answer.headers["etag"] == f'"{digest}"'
            if answer.body:
                start = self.chance.randrange(len(answer.body))
                part = ask("GET", f"{self.url}/{file}", reader.token, {"Range": f"bytes={start}-"})
                assert (part.status, part.body) == (206, answer.body[start:])
        kept = self.folder / "data" / "files"
        blobs = {path.name: path for path in kept.glob("[0-9a-f][0-9a-f]/*")}
        for name, path in blobs.items():
            assert hashlib.sha256(path.read_bytes()).hexdigest() == name
        assert {digest for digest, _ in self.files.values()} <= set(blobs)

    def report(self, relay: CuttingRelay) -> str:
        """The tally."""
        breaks = ", ".join(f"{count} {kind.value}" for kind, count in sorted(relay.done.items(), key=str))
        clients = "; ".join(
            f"{name} {count} files, {self.tries[name]} tries more" for name, count in sorted(self.uploads.items())
        )
        return (
            f"{relay.done.total()} breaks ({breaks}), {clients}; {ABANDONED} abandoned in the middle and "
            f"resumed after a kill; {len(self.files)} acknowledged files came back with their hash, 0 lost"
        )


def break_off(url: str, token: str, part: bytes, length: int) -> None:
    """Send the first bytes of a body and break the connection."""
    host, _, path = url.partition("://")[2].partition("/")
    name, _, port = host.partition(":")
    head = (
        f"PATCH /{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nTus-Resumable: 1.0.0\r\n"
        f"Upload-Offset: 0\r\nContent-Type: {UPLOAD_BYTES}\r\nContent-Length: {length}\r\n\r\n"
    )
    with socket.create_connection((name, int(port))) as sock:
        sock.sendall(head.encode() + part)


async def test_acknowledged_files_come_back_and_the_others_go_on(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    trial = Trial(tmp_path, find_free_port(), chance)
    kills = BREAKS // KILLED
    plan = make_plan(chance, BREAKS - kills, kills, MOST)
    await trial.start()
    try:
        with foreign_clients(TUSPY, TUS_JS) as foreign:
            clients: list[TusClient] = [OwnClient(), *foreign]
            for client in clients:
                async with trial.visit(client.name):
                    pass
            relay = CuttingRelay(("127.0.0.1", trial.port), plan, trial.kill)
            async with trio.open_nursery() as nursery:
                await nursery.start(relay.run)
                async with trio.open_nursery() as uploading:
                    for client in clients:
                        uploading.start_soon(trial.upload_on, client, relay)
                nursery.cancel_scope.cancel()
        for number in range(ABANDONED):
            await trial.abandon(number)
        await trial.kill()
        await trial.check_all()
        print(f"seed {SEED}: {trial.report(relay)}")  # noqa: T201 - the figure that is quoted
        assert relay.done.total() == BREAKS
        assert relay.done[Break.KILL] == kills
    finally:
        trial.end()
