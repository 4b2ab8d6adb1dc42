"""The state that outlives a connection: requests without an answer, rooms, and the events seen in them. Pure.

Theory of operation. Every request is *pending* from the moment it is made until its answer comes, in the order of
asking; ``unsent`` lists the pending requests that the present connection has not carried yet. When the connection is
lost, all pending requests become unsent again, under their old ids: the server stores a message once, however often its
id comes. After a reconnect the client sends, in this order: joins for the rooms it was in, the pending requests, and
for each room the request for the events that it missed (see :mod:`trio_chat.client.rooms`).

A server may forget the ids of somebody who was gone for a while. So messages for a room that is catching up wait until
it has: if one was stored before the connection broke, it stands in the log under its id, and that is its answer.
Edits, deletions and reactions wait too. A request that is sent again says so (``again``), and the server looks in its
log.

The shell around this calls :meth:`ClientState.take` with each event from the server and sends the frames that
:meth:`ClientState.next_frame` returns; the results for the application come back as a :class:`Step`.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from trio_chat.client.events import Backlog, ChatEvent, Reconnected, RejoinRefused
from trio_chat.client.frames import BadEvents, BadFrame, UnknownLine, make_frame, read_page
from trio_chat.client.known_accounts import KnownAccounts, is_mentioned
from trio_chat.client.pending import (
    BAD_ANSWER,
    AnswerEvent,
    PendingRequest,
    Purpose,
    Step,
    is_early,
    refuse_opened,
    refuse_outdated,
    refuse_too_much,
    settle_change,
    settle_message,
    with_refused_text,
)
from trio_chat.client.rooms import Phase, RoomView, follow, with_positions
from trio_chat.protocol.codec import encode
from trio_chat.protocol.events import (
    AnyEvent,
    Closing,
    Deleted,
    Edited,
    Error,
    Left,
    Message,
    Moderated,
    Ok,
    Page,
    People,
    PersonEvent,
    Reacted,
    Renamed,
    Room,
    RoomEvent,
    RoomInfo,
    TopicChanged,
    Welcome,
)
from trio_chat.protocol.names import fold_room
from trio_chat.protocol.requests import (
    AnyRequest,
    ChangeRequest,
    Delete,
    Edit,
    History,
    Join,
    Leave,
    Nick,
    Ping,
    React,
    Read,
    Received,
    Send,
    Typing,
    Who,
)

MOST_RECEIVED: Final = 1000
"""Pending ``received`` requests; beyond that the oldest is forgotten. Losing one loses a tick mark."""

MOST_ABANDONED: Final = 1000
"""Cancelled requests that are remembered, because a late answer may still change our rooms or our name."""

PATIENCE: Final = 10
"""How often a guest's message that waited for the connection is sent again to recipients who are not back yet."""

_INTO_THE_LOG: Final = (Send, Edit, Delete, React)
"""Requests that wait while a room catches up: the log may hold their answer."""

_LATER: Final = frozenset({"too_fast", "internal", "not_stored"})
"""Error codes after which a second try may succeed."""


