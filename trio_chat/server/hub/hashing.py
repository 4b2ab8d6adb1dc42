"""Hashing passwords, which takes long, in tasks beside the hub. Part of the hub; see there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from trio_chat.broker.places import place_of
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.requests import Hello, SetPassword
from trio_chat.server.hub.items import HashedRequest
from trio_chat.server.hub.passwords import Passwords

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
        if isinstance(request, SetPassword):
            place = place_of(known.address) or f"session {known.id}"
        else:
            place = place_of(known.address) or f"name {(request.name or '').casefold()}"
        refusal = self.passwords.begin(known.id, place)
        if refusal is None:
            nursery.start_soon(self._hash, known.id, place, request, encoded, origin)
        return refusal

    async def _hash(
        self,
        session: int,
        place: str,
        request: Hello | SetPassword,
        encoded: str | None,
        origin: Arrival | ChargedRequest,
    ) -> None:
        found: str | Refusal | None = None
        try:
            if isinstance(request, SetPassword):
                found = await self.passwords.hash(session, place, request.password)
            elif await self.passwords.verify(session, place, encoded or "", request.account_password or ""):
                found = encoded
        except Exception:  # a bug of ours must not end everybody's chat
            made = isinstance(request, SetPassword)
            log.exception("password not hashed" if made else "password not checked", session=session)
            found = refuse("internal")
        async with self._open_inbox() as inbox:
            await inbox.send(HashedRequest(session, request, found, origin))
