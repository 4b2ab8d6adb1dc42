"""Downloads: parts, versions, harmless answers, and who gets them."""

from __future__ import annotations

import base64
import contextlib
import hashlib

import pytest
import trio
import trio.testing

from tests.server.doors.files.file_client import TUS, FileClient
from tests.server.live_server import Log, Serve

DATA = bytes(range(256)) * 40
TAG = f'"{hashlib.sha256(DATA).hexdigest()}"'
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


# ---- the answer -------------------------------------------------------------------------------


async def test_a_file_is_for_saving_and_never_a_page(serve: Serve) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.share(DATA, "bericht für ada.bin")
    for method in ("GET", "HEAD"):
        answer = await ada.ask(method, path)
        assert answer.status == 200
        assert answer.body == (DATA if method == "GET" else b"")
        assert answer.headers["content-length"] == str(len(DATA))
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"] == (
            "attachment; filename=\"bericht fur ada.bin\"; filename*=UTF-8''bericht%20f%C3%BCr%20ada.bin"
        )
        assert answer.headers["etag"] == TAG
        assert answer.headers["accept-ranges"] == "bytes"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "private, no-cache"
        digest = base64.b64encode(hashlib.sha256(DATA).digest()).decode()
        assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG, "image/png"),
        (b"%PDF-1.7\n<script>alert(1)</script>", "application/pdf"),
        (b"<!doctype html><script>alert(1)</script>", "text/plain; charset=utf-8"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "text/plain; charset=utf-8"),
        (b"GIF89a<script>alert(1)</script>", "application/octet-stream"),
        (b"MZ\x00\x01", "application/octet-stream"),
        ("grüße\n".encode(), "text/plain; charset=utf-8"),
    ],
)
async def test_the_type_is_told_by_the_bytes_and_never_by_the_sender(serve: Serve, data: bytes, kind: str) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    file = await ada.upload(data, "a.html", room="#lobby", filetype="text/html")
    answer = await ada.ask("GET", f"/files/{file}")
    assert answer.headers["content-type"] in ({kind} if not data.startswith(b"GIF") else {kind, "image/gif"})
    assert answer.headers["content-disposition"] == 'attachment; filename="a.html"'
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("wanted", "status", "part", "described"),
    [
        ("bytes=0-99", 206, slice(0, 100), "bytes 0-99/10240"),
        ("bytes=10000-", 206, slice(10000, None), "bytes 10000-10239/10240"),
        ("bytes=-100", 206, slice(-100, None), "bytes 10140-10239/10240"),
        ("bytes=10239-99999", 206, slice(10239, None), "bytes 10239-10239/10240"),
        ("bytes=0-1,5-9", 200, slice(None), None),
        ("bytes=9-5", 200, slice(None), None),
        ("lines=1-2", 200, slice(None), None),
        ("bytes=10240-", 416, None, "bytes */10240"),
        ("bytes=-0", 416, None, "bytes */10240"),
    ],
)
async def test_a_part_of_a_file(
    serve: Serve, wanted: str, status: int, part: slice | None, described: str | None
) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.share(DATA)
    answer = await ada.ask("GET", path, {"Range": wanted})
    assert answer.status == status
    assert answer.headers.get("content-range") == described
    if part is None:
        assert answer.json["code"] == "bad_range"
    else:
        assert answer.body == DATA[part]
        assert answer.headers["etag"] == TAG


async def test_a_part_of_another_version_is_the_whole_file(serve: Serve) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.share(DATA)
    assert (await ada.ask("GET", path, {"Range": "bytes=0-1", "If-Range": TAG})).status == 206
    assert (await ada.ask("GET", path, {"Range": "bytes=0-1", "If-Range": '"x"'})).body == DATA
    assert (await ada.ask("HEAD", path, {"Range": "bytes=0-1"})).status == 200  # only GET has parts


async def test_a_version_that_the_client_has_is_not_sent_again(serve: Serve) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.share(DATA)
    for condition in (TAG, f'"x", W/{TAG}', "*"):
        answer = await ada.ask("GET", path, {"If-None-Match": condition})
        assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", TAG)
        assert "content-length" not in answer.headers
    assert (await ada.ask("GET", path, {"If-None-Match": '"x"'})).body == DATA
    assert (await ada.ask("GET", path, {"If-Match": TAG})).body == DATA
    assert (await ada.ask("GET", path, {"If-Match": f"W/{TAG}"})).status == 412
    assert (await ada.ask("GET", path, {"If-Match": TAG, "If-None-Match": TAG})).status == 304


