"""The connections that have proven nothing yet, or have nothing more to do: their places are limited."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from trio_chat.server.net.crowd import Crowd, Stranger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trio_chat.server.refusals import Refusals

PLACES: Final = 256
"""Sockets beyond the limit of connections: for heads that are not whole yet, pages, and connections that end."""


class Newcomers:
    """A crowd (see :mod:`trio_chat.server.net.crowd`) with a limit. ``closed``: the server ends. Then everybody is on
    the way out and nobody comes, so nobody has to give way."""

    def __init__(self, refusals: Refusals) -> None:
        self._refusals = refusals
        self._crowd: Crowd[Stranger] = Crowd()
        self.closed = False

    def __repr__(self) -> str:
        return f"<Newcomers: {self.size} of {PLACES}>"

    @property
    def size(self) -> int:
        """The number of connections in the crowd."""
        return self._crowd.size

    def add(self, newcomer: Stranger) -> None:
        """Give a connection a place, that of another one if all are taken."""
        if self.size >= PLACES and not self.closed:
            self.send_one_away()
        self._crowd.add(newcomer)

    def remove(self, newcomer: Stranger) -> None:
        """Let a connection go. Doing it twice does nothing."""
        self._crowd.remove(newcomer)

    def send_one_away(self) -> None:
        """End the connection that gives way next, if there is one."""
        first = self._crowd.first_of_most()
        if first is not None:
            self._crowd.remove(first)
            self._refusals.note("sent away", "crowded", first.address)
            first.give_way()

    @contextlib.contextmanager
    def without(self, newcomer: Stranger) -> Iterator[None]:
        """Have a connection outside of the crowd while the block runs."""
        self.remove(newcomer)
        try:
            yield
        finally:
            self.add(newcomer)
