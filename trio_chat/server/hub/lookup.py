"""Reading from the store what a session asked for: pages of history, and the results of searches.

A task beside the hub reads, so a slow disk delays nobody's messages, and few tasks read at a time. The look-ups of one
session are answered one at a time, each with a page that is bounded in bytes, and not before the peer has taken most of
the pages so far: a client that comes back over a slow connection asks for many pages at once, and must not be
disconnected as too slow for that. What waits is requests, which are small, and a bounded number of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import structlog
import trio
from msgspec import Raw, Struct

from trio_chat.broker.effects import Recall, Seek
from trio_chat.errors import Refusal, StoreError, refuse
from trio_chat.protocol.events import Error, Found, Page
from trio_chat.server.hub.peer import RETRY, Peer
from trio_chat.store import SearchQuery, fill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from trio_chat.server.hub.recipient import Recipient
    from trio_chat.server.tally import Tally
    from trio_chat.store import StoreReader

_READERS: Final = 4
"""Reads at a time: more would only wait for the same disk."""

_SOON: Final = 1.0
"""Seconds after which a client that asked for too many look-ups at once may ask again."""

_PATIENCE: Final = 5.0
"""Seconds that answers wait for a peer to take the pages before them."""

log = structlog.get_logger()


class Lookup:
    """Answers look-ups from the store."""

    def __init__(self, store: StoreReader, tally: Tally, names_of: Callable[[set[int]], dict[int, str]]) -> None:
        self._store = store
        self._tally = tally
        self._names_of = names_of
        self._limiter = trio.CapacityLimiter(_READERS)
        self._asking: set[int] = set()

    def __repr__(self) -> str:
        return f"<Lookup for {len(self._asking)} sessions>"

    def ask(self, effect: Recall | Seek, recipient: Recipient, nursery: trio.Nursery) -> None:
        """Answer a look-up as soon as its turn comes among the session's answers."""
        if not recipient.add_look_up(effect):
            recipient.answer(self._refused(effect, refuse("too_fast", seconds=_SOON)))
        elif effect.session not in self._asking:
            self._asking.add(effect.session)
            nursery.start_soon(self._answer_all, recipient)

    async def _answer_all(self, recipient: Recipient) -> None:
        """A task that lives while a session waits for look-ups."""
        peer = recipient.peer
        try:
            while True:
                with trio.move_on_after(_PATIENCE) as scope:
                    await peer.wait_ready()
                if scope.cancelled_caught:
                    recipient.send_all_held()
                    await peer.wait_ready()
                effect = recipient.next_look_up()
                if effect is None or not peer.takes_more:
                    recipient.drop_look_ups()
                    return
                answer = await self._answer(effect, peer.page_bytes)
                if recipient.next_look_up() is effect:  # else the session has gone meanwhile
                    self._send(peer, effect, answer)
                    recipient.finish_look_up()
        except Exception:  # a bug of ours must not end everybody's chat: this one session ends
            log.exception("answers not sent", session=peer.session)
            peer.close(refuse("internal"), RETRY)
        finally:
            self._asking.discard(peer.session)

    async def _answer(self, effect: Recall | Seek, size: int) -> Page | Found | Error:
        """Read the answer to a look-up."""
        try:
            async with self._limiter:
                return await (self._recall(effect, size) if isinstance(effect, Recall) else self._seek(effect, size))
        except StoreError as error:
            log.error("not read", request=effect.request.id, error=str(error))  # noqa: TRY400 - a known failure, told in a line
        except Exception:  # a bug of ours must not end everybody's chat: this one request fails
            log.exception("look-up failed", session=effect.session, request=effect.request.id)
        return self._refused(effect, refuse("internal"))

    def _send(self, peer: Peer, effect: Recall | Seek, answer: Page | Found | Error) -> None:
        try:
            peer.answer(answer)
        except Exception:  # as in _answer
            log.exception("look-up failed", session=effect.session, request=effect.request.id)
            peer.answer(self._refused(effect, refuse("internal")))

    def _refused(self, effect: Recall | Seek, refusal: Refusal) -> Error:
        self._tally.refuse(refusal.code)
        return Error(id=effect.request.id, code=refusal.code, message=refusal.message, advice=refusal.advice)

    async def _recall(self, effect: Recall, size: int) -> Page:
        request = effect.request
        after = request.after
        if effect.since is not None:
            after = await self._store.seq_at(effect.number, effect.since)
        before = None if after is not None else min(request.before or effect.last + 1, effect.last + 1)
        found = await self._store.read(effect.number, after, before, request.limit, size=size)
        events, more = found.events, found.more
        if after is not None:  # the session gets the events behind the last as they happen
            start = max(after, found.first - 1)
            events = events[: max(0, effect.last - start)]
            more = more and start + len(events) < effect.last
        return Page(
            id=request.id,
            room=request.room,
            events=tuple(map(Raw, events)),
            more=more,
            first=found.first,
            names=self._names_of(accounts_in(events)),
            last=effect.last,
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
            has_file=request.has_file,
            file=request.file,
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
            names=self._names_of(accounts_in(events)),
        )


class _Accounts(Struct):
    """The accounts that a room event names, whatever its type."""

    from_id: int = 0
    target_id: int = 0


_accounts: Final = msgspec.json.Decoder(_Accounts)


def accounts_in(events: Iterable[bytes]) -> set[int]:
    """The accounts that caused these room events, or that were moderated in them."""
    decoded = map(_accounts.decode, events)
    return {number for one in decoded for number in (one.from_id, one.target_id) if number}
