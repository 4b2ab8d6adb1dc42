"""``serve``: host a chat."""

from __future__ import annotations

import contextlib
import socket
import sys
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from trio_chat.addresses import is_this_machine
from trio_chat.cli.data_directory import data_directory
from trio_chat.cli.options import Verb, load_settings, settings
from trio_chat.config import ServerConfig, check_server
from trio_chat.output import BOLD, harmless_stream, styled
from trio_chat.version import __version__

_ANY_ADDRESS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to


@click.command(
    cls=Verb,
    examples=[
        ("trio-chat serve", "a chat that only this machine can reach"),
        ("trio-chat serve --host 0.0.0.0 --password-file ~/chat-password", "a chat for everybody who has the password"),
        ("trio-chat serve --data /srv/chat", "keep the messages in that directory"),
        ("trio-chat serve -p 9000 -m 2 --memory", "on port 9000, for two connections, without storing anything"),
        ("trio-chat serve --config chat.toml --log-format json 2>> chat.log", "from a script, with the log in a file"),
    ],
)
@settings(ServerConfig)
def command(config_path: Path | None, **flags: object) -> None:
    """Host a chat until Ctrl-C or SIGTERM stops it.

    It listens on this machine only, unless --host says otherwise. Then it needs a password (from a file or from
    TRIO_CHAT_PASSWORD, never in a command line) or --open.
    """
    config = load_settings(ServerConfig, flags, config_path)
    check_server(config)
    serve(config)


def serve(config: ServerConfig) -> None:
    """Run the server until it is stopped. Raises ``TrioChatError`` when it cannot listen."""
    import trio  # noqa: PLC0415 - the help page does not need them

    from trio_chat.server.log import configure  # noqa: PLC0415 - as above
    from trio_chat.server.process import run  # noqa: PLC0415 - as above

    configure(config.log_format, config.log_level)
    with contextlib.ExitStack() as until_end:
        trio.run(partial(run, config, announce=partial(_begin, config, until_end)))


def _begin(config: ServerConfig, until_end: contextlib.ExitStack, urls: list[str]) -> None:
    """Note where this account's server is, so that ``join`` knows its operator, and announce it."""
    if not config.memory:
        from trio_chat.cli.operator import noted  # noqa: PLC0415 - the help page does not need it

        until_end.enter_context(noted(data_directory(config), urls))
    announce(config, urls)


def announce(config: ServerConfig, urls: list[str]) -> None:
    """Tell a person at a terminal, with a banner, that the server listens on ``urls``; for others, the log says it."""
    if sys.stdout.isatty():
        harmless_stream(sys.stdout).write(f"{banner(config, urls, log_is_here=sys.stderr.isatty())}\n")
        sys.stdout.flush()
    elif not is_this_machine(config.host):
        import structlog  # noqa: PLC0415 - the help page does not need it

        structlog.get_logger().warning("not encrypted", advice="messages can be read on their way to other machines")


def banner(config: ServerConfig, urls: list[str], *, log_is_here: bool) -> str:
    """The banner: what was started, how to join it and how to stop it.

    ``urls``: the server's addresses. ``log_is_here``: the log is written to this terminal.
    """
    local = is_this_machine(config.host)
    if config.password is not None:
        admitted = "everybody who has the password; join asks for it"
    elif local:
        admitted = "anybody on this machine; no other machine can connect"
    else:
        admitted = "everybody, without a password (--open)"
    rows = [
        ("Listening", " ".join(urls)),
        ("Join", f"trio-chat join {_address(urls[0])}"),
        ("Admitted", admitted),
        ("Log", "here, on standard error" if log_is_here else "where standard error goes"),
        ("Kept", "in memory only (--memory); lost when the server stops" if config.memory else f"in {_data(config)}"),
        ("Stop", "Ctrl-C; once more stops at once"),
    ]
    if not local:
        rows.insert(3, ("Beware", "messages are not encrypted on their way to other machines"))
    lines = "\n".join(f"  {styled(f'{name:<10}', BOLD)} {text}" for name, text in rows)
    return f"{styled(f'trio-chat {__version__}', BOLD)}\n{lines}\n"


def _data(config: ServerConfig) -> str:
    """The data directory, with ~ for the home directory."""
    directory = data_directory(config)
    home = Path.home()
    return f"~/{directory.relative_to(home)}" if directory.is_relative_to(home) else str(directory)


def _address(url: str) -> str:
    """HOST:PORT as another machine would join it: this machine's name when the server listens on all addresses."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = socket.gethostname() if host in _ANY_ADDRESS else host
    return f"[{host}]:{parts.port}" if ":" in host else f"{host}:{parts.port}"
