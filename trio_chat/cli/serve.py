"""``serve``: host a chat."""

from __future__ import annotations

import contextlib
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trio_chat.addresses import is_this_machine
from trio_chat.cli.options import Verb, load_settings, settings
from trio_chat.config import ServerConfig, admission, check_server
from trio_chat.errors import TrioChatError
from trio_chat.output import harmless_stream

if TYPE_CHECKING:
    from trio_chat.cli.banner import Invitation
    from trio_chat.server.app import Server

_INVITE_USES, _INVITE_DAYS = 5, 7
"""The invite that the banner shows: for a few friends, who may have time at the weekend only."""


@click.command(
    cls=Verb,
    examples=[
        ("trio-chat serve", "ask, the first time on a terminal; else a chat that only this machine can reach"),
        ("trio-chat serve --host 0.0.0.0", "a chat for people with an invite, whose link it shows"),
        ("trio-chat serve --host 0.0.0.0 --password-file ~/chat-password", "a chat for everybody who has the password"),
        ("trio-chat serve --data /srv/chat", "keep the messages in that directory"),
        ("trio-chat serve -p 9000 -m 2 --memory", "on port 9000, for two connections, without storing anything"),
        ("trio-chat serve --config chat.toml --log-format json 2>> chat.log", "from a script, with the log in a file"),
    ],
)
@settings(ServerConfig)
def command(config_path: Path | None, **flags: object) -> None:
    """Host a chat until Ctrl-C or SIGTERM stops it.

    It listens on this machine only, unless --host says otherwise. Then people get in with the link of an invite, with a
    password if there is one (from a file or from TRIO_CHAT_PASSWORD, never in a command line), or all of them with
    --open.

    On a terminal, it asks what to do if neither a flag nor the settings say anything about the server, and then shows
    the line to send to a guest.
    """
    from trio_chat.cli.first_use import ask_first_use, is_first_use  # noqa: PLC0415 - the help page does not need it

    config = load_settings(ServerConfig, flags, config_path)
    if is_first_use(flags, config_path):
        config = ask_first_use(config)
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


async def _begin(config: ServerConfig, until_end: contextlib.ExitStack, server: Server) -> None:
    """Note where this account's server is, so that ``join`` knows its operator, and announce it."""
    server.find_guest_urls = partial(_guest_urls, config, server)
    if not config.memory:
        from trio_chat.cli.data_directory import data_directory  # noqa: PLC0415 - the help page does not need it
        from trio_chat.cli.operator import noted  # noqa: PLC0415 - as above

        until_end.enter_context(noted(data_directory(config), server.urls))
    await announce(config, server)


async def announce(config: ServerConfig, server: Server) -> None:
    """Tell a person at a terminal, with a banner, that the server listens; for others, the log says it."""
    if sys.stdout.isatty():
        from trio_chat.cli.banner import Announcement, banner  # noqa: PLC0415 - as above

        guests = _guest_urls(config, server)
        told = Announcement(
            server.urls,
            guests,
            server.identity.fingerprint,
            await _invite(config, server) if guests else None,
            data="" if config.memory else _data(config),
            log_is_here=sys.stderr.isatty(),
        )
        columns = shutil.get_terminal_size().columns
        code = "\n".join([*_qr_code(told.link, columns), ""]) if config.qr and told.link else ""
        harmless_stream(sys.stdout).write(f"{code}{banner(config, told, columns)}\n")
        sys.stdout.flush()
        return
    import structlog  # noqa: PLC0415 - the help page does not need it

    if not is_this_machine(config.host) and server.urls[0].startswith("ws:"):
        structlog.get_logger().warning("not encrypted", advice="messages can be read on their way to other machines")
    if admission(config) == "invites":
        structlog.get_logger().info("newcomers need an invite", advice="trio-chat admin invite makes one")


async def _invite(config: ServerConfig, server: Server) -> Invitation | None:
    """Make an invite for the banner, if people get in by invite. ``None`` also if there is no room for another one."""
    if admission(config) != "invites":
        return None
    from trio_chat.cli.banner import Invitation  # noqa: PLC0415 - the help page does not need it
    from trio_chat.server.operator import make_invite  # noqa: PLC0415 - as above

    days, uses = _INVITE_DAYS, _INVITE_USES
    try:
        secret = await make_invite(server.hub, uses=uses, seconds=days * 86400.0, note="shown by serve")
    except TrioChatError:
        return None
    return Invitation(secret, f"{uses} people within {days} days")


def _guest_urls(config: ServerConfig, server: Server) -> list[str]:
    """The URLs by which people on other machines reach the server, as things are now."""
    from trio_chat.cli.banner import guest_urls  # noqa: PLC0415 - the help page does not need it

    return guest_urls(config, server.urls, _reachable(server))


def _reachable(server: Server) -> list[str]:
    """The addresses at which others can reach the server."""
    from trio_chat.cli.reachable import reachable_hosts  # noqa: PLC0415 - the help page does not need it

    return reachable_hosts(host for host, _ in server.addresses)


def _qr_code(link: str, columns: int) -> list[str]:
    """The rows of the link's QR code; none where it does not fit, or the terminal's encoding has no blocks."""
    from trio_chat.cli.qr_code import qr_code  # noqa: PLC0415 - the help page does not need it

    rows = qr_code(link, columns)
    try:
        "".join(rows).encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return []
    return rows


def _data(config: ServerConfig) -> str:
    """The data directory, with ~ for the home directory."""
    from trio_chat.cli.data_directory import data_directory  # noqa: PLC0415 - the help page does not need it

    directory = data_directory(config)
    home = Path.home()
    return f"~/{directory.relative_to(home)}" if directory.is_relative_to(home) else str(directory)