@pytest.mark.parametrize("how", ["delete", "leave", "revoke"])
async def test_a_download_ends_when_its_receiver_may_not_have_the_file_any_more(
    serve: Serve, mock_clock: trio.testing.MockClock, how: str
) -> None:
    live = await serve()
    ada, bob = await FileClient.join(live, "ada"), await FileClient.join(live, "bob")
    await ada.chat.ask("join", room="#ops")
    await bob.chat.ask("join", room="#ops")
    size = 50_000_000
    path = await ada.share(bytes(size), room="#ops")
    slow = await bob.open("GET", path, {})
    assert (await slow.read_answer_head()).status == 200
    tally = live.server.hub.tally
    mock_clock.jump(11)
    await trio.testing.wait_all_tasks_blocked(0.05)
    assert tally.transfers == 1  # nothing has changed
    if how == "delete":
        page = await ada.chat.ask("history", room="#ops")
        seq = next(event["seq"] for event in page["events"] if event.get("files"))
        assert (await ada.chat.ask("delete", room="#ops", target=seq))["type"] == "ok"
    elif how == "leave":
        assert (await bob.chat.ask("leave", room="#ops"))["type"] == "ok"
    else:
        person = next(person for person in live.server.hub.broker.people.values() if person.name.shown == "bob")
        for digest in list(person.devices):
            live.server.hub.broker.holders.pop(digest)
    for _ in range(12):  # long before it would be cut for its slowness
        mock_clock.jump(1)
        await trio.testing.wait_all_tasks_blocked(0.01)
    assert tally.transfers == 0
    assert len(await slow.read_to_end()) < size


async def test_several_requests_on_one_connection(serve: Serve) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.share(DATA)
    asked = b"".join(
        ada.head("GET", path, {"Connection": "", "Range": f"bytes={start}-{start + 9}"}) for start in range(0, 100, 10)
    )
    client = await live.knock()
    await client.send(asked)
    for start in range(0, 100, 10):
        assert (await client.next_http_answer()).body == DATA[start : start + 10]


# ---- who gets it ------------------------------------------------------------------------------


async def test_who_has_no_token_learns_nothing(serve: Serve) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.share(DATA)
    for headers in (
        {"Authorization": ""},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {base64.b64encode(f'ada:{ada.token}'.encode()).decode()}"},
        {"Authorization": f"Bearer {ada.token}x"},
        {"Authorization": "", "Trio-Chat-Token": "%00%ff"},
        {"Authorization": "", "Cookie": f"token={ada.token}"},
    ):
        answers = [
            await ada.ask(method, where, headers) for method in ("GET", "HEAD") for where in (path, "/files/none")
        ]
        assert {answer.status for answer in answers} == {401}
        assert all(answer.headers["www-authenticate"].startswith("Bearer") for answer in answers)
        assert answers[0].body == answers[1].body
    assert (await ada.ask("GET", path, {"Authorization": "", "Trio-Chat-Token": ada.token})).status == 200
    assert (await ada.ask("GET", f"{path}?token={ada.token}", {"Authorization": ""})).status == 401


async def test_a_file_that_one_may_not_see_looks_like_none(serve: Serve) -> None:
    live = await serve()
    ada, eve = await FileClient.join(live, "ada"), await FileClient.join(live, "eve")
    await ada.chat.ask("join", room="#secret")
    await ada.chat.ask("configure", room="#secret", private=True)
    path = await ada.share(DATA, room="#secret")
    unknown = await eve.ask("GET", "/files/0000000000000000000000")
    file = path.removeprefix("/files/")
    for name in (file, file.swapcase(), f"{file}x", "%2e%2e", "..", "a" * 65, "a%00b", "-"):
        where = f"/files/{name}"
        answer = await eve.ask("GET", where)
        assert (answer.status, answer.body) == (404, unknown.body)
    assert (await eve.ask("HEAD", path)).status == 404
    assert (await eve.ask("GET", path, {"Range": "bytes=0-"})).status == 404
    assert (await eve.ask("GET", path, {"If-None-Match": TAG})).status == 404


async def test_access_ends_with_the_message(serve: Serve) -> None:
    live = await serve()
    ada, bob = await FileClient.join(live, "ada"), await FileClient.join(live, "bob")
    file = await ada.upload(DATA)
    sent = await ada.send(file)
    assert (await bob.ask("GET", f"/files/{file}")).status == 200
    assert (await ada.chat.ask("delete", room="#lobby", target=sent["seq"]))["type"] == "ok"
    for person in (ada, bob):
        assert (await person.ask("GET", f"/files/{file}")).status == 404
        assert (await person.ask("GET", f"/files/{file}", {"If-None-Match": TAG})).status == 404


