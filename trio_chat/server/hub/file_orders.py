"""Asking the hub whether a device may send a file, or fetch one.

The door for files asks without a session, and waits for the answer. The record of a file to fetch is read from the
store before the hub is asked, beside its batches, and the hub then decides by the memberships of that moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
import trio

from trio_chat.broker.admin_files import MOST_LISTED, FilesAsked, files_asked
from trio_chat.broker.file_orders import FileOutcome, FindFile, decide_file_order
from trio_chat.errors import Refusal, StoreError, refuse
from trio_chat.server.hub.items import PendingFileOrder

if TYPE_CHECKING:
    from trio_chat.broker import Broker
    from trio_chat.broker.file_orders import FileOrder
    from trio_chat.records import SaveFile
    from trio_chat.server.hub.batch import Batch
    from trio_chat.server.hub.items import Administration, Item
    from trio_chat.store import FileRecords

_LONGEST_ID: Final = 64
"""The longest id that a file can have: see the protocol's ``FileId``."""

_NO_PLACE: Final = frozenset({"quota_full", "files_full"})
"""Refusals after which the bytes of files are counted anew: some may have gone with old messages."""

log = structlog.get_logger()


async def ask_file(inbox: trio.MemorySendChannel[Item], records: FileRecords, order: FileOrder) -> SaveFile | Refusal:
    """Have the hub decide an order, whose ``inbox`` this is. Returns the answer once all that it changes is stored.

    If the account, or the place of its device, asked for too much before, the answer waits. If this is cancelled, the
    order may still be carried out.
    """
    outcome = await _ask_once(inbox, records, order)
    if _may_change(outcome, order):
        outcome = await _ask_once(inbox, records, order)
    await trio.sleep(outcome.wait)
    return outcome.answer


async def _ask_once(inbox: trio.MemorySendChannel[Item], records: FileRecords, order: FileOrder) -> FileOutcome:
    stored: SaveFile | None = None
    if isinstance(order, FindFile) and len(order.id) <= _LONGEST_ID:
        try:
            stored = await records.find_file(order.id)
        except StoreError as error:
            log.error("file not looked up", error=str(error))  # noqa: TRY400 - a known failure, told in a line
            return FileOutcome(refuse("not_looked_up"))
    pending = PendingFileOrder(order, stored)
    await inbox.send(pending)
    await pending.settled.wait()
    return pending.outcome or FileOutcome(refuse("internal"))


def _may_change(outcome: FileOutcome, order: FileOrder) -> bool:
    """Whether the same order may have another answer now.

    An upload that was looked up may have got its message before the hub was reached.
    """
    if not isinstance(outcome.answer, Refusal):
        return False
    return outcome.answer.code in _NO_PLACE or (isinstance(order, FindFile) and outcome.answer.code == "unknown_file")


def take_file_order(broker: Broker, pending: PendingFileOrder, batch: Batch, now: float, *, stopping: bool) -> None:
    """Decide an order in the hub. It is settled with its batch."""
    if stopping:
        pending.outcome = FileOutcome(refuse("shutting_down"))
    else:
        mark = broker.journal.mark()
        before = len(batch.effects)
        pending.outcome = decide_file_order(broker, pending.order, now, batch.effects, pending.stored)
        if isinstance(pending.outcome.answer, Refusal):  # one that is refused has had no effects
            broker.journal.undo(mark)
            del batch.effects[before:]
    batch.orders.append(pending)
    batch.end_request(order=True)


async def count_files_anew(broker: Broker, records: FileRecords) -> None:
    """Read the bytes of the accounts whose files were removed with their messages. The broker's decisions are settled.

    If the store fails, that is logged, and tried again with the next batch.
    """
    uploads = broker.uploads
    if not uploads.is_stale:
        return
    try:
        uploads.set_bytes(await records.file_bytes(None if uploads.all_stale else uploads.stale))
    except StoreError as error:
        log.warning("files not counted", error=str(error))


async def find_files(broker: Broker, records: FileRecords, item: Administration) -> None:
    """Read the files that an operator's order needs from the store; nothing for another order. A failure is its
    answer."""
    if item.order.do != "files":
        return
    asked = files_asked(broker, item.order.name, item.order.drop)
    if isinstance(asked, Refusal):
        item.answer = asked
        return
    try:
        item.found = await read_files(records, asked)
    except StoreError as error:
        log.error("files not looked up", error=str(error))  # noqa: TRY400 - as in _ask_once
        item.answer = refuse("not_looked_up")


async def read_files(records: FileRecords, asked: FilesAsked) -> list[SaveFile]:
    """Read the files that an operator's order needs. Raises ``StoreError``."""
    if asked.file is None:
        return await records.list_files(room=asked.room, account=asked.account, limit=MOST_LISTED)
    found = await records.find_file(asked.file)
    return [] if found is None else [found]
