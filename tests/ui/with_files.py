"""Files, and messages that carry them, as a server tells of them."""

from __future__ import annotations

from trio_chat.protocol.events import Message
from trio_chat.protocol.files import with_file_lines
from trio_chat.protocol.parts import FileInfo

TIME = "2026-01-31T12:00:00.000Z"


def info(
    name: str = "build.log", size: int = 12_595, kind: str = "text/plain", width: int = 0, height: int = 0
) -> FileInfo:
    """A file as the server tells of it."""
    return FileInfo(id=f"id-{name}", name=name, size=size, kind=kind, sha256="ab" * 32, width=width, height=height)


def message(seq: int, *files: FileInfo, caption: str = "", room: str = "#ops", sender: str = "bob") -> Message:
    """A message with files, with their lines in its text, as every server sends it."""
    text = with_file_lines(caption, files)
    return Message(room=room, seq=seq, time=TIME, sender=sender, sender_id=2, cid="", text=text, files=files)
