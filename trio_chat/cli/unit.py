"""``admin unit``: a unit for systemd that runs this program's server, with as few rights as it can do with.

The meaning of each line is in systemd.exec(5), systemd.service(5) and systemd.unit(5).
"""

from __future__ import annotations

import shutil
import stat
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import click

from trio_chat.cli.faults import say
from trio_chat.cli.options import GroupedOption, Verb, load_settings
from trio_chat.config import ServerConfig
from trio_chat.errors import UsageError
from trio_chat.version import __version__

_WATCHDOG: Final = 60
"""Seconds without a sign of life after which systemd restarts the server."""

_STOP_MARGIN: Final = 25
"""Seconds beyond ``shutdown_grace`` that a server has to stop, and to take deleted texts off the disk."""

_PRIVILEGED: Final = 1024
"""Ports below this need a right of their own: ip(7)."""

_SYSTEM: Final = """\
[Unit]
Description=trio-chat server
After=network-online.target time-sync.target
Wants=network-online.target time-sync.target

[Service]
{service}

# a user of its own, with one directory to write to
DynamicUser=yes
StateDirectory=trio-chat
StateDirectoryMode=0700
UMask=0077
ProtectSystem=strict
ProtectHome={home}
PrivateTmp=yes
PrivateDevices=yes
ProtectProc=invisible
ProcSubset=pid

# no rights beyond those
{capabilities}
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
{any}

[Install]
WantedBy=multi-user.target
"""

_USER: Final = """\
[Unit]
Description=trio-chat server

[Service]
{service}

UMask=0077
{any}

[Install]
WantedBy=default.target
"""

_SERVICE: Final = """\
Type=notify
ExecStart={command}
ExecReload=kill -HUP $MAINPID
{more}Restart=on-failure
RestartSec=2
TimeoutStartSec=10min
TimeoutStopSec={stop}
WatchdogSec={watchdog}
LimitNOFILE=65536"""

_ANY: Final = """\
NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM"""
"""What a manager without the rights of root can set up too."""


class Program(NamedTuple):
    """The way to start this program again: its words, and whether it is a single file that unpacks itself."""

    words: tuple[str, ...]
    unpacks: bool = False


@click.command(
    "unit",
    cls=Verb,
    short_help="Print a unit for systemd.",
    context_settings={"ignore_unknown_options": True},
    examples=[
        ("trio-chat admin unit > trio-chat.service", "a server with its usual settings"),
        (
            "trio-chat admin unit --config /etc/trio-chat/config.toml --password-file /etc/trio-chat/password",
            "with settings and a password of its own",
        ),
        ("trio-chat admin unit --user > ~/.config/systemd/user/trio-chat.service", "for your own systemd"),
    ],
)
@click.option("--user", cls=GroupedOption, is_flag=True, help="for the systemd of your own account, not the system's")
@click.argument("serve", metavar="[OPTIONS OF SERVE]...", nargs=-1, type=click.UNPROCESSED)
def command(*, user: bool, serve: Sequence[str]) -> None:
    """Print a unit that lets systemd run this program's server, with the given options of serve.

    The unit gives the server a user of its own, a data directory of its own (/var/lib/trio-chat), and few rights.
    Systemd reads the file of --password-file and hands it on, so only root needs to be able to read that file. With
    --user, the server runs as you, on your usual data directory.
    """
    context = _read(serve)
    program = find_program()
    config = _load(context, user=user)
    if not user:
        if context.params["data"] is not None:
            raise UsageError("The unit's server has its data in /var/lib/trio-chat. Leave --data out, or add --user.")
        for path in _closed_to_others(program):
            say(f"warning: the service's user is not allowed to enter {path}; install trio-chat for all, e.g. in /opt")
    click.echo(f"# Made by trio-chat {__version__}: trio-chat admin unit")
    click.echo(make_unit(program, context, config, user=user), nl=False)


