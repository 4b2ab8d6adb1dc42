"""Hashes of account passwords: Argon2id (RFC 9106), in a thread, few at a time.

One hash takes a tenth of a second and 64 MiB on purpose. So few run at once, few may wait, and further requests are
told to try again. They are shared out: next comes the request whose account and place had the fewest hashes made
lately, and if too many wait, the one with the most makes room for it. One of those that run is always kept for logging
in. So accounts that set their passwords again and again keep nobody else out. A session may have one hash under way,
and an account one new password. A place that guesses wrong has to slow down.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

import trio

from trio_chat.broker.guesses import Guesses
from trio_chat.broker.places import PlaceLimits, place_of
from trio_chat.errors import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_T = TypeVar("_T")

_AT_ONCE: Final = 2
"""Hashes at a time: each takes a core and 64 MiB."""

_THREADS: Final = 1
"""Threads of one hash: more of them would take the other cores from the server, for which all others wait."""

_NICE: Final = 10
"""How much nicer a thread that hashes is than the others: where cores are short, those who talk have them first."""

_WAITING: Final = 16
"""Hashes that may wait: the last of them about a second."""

_FORGOTTEN: Final = 10.0
"""Seconds after which one hash more is forgotten of an account or a place."""


class Turn:
    """A reserved hash: for the login of a person at an address, or for a new password of one."""

    __slots__ = ("account", "address", "granted", "is_login", "refusal", "session")

    def __init__(self, session: int, address: str, account: str, *, is_login: bool) -> None:
        self.session = session
        self.address = address
        self.account = account
        self.is_login = is_login
        self.granted = trio.Event()
        self.refusal: Refusal | None = None

    def __repr__(self) -> str:
        return f"<Turn of session {self.session}, {self.account}>"

    @property
    def keys(self) -> tuple[str, ...]:
        """The account and the place, where it is one of few people. A stranger who logs in has no account yet."""
        place = place_of(self.address)
        if place is None:
            return (self.account,)
        return (place,) if self.is_login else (place, self.account)


class Passwords:
    """Makes and checks hashes: call :meth:`begin`, then :meth:`hash` or :meth:`verify`. The library is loaded for the
    first hash."""

    def __init__(self) -> None:
        self._sessions: set[int] = set()
        self._changing: set[str] = set()
        self._running: list[Turn] = []
        self._waiting: list[Turn] = []
        self._guesses = Guesses()
        self._used = PlaceLimits(_FORGOTTEN)

    def __repr__(self) -> str:
        return f"<Passwords {len(self._running)} at work, {len(self._waiting)} waiting>"

    @property
    def asked(self) -> int:
        """The number of hashes at work or waiting."""
        return len(self._running) + len(self._waiting)

    def begin(self, session: int, address: str, account: str, *, is_login: bool) -> Turn | Refusal:
        """Reserve a hash for a session from an address, to log in as ``account`` (any text that stands for it), or to
        give it a new password. Returns the refusal, if that cannot be."""
        if session in self._sessions or (not is_login and account in self._changing):
            return refuse("still_checking")
        refusal = self._guesses.take(address, trio.current_time(), account) if is_login else None
        if refusal is not None:
            return refusal
        turn = Turn(session, address, account, is_login=is_login)
        if not self._may_run(turn) and len(self._waiting) >= _WAITING and not self._make_room_for(turn):
            self._right(turn)
            return refuse("busy")
        self._sessions.add(session)
        if not is_login:
            self._changing.add(account)
        for key in turn.keys:
            self._used.spend(key, trio.current_time())
        self._waiting.append(turn)
        self._grant()
        return turn

    async def hash(self, turn: Turn, password: str) -> str | Refusal:
        """Return the encoded hash of a password, with its salt and parameters, or the refusal if others are served
        first. On cancellation the turn is over."""
        try:
            await turn.granted.wait()
            if turn.refusal is not None:
                return turn.refusal
            return await trio.to_thread.run_sync(_run_nicely, _hash, password)
        finally:
            self._end(turn)

    async def verify(self, turn: Turn, encoded: str, password: str) -> bool | Refusal:
        """Say whether a hash is that of a password. As :meth:`hash`."""
        try:
            await turn.granted.wait()
            if turn.refusal is not None:
                self._right(turn)
                return turn.refusal
            right = await trio.to_thread.run_sync(_run_nicely, _verify, encoded, password)
            if right:
                self._right(turn)
            return right
        finally:
            self._end(turn)

    def _right(self, turn: Turn) -> None:
        """Give the guess back of a login that was right, or that nobody looked at."""
        if turn.is_login:
            self._guesses.give_back(turn.address, trio.current_time(), turn.account)

    def _score(self, turn: Turn) -> float:
        """How many hashes the account or the place of a turn had lately. A new password can wait for a login."""
        used = max(self._used.spent(key, trio.current_time()) for key in turn.keys)
        return used if turn.is_login else used + 1

    def _make_room_for(self, turn: Turn) -> bool:
        """Refuse the waiting turn that had the most hashes, unless that is the new one. No login makes room for a new
        password."""
        others = [other for other in reversed(self._waiting) if turn.is_login or not other.is_login]
        worst = max(others, key=self._score, default=None)  # of equals the last
        if worst is None or self._score(worst) <= self._score(turn) + 1:  # its own is charged already
            return False
        self._waiting.remove(worst)
        worst.refusal = refuse("busy")
        worst.granted.set()
        return True

    def _may_run(self, turn: Turn) -> bool:
        if len(self._running) >= _AT_ONCE:
            return False
        return turn.is_login or all(other.is_login for other in self._running)

    def _grant(self) -> None:
        """Begin the hashes that may begin now."""
        while True:
            fit = [turn for turn in self._waiting if self._may_run(turn)]
            if not fit:
                return
            turn = min(fit, key=self._score)  # of equals the first
            self._waiting.remove(turn)
            self._running.append(turn)
            turn.granted.set()

    def _end(self, turn: Turn) -> None:
        self._sessions.discard(turn.session)
        if not turn.is_login:
            self._changing.discard(turn.account)
        for turns in (self._running, self._waiting):
            if turn in turns:
                turns.remove(turn)
        self._grant()


def _run_nicely(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Call a function in a thread of its own that gives way to others, and return its result. A thread cannot take its
    niceness back, so none of trio's, which are used again, may become nice."""
    outcome: Future[_T] = Future()

    def run() -> None:
        if sys.platform == "linux":  # elsewhere only whole processes are nice
            with contextlib.suppress(OSError):  # a sandbox may forbid it
                os.nice(_NICE)
        try:
            outcome.set_result(function(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - the caller gets it
            outcome.set_exception(error)

    threading.Thread(target=run, name="hash", daemon=True).start()
    return outcome.result()


def _hash(password: str) -> str:
    import argon2  # noqa: PLC0415 - most servers never need it

    return argon2.PasswordHasher(parallelism=_THREADS).hash(password)


def _verify(encoded: str, password: str) -> bool:
    import argon2  # noqa: PLC0415 - as above

    try:
        return argon2.PasswordHasher().verify(encoded, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False
