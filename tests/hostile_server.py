r"""A server that says hostile text wherever it can: in every field of every event, in refusals, in reasons of closing.

Theory of operation. What it says is made from the structs of the protocol, not from a list: :func:`hostile` fills each
field of an event by its type, and :data:`trio_chat.protocol.events.EVENTS` has all of them. So a new event, or a new
field, is hostile without a change here. Three *worlds* differ in what is hostile: in ``texts`` only free texts, so that
a client that refuses an impossible name or time still shows the rest; in ``names`` the names of people and rooms too;
in ``times`` also times.

A client connects, is welcomed, and hears all events. Its requests are answered by hostile answers. When it asks to be
``away``, the server says goodbye and closes.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, Literal, Self

import msgspec
import trio
import trio_websocket
from msgspec import inspect

from trio_chat.protocol import events, requests

World = Literal["texts", "names", "times"]

ESCAPES: Final = (
    "\x1b]52;c;RVZJTA==\x07\x1b]0;pwned\x07\x1b]2;pwned\x1b\\\x1b[31337m\x1b[6n\x1bPq\x1b\\\x1b_x\x1b\\\x1bc"
    "\x9d0;pwned\x9c\x9b7m\x90\x85\x9f"
)
REORDERING: Final = "\u202e\u202d\u2066\u2067\u2069\u200f\u061c"
HOSTILE: Final = f"EVIL{ESCAPES}{REORDERING}\u200b\u2060\ufeff\x00\x08\x7f\r\n-- fake line\u2028! fake\tz{'́' * 60}"
"""Ends in a character with far too many accents."""

_HALF: Final = '"\\ud83d"'  # JSON's escape for half of a surrogate pair
WELL_FORMED: Final = "2026-01-31T12:00:00.000Z"
_LAST: Final = 40
_PEOPLE: Final = {"name", "by", "old", "new", "sender", "joined", "left", "members", "names", "target"}
_NUMBERS: Final = {"first": 1, "last": _LAST, "read": 0, "text": 8000, "frame": 65536, "to": 20, "account": 1}
_ANSWERED: Final[dict[type[requests.Request], type[events.Event]]] = {
    requests.Who: events.People,
    requests.History: events.Page,
    requests.Search: events.Found,
    requests.Rooms: events.RoomList,
    requests.Devices: events.DeviceList,
    requests.Bans: events.BanList,
    requests.Join: events.Room,
    requests.Ping: events.Pong,
}
"""What answers a request; any other is answered with ``ok``, and every third of those with ``error``."""


_ANSWERS: Final = {kind.__struct_config__.tag: answer for kind, answer in _ANSWERED.items()}


class Author:
    """Writes the events of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._seq = _LAST
        free = world == "texts"
        self._texts = {"room": "#lobby" if free else f"#{HOSTILE}", "person": "eve" if free else HOSTILE}
        self._times = HOSTILE if world == "times" else WELL_FORMED

    def event(self, kind: type[events.Event], **fixed: object) -> dict[str, Any]:
        """An event, hostile in every field but those that are ``fixed``."""
        return {"type": kind.__struct_config__.tag, **self._struct(kind), **fixed}

    def everything(self) -> Iterator[dict[str, Any]]:
        """One of each notice and room event but the last two, and an answer that nobody asked for."""
        kinds: tuple[type[events.Event], ...] = (*events.ROOM_EVENTS, *events.NOTICES, events.Error)
        for kind in kinds:
            if kind not in (events.Closing, events.Left):
                yield self.event(kind)

    def _struct(self, kind: type[msgspec.Struct]) -> dict[str, Any]:
        made = {}
        for field in msgspec.structs.fields(kind):
            of = inspect.type_info(field.type)
            made[field.encode_name] = self._value(of, field.name, str(field.type))
        if kind is events.Welcome:  # a client would not begin without its lobby
            made["lobby"] = made["rooms"][0]["name"]
        return made

    def _value(self, of: inspect.Type, name: str, described: str) -> Any:  # noqa: PLR0911 - a table; JSON has any value
        match of:
            case inspect.Metadata(type=inner):
                return self._value(inner, name, f"{described}{of.extra_json_schema}")
            case inspect.UnionType(types=types):
                return self._value(next(one for one in types if not isinstance(one, inspect.NoneType)), name, described)
            case inspect.StrType(max_length=longest):
                return self._text(name, described)[:longest]
            case inspect.LiteralType(values=values):
                return values[0]
            case inspect.BoolType():
                return name in {"owned", "on", "current", "joined"}
            case inspect.IntType() | inspect.FloatType():
                return self._number(name)
            case inspect.VarTupleType(item_type=item):
                return [self._value(item, name, described)]
            case inspect.DictType(key_type=key, value_type=value):
                number = isinstance(key, inspect.IntType)
                return {"2" if number else HOSTILE: self._value(value, name, described)}
            case inspect.StructType(cls=cls):
                return self._struct(cls)
            case inspect.RawType():
                return self.event(events.Message)
            case _:
                raise NotImplementedError(f"{name}: teach the hostile server this type: {of}")

    def _text(self, name: str, described: str) -> str:
        if "RFC 3339" in described or name == "sent":
            return self._times
        if "direct conversation's name" in described or name in {"room", "lobby"}:
            return self._texts["room"]
        return self._texts["person"] if name in _PEOPLE else HOSTILE

    def _number(self, name: str) -> int:
        if name == "seq":
            self._seq += 1
            return self._seq
        return _NUMBERS.get(name, 2)


