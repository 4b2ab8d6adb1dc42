"""The servers that a client knows, and the state that hangs on their fingerprints."""

from __future__ import annotations

import json
import stat
import threading
from pathlib import Path

import pytest

from trio_chat.client import Identities
from trio_chat.client.known_accounts import KnownAccounts
from trio_chat.client.known_servers import KnownServers
from trio_chat.client.server_key import server_key
from trio_chat.client.server_records import KnownServer
from trio_chat.client.state_files import address_file, state_file, write_private
from trio_chat.errors import ChatError
from trio_chat.protocol.fingerprint import Fingerprint
from trio_chat.ui.model.ignored import Ignore
from trio_chat.ui.state_files import load_ignored
from trio_chat.ui.tui.session.memory import Memory, ScreenState

URL, ELSEWHERE = "ws://localhost:8765/", "wss://chat.example:9000/"
ONE, OTHER = Fingerprint(b"1" * 32), Fingerprint(b"2" * 32)


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def known(tmp_path: Path, clock: Clock) -> KnownServers:
    return KnownServers(tmp_path, clock)


# ---- the records -------------------------------------------------------------------------------


def test_a_server_that_was_met_is_known_at_that_address(known: KnownServers, clock: Clock) -> None:
    assert known.find(URL) is None
    known.meet(URL, ONE, verified=False, tls=False)
    clock.now = 2000.0
    known.meet("wss://127.0.0.1:8765/", ONE, verified=False, tls=True)
    known.meet(ELSEWHERE, ONE, verified=True, tls=True)
    assert known.find("ws://[::1]:8765/") == KnownServer(
        address="127.0.0.1:8765", fingerprint=ONE.text, tls=True, first=1000.0, last=2000.0
    )
    assert known.find("ws://localhost:8766/") is None
    assert known.addresses(ONE) == ("127.0.0.1:8765", "chat.example:9000")
    assert known.addresses(OTHER) == ()


def test_the_server_used_last_comes_first(known: KnownServers, clock: Clock) -> None:
    for clock.now, url in ((1.0, URL), (2.0, ELSEWHERE), (99.0, URL)):
        known.meet(url, ONE, verified=False, tls=False)
    assert [server.address for server in known.all()] == ["127.0.0.1:8765", "chat.example:9000"]


def test_the_records_are_private_and_not_written_for_every_connection(
    known: KnownServers, tmp_path: Path, clock: Clock
) -> None:
    known.meet(URL, ONE, verified=False, tls=False)
    path = tmp_path / "known-servers.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.stat().st_ino
    clock.now += 30.0
    known.meet(URL, ONE, verified=False, tls=False)
    assert path.stat().st_ino == before
    known.meet(URL, ONE, verified=True, tls=False)  # this is news
    assert path.stat().st_ino != before


def test_an_address_keeps_its_fingerprint_and_the_word_of_the_authorities(known: KnownServers, clock: Clock) -> None:
    known.meet(ELSEWHERE, ONE, verified=True, tls=True)
    clock.now += 3600.0
    known.meet(ELSEWHERE, None, verified=False, tls=False)
    found = known.find(ELSEWHERE)
    assert found is not None
    assert (found.identity, found.verified, found.tls, found.last) == (ONE, True, True, 4600.0)
    with pytest.raises(ChatError, match="Another server"):
        known.meet(ELSEWHERE, OTHER, verified=True, tls=True)
    assert known.find(ELSEWHERE) == found


def test_accepting_another_server_keeps_that_the_authorities_vouched(known: KnownServers) -> None:
    known.meet(ELSEWHERE, ONE, verified=True, tls=True)
    accepted = known.accept(ELSEWHERE, OTHER)
    assert (accepted.identity, accepted.verified) == (OTHER, True)
    assert known.find(ELSEWHERE) == accepted == known.accept(ELSEWHERE, OTHER)


def test_a_forgotten_address_is_unknown(known: KnownServers) -> None:
    known.meet(URL, ONE, verified=False, tls=False)
    known.meet(ELSEWHERE, ONE, verified=False, tls=True)
    assert known.forget(URL) is not None
    assert known.forget(URL) is None
    assert [server.address for server in known.all()] == ["chat.example:9000"]


@pytest.mark.parametrize("content", ["{", "[]", '{"servers":[{"address":"a:1","fingerprint":"short"}]}'])
def test_records_that_cannot_be_read_are_no_reason_to_trust_anybody(
    known: KnownServers, tmp_path: Path, content: str
) -> None:
    (tmp_path / "known-servers.json").write_text(content)
    for use in (known.all, lambda: known.find(URL), lambda: known.meet(URL, ONE, verified=False, tls=False)):
        with pytest.raises(ChatError, match=r"Cannot read .*known-servers\.json"):
            use()
    assert (tmp_path / "known-servers.json").read_text() == content


