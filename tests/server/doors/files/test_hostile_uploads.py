"""Uploads of people who mean no good: names, metadata, sizes, quotas, and a disk that fills."""

from __future__ import annotations

import base64
import errno
import os
import unicodedata
from typing import Any

import pytest
import trio
import trio.testing

from tests.server.doors.files.file_client import BYTES, TUS, FileClient, written
from tests.server.live_server import Log, Serve
from tests.server.raw_client import Answer
from trio_chat.broker.file_orders import DropUpload
from trio_chat.errors import Refusal
from trio_chat.protocol.files import MAX_FILE_NAME
from trio_chat.records import SaveFile
from trio_chat.server.doors.files.file_access import FileAccess
from trio_chat.server.doors.http import HttpRequest
from trio_chat.store.blobs import DirectoryBlobs

NAMES = [
    "../../etc/passwd",
    "/etc/passwd",
    "..",
    ".",
    "",
    ".bashrc",
    "..\\..\\windows\\system32\\cmd.exe",
    "C:\\autoexec.bat",
    "a\x00.png",
    "a\r\nSet-Cookie: x=1",
    "con",
    "NUL.txt",
    "com1.log",
    "lpt9",
    "report\u202efdp.exe",
    "\u200b\u200b",
    "a\u2028b",
    "x" * 300 + ".txt",
    "\u00e9" * 200 + ".tar",
    "trailing.  ",
    "\x1b[31mred\x1b[0m",
    '"quoted"; filename=evil.sh',
    "$(touch x)`id`|sh;&",
    "-rf",
    "\ud7ff\uffff\U0010ffff",
]


@pytest.mark.parametrize("name", NAMES)
async def test_a_hostile_name_is_made_harmless_everywhere(serve: Serve, name: str) -> None:
    live = await serve()
    ada, bob = await FileClient.join(live, "ada"), await FileClient.join(live, "bob")
    path = await ada.share(b"x", name)
    message = await bob.chat.until("message")
    shown = message["files"][0]["name"]
    assert shown
    assert len(shown.encode()) <= MAX_FILE_NAME
    assert shown not in {".", ".."}
    assert not shown.startswith(".")
    assert not set('/\\:*?"<>|') & set(shown)
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in shown)
    assert shown in message["text"]
    answer = await bob.ask("GET", path)
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith('attachment; filename="')
    assert disposition.isascii()
    assert disposition.isprintable()
    assert "set-cookie" not in answer.headers
    assert answer.body == b"x"


async def test_two_files_of_one_name_are_two_files(serve: Serve) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    one, other = await ada.upload(b"one", "a.txt"), await ada.upload(b"other", "a.txt")
    assert (await ada.send(one, other))["type"] == "ok"
    assert (await ada.ask("GET", f"/files/{one}")).body == b"one"
    assert (await ada.ask("GET", f"/files/{other}")).body == b"other"


@pytest.mark.parametrize(
    "metadata",
    [
        "filename",
        "room I2xvYmJ5,room I2xvYmJ5",
        "room ////",
        "room " + base64.b64encode(b"#" + b"x" * 3000).decode(),
        "to " + base64.b64encode(b"," * 3000).decode(),
        "to " + base64.b64encode(b"nobody").decode(),
        "room " + base64.b64encode(b"#nowhere").decode(),
        "room " + base64.b64encode(b"\x1b[2J").decode(),
        "room I2xvYmJ5,to YWRh",
        "x" * 5000,
        "\xff\xfe",
        ",,,,",
    ],
)
async def test_metadata_that_lead_nowhere_are_refused(serve: Serve, metadata: str) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    answer = await ada.ask("POST", "/files", {**TUS, "Upload-Length": "5", "Upload-Metadata": metadata})
    assert 400 <= answer.status < 500
    assert answer.json["message"].isprintable()
    assert await live.server.blobs.uploads() == []


