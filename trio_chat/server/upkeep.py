"""The server's work for its store beside the chat: it fills the search index, removes old messages, and notices when a
store fails or works again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NoReturn, ParamSpec

import structlog
import trio

from trio_chat.errors import StoreError
from trio_chat.server.blob_upkeep import remove_blobs, remove_unneeded
from trio_chat.server.hub.items import LogsTrimmed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trio_chat.server.hub.clock import Clock
    from trio_chat.server.hub.hub import Hub
    from trio_chat.store import Store, StoreUpkeep
    from trio_chat.store.blobs import BlobStore

_P = ParamSpec("_P")

_INDEXED: Final = 500
"""Lines put into the search index at a time: a few milliseconds of disk time."""

_PAUSE: Final = 0.05
"""Seconds between two portions for the index, so that messages come first."""

_BUSY_PAUSE: Final = 1.0
"""Seconds between two portions while messages wait for the hub."""

_FINISHING: Final = 5.0
"""Seconds that the end of the server may take to remove deleted texts from the disk; mostly it takes hundredths."""

_PRUNING: Final = 3600.0
"""Seconds between two removals of old messages; their age is counted in days."""

_FIRST_CHECK: Final = 60.0
"""Seconds from the start to the first check for damage: clients that waited for the server come first."""

_CHECKING: Final = 3600.0
"""Seconds between two checks for damage: a check takes a thread half a second for a million messages."""

_STORE_PROBE: Final = 2.0
"""Seconds between two probes whether the store works, and between two attempts after it failed."""

_AFTER_A_BUG: Final = 60.0
"""Seconds after which a task is restarted that failed by a bug: its traceback is long."""

log = structlog.get_logger()


class Upkeep:
    """The upkeep of a hub's store. Messages older than ``keep`` days are removed; 0 keeps them for ever. Files older
    than ``keep_files`` days are removed too; 0 keeps them as long as their messages."""

    def __init__(
        self, hub: Hub, store: Store, blobs: BlobStore, keep: float, clock: Clock, keep_files: float = 0.0
    ) -> None:
        self.store = store
        self._hub = hub
        self._keep = keep
        self._blobs = blobs
        self._keep_files = keep_files
        self._clock = clock

    def __repr__(self) -> str:
        return f"<Upkeep of {self.store!r}>"

    def start(self, nursery: trio.Nursery) -> None:
        """Start the tasks that run until they are cancelled."""
        nursery.start_soon(_run_for_ever, fill_index, self._hub, self.store)
        nursery.start_soon(_run_for_ever, prune, self._hub, self.store, self._keep, self._clock, self._keep_files)
        nursery.start_soon(_run_for_ever, remove_blobs, self.store, self._blobs)
        nursery.start_soon(_run_for_ever, check_for_damage, self.store)
        nursery.start_soon(_run_for_ever, watch_store, self._hub, self.store)

    async def finish(self) -> None:
        """Remove deleted texts and files from the disk at the end of the server, as far as that is soon done."""
        await finish(self.store)
        with trio.move_on_after(_FINISHING):
            try:
                await remove_unneeded(self.store, self._blobs)
            except StoreError as error:
                log.warning("files not removed", error=str(error), advice="the next start goes on with it")


async def _run_for_ever(task: Callable[_P, Awaitable[NoReturn]], *args: _P.args, **kwargs: _P.kwargs) -> NoReturn:
    """Run a task, and let none of its errors past: the chat goes on without it."""
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
        stored = hub.storing.stored = trio.Event()  # before the store is asked: a commit may come meanwhile
        try:
            left = await store.index_some(_INDEXED)
        except StoreError as error:
            if str(error) != told:  # once is enough while the failure goes on
                log.warning("search index not filled", error=str(error))
            told = str(error)
            await trio.sleep(_STORE_PROBE)
            continue
        told = ""
        if left:
            await trio.sleep(_BUSY_PAUSE if hub.waiting else _PAUSE)
        else:
            await stored.wait()
            await trio.sleep(_PAUSE)


async def finish(store: StoreUpkeep) -> None:
    """Remove deleted texts from the disk, as far as that is soon done."""
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
            if before is not None and left >= before:  # a reader of the database still needs them
                await trio.sleep(_PAUSE)
        return
    log.warning("not all that was deleted is removed from the disk", advice=advice)


async def prune(hub: Hub, store: Store, keep: float, clock: Clock, keep_files: float = 0.0) -> NoReturn:
    """Remove messages older than ``keep`` days (0: none), or than their room's own limit, and files older than
    ``keep_files`` days (0: none)."""
    while True:
        firsts: dict[int, int] = {}
        files = 0
        now = datetime.fromtimestamp(clock.earlier(), UTC)
        try:
            firsts = await store.prune(now, keep or None)
            if keep_files:
                files = await store.prune_files(now, keep_files)
        except StoreError as error:
            log.warning("old messages not removed", error=str(error))
        if firsts or files:
            log.info("old messages removed", rooms=len(firsts), files=files)
            hub.storing.stored.set()
            async with hub.open_inbox() as inbox:
                await inbox.send(LogsTrimmed(firsts))
        await trio.sleep(_PRUNING)


async def check_for_damage(store: StoreUpkeep) -> NoReturn:
    """Check the store for damage now and then. Damage where nobody reads would else be found when all backups have it
    too."""
    await trio.sleep(_FIRST_CHECK)
    while True:
        try:
            await store.look_over()  # watch_store tells of the damage that it finds
        except StoreError as error:
            log.warning("database not looked over", error=str(error))
        await trio.sleep(_CHECKING)


async def _find_fault(store: StoreUpkeep) -> str | None:
    """Say what is wrong with a store, though no request has met it yet."""
    try:
        await store.check_in_place()
    except StoreError as error:
        return str(error)
    return store.damage


async def watch_store(hub: Hub, store: StoreUpkeep) -> NoReturn:
    """Notice that the store fails, works again, or does not answer, even while no client sends anything."""
    since: float | None = None
    told: float | None = None
    while True:
        await trio.sleep(_STORE_PROBE)
        before, since = since, hub.storing.since
        if since is not None and since == before != told:
            told = since
            log.warning("the store does not answer", error=hub.storing.waits_for)
        if hub.storing.failing is None:
            wrong = await _find_fault(store)
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
