"""The headers of tus 1.0.0, the protocol of resumable uploads (https://tus.io/protocols/resumable-upload): pure.

Each parser takes the headers of a request, with names in lower case, and returns the value or a refusal.
"""

from __future__ import annotations

import base64
import re
from email.utils import formatdate
from typing import TYPE_CHECKING, Final, NamedTuple

from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.text import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION: Final = "1.0.0"
"""The version of tus that this server speaks, the only one there is."""

EXTENSIONS: Final = "creation,creation-with-upload,expiration,checksum,termination"
"""The extensions of tus that this server has, as ``Tus-Extension`` lists them."""

CHECKSUMS: Final = ("sha256", "sha1")
"""The algorithms for the checksum of one request, by their names in tus and in :mod:`hashlib`. Every server has SHA-1:
so says tus. It only tells a damaged request from a whole one; the hash of a file is SHA-256."""

UPLOAD_BYTES: Final = "application/offset+octet-stream"
"""The content type of bytes for an upload."""

_DIGEST_SIZES: Final = {"sha256": 32, "sha1": 20}

_MAX_METADATA: Final = 4096
"""Bytes of ``Upload-Metadata``: 200 bytes of a name and 20 recipients take less, in Base64."""

_NUMBER: Final = re.compile("[0-9]{1,18}")  # 18 digits are no more than SQLite's integers hold
_KEY: Final = re.compile(r"[!-+\--~]{1,100}")  # ASCII without spaces and commas


class Checksum(NamedTuple):
    """The checksum of one request: its algorithm, one of :data:`CHECKSUMS`, and the digest."""

    algorithm: str
    digest: bytes


def check_version(headers: Mapping[str, str]) -> Refusal | None:
    """Refuse a request whose ``Tus-Resumable`` is missing or names another version."""
    version = headers.get("tus-resumable")
    return None if version == VERSION else refuse("wrong_tus_version", version=quoted(version or ""))


def find_method(method: str, headers: Mapping[str, str]) -> str:
    """Return the method that a request means: clients whose surroundings know no PATCH name it in a header."""
    return headers.get("x-http-method-override", method).strip().upper()


def parse_length(headers: Mapping[str, str]) -> int | Refusal:
    """Read the size of a new upload in bytes. It must be known: an upload that tells its length later is refused."""
    value = headers.get("upload-length")
    if value is None:
        deferred = "upload-defer-length" in headers
        why = "the server takes no upload whose length is told later" if deferred else "it has no Upload-Length"
        return refuse("bad_upload", why=why)
    if "upload-defer-length" in headers:
        return refuse("bad_upload", why="it has both Upload-Length and Upload-Defer-Length")
    if "upload-concat" in headers:
        return refuse("bad_upload", why="the server does not put uploads together")
    return _number("Upload-Length", value)


def parse_offset(headers: Mapping[str, str]) -> int | Refusal:
    """Read the offset in bytes at which a PATCH goes on."""
    value = headers.get("upload-offset")
    return refuse("bad_upload", why="it has no Upload-Offset") if value is None else _number("Upload-Offset", value)


def _number(name: str, value: str) -> int | Refusal:
    if not _NUMBER.fullmatch(value):
        return refuse("bad_upload", why=f"{name} is {quoted(value)}, and no number of bytes")
    return int(value)


def check_bytes(headers: Mapping[str, str]) -> Refusal | None:
    """Refuse a body that is not declared to be bytes for an upload."""
    kind = headers.get("content-type", "")
    return None if kind.strip().lower() == UPLOAD_BYTES else refuse("not_upload_bytes", kind=quoted(kind))


def parse_checksum(headers: Mapping[str, str]) -> Checksum | Refusal | None:
    """Read the checksum of the request's bytes; ``None`` if it has none."""
    value = headers.get("upload-checksum")
    if value is None:
        return None
    algorithm, _, text = value.partition(" ")
    if algorithm not in CHECKSUMS:
        return refuse("bad_upload", why=f"its checksum is by {quoted(algorithm)}, not by one of {', '.join(CHECKSUMS)}")
    digest = _from_base64(text)
    if digest is None or len(digest) != _DIGEST_SIZES[algorithm]:
        return refuse("bad_upload", why=f"its checksum is no digest by {algorithm} in Base64")
    return Checksum(algorithm, digest)


def parse_metadata(headers: Mapping[str, str]) -> dict[str, str] | Refusal:
    """Read ``Upload-Metadata``: pairs of a key and a value in Base64, separated by commas. No header is no pair."""
    value = headers.get("upload-metadata", "").strip()
    if len(value) > _MAX_METADATA:
        return refuse("bad_upload", why=f"Upload-Metadata has more than {_MAX_METADATA} bytes")
    found: dict[str, str] = {}
    for pair in value.split(",") if value else ():
        key, _, text = pair.strip().partition(" ")
        data = _from_base64(text)
        if not _KEY.fullmatch(key) or data is None:
            return refuse("bad_upload", why="Upload-Metadata is not pairs of a key and a value in Base64")
        if key in found:
            return refuse("bad_upload", why=f"Upload-Metadata has {quoted(key)} twice")
        found[key] = data.decode(errors="replace")
    return found


def format_metadata(pairs: Mapping[str, str]) -> str:
    """Write pairs as ``Upload-Metadata``."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}".rstrip() for key, value in pairs.items())


def format_date(time: float) -> str:
    """Write a time in seconds since 1970 as HTTP does (RFC 9110, 5.6.7)."""
    return formatdate(time, usegmt=True)


def _from_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None
