"""Events as lines of text, for line mode, pipes and ``tail``. Pure.

A message's time is its sender's own clock, shown in the reader's zone; the order is the server's. Whatever
came over the network goes through :func:`~trio_chat.protocol.text.clean` once more before it is part of a line,
so nobody has to trust a server.
"""

from __future__ import annotations

import re
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, tzinfo
from typing import Final

from trio_chat.client.events import Disconnected, Missed, Reconnected, RejoinRefused
from trio_chat.protocol import addressing, events
from trio_chat.protocol.codec import encode
from trio_chat.protocol.text import clean, clean_line
from trio_chat.ui.actions import Note
from trio_chat.ui.graphemes import text_width
from trio_chat.ui.place import Place

_NAMED: Final = 4  # people named in one line about who came; the others are counted
_WAITING: Final = 100  # direct messages of one's own remembered until somebody's device says they arrived
_EXCERPT: Final = 40  # characters of a message that say which one is meant
_OFTEN: Final = 4  # tries to connect again that are made within a few seconds
_INDENT: Final = "    "
_NICK_COLOURS: Final = (32, 33, 34, 35, 36, 92, 93, 94, 95, 96)  # SGR (ECMA-48, 8.3.117); red is for errors
_RESET: Final = "\x1b[0m"
_JSON_UNSAFE: Final = re.compile(
    "[\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)


def as_json(event: events.Event) -> str:
    r"""One event in one line, just as JSON; what a terminal would act on is written as ``\uXXXX``."""
    return _JSON_UNSAFE.sub(_escaped, encode(event).decode())


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be")  # JSON escapes are UTF-16 (RFC 8259, section 7)
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


class Teller:
    """Tells events as lines.

    ``place`` says who the reader is and where; it must have taken the event already. ``now`` is a clock
    with a zone; ``zone`` the reader's (``None`` for the machine's); ``time_format`` is in strftime's letters.
    ``symbols`` tells that arrows and check marks can be shown.
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
        self._time_format = time_format
        self._colour = colour
        self._arrow, self._check = ("→", "✓") if symbols else ("->", "ok:")
        self._sent: OrderedDict[tuple[str, int], str] = OrderedDict()

    def tell(self, event: events.Event) -> list[str]:
        """The lines for one event; none for what a reader of lines need not see."""
        match event:
            case events.Message():
                return self._message(event)
            case events.TopicChanged():
                return self._topic(event)
            case events.Error():
                return self._error(event.message, event.advice)
            case events.RoomList():
                return self._rooms(event.rooms)
            case events.People():
                return self._people(event)
            case events.Welcome(motd=motd):
                return [self._dim(f"-- {line}") for line in (self._welcome(event), *clean(motd).split("\n")) if line]
            case Note():
                return [("  " if line.startswith("  ") else "") + clean_line(line) for line in event.lines]
            case _:
                sentence = self._notice(event)
                return [self._dim(f"-- {sentence}")] if sentence else []

    def rings(self, event: events.Event) -> bool:
        """Whether the reader should be called: somebody else's message to them, or one that names them."""
        if not isinstance(event, events.Message) or event.sender == self._place.me:
            return False
        return event.room.startswith("@") or self._names_me(event.text)

    # ---- what is said --------------------------------------------------------------------------

    def _message(self, event: events.Message) -> list[str]:
        sender, text = clean_line(event.sender), clean(event.text)
        time = self._time(event.sent, event.time)
        if event.room.startswith("@"):
            others = (clean_line(n) for n in self._place.members(event.room) if n.casefold() != event.sender.casefold())
            who = f"{self._nick(sender)} {self._arrow} {', '.join(others) or clean_line(self._place.me)} (private)"
            if event.sender == self._place.me:
                self._remember(event)
        else:
            who = f"{clean_line(event.room)} {'* ' if event.kind == 'action' else ''}{self._nick(sender)}"
        first, *rest = text.split("\n")
        colon = "" if event.kind == "action" and not event.room.startswith("@") else ":"
        if event.kind == "action" and colon:
            first = f"* {sender} {first}"
        mark = self._strong if self.rings(event) and self._names_me(text) else str
        return [f"[{time}] {who}{colon} {mark(first)}", *(_INDENT + mark(line) for line in rest)]

    def _topic(self, event: events.TopicChanged) -> list[str]:
        did = f"set the topic: {clean_line(event.text)}" if event.text else "took the topic away"
        return [self._dim(f"-- {clean_line(event.sender)} {did} ({clean_line(event.room)})")]

    def _remember(self, event: events.Message) -> None:
        self._sent[event.room, event.seq] = _excerpt(event.text)
        if len(self._sent) > _WAITING:
            self._sent.popitem(last=False)

    # ---- what happened -------------------------------------------------------------------------

    def _notice(self, event: events.Event) -> str:
        match event:
            case events.Presence():
                return self._presence(event)
            case events.Room():
                return self._entered(event.room)
            case events.Left():
                return f"You have left {clean_line(event.room)}." if event.room.startswith("#") else ""
            case events.Renamed():
                who = "You are" if event.new == self._place.me else f"{clean_line(event.old)} is"
                return f"{who} {clean_line(event.new)} now."
            case events.AwayChanged():
                return self._away(event)
            case events.Delivered():
                excerpt = self._sent.get((event.room, event.seq))
                what = f": {excerpt}" if excerpt is not None else ""
                return f"{self._check} {clean_line(event.by)} has your message{what}"
            case _:
                return self._connection(event)

    def _welcome(self, event: events.Welcome) -> str:
        lobby = next((room for room in event.rooms if room.name == event.lobby), None)
        return f"You are {clean_line(event.name)}.{_company(lobby)}"

    def _presence(self, event: events.Presence) -> str:
        where = "" if event.room == self._place.lobby else f" in {clean_line(event.room)}"
        came = [name for name in event.joined if name != self._place.me]
        left = [name for name in event.left if name != self._place.me]
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
        return f"You are in {clean_line(room.name)} ({alone if room.count <= 1 else _people(room.count)}).{topic}"

    def _away(self, event: events.AwayChanged) -> str:
        who = "You are" if event.name == self._place.me else f"{clean_line(event.name)} is"
        if event.text is None:
            return f"{who} back."
        why = clean_line(event.text)
        return f"{who} away." if why in {"", "away"} else f"{who} away: {why}"

    def _closing(self, event: events.Closing) -> str:
        if event.retry is not None:
            return ""  # Disconnected follows, with the reason and with when the next try really is
        return f"{clean_line(event.message)} {clean_line(event.advice)}".rstrip()

    def _connection(self, event: events.Event) -> str:
        """What there is to tell about the connection itself."""
        match event:
            case events.Closing():
                return self._closing(event)
            case Disconnected(attempt=attempt) if attempt and (attempt < _OFTEN or attempt & (attempt - 1)):
                return ""  # of many tries only the 4th, 8th, 16th, ... is told
            case Disconnected(reason=reason, retry_in=retry, attempt=attempt):
                what = "Still no connection: " if attempt else ""  # how it went, the reason says by itself
                return f"{what}{clean_line(reason).rstrip('.')}. Next try in {_seconds(retry)}."
            case Reconnected(anew=anew):
                history = " The server's history began anew." if anew else ""
                return f"Connected again.{history}{_company(self._place.rooms.get(self._place.lobby))}"
            case Missed(room=room, count=count):
                return f"{count} older messages in {clean_line(room)} are no longer kept."
            case RejoinRefused(room=room, message=message, advice=advice):
                return f"You are no longer in {clean_line(room)}. {clean_line(message)} {clean_line(advice)}".rstrip()
            case _:
                return ""

    def _error(self, message: str, advice: str) -> list[str]:
        text = f"! {clean_line(message)} {clean_line(advice)}".rstrip()
        return [self._paint(text, "31")]

    # ---- tables --------------------------------------------------------------------------------

    def _rooms(self, rooms: Iterable[events.RoomLine]) -> list[str]:
        rows = [
            (f"{'*' if room.joined else ' '} {clean_line(room.name)}", str(room.count), clean_line(room.topic))
            for room in rooms
        ]
        return table(("  room", "people", "topic"), rows)

    def _people(self, event: events.People) -> list[str]:
        count = _people(len(event.people))
        return [f"{clean_line(event.room)}: {count}", *people_table(event.people, self.clock)]

    def clock(self, time: str) -> str:
        """A time of the server's, in the reader's zone; empty where it is none."""
        moment = _parse(time, self._zone)
        return "" if moment is None else self._shown(moment)

    # ---- how it looks --------------------------------------------------------------------------

    def _time(self, sent: str | None, time: str) -> str:
        moment = (None if sent is None else _parse(sent, self._zone)) or _parse(time, self._zone)
        return "--:--" if moment is None else self._shown(moment)

    def _shown(self, moment: datetime) -> str:
        today = self._now().astimezone(self._zone).date()
        clock = clean_line(moment.strftime(self._time_format))
        return clock if moment.date() == today else f"{moment:%Y-%m-%d} {clock}"

    def _names_me(self, text: str) -> bool:
        me = self._place.me.casefold()
        return any(name.casefold() == me for _, _, name in addressing.mentions(text))

    def _nick(self, name: str) -> str:
        colour = _NICK_COLOURS[zlib.crc32(name.casefold().encode()) % len(_NICK_COLOURS)]
        return self._paint(name, f"1;{colour}" if name == self._place.me else str(colour))

    def _dim(self, text: str) -> str:
        return self._paint(text, "2")

    def _strong(self, text: str) -> str:
        return self._paint(text, "1")

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}{_RESET}" if self._colour else text


