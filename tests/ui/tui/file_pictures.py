"""Pictures of files in the full screen for the documentation: an upload under way, a row of a file, and a preview.

    python -m tests.ui.tui.file_pictures docs/screens

The programs and the server are the real ones; the image is drawn here.
"""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw

from tests.programs import ServerProgram, as_somebody
from tests.ui.tui.pictures import picture
from tests.ui.tui.screens import Screen
from trio_chat.client import Chat

_LARGE = 90 * 1024 * 1024  # bytes: it has to take a moment


def landscape() -> bytes:
    """A PNG of hills under an evening sky."""
    width, height = 480, 270
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    for y in range(height):
        part = y / height
        draw.line((0, y, width, y), fill=(int(40 + 200 * part), int(60 + 90 * part), int(120 - 30 * part)))
    draw.ellipse((310, 70, 390, 150), fill=(255, 214, 120))
    draw.polygon([(0, 200), (120, 110), (240, 190), (340, 130), (480, 210), (480, 270), (0, 270)], fill=(58, 66, 92))
    draw.polygon([(0, 240), (160, 180), (300, 240), (480, 190), (480, 270), (0, 270)], fill=(34, 44, 58))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def preview(url: str, home: Path) -> Screen:
    """Bob has sent a log and an image; ada looks at the image."""
    (home / "build.log").write_text("".join(f"step {n}: ok\n" for n in range(900)), "utf-8")
    (home / "evening.png").write_bytes(landscape())

    async def send(chat: Chat) -> None:
        await chat.send_file("#lobby", home / "build.log", "it failed here")
        await chat.send_file("#lobby", home / "evening.png", "and this is from the hill behind the office")

    as_somebody(url, "bob", send)
    screen = Screen(url, home, columns=100, rows=32, COLORTERM="truecolor").ready()
    screen.wait_for("evening.png")
    screen.type("/preview\r")
    screen.wait_for("▀▀")
    screen.wait_drawn()
    return screen


def sending(url: str, home: Path) -> Screen:
    """Ada sends two large files."""
    for name in ("core.1187", "core.1188"):
        (home / name).write_bytes(os.urandom(_LARGE))
    screen = Screen(url, home, columns=100, rows=16).ready()
    screen.type(f"/send {home}/core.1187 {home}/core.1188 both of last night\r")
    screen.wait_for("Send a large file")
    screen.type("\r")
    screen.wait_until(lambda: re.search(r" [4-9]\d% of .* left", screen.text) is not None, "the rate")
    return screen


def main() -> int:
    """Draw the pictures into the folder of the first argument."""
    folder = Path(sys.argv[1])
    for name, state in (("preview", preview), ("sending", sending)):
        with tempfile.TemporaryDirectory() as home, ServerProgram() as server, state(server.url, Path(home)) as screen:
            (folder / f"{name}.svg").write_text(picture(screen.screen, name), "utf-8")
            sys.stdout.write(f"{name}\n{screen.picture()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