def test_programs_that_meet_servers_at_one_time_lose_none(tmp_path: Path) -> None:
    urls = [f"ws://127.0.0.1:{port}/" for port in range(1, 25)]
    threads = [
        threading.Thread(target=KnownServers(tmp_path).meet, args=(url, ONE), kwargs={"verified": False, "tls": False})
        for url in urls
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {server.address for server in KnownServers(tmp_path).all()} == {server_key(url).text for url in urls}


# ---- the state of a server ---------------------------------------------------------------------


def test_the_files_of_a_server_are_named_after_its_fingerprint_once_that_is_known(
    known: KnownServers, tmp_path: Path
) -> None:
    assert state_file(tmp_path, "screen", URL) == address_file(tmp_path, "screen", URL)
    known.meet(URL, ONE, verified=False, tls=False)
    known.meet(ELSEWHERE, ONE, verified=False, tls=True)
    assert state_file(tmp_path, "screen", URL) == tmp_path / "screen" / f"server-{ONE.digest.hex()}.json"
    assert state_file(tmp_path, "screen", ELSEWHERE) == state_file(tmp_path, "screen", URL)
    assert state_file(tmp_path, "screen", "ws://localhost:1/") != state_file(tmp_path, "screen", URL)


def test_names_are_kept_when_the_fingerprint_becomes_known(known: KnownServers, tmp_path: Path) -> None:
    identities = Identities(tmp_path)
    identities.remember(URL, "ada", "t-1")
    known.meet(URL, ONE, verified=False, tls=False)
    assert (identities.last_name(URL), identities.token(URL, "ada")) == ("ada", "t-1")
    left = json.loads(address_file(tmp_path, "identities", URL).read_bytes())
    assert (left["last"], left["tokens"]) == ("ada", {"ada": "t-1"})  # for programs of earlier versions
    known.meet(ELSEWHERE, ONE, verified=False, tls=True)
    assert (identities.last_name(ELSEWHERE), identities.token(ELSEWHERE, "Ada")) == ("ada", "t-1")
    assert identities.claim(ELSEWHERE, "ada") == "t-1"


def test_names_at_two_addresses_of_a_server_are_joined(known: KnownServers, tmp_path: Path) -> None:
    identities = Identities(tmp_path)
    identities.remember(URL, "ada", "t-1")
    identities.remember(URL, "eve", "t-2")
    identities.remember(ELSEWHERE, "ada", "t-3")
    known.meet(URL, ONE, verified=False, tls=False)
    assert identities.claim(URL, "ada") == "t-1"
    known.meet(ELSEWHERE, ONE, verified=False, tls=True)
    assert identities.claim(ELSEWHERE, "ada") == "t-1"  # the one that is known to be of this server
    assert identities.token(ELSEWHERE, "eve") == "t-2"
    assert identities.token(URL, "eve") == "t-2"


def test_another_server_at_the_address_gets_no_token_of_the_one_before(known: KnownServers, tmp_path: Path) -> None:
    identities = Identities(tmp_path)
    known.meet(URL, ONE, verified=False, tls=False)
    identities.remember(URL, "ada", "t-1")
    known.accept(URL, OTHER)
    assert identities.last_name(URL) is None
    assert identities.token(URL, "ada") is None
    known.accept(URL, ONE)
    assert identities.token(URL, "ada") == "t-1"


def test_tokens_that_were_carried_over_are_for_no_other_server_at_the_address(
    known: KnownServers, tmp_path: Path
) -> None:
    identities = Identities(tmp_path)
    identities.remember(URL, "ada", "t-1")
    known.meet(URL, ONE, verified=False, tls=False)
    assert identities.token(URL, "ada") == "t-1"
    known.accept(URL, OTHER)
    assert (identities.last_name(URL), identities.token(URL, "ada")) == (None, None)
    known.forget(URL)  # whoever answers there now may be of an earlier version
    assert (identities.last_name(URL), identities.token(URL, "ada")) == (None, None)
    identities.remember(URL, "eve", "t-2")
    known.meet(URL, ONE, verified=False, tls=False)
    assert (identities.token(URL, "ada"), identities.token(URL, "eve")) == ("t-1", "t-2")


def test_ignored_people_and_drafts_are_kept_when_the_fingerprint_becomes_known(
    known: KnownServers, tmp_path: Path
) -> None:
    load_ignored(URL, tmp_path).do(Ignore("mallory"), KnownAccounts("ada"))
    Memory(URL, tmp_path).save(ScreenState(drafts={"#lobby": "half a"}, typed=["/who"]))
    known.meet(URL, ONE, verified=False, tls=False)
    known.meet(ELSEWHERE, ONE, verified=False, tls=True)
    for url in (URL, ELSEWHERE):
        memory = Memory(url, tmp_path)
        assert memory.ignored.names == ["mallory"]
        assert (memory.load().drafts, memory.load().typed) == ({"#lobby": "half a"}, ["/who"])
    assert not address_file(tmp_path, "screen", URL).exists()


def test_drafts_of_a_new_address_are_joined_with_those_of_the_server(known: KnownServers, tmp_path: Path) -> None:
    known.meet(URL, ONE, verified=False, tls=False)
    Memory(URL, tmp_path).save(ScreenState(drafts={"#lobby": "known"}, typed=["one"]))
    by_address = json.dumps({"drafts": {"#lobby": "earlier", "#ops": "earlier"}, "typed": ["zero"]}).encode()
    write_private(address_file(tmp_path, "screen", ELSEWHERE), by_address)
    known.meet(ELSEWHERE, ONE, verified=False, tls=True)
    state = Memory(ELSEWHERE, tmp_path).load()
    assert (state.drafts, state.typed) == ({"#lobby": "known", "#ops": "earlier"}, ["zero", "one"])
    assert Memory(URL, tmp_path).load() == state
