"""The two frozen structs that hold all settings, and the options that are derived from them.

The description, unit and bounds in a field's ``Meta`` are the only source of the help pages, of the reference page
and of the checks in :func:`trio_chat.config.load`.
"""

from __future__ import annotations

import types
import typing
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from trio_chat.addresses import is_this_machine
from trio_chat.config.checks import (
    THEMES,
    check_authority,
    check_network,
    check_origin,
    check_theme,
    check_time_format,
    check_url,
)
from trio_chat.config.values import Option, OptionKind

MASK: Final = "********"
"""Text shown in place of a secret. Its length tells nothing about the secret."""


def _meta(description: str, group: str, metavar: str = "", **rest: Any) -> Meta:  # noqa: ANN401 - Meta's and Option's own
    """Describe one option. Bounds become ``Meta``'s own fields, the rest goes to ``extra``."""
    bounds = {key: rest.pop(key) for key in ("ge", "le", "min_length", "max_length") if key in rest}
    return Meta(description=description, extra={"group": group, "metavar": metavar, **rest}, **bounds)


class Settings(Struct, frozen=True, kw_only=True):
    """The base of both tables: a ``repr`` without secrets."""

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
    "the server's password; it is safer in a file of its own (password_file)",
    _ADMIT,
    "PASSWORD",
    min_length=1,
    max_length=1024,
    secret=True,
    flags=(),
)


