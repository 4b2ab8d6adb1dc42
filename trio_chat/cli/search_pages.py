"""The messages that a search finds, page by page, for the commands that list them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trio_chat.cli.faults import say

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trio_chat.client import Chat
    from trio_chat.protocol.events import Message
    from trio_chat.protocol.query import Query

_PAGE: Final = 100
"""The most messages in one reply (the protocol's limit)."""


async def find_messages(chat: Chat, query: Query, limit: int) -> AsyncIterator[Message]:
    """Give at most ``limit`` messages, the newest first. The times of the query are in the protocol's form.

    Says on the standard error if the newest messages cannot be found yet. Raises ``ChatError``.
    """
    by_index = bool(query.words or query.has_link or not (query.has_file or query.file))  # files are found without it
    cursor: int | None = None
    while limit > 0:
        found = await chat.search(
            *query.words,
            room=query.room,
            sender=query.sender,
            before=query.before,
            after=query.after,
            has_link=query.has_link,
            has_file=query.has_file,
            file=query.file,
            limit=min(limit, _PAGE),
            cursor=cursor,
        )
        if found.behind and by_index and cursor is None:
            say(f"The newest {found.behind} lines cannot be found yet; try again in a moment.")
        for message in found.messages:
            yield message
        limit -= len(found.messages)
        cursor = found.cursor
        if cursor is None:
            return