async def test_the_room_of_others_takes_no_upload(serve: Serve) -> None:
    live = await serve()
    ada, eve = await FileClient.join(live, "ada"), await FileClient.join(live, "eve")
    await ada.chat.ask("join", room="#secret")
    await ada.chat.ask("configure", room="#secret", private=True)
    hidden, unknown = await eve.begin(5, room="#secret"), await eve.begin(5, room="#nowhere")
    assert hidden.status == unknown.status
    assert hidden.json["code"] == unknown.json["code"]


async def test_unfinished_uploads_of_an_account_are_limited(serve: Serve) -> None:
    live = await serve(max_uploads=3)
    ada, bob = await FileClient.join(live, "ada"), await FileClient.join(live, "bob")
    paths = [await ada.create(5) for _ in range(3)]
    answer = await ada.begin(5)
    assert answer.json["code"] == "too_many_uploads"
    await bob.create(5)
    assert (await ada.ask("DELETE", paths[0], TUS)).status == 204
    await ada.create(5)


async def test_a_promised_size_counts_against_the_quota_at_once(serve: Serve) -> None:
    live = await serve(file_quota=1000, max_file=1000)
    ada, bob = await FileClient.join(live, "ada"), await FileClient.join(live, "bob")
    path = await ada.create(600)
    assert (await ada.begin(401)).json["code"] == "quota_full"
    await ada.create(400)
    await bob.create(1000)
    assert (await ada.ask("DELETE", path, TUS)).status == 204
    await ada.create(600)


async def test_all_files_together_are_limited(serve: Serve) -> None:
    live = await serve(files_total=1000, max_file=1000)
    ada, bob = await FileClient.join(live, "ada"), await FileClient.join(live, "bob")
    await ada.create(600)
    answer = await bob.begin(401)
    assert (answer.status, answer.json["code"]) == (507, "files_full")


async def test_a_server_without_files_takes_none(serve: Serve) -> None:
    live = await serve(max_file=0)
    ada = await FileClient.join(live, "ada")
    answer = await ada.begin(0)
    assert (answer.status, answer.json["code"]) == (403, "no_files")


