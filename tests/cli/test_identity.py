"""``admin identity``, and what backups say about a server's key."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from tests.programs import ServerProgram, run
from trio_chat.cli import connecting, main
from trio_chat.protocol.fingerprint import Fingerprint
from trio_chat.protocol.invite_link import parse_fragment
from trio_chat.store import DATABASE
from trio_chat.store.sqlite.identity_file import IDENTITY_FILE


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def admin(*arguments: str, data: Path) -> str:
    done = run("admin", *arguments, "--data", str(data))
    assert (done.status, done.err) == (0, "")
    return done.out


def fingerprint(data: Path) -> Fingerprint:
    return Fingerprint.parse(json.loads(admin("identity", "--json", data=data))["text"])


def test_the_fingerprint_comes_in_each_form_while_the_server_runs_and_when_it_is_stopped(data: Path) -> None:
    with ServerProgram("--data", str(data)) as server:
        running = admin("identity", "--json", data=data)
        (said,) = [json.loads(line) for line in server.err.splitlines() if '"listening"' in line]
    stopped = admin("identity", "--json", data=data)
    assert running == stopped
    forms = json.loads(stopped)
    known = Fingerprint.parse(forms["text"])
    assert Fingerprint.parse(forms["hex"]) == known
    assert forms["words"] == known.words == said["identity"]
    assert parse_fragment(forms["pin"].removeprefix("#")).pin == known
    assert admin("identity", data=data).splitlines() == [
        f"words  {known.words}",
        f"hex    {known.hex}",
        f"text   {known.text}",
        f"pin    #pin={known.text}",
    ]


def test_the_log_says_whether_the_key_is_new(data: Path) -> None:
    for arguments, origin in (
        (("--data", str(data)), "new"),
        (("--data", str(data)), "kept"),
        (("--memory",), "for this run"),
    ):
        with ServerProgram(*arguments) as server:
            (said,) = [json.loads(line) for line in server.err.splitlines() if '"listening"' in line]
        assert said["key"] == origin


def test_a_server_that_never_started_has_none(data: Path) -> None:
    done = run("admin", "identity", "--data", str(data))
    assert (done.status, done.out) == (1, "")
    assert DATABASE in done.err


def test_a_new_key_is_made_only_on_a_stopped_server_and_only_for_a_yes(data: Path) -> None:
    with ServerProgram("--data", str(data)):
        before = fingerprint(data)
        done = run("admin", "identity", "--renew", "--yes", "--data", str(data))
        assert done.status == 1
        assert "is in use by another server" in done.err.replace("\n", " ")
    done = run("admin", "identity", "--renew", "--data", str(data))
    assert done.status == 2
    assert "--yes" in done.err
    assert fingerprint(data) == before
    said = admin("identity", "--renew", "--yes", data=data)
    after = fingerprint(data)
    assert after != before
    assert after.words in said
    assert f"{IDENTITY_FILE}.replaced" in said
    with ServerProgram("--data", str(data)):
        assert fingerprint(data) == after


@pytest.mark.parametrize("answer", ["y", "n"])
def test_at_a_terminal_it_asks_before_it_makes_a_new_key(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str
) -> None:
    with ServerProgram("--data", str(data)):
        before = fingerprint(data)
    monkeypatch.setattr(connecting, "person_present", lambda: True)
    monkeypatch.setattr(click, "confirm", lambda *_asked, **_options: answer == "y")
    assert main(["admin", "identity", "--renew", "--data", str(data)]) == (0 if answer == "y" else 1)
    assert (fingerprint(data) == before) is (answer == "n")
    assert ("Nothing was changed." in capsys.readouterr().err) is (answer == "n")


def test_a_restored_server_is_the_one_that_was_backed_up(data: Path, tmp_path: Path) -> None:
    with ServerProgram("--data", str(data)):
        known = fingerprint(data)
        admin("backup", str(tmp_path / "chat.backup"), data=data)
    elsewhere = tmp_path / "elsewhere"
    said = admin("restore", str(tmp_path / "chat.backup"), data=elsewhere)
    assert f"The server's identity is {known.words}." in said
    admin("identity", "--renew", "--yes", data=elsewhere)
    other = fingerprint(elsewhere)
    said = admin("restore", str(tmp_path / "chat.backup"), data=elsewhere)
    assert f"Before, it was {other.words}." in said
    with ServerProgram("--data", str(elsewhere)):
        assert fingerprint(elsewhere) == known


def test_check_and_backup_end_with_1_over_a_key_that_is_missing(data: Path, tmp_path: Path) -> None:
    with ServerProgram("--data", str(data)):
        assert "all is well" in admin("check", data=data)
    (data / IDENTITY_FILE).unlink()
    done = run("admin", "check", "--data", str(data))
    assert (done.status, done.err) == (1, "")
    assert IDENTITY_FILE in done.out
    done = run("admin", "backup", str(tmp_path / "chat.backup"), "--data", str(data))
    assert done.status == 1
    assert "is a backup without what is missing" in done.out
    assert "--renew" in done.err
    done = run("serve", "--port", "0", "--data", str(data))
    assert (done.status, done.out) == (1, "")
    assert "is missing" in done.err.replace("\n", " ")
