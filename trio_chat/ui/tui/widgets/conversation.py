"""The layout of the conversation: from the loaded part of a room's log to the rows on the screen. Pure.

Theory of operation. Rows are made from the bottom upwards, and only for the visible part. The lines over an entry (the
date, "new", the name unless the entry before is by the same person) depend on the entry before it. So the rows of an
entry are made with its predecessor, and cached until the entry, the predecessor or the width changes. The scroll
position is the number of a line and a number of rows below it: entries that arrive above or below do not move it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Final, NamedTuple

from trio_chat.client.known_accounts import AccountRef, KnownAccounts, is_mentioned
from trio_chat.protocol.files import size_words
from trio_chat.protocol.text import clean_line
from trio_chat.protocol.word_borders import WordFinder
from trio_chat.ui.model.ignored import Ignored
from trio_chat.ui.model.place import Place
from trio_chat.ui.model.shown_files import kind_words
from trio_chat.ui.model.transfers import short_name
from trio_chat.ui.preview.half_blocks import ColourDepth
from trio_chat.ui.terminal.graphemes import text_width
from trio_chat.ui.terminal.layout import CODE_BAR, Row, Span, clip, markup, wrap
from trio_chat.ui.tui.model.log import Entry
from trio_chat.ui.tui.model.room import RoomModel
from trio_chat.ui.tui.model.themes import NICKS
from trio_chat.ui.tui.widgets.pictures import picture_rows, read_pixel_style

_CACHED: Final = 3000  # entries whose rows are cached: some pages around the visible part
_TOGETHER: Final = 300.0  # seconds between two messages of one person that share one name
_NAMED: Final = 6  # people named in a line about arrivals
_WIDE, _NARROW = 60, 36  # columns from which names have their own column, and below which times are hidden
_EXCERPT: Final = 60
_FILE: Final = "↓ "
_LEAST_NAME: Final = 16  # columns of a file's name that are shown before its kind and size are
_MARKS: Final = {"pending": " …", "sent": " ✓", "delivered": " ✓✓"}


@dataclass(frozen=True, slots=True)
class ConversationStyle:
    """How entries are shown. ``place`` knows the reader, the people whom they ignore, and whether messages show their
    number. ``words`` finds the words that are highlighted like a mention. ``depth`` are the terminal's colours, for
    pictures."""

    place: Place = field(default_factory=Place)
    time_format: str = "%H:%M"
    zone: tzinfo | None = None
    words: WordFinder | None = None
    depth: ColourDepth = "256"

    def is_own(self, person: AccountRef) -> bool:
        """Whether a person is the reader."""
        return self.place.accounts.is_own(*person)

    def nick(self, person: AccountRef) -> str:
        """The style of a person's name."""
        return nick_style(person, self.place.accounts)


class RowOwner(NamedTuple):
    """The entry that a row on the screen belongs to; ``said`` tells whether it is a message."""

    seq: int
    said: bool


class _Head(NamedTuple):
    """The part before a message. ``together``: it shares the name of the message before; ``again``: it shows the time
    all the same, because the minute is another; ``digits``: the width of its number, 0 when numbers are hidden."""

    together: bool
    again: bool
    digits: int


@dataclass(slots=True)
class View:
    """The visible part of a conversation: rows from the top, their owners, and whether more of the log is needed."""

    rows: list[Row] = field(default_factory=list)
    places: list[RowOwner | None] = field(default_factory=list)
    wants_older: bool = False
    wants_newer: bool = False
    below: int = 0


