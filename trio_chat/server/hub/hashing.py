"""Hashing passwords, which takes long, in tasks beside the hub. Part of the hub; see there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.requests import Hello, SetPassword
from trio_chat.server.hub.items import HashedRequest
from trio_chat.server.hub.passwords import Passwords, Turn

if TYPE_CHECKING:
    from collections.abc import Callable

    import trio

    from trio_chat.broker.broker import ChargedRequest
    from trio_chat.broker.state import Session
    from trio_chat.server.hub.items import Arrival, Item

MAY_HASH: Final = frozenset({Hello, SetPassword})
"""The requests that may bring a password to be hashed or checked before they are decided."""

log = structlog.get_logger()


class Hashing:
    """Hashes passwords in a worker thread and puts each finished request back on the hub's inbox."""

    def __init__(self, open_inbox: Callable[[], trio.MemorySendChannel[Item]]) -> None:
        self._open_inbox = open_inbox
        self.passwords = Passwords()

    def __repr__(self) -> str:
        return f"<Hashing {self.passwords!r}>"

    def begin(
        self,
        known: Session,
        request: Hello | SetPassword,
        encoded: str | None,
        origin: Arrival | ChargedRequest,
        nursery: trio.Nursery,
    ) -> Refusal | None:
        """Begin to hash a new password, or to check the password of a hello against the hash ``encoded``.

        Returns the refusal, if that cannot be.
        """
        is_login = isinstance(request, Hello)
        account = f"name {(request.name or '').casefold()}" if isinstance(request, Hello) else _account_of(known)
        turn = self.passwords.begin(known.id, known.address, account, is_login=is_login)
        if isinstance(turn, Refusal):
            return turn
        nursery.start_soon(self._hash, turn, request, encoded, origin)
        return None

    async def _hash(
        self, turn: Turn, request: Hello | SetPassword, encoded: str | None, origin: Arrival | ChargedRequest
    ) -> None:
        session = turn.session
        found: str | Refusal | None = None
        try:
            if isinstance(request, SetPassword):
                found = await self.passwords.hash(turn, request.password)
            else:
                right = await self.passwords.verify(turn, encoded or "", request.account_password or "")
                found = right if isinstance(right, Refusal) else encoded if right else None
        except Exception:  # a bug of ours must not end everybody's chat
            made = isinstance(request, SetPassword)
            log.exception("password not hashed" if made else "password not checked", session=session)
            found = refuse("internal")
        async with self._open_inbox() as inbox:
            await inbox.send(HashedRequest(session, request, found, origin))


def _account_of(known: Session) -> str:
    return f"session {known.id}" if known.person is None else f"account {known.person.id}"
