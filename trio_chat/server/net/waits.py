"""Waits for peers that end when the server stops."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Iterator


class Waits:
    """The waits of all connections for what their peers still have to send. ``closed``: the server stops."""

    def __init__(self) -> None:
        self.scopes: set[trio.CancelScope] = set()
        self.closed = False

    def __repr__(self) -> str:
        return f"<Waits: {len(self.scopes)}{', closed' if self.closed else ''}>"

    @contextlib.contextmanager
    def until(self, deadline: float) -> Iterator[trio.CancelScope]:
        """Cancel the block at a time of trio's clock, or when the server stops."""
        with trio.CancelScope(deadline=deadline) as scope:
            self.scopes.add(scope)
            try:
                yield scope
            finally:
                self.scopes.discard(scope)

    def close(self) -> None:
        """Cancel all waits: the server stops."""
        self.closed = True
        for scope in self.scopes:
            scope.cancel()
