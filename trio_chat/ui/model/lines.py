"""Events as lines of text, for line mode, pipes and ``tail``. Pure.

A message's time is its sender's own clock, shown in the reader's zone; the order is the server's. Every text from the
network goes through :func:`~trio_chat.protocol.text.clean` once more before it is part of a line, so that no server has
to be trusted.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Final

import msgspec

from trio_chat.client.events import Backlog
from trio_chat.client.known_accounts import AccountRef, is_mentioned
from trio_chat.output import BOLD, DIM, NICK_COLOURS, RED, styled
from trio_chat.protocol import events
from trio_chat.protocol.codec import encode
from trio_chat.protocol.files import caption_of, text_without_lines
from trio_chat.protocol.parts import DeviceInfo
from trio_chat.protocol.text import clean, clean_line, escape_json
from trio_chat.ui.model.ignored import reactions_of
from trio_chat.ui.model.notes import Context, Hits, Note
from trio_chat.ui.model.place import Place
from trio_chat.ui.model.sentences import (
    called,
    connection,
    left_conversation,
    left_out,
    made_room,
    moderated,
    put_out,
    rules,
)
from trio_chat.ui.model.shown_files import file_row
from trio_chat.ui.terminal.graphemes import text_width

if TYPE_CHECKING:
    from trio_chat.client.rooms import RoomView

_NAMED: Final = 4  # names in a line about arrivals; the others are counted
_WAITING: Final = 100  # own direct messages that are kept until their delivery is reported
_EXCERPT: Final = 40  # characters of a message that identify it
_INDENT: Final = "    "


def as_json(event: events.Event) -> str:
    r"""Encode an event as JSON in one line; characters that a terminal would act on are written as ``\u`` and digits.

    An empty ``id`` is left out: the event answers no request of the reader's.
    """
    frame = encode(event)
    if getattr(event, "id", None) == "":
        fields = msgspec.to_builtins(event)
        frame = msgspec.json.encode({key: value for key, value in fields.items() if key != "id"})
    return escape_json(frame.decode())


class Teller:
    """Shows events as lines of text.

    ``place`` tells who and where the reader is; it must have taken the event already. ``now`` is a clock with a zone;
    ``zone`` is the reader's (``None`` for the machine's); ``time_format`` is one of strftime. ``symbols`` tells that
    the terminal has arrows and check marks.
    """

    def __init__(
        self,
        place: Place,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        zone: tzinfo | None = None,
        time_format: str = "%H:%M",
        colour: bool = False,
        symbols: bool = True,
    ) -> None:
        self._place = place
        self._now = now
        self._zone = zone
        self.time_format = time_format
        self.colour = colour
        self._arrow, self._check = ("→", "✓") if symbols else ("->", "ok:")
        self._sent: OrderedDict[tuple[str, int], str] = OrderedDict()

    def tell(self, event: events.Event) -> list[str]:
        """The lines for an event; none for one that is not shown in line mode, or is of an ignored person."""
        ignored = self._place.ignored
        return [] if ignored.hides(event) else self._tell(ignored.left_of(event))

    def _tell(self, event: events.Event) -> list[str]:  # noqa: PLR0911 - a table of the kinds of events
        match event:
            case events.Message():
                return self._message(event, numbered=self._place.numbered)
            case events.Edited() | events.Deleted() | events.Reacted():
                return self._changed(event)
            case Backlog():
                return self._backlog(event)
            case Hits():
                return self._hits(event)
            case Context():
                return self._past(event.events, around=event.around)
            case events.TopicChanged():
                return self._topic(event)
            case events.Error():
                return self._error(event.message, event.advice)
            case events.Welcome(motd=motd):
                missing = (*map(put_out, event.put_out), left_out(event.left_out))
                told = (self._welcome(event), *clean(motd).split("\n"), *missing)
                return [self._dim(f"-- {line}") for line in told if line]
            case Note():
                return [" " * (len(line) - len(line.lstrip(" "))) + clean_line(line) for line in event.lines]
            case _:
                return self._table(event) or self._remark(self._notice(event))

    def rings(self, event: events.Event) -> bool:
        """Whether an event calls the reader: a direct message to them, or one that mentions them; also one from while
        they were away."""
        if isinstance(event, Backlog):
            begin = event.unread_from
            return begin is not None and any(self.rings(line) for line in event.events if line.seq >= begin)
        if not isinstance(event, events.Message) or self._place.is_own(event) or self._place.ignored.hides(event):
            return False
        return event.room.startswith("@") or is_mentioned(event.text, event.mentions, self._place.accounts)

    # ---- what is said --------------------------------------------------------------------------

    def _message(self, event: events.Message, *, numbered: bool) -> list[str]:
        sender = self._label(event)
        direct, action = event.room.startswith("@"), event.kind == "action"
        if direct and self._place.is_own(event):
            self._remember(event)
        who = self._who(event) + (f" {self._dim(self._answered(event))}" if event.reply_to else "")
        first, *rest = _body(event)
        colon = "" if action and not direct else ":"
        if action and direct:
            first = f"* {sender} {first}"
        calls = self.rings(event) and is_mentioned(event.text, event.mentions, self._place.accounts)
        mark = self._dim if event.deleted else self._strong if calls else str
        head = self._head(event, event.sent, numbered=numbered)
        marks = [
            self._dim(f"{_INDENT}{clean_line(one)} {_names([self._called(person) for person in people])}")
            for one, people in reactions_of(event).items()
        ]
        return [f"{head}{who}{colon} {mark(first)}", *(_INDENT + mark(line) for line in rest), *marks]

    def _who(self, event: events.Message) -> str:
        """The sender, and in a direct conversation the people it is for."""
        if not event.room.startswith("@"):
            return f"{'* ' if event.kind == 'action' else ''}{self._nick(event)}"
        sender = AccountRef(event.sender, event.sender_id)
        others = [clean_line(one.name) for one in self._place.others(event.room) if not one.is_same(sender)]
        if not others or not self._place.is_own(event):
            others.append(clean_line(self._place.me))
        return f"{self._nick(event)} {self._arrow} {', '.join(others)} (private)"

    def _head(self, event: events.RoomEvent, sent: str | None, *, numbered: bool) -> str:
        """The beginning of a line: time and room, and the number if it is wanted."""
        room = "" if event.room.startswith("@") else f"{clean_line(event.room)} "
        number = f"#{event.seq} " if numbered else ""
        return f"[{self._time(sent, event.time)}] {room}{self._dim(number) if number else ''}"

    def _answered(self, event: events.Message) -> str:
        said = self._place.said(event.room, event.reply_to or 0)
        if said is None:
            return f"(to #{event.reply_to})"
        return f"(to {self._place.label(said.sender, said.account)}: {_excerpt(said.text)})"

    def _changed(self, event: events.Edited | events.Deleted | events.Reacted) -> list[str]:
        """The lines for an edit, a deletion or a reaction; none for an edit that a later one replaced."""
        who, number = self._nick(event), f"#{event.target}"
        head = self._head(event, None, numbered=False)
        where = f" ({', '.join(map(clean_line, self._place.members(event.room)))})" if event.room[0] == "@" else ""
        match event:
            case events.Edited(text=""):
                return []
            case events.Edited(text=text):
                files = self._place.files.of(event.room, event.target)
                first, *rest = clean(text_without_lines(text, files)).split("\n")
                return [f"{head}* {who} edited {number}{where}: {first}", *(_INDENT + line for line in rest)]
            case events.Deleted():
                return [f"{head}* {who} deleted {number}{where}"]
            case events.Reacted(mark=mark, on=on):
                said = self._place.said(event.room, event.target)
                which = f" ({_excerpt(said.text)})" if said is not None else where
                reaction = clean_line(mark)
                did = f"reacted to {number} with {reaction}" if on else f"removed {reaction} from {number}"
                return [f"{head}* {who} {did}{which}"]

    # ---- the past ------------------------------------------------------------------------------

    def _backlog(self, event: Backlog) -> list[str]:
        begin = event.unread_from
        before = [line for line in event.events if begin is None or line.seq < begin]
        since = [line for line in event.events if begin is not None and line.seq >= begin]
        lines = self._past(before)
        news = self._past(since)
        if news:
            older = event.unread - len(since)
            more = f"; {older} more before these" if older > 0 and not before else ""
            lines += [self._dim(f"-- new in {clean_line(self._where(event.room))} since you left{more}"), *news]
        return lines

    def _where(self, room: str) -> str:
        return ", ".join(self._place.members(room)) + " (private)" if room.startswith("@") else room

    def _past(self, past: Iterable[events.RoomEvent], *, around: int | None = None) -> list[str]:
        """The lines for past events. Messages are shown as they are now, so their changes are left out."""
        numbered = self._place.numbered or around is not None
        lines: list[str] = []
        for event in past:
            if isinstance(event, events.Message):
                shown = self._message(event, numbered=numbered)
                lines += [self._strong(line) for line in shown] if event.seq == around else shown
            elif not isinstance(event, events.Edited | events.Deleted | events.Reacted):
                lines += self.tell(event)
        return lines

    def _hits(self, event: Hits) -> list[str]:
        lines = [line for message in event.messages for line in self._message(message, numbered=True)]
        if not lines:
            lines = ["Nothing was found."]
        if event.behind:
            lines += self._remark(f"The newest {event.behind} messages are not indexed yet; try again in a moment.")
        return lines + (self._remark("There is more: type /search alone for the next page.") if event.more else [])

    # ---- other lines ---------------------------------------------------------------------------

    def _remark(self, sentence: str) -> list[str]:
        return [self._dim(f"-- {sentence}")] if sentence else []

    def _topic(self, event: events.TopicChanged) -> list[str]:
        did = f"set the topic: {clean_line(event.text)}" if event.text else "cleared the topic"
        return [self._dim(f"-- {self._label(event)} {did} ({clean_line(event.room)})")]

    def _remember(self, event: events.Message) -> None:
        self._sent[event.room, event.seq] = _excerpt(event.text)
        if len(self._sent) > _WAITING:
            self._sent.popitem(last=False)

    # ---- what happened -------------------------------------------------------------------------

    def _notice(self, event: events.Event) -> str:  # noqa: PLR0911 - a table of the kinds of events
        match event:
            case events.Presence():
                return self._presence(event)
            case events.Room():
                entered = self._entered(event.room)
                return f"{made_room(event.room.name, self._place.rooms)} {entered}" if event.made else entered
            case events.Left(reason=reason) if reason:
                return f"You are no longer in {clean_line(event.room)}: {clean_line(reason)}"
            case events.Left():
                if not event.room.startswith("#"):
                    return left_conversation(", ".join(map(clean_line, self._place.members(event.room))))
                return f"You have left {clean_line(event.room)}."
            case events.Renamed():
                who = "You are" if self._place.accounts.is_own(event.new, event.id) else f"{clean_line(event.old)} is"
                return f"{who} {clean_line(event.new)} now."
            case events.AwayChanged():
                return self._away(event)
            case events.Delivered():
                excerpt = self._sent.get((event.room, event.seq))
                what = f": {excerpt}" if excerpt is not None else ""
                return f"{self._check} {clean_line(event.by)} has your message{what}"
            case events.Welcome():
                return self._welcome(event)
            case events.Moderated():
                return moderated(event, self.clock, self._place.label)
            case events.Invited():
                room = clean_line(event.room)
                return f"{clean_line(event.by)} invited you to {room}. Type /join {room} to join it."
            case _:
                return connection(event, _company(self._place.rooms.get(self._place.lobby)))

    def _welcome(self, event: events.Welcome) -> str:
        lobby = next((room for room in event.rooms if room.name == event.lobby), None)
        return f"{called(event)}{_company(lobby)}"

    def _presence(self, event: events.Presence) -> str:
        event = self._place.spoken.shown(event, self._place.show_joins, self._now().timestamp())
        where = "" if event.room == self._place.lobby else f" in {clean_line(event.room)}"
        me = self._place.me.casefold()
        came = [name for name in event.joined if name.casefold() != me]
        left = [name for name in event.left if name.casefold() != me]
        parts = []
        if came:
            parts.append(f"{_names(came)} {'is' if len(came) == 1 else 'are'} here{where}")
        if left:
            whence = where.removeprefix(" in")
            parts.append(f"{_names(left)} {'has' if len(left) == 1 else 'have'} left{whence}")
        if not parts:
            return ""
        if event.count <= 1:
            alone = f"you are alone {'there' if where else 'here'}. You will be told when somebody comes."
            return f"{' and '.join(parts)}; {alone}"
        return f"{' and '.join(parts)} ({_people(event.count)} now)"

    def _entered(self, room: events.RoomInfo) -> str:
        if room.direct or room.name.startswith("@"):
            return ""
        topic = f" Topic: {clean_line(room.topic)}" if room.topic else ""
        alone = "you are alone there; you will be told when somebody comes"
        about = ", ".join([*rules(room), alone if room.count <= 1 else _people(room.count)])
        return f"You are in {clean_line(room.name)} ({about}).{topic}"

    def _away(self, event: events.AwayChanged) -> str:
        own = self._place.accounts.is_own(event.name, event.id)
        who = "You are" if own else f"{clean_line(event.name)} is"
        if event.text is None:
            return f"{who} back."
        why = clean_line(event.text)
        return f"{who} away." if why in {"", "away"} else f"{who} away: {why}"

    def _error(self, message: str, advice: str) -> list[str]:
        text = f"! {clean_line(message)} {clean_line(advice)}".rstrip()
        return [self._paint(text, RED)]

    # ---- tables --------------------------------------------------------------------------------

    def _table(self, event: events.Event) -> list[str]:
        """The lines for a list; none for any other event."""
        match event:
            case events.RoomList():
                return self._rooms(event.rooms)
            case events.People():
                return self._people(event)
            case events.DeviceList():
                return self._devices(event.devices)
            case events.BanList():
                return self._bans(event)
            case _:
                return []

    def _rooms(self, rooms: Iterable[events.RoomLine]) -> list[str]:
        rows = [
            (
                f"{'*' if room.joined else ' '} {clean_line(room.name)}",
                str(room.count),
                " ".join([*(f"({rule})" for rule in rules(room)), clean_line(room.topic)]),
            )
            for room in rooms
        ]
        return table(("  room", "people", "topic"), rows)

    def _devices(self, devices: Iterable[DeviceInfo]) -> list[str]:
        rows = [
            (
                f"{'*' if device.current else ' '} {device.id}",
                clean_line(device.client),
                self.clock(device.created),
                "now" if device.current else self.clock(device.seen),
            )
            for device in devices
        ]
        return table(("  number", "program", "first here", "last here"), rows)

    def _bans(self, event: events.BanList) -> list[str]:
        if not event.bans:
            return [f"Nobody is banned from {clean_line(event.room)}."]
        rows = [
            (
                clean_line(ban.name or ban.network or ""),
                self.clock(ban.until) if ban.until else "for good",
                clean_line(ban.by),
                clean_line(ban.reason),
            )
            for ban in event.bans
        ]
        return table(("banned", "until", "by", "why"), rows)

    def _people(self, event: events.People) -> list[str]:
        count = _people(len(event.people)) if event.people else "nobody"
        return [f"{clean_line(event.room)}: {count}", *(people_table(event.people, self.clock) if event.people else [])]

    def clock(self, time: str) -> str:
        """A time of the server's, in the reader's zone; empty for an invalid one."""
        moment = _parse(time, self._zone)
        return "" if moment is None else self._shown(moment)

    # ---- how it looks --------------------------------------------------------------------------

    def _time(self, sent: str | None, time: str) -> str:
        moment = (None if sent is None else _parse(sent, self._zone)) or _parse(time, self._zone)
        return "--:--" if moment is None else self._shown(moment)

    def _shown(self, moment: datetime) -> str:
        today = self._now().astimezone(self._zone).date()
        clock = clean_line(moment.strftime(self.time_format))
        return clock if moment.date() == today else f"{moment:%Y-%m-%d} {clock}"

    def _label(self, event: events.PersonEvent) -> str:
        return self._place.label(event.sender, event.sender_id)

    def _called(self, person: AccountRef) -> str:
        """The name that a person has now."""
        return self._place.accounts.name_of(person.account, person.name)

    def _nick(self, event: events.PersonEvent) -> str:
        """The sender of an event, in the colour of their account."""
        colour = NICK_COLOURS[self._place.accounts.colour(event.sender, event.sender_id) % len(NICK_COLOURS)]
        return self._paint(self._label(event), f"1;{colour}" if self._place.is_own(event) else str(colour))

    def _dim(self, text: str) -> str:
        return self._paint(text, DIM)

    def _strong(self, text: str) -> str:
        return self._paint(text, BOLD)

    def _paint(self, text: str, style: str) -> str:
        return styled(text, style) if self.colour else text


def _body(message: events.Message) -> list[str]:
    """The text of a message and a row for each of its files, as lines; at least one."""
    if message.deleted:
        return ["(deleted)"]
    caption = clean(caption_of(message))
    lines = caption.split("\n") if caption or not message.files else []
    if message.edited:
        lines = [*lines[:-1], f"{lines[-1]} (edited)"] if lines else []
    return [*lines, *map(file_row, message.files)]


def people_table(people: Iterable[events.PersonInfo], clock: Callable[[str], str]) -> list[str]:
    """The people in a room: since when they are there, their roles, and whether they are away and why."""
    rows = [(clean_line(person.name), clock(person.since), _state(person)) for person in people]
    return table(("name", "since", ""), rows)


def _state(person: events.PersonInfo) -> str:
    away = "" if person.away is None else "away" if person.away == "away" else f"away: {clean_line(person.away)}"
    return ", ".join(filter(None, (clean_line(person.role), away)))


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Rows under a head, each column as wide as its widest cell, in a terminal's columns."""
    cells = [head, *rows]
    wide = [max(text_width(row[at]) for row in cells) for at in range(len(head))]
    return [
        "  ".join(cell + " " * (wide[at] - text_width(cell)) for at, cell in enumerate(row)).rstrip() for row in cells
    ]


def _parse(time: str, zone: tzinfo | None) -> datetime | None:
    """Read a time and convert it to the reader's zone; ``None`` for an invalid one."""
    try:
        moment = datetime.fromisoformat(time)
        return None if moment.tzinfo is None else moment.astimezone(zone)
    except (ValueError, OverflowError, OSError):
        return None


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"


def _company(lobby: events.RoomInfo | RoomView | None) -> str:
    """Say how many people are here; empty if that is not known."""
    if lobby is None:
        return ""
    if lobby.count <= 1:
        return " Nobody else is here yet; you will be told when somebody comes."
    return f" {_people(lobby.count)} are here."


def _names(names: list[str]) -> str:
    shown = [clean_line(name) for name in names[:_NAMED]]
    more = len(names) - len(shown)
    if more:
        return f"{', '.join(shown)} and {more} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _excerpt(text: str) -> str:
    line = clean_line(text)
    return line if len(line) <= _EXCERPT else line[: _EXCERPT - 1].rstrip() + "…"
