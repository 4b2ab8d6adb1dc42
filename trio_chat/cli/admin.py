"""``admin``: look after a server, running or stopped, on the machine that it runs on."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from trio_chat.cli.faults import FAILED
from trio_chat.cli.options import GroupedOption, Number, Verb, load_settings, settings, whole
from trio_chat.cli.page import PageGroup
from trio_chat.config import ServerConfig
from trio_chat.errors import TrioChatError

if TYPE_CHECKING:
    from typing import IO

    from trio_chat.broker.admin import Order, Table

_LOOK: Final = "How it looks"
_TIMES: Final = frozenset({"created", "seen", "until", "time"})
"""Columns that hold times."""

Cell = str | int | float | bool | None


command: Final = PageGroup(
    name="admin",
    help="Look after a server: its people, rooms and bans, its audit log, its backups.\n\n"
    "It works on the data directory of a server of this machine, whether that runs or not; who may read that "
    "directory may do everything. There is no way in over the network.",
    examples=[
        ("trio-chat admin users", "who has names, and who of them is here"),
        ("trio-chat admin promote ada", "let ada do in every room what its owner may"),
        ("trio-chat admin backup chat.backup", "while the server runs"),
        ("trio-chat admin audit -n 20 --data /srv/chat", "of a server with a data directory of its own"),
    ],
)


def data_directory(config: ServerConfig) -> Path:
    """Where a server with these settings keeps what it remembers."""
    if config.data is not None:
        return config.data
    from trio_chat.server.app import default_data_directory  # noqa: PLC0415 - a help page needs none of it

    return default_data_directory()


def _directory(config_path: Path | None, flags: dict[str, object]) -> Path:
    return data_directory(load_settings(ServerConfig, flags, config_path))


# ---- orders, which a running server carries out itself -----------------------------------------


def _carry_out(directory: Path, order: Order) -> Table:
    """Have an order carried out by the server if it runs, else in its database."""
    from trio_chat.cli.control import administer_running  # noqa: PLC0415 - a help page needs none of it
    from trio_chat.cli.offline import administer_stopped  # noqa: PLC0415 - as above

    answer = administer_running(directory, order)
    return administer_stopped(directory, order) if answer is None else answer


def _order_command(
    name: str, short: str, text: str, *, argument: str = "", example: str, done: Callable[[Table], str] | None = None
) -> click.Command:
    """A command that is one order. ``argument`` is what it takes, if anything; ``done`` says what was done, in
    place of a table."""

    def run(config_path: Path | None, *, target: str = "", as_json: bool = False, **flags: object) -> None:
        from trio_chat.broker.admin import Order  # noqa: PLC0415 - a help page needs none of it

        directory = _directory(config_path, flags)
        answer = _carry_out(directory, Order(do=name, name=target))  # type: ignore[arg-type] # each name below is one of its
        if done is not None and not as_json:
            click.echo(done(answer))
        else:
            show(answer.headings, answer.rows, as_json=as_json)

    function: Callable[..., None] = click.option(
        "--json", "as_json", cls=GroupedOption, group=_LOOK, is_flag=True, help="each row as one line of JSON"
    )(run)
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


def show(headings: Iterable[str], rows: Iterable[Iterable[Cell]], *, as_json: bool) -> None:
    """Write a table: for a person, or each row as a line of JSON."""
    names = tuple(headings)
    if as_json:
        import msgspec  # noqa: PLC0415 - a help page needs none of it

        keys = [name.replace(" ", "_") for name in names]
        for row in rows:
            click.echo(msgspec.json.encode(dict(zip(keys, row, strict=True))).decode())
        return
    from trio_chat.ui.model.lines import table  # noqa: PLC0415 - as above

    cells = [tuple(_cell(name, value) for name, value in zip(names, row, strict=True)) for row in rows]
    if not cells:
        click.echo("There are none.")
        return
    for line in table(names, cells):
        click.echo(line)


def _cell(name: str, value: Cell) -> str:
    from trio_chat.protocol.text import clean_line  # noqa: PLC0415 - a help page needs none of it

    match value:
        case None:
            return "for good" if name == "until" else ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case str() if name in _TIMES:
            return _local(value)
        case _:
            return clean_line(str(value))


def _local(time: str) -> str:
    """A time of the server's, in this machine's zone."""
    from datetime import datetime  # noqa: PLC0415 - a help page needs none of it

    try:
        return f"{datetime.fromisoformat(time).astimezone():%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError):
        return time


def _first(answer: Table) -> str:
    return str(answer.rows[0][0])


for _command in (
    _order_command(
        "users",
        "Show who has names.",
        "Show everybody who has a name: how many connections and devices are theirs, whether they have set a "
        "password and are an administrator, when they came first and last.",
        example="users",
    ),
    _order_command(
        "reset-name",
        "Free a name.",
        "Free a name: its account is gone with its devices and password, and who is connected under it is "
        "disconnected. What they said stays.",
        argument="NAME",
        example="reset-name ada",
        done=lambda answer: f"{_first(answer)} is free: whoever takes the name first has it.",
    ),
    _order_command(
        "promote",
        "Make somebody an administrator.",
        "Make somebody an administrator of the server, who may do in every room what its owner may.",
        argument="NAME",
        example="promote ada",
        done=lambda answer: f"{_first(answer)} is an administrator.",
    ),
    _order_command(
        "demote",
        "Make an administrator a person like others.",
        "Make an administrator of the server a person like others.",
        argument="NAME",
        example="demote ada",
        done=lambda answer: f"{_first(answer)} is no administrator.",
    ),
    _order_command(
        "rooms",
        "Show all rooms.",
        "Show all rooms, private ones too, with their settings: the seconds of slow, the days of keep. Of events "
        "there are as many as are kept: messages, and what was done there. Direct conversations are nobody else's "
        "business and not shown.",
        example="rooms",
    ),
    _order_command("bans", "Show all bans.", "Show whom the server and its rooms keep out.", example="bans"),
    _order_command(
        "unban",
        "Lift a ban.",
        "Lift the ban of this number; bans shows the numbers.",
        argument="NUMBER",
        example="unban 3",
        done=lambda answer: f"Ban {_first(answer)} is lifted.",
    ),
    _order_command(
        "stats", "Show how much there is.", "Show how many people, rooms and events there are.", example="stats"
    ),
):
    command.add_command(_command)


# ---- what works on the database alone ----------------------------------------------------------


@command.command(
    "audit",
    cls=Verb,
    short_help="Show what moderators and administrators did.",
    examples=[
        ("trio-chat admin audit", "the last fifty deeds"),
        ("trio-chat admin audit -n 1000 --json | jq 'select(.action == \"ban\")'", "bans alone"),
    ],
)
@settings(ServerConfig, "data")
@click.option(
    "-n",
    "--limit",
    cls=GroupedOption,
    group="How much",
    metavar="N",
    type=Number(1),
    default=50,
    help=f"the last N {whole('[default: 50]')}",
)
@click.option("--json", "as_json", cls=GroupedOption, group=_LOOK, is_flag=True, help="each line as one line of JSON")
def audit(config_path: Path | None, limit: int, *, as_json: bool, **flags: object) -> None:
    """Show what moderators and administrators did, the newest last."""
    from trio_chat.cli.offline import read_audit  # noqa: PLC0415 - a help page needs none of it

    notes = read_audit(_directory(config_path, flags), limit)
    rows = [(note.time, note.actor, note.action, note.room, note.target, note.detail) for note in notes]
    show(("time", "who", "did", "room", "whom", "what") if not as_json else _AUDIT, rows, as_json=as_json)


_AUDIT: Final = ("time", "actor", "action", "room", "target", "detail")


@command.command(
    "backup",
    cls=Verb,
    short_help="Copy everything into one file.",
    examples=[("trio-chat admin backup chat-$(date +%F).backup", "one a day, from cron")],
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@settings(ServerConfig, "data")
def backup(file: Path, config_path: Path | None, **flags: object) -> None:
    """Copy everything that the server remembers into FILE, while it runs or not.

    An earlier backup of that name is replaced once the new one is whole. FILE is readable by its owner alone: it
    holds all that was said.
    """
    from trio_chat.cli.offline import database  # noqa: PLC0415 - a help page needs none of it
    from trio_chat.store.sqlite import maintenance  # noqa: PLC0415 - as above

    path = database(_directory(config_path, flags))
    with _progress() as progress:
        maintenance.backup(path, file, progress)
    click.echo(f"{file} holds everything ({_size(file.stat().st_size)}). trio-chat admin restore brings it back.")


@command.command(
    "restore",
    cls=Verb,
    short_help="Bring a backup back.",
    examples=[("trio-chat admin restore chat-2026-01-31.backup", "with the server stopped")],
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@settings(ServerConfig, "data")
def restore(file: Path, config_path: Path | None, **flags: object) -> None:
    """Make the backup FILE what the server remembers; the server must be stopped.

    What it remembered until now is kept beside it, under a name that is told. Clients notice that the history is
    another one.
    """
    from trio_chat.store.sqlite import maintenance  # noqa: PLC0415 - a help page needs none of it

    directory = _directory(config_path, flags)
    kept = maintenance.restore(file, directory)
    click.echo(f"{directory} holds what {file} held.")
    if kept is not None:
        click.echo(f"What was there before is in {kept}.")


@command.command(
    "export",
    cls=Verb,
    short_help="Write everything as JSON.",
    examples=[
        ("trio-chat admin export --json chat.jsonl", "into a file"),
        ("trio-chat admin export --json | jq -r '.event.text // empty'", "all texts"),
    ],
)
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@settings(ServerConfig, "data")
@click.option("--json", "as_json", cls=GroupedOption, group=_LOOK, is_flag=True, help="as JSON, the only form there is")
def export(file: Path | None, config_path: Path | None, *, as_json: bool, **flags: object) -> None:
    """Write people, rooms and messages into FILE, or to standard output: one JSON object a line.

    Passwords and devices are left out. A file is readable by its owner alone; one that is there is not replaced.
    """
    del as_json  # what it is in any case; who writes it says what they mean
    from trio_chat.cli.offline import database  # noqa: PLC0415 - a help page needs none of it
    from trio_chat.store.sqlite import maintenance  # noqa: PLC0415 - as above

    path = database(_directory(config_path, flags))
    with _output(file) as out:
        lines = maintenance.export_json(path, out)
    if file is not None:
        click.echo(f"{file} holds {lines} lines.")


@command.command(
    "check",
    cls=Verb,
    short_help="Look whether what is remembered holds together.",
    examples=[("trio-chat admin check && echo fine", "from a script")],
)
@settings(ServerConfig, "data")
def check(config_path: Path | None, **flags: object) -> int:
    """Look over what the server remembers, while it runs or not, and change nothing.

    Exit status: 0 when all is well, 1 when something is wrong; each thing is told in a sentence.
    """
    from trio_chat.cli.offline import database  # noqa: PLC0415 - a help page needs none of it
    from trio_chat.store.sqlite import maintenance  # noqa: PLC0415 - as above

    path = database(_directory(config_path, flags))
    findings = maintenance.check(path)
    for finding in findings:
        click.echo(finding)
    if not findings:
        click.echo(f"{path}: all is well.")
    return FAILED if findings else 0


# ---- steps --------------------------------------------------------------------------------------


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int], None] | None]:
    """Something that shows how far it is, if there is a person to see it."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return

    def progress(done: int, total: int) -> None:
        click.echo(f"\r{100 * done // max(total, 1):3} %", nl=False, err=True)

    yield progress
    click.echo("\r     \r", nl=False, err=True)


