"""The loaded stretch of a room's log, which grows at both ends. Pure.

Theory of operation. ``entries`` is sorted by ``seq``; entries without a number of their own (arrivals and departures,
notes of this program) carry the number of the event before them, and so stay behind it. The stretch has no holes: pages
are added above and below, and ``at_start`` and ``at_end`` tell whether the log goes on in each direction. It holds
:data:`MOST` entries; entries beyond that are dropped at the end that is not on the screen, and fetched again when
somebody scrolls there.

Edits, deletions and reactions change their message's entry in place. ``version`` of an entry grows with each change, so
that the layout knows when to lay it out again.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from sys import intern
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from trio_chat.client.known_accounts import AccountRef
from trio_chat.protocol import events
from trio_chat.protocol.files import caption_of, file_line, text_without_lines, with_file_lines
from trio_chat.protocol.parts import FileInfo
from trio_chat.protocol.text import clean, clean_line
from trio_chat.ui.model.ignored import reactions_of
from trio_chat.ui.model.place import Place
from trio_chat.ui.model.sentences import largest_file
from trio_chat.ui.preview.picture import Picture

MOST: Final = 20_000
"""Entries kept of a room: many screens of scrolling, and about ten megabytes."""
SLACK: Final = 2_000
"""Entries beyond :data:`MOST` after which the stretch is cut, so that cutting is rare."""

NOBODY: Final = AccountRef("")
"""The author of this program's notes."""

Kind: TypeAlias = Literal["text", "action", "topic", "rule", "people", "note", "error", "gap"]
DeliveryState: TypeAlias = Literal["", "pending", "sent", "delivered"]
SAID: Final = frozenset({"text", "action"})

_FRACTION: Final = re.compile(r"\.(\d{6})\d+")


class Entry(Struct, gc=False):
    """An event of the log that is shown, or a note of this program.

    ``time`` is the server's, in seconds since 1970. ``sender`` is a name of that time, ``account`` the number that goes
    with it (0: not known). ``text`` is harmless already, and has no lines for the ``files``. ``local`` numbers what the
    server has given no number (yet). ``came`` and ``left`` belong to kind ``people``. ``picture`` is the preview of a
    file, while it is on the screen.
    """

    seq: int
    time: float
    sender: str
    text: str
    kind: Kind = "text"
    delivery: DeliveryState = ""
    reply_to: int | None = None
    edited: bool = False
    deleted: bool = False
    reactions: dict[str, tuple[AccountRef, ...]] | None = None
    came: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    local: int = 0
    version: int = 0
    account: int = 0
    mentions: tuple[int, ...] | None = ()
    files: tuple[FileInfo, ...] = ()
    picture: Picture | None = None

    @property
    def excerpt(self) -> str:
        """The text and the names of the files in one line, for a place that shows the message shortly."""
        return " ".join(self.whole_text.split())

    @property
    def whole_text(self) -> str:
        """The text, and a line for each file."""
        return with_file_lines(self.text, self.files)

    @property
    def author(self) -> AccountRef:
        """The person who caused the event."""
        return AccountRef(self.sender, self.account)

    @property
    def said(self) -> bool:
        """Whether it is a message, to which one can reply or react."""
        return self.kind in SAID

    def change(self) -> None:
        """Note that the entry looks different now."""
        self.version += 1


def moment(time: str) -> float:
    """A time of the server's in seconds since 1970; 0 for an invalid one."""
    try:
        return datetime.fromisoformat(_FRACTION.sub(r".\1", time)).astimezone(UTC).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0


def entry_of(event: events.RoomEvent) -> Entry | None:
    """The entry for an event of the log; ``None`` for one that only changes a message."""
    match event:
        case events.Message():
            return _message(event)
        case events.TopicChanged():
            text = f"set the topic: {clean_line(event.text)}" if event.text else "cleared the topic"
            return _caused(event, text, "topic")
        case events.Moderated():
            return _caused(event, rule(event), "rule")
        case _:
            return None


