"""A data directory that moves stays the same server: every device still is who it was, without a question.

Another port, all addresses with TLS, a certificate of an authority, nginx in front, a backup restored elsewhere: with
real processes, and one device that goes through all of it.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import Made, make_certificate
from tests.launching import PROGRAM
from tests.nginx import needs_nginx, nginx_before, page_settings
from tests.ports import find_free_port
from tests.programs import Done, Started, environment, run
from tests.pty_driver import PtyProgram


class Devices:
    """Two devices, ada's and bob's, which trust a certificate authority of the test's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.authority = make_certificate("the test's authority", is_authority=True)
        (folder / "authority.pem").write_bytes(self.authority.pem)

    def env(self, who: str) -> dict[str, str]:
        folders = {f"XDG_{kind}_HOME": str(self._folder / who / kind.lower()) for kind in ("STATE", "CONFIG", "DATA")}
        return environment(
            SSL_CERT_FILE=str(self._folder / "authority.pem"), NO_COLOR="1", HOME=str(self._folder / who), **folders
        )

    def certificate(self, name: str, place: str) -> tuple[str, str]:
        """A certificate of the authority for a name: the paths of its files."""
        made: Made = make_certificate(name, issuer=self.authority)
        folder = self._folder / place
        folder.mkdir()
        cert, key = made.write(folder)
        return str(cert), str(key)

    def send(self, who: str, url: str, text: str) -> Done:
        return run("send", "#lobby", text, "--url", url, "--name", who, env=self.env(who))

    def tokens(self, who: str) -> list[str]:
        """All tokens that a device keeps."""
        place = self._folder / who / "state" / "trio-chat" / "identities"
        return [token for file in place.glob("*.json") for token in json.loads(file.read_bytes())["tokens"].values()]


@contextlib.contextmanager
def serving(data: Path, *options: str, port: int = 0) -> Iterator[int]:
    """A server over the data directory; its port."""
    with Started("serve", "--data", str(data), "--port", str(port), "--log-format", "json", *options) as server:
        server.wait_for('"event": "listening"')
        line = next(line for line in server.err.splitlines() if '"event": "listening"' in line)
        yield int(str(json.loads(line)["urls"][0]).rstrip("/").rpartition(":")[2])


@pytest.fixture
def devices(tmp_path: Path) -> Devices:
    return Devices(tmp_path)


@pytest.fixture
def data(tmp_path: Path, devices: Devices) -> Path:
    """The data directory of a server on loopback, where ada and bob have been, and ada ignores bob."""
    place = tmp_path / "data"
    with serving(place) as port:
        assert devices.send("bob", f"ws://127.0.0.1:{port}/", "hello").status == 0
        with joined(devices, f"127.0.0.1:{port}") as ada:
            ada.type("/ignore bob\r")
            ada.wait_for("You ignore bob")
    assert people(place) == {"ada": 1, "bob": 1}
    return place


@contextlib.contextmanager
def joined(devices: Devices, address: str) -> Iterator[PtyProgram]:
    """ada at a terminal, who is asked for nothing."""
    with PtyProgram([*PROGRAM, "join", "--plain", "ada", address], env=devices.env("ada"), columns=200, rows=30) as ada:
        ada.wait_for("You are ada")
        ada.wait_for("#lobby> ")
        assert not any("assword" in row for row in ada.everything)
        yield ada
        ada.type("\x15/quit\r")
        assert ada.wait_exit() == 0


def people(data: Path) -> dict[str, int]:
    """The accounts of a server, with the number of each one's devices."""
    done = run("admin", "users", "--json", "--data", str(data))
    assert done.status == 0, done.err
    return {str(row["name"]): int(row["devices"]) for row in done.events}


def assert_same_server(devices: Devices, data: Path, address: str, *, url: str) -> None:
    """Both devices are who they were: no new account, no new device, no new token, and what hangs on the server."""
    before = devices.tokens("ada"), devices.tokens("bob")
    with joined(devices, address) as ada:
        ada.type("/ignore\r")
        ada.wait_for("You ignore bob.")
        ada.type("here I am again\r")
        ada.wait_for("ada: here I am again")
    done = devices.send("bob", url, "me too")
    assert (done.status, done.err) == (0, "")
    assert people(data) == {"ada": 1, "bob": 1}
    assert (devices.tokens("ada"), devices.tokens("bob")) == before


def test_on_another_port_it_is_the_same_server(devices: Devices, data: Path) -> None:
    with serving(data) as port:
        assert_same_server(devices, data, f"127.0.0.1:{port}", url=f"ws://localhost:{port}/")


def test_on_all_addresses_with_tls_it_is_the_same_server(devices: Devices, data: Path) -> None:
    with serving(data, "--host", "0.0.0.0", "--open") as port:
        assert_same_server(devices, data, f"wss://127.0.0.2:{port}/", url=f"wss://127.0.0.1:{port}/")
        assert_same_server(devices, data, f"127.0.0.1:{port}", url=f"wss://localhost:{port}/")


def test_with_a_certificate_of_an_authority_it_is_the_same_server(devices: Devices, data: Path) -> None:
    cert, key = devices.certificate("localhost", "certificate")
    with serving(data, "--cert", cert, "--key", key) as port:
        assert_same_server(devices, data, f"wss://localhost:{port}/", url=f"wss://localhost:{port}/")


def test_behind_nginx_with_a_certificate_of_an_authority_it_is_the_same_server(
    devices: Devices, data: Path, tmp_path: Path
) -> None:
    needs_nginx()
    cert, key = devices.certificate("localhost", "certificate")
    outside = find_free_port()
    with (
        serving(data, "--behind-proxy", "127.0.0.1", "--public-host", f"localhost:{outside}") as port,
        nginx_before(page_settings(port, outside, cert, key), outside, tmp_path / "nginx"),
    ):
        assert_same_server(devices, data, f"wss://localhost:{outside}/", url=f"wss://localhost:{outside}/")
    with (
        serving(tmp_path / "another") as port,
        nginx_before(page_settings(port, outside, cert, key), outside, tmp_path / "nginx-again"),
    ):
        done = devices.send("bob", f"wss://localhost:{outside}/", "to somebody else")
        assert done.status == 1
    assert people(tmp_path / "another") == {}


def test_restored_from_a_backup_elsewhere_it_is_the_same_server(devices: Devices, data: Path, tmp_path: Path) -> None:
    assert run("admin", "backup", str(tmp_path / "chat.backup"), "--data", str(data)).status == 0
    shutil.rmtree(data)
    elsewhere = tmp_path / "another machine"
    assert run("admin", "restore", str(tmp_path / "chat.backup"), "--data", str(elsewhere)).status == 0
    with serving(elsewhere, "--host", "127.0.0.3") as port:
        assert_same_server(devices, elsewhere, f"127.0.0.3:{port}", url=f"ws://127.0.0.3:{port}/")
