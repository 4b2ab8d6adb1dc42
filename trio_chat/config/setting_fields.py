"""How a setting is described: its type, and a ``Meta`` with its description, unit, bounds and flags. The options of a
table are made from that.

The description in a field's ``Meta`` is the only source of the help pages, of the reference page and of the checks in
:func:`trio_chat.config.load`.
"""

from __future__ import annotations

import types
import typing
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

import msgspec
from msgspec import Meta, Struct

from trio_chat.config.values import Option, OptionKind

MASK: Final = "********"
"""Text shown in place of a secret. Its length tells nothing about the secret."""


def describe(description: str, group: str, metavar: str = "", **rest: Any) -> Meta:  # noqa: ANN401 - Meta's and Option's own
    """Describe one option. Bounds become ``Meta``'s own fields, the rest goes to ``extra``."""
    bounds = {key: rest.pop(key) for key in ("ge", "le", "min_length", "max_length") if key in rest}
    return Meta(description=description, extra={"group": group, "metavar": metavar, **rest}, **bounds)


class Settings(Struct, frozen=True, kw_only=True):
    """The base of both tables: a ``repr`` without secrets. ``table`` is the name of the table in the file."""

    table: ClassVar[str]

    def __repr__(self) -> str:
        known = {option.key: option for option in options(type(self))}
        parts = (
            f"{key}={MASK if known[key].secret and value is not None else repr(value)}"
            for key, value in msgspec.structs.asdict(self).items()
        )
        return f"{type(self).__name__}({', '.join(parts)})"


PASSWORD: Final = describe(
    "the server's password; it is safer in a file of its own (password_file)",
    "Who gets in",
    "PASSWORD",
    min_length=1,
    max_length=1024,
    secret=True,
    flags=(),
)
"""How the password is described in both tables."""


@cache
def options(section: type[Settings]) -> tuple[Option, ...]:
    """Return all options of a table, in the order of its fields."""
    hints = typing.get_type_hints(section, include_extras=True)
    return tuple(_option(section.table, field, hints[field.name]) for field in msgspec.structs.fields(section))


def _option(section: str, field: msgspec.structs.FieldInfo, hint: Any) -> Option:  # noqa: ANN401 - a type form
    inner, meta = typing.get_args(hint)
    kind, choices = _kind(inner)
    extra = {"flags": ("--" + field.name.replace("_", "-"),), **(meta.extra or {})}
    return Option(
        section=section,
        key=field.name,
        kind=kind,
        choices=choices,
        default={} if kind == "table" else field.default,
        description=meta.description or "",
        low=meta.ge if meta.ge is not None else meta.min_length,
        high=meta.le if meta.le is not None else meta.max_length,
        **extra,
    )


def _kind(hint: Any) -> tuple[OptionKind, tuple[str, ...]]:  # noqa: ANN401 - a type form
    """Return the kind of option that a field's type makes, and its choices if there are any."""
    origin = typing.get_origin(hint)
    if origin is Literal:
        return "choice", typing.get_args(hint)
    if origin is tuple:
        return "texts", ()
    if origin is dict:
        return "table", ()
    if origin in {types.UnionType, typing.Union}:
        hint = typing.get_args(hint)[0]
    kinds: dict[Any, OptionKind] = {bool: "flag", int: "integer", float: "number", str: "text", Path: "path"}
    return kinds[hint], ()
