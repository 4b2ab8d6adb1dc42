"""``trio-chat trust``: the servers that a user knows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.ports import find_free_port
from tests.programs import ServerProgram, elsewhere, run
from trio_chat.cli import main
from trio_chat.client import Identities, KnownServers
from trio_chat.errors import ChatError
from trio_chat.protocol.fingerprint import Fingerprint
from trio_chat.protocol.invite_link import make_link

ONE, OTHER = Fingerprint(b"1" * 32), Fingerprint(b"\xfb" * 32)
Output = pytest.CaptureFixture[str]


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KnownServers:
    """The known servers of the user who types the commands: two, the second one used last."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("TZ", "UTC")
    folder = tmp_path / "trio-chat"
    KnownServers(folder, lambda: 1_800_000_000.0).meet("ws://localhost:9000/", ONE, verified=False, tls=False)
    KnownServers(folder, lambda: 1_800_000_060.0).meet("wss://chat.example/", OTHER, verified=True, tls=True)
    Identities(folder).remember("ws://localhost:9000/", "Ada", "t-1")
    return KnownServers(folder)


def test_the_servers_are_listed_with_the_one_used_last_first(known: KnownServers, capsys: Output) -> None:
    for words in (["trust"], ["trust", "list"]):
        assert main(words) == 0
        head, *rows = capsys.readouterr().out.splitlines()
        assert head.split() == ["server", "seen", "by", "identity"]
        assert [row.split()[0] for row in rows] == ["chat.example:443", "127.0.0.1:9000"]
        assert "authorities" in rows[0]
        assert " ".join(ONE.words.split()[:4]) in rows[1]
        assert {row.index("2027-01-15") for row in rows} == {head.index("seen")}  # the columns stand below each other
        assert max(map(len, rows)) <= 100


