"""The two frozen structs that hold all settings, and the table of options read off them.

The description, unit and bounds in a field's ``Meta`` are the one source of the help pages, of the
reference page and of what :func:`trio_chat.config.load` accepts.
"""

from __future__ import annotations

import types
import typing
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from trio_chat.config.values import Kind, Option

MASK: Final = "********"
"""What stands where a secret would be shown; its length says nothing about the secret's."""


def _printable(text: str) -> str | None:
    return None if text.isprintable() else "must not hold control characters"


def _url(text: str) -> str | None:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return f"is no address: {text!r}; write it as ws://host:port/"
    if parts.scheme not in {"ws", "wss"} or not parts.hostname or port == 0:
        return f"must be an address such as ws://host:8765/ or wss://host/, not {text!r}"
    if parts.username is not None or parts.password is not None:
        return "must not hold a name or password; name and password_file are options of their own"
    return None


def _origin(text: str) -> str | None:
    try:
        parts = urlsplit(text)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and text == f"{parts.scheme}://{parts.netloc}"
    except ValueError:
        fine = False
    return None if fine else f"must be origins such as https://chat.example, without a path; {text!r} is none"


def _network(text: str) -> str | None:
    try:
        ip_network(text)
    except ValueError:
        return f"must be addresses or networks such as 127.0.0.1 or 10.0.0.0/8; {text!r} is none"
    return None


def _meta(description: str, group: str, metavar: str = "", **rest: Any) -> Meta:  # noqa: ANN401 - Meta's and Option's own
    """Describe one option: bounds go to ``Meta``'s own names, the rest to ``extra``."""
    bounds = {key: rest.pop(key) for key in ("ge", "le", "min_length", "max_length") if key in rest}
    return Meta(description=description, extra={"group": group, "metavar": metavar, **rest}, **bounds)


class Settings(Struct, frozen=True, kw_only=True):
    """What both tables share: a ``repr`` without secrets."""

    def __repr__(self) -> str:
        known = {option.key: option for option in options(type(self))}
        parts = (
            f"{key}={MASK if known[key].secret and value is not None else repr(value)}"
            for key, value in msgspec.structs.asdict(self).items()
        )
        return f"{type(self).__name__}({', '.join(parts)})"


_LISTEN: Final = "Where it listens"
_ADMIT: Final = "Who gets in"
_KEEP: Final = "What it remembers"
_NAMES: Final = "Names and rooms"
_LIMITS: Final = "Limits"
_RUN: Final = "Stopping and the log"
_SERVER: Final = "The server and you"
_TALK: Final = "How it behaves"
_LOOK: Final = "How it looks"

_PASSWORD: Final = _meta(
    "the server's password; a file of its own (password_file) is the better place",
    _ADMIT,
    "PASSWORD",
    min_length=1,
    max_length=1024,
    secret=True,
    flags=(),
)


