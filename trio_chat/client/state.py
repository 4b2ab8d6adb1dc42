"""What was asked and not yet answered, and what was seen: all that outlives a connection. Pure.

Theory of operation. Every request is *owed* from the moment it is made until its answer comes, in the
order of asking; ``unsent`` is the part of it that the present connection has not carried yet. Losing the
connection makes all of it unsent again, under the old ids: the server stores a message once, however
often its id comes. After a reconnect go, in this order: the rooms to re-enter, what is owed, and for each
room the question for what was missed (see :mod:`trio_chat.client.rooms`).

A server may forget the ids it has seen of somebody who was gone for a while. So messages for a room that
is catching up wait until it has: if one of them was stored before the connection broke, it stands in the
log under its id, which is answer enough.

The shell around this calls :meth:`Conversation.take` with what came and writes what
:meth:`Conversation.next_frame` gives; what follows for the application comes back as a :class:`Step`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from trio_chat.client.events import ChatEvent, Reconnected, RejoinRefused
from trio_chat.client.rooms import Phase, RoomView
from trio_chat.errors import NotDone, Refusal, refuse
from trio_chat.protocol.codec import decode_event, encode
from trio_chat.protocol.events import (
    AnyEvent,
    Closing,
    Error,
    Left,
    Limits,
    Message,
    Ok,
    Page,
    People,
    Pong,
    Presence,
    ReadUpTo,
    Renamed,
    Room,
    RoomEvent,
    RoomInfo,
    RoomList,
    TopicChanged,
    Welcome,
)
from trio_chat.protocol.requests import (
    AnyRequest,
    History,
    Join,
    Leave,
    Nick,
    Ping,
    Read,
    Received,
    Send,
    Typing,
)
from trio_chat.protocol.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

FILL_PAGE: Final = 200
"""Events asked for at once while a room catches up: even the longest ones fit in a frame of 16 MiB."""

MOST_RECEIVED: Final = 1000
"""Unanswered ``received`` at the most; beyond it the oldest are forgotten. Losing one loses a tick mark."""

MOST_ABANDONED: Final = 1000
"""Requests whose asker went away, remembered for what a late answer says of our rooms and name."""

_LATER: Final = frozenset({"too_fast", "internal", "not_stored"})
"""Refusals that a second try may not meet."""

Answer: TypeAlias = Ok | Error | Room | RoomList | People | Page | Pong
"""What may answer a request."""


class Why(Enum):
    """On whose behalf a request is owed."""

    ASKED = auto()  # the application's
    REJOIN = auto()  # ours: into a room that we were in
    FILL = auto()  # ours: what a room missed
    RECEIVED = auto()  # ours: a direct message came


@dataclass(slots=True)
class Owed:
    """A request without an answer."""

    request: AnyRequest
    frame: bytes
    why: Why
    room: str = ""  # whose rejoining or filling it is
    carried: bool = False


class UnknownLine(msgspec.Struct, frozen=True):
    """A line of a room's log of a type that this version does not know. It still has its place there."""

    room: str
    seq: int
    time: str


@dataclass(slots=True)
class Step:
    """What follows from what came: ``events`` to yield, ``answers`` by request id (``None``: nothing will
    come, and nothing needs to), and rooms whose ``stalled`` questions are to be asked again a little later
    with :meth:`Conversation.ask_again`."""

    events: list[ChatEvent] = field(default_factory=list)
    answers: dict[str, Answer | None] = field(default_factory=dict)
    stalled: list[str] = field(default_factory=list)


