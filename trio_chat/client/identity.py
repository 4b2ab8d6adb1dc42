"""Identities: the names that belong to this device, and the tokens that prove it, in a file for each server.

The file hangs on the server's fingerprint, once that is known for the address. Tokens that were kept for the address
alone, by an earlier version or for a server of an earlier version, are carried over into it.

A token is as good as a password. :mod:`trio_chat.client.state_files` keeps the files private and whole.
"""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, Final

import msgspec

from trio_chat.client.state_files import address_file, locked, state_directory, state_file, write_private
from trio_chat.errors import ChatError, Refusal
from trio_chat.protocol.names import check_name
from trio_chat.secret_fields import discreet_repr

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_KIND: Final = "identities"


class _ServerIdentities(msgspec.Struct):
    """The content of one server's file: its URL, the name used last, and each name's token."""

    url: str
    last: str | None = None
    tokens: dict[str, str] = {}

    __repr__ = discreet_repr


class Identities:
    """The names that belong to this device, kept in ``directory``; by default, in the user's state directory.

    Every method raises ``ChatError`` when the directory or a file in it cannot be used.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory or state_directory()

    def __repr__(self) -> str:
        return f"<Identities in {self._directory}>"

    @property
    def directory(self) -> Path:
        """Where they are kept, beside the servers that are known (``known-servers.json``)."""
        return self._directory

    def token(self, url: str, name: str) -> str | None:
        """The token that proves that a name is ours on the server at ``url``; ``None`` when there is none."""
        return self._load(url).tokens.get(_key(name))

    def last_name(self, url: str) -> str | None:
        """The name used last on the server at ``url``."""
        return self._load(url).last

    def names(self, url: str) -> tuple[str, ...]:
        """The names that belong to this device on the server at ``url``, as servers compare names."""
        return tuple(self._load(url).tokens)

    def claim(self, url: str, name: str) -> str:
        """The token to connect with under a name: the stored token, or else a new one, which is stored first.

        Since it is stored before the server gets it, the name stays ours even if the server's reply is lost, and
        programs that connect at the same moment use the same token.
        """
        token = self.token(url, name)
        if token is not None:
            return token
        with self._locked():
            path, stored = self._path(url), self._load_locked(url)
            token = stored.tokens.setdefault(_key(name), secrets.token_urlsafe(24))
            self._write(path, stored)
        return token

    def remember(self, url: str, name: str, token: str) -> None:
        """Store a name's token, and that this name was used last.

        The tokens of earlier names stay: another server at the same address may know this device by one of them.
        """
        with self._locked():
            path, stored = self._path(url), self._load_locked(url)
            if stored.last == name and stored.tokens.get(_key(name)) == token:
                return
            stored.last = name
            stored.tokens[_key(name)] = token
            self._write(path, stored)

    def _path(self, url: str) -> Path:
        return state_file(self._directory, _KIND, url)

    def _load(self, url: str) -> _ServerIdentities:
        by_address = address_file(self._directory, _KIND, url)
        if by_address != self._path(url) and by_address.exists():
            with self._locked():
                return self._load_locked(url)
        return self._read(self._path(url), url)

    def _load_locked(self, url: str) -> _ServerIdentities:
        """Read the file of a server; carry the tokens over that were kept for its address alone."""
        path, by_address = self._path(url), address_file(self._directory, _KIND, url)
        stored = self._read(path, url)
        if by_address != path and by_address.exists():
            earlier = self._read(by_address, url)
            stored.last = stored.last or earlier.last
            stored.tokens = {**earlier.tokens, **stored.tokens}
            self._write(path, stored)
            with contextlib.suppress(OSError):
                by_address.unlink(missing_ok=True)
        return stored

    def _read(self, path: Path, url: str) -> _ServerIdentities:
        try:
            return msgspec.json.decode(path.read_bytes(), type=_ServerIdentities)
        except FileNotFoundError:
            return _ServerIdentities(url)
        except (OSError, msgspec.DecodeError) as error:
            message = f"Cannot read {path}, which holds the tokens of your names: {error}. Repair or remove it."
            raise ChatError(message) from error

    def _write(self, path: Path, stored: _ServerIdentities) -> None:
        try:
            write_private(path, msgspec.json.format(msgspec.json.encode(stored), indent=2) + b"\n", durable=True)
        except OSError as error:
            message = (
                f"Cannot save the name's token in {path}: {error.strerror}. Free some space, or use another folder."
            )
            raise ChatError(message) from error

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep this user's other processes out of the files meanwhile."""
        folder = self._directory / _KIND
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(locked(folder))
            except OSError as error:
                message = (
                    f"Cannot use {folder}, where the tokens of your names are kept: {error.strerror}. Make it a folder "
                    "that you can write, or set XDG_STATE_HOME to another one."
                )
                raise ChatError(message) from error
            yield


def _key(name: str) -> str:
    """A name as servers compare names, whatever its case or width."""
    checked = check_name(name)
    return name.casefold() if isinstance(checked, Refusal) else checked.key