def _caused(event: events.PersonEvent, text: str, kind: Kind) -> Entry:
    sender = intern(clean_line(event.sender))
    return Entry(event.seq, moment(event.time), sender, text, kind, account=event.sender_id)


def _message(event: events.Message) -> Entry:
    entry = _caused(event, clean(caption_of(event)), event.kind)
    entry.files = event.files
    if event.mentions:
        entry.mentions = event.mentions
    if event.reply_to is not None:
        entry.reply_to = event.reply_to
    if event.edited is not None:
        entry.edited = True
    if event.deleted:
        entry.deleted, entry.text, entry.files = True, "", ()
    if event.reactions:
        entry.reactions = {
            clean_line(mark): tuple(AccountRef(clean_line(one.name), one.account) for one in people)
            for mark, people in reactions_of(event).items()
        }
    return entry


def about(entry: Entry, place: Place, zone: tzinfo | None = None) -> list[str]:
    """All that is known of a message: its sender, its time to the second, its number, and the people who reacted,
    without those who are ignored."""
    when = datetime.fromtimestamp(entry.time, zone)
    lines = [f"sender    {place.label(*entry.author)}", f"time      {when:%Y-%m-%d %H:%M:%S}", f"number    {entry.seq}"]
    if entry.reply_to is not None:
        lines.append(f"reply to  {entry.reply_to}")
    if entry.edited or entry.deleted:
        lines.append(f"state     {'deleted' if entry.deleted else 'edited'}")
    if entry.delivery in {"sent", "delivered"}:
        lines.append(f"delivery  {'delivered' if entry.delivery == 'delivered' else 'stored by the server'}")
    lines += [f"file      {file_line(file)[7:]}, {file.kind}" for file in entry.files]
    lines += [f"  SHA-256 {file.sha256}" for file in entry.files]
    for mark, people in place.ignored.reactions(entry.reactions or {}).items():
        names = (clean_line(place.accounts.name_of(one.account, one.name)) for one in people)
        lines.append(f"{mark} from {', '.join(names)}")
    return lines


_LIFTED: Final = {
    "slow": "turned slow mode off",
    "keep": "set messages to be kept as long as the server keeps them",
}
"""The sentences for settings of a room that are off."""


def rule(event: events.Moderated) -> str:
    """Say what a moderator did, as the rest of a sentence that begins with their name."""
    target, value = clean_line(event.target or event.value), clean_line(event.value)
    if value == "off" and event.action in _LIFTED:
        return _LIFTED[event.action]
    did = {
        "kick": f"kicked {target}",
        "ban": f"banned {target}",
        "unban": f"lifted the ban of {target}",
        "mute": f"muted {target}",
        "unmute": f"unmuted {target}",
        "role": f"made {target} {value}",
        "private": "made the room private" if value == "on" else "made the room public",
        "announce_only": "let only moderators write" if value == "on" else "let everybody write",
        "slow": f"turned slow mode on: {value} seconds between two messages of a person",
        "keep": f"set messages to be kept for {value} days",
        "files": "turned files off" if value == "off" else "allowed files",
        "max_file": f"set how large a file may be: {largest_file(value)}",
    }.get(event.action, f"did {clean_line(event.action)} {target} {value}".rstrip())
    why = f" ({clean_line(event.reason)})" if event.reason else ""
    return did + why


