"""Answers that come in several pages, because a page is bounded in bytes: put together to what was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from trio_chat.client.events import Findings, Past
from trio_chat.client.frames import read_event, read_page
from trio_chat.protocol.events import Found, Message, Page

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trio_chat.protocol.events import RoomEvent
    from trio_chat.protocol.requests import History, Search


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
