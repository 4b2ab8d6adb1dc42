"""A stand-in for the client's side of a chat with files: it moves bytes only when the test says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import trio

from trio_chat.client.events import Past
from trio_chat.client.rooms import RoomView
from trio_chat.errors import ChatError, UsageError
from trio_chat.protocol.events import Limits, Message, RoomInfo, Welcome
from trio_chat.protocol.parts import FileInfo, FileLimits

LIMITS: Final = FileLimits(size=100 * 2**20)


async def at_once(function: Callable[..., Any], *args: Any) -> Any:
    """Instead of a thread, which virtual time would not wait for."""
    await trio.lowlevel.checkpoint()
    return function(*args)


class Progress(NamedTuple):
    """As the client library's."""

    done: int
    size: int | None
    state: str


class FileChat:
    """Sends and saves files in steps: each waits until the test calls :meth:`step`."""

    def __init__(self, *messages: Message, limits: FileLimits | None = LIMITS) -> None:
        lobby = RoomInfo(name="#lobby")
        self.welcome = Welcome(
            name="ada",
            token="t",
            epoch="e",
            rooms=(lobby,),
            lobby="#lobby",
            limits=Limits(text=8000, frame=65536, to=20),
            time="",
            server="s",
            files=limits,
        )
        self.rooms = {"#lobby": RoomView.enter(lobby)}
        self.connected = True
        self.sent: list[tuple[str, list[Path], str]] = []
        self.saved: list[tuple[str, Path, bool]] = []
        self.cancelled = 0
        self.discarded: list[str] = []
        self.replied_to: list[int | None] = []
        self.unfinished: list[Path] = []
        self.fails: ChatError | None = None
        self._messages = messages
        self._go = trio.Event()
        self._state = "moving"

    def step(self, state: str = "moving") -> None:
        """Let all transfers move on, or be in this state."""
        self._state = state
        go, self._go = self._go, trio.Event()
        go.set()

    async def move(self, size: int, progress: Callable[[Progress], object]) -> None:
        done = 0
        progress(Progress(0, size, "waiting"))
        try:
            while done < size or not size:
                await self._go.wait()
                if self.fails is not None:
                    raise self.fails
                done = done if self._state == "waiting" else min(done + max(size // 4, 1), size)
                progress(Progress(done, size, self._state))
                if not size:
                    break
        except trio.Cancelled:
            self.cancelled += 1
            raise
        progress(Progress(size, size, "done"))

    def begin_upload(
        self, room: str, paths: Sequence[Path], text: str = "", *, reply_to: int | None = None
    ) -> FileUpload:
        self.replied_to.append(reply_to)
        return FileUpload(self, room, paths, text)

    def unfinished_uploads(self) -> tuple[FileUpload, ...]:
        return tuple(FileUpload(self, "#ops", (path,), "") for path in self.unfinished)

    async def save_file(
        self, file: FileInfo, path: Path, *, progress: Callable[[Progress], object], overwrite: bool = False
    ) -> Path:
        await self.move(file.size, progress)
        await trio.lowlevel.checkpoint()
        path = _target(file, path, overwrite=overwrite)
        path.write_bytes(b"x" * file.size)
        self.saved.append((file.name, path, overwrite))
        return path

    async def typing(self, room: str) -> None:
        await trio.lowlevel.checkpoint()

    async def history(self, room: str, *, after: int, limit: int) -> Past:
        await trio.lowlevel.checkpoint()
        return Past(room, tuple(one for one in self._messages if one.seq > after)[:limit], first=1, more=False)


class Carrier(NamedTuple):
    """The message that is to carry the files."""

    room: str | None
    to: tuple[str, ...] = ()


class FileUpload:
    """As the client library's object for files on their way."""

    def __init__(self, chat: FileChat, room: str, paths: Sequence[Path], text: str) -> None:
        self._chat, self._paths, self._text = chat, paths, text
        self.callback: Callable[[Progress], object] = lambda _progress: None
        self.message = Carrier(room)
        self.names = tuple(path.name for path in paths)

    async def run(self) -> None:
        await self._chat.move(sum(path.stat().st_size for path in self._paths), self.callback)
        self._chat.sent.append((self.message.room or "", list(self._paths), self._text))

    async def discard(self) -> None:
        await trio.lowlevel.checkpoint()
        self._chat.discarded += self.names


def _target(file: FileInfo, path: Path, *, overwrite: bool) -> Path:
    """As the client library decides: a folder gets a free name, a file that is there must be overwritten on purpose."""
    if path.is_dir():
        path /= file.name
        return path.with_name(f"{path.stem} (1){path.suffix}") if path.exists() else path
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists already.")
    return path
