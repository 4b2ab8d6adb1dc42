"""The interface of a store for blobs: it keeps the bytes of files by their SHA-256, and those of uploads until they are
whole.

The store of records knows the owner of a file and the message that carries it; nothing here does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from trio_chat.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

FIRST: Final = 4096
"""Bytes of the beginning of a blob that :attr:`SealedBlob.first` has: enough to tell what kind of file it is."""


class BlobBusy(StoreError):
    """Somebody writes to the upload."""


class BlobMissing(StoreError):
    """There is no such blob, or no such upload."""


class BlobsFull(StoreError):
    """The disk is full, or the quota of the server's user on it."""


class BlobWriter(Protocol):
    """Writes to the end of one upload. Its methods raise ``BlobsFull`` and ``StoreError``."""

    async def write(self, data: memoryview | bytes) -> None:
        """Write bytes. They may be lost until :meth:`save` returns. A cancellation has effect when they are written."""

    async def save(self) -> int:
        """Have all that was written on the disk; return the size of the upload in bytes."""

    async def drop(self) -> int:
        """Remove from the disk all that was written since this writer was made; return the size in bytes."""


class SealedBlob(Protocol):
    """A blob in its place, which :meth:`BlobStore.remove` leaves there until :meth:`release`.

    ``digest`` is the SHA-256 in 64 hexadecimal digits, and ``first`` the first :data:`FIRST` bytes, or all.
    """

    @property
    def digest(self) -> str:
        """See the class."""

    @property
    def first(self) -> bytes:
        """See the class."""

    def release(self) -> None:
        """Let the blob be removed from now on, if nobody needs it."""


class BlobReader(Protocol):
    """An open blob: a file descriptor to read from, and the size in bytes."""

    @property
    def fd(self) -> int:
        """See the class."""

    @property
    def size(self) -> int:
        """See the class."""

    def close(self) -> None:
        """Close it."""


class BlobStore(Protocol):
    """See the module. An upload has a name of letters, digits, ``-`` and ``_``.

    Methods raise ``StoreError`` when the disk fails, and ``BlobsFull`` when it is full. On cancellation what was begun
    is done to its end first.
    """

    async def begin(self, upload: str) -> None:
        """Make an upload without bytes, durably. One of that name that is there stays as it is."""

    async def size(self, upload: str) -> int | None:
        """Return how many bytes of an upload are on the disk; ``None`` if there is no such upload."""

    def append(self, upload: str, offset: int) -> AbstractAsyncContextManager[BlobWriter]:
        """Write to an upload from an offset on; what it has behind that is removed.

        Raises ``BlobBusy`` while another writer is at it, and ``BlobMissing`` if it has not so many bytes.
        """

    async def seal(self, upload: str, note: Callable[[str], Awaitable[None]] | None = None) -> SealedBlob:
        """Put the bytes of an upload into their place, by their digest, durably. The upload stays until
        :meth:`discard`, so that this can be done again if the digest was lost.

        ``note`` is told of the digest before the blob is in its place, so that a blob that no file gets is found."""

    async def discard(self, upload: str) -> None:
        """Remove an upload. The blob that was made of it stays."""

    def open(self, digest: str) -> BlobReader:
        """Open a blob. Raises ``BlobMissing``."""

    async def remove(self, digest: str, is_dropped: Callable[[str], Awaitable[bool]]) -> bool:
        """Remove a blob, durably, unless it is pinned or ``is_dropped`` says of its digest that a file has it. Returns
        whether it is gone. One that is not there is removed already.

        The question is asked while no upload can be sealed. So the answer still holds when the blob is removed: a file
        whose record is not stored yet pins it.
        """

    async def digests(self) -> list[tuple[str, int]]:
        """Return the digest and the size of each blob."""

    async def uploads(self) -> list[str]:
        """Return the names of the uploads."""
