"""The files of shown messages: which one a number means, and their rows."""

from __future__ import annotations

import pytest

from tests.ui.with_files import TIME, info, message
from trio_chat.client.events import Backlog
from trio_chat.protocol.events import Deleted
from trio_chat.protocol.parts import FileInfo
from trio_chat.ui.model import shown_files
from trio_chat.ui.model.notes import Hits
from trio_chat.ui.model.shown_files import ShownFiles, file_row


def test_the_newest_file_is_number_one() -> None:
    shown = ShownFiles()
    shown.take(message(3, info("a"), info("b")))
    shown.take(message(5, info("c")))
    shown.take(message(4, info("late")))
    shown.take(message(6))
    found = [shown.find("#ops", number) for number in range(1, 6)]
    assert [(one.seq, one.file.name) for one in found if one] == [(5, "c"), (4, "late"), (3, "b"), (3, "a")]
    assert shown.find("#ops", 0) is None
    assert shown.find("#dev", 1) is None
    assert shown.count("#ops") == 4


def test_past_and_found_messages_count_and_deleted_ones_do_not() -> None:
    shown = ShownFiles()
    shown.take(Backlog(room="#ops", events=(message(1, info("a")), message(2, info("b")))))
    shown.take(Hits(messages=(message(9, info("c"), room="#dev"),)))
    assert shown.find("#dev", 1) is not None
    shown.take(Deleted(room="#ops", seq=3, time=TIME, sender="bob", target=2))
    shown.take(Deleted(room="#new", seq=3, time=TIME, sender="bob", target=2))
    found = shown.find("#ops", 1)
    assert found is not None
    assert found.file.name == "a"
    shown.forget("#ops")
    assert shown.count("#ops") == 0
    shown.forget()
    assert shown.count("#dev") == 0


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown_files, "MOST", 3)
    shown = ShownFiles()
    for seq in range(10):
        shown.take(message(seq, info(f"f{seq}")))
    assert shown.count("#ops") == 3
    found = shown.find("#ops", 3)
    assert found is not None
    assert found.file.name == "f7"


@pytest.mark.parametrize(
    ("file", "row"),
    [
        (info(), "[file] build.log, 12.3 KiB, text"),
        (info("a.png", 10, "image/png", 640, 480), "[file] a.png, 10 bytes, PNG image, 640 x 480"),
        (info("a.webp", 1, "image/webp"), "[file] a.webp, 1 byte, WEBP image"),
        (info("a.pdf", 1024, "application/pdf"), "[file] a.pdf, 1.0 KiB, PDF"),
        (info("a.zip", 0, "application/octet-stream"), "[file] a.zip, 0 bytes, binary"),
        (info("a\x1b[2J\u202eb", 1, "x/\x1b[2J"), "[file] a[2Jb, 1 byte, x/[2J"),
    ],
)
def test_rows(file: FileInfo, row: str) -> None:
    shown = file_row(file)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert shown == row or "\x1b" in file.name
