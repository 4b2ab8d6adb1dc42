"""Uploads by tus, over real sockets."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
import trio
import trio.testing

from tests.server.doors.files.file_client import BYTES, TUS, FileClient, checksum, written
from tests.server.live_server import Log, Serve
from tests.server.raw_client import Answer, RawClient
from trio_chat.server.doors.files.tus_headers import format_metadata
from trio_chat.server.doors.files.upload_claims import STALLED

DATA = bytes(range(256)) * 40


def code(answer: Answer) -> str:
    """The code of a refusal."""
    return str(answer.json["code"])


# ---- what a client sees -----------------------------------------------------------------------


async def test_the_id_of_a_file_is_no_option_of_a_command(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await FileClient.join(await serve(), "ada")
    monkeypatch.setattr(secrets, "token_bytes", lambda size: b"\xfb" * size)  # in Base64 for URLs it begins with "-"
    assert re.fullmatch("/files/[0-9a-z]{32}", await ada.create(10))


async def test_the_server_tells_what_it_can_do(serve: Serve) -> None:
    live = await serve(max_file=12345)
    for path in ("/files", "/files/", "/files/anything"):
        answer = await live.get(path, method="OPTIONS")
        assert answer.status == 204
        assert answer.headers["tus-version"] == answer.headers["tus-resumable"] == "1.0.0"
        assert answer.headers["tus-extension"] == "creation,creation-with-upload,expiration,checksum,termination"
        assert answer.headers["tus-max-size"] == "12345"
        assert answer.headers["tus-checksum-algorithm"] == "sha256,sha1"


async def test_a_file_goes_up_in_parts_and_comes_down_with_a_message(serve: Serve) -> None:
    live = await serve()
    ada, bob = await FileClient.join(live, "ada"), await FileClient.join(live, "bob")
    begun = await ada.begin(len(DATA), "report.pdf")
    assert (begun.status, begun.headers["upload-offset"]) == (201, "0")
    assert begun.headers["upload-expires"].endswith(" GMT")
    path = begun.headers["location"]
    first = await ada.patch(path, 0, DATA[:1000])
    assert (first.status, first.headers["upload-offset"], first.body) == (204, "1000", b"")
    told = await ada.ask("HEAD", path, TUS)
    assert (told.status, told.headers["upload-offset"], told.headers["upload-length"]) == (200, "1000", "10240")
    assert told.headers["cache-control"] == "no-store"
    assert told.headers["upload-metadata"] == format_metadata({"filename": "report.pdf"})
    assert told.headers["upload-expires"] == begun.headers["upload-expires"]
    last = await ada.patch(path, 1000, DATA[1000:])
    assert (last.status, last.headers["upload-offset"]) == (204, "10240")
    assert (await bob.ask("GET", path)).status == 404  # no message carries it yet
    sent = await ada.send(path.removeprefix("/files/"))
    assert sent["type"] == "ok"
    message = await bob.chat.until("message")
    assert message["files"][0]["sha256"] == hashlib.sha256(DATA).hexdigest()
    got = await bob.ask("GET", path)
    assert (got.status, got.body) == (200, DATA)


async def test_the_first_bytes_may_come_with_the_creation(serve: Serve) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    metadata = format_metadata({"filename": "a", "room": "#lobby"})
    headers = {**TUS, **BYTES, "Upload-Length": "10240", "Upload-Metadata": metadata}
    begun = await ada.ask("POST", "/files/", headers, DATA[:5000])
    assert (begun.status, begun.headers["upload-offset"]) == (201, "5000")
    assert (await ada.patch(begun.headers["location"], 5000, DATA[5000:])).status == 204
    whole = await ada.ask("POST", "/files", headers, DATA)
    assert (whole.status, whole.headers["upload-offset"]) == (201, "10240")
    assert (await ada.ask("GET", whole.headers["location"])).body == DATA


async def test_a_body_may_come_in_chunks(serve: Serve) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.create(len(DATA))
    chunks = (
        b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (DATA[:7], DATA[7:5000], DATA[5000:])) + b"0\r\n\r\n"
    )
    headers = {**TUS, **BYTES, "Upload-Offset": "0", "Transfer-Encoding": "chunked"}
    client = await ada.open("PATCH", path, headers, chunks)
    assert (await client.next_http_answer()).status == 204
    assert (await ada.ask("GET", path)).body == DATA


async def test_an_empty_file_is_whole_when_it_is_created(serve: Serve) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.share(b"", "empty.txt")
    answer = await ada.ask("GET", path)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["etag"] == f'"{hashlib.sha256().hexdigest()}"'


async def test_equal_files_are_two_files(serve: Serve) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    one, other = await ada.share(DATA, "one"), await ada.share(DATA, "other")
    assert one != other
    assert [(await ada.ask("GET", path)).body for path in (one, other)] == [DATA, DATA]


async def test_a_method_that_a_client_cannot_send_stands_in_a_header(serve: Serve) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.create(5)
    headers = {**TUS, **BYTES, "Upload-Offset": "0"}
    assert (await ada.ask("POST", path, {**headers, "X-HTTP-Method-Override": "PATCH"}, b"abc")).status == 204
    assert await ada.offset(path) == 3
    assert (await ada.ask("POST", path, {**TUS, "X-HTTP-Method-Override": "DELETE"})).status == 204
    assert (await ada.ask("HEAD", path, TUS)).status == 404
    answer = await ada.ask("POST", path, TUS)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, PATCH, DELETE, OPTIONS")


# ---- what is refused --------------------------------------------------------------------------


async def test_another_version_of_the_protocol_is_refused_and_changes_nothing(serve: Serve) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.create(5)
    for version in ("", "0.2.2", "2.0.0"):
        headers = {**BYTES, "Upload-Offset": "0", "Tus-Resumable": version}
        answer = await ada.ask("PATCH", path, headers, b"abc")
        assert (answer.status, answer.headers["tus-version"]) == (412, "1.0.0")
        assert (await ada.ask("DELETE", path, {"Tus-Resumable": version})).status == 412
    assert await ada.offset(path) == 0


@pytest.mark.parametrize(
    ("headers", "status", "refused"),
    [
        ({"Content-Type": ""}, 415, "not_upload_bytes"),
        ({"Content-Type": "application/octet-stream"}, 415, "not_upload_bytes"),
        ({"Upload-Offset": "2"}, 409, "wrong_offset"),
        ({"Upload-Offset": "0"}, 409, "wrong_offset"),
        ({"Upload-Offset": ""}, 400, "bad_upload"),
        ({"Upload-Offset": "-1"}, 400, "bad_upload"),
        ({"Upload-Checksum": "crc32 AAAA"}, 400, "bad_upload"),
        ({"Upload-Checksum": checksum(b"other")}, 460, "wrong_checksum"),
        ({"Upload-Checksum": checksum(b"other", "sha1")}, 460, "wrong_checksum"),
        ({"Content-Length": "10"}, 413, "beyond_length"),
    ],
)
async def test_a_patch_that_does_not_fit_leaves_the_upload_as_it_was(
    serve: Serve, headers: Mapping[str, str], status: int, refused: str
) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.create(10)
    assert (await ada.patch(path, 0, b"a")).status == 204
    body = b"0123456789" if status == 413 else b"bcd"
    answer = await ada.ask("PATCH", path, {**TUS, **BYTES, "Upload-Offset": "1", **headers}, body)
    assert (answer.status, code(answer)) == (status, refused)
    assert answer.headers["tus-resumable"] == "1.0.0"
    assert await ada.offset(path) == 1
    assert (await ada.patch(path, 1, b"bcdefghij")).status == 204
    assert (await ada.ask("GET", path)).body == b"abcdefghij"


async def test_bytes_beyond_the_length_are_refused_also_where_no_length_is_told(serve: Serve) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.create(5)
    headers = {**TUS, **BYTES, "Upload-Offset": "0", "Transfer-Encoding": "chunked"}
    client = await ada.open("PATCH", path, headers, b"6\r\nabcdef\r\n0\r\n\r\n")
    answer = await client.next_http_answer()
    assert answer.status == 413
    assert await ada.offset(path) in {0, 5}  # it may have written what the upload was to have


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_bytes_with_their_checksum_are_kept(serve: Serve, algorithm: str) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.create(len(DATA))
    for start in (0, 5000):
        part = DATA[:5000] if start == 0 else DATA[5000:]
        assert (await ada.patch(path, start, part, Upload_Checksum=checksum(part, algorithm))).status == 204
    assert (await ada.ask("GET", path)).body == DATA


@pytest.mark.parametrize(
    ("headers", "status", "refused"),
    [
        ({"Upload-Length": ""}, 400, "bad_upload"),
        ({"Upload-Length": "-1"}, 400, "bad_upload"),
        ({"Upload-Length": "1e3"}, 400, "bad_upload"),
        ({"Upload-Length": "", "Upload-Defer-Length": "1"}, 400, "bad_upload"),
        ({"Upload-Concat": "partial"}, 400, "bad_upload"),
        ({"Upload-Length": "1001"}, 413, "too_large"),
        ({"Upload-Length": "999999999999999999"}, 413, "too_large"),
        ({"Upload-Metadata": "filename"}, 0, ""),
        ({"Upload-Metadata": "filename YQ"}, 400, "bad_upload"),
    ],
)
async def test_an_upload_that_cannot_be_is_not_begun(
    serve: Serve, headers: Mapping[str, str], status: int, refused: str
) -> None:
    live = await serve(max_file=1000)
    ada = await FileClient.join(live, "ada")
    metadata = format_metadata({"filename": "a", "room": "#lobby"})
    answer = await ada.ask("POST", "/files", {**TUS, "Upload-Length": "5", "Upload-Metadata": metadata, **headers})
    if status:
        assert (answer.status, code(answer)) == (status, refused)
    else:
        assert answer.status >= 400  # it names neither a room nor people
    assert await live.server.blobs.uploads() == []


async def test_more_bytes_than_the_upload_is_to_have_do_not_begin_one(serve: Serve) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    metadata = format_metadata({"filename": "a", "room": "#lobby"})
    headers = {**TUS, **BYTES, "Upload-Length": "5", "Upload-Metadata": metadata}
    answer = await ada.ask("POST", "/files", headers, b"123456")
    assert (answer.status, code(answer)) == (413, "beyond_length")
    assert await live.server.blobs.uploads() == []


async def test_a_wrong_checksum_of_the_first_bytes_leaves_an_empty_upload(serve: Serve) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    metadata = format_metadata({"filename": "a", "room": "#lobby"})
    headers = {**TUS, **BYTES, "Upload-Length": "5", "Upload-Metadata": metadata, "Upload-Checksum": checksum(b"x")}
    answer = await ada.ask("POST", "/files", headers, b"12345")
    assert (answer.status, code(answer)) == (460, "wrong_checksum")
    assert await ada.offset(answer.headers["location"]) == 0


# ---- cuts -------------------------------------------------------------------------------------


async def cut_off(ada: FileClient, path: str, part: bytes, *, reset: bool, **headers: str) -> RawClient:
    """Begin to send all of DATA, and break the connection after some of it."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    head = {**TUS, **BYTES, "Upload-Offset": "0", "Content-Length": str(len(DATA)), **more}
    client = await ada.open("PATCH", path, head, part)
    await written(ada, path, len(part))
    if reset:
        client.reset()
    else:
        client.hang_up()
    return client


