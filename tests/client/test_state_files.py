"""State files: one key for one server, private files, and what 0.1.0 left behind."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from trio_chat.client import Identities
from trio_chat.client.server_key import server_key
from trio_chat.client.state_files import load_state, locked, state_file, write_private


def older(directory: Path, kind: str, url: str, content: object, age: float = 0) -> Path:
    """Write a file as 0.1.0 did: named after a hash of the exact URL."""
    path = directory / kind / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}.json"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    path.chmod(0o600)
    os.utime(path, (2_000_000_000 - age,) * 2)
    return path


def join(lists: Sequence[list[str]]) -> list[str]:
    return [one for names in lists for one in names]


def load(directory: Path, url: str) -> list[str] | None:
    return load_state(directory, "ignored", url, list[str], join)


# ---- the key -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ws://chat.example/", "ws://chat.example:80/"),
        ("wss://chat.example/", "wss://chat.example:443/"),
        ("ws://chat.example:9/", "wss://chat.example:9/"),
        ("ws://chat.example:9/", "ws://Chat.Example:9/other"),
        ("ws://localhost:9/", "ws://127.0.0.1:9/"),
        ("ws://localhost:9/", "ws://[::1]:9/"),
        ("ws://localhost:9/", "ws://[0:0:0:0:0:0:0:1]:9/"),
        ("ws://localhost:9/", "ws://LocalHost.:9/"),
    ],
)
def test_urls_that_lead_to_one_server_have_one_key(one: str, other: str) -> None:
    assert server_key(one) == server_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ws://chat.example/", "wss://chat.example/"),
        ("ws://chat.example:9/", "ws://chat.example:8/"),
        ("ws://chat.example:9/", "ws://other.example:9/"),
        ("ws://localhost:9/", "ws://localhost:8/"),
        ("ws://localhost:9/", "ws://127.0.0.2:9/"),  # how several servers on one machine are told apart
        ("ws://localhost:9/", "ws://192.0.2.1:9/"),
        ("ws://localhost:9/", "ws://localhost.example:9/"),
    ],
)
def test_urls_that_lead_to_two_servers_have_two_keys(one: str, other: str) -> None:
    assert server_key(one) != server_key(other)
    assert server_key(one).file_stem != server_key(other).file_stem


def test_the_tokens_of_0_1_0_are_found_under_the_same_name() -> None:
    assert server_key("ws://localhost:8765/").file_stem == "127.0.0.1_8765-8ef0c5f2"
    assert server_key("wss://chat.example/").file_stem == "chat.example_443-e299e856"


# ---- the files ---------------------------------------------------------------------------------


def test_a_file_is_private_and_replaced_whole(tmp_path: Path) -> None:
    path = state_file(tmp_path / "state", "screen", "ws://localhost:9/")
    for durable in (True, False):
        write_private(path, b"one", durable=durable)
        assert path.read_bytes() == b"one"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert list(path.parent.iterdir()) == [path]
    path.chmod(0o644)
    write_private(path, b"two")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_replaced_stays_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(OSError, match="folder"):
        write_private(folder, b"data")
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_is_locked_for_other_holders(tmp_path: Path) -> None:
    import fcntl  # noqa: PLC0415 - only here

    with locked(tmp_path / "state"), (tmp_path / "state" / ".lock").open() as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


# ---- what 0.1.0 left ---------------------------------------------------------------------------


def test_the_files_of_each_url_become_one_file_of_the_server_newest_last(tmp_path: Path) -> None:
    files = [
        older(tmp_path, "ignored", "ws://localhost:9/", ["mallory"], age=2),
        older(tmp_path, "ignored", "ws://127.0.0.1:9/", ["trent"], age=1),
        older(tmp_path, "ignored", "ws://[::1]:9/", ["oscar"], age=3),
    ]
    other = older(tmp_path, "ignored", "ws://localhost:8/", ["eve"])
    assert load(tmp_path, "ws://[::1]:9/") == ["oscar", "mallory", "trent"]
    assert not any(file.exists() for file in files)
    assert other.exists()
    path = state_file(tmp_path, "ignored", "ws://localhost:9/")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for host in ("localhost", "127.0.0.1", "[::1]"):
        assert load(tmp_path, f"ws://{host}:9/") == ["oscar", "mallory", "trent"]


def test_the_file_of_a_url_with_tls_and_a_path_is_found(tmp_path: Path) -> None:
    older(tmp_path, "ignored", "wss://chat.example:443/chat", ["mallory"])
    assert load(tmp_path, "wss://chat.example:443/chat") == ["mallory"]
    assert load(tmp_path, "wss://chat.example/") == ["mallory"]


def test_what_is_there_already_wins_over_what_0_1_0_left(tmp_path: Path) -> None:
    url = "ws://localhost:9/"
    write_private(state_file(tmp_path, "ignored", url), b'["eve"]')
    left = older(tmp_path, "ignored", url, ["mallory"])
    assert load(tmp_path, url) == ["eve"]
    assert left.exists()


def test_a_broken_file_of_0_1_0_is_passed_over(tmp_path: Path) -> None:
    older(tmp_path, "ignored", "ws://localhost:9/", {"not": "a list"})
    assert load(tmp_path, "ws://localhost:9/") is None
    older(tmp_path, "ignored", "ws://127.0.0.1:9/", ["trent"])
    assert load(tmp_path, "ws://localhost:9/") == ["trent"]


def test_a_broken_file_is_as_good_as_none(tmp_path: Path) -> None:
    write_private(state_file(tmp_path, "ignored", "ws://localhost:9/"), b"{broken")
    assert load(tmp_path, "ws://localhost:9/") is None
    assert load(tmp_path, "ws://localhost:8/") is None


def test_without_permission_the_old_files_are_read_and_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    left = older(tmp_path, "ignored", "ws://localhost:9/", ["mallory"])
    monkeypatch.setattr("trio_chat.client.state_files.write_private", refuse)
    assert load(tmp_path, "ws://localhost:9/") == ["mallory"]
    assert left.exists()


def test_a_file_of_tokens_that_0_1_0_wrote_is_used_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "identities" / "127.0.0.1_8765-8ef0c5f2.json"
    path.parent.mkdir(mode=0o700)
    path.write_text('{\n  "url": "ws://localhost:8765/",\n  "last": "ada",\n  "tokens": {\n    "ada": "t-1"\n  }\n}\n')
    identities = Identities(tmp_path)
    assert (identities.last_name("ws://[::1]:8765/"), identities.token("ws://127.0.0.1:8765/", "Ada")) == ("ada", "t-1")


def test_an_ip_address_is_one_server_however_it_is_written() -> None:
    for other in ("ws://[2001:DB8:0::1]:8765/", "ws://[2001:db8:0:0:0::1]:8765/"):
        assert server_key(other) == server_key("ws://[2001:db8::1]:8765/")
    assert server_key("ws://[::ffff:192.0.2.7]:8765/") == server_key("ws://192.0.2.7:8765/")
    assert server_key("ws://[fe80::1%a]:8765/") != server_key("ws://[fe80::1%b]:8765/")  # two networks
