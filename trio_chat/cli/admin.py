"""``admin``: administer a server, running or stopped, on its own machine."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from trio_chat.cli.backup import backup, check, restore
from trio_chat.cli.connecting import confirm_or_stop
from trio_chat.cli.data_directory import chosen_directory
from trio_chat.cli.files_order import command as files
from trio_chat.cli.health import command as health
from trio_chat.cli.identity import command as show_identity
from trio_chat.cli.invite import command as make_invite
from trio_chat.cli.options import GroupedOption, Verb, WholeNumber, settings, whole
from trio_chat.cli.orders import carry_out
from trio_chat.cli.page import PageGroup
from trio_chat.cli.streams import WholeLines
from trio_chat.cli.tables import print_line, show
from trio_chat.cli.unit import command as print_unit
from trio_chat.config import ServerConfig
from trio_chat.errors import OutputError, TrioChatError

if TYPE_CHECKING:
    from typing import IO

    from trio_chat.broker.admin import Table

_LOOK: Final = "How it looks"
command: Final = PageGroup(
    name="admin",
    help="Administer a server: its accounts, rooms, bans, audit log and backups.\n\n"
    "It works on the data directory of a server on this machine, whether the server is running or not. Everybody who "
    "can read that directory can do everything. It does not work over the network.",
    examples=[
        ("trio-chat admin users", "all accounts, and which of them are online"),
        ("trio-chat admin promote ada", "give ada the rights of an owner in every room"),
        ("trio-chat admin backup chat.backup", "while the server runs"),
        ("trio-chat admin audit -n 20 --data /srv/chat", "for a server with another data directory"),
    ],
)


# ---- orders that a running server carries out itself -----------------------------------------


def _order_command(
    name: str,
    short: str,
    text: str,
    *,
    argument: str = "",
    example: str,
    done: Callable[[Table], str] | None = None,
    confirm: Callable[[Path, str], None] | None = None,
) -> click.Command:
    """Make the command for one order. ``argument`` names its argument, if it has one; ``done`` makes a sentence about
    the result, in place of a table. ``confirm`` asks before the order, unless --yes is given, and raises to stop it."""

    def run(
        config_path: Path | None, *, target: str = "", as_json: bool = False, yes: bool = False, **flags: object
    ) -> None:
        from trio_chat.broker.admin import Order  # noqa: PLC0415 - a help page does not need it

        directory = chosen_directory(config_path, flags)
        if confirm is not None and not yes:
            confirm(directory, target)
        answer = carry_out(directory, Order(do=name, name=target))  # type: ignore[arg-type] # each name below is one of its
        if done is not None and not as_json:
            print_line(done(answer))
        else:
            show(answer.headings, answer.rows, as_json=as_json)

    function: Callable[..., None] = click.option(
        "--json", "as_json", cls=GroupedOption, group=_LOOK, is_flag=True, help="one row per line, as JSON"
    )(run)
    if confirm is not None:
        function = click.option("--yes", cls=GroupedOption, is_flag=True, help="do not ask")(function)
    function = settings(ServerConfig, "data")(function)
    if argument:
        function = click.argument("target", metavar=argument)(function)
    return click.command(
        name,
        cls=Verb,
        help=text,
        short_help=short,
        examples=[(f"trio-chat admin {example}", short.rstrip(".").lower())],
    )(function)


def _first(answer: Table) -> str:
    return str(answer.rows[0][0])


def _confirm_reset(directory: Path, name: str) -> None:
    """Ask before the name of an administrator is freed, because the next person to use it is taken for the
    administrator by the people who know the name, and the rights are gone. Raises ``UsageError`` when nobody can be
    asked, and ``TrioChatError`` for a no."""
    from trio_chat.broker.admin import Order  # noqa: PLC0415 - a help page does not need it
    from trio_chat.protocol.names import Name, check_name  # noqa: PLC0415 - as above

    table = carry_out(directory, Order(do="users"))
    people = [dict(zip(table.headings, row, strict=True)) for row in table.rows]
    asked, *admins = [
        check_name(each) for each in (name, *(str(person["name"]) for person in people if person["admin"]))
    ]
    if not isinstance(asked, Name):  # the order says what is wrong with it
        return
    if asked.key not in {admin.key for admin in admins if isinstance(admin, Name)}:
        return
    confirm_or_stop(f"{name} is an administrator.", "Free the name, and take away the rights?")


for _command in (
    _order_command(
        "users",
        "List all accounts.",
        "List all accounts: how many connections and devices each has, whether it has a password and is an "
        "administrator, and when it was created and last seen.",
        example="users",
    ),
    _order_command(
        "reset-name",
        "Free a name.",
        "Free a name: delete its account, devices and password, and disconnect its user. The messages stay. It asks "
        "before it frees the name of an administrator.",
        argument="NAME",
        example="reset-name ada",
        done=lambda answer: f"{_first(answer)} is free: the next person to use the name gets it.",
        confirm=_confirm_reset,
    ),
    _order_command(
        "promote",
        "Make somebody an administrator.",
        "Make somebody an administrator of the server, with the rights of an owner in every room.",
        argument="NAME",
        example="promote ada",
        done=lambda answer: f"{_first(answer)} is an administrator.",
    ),
    _order_command(
        "demote",
        "Take away an administrator's rights.",
        "Take away an administrator's rights on the server.",
        argument="NAME",
        example="demote ada",
        done=lambda answer: f"{_first(answer)} is not an administrator any more.",
    ),
    _order_command(
        "rooms",
        "List all rooms.",
        "List all rooms, private ones too, with their settings: slow in seconds, keep in days. The events counted are "
        "those that are still stored: messages and changes. Direct conversations are private and not listed.",
        example="rooms",
    ),
    _order_command("bans", "List all bans.", "List the bans of the server and of its rooms.", example="bans"),
    _order_command(
        "unban",
        "Lift a ban.",
        "Lift the ban with this number, which admin bans shows.",
        argument="NUMBER",
        example="unban 3",
        done=lambda answer: f"Ban {_first(answer)} is lifted.",
    ),
    _order_command(
        "invites",
        "List all invites.",
        "List the invites: whether each still lets somebody in, for how many new people, until when, into which rooms, "
        "and who came by it. Their secrets are not kept.",
        example="invites",
    ),
    _order_command(
        "revoke",
        "End an invite.",
        "End the invite with this number, which admin invites shows. People who came by it stay.",
        argument="NUMBER",
        example="revoke 3",
        done=lambda answer: f"Invite {_first(answer)} lets nobody in any more. People who came by it stay.",
    ),
    _order_command(
        "stats",
        "Count accounts, rooms and events.",
        "Count the accounts, rooms and events of the server.",
        example="stats",
    ),
):
    command.add_command(_command)


# ---- what works on the database alone ----------------------------------------------------------


@command.command(
    "audit",
    cls=Verb,
    short_help="Show the audit log.",
    examples=[
        ("trio-chat admin audit", "the last fifty entries"),
        ("trio-chat admin audit -n 1000 --json | jq 'select(.action == \"ban\")'", "only bans"),
    ],
)
@settings(ServerConfig, "data")
@click.option(
    "-n",
    "--limit",
    cls=GroupedOption,
    group="How much",
    metavar="N",
    type=WholeNumber(1),
    default=50,
    help=f"show the last N entries {whole('[default: 50]')}",
)
@click.option("--json", "as_json", cls=GroupedOption, group=_LOOK, is_flag=True, help="one entry per line, as JSON")
def audit(config_path: Path | None, limit: int, *, as_json: bool, **flags: object) -> None:
    """Show what moderators and administrators did, the newest entry last."""
    from trio_chat.cli.offline import read_audit  # noqa: PLC0415 - a help page does not need it

    notes = read_audit(chosen_directory(config_path, flags), limit)
    rows = [(note.time, note.actor, note.action, note.room, note.target, note.detail) for note in notes]
    show(("time", "who", "did", "room", "whom", "what") if not as_json else _AUDIT, rows, as_json=as_json)


_AUDIT: Final = ("time", "actor", "action", "room", "target", "detail")


command.add_command(backup)
command.add_command(restore)


@command.command(
    "export",
    cls=Verb,
    short_help="Export everything as JSON.",
    examples=[
        ("trio-chat admin export --json chat.jsonl", "to a file"),
        ("trio-chat admin export --json | jq -r '.event.text // empty'", "only the texts"),
    ],
)
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@settings(ServerConfig, "data")
@click.option(
    "--json", "as_json", cls=GroupedOption, group=_LOOK, is_flag=True, help="as JSON, which is the only format"
)
def export(file: Path | None, config_path: Path | None, *, as_json: bool, **flags: object) -> None:
    """Export accounts, rooms and messages to FILE, or to standard output, one JSON object per line.

    Passwords and devices are left out. Only its owner can read FILE. An existing FILE is not replaced.
    """
    del as_json  # JSON is the only format; the flag only says so
    from trio_chat.cli.offline import database  # noqa: PLC0415 - a help page does not need it
    from trio_chat.store.sqlite import maintenance  # noqa: PLC0415 - as above

    path = database(chosen_directory(config_path, flags))
    with _output(file) as out:
        lines = maintenance.export_json(path, out)
    if file is not None:
        print_line(f"{file} holds {lines} lines.")


for _command in (files, check, show_identity, make_invite, health, print_unit):
    command.add_command(_command)


# ---- steps --------------------------------------------------------------------------------------


class _Unwritable(Exception):
    """The output cannot be written; the error is the cause."""


class _Sink(io.RawIOBase):
    """The output. Its errors are told apart from errors of the database that is being read."""

    def __init__(self, out: IO[bytes] | WholeLines) -> None:
        self._out = out

    def writable(self) -> bool:
        """As in every writable file."""
        return True

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - whatever is like bytes
        """As in every file; raises :class:`_Unwritable`."""
        try:
            count = self._out.write(data)
            self._out.flush()
        except OSError as error:
            raise _Unwritable from error
        return count


@contextlib.contextmanager
def _output(file: Path | None) -> Iterator[IO[bytes]]:
    """The output: a new file, or standard output. A file that could not be written completely is removed.

    Raises ``TrioChatError`` for a file or standard output that cannot be written, and ``BrokenPipeError`` when the
    reader of standard output is gone.
    """
    try:
        with _opened(file) as out:
            sink = io.BufferedWriter(_Sink(out))
            yield sink
            sink.flush()
    except BaseException as error:
        if file is not None and not isinstance(error, FileExistsError):
            file.unlink(missing_ok=True)
        if isinstance(error, _Unwritable) and isinstance(error.__cause__, OSError):
            if file is None and isinstance(error.__cause__, BrokenPipeError):
                raise error.__cause__ from None
            if file is None:
                raise OutputError(f"Cannot write the output: {error.__cause__.strerror}.") from error.__cause__
            raise TrioChatError(f"Cannot write {file}: {error.__cause__.strerror}.") from error.__cause__
        if isinstance(error, FileExistsError):
            raise TrioChatError(f"{file} exists already. Choose another name.") from error
        raise


@contextlib.contextmanager
def _opened(file: Path | None) -> Iterator[IO[bytes] | WholeLines]:
    if file is None:
        yield WholeLines(sys.stdout)
        return
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise
    except OSError as error:
        raise TrioChatError(f"Cannot write {file}: {error.strerror}.") from error
    with os.fdopen(handle, "wb") as out:
        yield out
