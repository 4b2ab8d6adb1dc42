"""What was asked and not yet answered, and what was seen: all that outlives a connection. Pure.

Theory of operation. Every request is *owed* from the moment it is made until its answer comes, in the
order of asking; ``unsent`` is the part of it that the present connection has not carried yet. Losing the
connection makes all of it unsent again, under the old ids: the server stores a message once, however
often its id comes. After a reconnect go, in this order: the rooms to re-enter, what is owed, and for each
room the question for what was missed (see :mod:`trio_chat.client.rooms`).

A server may forget the ids it has seen of somebody who was gone for a while. So messages for a room that
is catching up wait until it has: if one of them was stored before the connection broke, it stands in the
log under its id, which is answer enough. So it is with what changes a message. What is sent again says so
(``again``), and the server looks in its log.

The shell around this calls :meth:`Conversation.take` with what came and writes what
:meth:`Conversation.next_frame` gives; what follows for the application comes back as a :class:`Step`.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from trio_chat.client.events import Backlog, ChatEvent, Reconnected, RejoinRefused
from trio_chat.client.frames import UnknownLine, is_of, make_frame, read_page, too_much
from trio_chat.client.known_accounts import KnownAccounts, is_mentioned
from trio_chat.client.pending import Answer, Owed, Step, Why, is_early, leave_out_opened, leave_out_outdated, told_what
from trio_chat.client.rooms import Phase, RoomView, follow
from trio_chat.protocol.codec import encode
from trio_chat.protocol.events import (
    AnyEvent,
    Closing,
    Deleted,
    Edited,
    Error,
    Left,
    Limits,
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
"""Unanswered ``received`` at the most; beyond it the oldest are forgotten. Losing one loses a tick mark."""

MOST_ABANDONED: Final = 1000
"""Requests whose asker went away, remembered for what a late answer says of our rooms and name."""

PATIENCE: Final = 10
"""How often a guest's message that waited for the connection is tried for people who are not back yet."""

_INTO_THE_LOG: Final = (Send, Edit, Delete, React)
"""Requests that wait while a room catches up: the log may hold their answer."""

_LATER: Final = frozenset({"too_fast", "internal", "not_stored"})
"""Refusals that a second try may not meet."""


