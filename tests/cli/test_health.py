"""``admin health``: asked of a server that runs, of one that does not, and of one that is not well."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from tests.programs import ServerProgram, run


def health(data: Path) -> tuple[int, str, str]:
    done = run("admin", "health", "--data", str(data))
    return done.status, done.out, done.err


def test_a_server_that_does_its_work_says_so(tmp_path: Path) -> None:
    with ServerProgram("--data", str(tmp_path)) as server:
        status, out, err = health(tmp_path)
        assert (status, err) == (0, "")
        assert out.startswith("The server does its work. Its hub answered in ")
        server.stop()


def test_no_server_is_a_fault(tmp_path: Path) -> None:
    assert health(tmp_path) == (1, "", f"trio-chat: No server is running on {tmp_path}.\n")


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (b'{"status":"stuck"}\n', 1, "its hub does not answer"),
        (b'{"status":"not storing"}\n', 1, "cannot store messages"),
        (b'{"error":"There is no order health."}\n', 1, "did not say how it is"),  # a server of an earlier version
        (b"", 1, "did not say how it is"),
    ],
)
def test_a_server_that_is_not_well_is_a_fault(tmp_path: Path, answer: bytes, status: int, said: str) -> None:
    def reply() -> None:
        connection, _ = listener.accept()
        with connection:
            assert connection.recv(4096) == b'{"do":"health"}\n'
            connection.sendall(answer)

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "control.sock"))
        listener.listen()
        replying = threading.Thread(target=reply)
        replying.start()
        got, out, err = health(tmp_path)
        replying.join()
    assert got == status
    assert said in out + err