class Conversation:
    """See the module. ``prefix`` makes this conversation's request ids its own; ``listening`` tells whether
    anybody gets its events (if not, no direct message is reported received)."""

    def __init__(self, prefix: str, *, listening: bool = True) -> None:
        self.name = ""
        self.welcome: Welcome | None = None
        self.rooms: dict[str, RoomView] = {}
        self.closing: Closing | None = None
        self._prefix = prefix
        self._count = 0
        self._listening = listening
        self._owed: dict[str, Owed] = {}
        self._unsent: deque[str] = deque()
        self._abandoned: dict[str, AnyRequest] = {}
        self._received: deque[str] = deque()
        self._former_name = ""

    def __repr__(self) -> str:
        return f"<Conversation of {self.name!r}: {len(self.rooms)} rooms, {len(self._owed)} requests owed>"

    # ---- asking -----------------------------------------------------------------------------

    def make_id(self) -> str:
        """An id that no other request has: also the one under which a message is stored once."""
        self._count += 1
        return f"{self._prefix}-{self._count}"

    def ask(self, request: AnyRequest) -> None:
        """Owe a request of the application's. Raises :class:`~trio_chat.errors.NotDone` if it cannot travel."""
        self._owe(request, _frame(request, self.welcome), Why.ASKED)

    def forget(self, request_id: str) -> None:
        """Nobody waits for this answer any more. What was not sent never is; what was may be done yet."""
        owed = self._owed.pop(request_id, None)
        if owed is None:
            return
        if owed.carried:
            self._abandoned[request_id] = owed.request
            if len(self._abandoned) > MOST_ABANDONED:
                del self._abandoned[next(iter(self._abandoned))]

    def ask_again(self, room: str) -> None:
        """Ask once more what :attr:`Step.stalled` said."""
        view = self.rooms.get(room)
        if view is None:
            return
        if view.phase is Phase.REJOINING:
            self._rejoin(view)
        else:
            view.asked = False
            self._fill(view)

    @property
    def owes(self) -> bool:
        """Whether anything that was asked or reported has no answer yet."""
        return bool(self._owed)

    @property
    def owed_count(self) -> int:
        """How many requests have no answer yet."""
        return len(self._owed)

    def next_frame(self) -> bytes | None:
        """The next request to write on this connection, or ``None`` when there is nothing now."""
        waiting: list[str] = []
        frame = None
        while self._unsent and frame is None:
            request_id = self._unsent.popleft()
            owed = self._owed.get(request_id)
            if owed is None:
                continue  # forgotten, or settled, meanwhile
            if self._must_wait(owed.request):
                waiting.append(request_id)
            else:
                owed.carried = True
                frame = owed.frame
        self._unsent.extendleft(reversed(waiting))
        return frame

    def _must_wait(self, request: AnyRequest) -> bool:
        if type(request) is not Send or request.room is None:
            return False
        room = self.rooms.get(request.room)
        return room is not None and room.phase in (Phase.REJOINING, Phase.RESUMING)

    def _owe(self, request: AnyRequest, frame: bytes, why: Why, room: str = "") -> None:
        self._owed[request.id] = Owed(request, frame, why, room)
        self._unsent.append(request.id)

    # ---- connections come and go ------------------------------------------------------------

    def lose(self) -> Step:
        """The connection is gone."""
        step = Step()
        for request_id, owed in list(self._owed.items()):
            owed.carried = False
            if isinstance(owed.request, Typing | Ping) and owed.why is Why.ASKED:
                step.answers[request_id] = None
                del self._owed[request_id]
            elif owed.why in (Why.FILL, Why.REJOIN):
                del self._owed[request_id]
        self._unsent = deque(self._owed)
        self._abandoned.clear()
        self.closing = None
        for room in self.rooms.values():
            room.interrupt()
        return step

    def enter(self, welcome: Welcome, attempts: int = 0) -> Step:
        """A connection is there, and the server has let us in."""
        step = Step()
        before, self.welcome, self.name = self.welcome, welcome, welcome.name
        infos = {info.name: info for info in welcome.rooms}
        if before is None:
            self.rooms.update((name, RoomView.enter(info)) for name, info in infos.items())
            return step
        anew = before.epoch != welcome.epoch
        step.events.append(Reconnected(attempts=attempts, anew=anew))
        if anew:
            self._begin_anew()
        self._check_sizes(welcome.limits, step)
        owed, self._unsent = self._unsent, deque()
        for name in [name for name in self.rooms if name not in infos]:
            self._rejoin(self.rooms[name])
        self._unsent.extend(owed)
        for info in infos.values():
            self._resume(info, step)
        return step

    def _begin_anew(self) -> None:
        """Sequence numbers mean nothing any more, nor does what names them."""
        for request_id in self._received:
            self._owed.pop(request_id, None)
        self._received.clear()
        for room in self.rooms.values():
            room.forget_log()

    def _check_sizes(self, limits: Limits, step: Step) -> None:
        """What this server would close the connection for must not be sent, or it would do so for ever."""
        for request_id, owed in list(self._owed.items()):
            refusal = _too_much(owed.request, owed.frame, limits)
            if refusal is not None:
                del self._owed[request_id]
                step.answers[request_id] = Error(
                    id=request_id, code=refusal.code, message=refusal.message, advice=refusal.advice
                )

    def _rejoin(self, room: RoomView) -> None:
        if room.direct:
            # Nobody can join one; whoever goes on with it makes the server announce it again.
            del self.rooms[room.name]
            return
        room.phase = Phase.REJOINING
        request = Join(id=self.make_id(), room=room.name)
        self._owe(request, encode(request), Why.REJOIN, room.name)

    def _resume(self, info: RoomInfo, step: Step) -> None:
        room = self.rooms.get(info.name)
        if room is None:
            room = self.rooms[info.name] = RoomView.enter(info)
            step.events.append(Room(room=info))
            if not info.direct:
                return
            room.seen = info.first - 1  # it began while we were away: all of it is new
        room.resume(info)
        self._fill(room)

    def _fill(self, room: RoomView) -> None:
        if room.must_ask:
            room.asked = True
            request = History(id=self.make_id(), room=room.name, after=room.seen, limit=FILL_PAGE)
            self._owe(request, encode(request), Why.FILL, room.name)

    # ---- what comes ---------------------------------------------------------------------------

    def take(self, event: AnyEvent | UnknownLine, size: int = 0) -> Step:
        """Take one event, whose frame had ``size`` bytes."""
        step = Step()
        if isinstance(event, (RoomEvent, UnknownLine)):
            self._take_line(event, size, step)
        elif isinstance(event, Answer) and event.id:
            self._take_answer(event, step)
        elif not isinstance(event, Welcome):
            self._take_notice(event)
            step.events.append(event)
        return step

    def _take_line(self, event: RoomEvent | UnknownLine, size: int, step: Step) -> None:
        room = self.rooms.get(event.room)
        if room is None:
            room = RoomView(event.room, direct=event.room.startswith("@"), first=event.seq, seen=event.seq - 1)
            self.rooms[event.room] = room
        line = event if isinstance(event, RoomEvent) else None
        self._yield(room.take_live(event.seq, line, size), room, step)
        self._fill(room)

    def _take_notice(self, event: AnyEvent) -> None:
        """Keep what is known of rooms and of ourselves up to date."""
        match event:
            case Room(room=info):
                self._know(info)
            case Left(room=name):
                self.rooms.pop(name, None)
            case Presence(room=name, count=count) if name in self.rooms:
                self.rooms[name].count = count
            case ReadUpTo(room=name, seq=seq) if name in self.rooms:
                self.rooms[name].read = max(self.rooms[name].read, seq)
            case Renamed(old=old, new=new):
                self._rename(old, new)
            case Closing():
                self.closing = event
            case _:
                pass

    def _know(self, info: RoomInfo) -> RoomView:
        room = self.rooms.get(info.name)
        if room is None:
            room = self.rooms[info.name] = RoomView.enter(info)
        else:
            room.update(info)
        return room

    def _rename(self, old: str, new: str) -> None:
        if old in (self.name, self._former_name) and old:
            self.name, self._former_name = new, ""
        for room in self.rooms.values():
            if old in room.members:
                room.members = tuple(new if name == old else name for name in room.members)

    # ---- answers ------------------------------------------------------------------------------

    def _take_answer(self, event: Answer, step: Step) -> None:
        owed = self._owed.pop(event.id, None)
        if owed is None:
            request = self._abandoned.pop(event.id, None)
            if request is not None:
                self._learn(request, event, step)
            return
        match owed.why:
            case Why.ASKED:
                step.answers[event.id] = event
                self._learn(owed.request, event, step=None)
            case Why.REJOIN if owed.room in self.rooms:
                self._take_rejoined(self.rooms[owed.room], event, step)
            case Why.FILL if owed.room in self.rooms:
                self._take_filled(self.rooms[owed.room], event, step)
            case _:
                pass

    def _learn(self, request: AnyRequest, event: Answer, step: Step | None) -> None:
        """What an answer says of our rooms and name. With a ``step`` nobody waits for it: the application
        gets to know by an event."""
        match request, event:
            case Join(), Room(room=info):
                self._know(info)
                if step is not None:
                    step.events.append(Room(room=info))
            case Leave(room=asked), Ok(room=name):
                gone = self.rooms.pop(name or asked, None)
                if step is not None and gone is not None:
                    step.events.append(Left(room=gone.name))
            case Nick(name=new), Ok() if new.casefold() != self.name.casefold():
                # The notice to everyone, which tells how the server spells it, may come before or after.
                self._former_name, self.name = self.name, new
            case Read(room=name, seq=seq), Ok() if name in self.rooms:
                self.rooms[name].read = max(self.rooms[name].read, seq)
            case _:
                pass

    def _take_rejoined(self, room: RoomView, event: Answer, step: Step) -> None:
        if isinstance(event, Room):
            room.resume(event.room)
            self._fill(room)
        elif isinstance(event, Error) and event.code in _LATER:
            step.stalled.append(room.name)
        elif isinstance(event, Error):
            del self.rooms[room.name]
            step.events.append(
                RejoinRefused(room=room.name, code=event.code, message=event.message, advice=event.advice)
            )

    def _take_filled(self, room: RoomView, event: Answer, step: Step) -> None:
        if isinstance(event, Page):
            events = room.take_page(list(read_page(event)), more=event.more, first=event.first)
            self._yield(events, room, step)
            self._fill(room)
        elif isinstance(event, Error) and event.code in _LATER:
            step.stalled.append(room.name)
        else:
            self._yield(room.give_up(), room, step)

    # ---- what the application gets ------------------------------------------------------------

    def _yield(self, events: list[ChatEvent], room: RoomView, step: Step) -> None:
        for event in events:
            if isinstance(event, Message):
                if event.sender == self.name:
                    self._settle(event, step)
                elif room.direct and self._listening:
                    self._report(event)
            elif isinstance(event, TopicChanged):
                room.topic = event.text
        step.events.extend(events)

    def _settle(self, message: Message, step: Step) -> None:
        """A message of ours stands in the log: that is as good as its acknowledgement."""
        owed = self._owed.get(message.cid)
        if owed is not None and type(owed.request) is Send:
            del self._owed[message.cid]
            step.answers[message.cid] = Ok(id=message.cid, room=message.room, seq=message.seq, time=message.time)

    def _report(self, message: Message) -> None:
        request = Received(id=self.make_id(), room=message.room, seq=message.seq)
        self._owe(request, encode(request), Why.RECEIVED)
        self._received.append(request.id)
        if len(self._received) > MOST_RECEIVED:
            self._owed.pop(self._received.popleft(), None)


