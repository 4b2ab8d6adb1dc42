"""Orders to a stopped server, carried out in its database."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from trio_chat.errors import Refusal, TrioChatError

if TYPE_CHECKING:
    from pathlib import Path

    from trio_chat.broker.admin import Order, Table
    from trio_chat.records import AuditNote, SaveFile


def is_there(path: Path) -> bool:
    """Whether the file exists. Raises ``TrioChatError`` when this user is not allowed to see that."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        why = error.strerror or error
        raise TrioChatError(f"Cannot use {path}: {why}. Run this as the server's user, who owns it.") from error
    return True


def database(directory: Path) -> Path:
    """The database in a data directory. Raises ``TrioChatError`` when it is missing or this user cannot use it."""
    from trio_chat.store import DATABASE  # noqa: PLC0415 - a help page does not need it

    path = directory / DATABASE
    if not is_there(path):
        raise TrioChatError(f"There is no {path}. Give the server's data directory with --data.")
    return path


def administer_stopped(directory: Path, order: Order) -> Table:
    """Carry out an order while no server is running. Raises ``TrioChatError`` when that is not possible."""
    import trio  # noqa: PLC0415 - a help page does not need it

    return trio.run(_administer, database(directory), order)


async def _administer(path: Path, order: Order) -> Table:
    from trio_chat.broker import Broker, BrokerSettings  # noqa: PLC0415 - a help page does not need it
    from trio_chat.broker.admin import administer  # noqa: PLC0415 - as above
    from trio_chat.broker.admin_files import files_asked  # noqa: PLC0415 - as above
    from trio_chat.broker.effects import Persist  # noqa: PLC0415 - as above
    from trio_chat.server.hub.clock import Clock  # noqa: PLC0415 - as above
    from trio_chat.server.hub.file_orders import read_files  # noqa: PLC0415 - as above
    from trio_chat.store import SqliteStore, require_stored  # noqa: PLC0415 - as above

    async with SqliteStore.open(path) as store:
        snapshot = await store.load()
        now, clock = Clock(snapshot.clock).read()
        broker = Broker(BrokerSettings(invite_key=secrets.token_bytes(32)), snapshot, now, clock)
        effects = broker.opening
        found: list[SaveFile] = []
        if order.do == "files":
            asked = files_asked(broker, order.name, order.drop)
            if isinstance(asked, Refusal):
                raise TrioChatError(str(asked))
            found = await read_files(store, asked)
        answer = administer(broker, order, now, effects, found)
        if isinstance(answer, Refusal):
            raise TrioChatError(str(answer))
        records = [effect.record for effect in effects if isinstance(effect, Persist)]
        if records:
            require_stored(await store.commit(records))
        return answer


def read_audit(directory: Path, limit: int) -> list[AuditNote]:
    """The last entries of the audit log, oldest first, while a server is running or not. Raises ``TrioChatError``."""
    from trio_chat.store.sqlite.maintenance import read_notes  # noqa: PLC0415 - a help page does not need it

    return read_notes(database(directory), limit)