@pytest.mark.parametrize("reset", [False, True])
async def test_what_came_before_a_cut_is_kept(serve: Serve, *, reset: bool) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.create(len(DATA))
    await cut_off(ada, path, DATA[:7000], reset=reset)
    offset = await ada.offset(path)
    assert offset == 7000
    assert (await ada.patch(path, offset, DATA[offset:])).status == 204
    assert (await ada.ask("GET", path)).body == DATA


async def test_what_came_with_a_checksum_counts_only_when_it_is_whole(serve: Serve) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.create(len(DATA))
    await cut_off(ada, path, DATA[:7000], reset=False, Upload_Checksum=checksum(DATA))
    assert await ada.offset(path) == 0


async def test_one_request_at_a_time_writes(serve: Serve, mock_clock: trio.testing.MockClock) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.create(len(DATA))
    head = {**TUS, **BYTES, "Upload-Offset": "0", "Content-Length": str(len(DATA))}
    writing = await ada.open("PATCH", path, head, DATA[:1000])
    await written(ada, path, 1000, mock_clock)
    async with trio.open_nursery() as nursery:
        answers: list[Answer] = []

        async def ask() -> None:
            answers.append(await ada.patch(path, 0, b"x"))

        nursery.start_soon(ask)
        while not answers:
            await trio.testing.wait_all_tasks_blocked(0.001)
            await writing.send(b"y")
            mock_clock.jump(0.5)
    assert (answers[0].status, code(answers[0])) == (423, "upload_busy")
    writing.hang_up()


