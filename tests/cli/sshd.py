"""A real OpenSSH server on loopback, with a configuration, keys and a port of its own, as an ordinary process."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.ports import find_free_port
from tests.programs import PATIENCE, environment

SSHD: Final = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
PROGRAM: Final = f"{sys.executable} -m trio_chat"
_PRIVILEGES: Final = Path("/run/sshd")  # sshd wants it when root starts it; its package makes it where systemd runs


class Sshd:
    """sshd for the user who runs the tests. ``lines`` go into its configuration, ``variables`` to what it starts."""

    def __init__(self, folder: Path, lines: Sequence[str], **variables: str) -> None:
        assert SSHD is not None
        self.folder = folder
        self.port = find_free_port()
        self.keys = folder / "authorized_keys"
        self.keys.touch()
        make_key(folder / "host")
        if os.geteuid() == 0:
            _PRIVILEGES.mkdir(mode=0o755, exist_ok=True)
        config = folder / "sshd_config"
        config.write_text(
            "\n".join(
                [
                    f"Port {self.port}",
                    "ListenAddress 127.0.0.1",
                    f"HostKey {folder / 'host'}",
                    f"AuthorizedKeysFile {self.keys}",
                    "PidFile none",
                    "StrictModes no",  # the test's folder may be open to its group
                    "UsePAM no",
                    "PermitRootLogin prohibit-password",
                    "AcceptEnv LANG LC_*",  # as Debian has it
                    "LogLevel ERROR",
                    "SetEnv " + " ".join(f'{name}="{value}"' for name, value in variables.items()),
                    *lines,
                    "",
                ]
            )
        )
        command = [SSHD, "-D", "-E", str(folder / "sshd.log"), "-f", str(config)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def __enter__(self) -> Self:
        deadline = time.monotonic() + PATIENCE
        while (
            subprocess.run(["ssh-keyscan", "-p", str(self.port), "127.0.0.1"], capture_output=True, check=False).stdout
            == b""
        ):
            assert time.monotonic() < deadline, self.log
            assert self.process.poll() is None, self.log
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.wait()

    @property
    def log(self) -> str:
        """What it has said."""
        return (self.folder / "sshd.log").read_text()

    def admit(self, name: str, comment: str, options: str = "") -> Path:
        """Make a key and let it in; the key's path."""
        path = self.folder / name
        public = make_key(path, comment)
        with self.keys.open("a") as file:
            file.write(f"{options} {public}\n" if options else f"{public}\n")
        return path

    def ssh(self, key: Path, *more: str) -> list[str]:
        """The command of a person who comes with this key, and with no configuration of their own."""
        options = (
            "StrictHostKeyChecking=no",
            f"UserKnownHostsFile={self.folder / 'known_hosts'}",
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            "BatchMode=yes",
            "LogLevel=ERROR",
        )
        before = [word for option in options for word in ("-o", option)]
        return [
            "ssh",
            "-F",
            "/dev/null",
            *before,
            "-i",
            str(key),
            "-p",
            str(self.port),
            *_before_host(more),
            _HOST,
            *_after_host(more),
        ]


_HOST: Final = f"{getpass.getuser()}@127.0.0.1"


def _before_host(words: Sequence[str]) -> list[str]:
    """The options among the words, which begin with a hyphen; ``-W x`` is written ``-Wx``."""
    return [word for word in words if word.startswith("-")]


def _after_host(words: Sequence[str]) -> list[str]:
    return [word for word in words if not word.startswith("-")]


def make_key(path: Path, comment: str = "") -> str:
    """Make a key pair; the public key as authorized_keys has it."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)], check=True)
    return path.with_name(f"{path.name}.pub").read_text().strip()


def over_ssh(command: Sequence[str], given: str = "") -> subprocess.CompletedProcess[str]:
    """Run ssh to its end without a terminal."""
    return subprocess.run(
        command, input=given, capture_output=True, text=True, check=False, timeout=PATIENCE, env=environment()
    )
