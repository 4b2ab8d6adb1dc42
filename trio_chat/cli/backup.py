"""``admin backup``, ``restore`` and ``check``: the files of a server."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trio_chat.cli.data_directory import chosen_directory
from trio_chat.cli.faults import FAILED, harmless, say
from trio_chat.cli.options import Verb, settings
from trio_chat.config import ServerConfig
from trio_chat.errors import StoreError
from trio_chat.output import harmless_stream

if TYPE_CHECKING:
    from trio_chat.protocol.fingerprint import Fingerprint


@click.command(
    "backup",
    cls=Verb,
    short_help="Copy the database and the files to one file.",
    examples=[("trio-chat admin backup chat-$(date +%F).backup", "once a day, from cron")],
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--without-files", is_flag=True, help="Leave out the files that people sent; keep their names.")
@settings(ServerConfig, "data")
def backup(file: Path, without_files: bool, config_path: Path | None, **flags: object) -> int:  # noqa: FBT001 - click
    """Copy the server's database, key and files to FILE, while the server is running or stopped.

    Where people sent files, FILE is a tar archive with them, otherwise a database. An existing FILE is replaced only
    after the new backup is complete. FILE contains all messages and the key that makes the server itself, so only its
    owner can read it. Keep it as you keep a password.

    Exit status: 0 when FILE is complete, 1 when the key or a file is missing from it because the server's own is
    missing or damaged.
    """
    from trio_chat.cli.offline import database  # noqa: PLC0415 - a help page does not need it
    from trio_chat.store import file_archive  # noqa: PLC0415 - as above
    from trio_chat.store.sqlite import maintenance  # noqa: PLC0415 - as above

    path = database(chosen_directory(config_path, flags))
    with _progress() as progress:
        if without_files or not (file_archive.has_files(path) or file_archive.is_archive(file)):
            fault = maintenance.backup(path, file, progress)
            faults = [] if fault is None else [fault]
        else:
            faults = file_archive.backup(path, file, progress)
    if faults:
        click.echo(harmless(f"{file} is a backup without what is missing or damaged on the server: its key, or files."))
        for fault in faults:
            say(f"error: {fault}")
        return FAILED
    size = _size(file.stat().st_size)
    kind = "a backup without the files that people sent" if without_files else "a complete backup"
    click.echo(harmless(f"{file} is {kind} ({size}). trio-chat admin restore restores it."))
    return 0


@click.command(
    "restore",
    cls=Verb,
    short_help="Restore a backup.",
    examples=[("trio-chat admin restore chat-2026-01-31.backup", "while the server is stopped")],
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@settings(ServerConfig, "data")
def restore(file: Path, config_path: Path | None, **flags: object) -> int:
    """Replace the server's database, key and files by those of the backup FILE, while the server is stopped.

    The database that was there is kept beside it under another name, which is printed, and so is another key. Files
    that were there stay. Clients notice that the history has changed. They recognize the server by its key, on whatever
    machine it is restored.

    Exit status: 0 when all is restored, 1 when the backup lacks some of the files that people sent.
    """
    from trio_chat.store import file_archive  # noqa: PLC0415 - a help page does not need it
    from trio_chat.store.sqlite import maintenance  # noqa: PLC0415 - as above

    directory = chosen_directory(config_path, flags)
    before = _identity(directory)
    missing: list[str] = []
    if file_archive.is_archive(file):
        with _progress() as progress:
            kept, missing = file_archive.restore(file, directory, progress)
    else:
        kept = maintenance.restore(file, directory)
    click.echo(harmless(f"{directory} has the database of {file}."))
    if kept is not None:
        click.echo(harmless(f"The database before is in {kept}."))
    for line in _describe(before, _identity(directory)):
        click.echo(harmless(line))
    for sentence in missing:
        say(f"error: {sentence}")
    if not missing and (count := file_archive.count_missing(directory)):
        are = "1 file that its messages name is" if count == 1 else f"{count} files that its messages name are"
        click.echo(harmless(f"{are} not here: {file} has no files. A backup with them brings them: restore it first,"))
        click.echo("then this one again. Files that are there stay.")
    return FAILED if missing else 0


@click.command(
    "check",
    cls=Verb,
    short_help="Check the database and the files.",
    examples=[("trio-chat admin check && echo fine", "from a script")],
)
@settings(ServerConfig, "data")
def check(config_path: Path | None, **flags: object) -> int:
    """Check the server's database and files, while the server is running or stopped. Nothing is changed.

    Exit status: 0 when all is fine, 1 when something is wrong; each fault is printed as a sentence.
    """
    from trio_chat.cli.offline import database  # noqa: PLC0415 - a help page does not need it
    from trio_chat.store import file_archive  # noqa: PLC0415 - as above
    from trio_chat.store.sqlite import maintenance  # noqa: PLC0415 - as above

    path = database(chosen_directory(config_path, flags))
    findings = maintenance.check(path)
    if not findings:  # else its records of files may be wrong as well
        with _progress() as progress:
            findings = list(file_archive.check(path, progress))
    for finding in findings:
        click.echo(harmless(finding))
    if not findings:
        click.echo(harmless(f"{path}: all is well."))
    return FAILED if findings else 0


def _identity(directory: Path) -> Fingerprint | None:
    """Read the fingerprint of the server in a data directory; ``None`` if it has no sound key."""
    from trio_chat.cli.offline import is_there  # noqa: PLC0415 - a help page does not need it
    from trio_chat.store import DATABASE  # noqa: PLC0415 - as above
    from trio_chat.store.sqlite import maintenance  # noqa: PLC0415 - as above

    try:
        return maintenance.read_fingerprint(directory / DATABASE) if is_there(directory / DATABASE) else None
    except StoreError:
        return None


def _describe(before: Fingerprint | None, now: Fingerprint | None) -> Iterator[str]:
    """Say which server the restored one is."""
    if now is None:
        yield "The backup has no key: an earlier trio-chat made it. The server makes a key when it starts."
        return
    yield f"The server's identity is {now.words}."
    if before is not None and before != now:
        yield f"Before, it was {before.words}. That key is kept too, with .replaced in its name."


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int], None] | None]:
    """A function that shows the progress; ``None`` when standard error is no terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return

    stream = harmless_stream(sys.stderr)

    def progress(done: int, total: int) -> None:
        stream.write_over(f"{100 * done // max(total, 1):3} %")

    yield progress
    stream.write_over("     ")
    stream.write_over("")


def _size(count: int) -> str:
    """A number of bytes, for a person."""
    size = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:  # noqa: PLR2004 - the next unit
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
