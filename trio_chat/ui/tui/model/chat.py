"""Everything that the full screen shows, kept up to date from events. Pure.

Theory of operation. :class:`ChatModel` takes the events of a connection (:meth:`~ChatModel.take`) and the person's
actions, and returns effects for the shell to carry out: those of :mod:`trio_chat.ui.tui.model.effects`. Time comes in
as an argument. ``changed`` grows with each change that may be visible, so that the shell knows when to draw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count

from trio_chat.client.events import BadEvent, Disconnected, Missed, RejoinRefused
from trio_chat.client.known_accounts import AccountRef, KnownAccounts, is_mentioned
from trio_chat.client.rooms import RoomView
from trio_chat.protocol import events
from trio_chat.protocol.text import clean_line
from trio_chat.ui.commands.typed_line import LineReader, TypedLine, describe_destination
from trio_chat.ui.input.editor import Editor
from trio_chat.ui.model.notes import Note
from trio_chat.ui.model.place import Place
from trio_chat.ui.model.sentences import bad_event, called, left_conversation, left_out, not_in, put_out
from trio_chat.ui.model.transfers import Transfers
from trio_chat.ui.tui.model import pasting
from trio_chat.ui.tui.model.attention import Attention, next_attention
from trio_chat.ui.tui.model.effects import MOST_LOADED, PAGE, AskPeople, Fetch, Load, ModelEffect, SayRead
from trio_chat.ui.tui.model.emoji import expand_emoji
from trio_chat.ui.tui.model.log import Entry
from trio_chat.ui.tui.model.panes import Pane, Question
from trio_chat.ui.tui.model.people import AwayPeople
from trio_chat.ui.tui.model.room import TYPING, NotifyPolicy, RoomModel
from trio_chat.ui.tui.model.unread import UnreadCount
from trio_chat.ui.tui.model.unsent import UnsentTexts, opened


@dataclass(slots=True)
class ConnectionStatus:
    """State of the connection. ``since`` and ``retry_at`` are on the clock that :meth:`ChatModel.take` is given."""

    state: str = "connecting"
    since: float = 0.0
    retry_at: float = 0.0
    attempt: int = 0
    reason: str = ""
    latency: float | None = None
    missing: int = 0  # events still to be fetched, now and at first
    missing_at_first: int = 0


class ChatModel:
    """See the module. ``backlog`` is the number of past events of a room that are shown before the person scrolls."""

    def __init__(self, attention: Attention | None = None, backlog: int = PAGE) -> None:
        self.place = Place()
        self.backlog = backlog
        self.rooms: dict[str, RoomModel] = {}
        self.attention = attention or Attention()
        self.connection = ConnectionStatus()
        self.pane: Pane | None = None
        self.visited: list[str] = []
        self.changed = 0
        self.notice, self.notice_until = "", 0.0  # until this time of the clock, or the next key
        self.hint = ""  # until the next key, where there is space
        self.away = AwayPeople()
        self.unsent = UnsentTexts()
        self.numbers: dict[str, int] = {}  # by the room's name, as they were at the last end
        self.policies: dict[str, NotifyPolicy] = {}  # what was chosen for rooms before
        self.make_editor: Callable[[], Editor] = Editor
        self.lines = LineReader(prepare=expand_emoji)
        self.complete_people = False
        self.transfers = Transfers()
        self.most_text = 0  # characters that a message may have; 0 before the server said it
        self._nowhere = RoomModel(RoomView(""))
        self._acknowledged: dict[tuple[str, int], None] = {}
        self._delivered: dict[tuple[str, int], None] = {}

    def __repr__(self) -> str:
        return f"<ChatModel of {self.me!r} in {self.place.room}, {len(self.rooms)} rooms>"

    # ---- what there is -------------------------------------------------------------------------

    @property
    def me(self) -> str:
        """The person's own name."""
        return self.place.me

    @property
    def room(self) -> RoomModel:
        """The room on the screen."""
        room = self.rooms.get(self.place.room)
        if room is None:  # before the first welcome: texts and notes go to the first room
            self._nowhere.facts.name = self.place.room
            room = self._nowhere
        return room

    def listed(self) -> list[RoomModel]:
        """The rooms in the order of the screen: the lobby, other rooms, then direct conversations."""
        lobby = self.place.lobby
        return sorted(
            self.rooms.values(), key=lambda room: (room.name != lobby, room.direct, self.label(room).casefold())
        )

    def label(self, room: RoomModel) -> str:
        """A room's name on the screen: for a direct conversation, the names of the others in it."""
        if not room.direct:
            return clean_line(room.name)
        return ", ".join(map(clean_line, self.place.members(room.name))) or clean_line(room.name)

    def is_away(self, person: events.PersonInfo) -> bool:
        """Whether somebody said that they are away."""
        return self.away.reason(person.name, person.id) is not None

    def calls(self, entry: Entry) -> bool:
        """Whether a message mentions the person, or has a word that they want to be called by."""
        words = self.attention.words
        mentioned = is_mentioned(entry.text, entry.mentions, self.place.accounts)
        return mentioned or (words is not None and words.is_in(entry.text))

    @property
    def typed_line(self) -> TypedLine:
        """The line in the input, parsed."""
        return self.lines.read(self.room.editor.text)

    def destination(self, line: TypedLine) -> tuple[str, bool]:
        """Where Enter would send a line, in words, and whether the server is sure to refuse it."""
        present = {*self.place.people, self.me} if self.complete_people else None
        return describe_destination(line, self.place, present)

    def excess(self, line: TypedLine) -> int:
        """By how many characters the message in a line is too long."""
        return pasting.excess(line.message_text(self.place), self.most_text)

    # ---- the connection ------------------------------------------------------------------------

    def enter(
        self, accounts: KnownAccounts, lobby: str, rooms: Mapping[str, RoomView], now: float, clock: float
    ) -> list[ModelEffect]:
        """Take over a connection, the first one or another: the accounts that it knows, and the person's rooms, both
        of which the client keeps up to date. Times as in :meth:`take`."""
        here = self.place.room
        self.place.enter(accounts, lobby, rooms)
        gone = [self.rooms.pop(name) for name in set(self.rooms) - set(rooms)]
        for facts in rooms.values():
            self._open(facts, clock).people.complete = False  # others may have come and gone meanwhile
        self._number()
        self._move_in()
        for room in gone:
            self._put_out(room, "The server does not have it any more.", clock, was_here=room.name == here)
        self.connection = ConnectionStatus("connected", since=now, latency=self.connection.latency)
        self.changed += 1
        return [AskPeople(lobby), *self.look(self.place.room), *self.count()]

    def _open(self, facts: RoomView, clock: float) -> RoomModel:
        """Show a room that the person is in."""
        room = self.rooms.get(facts.name)
        if room is not None:
            if room.told_private and not facts.private:
                self.tell(opened(room.name, typed=bool(room.unsent)), clock, error=True, room=room.name)
            room.facts, room.told_private = facts, facts.private
            return room
        counter = UnreadCount(self.place, self.calls)
        room = RoomModel(facts, told_private=facts.private, policy=self.policies.get(facts.name), counter=counter)
        room.editor = self.make_editor()
        self.rooms[facts.name] = room
        if notice := self.unsent.give_back(room):
            self.tell(notice, clock, error=True, room=room.name)
        return room

    def _number(self) -> None:
        """Give each room without a number its number from before a restart, or the smallest that is free."""
        taken = {room.number for room in self.rooms.values()}
        for room in self.listed():
            kept = self.numbers.get(room.name, 0)
            if not room.number and kept and kept not in taken:
                room.number = kept
                taken.add(kept)
        free = (number for number in count(1) if number not in taken)
        for room in self.listed():
            room.number = room.number or next(free)
            self.numbers[room.name] = room.number

    def begin_anew(self) -> None:
        """The server's history began anew: forget the loaded stretches of the logs."""
        for room in self.rooms.values():
            room.log.forget()
            room.loaded, room.seen = False, 0

    def _move_in(self) -> None:
        """Move texts and notes of the time before the first welcome to the room on the screen."""
        early, self._nowhere = self._nowhere, RoomModel(RoomView(""))
        if self.room.name in self.rooms:
            for entry in early.log.entries:
                self.room.log.tell(entry.text, entry.time, entry.kind)
            if early.editor.text:
                self.room.editor.put(early.editor.text)

    def look(self, name: str) -> list[ModelEffect]:
        """Show another room; one that the person is not in any more is only spoken of."""
        if name not in self.rooms and self.rooms:
            self.notice = not_in(name)
            self.changed += 1
            return []
        before = self.rooms.get(self.place.room)
        if before is not None and before.name != name:
            before.came_at = None
            before.selected = None
            self.visited = [*[one for one in self.visited if one not in (before.name, name)][-50:], before.name]
        self.place.room = name
        room = self.room
        room.come()
        self.changed += 1
        effects: list[ModelEffect] = []
        if not room.loaded and not room.fetching and self.backlog:
            room.fetching = "newest"
            effects.append(Fetch(name, "newest"))
        if not (room.people.complete or room.direct or name == self.place.lobby):
            effects.append(AskPeople(name))
        return [*effects, *self.saw()]

    def saw(self, *, arrived: bool = False) -> list[ModelEffect]:
        """Count the room on the screen as read, if its newest line is shown and the window has the focus. ``arrived``
        tells that the person saw a line arrive, which needs no line "new"."""
        room = self.room
        if not room.following or not self.attention.focused:
            return []
        if not arrived:
            room.come()
        if room.see(max(room.last, room.log.newest)):
            self.changed += 1
            return [SayRead(room.name, room.read)]
        return []

    def read_all(self) -> list[ModelEffect]:
        """Count all rooms as read."""
        self.changed += 1
        effects: list[ModelEffect] = []
        for room in self.rooms.values():
            room.came_at = None
            if room.see(max(room.last, room.log.newest)):
                effects.append(SayRead(room.name, room.read))
        return effects

    def count(self) -> list[ModelEffect]:
        """Count the unread messages of all rooms again, after a change of the people who are ignored, or of the words
        that call the person. The counts of rooms whose log is not loaded are right once it is."""
        self.changed += 1
        for room in self.rooms.values():
            room.counter.forget()
        unread = tuple(room.name for room in self.listed() if room.unread and not room.loaded)
        most = None if self.place.ignored.names else MOST_LOADED
        return [Load(unread[:most])] if unread and self.backlog else []

    def wants_older(self, room: RoomModel) -> bool:
        """Whether to fetch older events once the top of the loaded ones is visible: up to ``backlog`` events at first,
        more after the person scrolled back."""
        return room.asked or (room.loaded and not room.cleared and len(room.log) < self.backlog)

    def next_room(self) -> str | None:
        """Where Alt-A goes: to the room that needs attention most, else back to the last one."""
        wanted = next_attention(self.listed(), self.place.room, self.attention)
        return wanted or next((name for name in reversed(self.visited) if name in self.rooms), None)

    # ---- what happens --------------------------------------------------------------------------

    def take(self, event: events.Event, now: float, clock: float) -> list[ModelEffect]:
        """Take an event. ``now`` is a steady clock in seconds, ``clock`` seconds since 1970."""
        self.changed += 1
        here = self.place.room
        self.place.take(event)
        match event:
            case events.RoomEvent():
                return self._line(event, clock)
            case events.Room(room=info):  # the person may be out of it again by now
                self._open(self.place.rooms.get(info.name) or RoomView.enter(info), clock)
                self._number()
            case events.Left() | RejoinRefused():
                return self._left(event, here, clock)
            case events.Presence():
                self._presence(event, clock)
            case events.People():
                self._people(event)
            case events.TypingNotice() if event.room in self.rooms and self.place.preferences.config.typing:
                if not (self.place.accounts.is_own(event.name, event.id) or self.place.ignored.hides(event)):
                    self.rooms[event.room].typing[clean_line(event.name)] = now + TYPING
            case events.ReadUpTo() if event.room in self.rooms:
                self.rooms[event.room].read_elsewhere(event.seq)
            case events.Delivered():
                self._mark(event.room, event.seq, delivered=True)
            case _:
                self._other(event, now, clock)
        return []

    def _other(self, event: events.Event, now: float, clock: float) -> None:
        """Take a change of names, absences or the connection, or a text for the room on the screen."""
        match event:
            case events.Renamed():
                self._rename(event, clock)
            case events.AwayChanged():
                self.away.note(event.name, event.id, None if event.text is None else clean_line(event.text))
            case events.Invited():
                room = clean_line(event.room)
                self.tell(f"{clean_line(event.by)} invited you to {room}. Type /join {room} to join it.", clock)
            case events.Closing():  # the status line tells when the client connects again by itself
                advice = clean_line(event.advice) if event.retry is None else ""
                self.tell(f"{clean_line(event.message)} {advice}".rstrip(), clock, error=True)
            case events.Error():
                self.tell(f"{clean_line(event.message)} {clean_line(event.advice)}".rstrip(), clock, error=True)
            case Note():
                self.tell("\n".join(map(clean_line, event.lines)), clock)
            case Disconnected():
                state = self.connection
                since = state.since if state.state == "reconnecting" else now
                self.connection = ConnectionStatus(
                    "reconnecting", since, now + event.retry_in, event.attempt, clean_line(event.reason), state.latency
                )
            case BadEvent():
                self.tell(bad_event(event.kind, event.why), clock, error=True)
            case Missed() if event.room in self.rooms:
                self.rooms[event.room].log.tell(f"{event.count} lines are no longer kept", clock, "gap")
            case _:
                pass

    def greet(self, welcome: events.Welcome, clock: float) -> None:
        """Show the welcome: the message of the day, and what happened while the person was away."""
        missing = (*map(put_out, welcome.put_out), left_out(welcome.left_out))
        for text in (called(welcome) if welcome.asked else "", welcome.motd, *missing):
            if text:
                self.tell(text, clock)

    def tell(self, text: str, clock: float, *, error: bool = False, room: str | None = None) -> None:
        """Show a note or an error, in a room or in the one on the screen."""
        where = self.rooms.get(room) if room is not None else None
        (where or self.room).log.tell(text, clock, "error" if error else "note")
        self.changed += 1

    # ---- lines of the logs ---------------------------------------------------------------------

    def _line(self, event: events.RoomEvent, clock: float) -> list[ModelEffect]:
        room = self.rooms.get(event.room)
        if room is None and event.room in self.place.rooms:  # a conversation that the welcome left out
            room = self._open(self.place.rooms[event.room], clock)
            self._number()
        if room is None:
            return []
        if isinstance(event, events.Moderated):
            room.moderate(event)
        entry = room.log.take(event)
        if entry is None:
            return self.saw(arrived=True) if room is self.room else []
        room.typing.pop(entry.sender, None)
        if self.place.ignored.hides(event):
            return self.saw(arrived=True) if room is self.room else []
        looking = room is self.room and room.following
        if entry.said and self.place.accounts.is_own(*entry.author):
            return self._own(room, entry)
        mentioned = entry.said and self.calls(entry)
        room.log.trim(None if room.bottom is None else room.bottom[0])
        call = self.attention.calls(room, entry, mentioned=mentioned, looking=looking, event=event)
        return [*([call] if call else []), *(self.saw(arrived=True) if looking else [])]

    def _own(self, room: RoomModel, entry: Entry) -> list[ModelEffect]:
        if not entry.files:  # a message with files was not typed
            room.drop_pending(entry.text)
        key = (room.name, entry.seq)
        entry.delivery = "delivered" if self._delivered.pop(key, 0) is None else "sent"
        room.came_at = None
        return self.saw(arrived=True) if room is self.room else []

    def send(self, room: str, text: str, kind: str, clock: float, reply_to: int | None = None) -> int:
        """Show an own message as not acknowledged yet; returns the local number for its acknowledgement."""
        one = self.rooms.get(room)
        if one is None:  # the person was removed from it a moment ago
            self.tell(f"{not_in(room)} Not sent: {text}", clock, error=True)
            return 0
        author = AccountRef(self.me, self.place.accounts.own)
        entry = one.log.tell(text, clock, "action" if kind == "action" else "text", author)
        one.log.entries.pop()
        entry.delivery, entry.reply_to = "pending", reply_to
        one.pending.append(entry)
        one.came_at = None
        if room == self.place.room:
            one.bottom = None if one.log.at_end else one.bottom
        self.changed += 1
        return entry.local

    def acknowledged(self, room: str, local: int, seq: int) -> None:
        """Note that the server has stored an own message."""
        self.changed += 1
        if room in self.rooms:
            self.rooms[room].drop_pending("", local)
            self._mark(room, seq, delivered=False)

    def failed(self, room: str, local: int, why: str, clock: float) -> None:
        """Note that an own message was refused, or is lost: its text returns to the input, and the reason is shown."""
        self.changed += 1
        if room in self.rooms:
            self.rooms[room].return_refused(local, clock)
        self.tell(why, clock, error=True, room=room)

    def _mark(self, room: str, seq: int, *, delivered: bool) -> None:
        entry = self.rooms[room].log.find(seq) if room in self.rooms else None
        if entry is not None and (delivered or entry.delivery != "delivered"):
            entry.delivery = "delivered" if delivered else "sent"
            entry.change()
        elif delivered:
            self._delivered[room, seq] = None
            while len(self._delivered) > 100:  # noqa: PLR2004 - reports that come before their message are few
                del self._delivered[next(iter(self._delivered))]

    # ---- people --------------------------------------------------------------------------------

    def _presence(self, event: events.Presence, clock: float) -> None:
        room = self.rooms.get(event.room)
        if room is None:
            return
        room.people.take(event)
        for at, name in enumerate(event.left):
            room.typing.pop(clean_line(name), None)
            if room.name == self.place.lobby:
                self.away.note(name, event.left_ids[at] if at < len(event.left_ids) else 0, None)
        shown = self.place.spoken.shown(event, self.place.show_joins, clock)
        came = [name for name in shown.joined if name.casefold() != self.me.casefold()]
        left = [name for name in shown.left if name.casefold() != self.me.casefold()]
        if came or left:
            room.log.people(came, left, clock)

    def _people(self, event: events.People) -> None:
        room = self.rooms.get(event.room)
        if room is None:
            return
        room.people.replace(event.people)
        reasons = [(one.name, one.id, None if one.away is None else clean_line(one.away)) for one in event.people]
        if event.room == self.place.lobby:
            self.complete_people = True
            self.away.replace(reasons)
        for reason in reasons:
            self.away.note(*reason)

    def _rename(self, event: events.Renamed, clock: float) -> None:
        old, new = clean_line(event.old), clean_line(event.new)
        self.away.rename(event)
        for room in self.rooms.values():
            is_theirs = room.people.holds(event.old, event.id) or event.new in room.facts.members
            room.people.rename(event)
            room.typing.pop(old, None)
            if is_theirs:
                text = (
                    f"You are {new} now." if self.place.accounts.is_own(event.new, event.id) else f"{old} is {new} now."
                )
                if room is self.room or room.direct:
                    room.log.tell(text, clock)

    def _left(self, event: events.Left | RejoinRefused, here: str, clock: float) -> list[ModelEffect]:
        was_here = event.room == here
        room = self.rooms.pop(event.room, None)
        self.numbers.pop(event.room, None)
        self.place.leave(event.room)
        why = clean_line(event.reason if isinstance(event, events.Left) else f"{event.message} {event.advice}")
        effects = self.look(self.place.room) if was_here else []
        if room is not None:
            self._put_out(room, why, clock, was_here=was_here)
        else:
            self.tell(f"{clean_line(event.room)}: {why}", clock)
        return effects

    def _put_out(self, room: RoomModel, why: str, clock: float, *, was_here: bool) -> None:
        """The person is no longer in a room: its unsent texts are kept, and the line being typed goes nowhere else."""
        label = self.label(room)
        gone = f"Your conversation with {label} is over." if room.direct else f"You are no longer in {label}."
        if room.direct and not why:
            gone = left_conversation(label)
        if self.unsent.keep(room) and was_here and self.pane is None:
            lines = (why, "Your unsent text is kept until you are back there.")
            self.pane = Question("left", gone, lines, (("Enter", "go on"),))
        self.tell(f"{gone} {why}".rstrip(), clock)