class Conversation:
    """See the module. ``prefix`` makes this conversation's request ids its own; ``listening`` tells whether
    anybody gets its events (if not, no direct message is reported received); ``backlog`` is how many of a
    room's last events are yielded when it is seen for the first time."""

    def __init__(self, prefix: str, *, listening: bool = True, backlog: int = 0) -> None:
        self.accounts = KnownAccounts()
        self.welcome: Welcome | None = None
        self.rooms: dict[str, RoomView] = {}
        self.closing: Closing | None = None
        self._prefix = prefix
        self._count = 0
        self._listening = listening
        self._backlog = backlog if listening else 0
        self._owed: dict[str, Owed] = {}
        self._unsent: deque[str] = deque()
        self._abandoned: dict[str, AnyRequest] = {}
        self._received: deque[str] = deque()
        self._former_name = ""
        self._returning = False

    def __repr__(self) -> str:
        return f"<Conversation of {self.name!r}: {len(self.rooms)} rooms, {len(self._owed)} requests owed>"

    @property
    def name(self) -> str:
        """Our own name."""
        return self.accounts.own_name

    # ---- asking -----------------------------------------------------------------------------

    def make_id(self) -> str:
        """An id that no other request has: also the one under which a message is stored once."""
        self._count += 1
        return f"{self._prefix}-{self._count}"

    def ask(self, request: AnyRequest) -> None:
        """Owe a request of the application's. Raises :class:`~trio_chat.errors.NotDone` if it cannot travel."""
        room: str | None = getattr(request, "room", None)
        if room is not None and room not in self.rooms and fold_room(room) in self.rooms:
            request = msgspec.structs.replace(request, room=fold_room(room))
        self._owe(request, make_frame(request, self.welcome), Why.ASKED)
        if self._returning:
            self._owed[request.id].be_lenient(PATIENCE)

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

    def try_again(self, request_id: str) -> None:
        """Ask once more what :attr:`Step.early` said."""
        if request_id in self._owed and request_id not in self._unsent:
            self._unsent.append(request_id)

    def calm_down(self) -> None:
        """The connection is there for so long that who wanted to come back is back."""
        self._returning = False

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
        if not isinstance(request, _INTO_THE_LOG) or request.room is None:
            return False
        room = self.rooms.get(request.room)
        return room is not None and room.phase in (Phase.REJOINING, Phase.RESUMING, Phase.LOOKING_BACK)

    def _owe(self, request: AnyRequest, frame: bytes, why: Why, room: str = "") -> None:
        self._owed[request.id] = Owed(request, frame, why, room)
        self._unsent.append(request.id)

    # ---- connections come and go ------------------------------------------------------------

    def lose(self) -> Step:
        """The connection is gone."""
        step = Step()
        for request_id, owed in list(self._owed.items()):
            if owed.carried:
                owed.carried, owed.again = False, True
                if isinstance(owed.request, Send | ChangeRequest):
                    owed.request = msgspec.structs.replace(owed.request, again=True)
                    owed.frame = encode(owed.request)
            if isinstance(owed.request, Typing | Ping) and owed.why is Why.ASKED:
                step.answers[request_id] = None
                del self._owed[request_id]
            elif owed.why in (Why.FILL, Why.REJOIN, Why.READ):
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
        before, self.welcome = self.welcome, welcome
        called = self.name
        self.accounts.take(welcome)
        infos = {info.name: info for info in welcome.rooms}
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
        for request in self._owed.values():
            request.be_lenient(PATIENCE)
        if anew:
            self._begin_anew()
            leave_out_outdated(self._owed, step)
            leave_out_opened(self.rooms, self._owed, infos, step)
        self._check_sizes(welcome.limits, step)
        self._returning = True
        owed, self._unsent = self._unsent, deque()
        unlisted: list[RoomView] = []
        for room in [room for room in self.rooms.values() if room.name not in infos]:
            if room.direct and welcome.left_out and not anew:
                unlisted.append(room)
            else:
                self._rejoin(room)
        self._unsent.extend(owed)
        for info in infos.values():
            self._resume(info, step)
        for room in unlisted:
            room.resume_unlisted()
            self._fill(room)
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
            refusal = too_much(owed.request, owed.frame, limits)
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
            step.events.append(Room(room=info))
            room = self._know(info)
            if not info.direct or room.backlog:
                return
            room.seen = max(info.first - 1, info.read)  # it began while we were away: all of it is new
        room.resume(info)
        if room.read > info.read:  # a server that was killed has lost the positions of its last moment
            request = Read(id=self.make_id(), room=room.name, seq=room.read)
            self._owe(request, encode(request), Why.READ)
        self._fill(room)

    def _fill(self, room: RoomView) -> None:
        if room.must_ask:
            room.asked = True
            after, before, limit = room.to_ask
            request = History(id=self.make_id(), room=room.name, after=after, before=before, limit=limit)
            self._owe(request, encode(request), Why.FILL, room.name)

    # ---- what comes ---------------------------------------------------------------------------

    def take(self, event: AnyEvent | UnknownLine, size: int = 0) -> Step:
        """Take one event, whose frame had ``size`` bytes."""
        step = Step()
        if not isinstance(event, (Welcome, UnknownLine)):
            self.accounts.take(event)
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

    def _take_answer(self, event: Answer, step: Step) -> None:
        owed = self._owed.pop(event.id, None)
        if owed is None:
            request = self._abandoned.pop(event.id, None)
            if request is not None:
                self._learn(request, event, step)
            return
        if is_early(owed, event, names_are_owned=self.welcome is None or self.welcome.owned):
            owed.tries -= 1
            self._owed[event.id] = owed
            step.early.append(event.id)
            return
        match owed.why:
            case Why.ASKED:
                step.answers[event.id] = told_what(owed, event)
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
                self._former_name, self.accounts.own_name = self.name, new
            case Who(skip=skip), People(room=name, more=False) if name in self.rooms:
                self.rooms[name].count = skip + len(event.people)
            case Read(room=name, seq=seq), Ok() if name in self.rooms:
                self.rooms[name].mark_read(seq)
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
                    self._settle(event, step)
                case Message():
                    self._hear(event, room)
                case TopicChanged() | Moderated():
                    follow(self.rooms, event, self.accounts)
                case Edited() | Deleted() | Reacted() if self._is_own(event):
                    self._settle_change(event, step)
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
        """Somebody else said something."""
        if is_mentioned(message.text, message.mentions, self.accounts):
            room.note_mention(message.seq)
        self._report(message, room)

    def _settle(self, message: Message, step: Step) -> None:
        """A message of ours stands in the log: that is as good as its acknowledgement."""
        owed = self._owed.get(message.cid)
        if owed is not None and type(owed.request) is Send:
            del self._owed[message.cid]
            step.answers[message.cid] = Ok(id=message.cid, room=message.room, seq=message.seq, time=message.time)

    def _settle_change(self, event: Edited | Deleted | Reacted, step: Step) -> None:
        """A change of ours stands in the log. Where we asked for it before the connection broke, that is its
        answer: asked again, a deletion would be refused."""
        for request_id, owed in self._owed.items():
            if owed.again and is_of(owed.request, event):
                del self._owed[request_id]
                step.answers[request_id] = Ok(id=request_id, room=event.room, seq=event.seq, time=event.time)
                return

    def _report(self, message: Message, room: RoomView) -> None:
        """Tell the sender of a direct message that it is here."""
        if not (room.direct and self._listening):
            return
        request = Received(id=self.make_id(), room=message.room, seq=message.seq)
        self._owe(request, encode(request), Why.RECEIVED)
        self._received.append(request.id)
        if len(self._received) > MOST_RECEIVED:
            self._owed.pop(self._received.popleft(), None)
