"""How a client knows the server of a chat. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trio_chat.errors import NotDone

if TYPE_CHECKING:
    from trio_chat.protocol.fingerprint import Fingerprint


@dataclass(frozen=True, slots=True)
class ServerContact:
    """How the server of a chat is known.

    - ``fingerprint``: of its key; ``None`` for a server of an earlier version, which has none, and for one that cannot
      prove it at this address.
    - ``temporary``: its key is for one run of it, so that a client does not keep the fingerprint.
    - ``verified``: the system's certificate authorities vouched for it.
    - ``encrypted``: the connection has TLS.
    - ``first``: it was not known at this address before, and no pin was given: nothing but the connection itself says
      that it is the right one.
    - ``elsewhere``: at a first contact, the other addresses at which a server with this key is known, the last used one
      first.
    """

    fingerprint: Fingerprint | None = None
    temporary: bool = False
    verified: bool = False
    encrypted: bool = False
    first: bool = False
    elsewhere: tuple[str, ...] = ()

    def require_proof(self) -> Fingerprint:
        """The fingerprint of its key. Raises :class:`~trio_chat.errors.NotDone` for a server that cannot prove one."""
        if self.fingerprint is None:
            why = "The server does not prove its identity at this address, so a link with the address would not work."
            raise NotDone("no_identity", why, "Its operator can make one: trio-chat admin invite")
        return self.fingerprint
