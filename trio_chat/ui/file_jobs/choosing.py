"""The files and places that a person means by the words behind ``/send`` and ``/save``: files that are there, and
places for files.

All functions here look at the disk, so they block, and are called in a worker thread. None of them writes.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Final, NamedTuple

from trio_chat.errors import NotDone
from trio_chat.portable_files import NO_LINK
from trio_chat.protocol.files import clean_file_name, size_words
from trio_chat.protocol.parts import FileInfo
from trio_chat.protocol.text import quoted
from trio_chat.ui.input.path_words import PathWord, split_words

_PIECE: Final = 1024 * 1024


class ChosenFile(NamedTuple):
    """A file to be sent, and its size in bytes."""

    path: Path
    size: int


class SavePlace(NamedTuple):
    """Where a file is to be saved. ``taken`` tells that something is there, ``same`` that it is this very file.
    ``in_folder``: it goes into a folder, under its own name or one like it."""

    path: Path
    taken: bool = False
    same: bool = False
    in_folder: bool = False


def choose_files(argument: str) -> tuple[tuple[ChosenFile, ...], str]:
    """The files and the text that the words behind ``/send`` mean.

    The first word is a path. The words after it are paths as long as they name files and look like paths: with a slash,
    a dot, or in quotes. So a file that happens to be called like a word of the text is not sent. Raises ``NotDone``.
    """
    words = split_words(argument)
    chosen: list[ChosenFile] = []
    for at, word in enumerate(words):
        if word.value == "--" and not word.quoted:
            return tuple(chosen), argument[word.end :].strip()
        if at and not _looks_like_path(word):
            return tuple(chosen), argument[word.start :].strip()
        try:
            chosen.append(look_at(word.value))
        except NotDone:
            if at and not word.quoted and not word.value.startswith(("/", "~/", "./", "../")):
                return tuple(chosen), argument[word.start :].strip()
            raise
    return tuple(chosen), ""


def _looks_like_path(word: PathWord) -> bool:
    return word.quoted or "/" in word.value or "." in word.value[:-1]


def look_at(typed: str | Path) -> ChosenFile:
    """The file that a typed path names. Raises ``NotDone`` if there is none that can be sent."""
    shown = quoted(str(typed))
    try:
        path = Path(typed).expanduser()
        status = path.stat()
    except FileNotFoundError:
        raise NotDone("no_file", f"There is no file {shown}.", "Put a name with spaces in quotes.") from None
    except (OSError, ValueError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise NotDone("no_file", f"{shown} cannot be read: {why}.", "Nothing was sent.") from None
    if stat.S_ISDIR(status.st_mode):
        raise NotDone("no_file", f"{shown} is a folder.", "Pack it into one file first, for example with tar.")
    if not stat.S_ISREG(status.st_mode):
        raise NotDone("no_file", f"{shown} is no ordinary file.", "Nothing was sent.")
    return ChosenFile(Path.cwd() / path, status.st_size)


def download_folder() -> Path:
    """The folder for downloads of this user, or else their home."""
    from platformdirs import user_downloads_path  # noqa: PLC0415 - only where a file is saved without a path

    folder = user_downloads_path()
    return folder if folder.is_dir() else Path.home()


def choose_place(file: FileInfo, typed: str, *, several: bool = False) -> SavePlace:
    """Where a file is to be saved: in a folder under its own name made harmless, or under the typed name. ``several``:
    only a folder will do. Raises ``NotDone``."""
    if "\0" in typed:
        raise NotDone("not_saved", f"{quoted(file.name)} cannot be saved there.", "A path has no NUL character.")
    try:
        path = Path(typed).expanduser() if typed else download_folder()
        path = Path.cwd() / path
        in_folder = path.is_dir()
        if in_folder:
            path /= clean_file_name(file.name)
        elif several or typed.endswith("/") or not path.parent.is_dir():
            folder = path if several or typed.endswith("/") else path.parent
            raise NotDone("no_folder", f"There is no folder {quoted(str(folder))}.", "Make it first, with mkdir.")
        if not os.path.lexists(path):
            return SavePlace(path, in_folder=in_folder)
        if path.is_dir() and not path.is_symlink():
            raise NotDone("no_folder", f"{quoted(str(path))} is a folder.", "Give another name.")
        return SavePlace(path, taken=True, same=_is_same(path, file), in_folder=in_folder)
    except (OSError, ValueError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise NotDone("not_saved", f"{quoted(file.name)} cannot be saved there: {why}.", "Give a path.") from None


def free_path(path: Path) -> Path:
    """The path, or the first one like it where nothing is: ``a (1).log``."""
    free, number = path, 0
    while os.path.lexists(free):
        number += 1
        free = path.with_name(f"{path.stem} ({number}){path.suffix}")
    return free


def _is_same(path: Path, file: FileInfo) -> bool:
    """Whether an ordinary file has the bytes that a message's file has."""
    flags = os.O_RDONLY | NO_LINK | getattr(os, "O_NONBLOCK", 0)
    try:
        with open(os.open(path, flags), "rb") as stream:  # noqa: PTH123 - the descriptor follows no link
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size != file.size:
                return False
            digest = hashlib.sha256()
            while piece := stream.read(_PIECE):
                digest.update(piece)
            return digest.hexdigest() == file.sha256
    except OSError:
        return False


def names_and_size(files: tuple[ChosenFile, ...]) -> str:
    """The files in a few words: ``build.log, 12.3 KiB``, ``3 files, 4.0 MiB``."""
    size = size_words(sum(file.size for file in files))
    return f"{quoted(files[0].path.name)[1:-1]}, {size}" if len(files) == 1 else f"{len(files)} files, {size}"
