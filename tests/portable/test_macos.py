"""The server and both interfaces, end to end, on a machine that has nothing but what macOS has."""

from __future__ import annotations

import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import Done, ServerProgram, Started, environment, past
from tests.pty_driver import PtyProgram

MACOS = (sys.executable, str(Path(__file__).parent / "other_system.py"), "macos")
PROGRAM = (*MACOS, "-m", "trio_chat")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with a long path, as temporary folders of macOS have."""
    folder = tmp_path / ("long" * 20) / "data"
    folder.mkdir(parents=True, mode=0o700)
    return folder


@pytest.fixture
def server(data: Path) -> Iterator[ServerProgram]:
    with ServerProgram("--data", str(data), program=PROGRAM) as one:
        yield one


def run(*arguments: str, given: str = "", env: dict[str, str] | None = None) -> Done:
    with Started(*arguments, program=PROGRAM, env=env) as one:
        one.give_all(given)
        return Done(one.wait_exit(), one.out, one.err)


@pytest.mark.parametrize(
    "statement",
    [
        "import os; os.memfd_create",
        "from select import epoll",
        "import socket; socket.SO_PEERCRED",
        "import socket; socket.TCP_KEEPIDLE",
        "import time; time.CLOCK_BOOTTIME",
        "import os; os.open('/proc/self/fd', os.O_RDONLY)",
        "from pathlib import Path; Path('/proc/sys/kernel/random/boot_id').read_text()",
        "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (r.RLIM_INFINITY, r.RLIM_INFINITY))",
    ],
)
def test_the_stand_in_lacks_what_macos_lacks(statement: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        f"try:\n    {statement}\n"
        "except (AttributeError, ImportError, FileNotFoundError, ValueError):\n    print('lacks')\n"
    )
    with Started(str(script), program=MACOS) as one:
        assert one.wait_exit() == 0, one.err
        assert one.out == "lacks\n"


def test_a_chat_is_hosted_joined_administered_and_found_again(
    server: ServerProgram, data: Path, tmp_path: Path
) -> None:
    assert len(str(data)) > 104  # longer than the address of a Unix socket may be
    with PtyProgram([*PROGRAM, "join", "ada", server.url], env=environment()) as ada:
        ada.wait_for("Become its administrator?")  # the control socket is reached by a short path
        ada.type("y\r")
        ada.wait_for("ada is an administrator of this server.")
        ada.type("hello from the full screen\r")
        ada.wait_for("hello from the full screen")
        assert run("join", "bob", server.url, given="hello from lines\n").status == 0
        ada.wait_for("bob")
        ada.type("/quit\r")
        assert ada.wait_exit() == 0
        ada.assert_given_back()
    users = run("admin", "users", "--json", "--data", str(data))
    assert users.status == 0, users.err
    assert '"ada"' in users.out
    assert run("admin", "backup", str(tmp_path / "chat.backup"), "--data", str(data)).status == 0
    server.signal(signal.SIGKILL)
    server.wait_exit()
    with ServerProgram("--data", str(data), program=PROGRAM) as again:
        assert past(again.url)[-2:] == [("ada", "hello from the full screen"), ("bob", "hello from lines")]
        again.stop()


def test_the_server_takes_as_many_files_as_macos_gives(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import resource\n"
        "from trio_chat.server.process import _raise_file_limit\n"
        "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))\n"
        "_raise_file_limit()\n"
        "print(*resource.getrlimit(resource.RLIMIT_NOFILE))\n"
    )
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 10240:
        pytest.skip(f"this machine's limit of open files is {hard}")
    with Started(str(script), program=MACOS) as one:
        assert one.wait_exit() == 0, one.err
        assert one.out.split() == ["10240" if hard == resource.RLIM_INFINITY or hard > 10240 else str(hard), str(hard)]


def test_a_certificate_is_used_without_files_in_memory(data: Path) -> None:
    """OpenSSL reads files only; macOS has neither memfd_create nor /proc."""
    with ServerProgram("--data", str(data), "--host", "0.0.0.0", "--open", program=PROGRAM) as server:
        done = run("join", "--name", "cleo", f"wss://127.0.0.1:{server.port}/", given="over TLS\n")
        assert done.status == 0, done.err
        server.stop()