_unknown_lines: Final = msgspec.json.Decoder(UnknownLine)


def read_event(data: bytes | str) -> AnyEvent | UnknownLine | None:
    """Read what a server sent; ``None`` for what this version does not know and need not.

    Raises ``msgspec.DecodeError`` when it is no JSON.
    """
    try:
        event = decode_event(data)
    except msgspec.ValidationError:
        event = None
    if event is None:
        try:
            return _unknown_lines.decode(data)
        except msgspec.ValidationError:
            return None
    return event


def read_page(page: Page) -> Iterator[tuple[int, RoomEvent | None]]:
    """The lines of a page: their numbers, and their events (``None``: of a type that this version does not
    know). What has no number is passed over."""
    for raw in page.events:
        event = read_event(bytes(raw))
        if isinstance(event, RoomEvent):
            yield event.seq, event
        elif isinstance(event, UnknownLine):
            yield event.seq, None


def _frame(request: AnyRequest, welcome: Welcome | None) -> bytes:
    """A request's bytes, if they may travel. One that the server would close the connection for must not be
    owed: it would close the next one too."""
    try:
        frame = encode(request)
    except UnicodeEncodeError:
        refusal = refuse("bad_field", why="it has half a character in it (a lone surrogate)")
    else:
        excess = None if welcome is None else _too_much(request, frame, welcome.limits)
        if excess is None:
            return frame
        refusal = excess
    raise NotDone(refusal.code, refusal.message, refusal.advice)


def _too_much(request: AnyRequest, frame: bytes, limits: Limits) -> Refusal | None:
    """Why a request is more than this server takes. A text is counted as the server counts it, made harmless:
    what it takes must not be refused here."""
    if type(request) is Send and len(request.text) > limits.text:
        size = len(clean(request.text))
        if size > limits.text:
            return refuse("too_long", size=size, limit=limits.text)
    return refuse("too_big", limit=limits.frame) if len(frame) > limits.frame else None