class HostileServer:
    """The server, in a thread of its own on a free port.

    ``head`` is sent instead of an upgrade; ``first`` is said instead of the welcome; ``close`` is the reason of a close
    frame at once. Without them it says everything.
    """

    def __init__(
        self, world: World = "names", *, head: bytes = b"", first: dict[str, Any] | str | None = None, close: str = ""
    ) -> None:
        self._author = Author(world)
        self._head, self._first, self._close = head, first, close
        self._answers = 0
        self._started, self._stop = threading.Event(), trio.Event()
        self.said = threading.Event()  # once a client was told everything
        self._token: trio.lowlevel.TrioToken | None = None
        self._thread = threading.Thread(target=self._run)
        self._failure: BaseException | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._token is not None
        with contextlib.suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._stop.set)
        self._thread.join()
        if self._failure is not None and error is None:
            raise self._failure

    @property
    def url(self) -> str:
        """Its address."""
        return f"ws://127.0.0.1:{self.port}/"

    def _run(self) -> None:
        try:
            trio.run(self._serve)
        except BaseException as error:  # noqa: BLE001 - told by the test's own thread
            self._failure = error

    async def _serve(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as nursery:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            self.port = listeners[0].socket.getsockname()[1]
            nursery.start_soon(trio.serve_listeners, self._meet, listeners)
            self._started.set()
            await self._stop.wait()
            nursery.cancel_scope.cancel()

    async def _meet(self, stream: trio.SocketStream) -> None:
        try:
            if self._head:
                await stream.receive_some(65536)
                await stream.send_all(self._head)
                await stream.aclose()
                return
            async with trio.open_nursery() as nursery:
                request = await trio_websocket.wrap_server_stream(nursery, stream)
                peer = await request.accept(subprotocol="trio-chat.1")
                await self._talk(peer)
                await peer.aclose()
                nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError, trio_websocket.ConnectionClosed):
            pass

    async def _talk(self, peer: trio_websocket.WebSocketConnection) -> None:
        if self._close:
            await peer.aclose(code=1008, reason=self._close)
            return
        author = self._author
        fixed = {"token": "t", "epoch": "e", "id": "", "asked": ""}
        timely = Author("names") if author.world == "times" else author  # a client refuses what has an impossible time
        first = self._first or timely.event(events.Welcome, **fixed)
        await peer.send_message(first if isinstance(first, str) else json.dumps(first))
        if self._first:
            return
        for event in author.everything():
            await peer.send_message(json.dumps(event))
        await peer.send_message(json.dumps({"type": HOSTILE, HOSTILE: HOSTILE}))  # a type that nobody knows
        self.said.set()
        while True:
            request = json.loads(await peer.get_message())
            if request["type"] == requests.Away.__struct_config__.tag:
                await peer.send_message(json.dumps(author.event(events.Left)))
                await peer.send_message(json.dumps(author.event(events.Closing, retry=None)))
                return
            await peer.send_message(json.dumps(self._answer(request)))

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        kind = _ANSWERS.get(request["type"], events.Ok)
        if kind is events.Ok:
            self._answers += 1
            kind = events.Error if self._answers % 3 == 2 else events.Ok
        return self._author.event(kind, id=request["id"], **({"cursor": None} if kind is events.Found else {}))


def half_a_character() -> str:
    """An error whose message has half of a surrogate pair, which is no character."""
    return f'{{"type":"error","id":"","code":"internal","message":{_HALF}}}'


# ---- what reached the terminal ------------------------------------------------------------------

# The sequences that the program itself uses, written down here once more: each kind by its own form.
_OURS: Final = re.compile(
    r"\x1b\[[0-9;]*[ABCDGHJKm]|\x1b\[\?(?:25|1000|1002|1004|1006|1049|2004)[hl]|\x1b\[2[23];2t|\x1b\)0"
    r"|\x1b\]2;[^\x00-\x1f\x7f-\x9f]*\x07"  # the window title
    r"|\x1b\]11;\?(?:\x07|\x1b\\)"  # the question for the background
    r"|\x1b\]8;[^\x00-\x1f\x7f-\x9f]*\x1b\\"  # a link
    r"|[\x07\r\n\t\x0e\x0f]"
)
_ACTING: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_PILE: Final = re.compile("[\u0300-\u036f]{10,}")


def faults(raw: bytes) -> list[str]:
    """What in these bytes would act on a terminal and is no sequence of the program's own, with its surroundings."""
    text = raw.decode("utf-8")  # bytes that are no UTF-8 are a fault too
    rest = _OURS.sub(" ", text)
    found = [f"{bad[0]!r} in {rest[max(bad.start() - 40, 0) : bad.end() + 40]!r}" for bad in _ACTING.finditer(rest)]
    found += ["31337 as a colour"] if "\x1b[31337m" in text else []
    found += [f"{len(pile[0])} marks on a character" for pile in _PILE.finditer(text)]
    found += [
        f"a made up line: {line!r}" for line in re.split("[\r\n]+", rest) if line.startswith(("-- fake", "! fake"))
    ]
    return found
