"""The commands for files: /send, /save, /open, /preview, /transfers, /cancel and /files. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from trio_chat.protocol.file_kinds import is_image
from trio_chat.protocol.query import Query
from trio_chat.ui.actions.files import CancelTransfer, ListTransfers, PreviewImage, SaveFiles, SendFiles
from trio_chat.ui.actions.messages import SearchMessages
from trio_chat.ui.actions.moderation import ConfigureRoom
from trio_chat.ui.commands.command import ONLY_MODERATORS, ChatCommand, Reading, is_on
from trio_chat.ui.input.path_words import split_words

if TYPE_CHECKING:
    from trio_chat.protocol.parts import FileInfo
    from trio_chat.ui.model.place import Place

_NUMBER: Final = re.compile(r"[0-9]{1,4}")
_MESSAGE: Final = re.compile(r"#([0-9]{1,15})(?:\.([0-9]{1,2}))?")
_SIZE: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,3})?)\s*([kmgt]?)i?b?(?:ytes?)?", re.IGNORECASE | re.ASCII)
_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_UNIT: Final = 1024
_LARGEST: Final = 2**53  # the protocol's bound
SIZE_FORMS: Final = "500K, 20M or 1G"
"""Examples of sizes, for a sentence."""

N: Final = (
    "N counts the files shown in the room from the newest, which is 1; #12 is message 12 (/numbers on shows the "
    "numbers), #12.2 its second file. Without it, it is the newest file."
)
"""How a command names a file, for the help."""


class NamedFiles(NamedTuple):
    """The files of the message ``seq`` that a command names: ``which`` of them, counted from 1, or all (0). There are
    no ``files`` where the message was not shown."""

    files: tuple[FileInfo, ...]
    seq: int
    which: int = 0


def parse_size(text: str) -> int | None:
    """Parse a size such as ``20M`` or ``1.5 GiB`` into bytes; ``None`` if the text is no size. K is 1024 bytes."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        return None
    size = float(found[1]) * _UNIT ** _POWERS[found[2].lower()]
    return int(size) if size <= _LARGEST else None


def _send(argument: str, place: Place) -> Reading:
    if not argument or not split_words(argument):
        return "Which file?"
    return SendFiles(place.room, argument)


def _save(argument: str, place: Place, *, opens: bool = False) -> Reading:
    words = split_words(argument)
    first = words[0].value if words and not words[0].quoted else ""
    found = _find_named(first, place) if first else None
    if found is None:
        found, path = _find_named("1", place), words
    else:
        path = words[1:]
    if isinstance(found, str):
        return found
    if len(path) > 1 or (opens and path):
        return "That is no file of this room." if opens else "Put a path with spaces in quotes."
    files, seq, which = found or ((), 0, 0)
    return SaveFiles(place.room, files, seq, which, path[0].value if path else "", opens)


def _preview(argument: str, place: Place) -> Reading:
    found = _find_named(argument, place) if argument else _newest_image(place)
    if found is None:
        return "That is no file of this room."
    return found if isinstance(found, str) else PreviewImage(place.room, *found)


def _newest_image(place: Place) -> NamedFiles | str:
    for number in range(1, place.files.count(place.room) + 1):
        shown = place.files.find(place.room, number)
        if shown is not None and is_image(shown.file.kind):
            return NamedFiles((shown.file,), shown.seq)
    return "No image was shown in this room."


def _find_named(word: str, place: Place) -> NamedFiles | str | None:
    """The files that a word names in the current room. A sentence where there are no such files; ``None`` for a word
    that names none."""
    room = place.room
    if found := _MESSAGE.fullmatch(word):
        seq, which = int(found[1]), int(found[2] or 0)
        files = place.files.of(room, seq)
        if which and files:
            files = files[which - 1 : which]
            if not files:
                return f"Message {seq} has fewer than {which} files."
        return NamedFiles(files, seq, which)
    if not _NUMBER.fullmatch(word):
        return None
    shown = place.files.find(room, int(word))
    if shown is None:
        count = place.files.count(room)
        if not count:
            return "No file was shown in this room."
        return f"Only {count} {'file was' if count == 1 else 'files were'} shown in {room}."
    return NamedFiles((shown.file,), shown.seq)


def _cancel(argument: str, place: Place) -> Reading:
    del place
    if not argument:
        return CancelTransfer()
    if not _NUMBER.fullmatch(argument):
        return "Which transfer? /transfers lists the numbers."
    return CancelTransfer(int(argument))


def _files(argument: str, place: Place) -> Reading:
    if not argument:
        return SearchMessages(Query(room=place.room, has_file=True))
    on = is_on(argument)
    if on is not None:
        return ConfigureRoom(place.room, files=on, max_file=0 if on else None)
    size = parse_size(argument)
    if not size:
        return f"Write on, off, or the largest size of a file ({SIZE_FORMS})."
    return ConfigureRoom(place.room, files=True, max_file=size)


COMMANDS: Final[tuple[ChatCommand, ...]] = (
    ChatCommand(
        "send",
        "PATH… [TEXT]",
        "send files, with a text",
        "Tab completes the path. A path with spaces is put in quotes; ~ is your home. Further words are paths while "
        "they name files and have a slash or a dot, or are quoted; write -- before a text that begins like that. It "
        "waits while there is no connection, and goes on after it.",
        "/send build.log it failed here",
        _send,
        ("text",),
    ),
    ChatCommand(
        "save",
        "[N] [PATH]",
        "save a file of the room",
        f"{N} Without a path it goes into your folder for downloads. Nothing is overwritten without asking.",
        "/save #12 ~/logs",
        _save,
        ("text", "text"),
    ),
    ChatCommand(
        "open",
        "[N]",
        "save a file and open it with its program",
        f"{N} Only pictures, sound, film, PDF and text are opened. It asks first.",
        "/open #12",
        lambda argument, place: _save(argument, place, opens=True),
        ("text",),
    ),
    ChatCommand(
        "preview",
        "[N]",
        "show an image here, in the terminal",
        f"{N[: N.rindex('Without')]}Without it, it is the newest image. Pillow has to be installed: "
        "pip install 'trio-chat[images]'. In the full screen, the same command hides the image again.",
        "/preview #12",
        _preview,
        ("text",),
    ),
    ChatCommand(
        "transfers",
        "",
        "list the files that are being sent and saved",
        "Each has a number for /cancel.",
        "/transfers",
        lambda _argument, _place: ListTransfers(),
    ),
    ChatCommand(
        "cancel",
        "[N]",
        "stop sending or saving a file",
        "/transfers lists the numbers. Without a number it stops the transfer that began last.",
        "/cancel 2",
        _cancel,
    ),
    ChatCommand(
        "files",
        "[on|off|SIZE]",
        "list the files of the room, or limit them",
        f"Without a word it lists the newest files. A size ({SIZE_FORMS}) is the largest file that is allowed; on "
        f"allows what the server takes. Limits: {ONLY_MODERATORS[0].lower()}{ONLY_MODERATORS[1:]}",
        "/files 20M",
        _files,
    ),
)
"""The rows of the table."""
