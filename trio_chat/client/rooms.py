"""A room as this client knows it: its topic, members and rules, and its events in order, each once. Pure.

Theory of operation. ``seen`` is the number of the last event that the application was given. A live event that is next
in line is yielded at once; one that was yielded before is dropped; one that comes too early shows a gap. Then, and
after a reconnect, the room is *catching up*: it holds live events (within a bound; beyond it they are dropped, the log
has them too) while the client asks the log for the events after ``seen``, page by page. The last page releases the held
events. Events that the log no longer has are reported (``Missed``), never passed over. The client asks on only after
progress, so a server that leaves holes cannot keep it asking for ever.

Where a backlog is wanted, a room begins by *looking back*: it holds live events while the client asks the log, page by
page, for the events before ``seen``. That ends with one ``Backlog``. If the connection is lost meanwhile, looking back
begins again before anything else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

import msgspec

from trio_chat.client.events import Backlog, ChatEvent, Missed
from trio_chat.client.known_accounts import AccountRef, KnownAccounts
from trio_chat.protocol.events import (
    Event,
    Left,
    Moderated,
    Presence,
    ReadUpTo,
    Renamed,
    RoomInfo,
    TopicChanged,
    Welcome,
)
from trio_chat.protocol.spans import read_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trio_chat.protocol.events import RoleName, RoomEvent

FILL_PAGE: Final = 200
"""Events asked for at once; the server gives fewer if they are long, and then says that there are more."""

_ROLES: Final[dict[str, RoleName]] = {"owner": "owner", "moderator": "moderator", "member": "member"}

_SIZE: Final = re.compile("[0-9]{1,15}")

MOST_HELD: Final = 1024 * 1024
"""Bytes of live events that a room holds while it catches up."""


class Phase(Enum):
    """Whether a room yields live events at once, or what it holds them for."""

    LIVE = auto()  # yields them at once
    REJOINING = auto()  # until we are in the room again
    RESUMING = auto()  # until we have the events since the connection was lost
    FILLING = auto()  # until a gap between live events is filled
    LOOKING_BACK = auto()  # until we have the backlog


@dataclass(slots=True)
class RoomView:
    """A room that we are in. Its plain attributes are those of
    :class:`~trio_chat.protocol.events.RoomInfo` and are kept up to date; read them, do not change them.

    ``made`` tells that our :meth:`~trio_chat.Chat.join` made the room. ``seen`` is the number of the last event that
    was yielded; :attr:`catching_up` tells whether older events are being fetched before newer ones are yielded.
    ``read`` is our read position, on any device; :attr:`unread` and :attr:`mentions` count the events after it.
    """

    name: str
    direct: bool = False
    topic: str = ""
    count: int = 0
    members: tuple[str, ...] = ()
    member_ids: tuple[int, ...] = ()
    first: int = 1
    last: int = 0
    read: int = 0
    role: RoleName = "member"
    private: bool = False
    announce_only: bool = False
    slow: float = 0.0
    files: bool = True
    max_file: int = 0
    made: bool = False
    seen: int = 0
    phase: Phase = Phase.LIVE
    asked: bool = field(default=False, repr=False)
    anew: bool = field(default=False, repr=False)
    backlog: int = field(default=0, repr=False)
    _back: list[RoomEvent] = field(default_factory=list, repr=False)
    _back_to: int = field(default=0, repr=False)
    _read_when_entered: int = field(default=0, repr=False)
    _unlisted: tuple[int, int] = field(default=(0, 0), repr=False)  # mentions without a number, up to which event
    _mentioned: set[int] = field(default_factory=set, repr=False)  # the numbers of the other unread mentions
    _held: dict[int, tuple[RoomEvent | None, int]] = field(default_factory=dict, repr=False)
    _held_bytes: int = field(default=0, repr=False)
    _overflowed: bool = field(default=False, repr=False)

    @classmethod
    def enter(cls, info: RoomInfo, backlog: int = 0) -> RoomView:
        """Begin with a room that we join now: new events are yielded, and before them the last ``backlog`` events, as
        one ``Backlog``."""
        room = cls(info.name, seen=info.last)
        room.update(info)
        if backlog and info.last:
            room.backlog = backlog
            room._read_when_entered = info.read
            room._begin_back()
        return room

    @property
    def people(self) -> tuple[AccountRef, ...]:
        """The members, where they are known: those of a direct conversation."""
        ids = self.member_ids if len(self.member_ids) == len(self.members) else (0,) * len(self.members)
        return tuple(map(AccountRef, self.members, ids))

    @property
    def catching_up(self) -> bool:
        """Whether live events are held back."""
        return self.phase is not Phase.LIVE

    @property
    def unread(self) -> int:
        """The number of unread events; those that are no longer kept do not count."""
        return max(self.last - max(self.read, self.first - 1), 0)

    @property
    def mentions(self) -> int:
        """The number of unread mentions of us."""
        return self._unlisted[0] + len(self._mentioned)

    def mentions_within(self, after: int, end: int) -> int:
        """The number of unread mentions of us in the events after one number and up to another, as far as the server
        has said which events they are in."""
        return sum(after < seq <= end for seq in self._mentioned)

    @property
    def unlisted(self) -> int:
        """The number of unread mentions of us of which the server has not said which events they are in."""
        return self._unlisted[0]

    @property
    def mentioned(self) -> tuple[int, ...]:
        """The numbers of the messages with unread mentions of us, as far as they are known."""
        return tuple(sorted(self._mentioned))

    @property
    def must_ask(self) -> bool:
        """Whether to ask the log now for the events after ``seen``, or before it."""
        return self.phase in (Phase.RESUMING, Phase.FILLING, Phase.LOOKING_BACK) and not self.asked

    @property
    def to_ask(self) -> tuple[int | None, int | None, int]:
        """The question for the log: ``after``, ``before`` and ``limit``."""
        if self.phase is Phase.LOOKING_BACK:
            return None, self._back_to, min(self.backlog - len(self._back), FILL_PAGE)
        return self.seen, None, FILL_PAGE

    def update(self, info: RoomInfo) -> None:
        """Take over the server's description of the room. ``seen`` stays."""
        self.direct, self.topic, self.count = info.direct, info.topic, info.count
        if info.members:
            self.members, self.member_ids = info.members, info.member_ids
        self.role, self.private, self.announce_only, self.slow = (
            info.role,
            info.private,
            info.announce_only,
            info.slow,
        )
        self.files, self.max_file = info.files, info.max_file
        self.first, self.last = info.first, max(info.last, self.seen)
        listed = set(info.mentioned)
        self._unlisted = max(info.mentions - len(listed), 0), min(listed, default=info.last + 1) - 1
        self._mentioned = listed | {seq for seq in self._mentioned if seq > info.last}
        self.mark_read(info.read)

    def info(self) -> RoomInfo:
        """The room as the server would describe it now."""
        return RoomInfo(
            name=self.name,
            direct=self.direct,
            topic=self.topic,
            count=self.count,
            members=self.members,
            member_ids=self.member_ids,
            first=self.first,
            last=self.last,
            read=self.read,
            mentions=self.mentions,
            mentioned=self.mentioned,
            role=self.role,
            private=self.private,
            announce_only=self.announce_only,
            slow=self.slow,
            files=self.files,
            max_file=self.max_file,
        )

    def moderate(self, event: Moderated, accounts: KnownAccounts) -> None:
        """Change the room's rules, or our role in it, as a moderator decided."""
        match event.action:
            case "private":
                self.private = event.value == "on"
            case "announce_only":
                self.announce_only = event.value == "on"
            case "slow":
                self.slow = read_seconds(event.value) or 0.0
            case "files":
                self.files = event.value == "on"
            case "max_file":
                self.max_file = _read_size(event.value)
            case "role" if event.value in _ROLES and accounts.is_own(event.target, event.target_id):
                self.role = _ROLES[event.value]
            case _:
                pass

    def rename(self, event: Renamed) -> None:
        """Change the name of a member of this direct conversation, if the renamed person is one."""
        ids = self.member_ids if event.id and len(self.member_ids) == len(self.members) else ()
        renamed = [number == event.id for number in ids] or [name == event.old for name in self.members]
        pairs = zip(self.members, renamed, strict=True)
        self.members = tuple(event.new if theirs else name for name, theirs in pairs)

    def note_mention(self, seq: int, *, on: bool = True) -> None:
        """Note that the message of this number mentions us, or with ``on=False`` that it does not."""
        if not on:
            self._mentioned.discard(seq)
        elif seq > max(self.read, self._unlisted[1] if self._unlisted[0] else 0):
            self._mentioned.add(seq)

    def mark_read(self, seq: int) -> None:
        """Move the read position forward, at most to the room's end; it never goes back."""
        self.read = max(self.read, min(seq, self.last))
        self._mentioned = {named for named in self._mentioned if named > self.read}
        if self.read >= self._unlisted[1]:
            self._unlisted = 0, 0

    def interrupt(self) -> None:
        """Note that the connection is lost: the held events will be fetched with the others."""
        self.phase = Phase.LIVE
        self.asked = self._overflowed = False
        self._held.clear()
        self._held_bytes = 0

    def forget_log(self) -> None:
        """Note that the server's history began anew: for :meth:`resume` nothing of it was seen."""
        self.anew = True

    def resume(self, info: RoomInfo) -> None:
        """Go on after a reconnect: catch up if the log has grown.

        A log that has shrunk is another log. Nothing of it was seen: all its events came while we were away.
        """
        if self.anew or info.last < self.seen:
            self.seen, self.read, self.anew = info.first - 1, info.read, False
            self._mentioned.clear()
            self._read_when_entered = info.read
        self.update(info)
        self.phase = Phase.RESUMING if info.last > self.seen or self._held else Phase.LIVE
        self.asked = False
        if self.backlog:
            self._begin_back()

    def resume_unlisted(self) -> None:
        """Go on after a reconnect with a room that the welcome did not list: ask the log whether it has grown."""
        self.phase = Phase.RESUMING
        if self.backlog:
            self._begin_back()

    def take_live(self, seq: int, event: RoomEvent | None, size: int) -> list[ChatEvent]:
        """Take a live event (``None``: of a type that this version does not know) of ``size`` bytes. Returns the events
        to yield now."""
        self.last = max(self.last, seq)
        if seq <= self.seen:
            return []
        if not self.catching_up:
            if seq == self.seen + 1:
                return self._pass(seq, event)
            self.phase = Phase.FILLING
        if self._overflowed or self._held_bytes + size > MOST_HELD:
            self._overflowed = True  # until the log has been asked nothing more is held: no holes
        elif seq not in self._held:
            self._held[seq] = event, size
            self._held_bytes += size
        return []

    # ---- the backlog --------------------------------------------------------------------------

    def _begin_back(self) -> None:
        self.phase = Phase.LOOKING_BACK
        self._back.clear()
        self._back_to = self.seen + 1

    def take_back_page(
        self, lines: Sequence[tuple[int, RoomEvent | None]], *, more: bool, first: int
    ) -> list[ChatEvent]:
        """Take a page of the events before ``seen``. Returns the events to yield now; afterwards :attr:`must_ask` tells
        whether to ask on."""
        self.asked = False
        self.first = first
        earlier = [(seq, event) for seq, event in lines if seq < self._back_to]
        self._back[:0] = [event for _, event in earlier if event is not None]
        if earlier:
            self._back_to = earlier[0][0]
        if more and earlier and len(self._back) < self.backlog:
            return []
        return self.end_back()

    def end_back(self) -> list[ChatEvent]:
        """End looking back: there are no earlier events, or they cannot be had."""
        events = self._backlog()
        self.backlog = 0
        self._back.clear()
        self.phase = Phase.FILLING
        events.extend(self._release(ask_again=True))
        if not self.catching_up and self.last > self.seen:
            self.phase = Phase.FILLING  # the log grew while the connection was gone
        return events

    def _backlog(self) -> list[ChatEvent]:
        """Make the backlog."""
        read = self._read_when_entered
        begin = max(read + 1, self.first)
        lost, unread = begin - 1 - read, self.seen - begin + 1
        events: list[ChatEvent] = [Missed(room=self.name, count=lost)] if lost > 0 else []
        if self._back:
            unread_from = begin if unread > 0 else None
            events.append(
                Backlog(room=self.name, events=tuple(self._back), unread_from=unread_from, unread=max(unread, 0))
            )
        return events

    # ---- gaps ---------------------------------------------------------------------------------

    def take_page(self, lines: Sequence[tuple[int, RoomEvent | None]], *, more: bool, first: int) -> list[ChatEvent]:
        """Take a page of the events after ``seen``. Returns the events to yield now; afterwards :attr:`must_ask` tells
        whether to ask on."""
        before = self.seen
        self.asked = False
        self.first = first
        events = self._skip_to(first - 1)
        events.extend(self._pass_in_order(lines))
        progress = self.seen > before
        if not (more and progress):
            self.phase = Phase.FILLING
            events.extend(self._release(ask_again=progress))
        if not self.catching_up:
            self.last = self.seen  # the end, as the log itself says
        return events

    def give_up(self) -> list[ChatEvent]:
        """Go on without the log, which cannot be had: report the missing events and yield the held ones."""
        events: list[ChatEvent] = []
        for seq in sorted(self._held):
            events.extend(self._pass_in_order([(seq, self._held[seq][0])]))
        events.extend(self._skip_to(self.last))
        self.interrupt()
        return events

    def _release(self, *, ask_again: bool) -> list[ChatEvent]:
        """Yield the held events, up to a gap that the log may still fill."""
        events: list[ChatEvent] = []
        for seq in sorted(self._held):
            if seq > self.seen + 1 and ask_again:
                return events
            event, size = self._held.pop(seq)
            self._held_bytes -= size
            if seq > self.seen:
                events.extend(self._skip_to(seq - 1))
                events.extend(self._pass(seq, event))
                ask_again = True
        if not self._overflowed:  # dropped events must be fetched after all
            self.phase = Phase.LIVE
        self._overflowed = False
        return events

    def _pass_in_order(self, lines: Iterable[tuple[int, RoomEvent | None]]) -> list[ChatEvent]:
        events: list[ChatEvent] = []
        for seq, event in lines:
            if seq > self.seen:
                events.extend(self._skip_to(seq - 1))
                events.extend(self._pass(seq, event))
        return events

    def _pass(self, seq: int, event: RoomEvent | None) -> list[ChatEvent]:
        self.seen = seq
        self.last = max(self.last, seq)
        return [] if event is None else [event]  # type: ignore[list-item] # every RoomEvent that is decoded is one of AnyEvent's

    def _skip_to(self, seq: int) -> list[ChatEvent]:
        count = seq - self.seen
        if count <= 0:
            return []
        self.seen = seq
        self.last = max(self.last, seq)
        return [Missed(room=self.name, count=count)]


