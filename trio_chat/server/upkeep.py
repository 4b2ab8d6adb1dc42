"""What the server does for its store beside the chat: fill the search index, let go of what is too old, and
find out when a store that failed works again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NoReturn, ParamSpec

import structlog
import trio

from trio_chat.errors import StoreError
from trio_chat.server.items import Forgotten

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trio_chat.server.hub import Hub
    from trio_chat.store import Store

_P = ParamSpec("_P")

_INDEXED: Final = 500
"""Lines put into the search index at a time: a few milliseconds of the disk's time."""

_BREATH: Final = 0.05
"""Seconds between two such times, so that messages come first."""

_BUSY: Final = 1.0
"""Seconds between two such times while messages wait for the hub."""

_PRUNING: Final = 3600.0
"""Seconds between two looks for what is too old; it is counted in days."""

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


async def fill_index(hub: Hub, store: Store) -> NoReturn:
    """Keep the search index up with the log."""
    told = ""
    while True:
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
            hub.stored = trio.Event()
            await hub.stored.wait()
            await trio.sleep(_BREATH)


async def prune(hub: Hub, store: Store, keep: float) -> NoReturn:
    """Let go of what is older than ``keep`` days (0: for ever), or than a room's own time."""
    while True:
        try:
            firsts = await store.prune(datetime.now(UTC), keep or None)
        except StoreError as error:
            log.warning("old messages not removed", error=str(error))
        else:
            if firsts:
                log.info("old messages removed", rooms=len(firsts))
                hub.stored.set()
                async with hub.open_inbox() as inbox:
                    await inbox.send(Forgotten(firsts))
        await trio.sleep(_PRUNING)


async def look_over(store: Store) -> NoReturn:
    """Look for damage now and then: what nobody reads would else be found when it is too late for the backups."""
    while True:
        try:
            await store.look_over()  # what it finds, watch_store tells
        except StoreError as error:
            log.warning("database not looked over", error=str(error))
        await trio.sleep(_LOOKING)


async def watch_store(hub: Hub, store: Store) -> NoReturn:
    """While storing fails, try whether it works again: nobody may be sending just now."""
    while True:
        await trio.sleep(_RETRY)
        if hub.failing is None and store.damage is not None:
            hub.failing = store.damage
            log.error("nothing is stored any more", error=store.damage)
        if hub.failing is None:
            continue
        try:
            await store.check_writable()
        except StoreError as error:
            hub.failing = str(error)
        else:
            hub.failing = None
            log.info("storing works again")
