"""The settings of the client's commands, in one frozen struct."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from trio_chat.config.checks import THEMES, check_theme, check_time_format, check_url
from trio_chat.config.setting_fields import PASSWORD, Settings, describe

_SERVER: Final = "The server and you"
_TALK: Final = "How it behaves"
_LOOK: Final = "How it looks"


class ClientConfig(Settings, frozen=True, kw_only=True):
    """The settings of ``join``, ``send``, ``tail``, ``search`` and ``who``: the table ``[client]``."""

    table: ClassVar[str] = "client"

    url: Annotated[str, describe("address of the server", _SERVER, "URL", check=check_url)] = "127.0.0.1:8765"
    name: Annotated[
        str | None,
        describe(
            "your name; join asks for it, scripts get a made-up one", _SERVER, "NAME", min_length=1, max_length=256
        ),
    ] = None
    password: Annotated[str | None, PASSWORD] = None
    password_file: Annotated[
        Path | None,
        describe("file whose first line is the server's password (or set TRIO_CHAT_PASSWORD)", _SERVER, "FILE"),
    ] = None
    remember: Annotated[
        bool, describe("keep the server's password on this device once you have typed it, and use it", _SERVER)
    ] = True
    wait: Annotated[bool, describe("if the server does not answer, keep trying until it does", _TALK)] = False
    request_timeout: Annotated[
        float,
        describe("how long to wait for an answer from the server", _TALK, "SECONDS", unit="seconds", ge=0.1, le=3600),
    ] = 30.0
    backlog: Annotated[
        int, describe("number of earlier messages shown when you join", _TALK, "N", unit="lines", ge=0, le=100_000)
    ] = 100
    unknown_recipients: Annotated[
        Literal["error", "public"],
        describe(
            "when a message ends with an @name nobody has: error = send nothing, public = post it to the room",
            _TALK,
            "RULE",
        ),
    ] = "error"
    trailing_names: Annotated[
        Literal["private", "mention"],
        describe(
            "when all @names of a message are at its end: private = send it to these people only, mention = post it to "
            "the room and mention them",
            _TALK,
            "RULE",
        ),
    ] = "private"
    log_directory: Annotated[
        Path | None,
        describe(
            "folder for a log of the chat on this machine, one file for each room and day; without it there is none",
            _TALK,
            "DIR",
        ),
    ] = None
    show_joins: Annotated[
        Literal["all", "spoke", "none"],
        describe(
            "whose joins and leaves are shown: all = everybody's, spoke = only of people who spoke in the room in the "
            "last 15 minutes, none = nobody's",
            _TALK,
            "WHOSE",
        ),
    ] = "all"
    typing: Annotated[
        bool, describe("tell others that you are typing, and show that they are; off does neither", _TALK)
    ] = True
    time_format: Annotated[
        str,
        describe(
            "format of a message's time, in the codes of strftime",
            _LOOK,
            "FORMAT",
            max_length=64,
            check=check_time_format,
        ),
    ] = "%H:%M"
    color: Annotated[
        Literal["auto", "always", "never"],
        describe("colour; auto: only on a terminal, and not if NO_COLOR is set", _LOOK, "WHEN"),
    ] = "auto"
    theme: Annotated[
        str,
        describe(
            f"colours of the full screen: {', '.join(THEMES)}, or a .toml file",
            _LOOK,
            "THEME",
            min_length=1,
            max_length=1024,
            check=check_theme,
        ),
    ] = "auto"
    mouse: Annotated[bool, describe("use the mouse in the full screen", _LOOK)] = True
    notify: Annotated[
        Literal["all", "mentions", "nothing"],
        describe("which messages notify you, in rooms without a rule of their own", _TALK, "WHICH"),
    ] = "mentions"
    highlight: Annotated[
        tuple[str, ...],
        describe(
            "words that notify you in the full screen like a mention of your name",
            _TALK,
            "WORDS",
            max_length=100,
            flags=(),
        ),
    ] = ()
    notify_command: Annotated[
        tuple[str, ...],
        describe(
            "program and arguments that join starts for each message that notifies you; it reads the message as JSON",
            _TALK,
            "WORDS",
            max_length=100,
            flags=(),
        ),
    ] = ()
    notify_by: Annotated[
        Literal["auto", "bell", "osc9", "osc777", "none"],
        describe(
            "how the full screen notifies you; auto: the bell, and desktop messages if the terminal shows them",
            _TALK,
            "HOW",
        ),
    ] = "auto"
    alias: Annotated[
        dict[str, tuple[str, ...]],
        describe(
            "short commands of your own: a table of names, each with the line that it stands for",
            _TALK,
            "TABLE",
            flags=(),
        ),
    ] = msgspec.field(default_factory=dict)
    keys: Annotated[
        dict[str, tuple[str, ...]],
        describe("keys of the full screen: a table of commands, each with its keys", _LOOK, "TABLE", flags=()),
    ] = msgspec.field(default_factory=dict)