class ConversationLayout:
    """Lays out conversations, and caches the rows of their entries."""

    def __init__(self) -> None:
        self._cache: dict[tuple[str, int, int, str], tuple[tuple[object, ...], list[Row]]] = {}

    def __repr__(self) -> str:
        return f"<ConversationLayout with {len(self._cache)} entries laid out>"

    # ---- one entry -----------------------------------------------------------------------------

    def block(self, room: RoomModel, at: int, columns: int, look: ConversationStyle) -> list[Row]:
        """The rows of an entry; indexes beyond the log are messages that are not acknowledged yet."""
        entry = _item(room, at)
        if is_hidden(entry, look.place.ignored):
            return []
        before = _shown_before(room, at, look)
        day = (
            _day(entry.time, look.zone)
            if before is None or _day(entry.time, look.zone) != _day(before.time, look.zone)
            else ""
        )
        new = _first_new(room, entry, before)
        together = not day and not new and before is not None and _together(before, entry)
        origin = room.log.find(entry.reply_to) if entry.reply_to is not None else None
        again = together and before is not None and int(before.time // 60) != int(entry.time // 60)
        digits = len(str(max(room.last, room.log.newest))) if look.place.numbered else 0
        head = _Head(together, again, digits)
        state = (
            entry.version,
            entry.time,
            look.place.label(*entry.author),
            look.nick(entry.author),
            head,
            columns,
            look.place.me,
            day,
            new,
            entry.delivery,
            origin and (origin.version, origin.text, look.place.label(*origin.author)),
            look.place.ignored.version,
        )
        key = (room.name, entry.seq, entry.local, entry.kind)
        known = self._cache.get(key)
        if known is not None and known[0] == state:
            return known[1]
        rows: list[Row] = []
        if day:
            rows.append(_rule(_short_day(day, columns), "date", columns))
        if new:
            rows.append(_rule("new", "new", columns))
        rows.extend(_entry(entry, origin, columns, look, head))
        if len(self._cache) >= _CACHED:
            self._cache.clear()
        self._cache[key] = state, rows
        return rows

    # ---- the visible part ----------------------------------------------------------------------

    def view(self, room: RoomModel, columns: int, height: int, look: ConversationStyle) -> View:
        """The visible part in a window of this size."""
        view = View()
        at, hidden = self._bottom(room, columns, look)
        view.wants_newer = not room.log.at_end and at > len(room.log) - height
        view.below = max(0, len(room.log) - 1 - at) if room.bottom is not None else 0
        rows: list[Row] = []
        places: list[RowOwner | None] = []
        while at >= 0 and len(rows) < height:
            entry = _item(room, at)
            block = self.block(room, at, columns, look)
            selected = entry.said and entry.seq == room.selected and not entry.local
            for row in reversed(block[: len(block) - hidden] if hidden else block):
                rows.append(_highlight(row) if selected else row)
                places.append(RowOwner(entry.seq, entry.said and not entry.local))
            hidden = 0
            at -= 1
        view.wants_older = not room.log.at_start and at < height
        if at < 0 and len(rows) < height and room.bottom is not None:
            room.bottom = None
            if self._fill_from_top(room, columns, height, look):
                return self.view(room, columns, height, look)
        missing = max(0, height - len(rows))
        view.rows = [[Span("", "")] for _ in range(missing)] + rows[height - 1 :: -1][: height - missing]
        empty: list[RowOwner | None] = [None] * missing
        view.places = empty + places[height - 1 :: -1][: height - missing]
        return view

    def _fill_from_top(self, room: RoomModel, columns: int, height: int, look: ConversationStyle) -> bool:
        """Put the first entry at the top; tell whether that differs from following the newest."""
        used = 0
        for at in range(_count(room)):
            used += len(self.block(room, at, columns, look))
            if used >= height:
                self._anchor(room, at, used - height, columns, look)
                return room.bottom is not None
        return False

    def _bottom(self, room: RoomModel, columns: int, look: ConversationStyle) -> tuple[int, int]:
        """The index of the lowest visible entry, and the number of its rows that are hidden below."""
        if room.bottom is None:
            return _count(room) - 1, 0
        seq, hidden = room.bottom
        at = max(room.log.last_index(seq), 0)
        while at > 0 and hidden >= (rows := len(self.block(room, at, columns, look))):
            hidden -= rows
            at -= 1
        return at, min(hidden, max(len(self.block(room, at, columns, look)) - 1, 0)) if len(room.log) else 0

    def _anchor(self, room: RoomModel, at: int, hidden: int, columns: int, look: ConversationStyle) -> None:
        """Make this the lowest visible entry; at the very end, follow the newest."""
        last = len(room.log) - 1
        while hidden <= 0 and at < last and not self.block(room, at + 1, columns, look):
            at += 1  # the entry after it is hidden
        if at > last or (at == last and hidden <= 0 and room.log.at_end):
            room.bottom = None
            return
        seq = room.log.entries[at].seq
        for later in range(at + 1, room.log.last_index(seq) + 1):
            hidden += len(self.block(room, later, columns, look))
        room.bottom = seq, hidden

    def scroll(self, room: RoomModel, rows: int, columns: int, look: ConversationStyle) -> None:
        """Scroll back by this many rows; a negative number scrolls forward."""
        if not len(room.log):
            return
        at, hidden = self._bottom(room, columns, look)
        at = min(at, len(room.log) - 1)
        hidden += rows
        while at > 0 and hidden >= (height := len(self.block(room, at, columns, look))):
            hidden -= height
            at -= 1
        while hidden < 0:
            at += 1
            if at >= len(room.log):
                break
            hidden += len(self.block(room, at, columns, look))
        self._anchor(room, at, hidden, columns, look)

    def reveal(self, room: RoomModel, seq: int, columns: int, height: int, look: ConversationStyle) -> None:
        """Scroll so that an entry is visible; one that was not visible comes to the middle."""
        if any(
            place is not None and place.seq == seq and place.said
            for place in self.view(room, columns, height, look).places
        ):
            return
        at = room.log.index(seq)
        used = 0
        for below in range(at, _count(room)):
            used += len(self.block(room, below, columns, look))
            if used >= height // 2:
                self._anchor(room, below, max(used - height // 2 - 1, 0) if below > at else 0, columns, look)
                return
        room.bottom = None


# ---- the rows of one entry ----------------------------------------------------------------------


def _item(room: RoomModel, at: int) -> Entry:
    entries = room.log.entries
    return entries[at] if at < len(entries) else room.pending[at - len(entries)]


def is_hidden(entry: Entry, ignored: Ignored) -> bool:
    """Whether an entry is a message of an ignored person."""
    return entry.said and not entry.local and ignored.covers(*entry.author)


def _shown_before(room: RoomModel, at: int, look: ConversationStyle) -> Entry | None:
    """The visible entry before this index."""
    return next((one for n in range(at - 1, -1, -1) if not is_hidden(one := _item(room, n), look.place.ignored)), None)


def _count(room: RoomModel) -> int:
    return len(room.log.entries) + (len(room.pending) if room.log.at_end else 0)


def _day(time: float, zone: tzinfo | None) -> str:
    when = datetime.fromtimestamp(time, zone)
    return f"{when:%A}, {when.day} {when:%B %Y}"


def _short_day(day: str, columns: int) -> str:
    """A day, without its weekday when the row is too narrow."""
    return day if text_width(day) + 4 <= columns else day.partition(", ")[2]  # a space and a line on each side


def _first_new(room: RoomModel, entry: Entry, before: Entry | None) -> bool:
    since = room.new_since
    return since is not None and entry.seq > since and not entry.local and (before is None or before.seq <= since)


def _together(before: Entry, entry: Entry) -> bool:
    return (
        before.kind == entry.kind == "text"
        and before.sender == entry.sender
        and before.author.is_same(entry.author)
        and 0 <= entry.time - before.time < _TOGETHER
        and entry.reply_to is None
    )


def _rule(text: str, style: str, columns: int) -> Row:
    label = f" {clip(text, max(columns - 4, 1))} "
    side = max((columns - text_width(label)) // 2, 0)
    return [Span(style, "─" * side + label + "─" * max(columns - side - text_width(label), 0))]


def nick_style(person: AccountRef, accounts: KnownAccounts) -> str:
    """The style of a person's name; it stays the same when the name changes."""
    return "me" if accounts.is_own(*person) else f"nick{accounts.colour(*person) % NICKS}"


def _entry(entry: Entry, origin: Entry | None, columns: int, look: ConversationStyle, head: _Head) -> Iterator[Row]:
    if entry.kind == "people":
        yield from wrap([Span("dim", _people(entry))], columns)
    elif entry.kind in {"note", "gap"}:
        yield from _told("note", "─ ", entry.text, columns)
    elif entry.kind == "error":
        yield from _told("error", "! ", entry.text, columns)
    elif entry.kind in {"topic", "rule"}:
        did = [Span(look.nick(entry.author), look.place.label(*entry.author)), Span("dim", f" {entry.text}")]
        yield from _hang(Span("dim", "─ "), did, columns)
    else:
        yield from _said(entry, origin, columns, look, head)


def _told(style: str, bullet: str, text: str, columns: int) -> Iterator[Row]:
    """A note or error of this program; several lines, such as a table, share one bullet."""
    for at, line in enumerate(text.split("\n")):
        yield from _hang(Span(style, bullet if at == 0 else " " * len(bullet)), [Span(style, line)], columns)


def _said(entry: Entry, origin: Entry | None, columns: int, look: ConversationStyle, shape: _Head) -> Iterator[Row]:
    head, indent = _head(entry, columns, look, shape)
    if entry.reply_to is not None:
        who = f"{look.place.label(*origin.author)}: " if origin is not None else ""
        what = origin.excerpt[: _EXCERPT * 2] if origin is not None else "an earlier message"
        if origin is not None and origin.deleted:
            what = "(deleted)"
        if origin is not None and is_hidden(origin, look.place.ignored):
            who, what = "", "a message of a person you ignore"
        yield [Span("", " " * indent), Span("reply", clip(f"┌ {who}{what}", min(_EXCERPT, max(columns - indent, 1))))]
    used = max(sum(text_width(span.text) for span in head), indent)
    files = [("", row) for row in file_rows(entry, columns - indent, columns - used)]
    body = list(_body(entry, look)) if entry.text or not files else []
    yield from _hang_spans(head, indent, [*body, *files], columns)
    if entry.picture is not None:
        yield from picture_rows(entry.picture, indent, columns, look.depth)
    if reactions := look.place.ignored.reactions(entry.reactions or {}):
        row: Row = []
        for mark, people in reactions.items():
            style = "reaction bold" if any(map(look.is_own, people)) else "reaction"
            row += [Span(style, f" {mark} {len(people)} "), Span("", " ")]
        for line in wrap(row, max(columns - indent, 4)):
            yield [Span("", " " * indent), *line]


def _head(entry: Entry, columns: int, look: ConversationStyle, shape: _Head) -> tuple[Row, int]:
    """The part before the first row of a message, and the indent of its other rows."""
    time = datetime.fromtimestamp(entry.time, look.zone).strftime(look.time_format)
    style, label = look.nick(entry.author), look.place.label(*entry.author)
    action = entry.kind == "action"
    number = _number(entry, shape.digits)
    if columns >= _WIDE:
        wide = 16 if columns >= 2 * _WIDE else 12
        indent = text_width(time) + text_width(number) + wide + 3
        shown = time if not shape.together or shape.again else " " * text_width(time)
        if shape.together:
            return [Span("time", shown + number), Span("", " " * (wide + 3))], indent
        # the name of today does not fit in the column, and stands out of it
        name = "*" if action else clip(label, wide if label == entry.sender else columns // 2)
        before = " " * max(wide - text_width(name), 0)
        return [Span("time", shown + number), Span(style, f" {before}{name}"), Span("", "  ")], indent
    stamp = f"{time} " if columns >= _NARROW else ""
    indent = text_width(stamp) or 1
    number = f"{number.strip()} " if number else ""
    if shape.together:
        return [Span("", " " * indent), Span("time", number)], indent
    named = Span(style, "* ") if action else Span(style, clip(label, max(columns // 2, 4)))
    return [Span("time", stamp + number), named, Span("", "" if action else ": ")], indent


def _number(entry: Entry, digits: int) -> str:
    """The number of a message, for commands; blank until the server has given it one."""
    if not digits:
        return ""
    return f" {'' if entry.local else f'#{entry.seq}':>{digits + 1}}"


def _body(entry: Entry, look: ConversationStyle) -> Iterator[tuple[str, Row]]:
    if entry.deleted:
        yield "", [Span("dim italic", "(deleted)")]
        return
    base = "dim" if entry.delivery == "pending" else ""
    if entry.kind == "action":
        first = [Span(look.nick(entry.author), look.place.label(*entry.author)), Span("", " ")]
        rest = [row for _, row in markup(entry.text, "action", _mentioned(entry, look))]
        yield "", [*first, *rest[0], *_tail(entry)]
        yield from (("", row) for row in rest[1:])
        return
    rows = list(markup(entry.text, base, _mentioned(entry, look))) or [("", [])]
    if look.words is not None and not look.is_own(entry.author):
        rows = [(bar, list(_with_words(row, look.words))) for bar, row in rows]
    for at, (bar, row) in enumerate(rows):
        yield bar, [*row, *_tail(entry)] if at == len(rows) - 1 else row


def file_rows(entry: Entry, columns: int, first: int) -> Iterator[Row]:
    """A row for each file of a message: its name, size and kind, as far as there is space. ``first`` are the columns of
    the first row, where no text is before it."""
    for at, file in enumerate(entry.files):
        space = columns if at or entry.text else first
        name, size, kind = clean_line(file.name), size_words(file.size), kind_words(file)
        short = kind.partition(",")[0]  # an image without its width and height
        tail: Row = _tail(entry) if at == len(entry.files) - 1 and not entry.text else []
        space -= sum(text_width(span.text) for span in tail) + text_width(_FILE)
        for rest in (f"  {size}  {kind}", f"  {size}  {short}", f"  {size}", ""):
            if text_width(rest) + min(text_width(name), _LEAST_NAME) <= space or not rest:
                shown = short_name(name, max(space - text_width(rest), 1))
                yield [Span("dim", _FILE), Span("bold", shown), Span("dim", rest), *tail]
                break


def _mentioned(entry: Entry, look: ConversationStyle) -> str:
    """The own name, to be highlighted, when the message mentions the reader; empty when it meant another person."""
    return look.place.me if is_mentioned(entry.text, entry.mentions, look.place.accounts) else ""


def _with_words(row: Row, words: WordFinder) -> Iterator[Span]:
    """The spans of a row, with the person's words highlighted like a mention."""
    for span in row:
        at = 0
        for start, end in words.find(span.text):
            if start > at:
                yield Span(span.style, span.text[at:start], span.link)
            yield Span(f"{span.style} mention.me".strip(), span.text[start:end], span.link)
            at = end
        yield Span(span.style, span.text[at:], span.link)


def _tail(entry: Entry) -> Row:
    tail: Row = []
    if entry.edited:
        tail.append(Span("dim", " (edited)"))
    if entry.delivery:
        tail.append(Span("mark", _MARKS[entry.delivery]))
    return tail


def _hang_spans(head: Row, indent: int, paragraphs: list[tuple[str, Row]], columns: int) -> Iterator[Row]:
    """Paragraphs after a head; all rows but the first are indented."""
    first = True
    used = sum(text_width(span.text) for span in head)
    for bar, spans in paragraphs:
        if bar:
            room = max(columns - indent - text_width(bar), 4)
            for row in wrap(spans, room, first=max(used - indent, 0) if first else 0, words=bar != CODE_BAR):
                yield [*(head if first else [Span("", " " * indent)]), Span("dim", bar), *row]
                first = False
            continue
        rows = wrap(spans, max(columns - indent, 4), first=max(used - indent, 0) if first else 0)
        for row in rows:
            yield [*(head if first else [Span("", " " * indent)]), *row]
            first = False


def _hang(bullet: Span, spans: Row, columns: int) -> Iterator[Row]:
    """A paragraph after a bullet; all rows but the first are indented."""
    wide = text_width(bullet.text)
    for at, row in enumerate(wrap(spans, max(columns - wide, 4))):
        yield [Span("", " " * wide) if at else bullet, *row]


def _people(entry: Entry) -> str:
    parts = []
    if entry.came:
        parts.append(f"→ {_names(entry.came)}")
    if entry.left:
        parts.append(f"← {_names(entry.left)}")
    return "  ".join(parts) or "→ ←"


def _names(names: tuple[str, ...]) -> str:
    if len(names) <= _NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"


def _highlight(row: Row) -> Row:
    return [
        span
        if read_pixel_style(span.style)  # the colours of a picture stay
        else Span(f"{span.style} selected" if span.style else "selected", span.text, span.link)
        for span in row
    ]


def plain_text(row: Row) -> str:
    """The text of a row."""
    return "".join(span.text for span in row).rstrip()
