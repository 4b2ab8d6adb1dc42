"""The topic above the conversation, the status below it, and the input, as rows. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from trio_chat.protocol.file_kinds import is_image
from trio_chat.protocol.text import clean_line
from trio_chat.ui.model.transfers import status_forms
from trio_chat.ui.terminal.graphemes import clusters, shown_cluster, text_width, width
from trio_chat.ui.terminal.layout import Row, Span, clip, fit, inline
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.room import RoomModel

_WRITING: Final = 3  # people named as typing; more are "several people"
_TO: Final = "→ "
_SLOW: Final = 1.0  # seconds of latency from which the status line is coloured


def topic_row(model: ChatModel, columns: int) -> Row:
    """The name, the number of people and the topic of the room."""
    room = model.room
    name = ("" if not room.direct else "@") + model.label(room)
    kind = " private" if room.direct else f" {room.facts.count}" if room.facts.count else ""
    reason = model.away.reason(model.me, model.place.accounts.own)
    away = "" if reason is None else f" ({reason})"
    right = f"{model.me}{away} "
    text = " ".join(clean_line(room.facts.topic).split())
    spans = [Span("topic bold", f" {name}"), Span("topic", kind + (" │ " if text else ""))]
    spans += [
        Span(f"topic {span.style}".rstrip() if span.link else "topic", span.text, span.link) for span in inline(text)
    ]
    room_for = columns - text_width(right)
    if room_for < columns // 2:
        return fit(spans, columns, "topic")
    return [*fit(spans, room_for, "topic"), Span("topic", right)]


class Part(NamedTuple):
    """A part of the status line, with its forms from the longest to the shortest. Parts with the lowest ``rank`` are
    shortened first."""

    rank: int
    forms: tuple[str, ...]


def status_row(model: ChatModel, columns: int, now: float, below: int) -> Row:
    """The connection, the unread messages, the people who are typing, and the messages that wait to be sent."""
    style, parts = _connection(model, now)
    waiting = sum(entry.delivery == "pending" for room in model.rooms.values() for entry in room.pending)
    if waiting and model.connection.state != "connected":
        parts.insert(1, Part(9, (f"{waiting} to send", f"{waiting} …")))
    parts[1:1] = [Part(7, forms) for forms in (status_forms(model.transfers, now),) if forms]
    loud = sum(room.mentions or (room.unread if room.direct else 0) for room in model.rooms.values())
    unread = sum(room.unread for room in model.rooms.values())
    if loud:
        parts.append(Part(6, (f"{loud} for you", "")))
    if unread:
        parts.append(Part(5, (f"{unread} unread", "")))
    if below:
        parts.append(Part(4, (f"↓ {below} below", f"↓ {below}")))
    elif not model.room.log.at_end:
        parts.append(Part(4, ("↓ newer below", "↓")))
    if model.room.fetching:
        parts.append(Part(1, ("loading …", "…", "")))
    if model.attention.quiet:
        parts.append(Part(3, ("do not disturb", "quiet")))
    if over := model.excess(model.typed_line):
        parts.insert(0, Part(9, (f"{over} over the limit of {model.most_text} characters", f"{over} too long")))
        style = "bar.warn" if style == "bar" else style
    if model.notice and now < model.notice_until:
        notice = clean_line(model.notice)  # where both do not fit, the countdown to the next try wins
        parts.append(Part(10, (notice,)) if model.connection.state == "connected" else Part(2, (notice, "")))
    if model.hint:
        parts.append(Part(0, (model.hint, "")))
    writing = _writing(model.room, now)
    left = join_parts(parts, columns - 1)
    if writing and text_width(left) + text_width(writing) + 4 > columns:
        left = join_parts([Part(2, (writing, "")), *parts], columns - 1)
        writing = ""
    gap = columns - text_width(left) - text_width(writing) - 2
    return fit([Span(style, f" {left}" + (" " * gap + writing if writing else ""))], columns, style)


def join_parts(parts: list[Part], columns: int) -> str:
    """The parts side by side, shortened until they fit, if they can."""
    forms = [list(part.forms) for part in parts]
    while True:
        text = " · ".join(filter(None, (form[0] for form in forms)))
        longer = [at for at, form in enumerate(forms) if len(form) > 1]
        if text_width(text) <= columns or not longer:
            return text
        del forms[min(longer, key=lambda at: parts[at].rank)][0]


def _connection(model: ChatModel, now: float) -> tuple[str, list[Part]]:
    state = model.connection
    if state.state == "connected":
        if state.missing and state.missing_at_first:
            done = 100 * (state.missing_at_first - state.missing) // state.missing_at_first
            short = f"catching up {done}%"
            return "bar", [Part(8, (f"{short} ({state.missing} to go)", short))]
        if state.latency is None:
            return "bar", [Part(0, ("connected", ""))]
        ping = f"{state.latency * 1000:.0f} ms"
        return "bar.warn" if state.latency > _SLOW else "bar", [Part(0, (f"connected {ping}", "connected", ""))]
    if state.state == "reconnecting":
        next_try = max(0, round(state.retry_at - now))
        since = _span(max(0, round(now - state.since)))
        when = f"next try in {next_try} s" if next_try else "trying now"
        forms = (f"no connection for {since}, {when}", f"no connection for {since}", f"offline {since}")
        return "bar.bad", [Part(8, forms), Part(0, (state.reason, ""))]
    if not state.reason:
        return "bar.warn", [Part(8, (f"{state.state} …",))]
    return "bar.warn", [Part(8, (f"{state.state}: {state.reason}", state.state))]


def _span(seconds: int) -> str:
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min {seconds % 60} s"  # noqa: PLR2004 - a minute


def _writing(room: RoomModel, now: float) -> str:
    names = room.writing(now)
    if not names:
        return ""
    if len(names) > _WRITING:
        return "several people are typing"
    verb = "is" if len(names) == 1 else "are"
    return f"{' and '.join([', '.join(names[:-1]), names[-1]] if len(names) > 1 else names)} {verb} typing"


# ---- the input ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entered:
    """The input as rows, with the row and column of the cursor."""

    rows: list[Row]
    row: int
    column: int


def prompt(model: ChatModel) -> tuple[Row, bool]:
    """The prompt: where the line goes, or what Enter does; and whether the server would refuse it."""
    room = model.room
    search = room.editor.search
    if search is not None:
        return [
            Span(
                "prompt" if search.found else "prompt.warn",
                f"{'search' if search.found else 'not found'} '{search.text}': ",
            )
        ], False
    if room.selected is not None:
        chosen = room.log.find(room.selected)
        if chosen is None or not chosen.files:
            return [Span("prompt", "r reply, + react, e edit, d delete, c copy, o origin, Esc back ")], False
        preview = "p preview, " if any(is_image(file.kind) for file in chosen.files) else ""
        return [Span("prompt", f"Enter save, O open, {preview}r reply, + react, d delete, c copy, Esc back ")], False
    if room.intent is not None:
        target = room.log.find(room.intent.seq)
        who = model.place.label(*target.author) if target is not None else "?"
        text = "edit" if room.intent.what == "edit" else f"↳ {who}"
        return [Span("prompt", f"{text}> ")], False
    line = model.typed_line
    where, refused = model.destination(line)
    offline = "" if model.connection.state == "connected" else " (offline)"
    style = "prompt.warn" if refused or offline or model.excess(line) else "prompt"
    return [Span(style, f"{_TO}{clean_line(where)}{offline}> ")], refused


def clip_prompt(label: str, columns: int) -> str:
    """A prompt cut to at most ``columns``. The end of a destination is kept, because it says "(private)"."""
    if text_width(label) <= columns or not label.startswith(_TO) or columns < 2 * len(_TO):
        return clip(label, columns)
    kept, used = "", text_width(_TO) + 1
    for cluster in reversed(list(clusters(label))):
        used += width(cluster)
        if used > columns:
            break
        kept = cluster + kept
    return f"{_TO}…{kept}"


def lay_out_input(head: Row, text: str, cursor: int, columns: int, most: int, *, secret: bool = False) -> Entered:
    """Break the input into at most ``most`` rows: the first, which has the prompt, and those around the cursor. In a
    single row the text scrolls sideways with the cursor."""
    limit = max(columns, 2)
    label = clip_prompt("".join(span.text for span in head), max(limit // 2, 1) if text else limit - 1)
    style = head[0].style if head else ""
    cells = _cells(text, secret=secret)
    if most == 1 and ("\n" in text or text_width(label) + sum(wide for _, wide in cells) >= limit):
        return _lay_out_one_row(Span(style, label), cells, len(list(clusters(text[:cursor]))), limit)
    rows: list[Row] = [[Span(style, label)]]
    column = text_width(label)
    part, place, at_cursor = "", 0, (-1, -1)
    for cluster, (seen, wide) in zip(clusters(text), cells, strict=True):
        if column + wide > limit - (1 if place + len(cluster) == len(text) else 0) and cluster != "\n":
            rows[-1].append(Span("input", part))
            rows.append([])
            part, column = "", 0
        if place == cursor:
            at_cursor = len(rows) - 1, column
        place += len(cluster)
        if cluster == "\n":
            rows[-1].append(Span("input", part))
            rows.append([Span("prompt", "  ")])
            part, column = "", 2
        else:
            part += seen
            column += wide
    rows[-1].append(Span("input", part))
    if at_cursor[0] < 0:
        at_cursor = len(rows) - 1, min(column, limit - 1)
    first = max(0, at_cursor[0] - most + 1)
    shown = [_opened(rows[0], limit) if first else rows[0], *rows[first + 1 : first + most]]
    return Entered([fit(row, columns, "input") for row in shown], at_cursor[0] - first, at_cursor[1])


def _cells(text: str, *, secret: bool) -> list[tuple[str, int]]:
    """Each cluster of the input as it is shown, with its width; a line break has none."""
    cells = []
    for cluster in clusters(text):
        if cluster == "\n":
            cells.append((cluster, 0))
            continue
        seen = "•" if secret else shown_cluster(cluster)
        cells.append((seen, width(seen)))
    return cells


def _opened(row: Row, columns: int) -> Row:
    """The first row of the input, where rows after it are left out."""
    return [*fit(row, columns - 1, "input"), Span("dim", "…")]


def _lay_out_one_row(label: Span, cells: list[tuple[str, int]], cursor: int, columns: int) -> Entered:
    """The label and the part of the text around the cursor; a line break is shown as a sign."""
    seen = [("⏎", 1) if text == "\n" else (text, wide) for text, wide in cells]
    room = max(columns - text_width(label.text) - 1, 1)  # one column is for the cursor after the text
    start, used = cursor, 0
    while start > 0 and used + seen[start - 1][1] <= room - 1:
        start -= 1
        used += seen[start][1]
    before = "".join(text for text, _ in seen[start:cursor])
    row = [label, Span("dim", "…" if start else ""), Span("input", before)]
    column = sum(text_width(span.text) for span in row)
    rest = "".join(text for text, _ in seen[cursor:])
    return Entered([fit([*row, Span("input", rest)], columns, "input")], 0, min(column, columns - 1))
