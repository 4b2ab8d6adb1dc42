"""The standard streams when the program starts and when it ends.

Theory of operation. A shell can start a program without standard input, output or error (``>&-``). Python then sets
the stream to ``None``, and the next file or socket that the program opens gets the stream's number: what is written to
the number, for instance by a child, goes into that file. So each missing stream gets its number back before anything
else is opened. Missing input is empty, what is written to a missing standard error is lost, and writing to a missing
standard output fails like writing to a full disk, because a command whose result nobody gets has failed.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import IO, TYPE_CHECKING, Final, TextIO

from trio_chat.output import harmless_stream

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

_MISSING: Final = (("stdin", "r", os.O_RDONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_WRONLY))
"""The streams in the order of their numbers: the mode of the Python stream, and of its descriptor. That of standard
output is open for reading only, so that writing fails."""

_UNWRITABLE: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, *((errno.EINVAL,) if sys.platform == "win32" else ())}
)
"""On Windows, EINVAL also stands for a pipe whose reader is gone."""


def reserve_missing_streams() -> None:
    """Open each standard stream that the program was started without."""
    for number, (name, mode, flags) in enumerate(_MISSING):
        if getattr(sys, name) is not None:
            continue
        fd = os.open(os.devnull, flags)  # the lowest free number, so the stream's own unless a file has it already
        if fd == number:
            os.set_inheritable(fd, True)
        setattr(sys, name, open(fd, mode, encoding="utf-8", errors="replace", closefd=False))  # noqa: SIM115 - open as long as the program runs


def use_utf8() -> None:
    """On Windows, write UTF-8 into files and pipes, as everywhere else; a console gets every character anyway.

    Windows has an encoding of its own for them, which lacks most scripts. PYTHONIOENCODING overrides it.
    """
    if sys.platform == "win32" and not os.environ.get("PYTHONIOENCODING"):
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper) and not stream.isatty():
                stream.reconfigure(encoding="utf-8", errors="replace")


def is_output_error(error: BaseException) -> bool:
    """Whether an error says that standard output or standard error cannot be written: its disk is full, its terminal
    is gone, or it is not open for writing."""
    if not isinstance(error, OSError) or error.filename is not None:
        return False
    return error.errno in _UNWRITABLE or (error.errno == errno.EBADF and not _is_open_for_writing(sys.stdout))


def discard_unwritten() -> None:
    """Discard what is still buffered for a stream that cannot be written, so that the interpreter prints nothing and
    keeps the exit status when it ends."""
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):  # a stream without a descriptor, as in a test
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)


class WholeLines(io.RawIOBase):
    """Lines of text as bytes for a stream of text. The end of the last line must be written too."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = harmless_stream(stream)
        self._rest = b""

    def writable(self) -> bool:
        """As in every file for writing."""
        return True

    def write(self, data: Buffer, /) -> int:
        """Write the lines that are whole now, and keep the rest."""
        taken = bytes(data)
        lines, end, self._rest = (self._rest + taken).rpartition(b"\n")
        self._stream.write((lines + end).decode("utf-8", "replace"))
        return len(taken)

    def flush(self) -> None:
        """Write what the stream has buffered."""
        self._stream.flush()


def _is_open_for_writing(stream: IO[str] | None) -> bool:
    if sys.platform == "win32":  # which does not tell
        return False
    else:  # noqa: RET505 - mypy leaves out one of two branches, but not what follows after one
        try:
            return stream is not None and fcntl.fcntl(stream.fileno(), fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
        except (OSError, ValueError):  # closed, or without a descriptor
            return False