async def test_a_full_disk_refuses_uploads_and_the_chat_goes_on(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    live = await serve()
    ada, bob = await FileClient.join(live, "ada"), await FileClient.join(live, "bob")
    kept = await ada.share(b"kept")
    path = await ada.create(10)
    assert (await ada.patch(path, 0, b"abc")).status == 204
    with monkeypatch.context() as patch:

        def full(*_: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        for name in ("write", "pwrite", "writev"):
            patch.setattr(os, name, full)
        answer = await ada.patch(path, 3, b"defghij")
        assert (answer.status, answer.json["code"]) == (507, "disk_full")
        assert (await ada.chat.say("still here"))["type"] == "ok"
        assert (await bob.chat.until("message", text="still here"))["from"] == "ada"
        assert (await bob.ask("GET", kept)).body == b"kept"
    assert await ada.offset(path) == 3
    assert (await ada.patch(path, 3, b"defghij")).status == 204
    assert (await ada.ask("GET", path)).body == b"abcdefghij"


async def test_a_body_that_comes_too_slowly_is_cut_and_what_came_is_kept(
    serve: Serve, mock_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.create(100_000)
    head = {**TUS, **BYTES, "Upload-Offset": "0", "Content-Length": "100000"}
    slow = await ada.open("PATCH", path, head, b"a" * 100)
    await written(ada, path, 100, mock_clock)
    answers: list[Answer] = []

    async def read() -> None:
        answers.append(await slow.next_http_answer())

    nursery.start_soon(read)
    while not answers:
        mock_clock.jump(10)
        await trio.testing.wait_all_tasks_blocked()
    assert answers[0].json["code"] == "slow_body"
    assert await ada.offset(path) == 100


async def test_requests_for_files_are_charged(serve: Serve) -> None:
    live = await serve(rate=20.0, burst=10)
    ada = await FileClient.join(live, "ada")
    clients = [await ada.open("GET", "/files/none", {}) for _ in range(40)]  # one after the other, each would wait
    answers = [await client.next_http_answer() for client in clients]
    assert {answer.status for answer in answers} == {404, 429}
    assert answers[-1].json["code"] == "too_fast"


async def test_who_is_banned_sends_and_gets_nothing(serve: Serve) -> None:
    live = await serve()
    ada, eve = await FileClient.join(live, "ada"), await FileClient.join(live, "eve")
    await ada.chat.ask("join", room="#ops")
    await eve.chat.ask("join", room="#ops")
    path = await ada.share(b"x", room="#ops")
    assert (await eve.ask("GET", path)).status == 200
    assert (await ada.chat.ask("ban", room="#ops", name="eve"))["type"] == "ok"
    assert (await eve.ask("GET", path)).status == 404
    assert (await eve.begin(5, room="#ops")).status >= 400


async def test_who_is_muted_begins_no_upload(serve: Serve) -> None:
    live = await serve()
    ada, eve = await FileClient.join(live, "ada"), await FileClient.join(live, "eve")
    await ada.chat.ask("join", room="#ops")
    await eve.chat.ask("join", room="#ops")
    assert (await ada.chat.ask("mute", room="#ops", name="eve"))["type"] == "ok"
    answer = await eve.begin(5, room="#ops")
    assert answer.json["code"] == "may_not_speak"


async def test_an_upload_that_is_removed_while_it_is_put_in_place_leaves_no_bytes(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, mock_clock: trio.testing.MockClock
) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.create(5)
    seal = DirectoryBlobs.seal

    async def removed_meanwhile(blobs: DirectoryBlobs, upload: str, *more: Any) -> Any:
        sealed = await seal(blobs, upload, *more)
        token, address = ada.token, "127.0.0.1"
        assert not isinstance(await live.server.hub.ask_file(DropUpload(token, address, upload)), Refusal)
        return sealed

    monkeypatch.setattr(DirectoryBlobs, "seal", removed_meanwhile)
    assert (await ada.patch(path, 0, b"bytes")).json["code"] == "unknown_file"
    while await live.server.blobs.digests() or await live.server.blobs.uploads():
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(0.5)  # nobody has these bytes, and they count in no quota


@pytest.mark.parametrize("method", ["HEAD", "PATCH"])
async def test_a_request_does_not_bring_back_an_upload_that_was_removed_meanwhile(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.create(100)
    find = FileAccess.find_upload

    async def removed_meanwhile(access: FileAccess, request: HttpRequest) -> SaveFile | Refusal:
        found = await find(access, request)
        assert (await ada.ask("DELETE", path, TUS)).status == 204
        return found

    monkeypatch.setattr(FileAccess, "find_upload", removed_meanwhile)
    head = {**TUS, **BYTES, "Upload-Offset": "0"}
    answer = await ada.ask(method, path, head, b"a" * 50 if method == "PATCH" else b"")
    assert answer.status == 404
    assert await live.server.blobs.uploads() == []


async def test_a_request_finds_an_upload_that_another_one_finished_meanwhile(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.create(3)
    find = FileAccess.find_upload
    others = [True]

    async def finished_meanwhile(access: FileAccess, request: HttpRequest) -> SaveFile | Refusal:
        found = await find(access, request)
        if others:
            others.clear()
            assert (await ada.patch(path, 0, b"abc")).status == 204
        return found

    monkeypatch.setattr(FileAccess, "find_upload", finished_meanwhile)
    assert await ada.offset(path) == 3
    assert await live.server.blobs.uploads() == []


async def test_the_bytes_of_an_upload_whose_time_is_over_are_not_taken_any_more(serve: Serve) -> None:
    now = [1_800_000_000.0]
    live = await serve(clock=lambda: now[0])
    ada = await FileClient.join(live, "ada")
    path = await ada.create(100)
    head = {**TUS, **BYTES, "Upload-Offset": "0", "Content-Length": "100"}
    writing = await ada.open("PATCH", path, head, b"a" * 10)
    await written(ada, path, 10)
    now[0] += 24 * 3600 + 1
    await ada.chat.ask("ping")
    await writing.send(b"a" * 10)
    assert (await writing.next_http_answer()).status == 404
    assert await live.server.blobs.uploads() == []
