"""Checks of single settings, for the ``check`` of an option: each returns the end of a sentence on the fault, such as
"must be ...", or ``None`` for a text that will do. Pure."""

from __future__ import annotations

import difflib
import re
import sys
from typing import Final
from urllib.parse import urlsplit

from trio_chat.addresses import read_authority, read_network


def check_printable(text: str) -> str | None:
    """A text without control characters."""
    return None if text.isprintable() else "must not contain control characters"


def check_url(text: str) -> str | None:
    """The address of a server, perhaps with a pin behind it."""
    address, _, fragment = text.partition("#")
    if "invite=" in fragment:
        return "must not contain an invite; give the whole link once, as in: trio-chat join LINK"
    try:
        parts = urlsplit(address if "://" in address else f"ws://{address}")
        port = parts.port
    except ValueError:
        return f"is not an address: {address!r}; write it as ws://host:port/"
    if parts.scheme not in {"ws", "wss"} or not parts.hostname or port == 0:
        return f"must be an address such as host:8765, ws://host:8765/ or wss://host/, not {address!r}"
    if parts.username is not None or parts.password is not None:
        return "must not contain a name or password; use the options name and password_file"
    return None


def check_origin(text: str) -> str | None:
    """An origin of web pages (RFC 6454)."""
    try:
        parts = urlsplit(text)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and text == f"{parts.scheme}://{parts.netloc}"
    except ValueError:
        fine = False
    return None if fine else f"must be an origin such as https://chat.example, without a path, not {text!r}"


def check_network(text: str) -> str | None:
    """An IP address or a network."""
    try:
        read_network(text, strict=True)
    except ValueError:
        return f"must be an address or network such as 127.0.0.1 or 10.0.0.0/8, not {text!r}"
    return None


def check_authority(text: str) -> str | None:
    """Check a host by which others reach the server, with a port or without."""
    try:
        read_authority(text)
    except ValueError:
        return f"must be a name or address, with a port or without, such as chat.example or 192.0.2.7:443, not {text!r}"
    return None


THEMES: Final = ("auto", "dark", "light", "dusk", "contrast", "sixteen", "plain")
"""The names that ``theme`` accepts beside the path of a file."""

_DIRECTIVES: Final = re.compile(r"%(?:[-_0^#]*[0-9]*[EO]?[aAbBcCdDeFgGhHIjklmMnNpPrRsStTuUVwWxXyYzZ%+f])?")
"""The directives of strftime, with the flags and widths of the C library. A % that is none of them matches alone."""
_DIRECTIVES_OF_WINDOWS: Final = re.compile(r"%(?:#?[aAbBcCdDeFgGhHIjmMnprRStTuUVwWxXyYzZ%]|f)?")
"""As above, of the C library of Windows."""


def check_theme(text: str) -> str | None:
    """The name of a theme or of a theme file."""
    if text in THEMES or text.endswith(".toml"):
        return check_printable(text)
    near = difflib.get_close_matches(text, THEMES, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"must be one of {', '.join(THEMES)}, or a file that ends in .toml, not {text!r}{hint}"


def check_time_format(text: str) -> str | None:
    """A format for strftime."""
    directives = _DIRECTIVES_OF_WINDOWS if sys.platform == "win32" else _DIRECTIVES
    for found in directives.finditer(text):
        if found[0] == "%":
            wrong = text[found.start() : found.start() + 2]
            return f"{text!r} is wrong: strftime has no {wrong}"
    return check_printable(text)
