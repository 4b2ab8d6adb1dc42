"""Fetching an image for its preview, into memory and within its limit."""

from __future__ import annotations

from collections.abc import AsyncIterable
from contextlib import AbstractAsyncContextManager

from trio_chat.protocol.parts import FileInfo
from trio_chat.protocol.text import clean_line
from trio_chat.ui.preview.decoding import check_image


async def load_image(opened: AbstractAsyncContextManager[AsyncIterable[bytes]], file: FileInfo) -> bytes:
    """Fetch an image. ``opened`` is the result of ``Chat.open_file``, which fetches nothing before it is entered.

    Raises ``NotDone`` when the file cannot be previewed, before anything is fetched, and what ``open_file`` raises.
    """
    name = clean_line(file.name)
    check_image(file.size, file.kind, name)
    data = bytearray()
    async with opened as pieces:
        async for piece in pieces:
            data += piece
            check_image(len(data), file.kind, name)  # a server may send more than it said
    return bytes(data)
