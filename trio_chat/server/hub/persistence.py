"""The hub's calls to the store, and whether the store works. Part of the hub; see there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog
import trio

from trio_chat.broker.state import StoredMessage, StoredPlace
from trio_chat.errors import StoreError, refuse
from trio_chat.protocol.codec import decode_event
from trio_chat.protocol.events import Message
from trio_chat.store import (
    CommitRefused,
    CommitStored,
    CommitUnknown,
    FileRecords,
    StoreCommitter,
    StoreReader,
    require_stored,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trio_chat.broker.broker import LookUp
    from trio_chat.records import Record
    from trio_chat.server.hub.batch import Batch
    from trio_chat.server.tally import Tally
    from trio_chat.store import CommitOutcome
    from trio_chat.store.interface import StoredLine

_LOG_EVERY: Final = 10.0
"""Seconds between two log entries about the same failure: on a full disk, a growing log makes it worse."""

log = structlog.get_logger()


class HubStore(StoreReader, StoreCommitter, FileRecords, Protocol):
    """The parts of a store that the hub needs."""


class Persistence:
    """See the module.

    ``failing`` is a sentence on why the store fails just now, if it does. ``stored`` is set when something was
    stored. ``unknown`` is the outcome of a commit of which the store could not tell whether it is stored; from then
    on ``lost`` is set, and nothing more is stored.
    """

    def __init__(self, store: HubStore, tally: Tally) -> None:
        self._store = store
        self._tally = tally
        self.stored = trio.Event()
        self.failing: str | None = None
        self.unknown: CommitUnknown | None = None
        self.lost = trio.Event()
        self.since: float | None = None  # when the hub began to wait for the store, on trio's clock
        self._untold, self._told_until = 0, 0.0

    def __repr__(self) -> str:
        return f"<Persistence {self.failing or 'works'}>"

    @property
    def waits_for(self) -> str | None:
        """Why no request is answered just now, if the store is the reason."""
        if self.since is None:
            return None
        return self.failing or (
            f"The store has not answered for {trio.current_time() - self.since:.0f} seconds: another program "
            "keeps the database locked, or its disk is slow."
        )

    def works_again(self) -> None:
        """Note that the store works, whether it did before or not."""
        if self.failing is not None and self.unknown is None:
            self.failing = None
            log.info("storing works again")

    async def begin(self, records: Sequence[Record]) -> None:
        """Store the first records of a new server. Raises ``StoreError``."""
        require_stored(await self._store.commit(records))

    async def commit(self, records: Sequence[Record], lines: int) -> CommitOutcome:
        """Store these records, of which ``lines`` are lines of rooms. A failure is logged.

        After an unknown outcome no later batch reaches the store: each commit has that outcome again.
        """
        if self.unknown is not None:
            return self.unknown
        self.since = trio.current_time()
        try:
            outcome = await self._store.commit(records)
        except Exception:  # a bug in the store must not end the chat; the store has stored nothing then
            log.exception("not stored", records=len(records))
            return CommitRefused("An internal error.")
        finally:
            self.since = None
        if isinstance(outcome, CommitStored):
            if lines:  # records smaller than a message may be stored where no message fits
                self.works_again()
            self._tally.messages += lines
            self.stored.set()
        elif isinstance(outcome, CommitRefused):
            self._fail("not stored", outcome.why, records=len(records))
        else:
            self.failing, self.unknown = outcome.why, outcome
            log.critical("not known whether stored", error=outcome.why, records=len(records))
            self.lost.set()
        return outcome

    async def look_up(self, look_ups: Iterable[LookUp], batch: Batch) -> None:
        """Let the batch know what the store has for these look-ups, in one call; nothing for what it knows already.

        If the store fails, the batch is ``refused``: a message that cannot be read must not count as missing, or it
        would be stored twice.
        """
        messages, sent = batch.unknown(look_ups)
        if batch.refused is not None or not (messages or sent):
            return
        try:
            found = await self._store.look_up_many(messages, {(one.sender, one.cid) for one in sent})
        except StoreError as error:
            self._fail("not looked up", str(error))
            batch.refused = refuse("not_looked_up")
            return
        places = {one: found.sent.get((one.sender, one.cid)) for one in sent}
        batch.keep(
            {one: _stored_message(found.lines.get(one)) for one in messages},
            {one: None if place is None else StoredPlace(*place) for one, place in places.items()},
        )

    def _fail(self, what: str, error: str, **more: Any) -> None:  # noqa: ANN401 - whatever the log should tell
        """Log a failure; one that goes on is logged now and then, with how often it came meanwhile."""
        now = trio.current_time()
        if error == self.failing and now < self._told_until:
            self._untold += 1
            return
        if self._untold:
            more["times"] = self._untold + 1
        self.failing, self._untold, self._told_until = error, 0, now + _LOG_EVERY
        log.error(what, error=error, **more)


def _stored_message(line: StoredLine | None) -> StoredMessage | None:
    event = None if line is None else decode_event(line.event)
    return StoredMessage(line.sender, event) if line is not None and isinstance(event, Message) else None