def people_table(people: Iterable[events.PersonInfo], clock: Callable[[str], str]) -> list[str]:
    """Who is there, since when, and who of them is away and why."""
    rows = [
        (
            clean_line(person.name),
            clock(person.since),
            "" if person.away is None else f"away: {clean_line(person.away)}" if person.away != "away" else "away",
        )
        for person in people
    ]
    return table(("name", "since", ""), rows)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Rows under a head, each column as wide as its widest cell, in a terminal's columns."""
    cells = [head, *rows]
    wide = [max(text_width(row[at]) for row in cells) for at in range(len(head))]
    return [
        "  ".join(cell + " " * (wide[at] - text_width(cell)) for at, cell in enumerate(row)).rstrip() for row in cells
    ]


def _parse(time: str, zone: tzinfo | None) -> datetime | None:
    """A time with a zone, in the reader's; ``None`` for what is none, or has no place in a calendar."""
    try:
        moment = datetime.fromisoformat(time)
        return None if moment.tzinfo is None else moment.astimezone(zone)
    except (ValueError, OverflowError, OSError):
        return None


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"


def _company(lobby: events.RoomInfo | None) -> str:
    """Who is here besides the reader, as a sentence; empty where that is not known."""
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


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds >= 10 else f"{seconds:.1f} seconds"  # noqa: PLR2004 - tenths matter below


def _excerpt(text: str) -> str:
    line = clean_line(text)
    return line if len(line) <= _EXCERPT else line[: _EXCERPT - 1].rstrip() + "…"
