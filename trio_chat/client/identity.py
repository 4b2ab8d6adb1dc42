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

from trio_chat.client.server_records import key_of
from trio_chat.client.state_files import address_file, locked, state_directory, state_file, write_private
from trio_chat.errors import ChatError
from trio_chat.protocol.names import key_of_name
from trio_chat.secret_fields import discreet_repr

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_KIND: Final = "identities"


class _ServerIdentities(msgspec.Struct):
    """The content of one server's file: its URL, the name used last, each name's token, and the server's password.
    ``carried_over``: the file of an address, whose tokens the file of the server's fingerprint has too. It stays for
    programs of earlier versions, which know no other."""

    url: str
    last: str | None = None
    tokens: dict[str, str] = {}
    carried_over: bool = False
    password: str | None = None

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
        return self._load(url).tokens.get(key_of_name(name))

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
            token = stored.tokens.setdefault(key_of_name(name), secrets.token_urlsafe(24))
            self._write(path, stored)
        return token

    def remember(self, url: str, name: str, token: str) -> None:
        """Store a name's token, and that this name was used last.

        The tokens of earlier names stay: another server at the same address may know this device by one of them.
        """
        with self._locked():
            path, stored = self._path(url), self._load_locked(url)
            if stored.last == name and stored.tokens.get(key_of_name(name)) == token:
                return
            stored.last = name
            stored.tokens[key_of_name(name)] = token
            self._write(path, stored)

    def password(self, url: str) -> str | None:
        """The password that is kept for the server at ``url``; ``None`` when there is none. A server that is known by
        its address alone has none, since somebody else may answer there."""
        if key_of(self._directory, url).identity is None:
            return None
        return self._load(url).password

    def keep_password(self, url: str, password: str | None) -> None:
        """Keep the password of the server at ``url``; with ``None``, delete it. Nothing is kept for a server that is
        known by its address alone."""
        if key_of(self._directory, url).identity is None:
            return
        with self._locked():
            path, stored = self._path(url), self._load_locked(url)
            if stored.password != password:
                stored.password = password
                self._write(path, stored)

    def _path(self, url: str) -> Path:
        return state_file(self._directory, _KIND, url)

    def _load(self, url: str) -> _ServerIdentities:
        if self._left_by_address(url) is not None:
            with self._locked():
                return self._load_locked(url)
        return self._read_own(url)

    def _load_locked(self, url: str) -> _ServerIdentities:
        """Read the file of a server; carry the tokens over that were kept for its address alone."""
        stored, earlier = self._read_own(url), self._left_by_address(url)
        if earlier is not None:
            stored.last = stored.last or earlier.last
            stored.tokens = {**earlier.tokens, **stored.tokens}
            self._write(self._path(url), stored)
            earlier.carried_over = True
            with contextlib.suppress(ChatError):  # else they are carried over again
                self._write(address_file(self._directory, _KIND, url), earlier)
        return stored

    def _left_by_address(self, url: str) -> _ServerIdentities | None:
        """The tokens of the address alone, if they are still to be carried over to the server with a fingerprint."""
        path = address_file(self._directory, _KIND, url)
        if path == self._path(url) or not path.exists():
            return None
        earlier = self._read(path, url)
        return None if earlier.carried_over else earlier

    def _read_own(self, url: str) -> _ServerIdentities:
        """Read the file under the server's key. Tokens that were carried over are not for another server there."""
        stored = self._read(self._path(url), url)
        return _ServerIdentities(url) if stored.carried_over else stored

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
