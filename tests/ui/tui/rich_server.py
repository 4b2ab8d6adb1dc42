"""A scripted server on loopback, in a thread of its own, that also knows edits, marks, answers and searches.

A test says what happens on it (``say``, ``do``) while the real program looks at it from a pseudo-terminal.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec
import trio
from msgspec import structs

from tests.client.scripted import LOBBY, ScriptedServer, Session
from trio_chat.protocol import requests
from trio_chat.protocol.codec import decode_event, encode
from trio_chat.protocol.events import (
    Deleted,
    Edited,
    Event,
    Found,
    Limits,
    Message,
    Ok,
    People,
    PersonInfo,
    Presence,
    Reacted,
    Room,
    RoomInfo,
    TypingNotice,
    Welcome,
)
from trio_chat.protocol.requests import AnyRequest

T = TypeVar("T")
PATIENCE = 30.0


def stamp(seconds: float = 0.0) -> str:
    """A time of the server's, so many seconds after a Monday noon."""
    return (
        datetime.fromtimestamp(1_785_153_600 + seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


class RichServer(ScriptedServer):
    """The scripted server, with what later versions of the protocol know."""

    people_here: tuple[str, ...] = ("ada", "bob", "eve")
    read: int = 0
    mentions: int = 0

    def describe(self, room: str) -> RoomInfo:
        info = super().describe(room)
        members = tuple(room.removeprefix("@").split("+")) if room.startswith("@") else ()
        count = len(self.people_here) if room == LOBBY else info.count
        return structs.replace(
            info,
            members=members,
            count=count,
            read=self.read if room == LOBBY else info.last,
            mentions=self.mentions if room == LOBBY else 0,
        )

    async def respond(self, session: Session, request: AnyRequest) -> None:
        match request:
            case requests.Send() if request.room is not None:
                seq = len(self.logs[request.room]) + self.first.get(request.room, 1)
                now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
                await self.publish(
                    Message(
                        room=request.room,
                        seq=seq,
                        time=now,
                        sender=session.name,
                        text=request.text,
                        cid=request.id,
                        kind=request.kind,
                        reply_to=request.reply_to,
                    )
                )
                await session.say(Ok(id=request.id, room=request.room, seq=seq, time=now))
            case requests.Edit():
                self._change(request.room, request.target, text=request.text, edited=stamp())
                await self._log(
                    Edited(
                        room=request.room,
                        seq=self._next(request.room),
                        time=stamp(),
                        sender=session.name,
                        target=request.target,
                        text=request.text,
                    )
                )
                await session.say(Ok(id=request.id))
            case requests.Delete():
                self._change(request.room, request.target, text="", deleted=True)
                await self._log(
                    Deleted(
                        room=request.room,
                        seq=self._next(request.room),
                        time=stamp(),
                        sender=session.name,
                        target=request.target,
                    )
                )
                await session.say(Ok(id=request.id))
            case requests.React():
                await self._log(
                    Reacted(
                        room=request.room,
                        seq=self._next(request.room),
                        time=stamp(),
                        sender=session.name,
                        target=request.target,
                        mark=request.mark,
                        on=request.on,
                    )
                )
                await session.say(Ok(id=request.id))
            case requests.Search():
                lines = [line for line in reversed(self.logs[LOBBY]) if all(w.encode() in line for w in request.words)]
                await session.say(
                    Found(id=request.id, events=tuple(msgspec.Raw(line) for line in lines[: request.limit]))
                )
            case requests.Who():
                people = tuple(PersonInfo(name=name) for name in self.people_here)
                await session.say(People(id=request.id, room=request.room or LOBBY, people=people))
            case _:
                await super().respond(session, request)

    def _next(self, room: str) -> int:
        return len(self.logs[room]) + self.first.get(room, 1)

    def _change(self, room: str, target: int, **changes: Any) -> None:
        at = target - self.first.get(room, 1)
        message = decode_event(self.logs[room][at])
        assert isinstance(message, Message)
        self.logs[room][at] = encode(structs.replace(message, **changes))

    async def _log(self, event: Any) -> None:
        await self.publish(event)

    def fill(self, count: int, room: str = LOBBY, *, text: str = "message {n}", sender: str = "bob") -> None:
        """Put messages into a room's log that nobody was there for."""
        log = self.logs.setdefault(room, [])
        for n in range(len(log) + 1, len(log) + count + 1):
            log.append(
                encode(Message(room=room, seq=n, time=stamp(n * 60), sender=sender, text=text.format(n=n), cid=f"c{n}"))
            )


class Running:
    """The server in a thread. Everything here may be called from the test."""

    def __init__(self, prepare: Callable[[RichServer], None] | None = None, port: int = 0) -> None:
        self._prepare = prepare
        self.port = port
        self.here = LOBBY
        """The room in which things are said where a test names no other."""
        self._started = threading.Event()
        self._thread = threading.Thread(target=trio.run, args=(self._main,), daemon=True)
        self.server: RichServer
        self._token: trio.lowlevel.TrioToken
        self._scope = trio.CancelScope()

    async def _main(self) -> None:
        async with trio.open_nursery() as nursery:
            self._scope = nursery.cancel_scope
            self._token = trio.lowlevel.current_trio_token()
            self.server = RichServer(nursery)
            if self._prepare is not None:
                self._prepare(self.server)
            listeners = await nursery.start(trio.serve_tcp, self.server.serve, self.port)
            self.port = listeners[0].socket.getsockname()[1]
            self._started.set()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(PATIENCE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._token.run_sync_soon(self._scope.cancel)
        self._thread.join(PATIENCE)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/"

    def do(self, what: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Do something in the server's loop and wait for it."""
        return trio.from_thread.run(what, *arguments, trio_token=self._token)

    def say(self, text: str, sender: str = "bob", room: str = "", **more: Any) -> int:
        """Somebody says something; its number."""
        room = room or self.here
        seq = self.server._next(room) if room in self.server.logs else 1
        self.do(
            self._publish,
            Message(
                room=room, seq=seq, time=more.pop("time", stamp(seq)), sender=sender, text=text, cid=f"s{seq}", **more
            ),
        )
        return seq

    async def _publish(self, event: Any) -> None:
        await self.server.publish(event)

    def tell(self, event: Event) -> None:
        """Send an event that is no line of a log to everybody."""

        async def everybody() -> None:
            for session in [one for one in self.server.sessions if one.open]:
                await session.say(event)  # type: ignore[arg-type] # a test sends what it likes

        self.do(everybody)

    def open_direct(self, name: str, me: str = "ada") -> str:
        """Somebody begins a direct conversation; its name."""
        room = "@" + "+".join(sorted((name, me)))

        async def begin() -> None:
            self.server.logs.setdefault(room, [])
            for session in self.server.sessions:
                session.rooms.add(room)
                await session.say(Room(room=self.server.describe(room)))

        self.do(begin)
        return room

    def forget(self) -> None:
        """Be as in the beginning: nothing was asked, nothing is held up, those are here who always are."""
        self.server.heard.clear()
        self.server.before = None
        self.server.people_here = RichServer.people_here

    def wait_asked(self, kind: type[T], *, count: int = 1) -> T:
        """The newest request of a kind, once there are so many."""
        for _ in range(600):
            found = self.server.asked(kind)
            if len(found) >= count:
                return found[-1]
            threading.Event().wait(0.05)
        raise AssertionError(f"nobody asked {kind.__name__}: {self.server.heard}")


__all__ = ["LOBBY", "Limits", "Presence", "RichServer", "Running", "TypingNotice", "Welcome", "stamp"]