def make_unit(program: Program, context: click.Context, config: ServerConfig, *, user: bool) -> str:
    """Make the unit that starts ``program`` with the options of ``serve`` in ``context``, which lead to ``config``."""
    words = [*map(quoted, program.words), "serve", *_options(context, credentials=not user)]
    more = [f"LoadCredential=password:{quoted(path)}" for path in _password_files(context) if not user]
    if not user:
        words += [] if config.memory else ["--data", "%S/trio-chat"]
        more += ["CacheDirectory=trio-chat", "Environment=SHIV_ROOT=%C/trio-chat"] if program.unpacks else []
    service = _SERVICE.format(
        command=" ".join(words),
        more="".join(f"{line}\n" for line in more),
        stop=round(config.shutdown_grace) + _STOP_MARGIN,
        watchdog=_WATCHDOG,
    )
    if user:
        return _USER.format(service=service, any=_ANY)
    home = "read-only" if any(_is_at_home(word) for word in program.words) else "yes"
    return _SYSTEM.format(service=service, any=_ANY, home=home, capabilities=_capabilities(config.port))


def find_program() -> Program:
    """Find the way in which this program was started, as words that work from every directory."""
    started = Path(sys.argv[0])
    if started.is_file() and zipfile.is_zipfile(started):
        return Program((sys.executable, str(started.absolute())), unpacks=True)
    found = shutil.which(sys.argv[0])
    if found is not None and started.suffix != ".py":
        return Program((str(Path(found).absolute()),))
    return Program((sys.executable, "-m", "trio_chat"))


def quoted(word: str) -> str:
    """Write a word as systemd.syntax(7) and systemd.service(5) want it: with no specifier, variable or separator."""
    plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"' if plain != word or not word or set(word) & set(" \t';") else plain


# ---- the options of serve -------------------------------------------------------------------------


def _read(serve: Sequence[str]) -> click.Context:
    """Read the options of ``serve``. Raises ``click.UsageError`` for a wrong one."""
    from trio_chat.cli.serve import command as serve_command  # noqa: PLC0415 - a help page does not need it

    return serve_command.make_context("trio-chat serve", list(serve))


def _load(context: click.Context, *, user: bool) -> ServerConfig:
    """Load the settings that the service will have, as far as they are known here: without its password."""
    given = {key: value for key, value in context.params.items() if key not in {"config_path", "password_file"}}
    config_path = context.params["config_path"]
    if config_path is not None or user:
        return load_settings(ServerConfig, given, config_path)
    return ServerConfig(**{key: value for key, value in given.items() if value not in {None, ()}})


def _options(context: click.Context, *, credentials: bool) -> Iterator[str]:
    """Write the options that were given, with absolute paths. With ``credentials``, systemd hands the password on."""
    for param in context.command.params:
        value = context.params.get(str(param.name))
        if value is None or value == () or not isinstance(param, click.Option) or param.name == "config_path":
            continue
        if param.name == "password_file" and credentials:
            yield from ("--password-file", "%d/password")
        elif isinstance(value, bool):
            yield (param.opts if value else param.secondary_opts)[-1]
        else:
            for each in value if isinstance(value, tuple) else (value,):
                text = str(each.expanduser().absolute() if isinstance(each, Path) else each)
                yield from (param.opts[-1], quoted(text))
    if (config_path := context.params["config_path"]) is not None:
        yield from ("--config", quoted(str(config_path.expanduser().absolute())))


def _password_files(context: click.Context) -> list[str]:
    path = context.params["password_file"]
    return [] if path is None else [str(path.expanduser().absolute())]


# ---- the service's rights -------------------------------------------------------------------------


def _capabilities(port: int) -> str:
    """Give the right to a low port, or none at all; a user namespace of its own takes away even that one."""
    if 0 < port < _PRIVILEGED:
        return "CapabilityBoundingSet=CAP_NET_BIND_SERVICE\nAmbientCapabilities=CAP_NET_BIND_SERVICE"
    return "CapabilityBoundingSet=\nPrivateUsers=yes"


def _is_at_home(path: str) -> bool:
    return path.startswith(("/home/", "/root/", "/run/user/"))


def _closed_to_others(program: Program) -> Iterator[Path]:
    """Find the parts of the program, and of the Python that runs it, that other users may not use."""
    for path in map(Path, dict.fromkeys([*program.words, sys.executable])):
        if path.is_absolute():
            closed = [each for each in path.resolve().parents if not each.stat().st_mode & stat.S_IXOTH]
            if closed:
                yield closed[-1]
