"""Passwords of accounts: Argon2id (RFC 9106), in a thread, few at a time.

One hash takes a tenth of a second and 64 MiB on purpose. So few run at once, few may wait, and who comes
then is told to try again: nobody can keep the machine busy with guesses.
"""

from __future__ import annotations

from typing import Final

import trio

from trio_chat.errors import Refusal, refuse

_AT_ONCE: Final = 2
"""Hashes made at a time: each takes a core and 64 MiB."""

_WAITING: Final = 16
"""Hashes that may wait: the last of them about a second."""


class Passwords:
    """Makes and checks hashes. The library is loaded when the first is needed."""

    def __init__(self) -> None:
        self._limiter = trio.CapacityLimiter(_AT_ONCE)
        self._asked = 0

    def __repr__(self) -> str:
        return f"<Passwords {self._asked} at work or waiting>"

    async def hash(self, password: str) -> str | Refusal:
        """The encoded hash of a password, with its salt and parameters, or ``busy``."""
        if self._asked >= _AT_ONCE + _WAITING:
            return refuse("busy")
        self._asked += 1
        try:
            return await trio.to_thread.run_sync(_hash, password, limiter=self._limiter)
        finally:
            self._asked -= 1

    async def verify(self, encoded: str, password: str) -> bool | Refusal:
        """Whether a hash is that of a password, or ``busy``."""
        if self._asked >= _AT_ONCE + _WAITING:
            return refuse("busy")
        self._asked += 1
        try:
            return await trio.to_thread.run_sync(_verify, encoded, password, limiter=self._limiter)
        finally:
            self._asked -= 1


def _hash(password: str) -> str:
    import argon2  # noqa: PLC0415 - most servers never need it

    return argon2.PasswordHasher().hash(password)


def _verify(encoded: str, password: str) -> bool:
    import argon2  # noqa: PLC0415 - as above

    try:
        return argon2.PasswordHasher().verify(encoded, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False
