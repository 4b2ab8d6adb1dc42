"""``join`` without a server at a terminal: the servers that this device knows, to choose from, the last used first."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from trio_chat.addresses import bracketed
from trio_chat.cli.faults import terminal_columns, terminal_rows
from trio_chat.cli.questions import ask_line, tell
from trio_chat.errors import ChatError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_chat.client.server_records import KnownServer

_LOOPBACK: Final = "127.0.0.1:"
_OTHER_ROWS: Final = 3
"""Rows beside the list: the question, the prompt, and the note on servers that are left out."""


@dataclass(frozen=True, slots=True)
class ListedServer:
    """A server of the list: the address to join, the name that the person has there, and the day of the last use."""

    address: str
    name: str = ""
    day: str = ""

    @property
    def shown(self) -> str:
        """The address without what is the same everywhere."""
        return self.address.partition("://")[2].rstrip("/") or self.address


def ask_server() -> str | None:
    """Ask which of the known servers to join; returns its address, or one that the person typed.

    With one known server there is nothing to ask, and without any the answer is ``None``. Raises as questions do, and
    ``ChatError`` when the known servers cannot be read.
    """
    known = list_servers()
    if len(known) < 2:  # noqa: PLR2004 - nothing to choose from
        return known[0].address if known else None
    for line in list_lines(known, terminal_columns() or 80, terminal_rows() or 24):
        tell(line)
    while True:
        answer = ask_line("Number [1]") or "1"
        if answer.isascii() and answer.isdecimal():
            if 1 <= int(answer) <= len(known):
                return known[int(answer) - 1].address
            tell(f"Type a number from 1 to {len(known)}.")
        elif _is_address(answer):
            return answer


def _is_address(text: str) -> bool:
    from trio_chat.client.address import parse_given  # noqa: PLC0415 - the help page does not need it

    try:
        parse_given(text)
    except UsageError as error:
        tell(str(error))
        return False
    return True


def list_servers() -> list[ListedServer]:
    """The known servers, the last used first, then this account's own servers that run and are not among them.

    Raises ``ChatError`` when they cannot be read.
    """
    from trio_chat.cli.operator import own_ports  # noqa: PLC0415 - the help page does not need it
    from trio_chat.client import Identities  # noqa: PLC0415 - as above
    from trio_chat.client.known_servers import KnownServers  # noqa: PLC0415 - as above

    identities, today = Identities(), dt.datetime.now().astimezone().date()
    found: list[ListedServer] = []
    for server in KnownServers().all():
        address = address_of(server)
        name = None
        with suppress(ChatError):  # a name is no reason not to join
            name = identities.last_name(address if "://" in address else f"ws://{address}/")
        found.append(ListedServer(address, name or "", day_of(server.last, today)))
    own = (f"{_LOOPBACK}{port}" for port in own_ports())
    return found + [ListedServer(address) for address in own if address not in {listed.address for listed in found}]


def address_of(server: KnownServer) -> str:
    """The address to join a known server by. On this machine it has no scheme, so that the server may have changed to
    TLS; elsewhere it has the scheme by which the server was reached."""
    host, _, port = server.address.rpartition(":")
    where = f"{bracketed(host)}:{port}"
    if server.tls:
        return f"wss://{where}/"
    return where if where.startswith(_LOOPBACK) else f"ws://{where}/"


def day_of(time: float, today: dt.date) -> str:
    """The day of a time in seconds since 1970, as a person says it."""
    if not time:
        return ""
    day = dt.datetime.fromtimestamp(time).astimezone().date()
    return {0: "today", 1: "yesterday"}.get((today - day).days, day.isoformat())


def list_lines(known: Sequence[ListedServer], columns: int, rows: int) -> list[str]:
    """The list for a terminal of this size: aligned, with as much beside each address as there is room for."""
    shown = known[: max(rows - _OTHER_ROWS, 1)]
    digits = len(str(len(known)))
    widths = [max(len(field) for field in column) for column in zip(*map(_fields, shown), strict=True)]
    while len(widths) > 1 and digits + 2 + sum(2 + width for width in widths if width) > columns:
        widths.pop()
    lines = ["Which server?"]
    for number, listed in enumerate(shown, 1):
        fields = [f"{field:<{width}}" for field, width in zip(_fields(listed), widths, strict=False) if width]
        lines.append("  ".join([f" {number:>{digits}}", *fields]).rstrip())
    if left := len(known) - len(shown):
        lines.append(f" and {left} more")
    return lines


def _fields(listed: ListedServer) -> tuple[str, str, str]:
    return listed.shown, listed.name, listed.day
