"""Reading from the store what a session asked for: stretches of history, and what a search finds.

It happens beside the hub's own work, so that a slow disk delays nobody's messages, and few at a time. Of one session
one question is answered at a time, in a page that is bounded in bytes, and not before the answers so far are nearly
out: who comes back over a slow connection asks for many pages at once, and must not be told for that that they
are too slow. What waits so is questions, which are small, and not too many.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import structlog
import trio
from msgspec import Raw

from trio_chat.broker.effects import Recall, Seek
from trio_chat.errors import Refusal, StoreError, refuse
from trio_chat.protocol.codec import encode
from trio_chat.protocol.events import Error, Found, Page
from trio_chat.server.net.frames import text_frame
from trio_chat.server.net.outbox import SHARE
from trio_chat.store import SearchQuery, fill

if TYPE_CHECKING:
    from trio_chat.server.net.outbox import Outbox
    from trio_chat.server.tally import Tally
    from trio_chat.store import StoreReader

_READERS: Final = 4
"""Reads at a time: more would only wait for the same disk."""

_WAITING: Final = 256
"""Questions of one session that may wait: whoever comes back asks one for each of their rooms."""

_SOON: Final = 1.0
"""Seconds after which somebody who asked too many at once may ask again."""

log = structlog.get_logger()


class Lookup:
    """Answers from the store."""

    def __init__(self, store: StoreReader, tally: Tally) -> None:
        self._store = store
        self._tally = tally
        self._limiter = trio.CapacityLimiter(_READERS)
        self._asked: dict[int, deque[Recall | Seek]] = {}

    def __repr__(self) -> str:
        return f"<Lookup for {len(self._asked)} sessions>"

    def ask(self, effect: Recall | Seek, outbox: Outbox, nursery: trio.Nursery) -> None:
        """Have this answered into its session's outbox, behind what the session asked before."""
        asked = self._asked.get(effect.session)
        if asked is None:
            asked = self._asked[effect.session] = deque([effect])
            nursery.start_soon(self._answer_all, effect.session, asked, outbox)
        elif len(asked) < _WAITING:
            asked.append(effect)
        else:
            outbox.write(self._refused(effect, refuse("too_fast", seconds=_SOON)))

    def forget(self, session: int) -> None:
        """Whoever asked is gone."""
        self._asked.get(session, deque()).clear()

    async def _answer_all(self, session: int, asked: deque[Recall | Seek], outbox: Outbox) -> None:
        """A task that lives while a session waits for answers."""
        size = outbox.limit // SHARE
        try:
            while True:
                await outbox.wait_room(size)
                if not (asked and outbox.takes_more):
                    return
                outbox.write(await self._answer(asked[0], size))
                if asked:  # a session that went meanwhile has none any more
                    asked.popleft()
        finally:
            del self._asked[session]

    async def _answer(self, effect: Recall | Seek, size: int) -> bytes:
        """What the session gets: the answer, or an error."""
        try:
            async with self._limiter:
                found = await (self._recall(effect, size) if isinstance(effect, Recall) else self._seek(effect, size))
            return text_frame(encode(found))
        except StoreError as error:
            log.error("not read", request=effect.request.id, error=str(error))  # noqa: TRY400 - a known failure, told in a line
        except Exception:  # a bug of ours must not end everybody's chat: this one request fails
            log.exception("look-up failed", session=effect.session, request=effect.request.id)
        return self._refused(effect, refuse("internal"))

    def _refused(self, effect: Recall | Seek, refusal: Refusal) -> bytes:
        self._tally.refuse(refusal.code)
        event = Error(id=effect.request.id, code=refusal.code, message=refusal.message, advice=refusal.advice)
        return text_frame(encode(event))

    async def _recall(self, effect: Recall, size: int) -> Page:
        request = effect.request
        after = request.after
        if effect.since is not None:
            after = await self._store.seq_at(effect.number, effect.since)
        stretch = await self._store.read(effect.number, after, request.before, request.limit, size=size)
        return Page(
            id=request.id,
            room=request.room,
            events=tuple(map(Raw, stretch.events)),
            more=stretch.more,
            first=stretch.first,
        )

    async def _seek(self, effect: Seek, size: int) -> Found:
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
        events, cut = fill((hit.event for hit in found.hits), size)
        return Found(
            id=request.id,
            events=tuple(map(Raw, events)),
            cursor=found.hits[len(events) - 1].id if cut or found.more else None,
            behind=found.behind,
        )
