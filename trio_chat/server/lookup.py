"""Reading from the store what a session asked for: stretches of history, and what a search finds.

It happens beside the hub's own work, so that a slow disk delays nobody's messages, and few at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
import trio
from msgspec import Raw

from trio_chat.broker.effects import Recall, Seek
from trio_chat.errors import StoreError, refuse
from trio_chat.protocol.events import Error, Event, Found, Page
from trio_chat.store import SearchQuery

if TYPE_CHECKING:
    from trio_chat.store import Store

_READERS: Final = 4
"""Reads at a time: more would only wait for the same disk."""

log = structlog.get_logger()


class Lookup:
    """Answers from the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._limiter = trio.CapacityLimiter(_READERS)

    async def answer(self, effect: Recall | Seek) -> Event:
        """What the session gets: the answer, or an error."""
        try:
            async with self._limiter:
                return await (self._recall(effect) if isinstance(effect, Recall) else self._seek(effect))
        except StoreError as error:
            log.error("not read", request=effect.request.id, error=str(error))  # noqa: TRY400 - a known failure, told in a line
        except Exception:  # a bug of ours must not end everybody's chat: this one request fails
            log.exception("look-up failed", session=effect.session, request=effect.request.id)
        refusal = refuse("internal")
        return Error(id=effect.request.id, code=refusal.code, message=refusal.message, advice=refusal.advice)

    async def _recall(self, effect: Recall) -> Page:
        request = effect.request
        after = request.after
        if effect.since is not None:
            after = await self._store.seq_at(effect.number, effect.since)
        stretch = await self._store.read(effect.number, after, request.before, request.limit)
        return Page(
            id=request.id,
            room=request.room,
            events=tuple(map(Raw, stretch.events)),
            more=stretch.more,
            first=stretch.first,
        )

    async def _seek(self, effect: Seek) -> Found:
        request = effect.request
        query = SearchQuery(
            words=request.words,
            rooms=tuple((room, 0) for room in effect.rooms),
            senders=() if effect.sender is None else (effect.sender,),
            before=effect.before,
            after=effect.after,
            has_link=request.has_link,
            limit=request.limit,
            before_id=request.cursor,
        )
        found = await self._store.search(query)
        return Found(
            id=request.id,
            events=tuple(Raw(hit.event) for hit in found.hits),
            cursor=found.hits[-1].id if found.more else None,
            behind=found.behind,
        )
