"""A table of names that finds the few that a mistyped name may mean, without a walk over all of them.

Theory of operation. Two words that differ by a slip or two share their beginning or their end. So beside the table the
names are kept in two sorted lists, once as they are and once reversed. Of each list only the :data:`NEIGHBOURS` names
on either side of the place where the mistyped word would stand are compared with it: those share the longest beginning
with it, or the longest end. A table of few names is compared whole.

The promise: up to :data:`SMALL` names the answer is that of a comparison with all of them. Beyond that a name is
found if it is among the neighbours; a word that is one slip away is, unless so many others share that half of it which
is right.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

V = TypeVar("V")

NEIGHBOURS: Final = 48
"""Names compared on either side of a word in either list: with the comparison of each, half a millisecond."""

SMALL: Final = 4 * NEIGHBOURS
"""Names in a table that is compared whole."""


class NameTable(dict[str, V]):
    """A dict by names. ``near`` gives those of its keys that begin with ``prefix`` and are near a word.

    The sorted lists are made at the first question, and changed with the table from then on.
    """

    def __init__(self, prefix: str = "") -> None:
        super().__init__()
        self._prefix = prefix
        self._sorted: tuple[list[str], list[str]] | None = None

    def __setitem__(self, name: str, value: V) -> None:
        if self._sorted is not None and name not in self and name.startswith(self._prefix):
            insort(self._sorted[0], name)
            insort(self._sorted[1], name[::-1])
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        self._forget(name)
        super().__delitem__(name)

    def pop(self, name: str, *default: Any) -> Any:  # noqa: ANN401 - as dict has it
        """Remove a name; see ``dict``."""
        self._forget(name)
        return super().pop(name, *default)

    def build(self) -> None:
        """Make the sorted lists, if they are not there."""
        if self._sorted is None:
            names = [name for name in self if name.startswith(self._prefix)]
            self._sorted = sorted(names), sorted(name[::-1] for name in names)

    def near(self, word: str) -> Iterator[V]:
        """The values of the names that may be near a word; of a big table those that stand nearest to it first."""
        self.build()
        assert self._sorted is not None  # noqa: S101 - for the type checker
        forward, backward = self._sorted
        if len(forward) <= SMALL:
            return (self[name] for name in forward)
        ends = (name[::-1] for name in _around(backward, word[::-1]))
        found = chain.from_iterable(zip_longest(_around(forward, word), ends))
        return (self[name] for name in dict.fromkeys(found) if name is not None)

    def _forget(self, name: str) -> None:
        if self._sorted is not None and name in self and name.startswith(self._prefix):
            for names, key in zip(self._sorted, (name, name[::-1]), strict=True):
                del names[bisect_left(names, key)]


def _around(names: list[str], word: str) -> list[str]:
    """The names on either side of the place of a word, the nearest first."""
    at = bisect_left(names, word)
    before, behind = names[max(0, at - NEIGHBOURS) : at][::-1], names[at : at + NEIGHBOURS]
    return [name for pair in zip_longest(behind, before) for name in pair if name is not None]
