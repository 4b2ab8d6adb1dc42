"""Answers that grow with the server, cut into pages, so that a slow client can take the rooms of a big server too."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from trio_chat.protocol.codec import encode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from msgspec import Struct

T = TypeVar("T", bound="Struct")


def fill(lines: Iterable[T], size: int) -> tuple[tuple[T, ...], bool]:
    """As many of these lines as have no more than ``size`` bytes together, but one at the least; and whether any were
    left."""
    taken: list[T] = []
    for line in lines:
        size -= len(encode(line)) + 1  # and a comma
        if size < 0 and taken:
            return tuple(taken), True
        taken.append(line)
    return tuple(taken), False