class ServerConfig(Settings, frozen=True, kw_only=True):
    """What ``trio-chat serve`` goes by: the table ``[server]``."""

    data: Annotated[
        Path | None,
        _meta("folder for what is remembered; without it, the platform's place for such data", _KEEP, "DIR"),
    ] = None
    memory: Annotated[bool, _meta("remember nothing on disk: all is gone when the server stops", _KEEP)] = False
    keep: Annotated[
        float,
        _meta("days that messages are kept; 0 for ever", _KEEP, "DAYS", unit="days", ge=0, le=36500),
    ] = 0.0
    names: Annotated[
        Literal["owned", "guest"],
        _meta("owned: a name stays its first user's; guest: it is free when its holder leaves", _NAMES, "RULE"),
    ] = "owned"
    name_expiry: Annotated[
        float,
        _meta(
            "days after which a name without a password, unused, is free again; 0 for never",
            _NAMES,
            "DAYS",
            unit="days",
            ge=0,
            le=36500,
        ),
    ] = 0.0
    room_creation: Annotated[
        Literal["everyone", "moderators", "admins"],
        _meta("who may make rooms; moderators: the lobby's, and administrators", _NAMES, "WHO"),
    ] = "everyone"
    host: Annotated[
        str,
        _meta(
            "address or host name to listen on; 0.0.0.0 or :: for all of this machine's", _LISTEN, "HOST", min_length=1
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int,
        _meta("port to listen on; 0 takes any that is free", _LISTEN, "PORT", flags=("-p", "--port"), ge=0, le=65535),
    ] = 8765
    password: Annotated[str | None, _PASSWORD] = None
    password_file: Annotated[
        Path | None, _meta("file whose first line is the password that everyone needs", _ADMIT, "FILE")
    ] = None
    open: Annotated[bool, _meta("admit people without a password beyond this machine", _ADMIT)] = False
    allow_origin: Annotated[
        tuple[str, ...],
        _meta("origin whose web pages may connect; give it once for each", _ADMIT, "ORIGIN", check=_origin),
    ] = ()
    trusted_proxy: Annotated[
        tuple[str, ...],
        _meta(
            "proxy, or network of them, that is believed whom it connects (X-Forwarded-For); give it once for each",
            _ADMIT,
            "ADDRESS",
            check=_network,
        ),
    ] = ()
    motd: Annotated[str, _meta("message of the day, shown to whoever comes in", _ADMIT, "TEXT", max_length=2000)] = ""
    max_connections: Annotated[
        int, _meta("most connections at one time", _LIMITS, "N", flags=("-m", "--max-connections"), ge=1, le=1_000_000)
    ] = 1000
    per_address: Annotated[
        int,
        _meta("most connections from one address, except from this machine; 0 for no limit", _LIMITS, "N", ge=0),
    ] = 256
    new_names: Annotated[
        int,
        _meta(
            "most names that may be claimed from one address in an hour, except from this machine; 0 for no limit",
            _LIMITS,
            "N",
            ge=0,
        ),
    ] = 256
    idle_timeout: Annotated[
        float,
        _meta("say Bye! to whoever sends nothing for so long; 0 for never", _LIMITS, "SECONDS", unit="seconds", ge=0),
    ] = 0.0
    handshake_timeout: Annotated[
        float, _meta("how long a new connection may take to get in", _LIMITS, "SECONDS", unit="seconds", ge=0.1, le=600)
    ] = 10.0
    max_text: Annotated[
        int, _meta("most characters in one message", _LIMITS, "N", unit="characters", ge=1, le=1_000_000)
    ] = 8000
    max_frame: Annotated[
        int,
        _meta("most bytes in one request", _LIMITS, "BYTES", unit="bytes", ge=1024, le=16 * 1024 * 1024),
    ] = 65536
    outbox_bytes: Annotated[
        int,
        _meta(
            "most bytes that wait for one connection; one that falls further behind is disconnected",
            _LIMITS,
            "BYTES",
            unit="bytes",
            ge=4096,
            le=1024 * 1024 * 1024,
        ),
    ] = 1024 * 1024
    rate: Annotated[
        float,
        _meta("requests a second that one session may keep up; 0 for no limit", _LIMITS, "N", ge=0),
    ] = 20.0
    burst: Annotated[
        float, _meta("requests that one session may make at once before the rate counts", _LIMITS, "N", ge=1)
    ] = 100.0
    max_rooms: Annotated[int, _meta("most rooms that one person may be in", _LIMITS, "N", ge=1)] = 100
    max_recipients: Annotated[int, _meta("most people that one message may be addressed to", _LIMITS, "N", ge=1)] = 20
    shutdown_grace: Annotated[
        float,
        _meta(
            "how long connections may take to end when the server stops",
            _RUN,
            "SECONDS",
            unit="seconds",
            ge=0,
            le=600,
        ),
    ] = 5.0
    log_format: Annotated[
        Literal["auto", "text", "json"],
        _meta("the log's form; auto is text on a terminal, else JSON", _RUN, "FORMAT"),
    ] = "auto"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], _meta("the least that goes into the log", _RUN, "LEVEL")
    ] = "info"


