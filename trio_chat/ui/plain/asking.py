"""A question about a file in line mode: it stands where the input is, until a key answers it."""

from __future__ import annotations

import trio

from trio_chat.ui.input.decoder import Key, Press, Typed
from trio_chat.ui.model.file_questions import NO, FileQuestion


class AskedQuestion:
    """A question that waits for its answer."""

    def __init__(self, question: FileQuestion) -> None:
        self._question = question
        self._answer = NO
        self._answered = trio.Event()

    def __repr__(self) -> str:
        return f"<AskedQuestion {self._question.title!r}>"

    @property
    def prompt(self) -> str:
        """The keys, as the prompt. Their meanings are in :attr:`FileQuestion.answers`, for which a prompt has no
        room."""
        *names, last = (key for key, _ in self._question.keys)
        return f"{', '.join(names)} or {last}> "

    def press(self, key: Key) -> None:
        """Take a key. One that is no answer does nothing; ``n`` is no."""
        if isinstance(key, Press):
            name = "Esc" if key.name in {"Escape", "C-c", "C-g", "C-d"} else key.name
        else:
            name = key.text if isinstance(key, Typed) else ""
            name = "Esc" if name == "n" else name
        if name in {known for known, _ in self._question.keys}:
            self._answer = NO if name == "Esc" else name
            self._answered.set()

    async def wait(self) -> str:
        """Wait for the answer; returns its key."""
        await self._answered.wait()
        return self._answer