class ServerConfig(Settings, frozen=True, kw_only=True):
    """The settings of ``trio-chat serve``: the table ``[server]``."""

    data: Annotated[
        Path | None,
        _meta("folder for the database; by default, where this system keeps such data", _KEEP, "DIR"),
    ] = None
    memory: Annotated[bool, _meta("store nothing on disk: everything is lost when the server stops", _KEEP)] = False
    keep: Annotated[
        float,
        _meta(
            "delete messages older than this many days; 0 keeps them forever",
            _KEEP,
            "DAYS",
            unit="days",
            ge=0,
            le=36500,
        ),
    ] = 0.0
    names: Annotated[
        Literal["owned", "guest"],
        _meta("owned: a name belongs to its first user; guest: it is free again when its user leaves", _NAMES, "RULE"),
    ] = "owned"
    name_expiry: Annotated[
        float,
        _meta(
            "free a name without a password after this many days without use; 0 never does",
            _NAMES,
            "DAYS",
            unit="days",
            ge=0,
            le=36500,
        ),
    ] = 0.0
    room_creation: Annotated[
        Literal["everyone", "moderators", "admins"],
        _meta("who may make rooms: everyone, moderators of the lobby, or only administrators", _NAMES, "WHO"),
    ] = "everyone"
    host: Annotated[
        str,
        _meta(
            "address or host name to listen on; 0.0.0.0 for all IPv4 addresses of this machine, :: for all addresses",
            _LISTEN,
            "HOST",
            min_length=1,
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int,
        _meta("port to listen on; 0 takes any free port", _LISTEN, "PORT", flags=("-p", "--port"), ge=0, le=65535),
    ] = 8765
    password: Annotated[str | None, _PASSWORD] = None
    password_file: Annotated[
        Path | None, _meta("file whose first line is the password for this server", _ADMIT, "FILE")
    ] = None
    open: Annotated[bool, _meta("let people on other machines in without a password or an invite", _ADMIT)] = False
    admit: Annotated[
        Literal["auto", "invites", "accounts"],
        _meta(
            "who gets in without the password: auto = people with an invite, and everybody if only this machine can "
            "connect; invites = people with an invite; accounts = only people who have an account already",
            _ADMIT,
            "WHO",
        ),
    ] = "auto"
    allow_origin: Annotated[
        tuple[str, ...],
        _meta("origin whose web pages may connect; repeat for more", _ADMIT, "ORIGIN", check=check_origin),
    ] = ()
    public_host: Annotated[
        tuple[str, ...],
        _meta(
            "name or address by which others reach this server, beside its own addresses; repeat for more",
            _ADMIT,
            "NAME",
            check=check_authority,
        ),
    ] = ()
    tls: Annotated[
        Literal["auto", "off"],
        _meta(
            "auto: TLS if other machines can reach the server, or it has --cert; off: none, for a proxy does it",
            _LISTEN,
            "WHEN",
        ),
    ] = "auto"
    cert: Annotated[
        Path | None,
        _meta(
            "PEM file with the certificate for TLS, and those of its issuers; by default, one of the server's own key",
            _LISTEN,
            "FILE",
        ),
    ] = None
    key: Annotated[Path | None, _meta("PEM file with the private key of --cert", _LISTEN, "FILE")] = None
    behind_proxy: Annotated[
        tuple[str, ...],
        _meta(
            "address or network of a proxy in front: it may speak without TLS, and its X-Forwarded-For header is "
            "trusted; repeat for more",
            _LISTEN,
            "ADDRESS",
            check=check_network,
            aliases=("trusted_proxy",),
        ),
    ] = ()
    motd: Annotated[str, _meta("message of the day, shown to everybody who joins", _ADMIT, "TEXT", max_length=2000)] = (
        ""
    )
    max_connections: Annotated[
        int,
        _meta(
            "maximum number of connections at the same time",
            _LIMITS,
            "N",
            flags=("-m", "--max-connections"),
            ge=1,
            le=1_000_000,
        ),
    ] = 1000
    per_address: Annotated[
        int,
        _meta(
            "maximum number of connections from one address or IPv6 /64, this machine excepted; 0 for no limit",
            _LIMITS,
            "N",
            ge=0,
        ),
    ] = 256
    new_names: Annotated[
        int,
        _meta(
            "maximum number of new names from one address in an hour, this machine excepted; 0 for no limit",
            _LIMITS,
            "N",
            ge=0,
        ),
    ] = 256
    idle_timeout: Annotated[
        float,
        _meta(
            "disconnect people who send nothing for this long; 0 never does", _LIMITS, "SECONDS", unit="seconds", ge=0
        ),
    ] = 0.0
    handshake_timeout: Annotated[
        float, _meta("how long a new connection may take to log in", _LIMITS, "SECONDS", unit="seconds", ge=0.1, le=600)
    ] = 10.0
    max_text: Annotated[
        int, _meta("maximum number of characters in one message", _LIMITS, "N", unit="characters", ge=1, le=1_000_000)
    ] = 8000
    max_frame: Annotated[
        int,
        _meta("maximum number of bytes in one request", _LIMITS, "BYTES", unit="bytes", ge=1024, le=16 * 1024 * 1024),
    ] = 65536
    outbox_bytes: Annotated[
        int,
        _meta(
            "maximum number of bytes that wait for one connection; a slower one is disconnected",
            _LIMITS,
            "BYTES",
            unit="bytes",
            ge=4096,
            le=1024 * 1024 * 1024,
        ),
    ] = 1024 * 1024
    max_outbox_memory: Annotated[
        int,
        _meta(
            "maximum number of bytes that wait for all connections together; the slowest are disconnected first",
            _LIMITS,
            "BYTES",
            unit="bytes",
            ge=1024 * 1024,
        ),
    ] = 256 * 1024 * 1024
    rate: Annotated[
        float,
        _meta(
            "requests per second that one account may make on average; 0 turns this and the limits by address off",
            _LIMITS,
            "N",
            ge=0,
        ),
    ] = 20.0
    burst: Annotated[
        float, _meta("requests that one account may make at once before the rate limits it", _LIMITS, "N", ge=1)
    ] = 100.0
    address_rate: Annotated[
        float,
        _meta(
            "requests per second that all accounts of one address may make on average, this machine excepted; "
            "0 for no limit",
            _LIMITS,
            "N",
            ge=0,
        ),
    ] = 200.0
    address_burst: Annotated[
        float,
        _meta("requests that one address may make at once before its rate limits it", _LIMITS, "N", ge=1),
    ] = 600.0
    max_rooms: Annotated[int, _meta("maximum number of rooms that one person may be in", _LIMITS, "N", ge=1)] = 100
    max_recipients: Annotated[
        int, _meta("maximum number of people that one message may be sent to", _LIMITS, "N", ge=1)
    ] = 20
    shutdown_grace: Annotated[
        float,
        _meta(
            "how long connections may take to close when the server stops",
            _RUN,
            "SECONDS",
            unit="seconds",
            ge=0,
            le=600,
        ),
    ] = 5.0
    qr: Annotated[bool, _meta("show the line for guests as a QR code too, on a terminal that is wide enough", _RUN)] = (
        True
    )
    log_format: Annotated[
        Literal["auto", "text", "json"],
        _meta("format of the log; auto is text on a terminal and JSON elsewhere", _RUN, "FORMAT"),
    ] = "auto"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], _meta("lowest level that is logged", _RUN, "LEVEL")
    ] = "info"

    @property
    def speaks_tls(self) -> bool:
        """Whether the server speaks TLS."""
        return self.tls == "auto" and (self.cert is not None or not is_this_machine(self.host))


