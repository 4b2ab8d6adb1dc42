"""``admin identity``: which server this is, as people compare it and as links carry it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from trio_chat.cli.connecting import confirm_or_stop
from trio_chat.cli.data_directory import chosen_directory
from trio_chat.cli.faults import harmless
from trio_chat.cli.options import GroupedOption, Verb, settings
from trio_chat.config import ServerConfig

if TYPE_CHECKING:
    from trio_chat.protocol.fingerprint import Fingerprint


@click.command(
    "identity",
    cls=Verb,
    short_help="Show which server this is.",
    examples=[
        ("trio-chat admin identity", "the words to compare with those that a guest sees"),
        ("trio-chat admin identity --json | jq -r .pin", "the end of a link to this server"),
    ],
)
@settings(ServerConfig, "data")
@click.option("--json", "as_json", cls=GroupedOption, group="How it looks", is_flag=True, help="as JSON, on one line")
@click.option("--renew", cls=GroupedOption, is_flag=True, help="make a new key, while the server is stopped")
@click.option("--yes", cls=GroupedOption, is_flag=True, help="do not ask")
def command(config_path: Path | None, *, as_json: bool, renew: bool, yes: bool, **flags: object) -> None:
    """Show the fingerprint of the server's key, while the server is running or stopped.

    The fingerprint is the server: clients recognize it by its key, whatever its address. The same fingerprint comes in
    three forms: words to read aloud, hexadecimal digits, and the end of a link.

    With --renew, the server gets a new key, for example when somebody may have copied the old one. Every device then
    refuses the server until its user accepts the new key, and links with the old one are void. The old key is kept
    beside the new one.
    """
    from trio_chat.cli.offline import database  # noqa: PLC0415 - a help page does not need it
    from trio_chat.store.sqlite import maintenance  # noqa: PLC0415 - as above

    path = database(chosen_directory(config_path, flags))
    kept: Path | None = None
    if renew:
        if not yes:
            confirm_or_stop(
                "Every device will refuse the server until its user accepts the new key.", "Make a new key?"
            )
        fingerprint, kept = maintenance.renew_identity(path)
    else:
        fingerprint = maintenance.read_fingerprint(path)
    _show(fingerprint, as_json=as_json)
    if kept is not None and not as_json:
        click.echo(harmless(f"The old key is kept in {kept}. Delete it when you are sure."))


def _show(fingerprint: Fingerprint, *, as_json: bool) -> None:
    forms = {
        "words": fingerprint.words,
        "hex": fingerprint.hex,
        "text": fingerprint.text,
        "pin": f"#pin={fingerprint.text}",
    }
    if as_json:
        import msgspec  # noqa: PLC0415 - a help page does not need it

        click.echo(msgspec.json.encode(forms).decode())
        return
    for name, form in forms.items():
        click.echo(f"{name:<5}  {form}")
