"""The log files of rooms: what is in them, who can read them, and which files are never written."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from trio_chat.errors import UsageError
from trio_chat.protocol.events import Edited, Message, Presence
from trio_chat.ui import room_logs
from trio_chat.ui.room_logs import RoomLogs, check_log_directory

URL = "ws://chat.example/"


def message(seq: int, text: str = "hello", *, room: str = "#ops", minute: int | None = None) -> Message:
    minute = seq if minute is None else minute
    return Message(
        room=room, seq=seq, time=f"2026-11-30T12:{minute:02}:00Z", sender="ada", sender_id=1, cid="c", text=text
    )


class Days:
    """The day by which files are named."""

    def __init__(self) -> None:
        self.today = "2026-11-30"

    def __call__(self) -> str:
        return self.today


@pytest.fixture
def days() -> Days:
    return Days()


def logs(directory: Path, days: Days) -> RoomLogs:
    return RoomLogs(directory, URL, today=days)


def texts(path: Path) -> list[str]:
    """The lines of a file without their days and times."""
    return [line.split(" ", 2)[2] for line in path.read_text().splitlines()]


def only_folder(directory: Path) -> Path:
    (folder,) = directory.iterdir()
    return folder


def test_each_room_and_day_has_a_file_that_only_its_owner_can_read(tmp_path: Path, days: Days) -> None:
    old = os.umask(0)
    try:
        kept = logs(tmp_path / "new" / "logs", days)
        for event in (message(1), message(1, room="@ada+bob"), Presence(room="#ops", count=1)):
            assert kept.take(event) == ""
        days.today = "2026-12-01"
        kept.take(message(2))
    finally:
        os.umask(old)
    folder = only_folder(tmp_path / "new" / "logs")
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["@ada+bob.2026-11-30.log", "ops.2026-11-30.log", "ops.2026-12-01.log"]
    assert texts(folder / "ops.2026-12-01.log") == ["#2 ada: hello"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE(folder.parent.stat().st_mode) == 0o700


def test_each_server_has_a_folder(tmp_path: Path, days: Days) -> None:
    for url in (URL, "ws://other.example/"):
        RoomLogs(tmp_path, url, today=days).take(message(1))
    assert len(list(tmp_path.iterdir())) == 2


def test_what_is_in_a_log_already_is_not_written_again(tmp_path: Path, days: Days) -> None:
    for _ in range(2):  # two runs
        kept = logs(tmp_path, days)
        for seq in (1, 2, 2, 1):
            kept.take(message(seq))
    days.today = "2026-12-01"
    kept = logs(tmp_path, days)
    for seq in (1, 2, 3):
        kept.take(message(seq))
    folder = only_folder(tmp_path)
    assert texts(folder / "ops.2026-11-30.log") == ["#1 ada: hello", "#2 ada: hello"]
    assert texts(folder / "ops.2026-12-01.log") == ["#3 ada: hello"]


def test_the_last_event_of_a_log_is_found_in_its_newest_file(tmp_path: Path, days: Days) -> None:
    assert logs(tmp_path / "none", days).last("#ops") is None
    kept = logs(tmp_path, days)
    kept.take(message(1))
    days.today = "2026-12-01"
    kept.take(message(2))
    kept.take(message(7, room="#ops.2"))
    assert (kept.last("#ops"), kept.last("#ops.2"), kept.last("#other")) == (2, 7, None)


def test_two_programs_write_each_event_once(tmp_path: Path, days: Days) -> None:
    one, other = logs(tmp_path, days), logs(tmp_path, days)
    for seq in range(1, 5):
        for kept in (one, other) if seq % 2 else (other, one):
            kept.take(message(seq))
    assert texts(only_folder(tmp_path) / "ops.2026-11-30.log") == [f"#{seq} ada: hello" for seq in range(1, 5)]


def test_what_was_missed_is_counted(tmp_path: Path, days: Days) -> None:
    kept = logs(tmp_path, days)
    kept.take(message(5))  # nothing is known of what was before the first
    kept.take(Edited(room="#ops", seq=6, time="2026-11-30T12:06:00Z", sender="a", sender_id=1, target=5, text=""))
    kept.take(message(7), hidden=True)
    kept.take(message(8))
    kept.take(message(11))
    lines = ["#5 ada: hello", "#8 ada: hello", "-- 2 events are not in this log", "#11 ada: hello"]
    assert texts(only_folder(tmp_path) / "ops.2026-11-30.log") == lines


def test_a_history_that_begins_anew_goes_on_in_the_same_file(tmp_path: Path, days: Days) -> None:
    kept = logs(tmp_path, days)
    kept.take(message(40, minute=10))
    kept.take(message(1, minute=20))
    assert texts(only_folder(tmp_path) / "ops.2026-11-30.log") == ["#40 ada: hello", "#1 ada: hello"]


@pytest.mark.parametrize("what", ["link", "hard link", "pipe", "directory"])
def test_nothing_but_an_ordinary_file_is_written(tmp_path: Path, days: Days, what: str) -> None:
    directory, precious = tmp_path / "logs", tmp_path / "precious"
    precious.write_text("mine\n")
    kept = logs(directory, days)
    kept.take(message(1, room="#other"))
    path = only_folder(directory) / "ops.2026-11-30.log"
    match what:
        case "link":
            path.symlink_to(precious)
        case "hard link":
            path.hardlink_to(precious)
        case "pipe":
            os.mkfifo(path)
        case _:
            path.mkdir()
    assert kept.take(message(1)).startswith(f"The log of the chat cannot be written in {directory}: ")
    assert kept.take(message(2)) == "", "it is said once"
    assert precious.read_text() == "mine\n"


def test_a_link_in_the_place_of_a_servers_folder_is_not_followed(tmp_path: Path, days: Days) -> None:
    kept = logs(tmp_path / "logs", days)
    kept.take(message(1))
    folder, elsewhere = only_folder(tmp_path / "logs"), tmp_path / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    assert kept.take(message(2, room="#other"))
    assert [path.name for path in elsewhere.iterdir()] == ["ops.2026-11-30.log"]


def test_after_a_full_disk_the_log_goes_on_in_a_line_of_its_own(
    tmp_path: Path, days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = logs(tmp_path, days)
    kept.take(message(1))

    def half(file: int, data: bytes) -> None:
        os.write(file, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(room_logs, "_write", half)
        assert "No space left on device" in kept.take(message(2))
        assert kept.take(message(2)) == ""
    assert kept.take(message(3)) == ""
    assert kept.trouble == ""
    lines = (only_folder(tmp_path) / "ops.2026-11-30.log").read_text().splitlines()
    assert [line[20:] for line in lines if len(line) > 20] == [
        "#1 ada: hello",
        "-- 1 event is not in this log",
        "#3 ada: hello",
    ]


def test_no_number_of_rooms_uses_up_descriptors(tmp_path: Path, days: Days) -> None:
    kept = logs(tmp_path, days)
    kept.take(message(1))
    before = len(list(Path("/dev/fd").iterdir()))
    for number in range(300):
        kept.take(message(1, room=f"#room{number}"))
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_a_directory_that_cannot_be_one_is_refused_before_connecting(tmp_path: Path) -> None:
    check_log_directory(tmp_path / "not yet")
    assert not (tmp_path / "not yet").exists()
    check_log_directory(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"file is not a directory\. Name one"):
        check_log_directory(tmp_path / "file")
