"""The server's operator at ``join``: a person who runs the server and the client under one account of the machine.

They are asked once whether to become the server's administrator. That they run the server is shown by its control
socket, which only its owner can open; nothing that comes over the network counts. ``serve`` notes for its account in
which data directory the server of a port is, since ``join`` is not told.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from trio_chat.addresses import is_this_machine
from trio_chat.cli.faults import say
from trio_chat.errors import TrioChatError
from trio_chat.output import harmless_stream

if TYPE_CHECKING:
    from collections.abc import Sequence

_SERVING: Final = "serving"
_ASKED: Final = "operator"
_OWN_INVITE: Final = 600.0
"""Seconds for which the operator's own invite is good."""
_LARGEST: Final = 8192  # bytes of a note: more than a path has


class _Note(msgspec.Struct, frozen=True):
    """Where the data of a server is that runs under this account."""

    data: str


class _Asked(msgspec.Struct, frozen=True):
    """The history of the server for which the question was answered."""

    epoch: str


@dataclass(frozen=True, slots=True)
class Operator:
    """A person who said that they want to be the administrator of the server whose data is in ``directory``. ``epoch``
    identifies its history."""

    directory: Path
    epoch: str

    def promote(self, name: str, epoch: str) -> str:
        """Make ``name`` an administrator, if the server that let them in has the history ``epoch``; returns a sentence
        on the result. Waits for the server; call it in a thread."""
        from trio_chat.broker.admin import Order  # noqa: PLC0415 - the help page does not need it
        from trio_chat.cli.control import administer_running  # noqa: PLC0415 - as above

        if epoch != self.epoch:
            return f"{name} is no administrator: another server than yours answered."
        try:
            answer = administer_running(self.directory, Order(do="promote", name=name))
        except TrioChatError as error:
            return f"{name} is no administrator: {error}"
        if answer is None:
            return f"{name} is no administrator: the server has stopped."
        return f"{name} is an administrator of this server."


@contextlib.contextmanager
def noted(directory: Path, urls: Sequence[str]) -> Iterator[None]:
    """Note for this account, while the block runs, that the server at ``urls`` has its data in ``directory``."""
    from trio_chat.client.state_files import write_private  # noqa: PLC0415 - the help page does not need it

    notes = [path for url in urls if (path := _note(urlsplit(url).port or 0)) is not None]
    data = msgspec.json.encode(_Note(str(directory.absolute())))
    for path in notes:
        with contextlib.suppress(OSError):  # only the question is lost
            write_private(path, data)
    try:
        yield
    finally:
        for path in notes:
            with contextlib.suppress(OSError):
                if path.read_bytes() == data:
                    path.unlink()


def own_ports() -> list[int]:
    """The ports of the servers that run under this account now."""
    from trio_chat.client.state_files import state_directory  # noqa: PLC0415 - the help page does not need it

    noted = [path.stem for path in (state_directory() / _SERVING).glob("*.json") if path.stem.isdecimal()]
    return [port for port in sorted(map(int, noted)) if _own_server(f"ws://127.0.0.1:{port}/") is not None]


def ask_operator(url: str) -> Operator | None:
    """Ask the person at the terminal whether to become the administrator, if they run the server at ``url`` and it has
    none; ``None`` when they say no, or are not asked. They are asked once for each server."""
    found = _find(url)
    if found is None:
        return None
    from trio_chat.client.state_files import address_file, state_directory, write_private  # noqa: PLC0415 - as above

    asked = address_file(state_directory(), _ASKED, url)
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        if msgspec.json.decode(_read(asked), type=_Asked).epoch == found.epoch:
            return None
    answer = _ask()
    if answer is None:
        return None
    with contextlib.suppress(OSError):
        write_private(asked, msgspec.json.encode(_Asked(found.epoch)))
    if answer:
        return found
    say("trio-chat admin promote NAME makes somebody the administrator later.")
    return None


def own_invite(url: str, name: str | None) -> str | None:
    """Make an invite for the person at the terminal, if they run the server at ``url``, people get in there by invite,
    and this device has no account there; returns its secret. Nobody needs an invite from themselves."""
    from trio_chat.broker.admin import Order  # noqa: PLC0415 - the help page does not need it
    from trio_chat.cli.control import administer_running  # noqa: PLC0415 - as above
    from trio_chat.client import Identities  # noqa: PLC0415 - as above

    own = _own_server(url)
    if own is None or all(is_this_machine(urlsplit(one).hostname or "") for one in own.urls):
        return None
    try:
        identities = Identities()
        name = name or identities.last_name(url)
        if name is not None and identities.token(url, name) is not None:
            return None
        order = Order(do="invite", uses=1, seconds=_OWN_INVITE, note="the operator's own")
        made = administer_running(own.directory, order)
        return None if made is None else str(made.rows[0][made.headings.index("secret")])
    except (OSError, ValueError, IndexError, TrioChatError):
        return None


def _find(url: str) -> Operator | None:
    """The operator of the server at ``url``, if this account runs it, and it has no administrator."""
    from trio_chat.broker.admin import Order  # noqa: PLC0415 - the help page does not need it
    from trio_chat.cli.control import administer_running  # noqa: PLC0415 - as above

    own = _own_server(url)
    if own is None:
        return None
    try:
        users = administer_running(own.directory, Order(do="users"))
        if users is None:
            return None
        admin = users.headings.index("admin")
    except (OSError, ValueError, TrioChatError):
        return None
    return None if any(row[admin] for row in users.rows) else Operator(own.directory, own.epoch)


@dataclass(frozen=True, slots=True)
class _OwnServer:
    """A server that runs under this account: its data directory, its history, and where it listens."""

    directory: Path
    epoch: str
    urls: Sequence[str]


def _own_server(url: str) -> _OwnServer | None:
    """The server at ``url``, if this account runs it."""
    from trio_chat.cli.control import ask_listening  # noqa: PLC0415 - the help page does not need it
    from trio_chat.server.doors.control import NAME  # noqa: PLC0415 - as above

    parts = urlsplit(url)
    note = _note(parts.port or 0)
    if note is None or not is_this_machine(parts.hostname or ""):
        return None
    try:
        directory = Path(msgspec.json.decode(_read(note), type=_Note).data)
        if (directory / NAME).lstat().st_uid != os.geteuid():  # root can open the socket of everybody
            return None
        listening = ask_listening(directory)
    except (OSError, ValueError, msgspec.MsgspecError, TrioChatError):
        return None
    if listening is None or not any(urlsplit(one).port == parts.port for one in listening.urls):
        return None
    return _OwnServer(directory, listening.epoch, listening.urls)


def _note(port: int) -> Path | None:
    from trio_chat.client.state_files import state_directory  # noqa: PLC0415 - the help page does not need it

    return state_directory() / _SERVING / f"{port}.json" if port else None


def _read(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(_LARGEST)


def _ask() -> bool | None:
    """Put the question; ``None`` when the input ends without an answer."""
    say("You run this server, and it has no administrator yet. An administrator has an owner's rights in every room.")
    while True:
        harmless_stream(sys.stderr).write("Become its administrator? [y/n] ")
        sys.stderr.flush()
        line = sys.stdin.readline()
        match line.strip().casefold():
            case "y" | "yes":
                return True
            case "n" | "no":
                return False
            case "" if not line:
                say("")
                return None
            case _:
                continue
