"""``admin health``: whether the server on this machine does its work, for whoever watches over it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from trio_chat.cli.data_directory import chosen_directory
from trio_chat.cli.faults import FAILED
from trio_chat.cli.options import Verb, settings
from trio_chat.config import ServerConfig
from trio_chat.errors import TrioChatError

_FAULTS: Final = {
    "not storing": "The server cannot store messages now. Its log says why.",
    "stuck": "The server runs, but its hub does not answer. Restart it.",
}


@click.command(
    "health",
    cls=Verb,
    short_help="Ask the server whether it does its work.",
    examples=[
        ("trio-chat admin health || systemctl restart trio-chat", "from a script that watches over the server"),
        ("trio-chat admin health --data /data", "in a container"),
    ],
)
@settings(ServerConfig, "data")
def command(config_path: Path | None, **flags: object) -> int:
    """Ask the running server whether it does its work: a probe passes through all of it.

    It asks through the data directory, not over the network, so it works whatever the server listens on.

    Exit status: 0 when the server does its work, 1 when it does not or is not running.
    """
    from trio_chat.cli.control import ask_health  # noqa: PLC0415 - a help page does not need it

    directory = chosen_directory(config_path, flags)
    health = ask_health(directory)
    if health is None:
        raise TrioChatError(f"No server is running on {directory}.")
    if health.status != "ok":
        click.echo(_FAULTS[health.status])
        return FAILED
    click.echo(f"The server does its work. Its hub answered in {health.hub_ms:g} ms.")
    return 0
