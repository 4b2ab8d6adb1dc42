"""Search. Each test runs against all implementations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.store.committing import save
from trio_chat.records import Amend, DropRoom, Redact
from trio_chat.store import SearchQuery

if TYPE_CHECKING:
    from tests.store.conftest import Pen
    from trio_chat.store import Store

HERE = ((1, 0),)


async def settle(store: Store) -> None:
    while await store.index_some(100):
        pass


async def found(store: Store, *words: str, **more: object) -> list[int]:
    """The sequence numbers of what these words find, in room 1 if nothing else is said."""
    query = SearchQuery(words, **{"rooms": HERE, **more})  # type: ignore[arg-type] # whatever the test asks
    answer = await store.search(query)
    assert not answer.behind
    return [hit.seq for hit in answer.hits]


async def write(store: Store, pen: Pen, *texts: str) -> None:
    await save(store, [pen.room(1), *pen.lines(*texts)])
    await settle(store)


async def test_hits_come_newest_first_with_their_events(store: Store, pen: Pen) -> None:
    await write(store, pen, "ship it", "no", "Ship!", "shipping")
    answer = await store.search(SearchQuery(("ship",), HERE))
    assert [(hit.room, hit.seq, hit.event) for hit in answer.hits] == [
        (1, 3, pen.event(3, "Ship!")),
        (1, 1, pen.event(1, "ship it")),
    ]
    assert not answer.more
    assert answer.hits[0].id > answer.hits[1].id


async def test_a_hit_contains_all_words(store: Store, pen: Pen) -> None:
    await write(store, pen, "red green", "green red blue", "blue")
    assert await found(store, "red", "blue") == [2]
    assert await found(store, "green red") == [2]
    assert await found(store, "re*") == [2, 1]
    assert await found(store, "red", "...") == [2, 1]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("明日は東京に行きます", "東京"),
        ("今天天气很好", "天气"),
        ("学校에서 만나요", "만나"),
        ("วันนี้อากาศดี", "อากาศ"),
        ("Это ПРИВЕТ из Москвы", "привет"),
        ("Ёлка зелёная", "зеленая"),
        ("السَّلامُ عليكم", "السلام"),
        ("שָׁלוֹם לכולם", "שלום"),
        ("नमस्ते दुनिया", "दुनिया"),
        ("done 👍🏽 now", "👍"),
        ("we 🇩🇪 won", "🇩🇪"),
        ("un café très CHAUD", "cafe"),
        ("ﬁle ＡＢＣ", "file abc"),  # noqa: RUF001 - these letters are meant
        ("Straße", "STRASSE"),
        ("see src/app_main.py:12", "app_main.py"),
    ],
)
async def test_words_of_any_script_are_found_and_no_other_words(store: Store, pen: Pen, text: str, word: str) -> None:
    await write(store, pen, "something else", text, "京東 气天 other", "👎 🇫🇷")
    assert await found(store, word) == [2]


@pytest.mark.parametrize(
    "word",
    [
        '"',
        '""',
        "' OR 1=1 --",
        "a AND",
        "NOT a",
        "a OR b",
        "NEAR(a b)",
        "text:a",
        "tags:r2",
        "{tags} : r2",
        "^a",
        "-a",
        "a*b*",
        "*",
        "(",
        ")",
        "a) OR (b",
        "\x00",
        "\ud800",
        "%",
        "_",
        "\\",
        ";DROP TABLE events",
        "x" * 100_000,
        "日" * 5_000,
        " ".join(["a"] * 3_000),
    ],
)
async def test_any_text_is_a_valid_search_and_never_a_query_operator(store: Store, pen: Pen, word: str) -> None:
    await save(store, [pen.room(2, "#secret"), pen.line("r2 a b OR 1=1 x", room=2)])
    await write(store, pen, "nothing of that", "1 2 3")
    assert await found(store, word) == []
    assert await found(store, word, has_link=True) == []


async def test_a_text_finds_itself_however_odd(store: Store, pen: Pen) -> None:
    odd = ['say "hi" AND (go) NOT*', "C:\\x\\y", "a'b;c--d", "NEAR/2 OR", "{text} : ^x + y"]
    await write(store, pen, *odd)
    for seq, text in enumerate(odd, 1):
        assert await found(store, text) == [seq]


async def test_only_the_given_rooms_are_searched_and_only_after_their_floors(store: Store, pen: Pen) -> None:
    rooms = range(1, 13)
    await save(store, [pen.room(room, f"#r{room}") for room in rooms])
    for _ in range(3):
        await save(store, [pen.line("word", room=room) for room in rooms])
    await settle(store)

    async def places(*asked: tuple[int, int], **more: object) -> list[tuple[int, int]]:
        answer = await store.search(SearchQuery(("word",), asked, **more))  # type: ignore[arg-type] # as the test asks
        return [(hit.room, hit.seq) for hit in answer.hits]

    assert await places((2, 0)) == [(2, 3), (2, 2), (2, 1)]
    assert await places((2, 2), (5, 3), (7, 1)) == [(7, 3), (2, 3), (7, 2)]
    assert await places() == []
    assert await places((99, 0)) == []
    many = [(room, 2) for room in rooms if room != 4]
    assert await places(*many) == [(room, 3) for room, _ in many[::-1]]


async def test_senders_times_and_links_narrow_a_search(store: Store, pen: Pen) -> None:
    await save(store, [pen.room(1), pen.line("a https://x.example", sender=1), pen.line("a", sender=2)])
    pen.wait(days=1)
    await save(store, [pen.line("a www.x.example", sender=2), pen.line("a", sender=3), pen.line("", sender=2)])
    await settle(store)
    assert await found(store, "a", senders=(2,)) == [3, 2]
    assert await found(store, "a", senders=(1, 3)) == [4, 1]
    assert await found(store, "a", senders=tuple(range(3, 40))) == [4]
    assert await found(store, senders=(2,)) == [3, 2]
    assert await found(store, "a", has_link=True) == [3, 1]
    assert await found(store, has_link=True, senders=(1,)) == [1]
    assert await found(store, "a", before="2026-01-02") == [2, 1]
    assert await found(store, "a", after="2026-01-02") == [4, 3]
    assert await found(store, "a", after="2026-01-01T00:00:02.000Z", before="2026-01-02T00:00:04.000Z") == [3, 2]
    assert await found(store) == [4, 3, 2, 1]
    assert await found(store, after="2027") == []


async def test_a_line_without_words_is_found_by_its_sender(store: Store, pen: Pen) -> None:
    await write(store, pen, "...", "?!")
    assert await found(store, senders=(1,)) == [2, 1]
    assert await found(store, "...") == []


async def test_a_long_result_comes_in_pages(store: Store, pen: Pen) -> None:
    await write(store, pen, *["word"] * 10)
    first = await store.search(SearchQuery(("word",), HERE, limit=4))
    assert ([hit.seq for hit in first.hits], first.more) == ([10, 9, 8, 7], True)
    second = await store.search(SearchQuery(("word",), HERE, limit=6, before_id=first.hits[-1].id))
    assert ([hit.seq for hit in second.hits], second.more) == ([6, 5, 4, 3, 2, 1], False)
    last = await store.search(SearchQuery(("word",), HERE, before_id=second.hits[-1].id))
    assert last.hits == []
    assert (await store.search(SearchQuery(("word",), HERE, limit=0))).hits == []


async def test_an_edited_line_is_found_by_its_new_words_only(store: Store, pen: Pen) -> None:
    await write(store, pen, "old words", "others", "")
    await save(store, [Amend(1, 1, pen.event(1, "new words"), "new words")])
    assert await found(store, "new") == [1]
    assert await found(store, "old") == []
    assert await found(store, "words") == [1]
    await save(store, [Amend(1, 1, b'{"text":"new words","reactions":1}', "new words"), Amend(1, 3, b"{}", "late")])
    assert await found(store, "new") == [1]
    assert await found(store, "late") == [3]
    await save(store, [Amend(1, 1, b"{}", "")])
    await settle(store)
    assert await found(store, "words") == []


async def test_a_deleted_line_is_not_found_from_the_moment_of_deletion(store: Store, pen: Pen) -> None:
    await write(store, pen, "secret one", "secret two")
    await save(store, [Amend(1, 1, pen.event(1, "secret three"), "secret three"), Redact(1, 1, b'{"text":""}')])
    for _ in range(2):
        assert await found(store, "secret") == [2]
        assert await found(store, "three") == []
        assert await found(store, senders=(1,)) == [2]
        await settle(store)


async def test_lines_of_dropped_rooms_and_pruned_lines_are_not_found(store: Store, pen: Pen) -> None:
    await save(store, [pen.room(1), pen.room(2, "#ops"), pen.line("word"), pen.line("word", room=2)])
    pen.wait(days=3)
    await save(store, pen.lines("word"))
    await settle(store)
    await save(store, [DropRoom(2)])
    await store.prune(pen.now, 1)
    for _ in range(2):
        answer = await store.search(SearchQuery(("word",), ((1, 0), (2, 0))))
        assert [(hit.room, hit.seq) for hit in answer.hits] == [(1, 2)]
        await settle(store)
