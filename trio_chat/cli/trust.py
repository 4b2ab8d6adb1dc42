"""``trust``: the servers that this user's clients know, and by which fingerprint."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from trio_chat.cli.options import GroupedOption, Verb
from trio_chat.cli.page import PageGroup
from trio_chat.errors import TrioChatError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from click.shell_completion import CompletionItem

    from trio_chat.client.known_servers import KnownServers
    from trio_chat.client.server_records import KnownServer
    from trio_chat.protocol.fingerprint import Fingerprint

_LOOK: Final = "How it looks"
_WORDS: Final = 4
"""Words of a fingerprint in the list, which must fit into a terminal. They tell servers apart; to compare is `show`."""


@click.pass_context
def _list_by_default(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        _list(as_json=False)


command: Final = PageGroup(
    name="trust",
    callback=_list_by_default,
    invoke_without_command=True,
    subcommand_metavar="[COMMAND] [ARGS]...",  # older click leaves out that none may be given
    help="Show and change which servers you know.\n\nA client keeps the identity of each server, the fingerprint of "
    "its key, and refuses another server at the same address. `trio-chat admin identity`, on the server's machine, "
    "shows the words to compare with. Without a command, this is list.",
    examples=[
        ("trio-chat trust", "the servers that you know, the last one first"),
        ("trio-chat trust show chat.example", "the words to compare with those of its operator"),
        ("trio-chat trust forget chat.example", "meet it anew the next time"),
    ],
)


def _known() -> KnownServers:
    from trio_chat.client.known_servers import KnownServers  # noqa: PLC0415 - the help page does not need it

    return KnownServers()


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the address of a known server."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only for Tab

    del ctx, param
    try:
        addresses = [server.address for server in _known().all()]
    except TrioChatError:
        return []
    return [CompletionItem(address) for address in addresses if address.startswith(incomplete)]


_json = click.option(
    "--json", "as_json", cls=GroupedOption, group=_LOOK, is_flag=True, help="one server per line, as JSON"
)
_host = click.argument("host", metavar="HOST[:PORT]", shell_complete=_complete)


@command.command(
    "list",
    cls=Verb,
    short_help="Show the servers that you know.",
    examples=[("trio-chat trust list --json | jq -r .server", "only the addresses")],
)
@_json
def list_servers(*, as_json: bool) -> None:
    """Show the servers that you know, the one used last first.

    Each has the first words of its identity; show has them all. "by" says who vouched for its certificate: the system's
    authorities, or only its own key.
    """
    _list(as_json=as_json)


def _list(*, as_json: bool) -> None:
    from trio_chat.cli.tables import show  # noqa: PLC0415 - the help page does not need it

    servers = _known().all()
    if as_json:
        _print_json(servers)
        return
    rows = [(server.address, _time(server.last), _vouching(server), _short(server)) for server in servers]
    show(("server", "seen", "by", "identity"), rows, as_json=False)


@command.command(
    "show",
    cls=Verb,
    short_help="Show a server's identity, to compare it.",
    examples=[("trio-chat trust show chat.example:8765", "all that is known of it")],
)
@_host
@_json
def show_server(host: str, *, as_json: bool) -> None:
    """Show all that is known of the server at an address: its fingerprint in words and digits, since when, and your
    names there.

    Compare the words with those that its operator reads out from `trio-chat admin identity`.
    """
    server = _find(_known(), host)
    if as_json:
        _print_json([server])
        return
    from trio_chat.cli.faults import harmless  # noqa: PLC0415 - the help page does not need it

    for label, text in _lines(server):
        click.echo(harmless(f"{label:<12} {text}").rstrip())


@command.command(
    "forget",
    cls=Verb,
    short_help="Forget a server, to meet it anew.",
    examples=[("trio-chat trust forget chat.example:8765", "whoever answers there next is taken for the server")],
)
@_host
def forget(host: str) -> None:
    """Forget which server is at an address.

    The server that answers there next is met as for the first time. Your names on the forgotten server are kept: they
    are used again when you meet it, at this or another address. Its password, if you typed it once, is forgotten.
    """
    from trio_chat.client import Identities  # noqa: PLC0415 - the help page does not need it

    known = _known()
    server = _find(known, host)
    Identities().keep_password(f"ws://{server.address}/", None)
    known.forget(f"ws://{server.address}/")
    click.echo(f"Forgot the server at {server.address}. The next one that answers there is met anew.")


@command.command(
    "accept",
    cls=Verb,
    context_settings={"ignore_unknown_options": True},  # a fingerprint may begin with a dash
    short_help="Accept another server at an address.",
    examples=[("trio-chat trust accept chat.example FINGERPRINT", "the server was set up anew")],
)
@_host
@click.argument("fingerprint", metavar="FINGERPRINT")
def accept(host: str, fingerprint: str) -> None:
    """Accept the server with a fingerprint as the one at an address, in place of the one that is known there.

    Do this only when its operator has told you the fingerprint, or its words, by another way than the chat. FINGERPRINT
    is as in an invite link (43 characters), or 64 hexadecimal digits.
    """
    from trio_chat.client.address import parse_given  # noqa: PLC0415 - the help page does not need it
    from trio_chat.protocol.fingerprint import Fingerprint  # noqa: PLC0415 - as above

    try:
        accepted = Fingerprint.parse(fingerprint)
    except ValueError as error:
        raise UsageError(str(error)) from None
    known = _known()
    matches = _matches(known.all(), host)
    url = f"ws://{matches[0].address}/" if len(matches) == 1 else parse_given(host).url
    server = known.accept(url, accepted)
    click.echo(f"The server at {server.address} is now the one with this identity:")
    click.echo(accepted.words)


def _find(known: KnownServers, host: str) -> KnownServer:
    """The known server at an address. Raises ``TrioChatError`` when there is none, or not one alone."""
    servers = known.all()
    matches = _matches(servers, host)
    if len(matches) == 1:
        return matches[0]
    if matches:
        found = ", ".join(server.address for server in matches)
        raise TrioChatError(f"{host} is known with several ports: {found}. Give one of them.")
    raise TrioChatError(f"No server is known at {host}. `trio-chat trust list` shows the known ones.")


def _matches(servers: Sequence[KnownServer], host: str) -> list[KnownServer]:
    """The servers at an address; where it has no port and the default port is unknown, those at every port."""
    from trio_chat.client.address import parse_given  # noqa: PLC0415 - the help page does not need it
    from trio_chat.client.server_key import server_key  # noqa: PLC0415 - as above

    given = parse_given(host)
    wanted = server_key(given.url).text
    exact = [server for server in servers if server.address == wanted]
    if exact or given.explicit or _has_port(host):
        return exact
    name = wanted.rpartition(":")[0]
    return [server for server in servers if server.address.rpartition(":")[0] == name]


def _has_port(host: str) -> bool:
    from trio_chat.client.address import DEFAULT_PORT, parse_given  # noqa: PLC0415 - the help page does not need it

    return parse_given(host).address.port != DEFAULT_PORT or host.rstrip("/").endswith(f":{DEFAULT_PORT}")


def _print_json(servers: Sequence[KnownServer]) -> None:
    import msgspec  # noqa: PLC0415 - the help page does not need it

    from trio_chat.protocol.text import escape_json  # noqa: PLC0415 - as above

    for server in servers:
        identity = server.identity
        row = {
            "server": server.address,
            "fingerprint": server.fingerprint,
            "words": "" if identity is None else identity.words,
            "verified": server.verified,
            "tls": server.tls,
            "first": _iso(server.first),
            "last": _iso(server.last),
            "names": _names(server),
        }
        click.echo(escape_json(msgspec.json.encode(row).decode()))


def _lines(server: KnownServer) -> list[tuple[str, str]]:
    lines = [("Server", server.address)]
    if (identity := server.identity) is not None:
        lines += [
            ("Identity", identity.words),
            ("Fingerprint", identity.text),
            ("", identity.hex),
            ("Also known", ", ".join(_others(server, identity)) or "at no other address"),
        ]
    else:
        lines.append(("Identity", "none: it has an earlier version, runs with --memory, or could not prove one here"))
    lines += [
        ("Certificate", _certificate(server)),
        ("First met", _time(server.first)),
        ("Last met", _time(server.last)),
        ("Your names", ", ".join(_names(server)) or "none"),
    ]
    return lines


def _others(server: KnownServer, identity: Fingerprint) -> list[str]:
    return [address for address in _known().addresses(identity) if address != server.address]


def _certificate(server: KnownServer) -> str:
    if server.verified:
        return "the system's authorities vouched for it, and must do so again"
    return "of its own key" if server.tls else "none: it was not reached over TLS yet"


def _vouching(server: KnownServer) -> str:
    if server.verified:
        return "authorities"
    return "its key" if server.fingerprint else ""


def _short(server: KnownServer) -> str:
    identity = server.identity
    return "" if identity is None else " ".join(identity.words.split()[:_WORDS]) + " …"


def _names(server: KnownServer) -> list[str]:
    """The names of this user there."""
    from trio_chat.client.identity import Identities  # noqa: PLC0415 - the help page does not need it

    return list(Identities().names(f"ws://{server.address}/"))


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC).astimezone():%Y-%m-%d %H:%M}"


def _iso(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
