"""Whose this device is: the tokens that prove that names are ours, one file a server.

A token is as good as a password, so the files are their owner's alone (0600, in a folder that is 0700),
and are replaced whole: a crash leaves the old one or the new one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from trio_chat.errors import ChatError, Refusal
from trio_chat.protocol.names import check_name

if TYPE_CHECKING:
    from collections.abc import Iterator

_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class _Held(msgspec.Struct):
    """What is kept for one server: its address, the name used last, and each name's token."""

    url: str
    last: str | None = None
    tokens: dict[str, str] = {}


def state_directory() -> Path:
    """Where this person's programs keep what they must remember."""
    from platformdirs import user_state_path  # noqa: PLC0415 - costs time that a bot with its own folder need not pay

    return user_state_path("trio-chat")


class Identities:
    """The names that are this device's, kept in ``directory``. Raises ``ChatError`` when it cannot be used."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = (directory or state_directory()) / "identities"

    def __repr__(self) -> str:
        return f"<Identities in {self._directory}>"

    def token(self, url: str, name: str) -> str | None:
        """The token that proves that a name is ours on that server; ``None`` if there is none."""
        return self._read(self._path(url), url).tokens.get(_key(name))

    def last_name(self, url: str) -> str | None:
        """The name that we used last on that server."""
        return self._read(self._path(url), url).last

    def claim(self, url: str, name: str) -> str:
        """The token to come with under a name: the one that we have, or else a new one, which is kept before
        anybody hears of it. So the name stays ours should the server's answer be lost, and programs that come
        at one time come with the same."""
        token = self.token(url, name)
        if token is not None:
            return token
        with self._locked():
            path = self._path(url)
            held = self._read(path, url)
            token = held.tokens.setdefault(_key(name), secrets.token_urlsafe(24))
            self._write(path, held)
        return token

    def remember(self, url: str, name: str, token: str) -> None:
        """Keep a name's token, and that it was used last. The token of a name that was ours before is kept
        too: another server at that address may know us by it."""
        with self._locked():
            path = self._path(url)
            held = self._read(path, url)
            if held.last == name and held.tokens.get(_key(name)) == token:
                return
            held.last = name
            held.tokens[_key(name)] = token
            self._write(path, held)

    def _path(self, url: str) -> Path:
        """One file a server: by host and port, since a path or a scheme makes no other server of it, and
        neither does another of the names that every machine has for itself."""
        parts = urlsplit(url)
        host = "127.0.0.1" if parts.hostname in _THIS_MACHINE else parts.hostname
        server = f"{host}:{parts.port or (443 if parts.scheme == 'wss' else 80)}"
        readable = re.sub(r"[^a-z0-9.-]", "_", server)[:60]
        return self._directory / f"{readable}-{hashlib.sha256(server.encode()).hexdigest()[:8]}.json"

    def _read(self, path: Path, url: str) -> _Held:
        try:
            return msgspec.json.decode(path.read_bytes(), type=_Held)
        except FileNotFoundError:
            return _Held(url)
        except (OSError, msgspec.DecodeError) as error:
            message = f"Cannot read {path}, which holds the names that are yours: {error}. Mend or remove it."
            raise ChatError(message) from error

    def _write(self, path: Path, held: _Held) -> None:
        fresh = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(held), indent=2) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
            folder = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)  # the new entry too is to outlive a power cut
            finally:
                os.close(folder)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            message = f"Cannot keep the name in {path}: {error.strerror}. Make room there, or choose another folder."
            raise ChatError(message) from error

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes of ours from changing the files meanwhile."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self._directory / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            message = (
                f"Cannot use {self._directory}: {error.strerror}. What proves that a name is yours is kept there: make "
                "it a folder that you may write, or give XDG_STATE_HOME another."
            )
            raise ChatError(message) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _key(name: str) -> str:
    """A name as servers compare it, however it is typed."""
    checked = check_name(name)
    return name.casefold() if isinstance(checked, Refusal) else checked.key