async def test_access_ends_with_the_membership_in_a_private_room(serve: Serve) -> None:
    live = await serve()
    ada, bob = await FileClient.join(live, "ada"), await FileClient.join(live, "bob")
    await ada.chat.ask("join", room="#ops")
    await ada.chat.ask("configure", room="#ops", private=True)
    await ada.chat.ask("invite", room="#ops", name="bob")
    await bob.chat.ask("join", room="#ops")
    path = await ada.share(DATA, room="#ops")
    assert (await bob.ask("GET", path)).status == 200
    await bob.chat.ask("leave", room="#ops")
    assert (await bob.ask("GET", path)).status == 404
    assert (await ada.ask("GET", path)).status == 200


async def test_a_file_of_a_conversation_is_for_its_members(serve: Serve) -> None:
    live = await serve()
    ada, bob, eve = [await FileClient.join(live, name) for name in ("ada", "bob", "eve")]
    file = await ada.upload(DATA, to="bob")
    assert (await ada.chat.ask("send", to=["bob"], text="", files=[file]))["type"] == "ok"
    assert (await bob.ask("GET", f"/files/{file}")).body == DATA
    assert (await eve.ask("GET", f"/files/{file}")).status == 404


async def test_an_upload_is_for_its_account_alone(serve: Serve) -> None:
    live = await serve()
    ada, eve = await FileClient.join(live, "ada"), await FileClient.join(live, "eve")
    path = await ada.create(len(DATA))
    for method, headers in (("HEAD", TUS), ("DELETE", TUS), ("GET", {})):
        assert (await eve.ask(method, path, headers)).status == 404
    assert (await eve.patch(path, 0, b"evil")).status == 404
    assert await ada.offset(path) == 0
    assert (await ada.patch(path, 0, DATA)).status == 204
    assert (await eve.ask("GET", path)).status == 404
    stolen = await eve.send(path.removeprefix("/files/"))
    assert (stolen["type"], stolen["code"]) == ("error", "unknown_file")
    assert (await ada.ask("GET", path)).body == DATA


async def test_a_web_page_of_another_site_gets_and_sends_nothing(serve: Serve) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.share(DATA)
    for method, where, headers in (
        ("GET", path, {}),
        ("HEAD", path, TUS),
        ("POST", "/files", TUS),
        ("OPTIONS", "/files", {}),
    ):
        answer = await ada.ask(method, where, {**headers, "Origin": "https://evil.example"})
        assert answer.status == 403
        assert "access-control-allow-origin" not in answer.headers


# ---- limits and faults ------------------------------------------------------------------------


async def test_transfers_of_one_account_are_limited(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    live = await serve()
    ada, bob = await FileClient.join(live, "ada"), await FileClient.join(live, "bob")
    big = bytes(8 * 1024 * 1024)
    path = await ada.share(big)
    with contextlib.ExitStack() as open_ones:
        for _ in range(4):
            slow = await live.knock(receive_buffer=4096)
            await slow.send(bob.head("GET", path, {}))
            assert (await slow.read_answer_head()).status == 200
            open_ones.callback(slow.hang_up)
        answer = await bob.ask("GET", path)
        assert (answer.status, answer.json["code"]) == (503, "too_many_transfers")
        assert answer.headers["retry-after"]
        assert (await bob.ask("HEAD", path)).status == 200  # it moves nothing
        assert (await ada.ask("GET", path)).status == 200  # she has places of her own
    while live.server.files.transfers.running:
        await trio.testing.wait_all_tasks_blocked(0.001)
    assert (await bob.ask("GET", path)).body == big


async def test_a_download_that_runs_ends_well_while_its_message_is_deleted(serve: Serve) -> None:
    live = await serve()
    ada, bob = await FileClient.join(live, "ada"), await FileClient.join(live, "bob")
    big = bytes(4 * 1024 * 1024)
    file = await ada.upload(big)
    sent = await ada.send(file)
    slow = await live.knock(receive_buffer=4096)
    await slow.send(bob.head("GET", f"/files/{file}", {}))
    answer = await slow.read_answer_head()
    assert answer.status == 200
    assert (await ada.chat.ask("delete", room="#lobby", target=sent["seq"]))["type"] == "ok"
    assert (await bob.ask("GET", f"/files/{file}")).status == 404
    assert len(await slow.read_to_end()) == len(big)


async def test_a_file_whose_bytes_are_gone_is_said_to_be_lost(serve: Serve, logged: Log) -> None:
    live = await serve()
    ada = await FileClient.join(live, "ada")
    path = await ada.share(DATA)
    digest = TAG.strip('"')

    async def lose(_: str) -> bool:
        await trio.lowlevel.checkpoint()
        return True

    await live.server.blobs.remove(digest, lose)
    answer = await ada.ask("GET", path)
    assert (answer.status, answer.json["code"]) == (500, "file_missing")
    assert logged.take("file missing")["digest"] == TAG.strip('"')
