"""The pages of a search: how many messages are asked for, and when the person hears that some are missing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio

from trio_chat.cli.search_pages import find_messages
from trio_chat.client import Chat
from trio_chat.protocol.query import Query


class SearchedChat:
    """Has messages with the numbers from 250 down to 1, of which the server's index lacks three."""

    def __init__(self) -> None:
        self.limits: list[int] = []

    async def search(self, *words: str, limit: int, cursor: int | None, **conditions: Any) -> SimpleNamespace:
        del words, conditions
        await trio.lowlevel.checkpoint()
        self.limits.append(limit)
        last = 250 if cursor is None else cursor
        first = max(last - limit, 0)
        return SimpleNamespace(messages=range(last, first, -1), cursor=first or None, behind=3)


async def found(chat: SearchedChat, query: Query, limit: int) -> list[object]:
    return [message async for message in find_messages(cast("Chat", chat), query, limit)]


@pytest.mark.parametrize(
    ("limit", "asked", "count"), [(20, [20], 20), (150, [100, 50], 150), (1000, [100, 100, 100], 250)]
)
async def test_no_more_is_asked_for_than_is_wanted(limit: int, asked: list[int], count: int) -> None:
    chat = SearchedChat()
    assert await found(chat, Query(words=("tea",)), limit) == list(range(250, 250 - count, -1))
    assert chat.limits == asked


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (Query(words=("tea",)), 1),
        (Query(words=("tea",), has_file=True), 1),
        (Query(room="#ops", has_file=True), 0),
        (Query(file="report"), 0),
    ],
)
async def test_a_search_that_needs_the_index_says_once_what_is_not_in_it_yet(
    query: Query, told: int, capsys: pytest.CaptureFixture[str]
) -> None:
    await found(SearchedChat(), query, 150)
    assert capsys.readouterr().err.count("The newest 3 lines cannot be found yet") == told
