"""Files fetched from a real server and saved, over connections that break."""

from __future__ import annotations

import hashlib
import os
import random
import stat
import sys
from pathlib import Path

import msgspec
import pytest
import trio

import trio_chat
from tests.client.files.test_sending import BIG, last_message, over, port_of, some_bytes, talking
from tests.client.files.ways import breaking_way
from tests.client.test_against_server import serving
from trio_chat.client import Chat
from trio_chat.client.files import saving
from trio_chat.errors import ChatError
from trio_chat.portable_files import try_lock
from trio_chat.protocol.parts import FileInfo


async def sent(chat: Chat, folder: Path, name: str = "build.log", size: int = BIG) -> tuple[FileInfo, bytes]:
    data = some_bytes(size)
    path = folder / "source" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    await chat.send_file("#lobby", path)
    return (await last_message(chat)).files[0], data


async def read_all(chat: Chat, file: FileInfo) -> bytes:
    async with chat.open_file(file) as chunks:
        return b"".join([chunk async for chunk in chunks])


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "saved").mkdir()
    return tmp_path / "saved"


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_a_download_that_is_cut_goes_on_and_is_whole(tmp_path: Path, target: Path, scheme: str) -> None:
    chance = random.Random(7)
    async with (
        serving(**over(scheme)) as server,
        breaking_way(port_of(server)) as way,
        talking(f"{scheme}://127.0.0.1:{way.port}/", "ada", tmp_path) as ada,
    ):
        file, data = await sent(ada, tmp_path)
        way.down += [chance.randrange(1000, BIG // 6) for _ in range(4)]
        path = await ada.save_file(file, target)
        assert (path, path.read_bytes(), way.cuts) == (target / "build.log", data, 4)
        assert names_in(target) == ["build.log"]


async def test_a_saved_file_can_never_be_run_and_heeds_the_umask(tmp_path: Path, target: Path) -> None:
    before = os.umask(0o027)
    try:
        async with serving() as server, talking(server.urls[0], "ada", tmp_path) as ada:
            file, _ = await sent(ada, tmp_path, size=10)
            path = await ada.save_file(file, target)
            assert stat.S_IMODE(path.stat().st_mode) == 0o640
    finally:
        os.umask(before)


async def test_a_later_run_goes_on_with_the_bytes_that_are_there(tmp_path: Path, target: Path) -> None:
    async with serving() as server, talking(server.urls[0], "ada", tmp_path) as ada:
        file, data = await sent(ada, tmp_path)
        with trio.CancelScope() as scope:
            await ada.save_file(file, target, progress=lambda step: step.done > BIG // 2 and scope.cancel())
        (partial,) = names_in(target)
        assert partial.startswith(".")
        steps: list[trio_chat.TransferProgress] = []
        path = await ada.save_file(file, target, progress=steps.append)
        assert next(step.done for step in steps if step.state == "moving") > BIG // 4
        assert path.read_bytes() == data


@pytest.mark.parametrize("there", [b"wrong", b"too many" * BIG], ids=["wrong", "too many"])
async def test_wrong_bytes_of_an_earlier_run_are_fetched_anew(tmp_path: Path, target: Path, there: bytes) -> None:
    async with serving() as server, talking(server.urls[0], "ada", tmp_path) as ada:
        file, data = await sent(ada, tmp_path)
        (target / f".trio-chat-{file.sha256[:16]}.part").write_bytes(there)
        assert (await ada.save_file(file, target)).read_bytes() == data


async def test_no_file_is_replaced_unless_that_is_asked_for(tmp_path: Path, target: Path) -> None:
    async with serving() as server, talking(server.urls[0], "ada", tmp_path) as ada:
        file, data = await sent(ada, tmp_path, size=10)
        (target / "build.log").write_text("mine")
        paths = [await ada.save_file(file, target) for _ in range(2)]
        assert [path.name for path in paths] == ["build (1).log", "build (2).log"]
        assert (target / "build.log").read_text() == "mine"
        with pytest.raises(trio_chat.UsageError, match="exists already"):
            await ada.save_file(file, target / "build.log")
        assert (await ada.save_file(file, target / "build.log", overwrite=True)).read_bytes() == data


async def test_links_devices_and_pipes_are_not_written_through(tmp_path: Path, target: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    async with serving() as server, talking(server.urls[0], "ada", tmp_path) as ada:
        file, data = await sent(ada, tmp_path, size=10)
        (target / "build.log").symlink_to(victim)
        (target / "dangling").symlink_to(tmp_path / "new")
        (target / f".trio-chat-{file.sha256[:16]}.part").symlink_to(victim)
        os.mkfifo(target / "pipe")
        path = await ada.save_file(file, target)
        assert (path.name, path.read_bytes(), victim.read_text()) == ("build (1).log", data, "mine")
        for name in ("build.log", "dangling", "pipe"):
            with pytest.raises(trio_chat.UsageError, match=r"is a link|is no file"):
                await ada.save_file(file, target / name, overwrite=True)
        with pytest.raises(trio_chat.UsageError, match="is no file"):
            await ada.save_file(file, "/dev/null", overwrite=True)
        assert not (tmp_path / "new").exists()
        with pytest.raises(trio_chat.UsageError, match="There is no folder"):
            await ada.save_file(file, target / "nowhere" / "name")


@pytest.mark.parametrize(
    "name", ["../../evil", "/etc/passwd", "..", "a\x00b", "con.txt", ".bashrc", "x\u202egnp.exe", "a" * 300, "C:\\x"]
)
async def test_a_hostile_name_stays_one_harmless_name_in_the_folder(tmp_path: Path, target: Path, name: str) -> None:
    async with serving() as server, talking(server.urls[0], "ada", tmp_path) as ada:
        file, _ = await sent(ada, tmp_path, size=10)
        path = await ada.save_file(msgspec.structs.replace(file, name=name), target)
        assert path.parent == target
        assert names_in(target) == [path.name]
        assert not path.name.startswith(".")
        assert len(path.name.encode()) <= 200


async def test_the_bytes_can_be_taken_piece_by_piece(tmp_path: Path) -> None:
    async with serving() as server, talking(server.urls[0], "ada", tmp_path) as ada:
        file, data = await sent(ada, tmp_path)
        assert await read_all(ada, file) == data
        wrong = msgspec.structs.replace(file, sha256="0" * 64)
        with pytest.raises(trio_chat.ChatError, match="SHA-256"):
            await read_all(ada, wrong)


async def test_a_file_with_another_hash_is_not_saved(tmp_path: Path, target: Path) -> None:
    async with serving() as server, talking(server.urls[0], "ada", tmp_path) as ada:
        file, _ = await sent(ada, tmp_path, size=1000)
        with pytest.raises(trio_chat.ChatError, match="Nothing was saved"):
            await ada.save_file(msgspec.structs.replace(file, sha256="0" * 64), target)
        assert names_in(target) == []


async def test_a_file_is_found_by_its_id_by_those_who_may_read_it(tmp_path: Path) -> None:
    async with serving() as server, talking(server.urls[0], "ada", tmp_path) as ada:
        await ada.join("#ops")
        await ada.configure("#ops", private=True)
        path = tmp_path / "plän.txt"
        path.write_text("secret\n")
        await ada.send_file("#ops", path)
        file = (await last_message(ada, "#ops")).files[0]
        assert await ada.find_file(file.id) == msgspec.structs.replace(file, width=0, height=0)
        async with talking(server.urls[0], "bob", tmp_path) as bob:
            for asked in (file.id, "x" * 22, "..", "../healthz"):
                with pytest.raises(trio_chat.NotDone) as caught:
                    await bob.find_file(asked)
                assert caught.value.code == "unknown_file"
            with pytest.raises(trio_chat.NotDone, match="file"):
                await bob.save_file(file, tmp_path)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="makes a small file system")
async def test_a_full_disk_keeps_what_came_and_says_so(tmp_path: Path, target: Path) -> None:
    done = await trio.run_process(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(target)], check=False)
    if done.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        async with serving() as server, talking(server.urls[0], "ada", tmp_path) as ada:
            file, data = await sent(ada, tmp_path)
            with pytest.raises(trio_chat.ChatError, match=r"has no more space: .* of 2.9 MiB of build.log are there"):
                await ada.save_file(file, target)
            await trio.run_process(["mount", "-o", "remount,size=8m", str(target)])
            steps: list[trio_chat.TransferProgress] = []
            assert (await ada.save_file(file, target, progress=steps.append)).read_bytes() == data
            assert steps[0].state == "hashing"
    finally:
        await trio.run_process(["umount", str(target)])


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open keeps its name there")
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_that_another_program_finishes_meanwhile_is_left_alone(
    target: Path, monkeypatch: pytest.MonkeyPatch, *, overwrite: bool
) -> None:
    file = FileInfo(id="abc", name="a.txt", size=5, sha256=hashlib.sha256(b"whole").hexdigest())
    place = saving.find_target(file, target, overwrite=overwrite)
    first = saving.PartialFile(place, file)
    first.write(b"whole")

    def lock_late(descriptor: int) -> bool:
        monkeypatch.setattr(saving, "try_lock", try_lock)
        first.finish()  # between the opening of its partial file here and the lock
        return try_lock(descriptor)

    monkeypatch.setattr(saving, "try_lock", lock_late)
    second = saving.PartialFile(place, file)
    assert second.size == 0
    second.write(b"other")
    second.remove()
    assert {path.name: path.read_bytes() for path in target.iterdir()} == {"a.txt": b"whole"}


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open cannot be removed there")
def test_a_partial_file_that_is_removed_leaves_no_empty_file(target: Path) -> None:
    file = FileInfo(id="abc", name="a.txt", size=5, sha256=hashlib.sha256(b"whole").hexdigest())
    partial = saving.PartialFile(saving.find_target(file, target, overwrite=False), file)
    partial.write(b"whole")
    partial.path.unlink()  # somebody tidies up
    with pytest.raises(ChatError, match=r"Cannot save a\.txt"):
        partial.finish()
    partial.close()
    assert names_in(target) == []
