"""The fingerprint of a server: the SHA-256 of its public key. It *is* the server, whatever its address. Pure.

A person compares it as words, programs and links carry it as text. The words come from the English list of BIP 39:
2,048 words of 3 to 8 letters that differ within their first four, of which each carries 11 bits.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Final, Self

_SIZE: Final = 32
_WORDS: Final = 12
"""Words that a person compares: 132 bits, for which nobody finds a second key."""
_BITS: Final = 11
"""Bits of one word."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The fingerprint of a server's key. ``digest`` is the SHA-256 (32 bytes) of its SubjectPublicKeyInfo in DER."""

    digest: bytes

    def __post_init__(self) -> None:
        if len(self.digest) != _SIZE:
            raise ValueError(f"a fingerprint has {_SIZE} bytes, not {len(self.digest)}")

    @classmethod
    def of_key(cls, public_key: bytes) -> Self:
        """Make the fingerprint of a public key, given as SubjectPublicKeyInfo in DER (RFC 5280, 4.1)."""
        return cls(hashlib.sha256(public_key).digest())

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a fingerprint as :attr:`text` or :attr:`hex` gives it; hexadecimal digits may have colons or spaces
        between them.

        Raises ``ValueError`` with a sentence on what is wrong.
        """
        digits = re.sub(r"[:\s]", "", text)
        if re.fullmatch(r"[0-9A-Fa-f]{64}", digits):
            return cls(bytes.fromhex(digits))
        if re.fullmatch(r"[A-Za-z0-9_-]{43}", text):
            try:
                return cls(base64.urlsafe_b64decode(text + "="))
            except binascii.Error:
                pass
        raise ValueError("A fingerprint is 43 letters, digits, - and _, or 64 hexadecimal digits.")

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        """The fingerprint for links and files: 43 characters of Base64 without padding (RFC 4648, 5)."""
        return base64.urlsafe_b64encode(self.digest).decode().rstrip("=")

    @property
    def hex(self) -> str:
        """The fingerprint as 64 hexadecimal digits, in groups of four."""
        return self.digest.hex(" ", 2)

    @property
    def words(self) -> str:
        """The first 132 bits as twelve words, for people who compare by reading aloud."""
        from mnemonic import Mnemonic  # noqa: PLC0415 - it reads its list, which most runs never need

        known = Mnemonic("english").wordlist
        number = int.from_bytes(self.digest) >> (_SIZE * 8 - _WORDS * _BITS)
        places = [number >> _BITS * place & (1 << _BITS) - 1 for place in reversed(range(_WORDS))]
        return " ".join(known[place] for place in places)
