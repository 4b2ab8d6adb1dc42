"""Pictures of the full screen for the documentation, made from a terminal emulator's cells.

    python -m tests.ui.tui.pictures docs/screens

Each is the real program in a pseudo-terminal, in front of a scripted server, brought to a state and drawn cell by
cell. What is said carries the script's own times; what the program tells by itself carries those of the day on which
the pictures are made.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any, Final

import pyte
from pyte.screens import Char

from tests.ui.tui.rich_server import LOBBY, RichServer, Running, TypingNotice, stamp
from tests.ui.tui.screens import Screen
from trio_chat.protocol.codec import encode
from trio_chat.protocol.events import Message, Presence, Reacted

_WIDE, _HIGH = 8.4, 17
_NAMED: Final = {
    "black": "#000000", "red": "#cc241d", "green": "#5f9f3f", "brown": "#b58900", "blue": "#458588",
    "magenta": "#b16286", "cyan": "#5fafaf", "white": "#bbbbbb",
}  # fmt: skip


def picture(screen: pyte.Screen, title: str, ground: str = "#101216", ink: str = "#d4d7dd") -> str:
    """The screen as an SVG, cell by cell."""
    wide, high = screen.columns * _WIDE + 16, screen.lines * _HIGH + 16
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {high:g}" width="{wide:g}" '
        f'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" '
        f'shape-rendering="crispEdges"><title>{escape(title)}</title>'
    )
    parts = [
        head,
        f'<rect width="100%" height="100%" rx="6" fill="{ground}"/>',
    ]
    for y in range(screen.lines):
        row = screen.buffer[y]
        x = 0
        while x < screen.columns:
            cell, start = row[x], x
            text = ""
            while x < screen.columns and row[x][1:] == cell[1:]:
                text += row[x].data
                x += 1
            parts.append(_run(cell, text, start, x - start, y, ground, ink))
    if not screen.cursor.hidden:
        left, top = 8 + screen.cursor.x * _WIDE, 8 + screen.cursor.y * _HIGH
        parts.append(f'<rect x="{left:g}" y="{top:g}" width="2" height="{_HIGH}" fill="{ink}"/>')
    return "\n".join(part for part in parts if part) + "\n</svg>\n"


def _run(cell: Char, text: str, x: int, cells: int, y: int, ground: str, ink: str) -> str:
    front, back = _colour(cell.fg, ink), _colour(cell.bg, ground)
    if cell.reverse:
        front, back = back, front
    left, top = 8 + x * _WIDE, 8 + y * _HIGH
    made = ""
    if back != ground:
        made += f'<rect x="{left:g}" y="{top:g}" width="{cells * _WIDE:g}" height="{_HIGH}" fill="{back}"/>'
    if set(text) == {"▀"}:  # a picture: a font may leave gaps
        return f'{made}<rect x="{left:g}" y="{top:g}" width="{cells * _WIDE:g}" height="{_HIGH / 2:g}" fill="{front}"/>'
    if text.strip():
        looks = ' font-weight="bold"' if cell.bold else ""
        looks += ' font-style="italic"' if cell.italics else ""
        looks += ' text-decoration="underline"' if cell.underscore else ""
        looks += ' text-decoration="line-through"' if cell.strikethrough else ""
        lead = len(text) - len(text.lstrip(" "))
        kept = text.strip(" ")
        span = (cells - lead - (len(text) - len(text.rstrip(" ")))) * _WIDE
        made += (
            f'<text x="{left + lead * _WIDE:g}" y="{top + 13:g}" textLength="{span:g}" lengthAdjust="spacingAndGlyphs"'
            f' fill="{front}"{looks} xml:space="preserve">{escape(kept)}</text>'
        )
    return made


def _colour(name: str, otherwise: str) -> str:
    if name == "default":
        return otherwise
    plain = name.removeprefix("bright")
    return _NAMED.get(plain, f"#{name}" if len(name) == 6 else otherwise)


# ---- the states -------------------------------------------------------------------------------


def talk(server: RichServer) -> None:
    """A conversation with every kind of message."""
    server.people_here = ("ada", "bob", "eve", "mom")
    reactions_of_two = {"👍": ("ada", "bob"), "🎉": ("mom",)}
    said: list[tuple[str, str, int, dict[str, Any]]] = [
        ("bob", "the build is green again", 0, {}),
        ("ada", "good. what was it?", 40, {"reply_to": 1}),
        ("bob", "a race in the cache: `close()` ran **twice**", 60, {}),
        ("bob", "> it only fails on fridays\nwell, *now* we know: https://ci.example/run/1187", 75, {}),
        (
            "eve",
            "```py\nasync with lock:\n    await cache.aclose()\n```",
            180,
            {"reactions": reactions_of_two},
        ),
        ("mom", "@ada dinner at seven?", 400, {}),
        ("ada", "yes! 日本語 and 🍜", 420, {"reply_to": 6, "edited": stamp(430)}),
        ("eve", "", 500, {"deleted": True}),
        ("bob", "waves", 560, {"kind": "action"}),
    ]
    for seq, (sender, text, when, more) in enumerate(said, 1):
        event = Message(room=LOBBY, seq=seq, time=stamp(when), sender=sender, text=text, cid=f"p{seq}", **more)
        server.logs[LOBBY].append(encode(event))
    server.read, server.mentions = 7, 0


def conversation(chat: Running, screen: Screen) -> None:
    screen.wait_for("waves")
    room = chat.open_direct("mom")
    chat.say("psst", "mom", room, time=stamp(600))
    chat.tell(Presence(room=LOBBY, count=5, joined=("sis", "dad"), left=("bob",)))
    chat.tell(TypingNotice(room=LOBBY, name="eve"))
    screen.wait_for("eve is typing")
    screen.type("on my way @mom")
    screen.wait_for("mom (private)>")


def reactions(chat: Running, screen: Screen) -> None:
    conversation(chat, screen)
    event = Reacted(room=LOBBY, seq=10, time=stamp(610), sender="eve", target=6, mark="❤️")
    chat.do(chat.server.publish, event)
    screen.press("C-u", "M-s", "Up", "Up")
    screen.read(0.5)


def overlay(chat: Running, screen: Screen) -> None:
    screen.wait_for("waves")
    screen.press("F1")
    screen.wait_for("Keys and commands")


def switcher(chat: Running, screen: Screen) -> None:
    for room in ("ops", "operations", "garden"):
        screen.type(f"/join #{room}\r")
        screen.wait_for(f"→ #{room}>")
    screen.press("C-k")
    screen.wait_for("Go to")
    screen.type("op")
    screen.wait_until(lambda: "#garden" not in screen.text.split("Go to")[1].split("└")[0], "the list to get shorter")


def search(chat: Running, screen: Screen) -> None:
    screen.wait_for("waves")
    screen.type("/search cache\r")
    screen.wait_for("found")


def outage(chat: Running, screen: Screen) -> None:
    screen.wait_for("waves")
    chat.server.down = True
    chat.server.answer = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
    chat.do(chat.server.session.drop)
    screen.wait_for("no connection for")
    screen.type("I will be late\r")
    screen.wait_for("I will be late …")
    screen.wait_for("1 to send")
    screen.wait_for("next try in")


STATES: Final[dict[str, tuple[Callable[[Running, Screen], None], int, int, tuple[str, ...]]]] = {
    "conversation": (conversation, 100, 28, ()),
    "light": (conversation, 100, 28, ("--theme", "light")),
    "small": (conversation, 40, 12, ()),
    "message": (reactions, 80, 24, ()),
    "keys": (overlay, 80, 24, ()),
    "switcher": (switcher, 80, 24, ()),
    "search": (search, 80, 24, ()),
    "outage": (outage, 100, 24, ()),
}


def main() -> int:
    """Draw all pictures into the folder of the first argument."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, (state, columns, rows, more) in STATES.items():
        with (
            tempfile.TemporaryDirectory() as home,
            Running(talk) as chat,
            Screen(chat.url, Path(home), *more, columns=columns, rows=rows).ready() as screen,
        ):
            state(chat, screen)
            ground, ink = ("#ffffff", "#1c1c1c") if name == "light" else ("#101216", "#d4d7dd")
            (folder / f"{name}.svg").write_text(picture(screen.screen, name, ground, ink), "utf-8")
            sys.stdout.write(f"{name}\n{screen.picture()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
