"""The program itself, as whoever installs it runs it: a server, and commands with their input and output."""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import trio

from tests.launching import PROGRAM, ask_to_end, launch
from trio_chat.client import Chat, connect
from trio_chat.protocol.events import Message

PATIENCE: Final = 30.0
"""Seconds that anything may take on a busy machine before it counts as hanging."""


def environment(**more: str) -> dict[str, str]:
    """What a program sees: the test's own world, with an ordinary terminal in it."""
    return {**os.environ, "TERM": "xterm-256color", **more}


def elsewhere(folder: Path, **more: str) -> dict[str, str]:
    """What a program sees on another device, which holds no names yet: those are kept in ``folder``."""
    return environment(XDG_STATE_HOME=str(folder / "elsewhere"), **more)


@dataclass(frozen=True)
class Done:
    """What a program that has ended wrote, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """The output as JSON, line by line."""
        return [json.loads(line) for line in self.out.splitlines()]


def run(*arguments: str, given: str = "", env: Mapping[str, str] | None = None) -> Done:
    """Run a command to its end, with some input."""
    with Started(*arguments, env=env) as program:
        giving = threading.Thread(target=program.give_all, args=(given,))
        giving.start()
        status = program.wait_exit()
        giving.join()
        return Done(status, program.out, program.err)


class Started:
    """A command that goes on, with pipes to it; ``program`` is what runs it."""

    def __init__(self, *arguments: str, program: Sequence[str] = PROGRAM, env: Mapping[str, str] | None = None) -> None:
        around = environment() if env is None else env
        (stdin, write), (out, stdout), (err, stderr) = os.pipe(), os.pipe(), os.pipe()
        try:
            self.process = launch([*program, *arguments], env=around, streams=(stdin, stdout, stderr), terminal=False)
        finally:
            for fd in (stdin, stdout, stderr):
                os.close(fd)
        self._stdin = os.fdopen(write, "wb", buffering=0)
        self._streams = {name: os.fdopen(fd, "rb", buffering=0) for name, fd in (("out", out), ("err", err))}
        self._decode = {name: codecs.getincrementaldecoder("utf-8")().decode for name in self._streams}
        self._text = {"out": "", "err": ""}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ask_to_end(self.process, self.read)
        self.process.kill()  # unless it has ended
        self.process.wait()
        for stream in (self._stdin, *self._streams.values()):
            stream.close()

    @property
    def out(self) -> str:
        """What it has written to standard output, as far as it was waited for."""
        return self._text["out"]

    @property
    def err(self) -> str:
        """What it has written to standard error, as far as it was waited for."""
        return self._text["err"]

    def say(self, text: str) -> None:
        """Give it some input."""
        data = text.encode()
        while data:
            data = data[self._stdin.write(data) :]

    def end_input(self) -> None:
        """Let its input end."""
        self._stdin.close()

    def give_all(self, text: str) -> None:
        """Give it its whole input, as far as it takes it."""
        with contextlib.suppress(BrokenPipeError):
            self.say(text)
        self.end_input()

    def stop_reading(self) -> None:
        """Read its output no more."""
        self._streams["out"].close()

    def wait_for(self, text: str) -> None:
        """Wait until a text stands in what it wrote, on either stream."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.out and text not in self.err:
            assert time.monotonic() < deadline, f"waited in vain for {text!r}: {self._text}"
            self.read(0.05)

    def wait_exit(self) -> int:
        """Wait for its end; its exit status."""
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end: {self._text}"
            self.read(0.05)
        self.read(0)
        return int(self.process.returncode)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def read(self, timeout: float) -> None:
        """Take what it has written by now, after waiting for so many seconds at the most."""
        reading = {stream: name for name, stream in self._streams.items() if not stream.closed}
        for stream in select.select(list(reading), [], [], timeout)[0]:
            name = reading[stream]
            self._text[name] += self._decode[name](stream.read(1 << 20))


class ServerProgram(Started):
    """``trio-chat serve`` on a port that was free, which remembers nothing on disk unless it is given a folder."""

    def __init__(self, *arguments: str, port: int = 0, program: Sequence[str] = PROGRAM) -> None:
        kept = () if "--data" in arguments else ("--memory",)
        command = ("serve", "--port", str(port), "--log-format", "json", *kept, *arguments)
        super().__init__(*command, program=program)
        self.wait_for('"event": "listening"')
        self.url = next(
            str(json.loads(line)["urls"][0]) for line in self.err.splitlines() if '"event": "listening"' in line
        )
        self.port = int(self.url.rstrip("/").rpartition(":")[2])

    def stop(self) -> None:
        """Stop it as Ctrl-C does, and wait until it is gone."""
        self.signal(signal.SIGINT)
        assert self.wait_exit() == 0


def as_somebody(url: str, name: str, do: Callable[[Chat], Awaitable[None]], *, listen: bool = False) -> None:
    """Come in as somebody, do something, and go."""

    async def visit() -> None:
        with trio.fail_after(PATIENCE):
            async with connect(url, name=name, listen=listen) as chat:
                await do(chat)

    trio.run(visit)


def say(url: str, name: str, *texts: str, room: str = "#lobby", to: Sequence[str] = ()) -> None:
    """Come in as somebody, say something in a room or to people, and go."""

    async def speak(chat: Chat) -> None:
        if not to and room not in chat.rooms:
            await chat.join(room)
        for text in texts:
            await (chat.send_to(to, text) if to else chat.send(room, text))

    as_somebody(url, name, speak)


def past(url: str, room: str = "#lobby") -> list[tuple[str, str]]:
    """Who said what in a room so far."""
    found: list[tuple[str, str]] = []

    async def look(chat: Chat) -> None:
        await chat.join(room)
        events = (await chat.history(room, limit=500)).events
        found.extend((event.sender, event.text) for event in events if isinstance(event, Message))

    as_somebody(url, "historian", look)
    return found


def write_config(folder: Path, text: str) -> str:
    """A settings file of its own; its path."""
    path = folder / "config.toml"
    path.write_text(text, "utf-8")
    return str(path)


def run_python(program: str, *arguments: object) -> str:
    """Run a program in a process of its own and return its output."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
