"""A data directory that moves stays the same server: every device still is who it was, without a question.

Another port, all addresses with TLS, a certificate of an authority, nginx in front, a backup restored elsewhere: with
real processes, and one device that goes through all of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.certificates import Made, make_certificate
from tests.launching import PROGRAM
from tests.ports import find_free_port
from tests.programs import PATIENCE, Done, Started, environment, run
from tests.pty_driver import PtyProgram

NGINX: Final = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        server_name localhost;
        ssl_certificate {cert};
        ssl_certificate_key {key};
        location = / {{
            proxy_pass http://127.0.0.1:{behind};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-For $remote_addr;
        }}
    }}
}}
"""
"""The settings of docs/how-to/tls-proxy.md, for an nginx that nobody else sees."""


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


@contextlib.contextmanager
def nginx_before(behind: int, port: int, folder: Path, cert: str, key: str) -> Iterator[None]:
    """An nginx that listens on a port with TLS, in front of a server."""
    folder.mkdir()
    settings = folder / "nginx.conf"
    settings.write_text(NGINX.format(folder=folder, port=port, behind=behind, cert=cert, key=key), "utf-8")
    program = find_nginx()
    assert program is not None
    process = subprocess.Popen([program, "-c", str(settings), "-p", str(folder)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None, (folder / "error.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait()


def find_nginx() -> str | None:
    return shutil.which("nginx", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"]))


def needs_nginx() -> None:
    if find_nginx() is None and "CI" not in os.environ:
        pytest.skip("nginx is not installed; Debian's package is nginx-light")


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
        nginx_before(port, outside, tmp_path / "nginx", cert, key),
    ):
        assert_same_server(devices, data, f"wss://localhost:{outside}/", url=f"wss://localhost:{outside}/")
    with serving(tmp_path / "another") as port, nginx_before(port, outside, tmp_path / "nginx-again", cert, key):
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
