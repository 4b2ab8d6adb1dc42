"""The stored state of the full screen: drafts, history, crash reports."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

from trio_chat.ui.tui.session.memory import Memory, ScreenState


def test_the_state_is_saved_in_a_private_file_and_loaded_again(tmp_path: Path) -> None:
    memory = Memory("ws://one/", tmp_path)
    assert memory.load() == ScreenState()
    memory.save(ScreenState(drafts={"#lobby": "half"}, policies={"#ops": "nothing"}, room="#ops", typed=["a", "b"]))
    (path,) = (tmp_path / "screen").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Memory("ws://one/", tmp_path).load().drafts == {"#lobby": "half"}
    assert Memory("ws://two/", tmp_path).load() == ScreenState()
    path.write_text("{broken")
    assert Memory("ws://one/", tmp_path).load() == ScreenState()


def test_the_drafts_of_one_server_under_several_urls_become_one(tmp_path: Path) -> None:
    first = {"drafts": {"#lobby": "old", "#ops": "half"}, "private": ["#ops"], "typed": ["a"], "room": "#ops"}
    second = {"drafts": {"#lobby": "new"}, "policies": {"#ops": "nothing"}, "typed": ["b"]}
    for age, url, content in ((2, "ws://localhost:9/", first), (1, "ws://127.0.0.1:9/", second)):
        path = tmp_path / "screen" / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}.json"  # as 0.1.0 named it
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))
        os.utime(path, (2_000_000_000 - age,) * 2)
    expected = ScreenState(
        drafts={"#lobby": "new", "#ops": "half"},
        private=["#ops"],
        policies={"#ops": "nothing"},
        room="#ops",
        typed=["a", "b"],
    )
    for host in ("[::1]", "localhost"):
        assert Memory(f"ws://{host}:9/", tmp_path).load() == expected


def test_a_state_that_cannot_be_written_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "screen").write_text("a file in the way")
    memory = Memory("ws://one/", tmp_path)
    memory.save(ScreenState(room="#ops"))
    assert memory.load() == ScreenState()


def test_a_crash_leaves_its_traceback_in_a_file(tmp_path: Path) -> None:
    path = Memory("ws://one/", tmp_path).report_crash(ValueError("broken"), datetime(2026, 1, 31, 12, tzinfo=UTC))
    assert path == tmp_path / "crash-20260131-120000.txt"
    assert "ValueError: broken" in path.read_text()
