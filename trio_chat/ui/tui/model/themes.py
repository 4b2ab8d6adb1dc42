"""Colours: the six built-in themes, and theme files, as tables of styles. Pure.

A style's value is ``FOREGROUND[,SETTING...] [on BACKGROUND]`` in urwid's names: ``light cyan,bold``, ``#8af on #234``,
``default,underline``. A missing style is taken from the theme that this one is ``based_on``, or from ``dark``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from trio_chat.errors import ConfigError

NICKS: Final = 12
"""The number of colours for names."""

_DARK: Final[dict[str, str]] = {
    "": "default", "dim": "g58", "time": "g50", "me": "h15,bold", "action": "default,italics", "bold": "bold",
    "italic": "italics", "strike": "strikethrough", "code": "h180 on h236", "quote": "h108", "link": "h75,underline",
    "mention": "h116", "mention.me": "h232,bold on h221", "room": "h116", "date": "g50", "new": "h215", "note": "g62",
    "error": "h210", "mark": "h71", "reaction": "h187 on h237", "reply": "g62",
    "selected": "default on h238", "bar": "h252 on h236", "bar.warn": "h232 on h215", "bar.bad": "h231,bold on h124",
    "topic": "h252 on h236", "divider": "h243", "rooms": "g66", "rooms.current": "h231,bold on h239",
    "rooms.unread": "h231,bold", "rooms.mention": "h232,bold on h221", "rooms.quiet": "g50", "people": "g70",
    "people.away": "g50", "people.op": "h180", "prompt": "h116", "prompt.warn": "h203,bold", "input": "default",
    "overlay": "h252 on h235", "overlay.title": "h221,bold on h235", "overlay.at": "h231,bold on h240",
    "overlay.edge": "h247 on h235", "overlay.dim": "h246 on h235",
    **{f"nick{n}": colour for n, colour in enumerate(
        ("h75", "h114", "h180", "h176", "h80", "h209", "h150", "h141", "h117", "h216", "h186", "h211"))},
}  # fmt: skip
_LIGHT: Final[dict[str, str]] = {
    "": "h234 on h231", "dim": "h242", "time": "h242", "me": "h16,bold", "code": "h88 on h254", "quote": "h28",
    "link": "h25,underline", "mention": "h25", "mention.me": "h16,bold on h222", "room": "h25", "date": "h242",
    "new": "h130",
    "note": "h241", "error": "h160", "mark": "h28", "reaction": "h238 on h253",
    "reply": "h241",
    "selected": "h234 on h253", "bar": "h236 on h252", "bar.warn": "h16 on h222", "bar.bad": "h231,bold on h160",
    "topic": "h236 on h252", "divider": "h243", "rooms": "h240", "rooms.current": "h16,bold on h251",
    "rooms.unread": "h16,bold", "rooms.mention": "h16,bold on h222", "rooms.quiet": "h243", "people": "h238",
    "people.away": "h243", "people.op": "h94", "prompt": "h25", "prompt.warn": "h160,bold", "input": "h234 on h231",
    "overlay": "h236 on h255", "overlay.title": "h25,bold on h255", "overlay.at": "h16,bold on h252",
    "overlay.edge": "h242 on h255", "overlay.dim": "h242 on h255",
    **{f"nick{n}": colour for n, colour in enumerate(
        ("h25", "h28", "h94", "h90", "h23", "h130", "h22", "h55", "h24", "h124", "h58", "h125"))},
}  # fmt: skip
_DUSK: Final[dict[str, str]] = {
    "": "h152 on h234", "time": "h103", "dim": "h109", "date": "h103", "note": "h109", "selected": "h152 on h237",
    "bar": "h152 on h236", "topic": "h109 on h236", "link": "h110,underline", "quote": "h107", "code": "h173 on h236",
    "rooms": "h103", "rooms.current": "h230,bold on h60", "prompt": "h109", "input": "h152 on h234", "divider": "h103",
    "rooms.quiet": "h103", "people.away": "h103",
}  # fmt: skip
_CONTRAST: Final[dict[str, str]] = {
    "": "h231 on h16", "dim": "h252", "time": "h252", "date": "h252", "note": "h252", "reply": "h252",
    "code": "h229 on h16",
    "quote": "h157", "selected": "h16 on h231", "bar": "h16 on h231", "topic": "h16 on h231", "rooms": "h252",
    "rooms.current": "h16,bold on h231", "rooms.unread": "h226,bold", "rooms.quiet": "h248", "people": "h231",
    "people.away": "h248", "divider": "h231", "overlay": "h231 on h16", "overlay.title": "h226,bold on h16",
    "overlay.at": "h16,bold on h226", "overlay.edge": "h231 on h16", "overlay.dim": "h252 on h16",
    "reaction": "h16 on h253", "input": "h231 on h16", "mention.me": "h16,bold on h226", "error": "h210,bold",
}  # fmt: skip
_SIXTEEN: Final[dict[str, str]] = {
    "dim": "dark gray", "time": "dark gray", "me": "white,bold", "code": "brown", "quote": "dark green",
    "link": "light cyan,underline", "mention": "light cyan", "mention.me": "black on brown", "room": "light cyan",
    "date": "dark gray", "new": "brown", "note": "dark gray", "error": "light red", "mark": "dark green",
    "reaction": "brown", "reply": "dark gray", "selected": "default,standout",
    "bar": "black on light gray", "bar.warn": "black on brown", "bar.bad": "white on dark red",
    "topic": "black on light gray", "divider": "dark gray", "rooms": "default", "rooms.current": "black on light gray",
    "rooms.unread": "white,bold", "rooms.mention": "black on brown", "rooms.quiet": "dark gray", "people": "default",
    "people.away": "dark gray", "people.op": "brown", "prompt": "light cyan", "prompt.warn": "light red",
    "overlay": "light gray on dark blue", "overlay.title": "yellow on dark blue", "overlay.at": "black on light gray",
    "overlay.edge": "light cyan on dark blue", "overlay.dim": "light cyan on dark blue",
    **{f"nick{n}": colour for n, colour in enumerate(
        ("light cyan", "dark green", "brown", "light magenta", "dark cyan", "yellow", "light green", "dark cyan",
         "light cyan", "light magenta", "light green", "dark cyan"))},
}  # fmt: skip
_PLAIN: Final[dict[str, str]] = {
    **dict.fromkeys(_DARK, "default"), "me": "bold", "action": "italics", "bold": "bold", "italic": "italics",
    "strike": "strikethrough", "link": "underline", "mention": "bold", "mention.me": "standout", "code": "bold",
    "error": "bold", "selected": "standout", "bar": "standout", "bar.warn": "standout,bold",
    "bar.bad": "standout,bold", "topic": "standout", "rooms.current": "standout", "rooms.unread": "bold",
    "rooms.mention": "bold,underline", "prompt.warn": "bold", "overlay.title": "bold", "overlay.at": "standout",
    "new": "bold",
}  # fmt: skip

THEMES: Final[dict[str, dict[str, str]]] = {
    "dark": _DARK,
    "light": {**_DARK, **_LIGHT},
    "dusk": {**_DARK, **_DUSK},
    "contrast": {**_DARK, **_CONTRAST},
    "sixteen": {**_DARK, **_SIXTEEN},
    "plain": _PLAIN,
}
"""The built-in themes: ``sixteen`` needs 16 colours, ``plain`` none, the others 256."""


def read_theme(path: Path) -> dict[str, str]:
    """Read a theme file: a table ``[styles]``, and ``based_on``.

    Raises :class:`~trio_chat.errors.ConfigError` when it cannot be read, or names an unknown style or theme.
    """
    import tomllib  # noqa: PLC0415 - most people use a built-in theme

    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"The theme file {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ConfigError(f"The theme file {path} is not TOML: {error}.") from error
    based_on, styles = table.get("based_on", "dark"), table.get("styles", {})
    if based_on not in THEMES:
        raise ConfigError(f"{path}: there is no theme {based_on!r}; there are {', '.join(THEMES)}.")
    if not isinstance(styles, Mapping) or not all(isinstance(value, str) for value in styles.values()):
        raise ConfigError(f'{path}: [styles] must give each style a text such as "light cyan,bold on black".')
    unknown = [style for style in styles if style not in _DARK and style != "default"]
    if unknown:
        raise ConfigError(f"{path}: there is no style {unknown[0]!r}; there are {', '.join(filter(None, _DARK))}.")
    return {**THEMES[based_on], **{("" if key == "default" else key): value for key, value in styles.items()}}


def read_style(value: str) -> tuple[str, str]:
    """A style as urwid takes it: the foreground with its settings, and the background."""
    foreground, _, background = value.partition(" on ")
    return foreground.strip() or "default", background.strip() or "default"


def by_itself(colorfgbg: str) -> str:
    """The theme that fits the colours of a terminal: ``light`` when COLORFGBG (rxvt's ``foreground;background``,
    numbers of 16 colours) says that the background is white or light gray, otherwise ``dark``."""
    return "light" if colorfgbg.rpartition(";")[2] in {"7", "15"} else "dark"


def choose(name: str, colours: int) -> str:
    """The theme itself when the terminal has enough colours, otherwise a theme that needs fewer."""
    if colours < 16:  # noqa: PLR2004 - the colours of the theme `sixteen`
        return "plain"
    if colours < 256 and name not in {"sixteen", "plain"}:  # noqa: PLR2004 - the colours of the other themes
        return "sixteen"
    return name
