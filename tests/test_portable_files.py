"""Locks, replacing and writing through, on this system and with the calls of the others in their place."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import sys
import threading
import types
from pathlib import Path

import pytest

from trio_chat import portable_files, windows_console
from trio_chat.portable_files import replace, wait_for_lock, write_folder_through, write_through


def test_a_lock_waits_until_the_other_holder_is_done(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    first, second = os.open(path, os.O_RDWR), os.open(path, os.O_RDWR)
    wait_for_lock(first)
    order: list[str] = []

    def take() -> None:
        wait_for_lock(second)
        order.append("second")

    waiting = threading.Thread(target=take)
    waiting.start()
    order.append("first")
    os.close(first)
    waiting.join()
    os.close(second)
    assert order == ["first", "second"]


def test_the_lock_of_windows_is_tried_again_and_leaves_the_place_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = [PermissionError(errno.EACCES, "taken"), PermissionError(errno.EACCES, "taken")]
    places: list[int] = []

    def locking(descriptor: int, mode: int, size: int) -> None:
        places.append(os.lseek(descriptor, 0, os.SEEK_CUR))
        assert (mode, size) == (2, 1)
        if refusals:
            raise refusals.pop()

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(portable_files, "msvcrt", types.SimpleNamespace(locking=locking, LK_NBLCK=2), raising=False)
    path = tmp_path / "lock"
    path.write_bytes(b"text")
    descriptor = os.open(path, os.O_RDWR)
    wait_for_lock(descriptor)
    assert places == [1 << 30] * 3  # beyond the end, so that nobody is kept from reading
    assert os.read(descriptor, 10) == b"text"
    os.close(descriptor)


def test_replacing_a_file_that_windows_has_open_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new, path = tmp_path / "new", tmp_path / "old"
    new.write_text("new")
    path.write_text("old")
    refusals = [PermissionError(errno.EACCES, "in use")] * 2
    really = os.replace

    def refuse_first(self: Path, target: Path) -> None:
        if refusals:
            raise refusals.pop()
        really(self, target)

    monkeypatch.setattr(Path, "replace", refuse_first)
    with pytest.raises(PermissionError):
        replace(new, path)  # elsewhere it is an error
    monkeypatch.setattr(sys, "platform", "win32")
    replace(new, path)
    assert path.read_text() == "new"
    assert not new.exists()


def test_macos_is_asked_to_empty_the_memory_of_the_drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    synced: list[int] = []

    def control(descriptor: int, order: int) -> int:
        asked.append(order)
        if len(asked) > 1:
            raise OSError(errno.ENOTSUP, "Operation not supported")
        return 0

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(portable_files, "fcntl", types.SimpleNamespace(fcntl=control, F_FULLFSYNC=51))
    monkeypatch.setattr(os, "fsync", synced.append)
    with (tmp_path / "file").open("wb") as file:
        write_through(file.fileno())
        assert (asked, synced) == ([51], [])
        write_through(file.fileno())  # a file system that cannot do it
        assert synced == [file.fileno()]
    assert not hasattr(fcntl, "F_FULLFSYNC") or fcntl.F_FULLFSYNC == 51


def test_a_folder_is_written_through_where_it_can_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    write_folder_through(tmp_path)
    assert len(synced) == 1
    monkeypatch.setattr(sys, "platform", "win32")
    write_folder_through(tmp_path)
    assert len(synced) == 1


@pytest.mark.parametrize(
    ("consoles", "obeys", "colours"), [((), True, False), ((-12,), True, True), ((-11,), False, False)]
)
def test_a_console_of_windows_is_asked_to_carry_out_sequences(
    monkeypatch: pytest.MonkeyPatch, *, consoles: tuple[int, ...], obeys: bool, colours: bool
) -> None:
    modes: list[int] = []

    def get(handle: int, mode: object) -> bool:
        return handle in consoles

    def put(handle: int, mode: int) -> bool:
        modes.append(mode)
        return obeys

    kernel = types.SimpleNamespace(GetStdHandle=int, GetConsoleMode=get, SetConsoleMode=put)
    assert not windows_console.carries_out_sequences()  # not on this system
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "windll", types.SimpleNamespace(kernel32=kernel), raising=False)
    assert windows_console.carries_out_sequences() is colours
    assert modes == [4] * len(consoles)
