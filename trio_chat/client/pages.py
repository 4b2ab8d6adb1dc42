"""Answers in several pages, put together. A page is bounded in bytes, so it may hold less than was asked for."""

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
"""Entries of a list after which no further page is asked for; no working server has so many."""

A = TypeVar("A", "RoomList", "People", "BanList")
T = TypeVar("T")


async def read_past(ask: Callable[[History], Awaitable[Page]], request: History) -> Past:
    """Ask for past events, page by page, until there are as many as requested or no more."""
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
    """Search, page by page, until there are as many messages as requested or no more."""
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
    """Ask for a whole list, page by page. ``ask`` is given the number of entries to skip. A list may change from page
    to page: of entries with the same ``key`` the last one counts."""
    found: dict[Hashable, T] = {}
    came = 0
    while True:
        answer = await ask(came)
        page = lines(answer)
        found.update((key(line), line) for line in page)
        came += len(page)
        if not (answer.more and page) or came >= MOST_LISTED:
            return tuple(found.values())