def with_positions(welcome: Welcome, known: Mapping[str, RoomView]) -> dict[str, RoomInfo]:
    """The rooms of a welcome by their names. ``known`` are those that we were in before.

    A server of an earlier version gives the read position 0 also for rooms that we never looked at. Nothing of them is
    unread.
    """
    infos = {}
    for info in welcome.rooms:
        infos[info.name] = info
        if not (welcome.reads_begin or info.read or info.direct):
            read = known[info.name].read if info.name in known else info.last
            infos[info.name] = msgspec.structs.replace(info, read=min(read, info.last))
    return infos


def follow(rooms: dict[str, RoomView], event: Event, accounts: KnownAccounts) -> None:
    """Update our ``rooms`` with an event. ``accounts`` tells whether it is about us.

    The caller adds the rooms that we join: it knows how large a backlog is wanted.
    """
    match event:
        case Left(room=name):
            rooms.pop(name, None)
        case Presence(room=name, count=count) if name in rooms:
            rooms[name].count = count
        case ReadUpTo(room=name, seq=seq) if name in rooms:
            rooms[name].mark_read(seq)
        case TopicChanged(room=name, text=text) if name in rooms:
            rooms[name].topic = text
        case Moderated(room=name) if name in rooms:
            rooms[name].moderate(event, accounts)
        case Renamed():
            for room in rooms.values():
                room.rename(event)
        case _:
            pass


def _read_size(text: str) -> int:
    """A number of bytes as a moderated event tells it; 0 for a text that is none."""
    return int(text) if _SIZE.fullmatch(text) else 0
