"""Claims to uploads: one request at a time writes to one. A request that has stopped moving gives way to the next.

Theory of operation. A client that lost its connection comes back on another, and asks where to go on. The server may
not know of the loss: a laptop that slept leaves a connection from which nothing comes any more. So a request that wants
the upload waits a moment for the other to end, which after a cut it does at once; then it takes over from one that has
brought no bytes for some seconds, and is refused by one that still brings some.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import trio

from trio_chat.errors import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

STALLED: Final = 5.0
"""Seconds without a byte after which a request gives way to another one for the same upload."""

PATIENCE: Final = 2.0
"""Seconds that a request waits for an upload that another one has: the other may be about to end."""


class UploadClaim:
    """The right to write to one upload. Another request cancels ``scope`` to take over; then this one has ``lost`` the
    upload."""

    def __init__(self) -> None:
        self.scope = trio.CancelScope()
        self.lost = False
        self._moved_at = trio.current_time()
        self._ended = trio.Event()

    def __repr__(self) -> str:
        return f"<UploadClaim{', lost' if self.lost else ''}>"

    def moved(self) -> None:
        """Note that bytes came."""
        self._moved_at = trio.current_time()

    @property
    def stalled(self) -> bool:
        """Whether no bytes have come for a while."""
        return trio.current_time() - self._moved_at >= STALLED

    def interrupt(self) -> None:
        """Cancel what writes under this claim."""
        self.lost = True
        self.scope.cancel()

    def end(self) -> None:
        """Let the next one have the upload."""
        self._ended.set()

    async def wait_ended(self) -> None:
        """Return when the upload is free."""
        await self._ended.wait()


class UploadClaims:
    """See the module."""

    def __init__(self) -> None:
        self._held: dict[str, UploadClaim] = {}

    def __repr__(self) -> str:
        return f"<UploadClaims: {len(self._held)} held>"

    @contextlib.asynccontextmanager
    async def hold(self, upload: str, *, take: bool = False) -> AsyncIterator[UploadClaim | Refusal]:
        """Hold the claim to an upload while the block runs; the block gets a refusal if another request keeps it.

        With ``take`` it is taken over from any other request.
        """
        if not await self._wait_free(upload, take=take):
            yield refuse("upload_busy")
            return
        claim = self._held[upload] = UploadClaim()
        try:
            yield claim
        finally:
            del self._held[upload]
            claim.end()

    async def _wait_free(self, upload: str, *, take: bool) -> bool:
        """Wait until nobody holds an upload; return whether that is so."""
        with trio.move_on_after(PATIENCE):
            while (held := self._held.get(upload)) is not None:
                if take or held.stalled:
                    held.interrupt()
                await held.wait_ended()
        held = self._held.get(upload)
        while held is not None and (take or held.stalled):  # it ends as soon as what came is on the disk
            held.interrupt()
            await held.wait_ended()
            held = self._held.get(upload)
        return held is None
