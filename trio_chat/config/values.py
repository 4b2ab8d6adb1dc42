"""One option: what it is called, what it takes, and how text or a TOML value becomes one of its values."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

Kind: TypeAlias = Literal["flag", "integer", "number", "text", "path", "texts", "choice"]

PREFIX: Final = "TRIO_CHAT_"
"""What the name of every variable of the environment begins with."""

_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of one table of the settings.

    ``low`` and ``high`` bound a number, or a text's length in characters. ``check`` looks at a value of
    the right kind and returns what is wrong with it, or ``None``. ``flags`` is empty where the command
    line does not take it.
    """

    section: str
    key: str
    kind: Kind
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
    check: Callable[[str], str | None] | None = None

    @property
    def variable(self) -> str:
        """The variable of the environment that sets it."""
        return PREFIX + self.key.upper()

    @property
    def flag(self) -> str:
        """Its long flag; empty where it has none."""
        return self.flags[-1] if self.flags else ""

    def accepts(self) -> str:
        """What it takes, as words that go after "must be"."""
        if self.kind == "flag":
            return "true or false"
        if self.kind == "choice":
            return "one of " + ", ".join(self.choices)
        if self.kind == "path":
            return "the path of a file"
        if self.kind == "texts":
            return "a list of texts"
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


class Wrong(ValueError):
    """A value does not fit its option; the text goes after the option's name: "must be ..., not ..."."""


def convert(option: Option, value: object, *, lenient: bool) -> Any:  # noqa: ANN401 - the option's kind decides the type
    """Make a value of ``option`` out of a TOML value, or (``lenient``) out of text as well.

    Raises :class:`Wrong`; its text does not show the value of a secret.
    """
    made = _kinds[option.kind](value, lenient=lenient)
    if made is None or not _fits(option, made):
        raise Wrong(f"must be {option.accepts()}" + ("" if option.secret else f", not {_shown(value)}"))
    if option.check is not None:
        for text in made if isinstance(made, tuple) else (made,):
            if (fault := option.check(text)) is not None:
                raise Wrong(fault)
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
    """A list of texts; as text, its items have commas between them."""
    if lenient and isinstance(value, str):
        return tuple(item.strip() for item in value.split(",") if item.strip())
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    return None


_kinds: Final[dict[Kind, Callable[..., Any]]] = {
    "flag": _flag,
    "integer": _integer,
    "number": _number,
    "text": _text,
    "choice": _text,
    "path": _path,
    "texts": _texts,
}