def test_a_script_gets_a_line_of_json_for_each_server(known: KnownServers, capsys: Output) -> None:
    assert main(["trust", "list", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows[1] == {
        "server": "127.0.0.1:9000",
        "fingerprint": ONE.text,
        "words": ONE.words,
        "verified": False,
        "tls": False,
        "first": "2027-01-15T08:00:00Z",
        "last": "2027-01-15T08:00:00Z",
        "names": ["ada"],
    }
    assert main(["trust", "show", "chat.example:443", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == rows[0]


@pytest.mark.parametrize("host", ["localhost:9000", "ws://127.0.0.1:9000/", "[::1]:9000", "localhost"])
def test_a_server_is_shown_with_all_that_tells_it_from_another(known: KnownServers, capsys: Output, host: str) -> None:
    known.meet("wss://192.0.2.7:9000/", ONE, verified=False, tls=True)
    assert main(["trust", "show", host]) == 0
    shown = capsys.readouterr().out
    for text in (ONE.words, ONE.text, ONE.hex, "192.0.2.7:9000", "ada"):
        assert text in shown
    assert "t-1" not in shown


def test_a_server_without_an_identity_is_shown_as_such(known: KnownServers, capsys: Output) -> None:
    known.meet("ws://localhost:1/", None, verified=False, tls=False)
    assert main(["trust", "show", "localhost:1"]) == 0
    assert "Identity     none" in capsys.readouterr().out


def test_a_forgotten_server_is_unknown_and_its_names_are_kept(known: KnownServers, capsys: Output) -> None:
    assert main(["trust", "forget", "localhost:9000"]) == 0
    assert "Forgot the server at 127.0.0.1:9000" in capsys.readouterr().out
    assert known.find("ws://localhost:9000/") is None
    known.meet("wss://192.0.2.7:9000/", ONE, verified=False, tls=True)
    assert Identities(known.directory).token("wss://192.0.2.7:9000/", "ada") == "t-1"


@pytest.mark.parametrize("verb", ["show", "forget"])
def test_an_unknown_server_is_told(known: KnownServers, capsys: Output, verb: str) -> None:
    assert main(["trust", verb, "elsewhere.example"]) == 1
    assert "No server is known at elsewhere.example" in capsys.readouterr().err
    known.meet("wss://chat.example:9/", ONE, verified=False, tls=True)
    assert main(["trust", verb, "chat.example"]) == 1
    assert "chat.example:443" in capsys.readouterr().err
    assert len(known.all()) == 3


@pytest.mark.parametrize("text", [OTHER.text, OTHER.hex, OTHER.digest.hex(), OTHER.digest.hex(":")])
def test_an_accepted_server_takes_the_place_of_the_known_one(known: KnownServers, capsys: Output, text: str) -> None:
    for host in ("localhost:9000", "new.example"):
        assert main(["trust", "accept", host, text]) == 0
        assert OTHER.words in capsys.readouterr().out
    for url in ("ws://localhost:9000/", "wss://new.example:8765/"):
        found = known.find(url)
        assert found is not None
        assert found.identity == OTHER


def test_text_that_is_no_fingerprint_is_misuse(known: KnownServers, capsys: Output) -> None:
    before = known.all()
    assert main(["trust", "accept", "localhost:9000", "nonsense"]) == 2
    assert "43 letters" in capsys.readouterr().err
    assert main(["trust", "accept", "local host", ONE.text]) == 2
    assert known.all() == before


def test_a_file_that_cannot_be_read_is_told(known: KnownServers, capsys: Output) -> None:
    (known.directory / "known-servers.json").write_text("{")
    for words in (["trust"], ["trust", "forget", "localhost:9000"], ["trust", "accept", "localhost:9000", ONE.text]):
        assert main(words) == 1
        assert "Repair it, or remove it" in capsys.readouterr().err
    with pytest.raises(ChatError):
        known.all()


# ---- with servers --------------------------------------------------------------------------------


def test_another_server_at_a_known_address_is_refused_until_it_is_accepted(tmp_path: Path) -> None:
    home = elsewhere(tmp_path)
    with ServerProgram("--data", str(tmp_path / "one")) as server:
        assert run("send", "#lobby", "hello", "--url", server.url, "--name", "ada", env=home).status == 0
        server.stop()
    with ServerProgram("--data", str(tmp_path / "other"), port=server.port) as other:
        for words in (["send", "#lobby", "hello"], ["who"], ["join", "--json"]):
            done = run(*words, "--url", other.url, env=home)
            assert (done.status, done.out) == (1, "")
            assert f"ANOTHER SERVER answers at 127.0.0.1:{other.port}" in done.err
        refused = run("who", "--url", other.url, env=home).err
        accepting = refused.partition(": trio-chat trust accept ")[2].split()
        assert accepting[0] == f"127.0.0.1:{other.port}"
        assert run("trust", "accept", *accepting[:2], env=home).status == 0
        sent = run("send", "#lobby", "hello", "--url", other.url, "--name", "ada", env=home)
        assert (sent.status, sent.err) == (0, "")
        other.stop()
    shown = run("trust", "show", f"localhost:{server.port}", env=home)
    assert Fingerprint.parse(accepting[1]).words in shown.out
    with ServerProgram("--data", str(tmp_path / "one"), port=server.port) as server:  # the first one comes back
        assert run("who", "--url", server.url, env=home).status == 1
        assert run("trust", "forget", f"localhost:{server.port}", env=home).status == 0
        sent = run("send", "#lobby", "again", "--url", server.url, "--name", "ada", env=home)
        assert (sent.status, sent.err) == (0, "")  # ada's token was kept
        server.stop()


def test_beyond_this_machine_the_words_are_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr("trio_chat.ui.model.sentences.is_this_machine", lambda host: host != "127.0.0.1")
    with ServerProgram("--data", str(tmp_path / "data")) as server:
        told = []
        for _ in range(2):
            assert main(["send", "#lobby", "hello", "--url", server.url, "--name", "ada"]) == 0
            told.append(capsys.readouterr().err)
        server.stop()
    found = KnownServers(tmp_path / "trio-chat").find(server.url)
    assert found is not None
    assert found.identity is not None
    assert f"the first contact with 127.0.0.1:{server.port}" in told[0]
    assert found.identity.words in told[0]
    assert told[1] == ""


def test_a_hint_about_the_arguments_does_not_show_the_invite(tmp_path: Path) -> None:
    link = make_link(f"wss://127.0.0.1:{find_free_port()}/", ONE, "an-invite-of-22-letters")
    for words in ((link, "ada"), ("ada", link), (link,)):
        done = run("join", *words, env=elsewhere(tmp_path))
        assert done.status == 1
        assert "No server answers" in done.err
        assert "an-invite" not in done.out + done.err
