"""Answers that come in several pages, because a page is bounded in bytes: put together to what was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import structs

from trio_chat.client.events import Findings, Past
from trio_chat.client.frames import read_event, read_page
from trio_chat.protocol.events import Found, Message, Page

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

    from trio_chat.protocol.events import BanList, People, RoomEvent, RoomList
    from trio_chat.protocol.requests import History, Search

MOST_LISTED: Final = 100_000
"""Lines of a list after which no further page is asked for: more than there are where all is well."""

A = TypeVar("A", "RoomList", "People", "BanList")
T = TypeVar("T")


async def read_past(ask: Callable[[History], Awaitable[Page]], request: History) -> Past:
    """A stretch of a room's log: as many events as were asked for, where there are so many."""
    onward = request.after is not None or request.since is not None
    limit = request.limit
    lines: list[tuple[int, RoomEvent | None]] = []
    while True:
        page = await ask(structs.replace(request, limit=limit - len(lines)))
        found = list(read_page(page))
        lines = [*lines, *found] if onward else [*found, *lines]
        if not (page.more and found) or len(lines) >= limit:
            return Past(page.room, tuple(event for _, event in lines if event is not None), page.more, page.first)
        after, before = (lines[-1][0], None) if onward else (None, lines[0][0])
        request = structs.replace(request, after=after, before=before, since=None)


async def read_findings(ask: Callable[[Search], Awaitable[Found]], request: Search) -> Findings:
    """What a search finds: as many messages as were asked for, where there are so many."""
    messages: list[Message] = []
    behind = 0
    while True:
        found = await ask(request)
        events = (read_event(bytes(raw)) for raw in found.events)
        messages.extend(event for event in events if isinstance(event, Message))
        behind = max(behind, found.behind)
        rest = request.limit - len(found.events)
        if found.cursor is None or rest <= 0 or not found.events:
            return Findings(tuple(messages), found.cursor, behind)
        request = structs.replace(request, limit=rest, cursor=found.cursor)


async def read_list(
    ask: Callable[[int], Awaitable[A]], lines: Callable[[A], tuple[T, ...]], key: Callable[[T], Hashable]
) -> tuple[T, ...]:
    """A whole list, in its order. ``ask`` gives what follows so many lines; of those with the same ``key``, because
    the list changed from page to page, the last counts."""
    found: dict[Hashable, T] = {}
    came = 0
    while True:
        answer = await ask(came)
        page = lines(answer)
        found.update((key(line), line) for line in page)
        came += len(page)
        if not (answer.more and page) or came >= MOST_LISTED:
            return tuple(found.values())