class ClientConfig(Settings, frozen=True, kw_only=True):
    """The settings of ``join``, ``send``, ``tail``, ``search`` and ``who``: the table ``[client]``."""

    url: Annotated[str, _meta("address of the server", _SERVER, "URL", check=check_url)] = "127.0.0.1:8765"
    name: Annotated[
        str | None,
        _meta("your name; join asks for it, scripts get a made-up one", _SERVER, "NAME", min_length=1, max_length=256),
    ] = None
    password: Annotated[str | None, _PASSWORD] = None
    password_file: Annotated[
        Path | None,
        _meta("file whose first line is the server's password (or set TRIO_CHAT_PASSWORD)", _SERVER, "FILE"),
    ] = None
    remember: Annotated[
        bool, _meta("keep the server's password on this device once you have typed it, and use it", _SERVER)
    ] = True
    wait: Annotated[bool, _meta("if the server does not answer, keep trying until it does", _TALK)] = False
    request_timeout: Annotated[
        float,
        _meta("how long to wait for an answer from the server", _TALK, "SECONDS", unit="seconds", ge=0.1, le=3600),
    ] = 30.0
    backlog: Annotated[
        int, _meta("number of earlier messages shown when you join", _TALK, "N", unit="lines", ge=0, le=100_000)
    ] = 100
    unknown_recipients: Annotated[
        Literal["error", "public"],
        _meta(
            "when a message ends with an @name nobody has: error = send nothing, public = post it to the room",
            _TALK,
            "RULE",
        ),
    ] = "error"
    trailing_names: Annotated[
        Literal["private", "mention"],
        _meta(
            "when all @names of a message are at its end: private = send it to these people only, mention = post it to "
            "the room and mention them",
            _TALK,
            "RULE",
        ),
    ] = "private"
    log_directory: Annotated[
        Path | None,
        _meta(
            "folder for a log of the chat on this machine, one file for each room and day; without it there is none",
            _TALK,
            "DIR",
        ),
    ] = None
    show_joins: Annotated[
        Literal["all", "spoke", "none"],
        _meta(
            "whose joins and leaves are shown: all = everybody's, spoke = only of people who spoke in the room in the "
            "last 15 minutes, none = nobody's",
            _TALK,
            "WHOSE",
        ),
    ] = "all"
    typing: Annotated[
        bool, _meta("tell others that you are typing, and show that they are; off does neither", _TALK)
    ] = True
    time_format: Annotated[
        str,
        _meta(
            "format of a message's time, in the codes of strftime",
            _LOOK,
            "FORMAT",
            max_length=64,
            check=check_time_format,
        ),
    ] = "%H:%M"
    color: Annotated[
        Literal["auto", "always", "never"],
        _meta("colour; auto: only on a terminal, and not if NO_COLOR is set", _LOOK, "WHEN"),
    ] = "auto"
    theme: Annotated[
        str,
        _meta(
            f"colours of the full screen: {', '.join(THEMES)}, or a .toml file",
            _LOOK,
            "THEME",
            min_length=1,
            max_length=1024,
            check=check_theme,
        ),
    ] = "auto"
    mouse: Annotated[bool, _meta("use the mouse in the full screen", _LOOK)] = True
    notify: Annotated[
        Literal["all", "mentions", "nothing"],
        _meta("which messages notify you, in rooms without a rule of their own", _TALK, "WHICH"),
    ] = "mentions"
    highlight: Annotated[
        tuple[str, ...],
        _meta(
            "words that notify you in the full screen like a mention of your name",
            _TALK,
            "WORDS",
            max_length=100,
            flags=(),
        ),
    ] = ()
    notify_command: Annotated[
        tuple[str, ...],
        _meta(
            "program and arguments that join starts for each message that notifies you; it reads the message as JSON",
            _TALK,
            "WORDS",
            max_length=100,
            flags=(),
        ),
    ] = ()
    notify_by: Annotated[
        Literal["auto", "bell", "osc9", "osc777", "none"],
        _meta(
            "how the full screen notifies you; auto: the bell, and desktop messages if the terminal shows them",
            _TALK,
            "HOW",
        ),
    ] = "auto"
    alias: Annotated[
        dict[str, tuple[str, ...]],
        _meta(
            "short commands of your own: a table of names, each with the line that it stands for",
            _TALK,
            "TABLE",
            flags=(),
        ),
    ] = msgspec.field(default_factory=dict)
    keys: Annotated[
        dict[str, tuple[str, ...]],
        _meta("keys of the full screen: a table of commands, each with its keys", _LOOK, "TABLE", flags=()),
    ] = msgspec.field(default_factory=dict)


SECTIONS: Final[dict[str, type[Settings]]] = {"server": ServerConfig, "client": ClientConfig}
"""The tables of the settings file, each with its struct."""


@cache
def options(section: type[Settings]) -> tuple[Option, ...]:
    """Return all options of a table, in the order of its fields."""
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
