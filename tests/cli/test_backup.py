"""``admin backup``, ``restore`` and ``check`` of a chat with files, by the real program."""

from __future__ import annotations

import tarfile
from pathlib import Path

from tests.programs import ServerProgram, environment, run
from trio_chat.store.blobs import FILES

CONTENT = "line 7: it failed\n" * 5000


def admin(*arguments: str, data: Path, status: int = 0) -> str:
    done = run("admin", *arguments, "--data", str(data))
    assert (done.status, bool(done.err)) == (status, False)
    return done.out


def test_a_backup_of_a_running_server_brings_files_back_that_were_deleted_since(tmp_path: Path) -> None:
    data, backup, log = tmp_path / "data", tmp_path / "chat.backup", tmp_path / "build.log"
    log.write_text(CONTENT)
    with ServerProgram("--data", str(data)) as server:
        env = environment(TRIO_CHAT_URL=server.url, TRIO_CHAT_NAME="robot")
        assert run("send", "--file", str(log), "#lobby", "look", env=env).status == 0
        assert "is a complete backup (" in admin("backup", str(backup), data=data)
        (file,) = run("files", "#lobby", "--json", env=env).events
        admin("files", "--drop", str(file["id"]), data=data)
        assert run("get", str(file["id"]), "-o", str(tmp_path / "gone"), env=env).status == 1
    with tarfile.open(backup) as archive:
        assert len(archive.getnames()) == 2
    admin("restore", str(backup), data=data)
    assert "all is well" in admin("check", data=data)
    with ServerProgram("--data", str(data)) as server:
        env = environment(TRIO_CHAT_URL=server.url, TRIO_CHAT_NAME="robot")
        assert run("get", str(file["id"]), "-o", str(tmp_path / "back"), env=env).status == 0
    assert (tmp_path / "back").read_text() == CONTENT


def test_a_backup_without_files_is_a_database_and_the_check_tells_what_is_missing(tmp_path: Path) -> None:
    data, backup, log = tmp_path / "data", tmp_path / "chat.backup", tmp_path / "build.log"
    log.write_text(CONTENT)
    with ServerProgram("--data", str(data)) as server:
        env = environment(TRIO_CHAT_URL=server.url, TRIO_CHAT_NAME="robot")
        assert run("send", "--file", str(log), "#lobby", env=env).status == 0
        told = admin("backup", "--without-files", str(backup), data=data)
        assert "is a backup without the files that people sent (" in " ".join(told.split())
    assert backup.read_bytes().startswith(b"SQLite format 3")
    told = admin("restore", str(backup), data=tmp_path / "elsewhere")
    assert "1 file that its messages name is not here:" in told
    found = admin("check", data=tmp_path / "elsewhere", status=1)
    assert "The file build.log (" in found
    assert f"is missing: there is no {tmp_path / 'elsewhere' / FILES}" in " ".join(found.split())
