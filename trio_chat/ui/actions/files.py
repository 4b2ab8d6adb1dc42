"""Actions on files, as frozen structs: send, save, open, preview, list the transfers, cancel one.

They take as long as the network does, so an interface carries them out beside the queue of its other actions, with
:class:`~trio_chat.ui.file_jobs.jobs.FileJobs`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from trio_chat.protocol.parts import FileInfo


@dataclass(frozen=True, slots=True)
class SendFiles:
    """Send files to a room. ``argument`` has the paths and the text as they were typed; which of the words are paths
    is decided by looking for the files. Where they are known already they are in ``paths``, and ``argument`` is the
    text. ``reply_to`` is the number of the message that it replies to."""

    room: str
    argument: str
    paths: tuple[Path, ...] = ()
    reply_to: int | None = None


@dataclass(frozen=True, slots=True)
class SaveFiles:
    """Save files of a message, in a folder or under a name (``path`` as it was typed; empty for the folder for
    downloads). Without ``files``, all files of the message ``seq``, or the one at ``which``, are meant, which was not
    shown. ``opens``: open the saved file afterwards."""

    room: str
    files: tuple[FileInfo, ...] = ()
    seq: int = 0
    which: int = 0
    path: str = ""
    opens: bool = False


@dataclass(frozen=True, slots=True)
class PreviewImage:
    """Show an image of a message in the terminal. The fields are those of :class:`SaveFiles`; of several files, an
    image is meant."""

    room: str
    files: tuple[FileInfo, ...] = ()
    seq: int = 0
    which: int = 0


@dataclass(frozen=True, slots=True)
class ListTransfers:
    """Show the transfers that are under way."""


@dataclass(frozen=True, slots=True)
class CancelTransfer:
    """Cancel a transfer; without a number the one that began last."""

    number: int | None = None


FileAction: TypeAlias = SendFiles | SaveFiles | PreviewImage | ListTransfers | CancelTransfer
"""The actions that an interface carries out beside its queue."""
