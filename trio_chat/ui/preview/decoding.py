"""Decoding an image in a child process with limits; its pixels come back, or the reason why there are none."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import trio

from trio_chat.errors import NotDone
from trio_chat.protocol.file_kinds import LOOKED_AT, is_image, kind_of
from trio_chat.protocol.files import size_words
from trio_chat.ui.preview.picture import Picture

MOST_BYTES: Final = 32 * 1024 * 1024
"""Bytes of an image that is previewed: more than any camera's."""
INSTALL: Final = "Install Pillow beside trio-chat, for example: pip install 'trio-chat[images]'"
"""How to install what decodes images."""
_LONGEST_HEAD: Final = 64
_SHOWN: Final = re.compile(rb"ok ([0-9]{1,6}) ([0-9]{1,6})")
_PROGRAM: Final = Path(__file__).with_name("decoder.py")


@dataclass(frozen=True, slots=True)
class DecodingLimits:
    """The limits of the child process: ``pixels`` of the image, ``memory`` in bytes of addresses, ``seconds`` of the
    clock (and of the processor, rounded up).

    32 million pixels are a print of 50 by 70 cm; photographs with more are JPEG, which is decoded at a part of its
    size. Decoded they need 128 MB, twice for a moment, and Python with its libraries a hundred.
    """

    pixels: int = 32_000_000
    memory: int = 640 * 1024 * 1024
    seconds: float = 10.0


def check_image(size: int, kind: str, name: str) -> None:
    """Raise ``NotDone`` for a file that cannot be previewed, by what is known before its bytes are here: its size in
    bytes and its kind; or because Pillow is not installed."""
    if not is_image(kind):
        raise NotDone("no_image", f"{name} is no image.", "Only PNG, JPEG, GIF, WebP, BMP and AVIF are shown.")
    if size > MOST_BYTES:
        why = f"{name} has {size_words(size)}; images of at most {size_words(MOST_BYTES)} are shown."
        raise NotDone("large_image", why, "Save it and open it with another program.")
    if find_spec("PIL") is None:
        raise NotDone("no_pillow", "Pillow, which decodes images, is not installed.", INSTALL)


async def decode_image(
    data: bytes, width: int, height: int, name: str, limits: DecodingLimits = DecodingLimits()
) -> Picture:
    """Decode the first picture of an image, made to fit into ``width`` by ``height`` pixels.

    ``name`` is the file's, for the sentences. The child process is dead when this returns, raises or is cancelled.
    Raises ``NotDone`` when the bytes are no image, are damaged, have too many pixels, or take too much time or memory.
    """
    check_image(len(data), kind_of(data[:LOOKED_AT], len(data)).kind, name)
    most = _LONGEST_HEAD + width * height * 3
    answer = b""
    with trio.move_on_after(limits.seconds) as limit:
        answer = await _run(_command(width, height, limits), data, most)
    if limit.cancelled_caught:
        raise _refusal(name, "time")
    head, _, rgb = answer.partition(b"\n")
    if (shown := _SHOWN.fullmatch(head)) is not None:
        picture = Picture(int(shown[1]), int(shown[2]), rgb)
        fits = 0 < picture.width <= width and 0 < picture.height <= height
        if fits and len(rgb) == picture.width * picture.height * 3:
            return picture
    raise _refusal(name, head[3:].decode("ascii", "replace"))


def _refusal(name: str, code: str) -> NotDone:
    save = "Save it and open it with another program."
    why, advice = {
        "pillow": ("cannot be decoded: Pillow cannot be imported.", INSTALL),
        "large": ("is too large to be shown.", save),
        "pixels": ("has too many pixels to be shown.", save),
        "memory": ("needs too much memory to be shown.", save),
        "time": ("takes too long to decode.", save),
        "image": ("cannot be decoded: it is damaged, or no image.", "Ask for it again, or save it."),
    }.get(code, ("cannot be decoded: the decoder crashed, or was ended by a limit.", save))
    return NotDone("not_shown", f"{name} {why}", advice)


def _command(width: int, height: int, limits: DecodingLimits) -> list[str]:
    spec = find_spec("PIL")
    folder = Path(spec.origin).parent.parent if spec is not None and spec.origin else Path()
    numbers = (width, height, limits.pixels, MOST_BYTES, limits.memory, math.ceil(limits.seconds))
    return [sys.executable, "-I", "-B", str(_PROGRAM), str(folder), *map(str, numbers)]


async def _run(command: list[str], data: bytes, most: int) -> bytes:
    """Run the child; returns at most ``most`` bytes of what it writes. Its environment is what Windows needs."""
    env = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    try:
        process = await trio.lowlevel.open_process(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, cwd=Path("/")
        )
    except OSError as error:
        raise NotDone("not_shown", f"The decoder of images cannot be started: {error}.", "") from error
    assert process.stdin is not None  # noqa: S101 - both are pipes, as asked for
    assert process.stdout is not None  # noqa: S101 - as above
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_feed, process.stdin, data)
            answer = await _read(process.stdout, most)
            nursery.cancel_scope.cancel()  # it may have answered before it had all bytes
        return answer
    finally:
        process.kill()
        with trio.CancelScope(shield=True):  # a killed process ends at once
            await process.wait()
            await process.stdin.aclose()
            await process.stdout.aclose()


async def _feed(stream: trio.abc.SendStream, data: bytes) -> None:
    with suppress(trio.BrokenResourceError):  # it did not want all
        await stream.send_all(data)
    await stream.aclose()


async def _read(stream: trio.abc.ReceiveStream, most: int) -> bytes:
    read = bytearray()
    async for piece in stream:
        read += piece
        if len(read) > most:
            break
    return bytes(read[:most])
