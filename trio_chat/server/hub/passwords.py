"""Hashes of account passwords: Argon2id (RFC 9106), in a thread, few at a time.

One hash takes a tenth of a second and 64 MiB on purpose. So few run at once, few may wait, and further requests are
told to try again. A session may have one hash under way, and a place that guesses wrong has to slow down: nobody can
keep the machine busy with guesses, or keep everybody else out.
"""

from __future__ import annotations

from typing import Final

import trio

from trio_chat.broker.places import PlaceLimits
from trio_chat.errors import Refusal, refuse

_AT_ONCE: Final = 2
"""Hashes at a time: each takes a core and 64 MiB."""

_WAITING: Final = 16
"""Hashes that may wait: the last of them about a second."""


_GUESSES: Final = 10
"""Wrong passwords that one place may send at once: people mistype, and several may share an address."""

_GUESS_EVERY: Final = 6.0
"""Seconds until the place may send one more: ten a minute find no password that is worth the name."""


class Passwords:
    """Makes and checks hashes: call :meth:`begin`, then :meth:`hash` or :meth:`verify`. The library is loaded for the
    first hash.

    A *place* is the origin of a session, as text. A wrong password uses up some of the guesses that the place has left.
    """

    def __init__(self) -> None:
        self._limiter = trio.CapacityLimiter(_AT_ONCE)
        self._asked = 0
        self._sessions: set[int] = set()
        self._guesses = PlaceLimits(_GUESS_EVERY)

    def __repr__(self) -> str:
        return f"<Passwords {self._asked} at work or waiting>"

    def begin(self, session: int, place: str) -> Refusal | None:
        """Reserve one hash. Returns the refusal, if that cannot be."""
        if session in self._sessions:
            return refuse("still_checking")
        spent = self._guesses.spent(place, trio.current_time()) + 1
        if spent > _GUESSES:
            return refuse("too_many_guesses", seconds=(spent - _GUESSES) * _GUESS_EVERY)
        if self._asked >= _AT_ONCE + _WAITING:
            return refuse("busy")
        self._asked += 1
        self._sessions.add(session)
        self._guesses.spend(place, trio.current_time())
        return None

    async def hash(self, session: int, place: str, password: str) -> str:
        """Return the encoded hash of a password, with its salt and parameters."""
        try:
            return await trio.to_thread.run_sync(_hash, password, limiter=self._limiter)
        finally:
            self._end(session, place, wrong=False)

    async def verify(self, session: int, place: str, encoded: str, password: str) -> bool:
        """Say whether a hash is that of a password."""
        right = False
        try:
            right = await trio.to_thread.run_sync(_verify, encoded, password, limiter=self._limiter)
        finally:
            self._end(session, place, wrong=not right)
        return right

    def _end(self, session: int, place: str, *, wrong: bool) -> None:
        self._asked -= 1
        self._sessions.discard(session)
        if not wrong:
            self._guesses.spend(place, trio.current_time(), -1)


def _hash(password: str) -> str:
    import argon2  # noqa: PLC0415 - most servers never need it

    return argon2.PasswordHasher().hash(password)


def _verify(encoded: str, password: str) -> bool:
    import argon2  # noqa: PLC0415 - as above

    try:
        return argon2.PasswordHasher().verify(encoded, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False