class ClientConfig(Settings, frozen=True, kw_only=True):
    """What ``join``, ``send``, ``tail`` and ``who`` go by: the table ``[client]``."""

    url: Annotated[str, _meta("the server's address", _SERVER, "URL", check=_url)] = "ws://127.0.0.1:8765/"
    name: Annotated[
        str | None,
        _meta("your name; without one the server makes one up", _SERVER, "NAME", min_length=1, max_length=256),
    ] = None
    password: Annotated[str | None, _PASSWORD] = None
    password_file: Annotated[
        Path | None,
        _meta("file whose first line is the server's password (or put it into TRIO_CHAT_PASSWORD)", _SERVER, "FILE"),
    ] = None
    wait: Annotated[bool, _meta("when nobody answers, keep trying until somebody does", _TALK)] = False
    request_timeout: Annotated[
        float,
        _meta("how long to wait for the server's answer", _TALK, "SECONDS", unit="seconds", ge=0.1, le=3600),
    ] = 30.0
    backlog: Annotated[
        int, _meta("lines of the past that are shown on entering", _TALK, "N", unit="lines", ge=0, le=100_000)
    ] = 100
    unknown_recipients: Annotated[
        Literal["error", "public"],
        _meta(
            "what a name at a message's end that nobody has does: error sends nothing, public tells all", _TALK, "RULE"
        ),
    ] = "error"
    time_format: Annotated[
        str,
        _meta("how a message's time is shown, in strftime's letters", _LOOK, "FORMAT", max_length=64, check=_printable),
    ] = "%H:%M"
    color: Annotated[
        Literal["auto", "always", "never"], _meta("colour; auto is on a terminal and not with NO_COLOR", _LOOK, "WHEN")
    ] = "auto"
    theme: Annotated[
        str,
        _meta(
            "colours of the full screen: auto, dark, light, dusk, contrast, sixteen, plain, or a .toml file",
            _LOOK,
            "THEME",
            min_length=1,
            max_length=1024,
            check=_printable,
        ),
    ] = "auto"
    mouse: Annotated[bool, _meta("the mouse, in the full screen", _LOOK)] = True
    notify: Annotated[
        Literal["all", "mentions", "nothing"],
        _meta("which messages call you, where a room has no rule of its own", _TALK, "WHICH"),
    ] = "mentions"
    highlight: Annotated[
        tuple[str, ...],
        _meta("words that call you in the full screen as your name does", _TALK, "WORDS", max_length=100, flags=()),
    ] = ()
    notify_by: Annotated[
        Literal["auto", "bell", "osc9", "osc777", "none"],
        _meta("how the full screen calls you; auto is the bell and what the terminal is known to show", _TALK, "HOW"),
    ] = "auto"
    keys: Annotated[
        dict[str, tuple[str, ...]],
        _meta("keys of the full screen: a table of commands and their keys", _LOOK, "TABLE", flags=()),
    ] = msgspec.field(default_factory=dict)


SECTIONS: Final[dict[str, type[Settings]]] = {"server": ServerConfig, "client": ClientConfig}
"""The tables of the file, each with the struct that holds it."""


@cache
def options(section: type[Settings]) -> tuple[Option, ...]:
    """Every option of a table, in the order of its fields."""
    name = next(name for name, struct in SECTIONS.items() if struct is section)
    hints = typing.get_type_hints(section, include_extras=True)
    return tuple(_option(name, field, hints[field.name]) for field in msgspec.structs.fields(section))


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


def _kind(hint: Any) -> tuple[Kind, tuple[str, ...]]:  # noqa: ANN401 - a type form
    """Tell which kind of option a field's type makes, and its choices where it has some."""
    origin = typing.get_origin(hint)
    if origin is Literal:
        return "choice", typing.get_args(hint)
    if origin is tuple:
        return "texts", ()
    if origin is dict:
        return "table", ()
    if origin in {types.UnionType, typing.Union}:
        hint = typing.get_args(hint)[0]
    kinds: dict[Any, Kind] = {bool: "flag", int: "integer", float: "number", str: "text", Path: "path"}
    return kinds[hint], ()