class RoomLog:
    """The loaded stretch of one room's log."""

    def __init__(self, most: int = MOST) -> None:
        self.entries: list[Entry] = []
        self.at_start = False
        self.at_end = True
        self.revision = 0  # grows with each change but the adding of an event at the end
        self._most = most
        self._locals = 0
        self._low = self._high = 0  # where pages began and ended; an event that only changes a message has no entry

    def __repr__(self) -> str:
        return f"<RoomLog {len(self.entries)} entries{'' if self.at_end else ', more below'}>"

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def oldest(self) -> int:
        """The number of the oldest loaded event; 0 for none."""
        return next((entry.seq for entry in self.entries if not entry.local), 0)

    @property
    def newest(self) -> int:
        """The number of the newest loaded event; 0 for none."""
        return self.entries[-1].seq if self.entries else 0

    @property
    def before(self) -> int:
        """The number before which to fetch older events; 0 for the newest."""
        return self._low or self.oldest

    @property
    def after(self) -> int:
        """The number after which to fetch newer events."""
        return self._high or self.newest

    def holds(self, seq: int) -> bool:
        """Whether the event of this number is loaded, if there is one."""
        return (self.at_start or 0 < self.before <= seq) and (self.at_end or self.after >= seq)

    def gaps(self, after: int, last: int) -> list[tuple[int, int]]:
        """The events after one number and up to the room's last that are not loaded: stretches, each after its first
        number and up to its second."""
        low = 0 if self.at_start else self._low - 1 if self._low else last
        high = last if self.at_end else max(self.after, low)
        stretches = ((after, min(low, last)), (max(high, after), last))
        return [(begin, end) for begin, end in stretches if begin < end]

    # ---- finding -------------------------------------------------------------------------------

    def index(self, seq: int) -> int:
        """The index of the first entry of at least this number."""
        return bisect_left(self.entries, seq, key=_seq)

    def last_index(self, seq: int) -> int:
        """The index of the last entry of at most this number; -1 when there is none."""
        return bisect_right(self.entries, seq, key=_seq) - 1

    def find(self, seq: int) -> Entry | None:
        """The message of this number, if it is loaded."""
        at = self.index(seq)
        while at < len(self.entries) and self.entries[at].seq == seq:
            if self.entries[at].said:
                return self.entries[at]
            at += 1
        return None

    def first_said(self, after: int) -> Entry | None:
        """The first loaded message after this number."""
        return next((one for one in self.entries[self.last_index(after) + 1 :] if one.said and not one.local), None)

    # ---- what happens now ----------------------------------------------------------------------

    def take(self, event: events.RoomEvent) -> Entry | None:
        """Take a live event. Returns its entry, also where that is beyond the loaded stretch."""
        entry = entry_of(event)
        if not self._low and self.at_end:
            self._low = event.seq
        if entry is None:
            self.apply(event)
            return None
        if self.at_end and entry.seq > self.newest:
            self.entries.append(entry)
        return entry

    def apply(self, event: events.RoomEvent) -> Entry | None:
        """Apply an edit, a deletion or a reaction to its message's entry; returns that if it is loaded."""
        target = getattr(event, "target", None)
        entry = self.find(target) if isinstance(target, int) else None
        if entry is None:
            return None
        match event:
            case events.Edited() if not entry.deleted:
                if event.text:
                    text = text_without_lines(event.text, entry.files)
                    entry.text, entry.mentions = clean(text), event.mentions
                entry.edited = True
            case events.Deleted():
                entry.text, entry.deleted, entry.edited = "", True, False
                entry.reactions, entry.mentions, entry.files = None, (), ()
                entry.picture = None
            case events.Reacted():
                person = AccountRef(clean_line(event.sender), event.sender_id)
                _react(entry, clean_line(event.mark), person, on=event.on)
        entry.change()
        self.revision += 1
        return entry

    def people(self, came: Iterable[str], left: Iterable[str], time: float) -> None:
        """Show arrivals and departures, folded into one entry with those just before."""
        if not self.at_end:
            return
        last = self.entries[-1] if self.entries else None
        if last is None or last.kind != "people":
            last = self._add(Entry(self.newest, time, "", "", "people"))
        came, left = tuple(map(clean_line, came)), tuple(map(clean_line, left))
        gone_again = set(last.came) & set(left)
        back_again = set(last.left) & set(came)
        last.left = tuple(
            dict.fromkeys((*(n for n in last.left if n not in back_again), *(n for n in left if n not in gone_again)))
        )
        last.came = tuple(
            dict.fromkeys((*(n for n in last.came if n not in gone_again), *(n for n in came if n not in back_again)))
        )
        last.time = time
        last.change()
        if not (last.came or last.left):  # all who came went again: there is nothing to show
            self.entries.pop()
            self.revision += 1

    def tell(self, text: str, time: float, kind: Kind = "note", author: AccountRef = NOBODY) -> Entry:
        """Add a note of this program, or an own message that is not acknowledged yet."""
        return self._add(Entry(self.newest, time, author.name, text, kind, account=author.account))

    def _add(self, entry: Entry) -> Entry:
        self._locals += 1
        entry.local = self._locals
        self.entries.append(entry)
        return entry

    # ---- pages ---------------------------------------------------------------------------------

    def take_older(self, page: Sequence[events.RoomEvent], *, more: bool) -> int:
        """Add a page before the loaded stretch; returns the number of added entries."""
        told = next((at for at, entry in enumerate(self.entries) if not entry.local), len(self.entries))
        oldest = self.entries[told].seq if told < len(self.entries) else None
        new = [e for event in page if (e := entry_of(event)) is not None and (oldest is None or e.seq < oldest)]
        for entry in self.entries[:told] if new else ():  # notes from before the first page stay behind it
            entry.seq = new[-1].seq
        self.entries[:0] = new
        self.at_start = not more
        self._low = page[0].seq if page else self._low
        self.revision += 1
        return len(new)

    def take_newer(self, page: Sequence[events.RoomEvent], *, more: bool) -> int:
        """Add a page after the loaded stretch; returns the number of added entries."""
        newest = self.newest
        new = [e for event in page if (e := entry_of(event)) is not None and e.seq > newest]
        self.entries.extend(new)
        self.at_end = not more
        self._high = page[-1].seq if page else self._high
        self.revision += 1
        return len(new)

    def replace(self, page: Sequence[events.RoomEvent], *, more_before: bool, more_after: bool) -> None:
        """Load another stretch of the log."""
        self.entries = [e for event in page if (e := entry_of(event)) is not None]
        self.at_start, self.at_end = not more_before, not more_after
        self._low, self._high = (page[0].seq, page[-1].seq) if page else (0, 0)
        self.revision += 1

    def forget(self) -> None:
        """Forget all events: the server's history began anew."""
        self.entries = [entry for entry in self.entries if entry.local]
        for entry in self.entries:
            entry.seq = 0
        self._begin_at_newest()

    def leave_stretch(self) -> None:
        """Drop the loaded stretch, to be replaced by the newest events."""
        self.entries = []
        self._begin_at_newest()

    def _begin_at_newest(self) -> None:
        self.at_start, self.at_end, self._low, self._high = False, True, 0, 0
        self.revision += 1

    def trim(self, looked_at: int | None) -> None:
        """Keep the stretch within its bound: cut the end that is farther from the event looked at (``None``: the
        newest)."""
        excess = len(self.entries) - self._most
        if excess <= SLACK * self._most // MOST:
            return
        self.revision += 1
        if looked_at is None or self.index(looked_at) > len(self.entries) // 2:
            del self.entries[:excess]
            self.at_start, self._low = False, self.oldest
        else:
            del self.entries[-excess:]
            self.at_end, self._high = False, self.newest


def _seq(entry: Entry) -> int:
    return entry.seq


def _react(entry: Entry, mark: str, person: AccountRef, *, on: bool) -> None:
    reactions = dict(entry.reactions or {})
    others = tuple(one for one in reactions.get(mark, ()) if not one.is_same(person))
    reactions[mark] = (*others, person) if on else others
    entry.reactions = {one: people for one, people in reactions.items() if people} or None
