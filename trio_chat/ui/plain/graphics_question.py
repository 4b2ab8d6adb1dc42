"""Asking the terminal of line mode which pictures it shows, while a person types."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable

import trio

from trio_chat.output import Output
from trio_chat.ui.preview.graphics import DEADLINE, QUESTION, Graphics, GraphicsAnswer, can_ask


class GraphicsQuestion:
    """Asks once, at the first picture. The task that reads the keys hands all bytes to :meth:`split`."""

    def __init__(self, write: Callable[[Output], Awaitable[None]]) -> None:
        self._write = write
        self._answer: GraphicsAnswer | None = None
        self._found: Graphics | None = None
        self._arrived = trio.Event()
        self._asking = trio.Lock()

    def __repr__(self) -> str:
        return f"<GraphicsQuestion {self._found}>"

    async def ask(self) -> Graphics:
        """The kinds of pictures that the terminal shows; it is asked if nobody knows yet."""
        async with self._asking:
            if self._found is None and can_ask(os.environ):
                self._answer = GraphicsAnswer()
                await self._write(QUESTION)
                with trio.move_on_after(DEADLINE):
                    await self._arrived.wait()
                self._found = self._answer.found
            self._found = self._found or Graphics()
            return self._found

    @property
    def waiting(self) -> bool:
        """Whether bytes are held that may be a key, so that :meth:`flush` is due when no more come. While an answer is
        expected, nothing else is: pieces of it would end in the line that is typed."""
        return self._answer is not None and self._found is not None and self._answer.holds

    def split(self, data: bytes) -> bytes:
        """Take bytes of the input; returns those that are keys. A late answer is taken out too."""
        if self._answer is None:
            return data
        rest = self._answer.split(data)
        if self._answer.found is not None:
            rest += self._answer.flush()
            self._answer = None if self._found is not None else self._answer
            self._arrived.set()
        return rest

    def flush(self) -> bytes:
        """The bytes that are held."""
        return b"" if self._answer is None else self._answer.flush()
