"""What the hub decides and stores together, and which request led to what of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from trio_chat.broker.effects import Effect
    from trio_chat.server.items import Administration, Arrival


class Turn(NamedTuple):
    """What one request led to: the batch's effects up to ``end``, from where the last turn ended. An ``order`` is
    done whole or not at all."""

    session: int
    request: str | None
    arrival: Arrival | None
    end: int
    order: bool = False


class Batch:
    """What is decided and stored together. ``full`` when the next request belongs to another one."""

    __slots__ = ("asked", "effects", "full", "orders", "size", "turns")

    def __init__(self) -> None:
        self.effects: list[Effect] = []
        self.turns: list[Turn] = []
        self.orders: list[Administration] = []
        self.asked = 0
        self.size = 0
        self.full = False

    def end_turn(
        self, session: int = 0, request: str | None = None, arrival: Arrival | None = None, *, order: bool = False
    ) -> None:
        """What was decided since the last turn was decided for this request."""
        self.turns.append(Turn(session, request, arrival, len(self.effects), order))
