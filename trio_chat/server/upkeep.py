"""What the server does for its store beside the chat: fill the search index, let go of what is too old, and
find out when a store that failed works again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NoReturn, ParamSpec

import structlog
import trio

from trio_chat.errors import StoreError
from trio_chat.server.hub.items import Forgotten

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trio_chat.server.hub.hub import Hub
    from trio_chat.store import StoreUpkeep

_P = ParamSpec("_P")

_INDEXED: Final = 500
"""Lines put into the search index at a time: a few milliseconds of the disk's time."""

_BREATH: Final = 0.05
"""Seconds between two such times, so that messages come first."""

_BUSY: Final = 1.0
"""Seconds between two such times while messages wait for the hub."""

_FINISHING: Final = 5.0
"""Seconds that an end may take to remove what was deleted; it is done in some hundredths."""

_PRUNING: Final = 3600.0
"""Seconds between two looks for what is too old; it is counted in days."""

_CALM: Final = 60.0
"""Seconds after the start until the first look for damage: whoever waited for the server comes first."""

_LOOKING: Final = 3600.0
"""Seconds between two looks for damage: half a second of a thread for a million messages."""

_RETRY: Final = 2.0
"""Seconds after which a store that failed is tried again."""

_AFTER_A_BUG: Final = 60.0
"""Seconds after which a task is begun anew that failed as nobody expected: its traceback is long."""

log = structlog.get_logger()


async def keep_up(task: Callable[_P, Awaitable[NoReturn]], *args: _P.args, **kwargs: _P.kwargs) -> NoReturn:
    """Run one of the tasks below, and be the boundary that no error of it passes: the chat goes on without it."""
    while True:
        try:
            await task(*args, **kwargs)
        except Exception:  # a bug of ours must not end everybody's chat
            log.exception("upkeep failed", task=getattr(task, "__name__", repr(task)))
        await trio.sleep(_AFTER_A_BUG)


async def fill_index(hub: Hub, store: StoreUpkeep) -> NoReturn:
    """Keep the search index up with the log."""
    told = ""
    while True:
        stored = hub.storing.stored = trio.Event()  # before it is asked what is left: a commit may come meanwhile
        try:
            left = await store.index_some(_INDEXED)
        except StoreError as error:
            if str(error) != told:  # once is enough while it goes on
                log.warning("search index not filled", error=str(error))
            told = str(error)
            await trio.sleep(_RETRY)
            continue
        told = ""
        if left:
            await trio.sleep(_BUSY if hub.waiting else _BREATH)
        else:
            await stored.wait()
            await trio.sleep(_BREATH)


async def finish(store: StoreUpkeep) -> None:
    """At the end of the server: let nothing stay on the disk that was deleted, as far as that is soon done."""
    advice = "the next start goes on with it"
    left: int | None = None
    with trio.move_on_after(_FINISHING):
        while left != 0:
            before = left
            try:
                left = await store.index_some(_INDEXED)
            except StoreError as error:
                log.warning("not all that was deleted is removed from the disk", error=str(error), advice=advice)
                return
            if before is not None and left >= before:  # somebody reads what is to go
                await trio.sleep(_BREATH)
        return
    log.warning("not all that was deleted is removed from the disk", advice=advice)


async def prune(hub: Hub, store: StoreUpkeep, keep: float) -> NoReturn:
    """Let go of what is older than ``keep`` days (0: for ever), or than a room's own time."""
    while True:
        try:
            firsts = await store.prune(datetime.now(UTC), keep or None)
        except StoreError as error:
            log.warning("old messages not removed", error=str(error))
        else:
            if firsts:
                log.info("old messages removed", rooms=len(firsts))
                hub.storing.stored.set()
                async with hub.open_inbox() as inbox:
                    await inbox.send(Forgotten(firsts))
        await trio.sleep(_PRUNING)


async def look_over(store: StoreUpkeep) -> NoReturn:
    """Look for damage now and then: what nobody reads would else be found when it is too late for the backups."""
    await trio.sleep(_CALM)
    while True:
        try:
            await store.look_over()  # what it finds, watch_store tells
        except StoreError as error:
            log.warning("database not looked over", error=str(error))
        await trio.sleep(_LOOKING)


async def _look_at(store: StoreUpkeep) -> str | None:
    """What is wrong with a store, though nobody has met it yet."""
    try:
        await store.check_in_place()
    except StoreError as error:
        return str(error)
    return store.damage


async def watch_store(hub: Hub, store: StoreUpkeep) -> NoReturn:
    """See whether storing works, and while it fails, whether it works again: nobody may be sending just now."""
    while True:
        await trio.sleep(_RETRY)
        if hub.storing.failing is None:
            wrong = await _look_at(store)
            if wrong is not None:
                hub.storing.failing = wrong
                log.error("nothing is stored any more", error=wrong)
            continue
        try:
            await store.check_writable()
        except StoreError as error:
            hub.storing.failing = str(error)
        else:
            hub.storing.works_again()
