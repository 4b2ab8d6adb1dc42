"""Asks the hub whether a request may begin, find, remove or fetch a file: for each request anew."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote

from trio_chat.broker.admission import holder_of
from trio_chat.broker.file_orders import BeginUpload, DropUpload, FindFile, FindUpload, FinishUpload
from trio_chat.errors import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trio_chat.protocol.file_kinds import FileKind
    from trio_chat.records import SaveFile
    from trio_chat.server.doors.http import HttpRequest
    from trio_chat.server.hub.hub import Hub

_ID: Final = re.compile("[A-Za-z0-9_-]{1,64}")

_ID_BYTES: Final = 16
"""Random bytes in the id of a file: nobody finds one by trying."""


class GrantedFile(NamedTuple):
    """A file that somebody may fetch, and the number of their account."""

    record: SaveFile
    account: int


def read_token(headers: Mapping[str, str]) -> str | Refusal:
    """Read the token of the device: ``Authorization: Bearer TOKEN`` or ``Trio-Chat-Token``, perhaps percent-encoded."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    token = value.strip() if scheme.lower() == "bearer" else headers.get("trio-chat-token", "")
    return unquote(token) or refuse("no_token")


class FileAccess:
    """See the module. Every method answers with the file as it is stored, or with a refusal."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def __repr__(self) -> str:
        return f"<FileAccess of {self._hub!r}>"

    async def begin(self, request: HttpRequest, metadata: Mapping[str, str], size: int) -> SaveFile | Refusal:
        """Note a new upload of ``size`` bytes, for the room or the people that the metadata name."""
        token = read_token(request.head.headers)
        if isinstance(token, Refusal):
            return token
        people = tuple(name.strip() for name in metadata.get("to", "").split(",") if name.strip())
        room, name = metadata.get("room") or None, metadata.get("filename", "")
        fresh = secrets.token_hex(_ID_BYTES)  # with no dash: the id is an argument of commands
        return await self._hub.ask_file(BeginUpload(token, request.address, room, people, name, size, fresh))

    def upload_now(self, upload: str) -> SaveFile | None:
        """The upload as the hub knows it at this moment; ``None`` if it is none any more."""
        return self._hub.broker.uploads.get(upload)

    async def find_upload(self, request: HttpRequest) -> SaveFile | Refusal:
        """Find an upload of the account that no message carries."""
        asked = _read_asked(request)
        if isinstance(asked, Refusal):
            return asked
        return await self._hub.ask_file(FindUpload(asked.token, request.address, asked.id))

    async def drop_upload(self, request: HttpRequest) -> SaveFile | Refusal:
        """Have the hub forget an upload of the account that no message carries."""
        asked = _read_asked(request)
        if isinstance(asked, Refusal):
            return asked
        return await self._hub.ask_file(DropUpload(asked.token, request.address, asked.id))

    async def find_file(self, request: HttpRequest) -> GrantedFile | Refusal:
        """Find a file that the account may fetch now."""
        asked = _read_asked(request)
        if isinstance(asked, Refusal):
            return asked
        record = await self._hub.ask_file(FindFile(asked.token, request.address, asked.id))
        if isinstance(record, Refusal):
            return record
        person = holder_of(self._hub.broker, asked.token)
        return refuse("no_token") if person is None else GrantedFile(record, person.id)

    async def finish(self, upload: str, digest: str, found: FileKind) -> Refusal | None:
        """Note that the bytes of an upload are in their place. It is stored when this returns."""
        order = FinishUpload(upload, digest, found.kind, found.width, found.height)
        answer = await self._hub.ask_file(order)
        return answer if isinstance(answer, Refusal) else None


class _AskedFile(NamedTuple):
    """The token and the file of a request."""

    token: str
    id: str


def _read_asked(request: HttpRequest) -> _AskedFile | Refusal:
    """Read whose request it is, and for which file. A name that no file can have goes to the hub too, as one that no
    file has: it is charged, and whoever has no token hears of the token first."""
    token, file = read_token(request.head.headers), request.params["id"]
    if isinstance(token, Refusal):
        return token
    return _AskedFile(token, file if _ID.fullmatch(file) else "-")