class _Unwritable(Exception):
    """The output takes no more; the error is the cause."""


class _Sink(io.RawIOBase):
    """Where lines go. Its errors are told apart from those of the database that they are read from."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out

    def writable(self) -> bool:
        """As every file's that is written."""
        return True

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - whatever is like bytes
        """As every file's; raises :class:`_Unwritable`."""
        try:
            count = self._out.write(data)
            self._out.flush()
        except OSError as error:
            raise _Unwritable from error
        return count


@contextlib.contextmanager
def _output(file: Path | None) -> Iterator[IO[bytes]]:
    """Where to write: a new file, or standard output. A file that could not be written whole does not stay.

    Raises ``TrioChatError`` for a file that cannot be written, and what standard output says as it is.
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
            if file is None:
                raise error.__cause__ from None
            raise TrioChatError(f"Cannot write {file}: {error.__cause__.strerror}.") from error.__cause__
        if isinstance(error, FileExistsError):
            raise TrioChatError(f"{file} is there already. Name a file that is not.") from error
        raise


@contextlib.contextmanager
def _opened(file: Path | None) -> Iterator[IO[bytes]]:
    if file is None:
        yield sys.stdout.buffer
        return
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise
    except OSError as error:
        raise TrioChatError(f"Cannot write {file}: {error.strerror}.") from error
    with os.fdopen(handle, "wb") as out:
        yield out


def _size(count: int) -> str:
    """Bytes, for a person."""
    size = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:  # noqa: PLR2004 - the next unit
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
