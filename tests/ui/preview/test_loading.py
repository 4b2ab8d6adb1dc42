"""An image is fetched only if it can be shown, and never more of it than that."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from trio_chat.errors import NotDone
from trio_chat.protocol.parts import FileInfo
from trio_chat.ui.preview.decoding import MOST_BYTES
from trio_chat.ui.preview.loading import load_image


class Server:
    """Gives pieces of a file, and counts them."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.given = 0
        self.closed = False

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncGenerator[bytes]]:
        async def pieces() -> AsyncGenerator[bytes]:
            for piece in self.pieces:
                self.given += 1
                yield piece

        async with aclosing(pieces()) as given:
            yield given
        self.closed = True


def info(kind: str = "image/png", size: int = 6) -> FileInfo:
    return FileInfo(id="f", name="photo.png\x1b[2J", size=size, kind=kind, sha256="ab" * 32)


async def test_an_image_is_fetched_whole() -> None:
    server = Server(b"abc", b"def")
    assert await load_image(server.open(), info()) == b"abcdef"
    assert server.closed


@pytest.mark.parametrize("file", [info("text/plain"), info("image/svg+xml"), info(size=MOST_BYTES + 1)])
async def test_what_cannot_be_shown_is_not_fetched(file: FileInfo) -> None:
    server = Server(b"abc")
    with pytest.raises(NotDone) as caught:
        await load_image(server.open(), file)
    assert "\x1b" not in caught.value.message
    assert server.given == 0


async def test_a_server_that_sends_more_than_it_said_is_stopped() -> None:
    server = Server(*[bytes(1 << 22)] * 100)
    with pytest.raises(NotDone, match="images of at most"):
        await load_image(server.open(), info())
    assert server.given == MOST_BYTES // (1 << 22) + 1
