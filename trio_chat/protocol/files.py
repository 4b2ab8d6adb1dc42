r"""The names of files, and the lines that tell of files in a message's text. Pure.

A client that knows nothing of files shows the text of a message. So the text of a message with files is what its sender
wrote (the *caption*), and one line for each file after it. Clients that know of files show the caption alone
(:func:`caption_of`), and the files as rows of their own.

A name comes from another machine, and becomes the name of a file on this one. :func:`clean_file_name` makes it
harmless on every system: it is one part of a path, and it looks like the name that it is.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from trio_chat.protocol.text import clean_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_chat.protocol.events import Message
    from trio_chat.protocol.parts import FileInfo

MAX_FILE_NAME: Final = 200
"""The longest name of a file, in bytes of UTF-8. File systems take 255, and a saved file may get a longer name."""

NO_NAME: Final = "file"
"""The name of a file from whose name nothing is left."""

ANY_KIND: Final = "application/octet-stream"
"""The kind of a file of which nothing is known."""

_MAX_EXTENSION: Final = 20  # bytes; a longer text after a dot is no extension
_RAW: Final = 4 * 1024  # characters of a raw name that are looked at: more than any system gives

# Not allowed on Windows (docs.microsoft.com, "Naming Files, Paths, and Namespaces"), or the separator of a path.
_FORBIDDEN: Final = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f\u2400-\u241f\u2421\ufffd]+')
# Devices on Windows, with any extension: also with superscript digits, and with spaces before the dot.
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])[ ]*(\.|$)", re.IGNORECASE)
_SPACES: Final = re.compile(r"\s+")

_KIND: Final = re.compile(r"[a-z0-9][a-z0-9.+-]{0,40}/[a-z0-9][a-z0-9.+-]{0,80}", re.ASCII)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)

_UNIT: Final = 1024
_LINE: Final = "[file] "


def clean_file_name(name: str) -> str:
    r"""Make a name that a file can have on every system, and that looks like what it is.

    The result is in Unicode's form NFC and has 1 to :data:`MAX_FILE_NAME` bytes. It has no control, invisible or bidi
    characters, none of ``/ \ : * ? " < > |``, no dot at either end and no space at either end, and is no device of
    Windows. A name that is too long keeps its extension. If nothing is left, it is ``file``. Cleaning a name again
    changes nothing.
    """
    text = unicodedata.normalize("NFC", clean_line(name[:_RAW]))
    while True:  # what one step removes can bring about what another step removes
        before = text
        text = _FORBIDDEN.sub("_", _SPACES.sub(" ", unicodedata.normalize("NFC", clean_line(text))))
        text = _shortened(text.lstrip(". ").rstrip(". "))
        if _RESERVED.match(text):
            text = "_" + text
        if text == before:
            return text or NO_NAME


def _shortened(name: str) -> str:
    """The name with at most :data:`MAX_FILE_NAME` bytes, with its extension."""
    if len(name.encode()) <= MAX_FILE_NAME - 1:  # one byte is left for the mark of a reserved name
        return name
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension.encode()) > _MAX_EXTENSION:
        stem, dot, extension = name, "", ""
    room = MAX_FILE_NAME - 1 - len((dot + extension).encode())
    cut = stem.encode()[:room].decode(errors="ignore")
    return cut.rstrip(". ") + dot + extension


def size_words(size: int) -> str:
    """A number of bytes for a person: ``1 byte``, ``973 bytes``, ``12.3 KiB``, ``4.0 GiB``."""
    if size < _UNIT:
        return "1 byte" if size == 1 else f"{size} bytes"
    amount = float(size)
    for unit in ("KiB", "MiB", "GiB"):
        amount /= _UNIT
        if round(amount, 1) < _UNIT:
            return f"{amount:.1f} {unit}"
    return f"{amount / _UNIT:.1f} TiB"


def file_line(file: FileInfo) -> str:
    """The line that tells of a file in the text of its message: ``[file] build.log, 12.3 KiB``."""
    return f"{_LINE}{file.name}, {size_words(file.size)}"


def with_file_lines(caption: str, files: Sequence[FileInfo]) -> str:
    """The text of a message with files: its caption, then a line for each file."""
    lines = "\n".join(map(file_line, files))
    return f"{caption}\n{lines}" if caption and lines else caption or lines


def caption_of(message: Message) -> str:
    """The words of the sender of a message: its text without the lines of its files."""
    return text_without_lines(message.text, message.files)


def text_without_lines(text: str, files: Sequence[FileInfo]) -> str:
    """The caption in the text of a message with these files. A text that does not end with their lines stays as it
    is."""
    if not files:
        return text
    lines = with_file_lines("", files)
    if text == lines:
        return ""
    return text.removesuffix("\n" + lines)


def has_caption(text: str, caption: str) -> bool:
    """Whether the text of a message, with files that are not at hand or without any, has this caption."""
    return text == caption or text.startswith(f"{caption}\n{_LINE}" if caption else _LINE)


def is_kind(kind: str) -> bool:
    """Whether a text is a media type without parameters (RFC 6838, 4.2), in lower case."""
    return _KIND.fullmatch(kind) is not None


def is_digest(text: str) -> bool:
    """Whether a text is a SHA-256 in 64 hexadecimal digits, in lower case."""
    return _DIGEST.fullmatch(text) is not None