async def test_a_request_from_which_nothing_comes_gives_way(serve: Serve, mock_clock: trio.testing.MockClock) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.create(len(DATA))
    head = {**TUS, **BYTES, "Upload-Offset": "0", "Content-Length": str(len(DATA))}
    asleep = await ada.open("PATCH", path, head, DATA[:1000])
    await written(ada, path, 1000, mock_clock)
    mock_clock.jump(STALLED)
    assert await ada.offset(path) == 1000
    assert (await asleep.next_http_answer()).status == 423
    assert (await ada.patch(path, 1000, DATA[1000:])).status == 204
    assert (await ada.ask("GET", path)).body == DATA


# ---- the end of an upload ---------------------------------------------------------------------


async def test_an_upload_is_removed_on_request(serve: Serve) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.create(10)
    assert (await ada.patch(path, 0, b"abc")).status == 204
    answer = await ada.ask("DELETE", path, TUS)
    assert (answer.status, answer.headers["tus-resumable"]) == (204, "1.0.0")
    assert await live.server.blobs.uploads() == []
    for method in ("HEAD", "PATCH", "DELETE"):
        assert (await ada.ask(method, path, {**TUS, **BYTES, "Upload-Offset": "3"})).status == 404


async def test_an_upload_is_removed_while_bytes_come(serve: Serve) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.create(len(DATA))
    head = {**TUS, **BYTES, "Upload-Offset": "0", "Content-Length": str(len(DATA))}
    writing = await ada.open("PATCH", path, head, DATA[:1000])
    await written(ada, path, 1000)
    assert (await ada.ask("DELETE", path, TUS)).status == 204
    assert await live.server.blobs.uploads() == []
    assert (await writing.next_http_answer()).status == 423


