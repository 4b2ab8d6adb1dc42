"""``admin invite``: make an invite, and print the line to send to those who are invited."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

import click

from trio_chat.addresses import bracketed, is_this_machine
from trio_chat.cli.data_directory import data_directory
from trio_chat.cli.faults import harmless
from trio_chat.cli.options import GroupedOption, Verb, WholeNumber, load_settings, settings, whole
from trio_chat.cli.orders import carry_out, local_time
from trio_chat.config import ServerConfig
from trio_chat.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_chat.broker.admin import Order, Table
    from trio_chat.protocol.fingerprint import Fingerprint

_WHOM: Final = "Whom it lets in"
_LOOK: Final = "How it looks"
_MOST_USES: Final = 10_000  # as in protocol.requests, which a help page does not need
_NEVER: Final = "never"


@click.command(
    "invite",
    cls=Verb,
    short_help="Make an invite for new people.",
    examples=[
        ("trio-chat admin invite", "for one person, within a week"),
        ("trio-chat admin invite --uses 30 --expires 2d --room '#class'", "for a class, who enter #class too"),
        ("trio-chat admin invite --room '#ops' --role moderator --note Eve", "for a moderator"),
        ("trio-chat admin invite --url wss://chat.example/", "by the address that your proxy has"),
        ("trio-chat admin invite --json | jq -r .link", "only the link"),
    ],
)
@settings(ServerConfig, "data")
@click.option(
    "--uses",
    cls=GroupedOption,
    group=_WHOM,
    metavar="N",
    type=WholeNumber(1, _MOST_USES),
    default=1,
    help=f"let in so many new people {whole('[default: 1]')}",
)
@click.option(
    "--expires",
    cls=GroupedOption,
    group=_WHOM,
    metavar="SPAN",
    default="7d",
    help=f"let nobody in after that time: 2h, 7d, 2w, or never {whole('[default: 7d]')}",
)
@click.option(
    "--room", "rooms", cls=GroupedOption, group=_WHOM, metavar="ROOM", multiple=True, help="a room to enter; repeatable"
)
@click.option(
    "--role",
    cls=GroupedOption,
    group=_WHOM,
    metavar="ROLE",
    type=click.Choice(["member", "moderator", "owner"]),
    default="member",
    help=f"their role in these rooms (member, moderator, owner) {whole('[default: member]')}",
)
@click.option("--note", cls=GroupedOption, group=_WHOM, metavar="TEXT", default="", help="a note for your own list")
@click.option("--url", cls=GroupedOption, group=_LOOK, metavar="URL", help="the address in the link")
@click.option("--json", "as_json", cls=GroupedOption, group=_LOOK, is_flag=True, help="as JSON, on one line")
def command(
    config_path: Path | None,
    *,
    uses: int,
    expires: str,
    rooms: tuple[str, ...],
    role: Literal["member", "moderator", "owner"],
    note: str,
    url: str | None,
    as_json: bool,
    **flags: object,
) -> None:
    """Make an invite, and print the line to send to the people whom you invite.

    Whoever has the line can join without the server's password until the invite ends: when it is used up or expired,
    or with trio-chat admin revoke. Send it only to them. It is printed only once.
    """
    from trio_chat.broker.admin import Order  # noqa: PLC0415 - a help page does not need it

    config = load_settings(ServerConfig, flags, config_path)
    directory = data_directory(config)
    order = Order("invite", uses=uses, seconds=_seconds(expires), rooms=rooms, role=role, note=note)
    fingerprint = _fingerprint(directory)
    urls = _urls(config, directory, url)
    _show(carry_out(directory, order), order, fingerprint, urls, as_json=as_json)


def _seconds(expires: str) -> float | None:
    """Read when the invite ends; ``None`` for never. Raises ``UsageError``."""
    from trio_chat.protocol.spans import FORMS, parse_span  # noqa: PLC0415 - a help page does not need it

    if expires.strip().casefold() == _NEVER:
        return None
    span = parse_span(expires)
    if not span:
        raise UsageError(f"--expires must be a time such as {FORMS}, or {_NEVER}, not {expires!r}.")
    return span


def _fingerprint(directory: Path) -> Fingerprint:
    from trio_chat.cli.offline import database  # noqa: PLC0415 - a help page does not need it
    from trio_chat.store.sqlite import maintenance  # noqa: PLC0415 - as above

    return maintenance.read_fingerprint(database(directory))


def _urls(config: ServerConfig, directory: Path, given: str | None) -> list[str]:
    """The addresses for the links, the best first: the one that was given, those that the running server knows, or
    those of a server with these settings. Raises ``UsageError`` when there is none."""
    from trio_chat.cli.control import ask_listening  # noqa: PLC0415 - a help page does not need it
    from trio_chat.client.address import parse_url  # noqa: PLC0415 - as above

    if given is not None:
        if "#" in given:
            raise UsageError("--url is an address such as wss://chat.example/, without a pin.")
        return [parse_url(given).url]
    listening = ask_listening(directory)
    if listening is not None:
        return list(listening.guest_urls or listening.urls)
    return _urls_of_stopped(config)


def _urls_of_stopped(config: ServerConfig) -> list[str]:
    """The addresses of a stopped server, by its settings. Raises ``UsageError`` when there is none."""
    from trio_chat.cli.banner import guest_urls  # noqa: PLC0415 - a help page does not need it
    from trio_chat.cli.reachable import reachable_hosts  # noqa: PLC0415 - as above

    local = is_this_machine(config.host)
    hosts = [config.host]
    with contextlib.suppress(ValueError):  # a host name
        hosts = reachable_hosts(hosts)
    urls = [f"{'wss' if config.speaks_tls else 'ws'}://{bracketed(config.host)}:{config.port}/"] if config.port else []
    found = guest_urls(config, urls, hosts) if urls else []
    if not found and local:
        found = urls
    if not found:
        raise UsageError("The address of a stopped server is not known. Give it with --url, or start the server first.")
    return found


def _show(table: Table, order: Order, fingerprint: Fingerprint, urls: Sequence[str], *, as_json: bool) -> None:
    from trio_chat.protocol.invite_link import make_link  # noqa: PLC0415 - a help page does not need it

    made = dict(zip(table.headings, table.rows[0], strict=True))
    links = [make_link(url, fingerprint, str(made["secret"])) for url in urls]
    if as_json:
        import msgspec  # noqa: PLC0415 - a help page does not need it

        shown = {key: made[key] for key in ("number", "uses", "until")}
        click.echo(msgspec.json.encode({**shown, "link": links[0], "links": links}).decode())
        return
    until = made["until"]
    until = "" if until is None else f" until {local_time(str(until))}"
    into = f" They enter {' and '.join(order.rooms)} too, as {order.role}." if order.rooms else ""
    whom = "one new person" if order.uses == 1 else f"{order.uses} new people"
    click.echo(harmless(f"Invite {made['number']} lets in {whom}{until}.{into} Send them this line:"))
    click.echo()
    click.echo(harmless(f"trio-chat join '{links[0]}'"))
    if len(links) > 1:
        click.echo("\nOr one with another address of the server, if they do not reach it by that one:\n")
    for link in links[1:]:
        click.echo(harmless(f"trio-chat join '{link}'"))
    if is_this_machine(urlsplit(urls[0]).hostname or ""):
        click.echo("\nOnly people on this machine can connect to that address.")
