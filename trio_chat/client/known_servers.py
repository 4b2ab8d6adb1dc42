"""The servers that this user's clients know: which fingerprint belongs to which address. Writing and reading.

The file is ``known-servers.json`` in the state directory, readable by its owner alone. It is replaced whole under a
lock, so that programs that run at one time lose nothing of each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from trio_chat.client.server_key import server_key
from trio_chat.client.server_records import FILE, KnownServer, Records, read_records
from trio_chat.client.state_files import locked, state_directory, write_private
from trio_chat.errors import ChatError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from trio_chat.protocol.fingerprint import Fingerprint

_STALE: Final = 60.0
"""Seconds after which the time of the last use is written anew, so that a busy script does not write each time."""


class KnownServers:
    """The known servers in ``directory``; by default, in the user's state directory. ``clock``: seconds since 1970.

    Every method raises ``ChatError`` when the file cannot be read or written.
    """

    def __init__(self, directory: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self._directory = state_directory() if directory is None else directory
        self._clock = clock

    def __repr__(self) -> str:
        return f"<KnownServers in {self._directory}>"

    @property
    def directory(self) -> Path:
        """Where they are kept."""
        return self._directory

    def all(self) -> tuple[KnownServer, ...]:
        """Every known server, the one used last first."""
        return tuple(sorted(read_records(self._directory).servers, key=lambda server: server.last, reverse=True))

    def find(self, url: str) -> KnownServer | None:
        """The server that is known at the address of a URL."""
        return read_records(self._directory).find(url)

    def addresses(self, fingerprint: Fingerprint) -> tuple[str, ...]:
        """The addresses at which a server is known, the one used last first."""
        return tuple(server.address for server in self.all() if server.fingerprint == fingerprint.text)

    def meet(self, url: str, fingerprint: Fingerprint | None, *, verified: bool, tls: bool) -> None:
        """Note that a server answered at the address of a URL, and proved what it had to prove.

        An address keeps what it has once: its fingerprint, and that the authorities vouched for it.
        """
        now = self._clock()
        before = self.find(url)
        fresh = before is not None and 0 <= now - before.last < _STALE
        if before is not None and fresh and _with(before, fingerprint, verified, tls, before.last) == before:
            return
        with self._changing() as servers:
            address = server_key(url).text
            before = servers.get(address) or KnownServer(address=address, first=now)
            if fingerprint is not None and before.fingerprint not in {"", fingerprint.text}:
                raise ChatError(f"Another server became known at {address} meanwhile. Connect again.")
            servers[address] = _with(before, fingerprint, verified, tls, now)

    def accept(self, url: str, fingerprint: Fingerprint) -> KnownServer:
        """Make the server with this fingerprint the one that is known at the address of a URL, whatever was known there
        before. Returns its record."""
        with self._changing() as servers:
            address = server_key(url).text
            before = servers.get(address)
            if before is None or before.fingerprint != fingerprint.text:
                now = self._clock()
                before = KnownServer(
                    address=address,
                    fingerprint=fingerprint.text,
                    verified=before is not None and before.verified,
                    tls=before is not None and before.tls,
                    first=now,
                    last=now,
                )
                servers[address] = before
        return before

    def forget(self, url: str) -> KnownServer | None:
        """Forget the server at the address of a URL; returns what was known, if anything was. The tokens of its names
        are kept, under its fingerprint."""
        with self._changing() as servers:
            return servers.pop(server_key(url).text, None)

    @contextmanager
    def _changing(self) -> Iterator[dict[str, KnownServer]]:
        """Give the records by their address, and write them when the block has changed them."""
        path = self._directory / FILE
        try:
            with locked(self._directory):
                before = read_records(self._directory).servers
                servers = {server.address: server for server in before}
                yield servers
                after = tuple(servers.values())
                if after != before:
                    data = msgspec.json.format(msgspec.json.encode(Records(after)), indent=2) + b"\n"
                    write_private(path, data, durable=_pins(after) != _pins(before))
        except OSError as error:
            message = f"Cannot save the identity of the server in {path}: {error.strerror}."
            raise ChatError(f"{message} Free some space, or set XDG_STATE_HOME to another folder.") from error


def _pins(servers: Iterable[KnownServer]) -> set[tuple[str, str, bool]]:
    """All that must not be lost with the power."""
    return {(server.address, server.fingerprint, server.verified) for server in servers}


def _with(before: KnownServer, fingerprint: Fingerprint | None, verified: bool, tls: bool, last: float) -> KnownServer:  # noqa: FBT001 - private, and named as its fields
    return msgspec.structs.replace(
        before,
        fingerprint=fingerprint.text if fingerprint is not None else before.fingerprint,
        verified=verified or before.verified,
        tls=tls or before.tls,
        last=last,
    )