async def test_an_upload_ends_after_a_day(serve: Serve) -> None:
    now = [1_800_000_000.0]
    live = await serve(clock=lambda: now[0])
    ada = await FileClient.join(live, "ada")
    begun, whole = await ada.begin(10), await ada.upload(DATA)
    told = parsedate_to_datetime(begun.headers["upload-expires"])
    assert told.timestamp() == now[0] + 24 * 3600
    path = begun.headers["location"]
    now[0] += 24 * 3600 - 1
    assert await ada.offset(path) == 0
    now[0] += 2
    await ada.chat.ask("ping")
    assert (await ada.ask("HEAD", path, TUS)).status == 404
    assert (await ada.patch(path, 0, b"abc")).status == 404
    assert (await ada.ask("GET", f"/files/{whole}")).status == 404


async def test_what_came_is_kept_when_the_server_stops(serve: Serve, tmp_path: Path) -> None:
    live = await serve(data=tmp_path)
    ada = await FileClient.join(live, "ada")
    path = await ada.create(len(DATA))
    head = {**TUS, **BYTES, "Upload-Offset": "0", "Content-Length": str(len(DATA))}
    writing = await ada.open("PATCH", path, head, DATA[:7000])
    await written(ada, path, 7000)
    live.server.stop()
    answer = await writing.next_http_answer()
    assert (answer.status, code(answer)) == (503, "shutting_down")
    await live.end()
    again = await serve(data=tmp_path)
    back = FileClient(again, await again.join("ada", token=ada.token), ada.token)
    assert await back.offset(path) == 7000
    assert (await back.patch(path, 7000, DATA[7000:])).status == 204
    assert (await back.ask("GET", path)).body == DATA


async def test_a_file_that_a_message_carries_is_no_upload_any_more(serve: Serve) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.share(DATA)
    assert (await ada.ask("DELETE", path, TUS)).status == 404
    assert (await ada.patch(path, len(DATA), b"")).status == 404
    assert (await ada.ask("GET", path)).body == DATA


async def test_the_end_of_an_upload_that_was_missed_is_made_up_for(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.create(5)
    with monkeypatch.context() as patch:

        async def fail(*_: object) -> None:
            raise RuntimeError("the server ends here")

        patch.setattr("trio_chat.server.doors.files.file_access.FileAccess.finish", fail)
        answer = await ada.patch(path, 0, b"abcde")
        assert answer.status == 500
    logged.take("request failed")
    assert (await ada.ask("GET", path)).status in {404, 409}
    assert await ada.offset(path) == 5
    assert (await ada.ask("GET", path)).body == b"abcde"
