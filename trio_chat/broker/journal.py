"""Changes that can be undone: the changes of a batch are undone when it could not be stored.

Only state that is stored is changed through the journal. The rest (the sessions, typing) stays as it is whether the
batch was stored or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

K = TypeVar("K")
V = TypeVar("V")
Arguments = TypeVarTuple("Arguments")


class Journal:
    """A list of steps back: each is a function and its arguments. Each change does its work at once and notes how to
    undo it."""

    __slots__ = ("_back",)

    def __init__(self) -> None:
        self._back: list[tuple[Callable[..., object], tuple[Any, ...]]] = []

    def set(self, thing: object, attribute: str, value: Any) -> None:  # noqa: ANN401 - any attribute's type
        """Give an attribute another value."""
        self._back.append((setattr, (thing, attribute, getattr(thing, attribute))))
        setattr(thing, attribute, value)

    def put(self, mapping: MutableMapping[K, V], key: K, value: V) -> None:
        """Set an entry of a mapping."""
        if key in mapping:
            self._back.append((mapping.__setitem__, (key, mapping[key])))
        else:
            self._back.append((mapping.pop, (key, None)))
        mapping[key] = value

    def pop(self, mapping: MutableMapping[K, V], key: K) -> V | None:
        """Remove an entry of a mapping, if it is there."""
        if key not in mapping:
            return None
        value = mapping.pop(key)
        self._back.append((mapping.__setitem__, (key, value)))
        return value

    def then(self, back: Callable[[*Arguments], object], *arguments: *Arguments) -> None:
        """Note a step back for a change made elsewhere."""
        self._back.append((back, arguments))

    def settle(self) -> None:
        """All changes are stored: none of them will be undone."""
        self._back.clear()

    def mark(self) -> int:
        """The journal's present end, for :meth:`undo`."""
        return len(self._back)

    def undo(self, mark: int = 0) -> None:
        """Undo all changes since the last :meth:`settle`, or since a mark made after it, the last first."""
        while len(self._back) > mark:
            back, arguments = self._back.pop()
            back(*arguments)