class ClientState:
    """See the module. ``prefix`` makes the request ids of this client unique; ``listening`` tells whether anybody
    takes the events (if not, direct messages are not acknowledged as received); ``backlog`` is the number of a room's
    last events that are yielded when the room is seen for the first time."""

    def __init__(self, prefix: str, *, listening: bool = True, backlog: int = 0) -> None:
        self.accounts = KnownAccounts()
        self.welcome: Welcome | None = None
        self.rooms: dict[str, RoomView] = {}
        self.closing: Closing | None = None
        self._prefix = prefix
        self._count = 0
        self._listening = listening
        self._backlog = backlog if listening else 0
        self._pending: dict[str, PendingRequest] = {}
        self._unsent: deque[str] = deque()
        self._abandoned: dict[str, AnyRequest] = {}
        self._received: deque[str] = deque()
        self._former_name = ""
        self._returning = False
        self._bad = BadEvents()

    def __repr__(self) -> str:
        return f"<ClientState of {self.name!r}: {len(self.rooms)} rooms, {len(self._pending)} requests pending>"

    @property
    def name(self) -> str:
        """Our own name."""
        return self.accounts.own_name

    # ---- asking -----------------------------------------------------------------------------

    def make_id(self) -> str:
        """Make an id for a request. A message is stored once under its id."""
        self._count += 1
        return f"{self._prefix}-{self._count}"

    def ask(self, request: AnyRequest) -> None:
        """Add a request of the application's. Raises :class:`~trio_chat.errors.NotDone` if it cannot be sent."""
        room: str | None = getattr(request, "room", None)
        if room is not None and room not in self.rooms and fold_room(room) in self.rooms:
            request = msgspec.structs.replace(request, room=fold_room(room))
        self._add(request, make_frame(request, self.welcome), Purpose.ASKED)
        if self._returning:
            self._pending[request.id].allow_retries(PATIENCE)

    def forget(self, request_id: str) -> None:
        """Forget a request whose answer nobody awaits. If it was sent already, the server may still do it."""
        pending = self._pending.pop(request_id, None)
        if pending is None:
            return
        if pending.carried:
            self._abandoned[request_id] = pending.request
            if len(self._abandoned) > MOST_ABANDONED:
                del self._abandoned[next(iter(self._abandoned))]

    def ask_again(self, room: str) -> None:
        """Repeat the request for a room in :attr:`Step.stalled`."""
        view = self.rooms.get(room)
        if view is None:
            return
        if view.phase is Phase.REJOINING:
            self._rejoin(view)
        else:
            view.asked = False
            self._fill(view)

    def try_again(self, request_id: str) -> None:
        """Send a request in :attr:`Step.early` again."""
        if request_id in self._pending and request_id not in self._unsent:
            self._unsent.append(request_id)

    def calm_down(self) -> None:
        """End the patience after a reconnect: the others had time to come back too."""
        self._returning = False

    @property
    def has_pending(self) -> bool:
        """Whether any request has no answer yet."""
        return bool(self._pending)

    @property
    def pending_count(self) -> int:
        """The number of requests without an answer."""
        return len(self._pending)

    def next_frame(self) -> bytes | None:
        """The next frame to send on this connection, or ``None`` when there is none now."""
        waiting: list[str] = []
        frame = None
        while self._unsent and frame is None:
            request_id = self._unsent.popleft()
            pending = self._pending.get(request_id)
            if pending is None:
                continue  # forgotten or answered meanwhile
            if self._must_wait(pending.request):
                waiting.append(request_id)
            else:
                pending.carried = True
                frame = pending.frame
        self._unsent.extendleft(reversed(waiting))
        return frame

    def _must_wait(self, request: AnyRequest) -> bool:
        if not isinstance(request, _INTO_THE_LOG) or request.room is None:
            return False
        room = self.rooms.get(request.room)
        return room is not None and room.phase in (Phase.REJOINING, Phase.RESUMING, Phase.LOOKING_BACK)

    def _add(self, request: AnyRequest, frame: bytes, purpose: Purpose, room: str = "") -> None:
        self._pending[request.id] = PendingRequest(request, frame, purpose, room)
        self._unsent.append(request.id)

    # ---- connections come and go ------------------------------------------------------------

    def lose(self) -> Step:
        """Note that the connection is lost."""
        step = Step()
        for request_id, pending in list(self._pending.items()):
            if pending.carried:
                pending.carried, pending.again = False, True
                if isinstance(pending.request, Send | ChangeRequest):
                    pending.request = msgspec.structs.replace(pending.request, again=True)
                    pending.frame = encode(pending.request)
            if isinstance(pending.request, Typing | Ping) and pending.purpose is Purpose.ASKED:
                step.answers[request_id] = None
                del self._pending[request_id]
            elif pending.purpose in (Purpose.FILL, Purpose.REJOIN, Purpose.READ):
                del self._pending[request_id]
        self._unsent = deque(self._pending)
        self._abandoned.clear()
        self.closing, self._bad = None, BadEvents()
        for room in self.rooms.values():
            room.interrupt()
        return step

    def enter(self, welcome: Welcome, attempts: int = 0) -> Step:
        """Begin a connection, with the server's welcome."""
        step = Step()
        before, self.welcome = self.welcome, welcome
        called = self.name
        self.accounts.take(welcome)
        infos = with_positions(welcome, self.rooms)
        if before is None:
            for info in infos.values():
                self._know(info)
            return step
        anew = before.epoch != welcome.epoch
        for gone in welcome.put_out:
            if self.rooms.pop(gone.room, None) is not None:
                step.events.append(Left(room=gone.room, reason=gone.why))
        step.events.append(Reconnected(attempts=attempts, anew=anew))
        if called.casefold() != self.name.casefold():
            step.events.append(Renamed(old=called, new=self.name, id=welcome.account))
        for request in self._pending.values():
            request.allow_retries(PATIENCE)
        if anew:
            self._begin_anew()
            refuse_outdated(self._pending, step)
            refuse_opened(self.rooms, self._pending, infos, step)
        refuse_too_much(self._pending, welcome.limits, step)
        self._returning = True
        pending, self._unsent = self._unsent, deque()
        unlisted: list[RoomView] = []
        for room in [room for room in self.rooms.values() if room.name not in infos]:
            if room.direct and welcome.left_out and not anew:
                unlisted.append(room)
            else:
                self._rejoin(room)
        self._unsent.extend(pending)
        for info in infos.values():
            self._resume(info, step)
        for room in unlisted:
            room.resume_unlisted()
            self._fill(room)
        return step

    def _begin_anew(self) -> None:
        """The server's history began anew: forget sequence numbers, and the requests that name them."""
        for request_id in self._received:
            self._pending.pop(request_id, None)
        self._received.clear()
        for room in self.rooms.values():
            room.forget_log()

    def _rejoin(self, room: RoomView) -> None:
        if room.direct:
            # Nobody can join a direct conversation; its next message makes the server announce it again.
            del self.rooms[room.name]
            return
        room.phase = Phase.REJOINING
        request = Join(id=self.make_id(), room=room.name)
        self._add(request, encode(request), Purpose.REJOIN, room.name)

    def _resume(self, info: RoomInfo, step: Step) -> None:
        room = self.rooms.get(info.name)
        if room is None:
            step.events.append(Room(room=info))
            room = self._know(info)
            if not info.direct or room.backlog:
                return
            room.seen = max(info.first - 1, info.read)  # it began while we were away: all its events are new
        room.resume(info)
        if room.read > info.read:  # a server that was killed lost the read positions of its last moment
            request = Read(id=self.make_id(), room=room.name, seq=room.read)
            self._add(request, encode(request), Purpose.READ)
        self._fill(room)

    def _fill(self, room: RoomView) -> None:
        if room.must_ask:
            room.asked = True
            after, before, limit = room.to_ask
            request = History(id=self.make_id(), room=room.name, after=after, before=before, limit=limit)
            self._add(request, encode(request), Purpose.FILL, room.name)

    # ---- what comes ---------------------------------------------------------------------------

    def take(self, event: AnyEvent | UnknownLine, size: int = 0) -> Step:
        """Take an event from the server; its frame had ``size`` bytes."""
        step = Step()
        if not isinstance(event, (Welcome, UnknownLine)):
            self.accounts.take(event)
        if isinstance(event, (RoomEvent, UnknownLine)):
            self._take_line(event, size, step)
        elif isinstance(event, AnswerEvent) and event.id:
            self._take_answer(event, step)
        elif not isinstance(event, Welcome):
            self._take_notice(event)
            step.events.append(event)
        return step

    def take_bad(self, frame: BadFrame, size: int = 0) -> Step:
        """Take an event that makes no sense: it still counts in its room's sequence, or answers its request."""
        step = Step()
        if frame.line is not None and frame.line.room in self.rooms:
            self._take_line(frame.line, size, step)
        if self._pending.pop(frame.id, None) is not None:
            why = f"The server's answer makes no sense: {frame.why}. The request may be done, or not."
            step.answers[frame.id] = Error(id=frame.id, code=BAD_ANSWER, message=why)
        step.events += self._bad.report(frame.kind, frame.why)
        return step

    def _take_line(self, event: RoomEvent | UnknownLine, size: int, step: Step) -> None:
        room = self.rooms.get(event.room)
        if room is None and not event.room.startswith("@"):
            step.events += self._bad.report("line", f"You are not in its room, {event.room}")
            return
        if room is None:  # a direct conversation that the welcome left out
            room = RoomView(event.room, direct=event.room.startswith("@"), first=event.seq, seen=event.seq - 1)
            self.rooms[event.room] = room
        line = event if isinstance(event, RoomEvent) else None
        self._yield(room.take_live(event.seq, line, size), room, step)
        self._fill(room)

    def _take_notice(self, event: AnyEvent) -> None:
        """Update our rooms, our name and the reason of a close."""
        match event:
            case Room(room=info):
                self._know(info)
            case Renamed(id=account, old=old, new=new) if old and old == self._former_name:
                if account in (0, self.accounts.own):
                    self.accounts.own_name, self._former_name = new, ""
            case Closing():
                self.closing = event
            case _:
                pass
        follow(self.rooms, event, self.accounts)

    def _know(self, info: RoomInfo) -> RoomView:
        room = self.rooms.get(info.name)
        if room is None:
            room = self.rooms[info.name] = RoomView.enter(info, self._backlog)
            self._fill(room)
        else:
            room.update(info)
        return room

    # ---- answers ------------------------------------------------------------------------------

    def _take_answer(self, event: AnswerEvent, step: Step) -> None:
        pending = self._pending.pop(event.id, None)
        if pending is None:
            request = self._abandoned.pop(event.id, None)
            if request is not None:
                self._learn(request, event, step)
            return
        if is_early(pending, event, names_are_owned=self.welcome is None or self.welcome.owned):
            pending.tries -= 1
            self._pending[event.id] = pending
            step.early.append(event.id)
            return
        match pending.purpose:
            case Purpose.ASKED:
                step.answers[event.id] = with_refused_text(pending, event)
                self._learn(pending.request, event, step=None)
            case Purpose.REJOIN if pending.room in self.rooms:
                self._take_rejoined(self.rooms[pending.room], event, step)
            case Purpose.FILL if pending.room in self.rooms:
                self._take_filled(self.rooms[pending.room], event, step)
            case _:
                pass

    def _learn(self, request: AnyRequest, event: AnswerEvent, step: Step | None) -> None:
        """Update our rooms and our name from an answer. With a ``step`` nobody awaits the answer, and the application
        is told by an event."""
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
                # The notice to everyone has the server's spelling, and may come before or after.
                self._former_name, self.accounts.own_name = self.name, new
                self.accounts.learn(self.accounts.own, new)
            case Who(skip=skip), People(room=name, more=False) if name in self.rooms:
                self.rooms[name].count = skip + len(event.people)
            case Read(room=name, seq=seq), Ok() if name in self.rooms:
                self.rooms[name].mark_read(seq)
            case _:
                pass

    def _take_rejoined(self, room: RoomView, event: AnswerEvent, step: Step) -> None:
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

    def _take_filled(self, room: RoomView, event: AnswerEvent, step: Step) -> None:
        if isinstance(event, Page):
            take = room.take_back_page if room.phase is Phase.LOOKING_BACK else room.take_page
            self._yield(take(list(read_page(event)), more=event.more, first=event.first), room, step)
            self._fill(room)
        elif isinstance(event, Error) and event.code in _LATER:
            step.stalled.append(room.name)
        elif room.phase is Phase.LOOKING_BACK:
            self._yield(room.end_back(), room, step)
            self._fill(room)
        else:
            self._yield(room.give_up(), room, step)

    # ---- what the application gets ------------------------------------------------------------

    def _yield(self, events: list[ChatEvent], room: RoomView, step: Step) -> None:
        for event in events:
            if isinstance(event, PersonEvent):
                self.accounts.hear(event.sender_id, event.sender)
            match event:
                case Message() if self._is_own(event):
                    settle_message(self._pending, event, step)
                case Message():
                    self._hear(event, room)
                case TopicChanged() | Moderated():
                    follow(self.rooms, event, self.accounts)
                case Edited() | Deleted() | Reacted():
                    self._change(event, room, step)
                case Backlog(unread_from=begin) if begin is not None:
                    for line in event.events:
                        if isinstance(line, Message) and not self._is_own(line) and line.seq >= begin:
                            self._report(line, room)
                case _:
                    pass
        step.events.extend(events)

    def _is_own(self, event: PersonEvent) -> bool:
        return self.accounts.is_own(event.sender, event.sender_id)

    def _hear(self, message: Message, room: RoomView) -> None:
        """Take a message of somebody else's."""
        if is_mentioned(message.text, message.mentions, self.accounts):
            room.note_mention(message.seq)
        self._report(message, room)

    def _change(self, event: Edited | Deleted | Reacted, room: RoomView, step: Step) -> None:
        """Take a change of a message: our own may answer a request, another's may change whether it mentions us."""
        if self._is_own(event):
            settle_change(self._pending, event, step)
        elif isinstance(event, Edited) and event.text:
            room.note_mention(event.target, on=is_mentioned(event.text, event.mentions, self.accounts))
        if isinstance(event, Deleted):  # a moderator may delete what somebody else said
            room.note_mention(event.target, on=False)

    def _report(self, message: Message, room: RoomView) -> None:
        """Tell the server that a direct message was received."""
        if not (room.direct and self._listening):
            return
        request = Received(id=self.make_id(), room=message.room, seq=message.seq)
        self._add(request, encode(request), Purpose.RECEIVED)
        self._received.append(request.id)
        if len(self._received) > MOST_RECEIVED:
            self._pending.pop(self._received.popleft(), None)
