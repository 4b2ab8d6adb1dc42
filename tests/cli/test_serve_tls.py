"""``serve`` with TLS as a program: faults of its settings, and a certificate that is renewed while people are there."""

from __future__ import annotations

import json
import signal
import socket
import ssl
from pathlib import Path

import pytest

from tests.certificates import key_pem, make_certificate
from tests.programs import ServerProgram
from trio_chat.cli import main

Output = pytest.CaptureFixture[str]


def files(folder: Path) -> list[str]:
    """The options that name the certificate in a folder."""
    return ["--cert", str(folder / "cert.pem"), "--key", str(folder / "key.pem")]


def fault(capsys: Output, *options: str) -> str:
    """What ``serve`` says when its settings are wrong."""
    assert main(["serve", "--memory", "--port", "0", *options]) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


def test_a_certificate_that_cannot_be_used_is_a_usage_error_that_names_the_file(tmp_path: Path, capsys: Output) -> None:
    made = make_certificate()
    cert, key = made.write(tmp_path)
    assert "Give --key too" in fault(capsys, "--cert", str(cert))
    assert "cannot be read: No such file" in fault(capsys, "--cert", str(cert), "--key", str(tmp_path / "none.pem"))
    key.write_bytes(key_pem(made.key, "a passphrase"))
    assert f"{key} is encrypted" in fault(capsys, *files(tmp_path))
    key.write_bytes(make_certificate().key_pem)
    assert f"{key} is not the key of the first certificate in {cert}" in fault(capsys, *files(tmp_path))


def test_without_tls_beyond_this_machine_is_a_usage_error(capsys: Output) -> None:
    assert "--behind-proxy ADDRESS" in fault(capsys, "--host", "0.0.0.0", "--open", "--tls", "off")


def shown_by(port: int) -> tuple[ssl.SSLSocket, bytes]:
    """A connection with TLS, and the certificate that the server shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    tls = context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=30))
    certificate = tls.getpeercert(binary_form=True)
    assert certificate is not None
    return tls, ssl.DER_cert_to_PEM_cert(certificate).encode()


def last(server: ServerProgram, event: str) -> dict[str, object]:
    """The latest entry of its log with this name."""
    entries = [json.loads(line) for line in server.err.splitlines()]
    return dict(next(entry for entry in reversed(entries) if entry["event"] == event))


def test_sighup_renews_the_certificate_and_leaves_everybody_connected(tmp_path: Path) -> None:
    first, second = make_certificate("127.0.0.1"), make_certificate("127.0.0.1")
    first.write(tmp_path)
    with ServerProgram(*files(tmp_path)) as server:
        assert server.url == f"wss://127.0.0.1:{server.port}/"
        there, certificate = shown_by(server.port)
        assert certificate == first.pem
        second.write(tmp_path)
        server.signal(signal.SIGHUP)
        server.wait_for('"event": "reloaded"')
        assert "New connections get the certificate" in str(last(server, "reloaded")["result"])
        late, certificate = shown_by(server.port)
        assert certificate == second.pem
        make_certificate("127.0.0.1", days=-1).write(tmp_path)
        server.signal(signal.SIGHUP)
        server.wait_for('"event": "not reloaded"')
        assert "expired" in str(last(server, "not reloaded")["error"])
        latest, certificate = shown_by(server.port)
        assert certificate == second.pem
        for tls in (there, late, latest):
            tls.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert tls.recv(100).startswith(b"HTTP/1.1 200 OK")
            tls.close()
        server.stop()
