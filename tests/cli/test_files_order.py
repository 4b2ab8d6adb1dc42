"""``admin files``: the same list from a server that runs and from its database, and a file that nobody can fetch any
more."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.programs import ServerProgram, as_somebody, run
from trio_chat.client import Chat
from trio_chat.protocol.events import Ok
from trio_chat.protocol.requests import Send


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def server(data: Path) -> Iterator[ServerProgram]:
    with ServerProgram("--data", str(data)) as one:
        yield one


def upload(url: str, token: str, name: str, content: bytes) -> str:
    """Upload a file whole, as any client of tus does. Returns its id."""
    metadata = ",".join(
        f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in (("filename", name), ("room", "#lobby"))
    )
    headers = {
        "Authorization": f"Bearer {token}",
        "Tus-Resumable": "1.0.0",
        "Upload-Length": str(len(content)),
        "Upload-Metadata": metadata,
        "Content-Type": "application/offset+octet-stream",
    }
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request("POST", "/files", content, headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 201
        return (answer.headers["Location"] or "").rpartition("/")[2]
    finally:
        connection.close()


def furnish(url: str) -> list[str]:
    """A file in a message of the lobby, and an upload that no message carries. Returns their ids."""
    made: list[str] = []

    async def send(chat: Chat) -> None:
        token = chat.welcome.token
        made.extend(
            upload(url, token, name, content) for name, content in (("a.txt", b"hello"), ("b\x1b[2J.txt", b"x" * 9))
        )
        await chat._ask(Send(id=chat._id(), room="#lobby", text="look", files=(made[0],)), Ok)

    as_somebody(url, "ada", send)
    return made


def rows(data: Path, *arguments: str) -> list[tuple[object, ...]]:
    done = run("admin", "files", *arguments, "--json", "--data", str(data))
    assert (done.status, done.err) == (0, "")
    keys = ("id", "name", "bytes", "kind", "by", "room", "message")
    return sorted(tuple(row[key] for key in keys) for row in done.events)


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
def test_files_are_listed_and_removed_on_a_running_server_and_on_a_stopped_one(
    server: ServerProgram, data: Path, *, running: bool
) -> None:
    sent, kept = furnish(server.url)
    if not running:
        server.stop()
    all_files = sorted(
        [
            (sent, "a.txt", 5, "text/plain", "ada", "#lobby", 1),
            (kept, "b_[2J.txt", 9, "text/plain", "ada", "", None),
        ]
    )
    assert rows(data) == rows(data, "ada") == all_files
    assert [row[0] for row in rows(data, "#lobby")] == [sent]
    shown = run("admin", "files", "--data", str(data))
    assert shown.out.split("\n")[0].split() == ["id", "name", "bytes", "kind", "by", "room", "message", "began"]
    removed = run("admin", "files", "--drop", sent, "--data", str(data))
    assert (removed.status, removed.out) == (0, f"The file {sent} is removed.\n")
    assert [row[0] for row in rows(data)] == [kept]
    again = run("admin", "files", "--drop", sent, "--data", str(data))
    assert again.status == 1
    assert "There is no such file here." in again.err
    audit = run("admin", "audit", "--json", "--data", str(data))
    deeds = [(row["actor"], row["action"], row["room"], row["target"], row["detail"]) for row in audit.events]
    assert deeds == [
        ("ada", "file", "#lobby", "", "a.txt, 5 bytes"),
        ("server", "drop-file", "#lobby", "ada", "a.txt, 5 bytes"),
    ]


@pytest.mark.parametrize("where", ["#nowhere", "nobody"])
def test_files_of_a_room_or_a_person_that_is_not_there_are_an_error(
    server: ServerProgram, data: Path, where: str
) -> None:
    done = run("admin", "files", where, "--data", str(data))
    assert done.status == 1
    assert where in done.err


def test_a_file_is_not_removed_while_some_are_listed(data: Path) -> None:
    done = run("admin", "files", "ada", "--drop", "x", "--data", str(data))
    assert done.status == 2
    assert "Give either" in done.err
