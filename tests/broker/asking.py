"""Asking a broker for the decision about one request."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trio_chat.broker import Broker
    from trio_chat.broker.broker import Stored
    from trio_chat.broker.effects import Effect
    from trio_chat.protocol.requests import AnyRequest


def handle(
    broker: Broker,
    session: int,
    request: AnyRequest,
    now: float,
    stored: Stored | None = None,
    password_hash: str | None = None,
) -> list[Effect]:
    """Charge a request and decide it. A session that is not open causes nothing."""
    charged = broker.charge(session, request, now)
    return [] if charged is None else broker.decide(charged, now, stored, password_hash)
