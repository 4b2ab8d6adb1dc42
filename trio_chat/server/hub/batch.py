"""What the hub decides and stores together, and which request led to what of it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from trio_chat.broker.effects import Notify, Persist, Publish
from trio_chat.broker.state import FoundLine, FoundSent
from trio_chat.protocol.codec import decode_event, encode, tag
from trio_chat.protocol.events import ROOM_EVENTS, Message
from trio_chat.records import Amend, Line, Redact
from trio_chat.server.hub.peer import Delivery

if TYPE_CHECKING:
    from trio_chat.broker.broker import WantsLine, WantsSent
    from trio_chat.broker.effects import Effect
    from trio_chat.errors import Refusal
    from trio_chat.records import Record
    from trio_chat.server.hub.items import Administration, Arrival

_TAGS: Final = {kind: tag(kind) for kind in ROOM_EVENTS}


class Turn(NamedTuple):
    """What one request led to: the batch's effects up to ``end``, from where the last turn ended. An ``order`` is
    done whole or not at all."""

    session: int
    request: str | None
    arrival: Arrival | None
    end: int
    order: bool = False


class Batch:
    """What is decided and stored together; and what is known in it of messages that are not stored so yet."""

    __slots__ = ("_lines", "_sent", "_told", "asked", "effects", "not_admitted", "orders", "size", "turns")

    def __init__(self) -> None:
        self.effects: list[Effect] = []
        self.turns: list[Turn] = []
        self.orders: list[Administration] = []
        self.not_admitted: dict[int, Refusal] = {}  # arrivals of this batch that are not let in after all, by session
        self.asked = 0
        self.size = 0
        self._lines: dict[tuple[int, int], FoundLine] = {}
        self._sent: dict[tuple[int, str], FoundSent] = {}
        self._told = 0  # of so many effects what they say of messages is known

    def end_turn(
        self, session: int = 0, request: str | None = None, arrival: Arrival | None = None, *, order: bool = False
    ) -> None:
        """What was decided since the last turn was decided for this request."""
        self.turns.append(Turn(session, request, arrival, len(self.effects), order))

    def prepare(self) -> tuple[list[Record], list[Delivery], int]:
        """Encode what is to be stored, each event once.

        Returns the records in order, the deliveries of what rooms are told, in order too, and the number of records
        that are lines of rooms.
        """
        records: list[Record] = []
        deliveries: list[Delivery] = []
        start = lines = 0
        for turn in self.turns:
            for effect in self.effects[start : turn.end]:
                kind = type(effect)
                if kind is Publish:
                    line = _line(effect)  # type: ignore[arg-type] # mypy does not narrow by type() is
                    records.append(line)
                    lines += 1
                    deliveries.append(
                        Delivery(line.room, effect.event, turn.session, turn.request or "", line.event)  # type: ignore[union-attr] # as above
                    )
                elif kind is Persist:
                    records.append(effect.record)  # type: ignore[union-attr] # as above
                elif kind is Notify:
                    deliveries.append(Delivery(0, effect.event, turn.session, turn.request or ""))  # type: ignore[union-attr] # as above
            start = turn.end
        return records, deliveries, lines

    def find_line(self, wanted: WantsLine) -> FoundLine | None:
        """A message as it is after what was decided in this batch, if it was said or looked up in it."""
        self._learn()
        return self._lines.get(wanted)

    def find_sent(self, wanted: WantsSent) -> FoundSent | None:
        """Where a message stands that was sent in this batch."""
        self._learn()
        return self._sent.get((wanted.sender, wanted.cid))

    def keep_line(self, wanted: WantsLine, found: FoundLine) -> None:
        """Know a message that was looked up, as this batch changes it from here on."""
        self._lines[wanted] = found

    def _learn(self) -> None:
        for effect in islice(self.effects, self._told, None):
            if isinstance(effect, Publish):
                event = effect.event
                if isinstance(event, Message):
                    self._lines[effect.number, event.seq] = FoundLine(effect.sender, event)
                    self._sent[effect.sender, effect.cid] = FoundSent(effect.number, event.seq, event.time)
            elif isinstance(effect, Persist) and isinstance(effect.record, Amend | Redact):
                place = effect.record.room, effect.record.seq
                now_is = decode_event(effect.record.event)
                if place in self._lines and isinstance(now_is, Message):  # what is changed was looked up first
                    self._lines[place] = FoundLine(self._lines[place].sender, now_is)
        self._told = len(self.effects)


def deliveries_of(effects: list[Effect]) -> list[Delivery]:
    """The deliveries of what rooms are told where nothing could be stored: the notices."""
    return [Delivery(0, effect.event) for effect in effects if isinstance(effect, Notify)]


def _line(effect: Publish) -> Line:
    event = effect.event
    return Line(
        effect.number,
        event.seq,
        event.time,
        effect.sender,
        effect.cid,
        _TAGS[type(event)],
        effect.text,
        effect.target,
        encode(event),
    )
