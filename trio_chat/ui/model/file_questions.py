"""The questions about files, as both interfaces ask them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from trio_chat.protocol.files import size_words
from trio_chat.protocol.parts import FileInfo
from trio_chat.protocol.text import clean_line

LARGE: Final = 10 * 1024 * 1024
"""Bytes from which sending is asked about."""
YES: Final = "Enter"
NO: Final = ""
OVERWRITE: Final = "O"
"""A capital: a question may come up while the person types, and a typed word must not overwrite a file."""
WITH_TEXT: Final = "c"
AS_TEXT: Final = "t"


@dataclass(frozen=True, slots=True)
class FileQuestion:
    """A question that is answered with one of the ``keys``; closing it answers :data:`NO`."""

    title: str
    lines: tuple[str, ...]
    keys: tuple[tuple[str, str], ...]

    @property
    def answers(self) -> str:
        """The keys and what they do, as a line of text."""
        return "; ".join(f"{key}: {what}" for key, what in self.keys)


def ask_large(what: str, where: str) -> FileQuestion:
    """Whether to send files that take long."""
    return FileQuestion("Send a large file", (f"{what}, to {where}.",), ((YES, "send it"), ("Esc", "do not send it")))


def ask_overwrite(path: str, file: FileInfo) -> FileQuestion:
    """The question about a place where another file is. Enter loses nothing."""
    return FileQuestion(
        "A file of that name is there",
        (f"{clean_line(path)} is there already, and is another file than {clean_line(file.name)} of this chat.",),
        ((YES, "keep both, the new one under another name"), (OVERWRITE, "overwrite"), ("Esc", "do not save")),
    )


def ask_open(file: FileInfo) -> FileQuestion:
    """Whether to hand a file to the desktop."""
    return FileQuestion(
        "Open a file",
        (f"{clean_line(file.name)}, {size_words(file.size)}, is saved, and opened with its program.",),
        ((YES, "open it"), ("Esc", "do not")),
    )


def ask_dropped(names: tuple[str, ...], size: int, where: str) -> FileQuestion:
    """The question about the path of a file that was pasted or dropped."""
    what = clean_line(names[0]) if len(names) == 1 else f"{len(names)} files"
    return FileQuestion(
        "Send a file" if len(names) == 1 else "Send files",
        (f"{what}, {size_words(size)}, to {where}.",),
        ((YES, "send"), (WITH_TEXT, "write a text with it"), (AS_TEXT, "put the path in the input"), ("Esc", "forget")),
    )
