"""Blobs: the bytes of files, apart from what is known of them."""

from trio_chat.store.blobs.directory import FILES, DirectoryBlobs
from trio_chat.store.blobs.interface import (
    FIRST,
    BlobBusy,
    BlobMissing,
    BlobReader,
    BlobsFull,
    BlobStore,
    BlobWriter,
    SealedBlob,
)

__all__ = [
    "FILES",
    "FIRST",
    "BlobBusy",
    "BlobMissing",
    "BlobReader",
    "BlobStore",
    "BlobWriter",
    "BlobsFull",
    "DirectoryBlobs",
    "SealedBlob",
]
