"""A batch: the decisions that the hub stores together, and the request that caused each."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trio_chat.broker import Failed
from trio_chat.broker.effects import Notify, Persist, Publish
from trio_chat.broker.state import MessageLookUp, SentLookUp, StoredMessage, StoredPlace
from trio_chat.errors import refuse
from trio_chat.protocol.codec import decode_event, encode, tag
from trio_chat.protocol.events import ROOM_EVENTS, Message
from trio_chat.records import Amend, Line, Redact
from trio_chat.server.hub.peer import Delivery

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trio_chat.broker.broker import LookUp, Stored
    from trio_chat.broker.effects import Effect
    from trio_chat.errors import Refusal
    from trio_chat.records import Record
    from trio_chat.server.hub.items import Administration, Arrival, PendingFileOrder

_TAGS: Final = {kind: tag(kind) for kind in ROOM_EVENTS}


class RequestEffects(Struct, frozen=True, gc=False):
    """The effects of one request: those of the batch up to ``end``, from the end of the request before. An ``order`` is
    carried out whole or not at all."""

    session: int
    request: str | None
    arrival: Arrival | None
    end: int
    order: bool = False


class Batch:
    """See the module. It knows messages as they are after the decisions so far, although these are not stored yet."""

    __slots__ = (
        "_learned",
        "_messages",
        "_sent",
        "asked",
        "charged",
        "decided",
        "departed",
        "effects",
        "look_ups",
        "not_admitted",
        "orders",
        "refused",
        "size",
    )

    def __init__(self) -> None:
        self.effects: list[Effect] = []
        self.decided: list[RequestEffects] = []
        self.orders: list[Administration | PendingFileOrder] = []
        self.not_admitted: dict[int, Refusal] = {}  # arrivals of this batch that are not let in after all, by session
        self.charged: list[tuple[int, int]] = []  # the sessions whose requests were charged, with the bytes of these
        self.asked = 0
        self.size = 0
        self.look_ups: dict[LookUp, None] = {}
        """The questions for the store, asked before anything is decided."""
        self.refused: Refusal | None = None
        self.departed: list[int] = []
        """Why the store could not be asked, if it could not."""
        self._messages: dict[MessageLookUp, StoredMessage | None] = {}
        self._sent: dict[SentLookUp, StoredPlace | None] = {}
        self._learned = 0  # the number of effects whose messages are known

    def end_request(
        self, session: int = 0, request: str | None = None, arrival: Arrival | None = None, *, order: bool = False
    ) -> None:
        """Note that this request, or none, caused the effects since the last call."""
        self.decided.append(RequestEffects(session, request, arrival, len(self.effects), order))

    def prepare(self) -> tuple[list[Record], list[Delivery], int]:
        """Encode the records of this batch, each event once.

        Returns the records and the deliveries to rooms, both in order, and the number of records that are lines of
        rooms.
        """
        records: list[Record] = []
        deliveries: list[Delivery] = []
        start = lines = 0
        for part in self.decided:
            for effect in self.effects[start : part.end]:
                kind = type(effect)
                if kind is Publish:
                    line = _line(effect)  # type: ignore[arg-type] # mypy does not narrow by type() is
                    records.append(line)
                    lines += 1
                    deliveries.append(
                        Delivery(line.room, effect.event, part.session, part.request or "", line.event)  # type: ignore[union-attr] # as above
                    )
                elif kind is Persist:
                    records.append(effect.record)  # type: ignore[union-attr] # as above
                elif kind is Notify:
                    deliveries.append(Delivery(0, effect.event, part.session, part.request or ""))  # type: ignore[union-attr] # as above
            start = part.end
        return records, deliveries, lines

    def reopened(self, sessions: Mapping[int, object]) -> list[int]:
        """Return the sessions that ended in this batch and are open once more. They had been closed by a decision of
        the batch, which was undone, so their end came in vain."""
        return [session for session in self.departed if session in sessions]

    def sort_out(self) -> tuple[list[Failed], list[Effect]]:
        """Split the batch, which could not be stored, into the requests that failed and the effects that go on. Notes
        arrivals that failed as ``not_admitted``."""
        failed: list[Failed] = []
        remaining: list[Effect] = []
        start = 0
        for part in self.decided:
            effects, start = self.effects[start : part.end], part.end
            kept = [effect for effect in effects if not isinstance(effect, Publish | Persist)]
            if len(kept) == len(effects) or not (part.session or part.order):  # a session that is gone stays gone
                remaining.extend(kept)
            elif part.order:
                pass  # nobody is sent away by what was not done
            elif part.arrival is not None:
                self.not_admitted[part.session] = refuse("not_stored")
            else:
                failed.append(Failed(part.session, part.request or ""))
        return failed, remaining

    def unknown(self, look_ups: Iterable[LookUp]) -> tuple[set[MessageLookUp], set[SentLookUp]]:
        """Return the open questions of these look-ups: messages, and ids under which messages were sent."""
        self._learn()
        messages: set[MessageLookUp] = set()
        sent: set[SentLookUp] = set()
        for look_up in look_ups:
            message: MessageLookUp | None
            if isinstance(look_up, SentLookUp):
                key = look_up._replace(reply_to=None)
                if key not in self._sent:
                    sent.add(key)
                elif self._sent[key] is not None:
                    continue
                message = look_up.reply_to
            else:
                message = look_up
            if message is not None and message not in self._messages:
                messages.add(message)
        return messages, sent

    def keep(
        self, messages: dict[MessageLookUp, StoredMessage | None], sent: dict[SentLookUp, StoredPlace | None]
    ) -> None:
        """Know what the store answered; this batch changes it from here on."""
        self._messages.update(messages)
        self._sent.update(sent)

    def find(self, look_up: LookUp) -> Stored | None:
        """The answer to a look-up, as it is after the decisions so far; ``None`` where there is nothing."""
        self._learn()
        if isinstance(look_up, MessageLookUp):
            return self._messages.get(look_up)
        place = self._sent.get(look_up._replace(reply_to=None))
        return place if place is not None or look_up.reply_to is None else self._messages.get(look_up.reply_to)

    def _learn(self) -> None:
        for effect in islice(self.effects, self._learned, None):
            if isinstance(effect, Publish):
                event = effect.event
                if isinstance(event, Message):
                    self._messages[MessageLookUp(effect.number, event.seq)] = StoredMessage(effect.sender, event)
                    place = StoredPlace(effect.number, event.seq, event.time)
                    self._sent[SentLookUp(effect.sender, effect.cid)] = place
            elif isinstance(effect, Persist) and isinstance(effect.record, Amend | Redact):
                key = MessageLookUp(effect.record.room, effect.record.seq)
                amended = decode_event(effect.record.event)
                before = self._messages.get(key)
                if before is not None and isinstance(amended, Message):  # a message is looked up before it is changed
                    self._messages[key] = StoredMessage(before.sender, amended)
        self._learned = len(self.effects)


def deliveries_of(effects: list[Effect]) -> list[Delivery]:
    """Return the deliveries of a batch that could not be stored: only notices are left."""
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
