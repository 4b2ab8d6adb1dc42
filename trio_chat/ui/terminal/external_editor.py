"""Editing the input in another program, $EDITOR.

The program may do anything to the file: remove it, replace it by a folder or a pipe, or leave more in it than the
input can take. It may be killed. So each step says what failed, and the text goes back to the input or into a file.
"""

from __future__ import annotations

import os
import shlex
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import trio

MOST: Final = 256 * 1024
"""The most bytes that go back into the input: as many as the longest message in four-byte characters has."""
_NAME: Final = "message.md"


class EditedText(NamedTuple):
    """The text for the input, and a sentence that says why it is unchanged; empty when it was edited."""

    text: str
    why: str = ""


async def edit(text: str, keep_in: Path) -> EditedText:
    """Edit a text in the program that VISUAL or EDITOR names; the program uses the terminal meanwhile.

    An edited text that cannot go back into the input, because it is too long or the program was killed, is kept as a
    file in ``keep_in``, which the sentence names. When cancelled, the program is ended, and its text is lost.
    """
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    try:
        words = shlex.split(command) or ["vi"]
    except ValueError as error:
        return EditedText(text, f"{command} could not be started: {error}.")
    try:
        folder = tempfile.TemporaryDirectory(prefix="trio-chat-", ignore_cleanup_errors=True)  # 0700
    except OSError as error:
        return EditedText(text, f"There is no place for the editor's file: {error.strerror}.")
    with folder as name:
        path = Path(name) / _NAME
        if why := _write(path, text):
            return EditedText(text, why)
        try:
            done = await trio.run_process([*words, str(path)], check=False, stdin=None, stdout=None, stderr=None)
        except (OSError, ValueError) as error:
            return EditedText(text, f"{words[0]} could not be started: {error}.")
        return _take(text, path, words[0], done.returncode, keep_in)


def _write(path: Path, text: str) -> str:
    """Write the text into the file; returns a sentence when that fails."""
    try:
        path.write_text(text, "utf-8", "replace")
    except OSError as error:
        return f"The editor's file could not be written: {error.strerror}."
    return ""


def _take(text: str, path: Path, program: str, status: int, keep_in: Path) -> EditedText:
    """The edited text, once the program has ended; ``text`` is the text before."""
    if status > 0:
        return EditedText(text, f"{program} ended with status {status}.")
    try:
        data = _read(path)
    except OSError as error:
        return EditedText(text, f"The file of {program} could not be read: {error.strerror}.")
    if data is None:
        return EditedText(text, f"{program} left no file with a text.")
    edited = data.decode("utf-8", "replace").rstrip("\n")
    if status < 0:
        kept = f" {_keep(data, keep_in)}" if edited != text else ""
        return EditedText(text, f"{program} was ended by signal {-status}.{kept}")
    if len(data) > MOST:
        size = f"The edited text has {len(edited)} characters, too many for the input."
        return EditedText(text, f"{size} {_keep(data, keep_in)}")
    return EditedText(edited)


def _read(path: Path) -> bytes | None:
    """The content of a file; ``None`` for a pipe or anything else that is no file. Raises ``OSError``."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe without a writer must not block
    with os.fdopen(fd, "rb") as file:
        return file.read() if stat.S_ISREG(os.fstat(fd).st_mode) else None


def _keep(data: bytes, folder: Path) -> str:
    """Keep a text in a new file that only its owner can read; returns a sentence that says where it is."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd, name = tempfile.mkstemp(prefix="edited-", suffix=".md", dir=folder)  # 0600
        with os.fdopen(fd, "wb") as file:
            file.write(data)
        return f"It is in {name}."
    return "It could not be kept."
