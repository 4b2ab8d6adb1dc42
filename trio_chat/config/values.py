"""One option: its names, the values that it accepts, and the conversion of text and TOML values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

OptionKind: TypeAlias = Literal["flag", "integer", "number", "text", "path", "texts", "choice", "table"]

PREFIX: Final = "TRIO_CHAT_"
"""Prefix of all environment variables of ours."""

_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of one table of the settings.

    ``low`` and ``high`` bound a number, or the length of a text in characters. ``check`` is called with a value of
    the right kind and returns its fault as words that follow the option's name, or ``None``. ``flags`` is empty if
    the option is not available on the command line. ``aliases`` are keys of earlier versions, which still work.
    """

    section: str
    key: str
    kind: OptionKind
    default: object
    description: str
    group: str
    metavar: str
    unit: str = ""
    flags: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    secret: bool = False
    aliases: tuple[str, ...] = ()
    check: Callable[[str], str | None] | None = None

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return variable(self.key)

    @property
    def keys(self) -> tuple[str, ...]:
        """Its key, and those of earlier versions."""
        return (self.key, *self.aliases)

    @property
    def flag(self) -> str:
        """Its long flag; empty if it has none."""
        return self.flags[-1] if self.flags else ""

    def accepts(self) -> str:
        """Describe the accepted values, in words that follow "must be"."""
        if self.kind == "flag":
            return "true or false"
        if self.kind == "choice":
            return "one of " + ", ".join(self.choices)
        if self.kind == "path":
            return "the path of a file"
        if self.kind == "texts":
            return "a list of texts"
        if self.kind == "table":
            return "a table that gives each name a text or a list of texts"
        if self.kind == "text" and (self.low, self.high) == (1, None):
            return "text of 1 character or more"
        if self.kind == "text":
            return "text" + self._range(" of {low} to {high} characters", " of at least {low} characters")
        noun = "a whole number" if self.kind == "integer" else "a number"
        unit = f" of {self.unit}" if self.unit else ""
        return noun + unit + self._range(" from {low} to {high}", ", {low} or more")

    def _range(self, both: str, low: str) -> str:
        if self.low is None:
            return f" of at most {self.high:.15g} characters" if self.kind == "text" and self.high is not None else ""
        if self.high is None:
            return low.format(low=f"{self.low:.15g}")
        return both.format(low=f"{self.low:.15g}", high=f"{self.high:.15g}")


def variable(key: str) -> str:
    """The environment variable of a key."""
    return PREFIX + key.upper()


class InvalidValue(ValueError):
    """A value does not fit its option. The text follows the option's name: "must be ..., not ..."."""


def convert(option: Option, value: object, *, lenient: bool) -> Any:  # noqa: ANN401 - the option's kind decides the type
    """Convert a TOML value to a value of ``option``. With ``lenient``, text is converted to any kind.

    Raises :class:`InvalidValue`, whose text never shows the value of a secret.
    """
    made = _CONVERTERS[option.kind](value, lenient=lenient)
    if made is None or not _fits(option, made):
        raise InvalidValue(f"must be {option.accepts()}" + ("" if option.secret else f", not {_shown(value)}"))
    if option.check is not None:
        for text in made if isinstance(made, tuple) else (made,):
            if (fault := option.check(text)) is not None:
                raise InvalidValue(fault)
    return made


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of more than 4300 digits
        return "a number that long"
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - as much as fits the sentence's line


def _fits(option: Option, made: object) -> bool:
    if option.kind == "choice":
        return made in option.choices
    if isinstance(made, str):
        size: float = len(made)
    elif isinstance(made, int | float):
        size = made
    else:
        return True
    return (option.low is None or size >= option.low) and (option.high is None or size <= option.high)


def _flag(value: object, *, lenient: bool) -> bool | None:
    if isinstance(value, bool):
        return value
    if lenient and isinstance(value, str) and value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    return None


def _integer(value: object, *, lenient: bool) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if lenient and isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return None
    return None


def _number(value: object, *, lenient: bool) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str) or (isinstance(value, str) and not lenient):
        return None
    try:
        made = float(value)
    except (ValueError, OverflowError):
        return None
    return made if math.isfinite(made) else None


def _text(value: object, *, lenient: bool) -> str | None:
    del lenient
    return value if isinstance(value, str) else None


def _path(value: object, *, lenient: bool) -> Path | None:
    del lenient
    return Path(value) if isinstance(value, str | Path) and str(value) else None


def _texts(value: object, *, lenient: bool) -> tuple[str, ...] | None:
    """Convert a list of texts; written as one text, its items are separated by commas."""
    if lenient and isinstance(value, str):
        return tuple(item.strip() for item in value.split(",") if item.strip())
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    return None


def _table(value: object, *, lenient: bool) -> dict[str, tuple[str, ...]] | None:
    """Convert a table of the file. A text cannot hold a table."""
    del lenient
    if not isinstance(value, Mapping):
        return None
    made = {str(name): _texts((one,) if isinstance(one, str) else one, lenient=False) for name, one in value.items()}
    return None if None in made.values() else {name: one for name, one in made.items() if one is not None}


_CONVERTERS: Final[dict[OptionKind, Callable[..., Any]]] = {
    "flag": _flag,
    "integer": _integer,
    "number": _number,
    "text": _text,
    "choice": _text,
    "path": _path,
    "texts": _texts,
    "table": _table,
}
