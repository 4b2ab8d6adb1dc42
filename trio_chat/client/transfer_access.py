"""The facts about a chat that the connection of a file transfer needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trio_chat.client.options import Reconnection
    from trio_chat.client.trust import Trust


@dataclass(frozen=True, slots=True)
class TransferAccess:
    """The facts that the connection of a file transfer needs, as the chat is at this moment.

    ``token`` proves the account. ``patience`` is how many seconds may pass without any progress; ``math.inf``
    means for ever. ``wait_entered`` waits until the chat itself has connected anew.
    """

    trust: Trust
    token: str
    client: str
    reconnection: Reconnection
    patience: float
    wait_entered: Callable[[], Awaitable[None]]

    def __repr__(self) -> str:
        return f"<TransferAccess to {self.trust.address.authority}>"
