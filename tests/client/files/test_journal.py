"""The journal of what is being sent, beside what whole sendings show of it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from trio_chat.client.files.journal import KEPT, SavedFile, SavedSending, UploadJournal


def sending(text: str = "") -> SavedSending:
    """Ten files with long paths."""
    files = [SavedFile(path="/" + "p" * 4000, name="n" * 190, size=1, changed=1) for _ in range(10)]
    return SavedSending(
        account=1, epoch="e", room="#ops", to=(), text=text, message="m", begun=time.time(), files=files
    )


def test_the_longest_sending_is_found_again(tmp_path: Path) -> None:
    journal = UploadJournal(tmp_path, "ws://localhost:1/")
    journal.take(sending("x" * 60_000)).close()
    (found,) = journal.take_all(1, "e")
    assert found.saved.text == "x" * 60_000
    found.remove()


def test_an_entry_that_cannot_be_read_does_not_stay_for_good(tmp_path: Path) -> None:
    journal = UploadJournal(tmp_path, "ws://localhost:1/")
    journal.take(sending()).close()
    (path,) = tmp_path.rglob("*.json")
    path.write_bytes(b"{")
    assert journal.take_all(1, "e") == []
    assert path.exists()  # a newer version of this program may read it
    os.utime(path, (time.time() - KEPT - 1,) * 2)
    assert journal.take_all(1, "e") == []
    assert list(path.parent.iterdir()) == []
