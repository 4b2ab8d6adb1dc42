"""The topic above the conversation, the status below it, and the input, as rows. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from trio_chat.protocol.text import clean_line
from trio_chat.ui.graphemes import clusters, text_width, width
from trio_chat.ui.tui.layout import Row, Span, clip, fit, inline
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.room import RoomModel

_WRITING: Final = 3  # people named as writing; more than that are "several"
_SLOW: Final = 1.0  # seconds of a ping from which it is worth a colour


def topic_row(model: ChatModel, columns: int) -> Row:
    """The room's name, its topic, and how many are there."""
    room = model.room
    name = ("" if not room.direct else "@") + model.label(room)
    kind = " private" if room.direct else f" {room.count}" if room.count else ""
    away = f" ({model.away[model.me]})" if model.me in model.away else ""
    right = f"{model.me}{away} "
    text = " ".join(clean_line(room.topic).split())
    spans = [Span("topic bold", f" {name}"), Span("topic", kind + (" │ " if text else ""))]
    spans += [
        Span(f"topic {span.style}".rstrip() if span.link else "topic", span.text, span.link) for span in inline(text)
    ]
    room_for = columns - text_width(right)
    if room_for < columns // 2:
        return fit(spans, columns, "topic")
    return [*fit(spans, room_for, "topic"), Span("topic", right)]


def status_row(model: ChatModel, columns: int, now: float, below: int) -> Row:
    """How the connection is, what is unread elsewhere, who is writing, what waits to be sent."""
    style, parts = _connection(model, now)
    waiting = sum(entry.mark == "pending" for room in model.rooms.values() for entry in room.pending)
    if waiting and model.connection.state != "connected":
        parts.insert(1, f"{waiting} to send")
    loud = sum(room.mentions or (room.unread if room.direct else 0) for room in model.rooms.values())
    unread = sum(room.unread for room in model.rooms.values())
    if loud:
        parts.append(f"{loud} for you")
    if unread:
        parts.append(f"{unread} unread")
    if below:
        parts.append(f"↓ {below} below")
    elif not model.room.log.at_end:
        parts.append("↓ newer below")
    if model.room.fetching:
        parts.append("loading …")
    if model.attention.quiet:
        parts.append("do not disturb")
    if model.notice:
        parts.append(clean_line(model.notice))
    writing = _writing(model.room, now)
    left = " " + " · ".join(parts)
    if writing and text_width(left) + text_width(writing) + 3 <= columns:
        gap = columns - text_width(left) - text_width(writing) - 1
        return fit([Span(style, left + " " * gap + writing + " ")], columns, style)
    return fit([Span(style, f" {writing} ·" if writing else ""), Span(style, left)], columns, style)


def _connection(model: ChatModel, now: float) -> tuple[str, list[str]]:
    state = model.connection
    if state.state == "connected":
        parts = []
        if state.missing and state.missing_at_first:
            done = 100 * (state.missing_at_first - state.missing) // state.missing_at_first
            parts.append(f"catching up {done}% ({state.missing} to go)")
            return "bar", parts
        if state.latency is None:
            return "bar", ["connected"]
        return "bar.warn" if state.latency > _SLOW else "bar", [f"connected {state.latency * 1000:.0f} ms"]
    if state.state == "reconnecting":
        next_try = max(0, round(state.retry_at - now))
        since = max(0, round(now - state.since))
        when = f"next try in {next_try} s" if next_try else "trying now"
        return "bar.bad", [f"no connection for {_span(since)}, {when}", state.reason]
    return "bar.warn", [state.state + (f": {state.reason}" if state.reason else " …")]


def _span(seconds: int) -> str:
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min {seconds % 60} s"  # noqa: PLR2004 - a minute


def _writing(room: RoomModel, now: float) -> str:
    names = room.writing(now)
    if not names:
        return ""
    if len(names) > _WRITING:
        return "several are writing"
    verb = "is" if len(names) == 1 else "are"
    return f"{' and '.join([', '.join(names[:-1]), names[-1]] if len(names) > 1 else names)} {verb} writing"


# ---- the input ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entered:
    """The input as rows, and the cursor's row and column in them."""

    rows: list[Row]
    row: int
    column: int


def prompt(model: ChatModel) -> tuple[Row, bool]:
    """What stands before the input: where it goes, or what Enter does; and whether it would be refused."""
    room = model.room
    search = room.editor.search
    if search is not None:
        return [
            Span(
                "prompt" if search.found else "prompt.warn",
                f"{'search' if search.found else 'not found'} '{search.wanted}': ",
            )
        ], False
    if room.selected is not None:
        return [Span("prompt", "r answers, + marks, e changes, d takes back, c copies, o origin, Esc leaves ")], False
    if room.intent is not None:
        target = room.log.find(room.intent.seq)
        who = target.sender if target is not None else "?"
        text = "edit" if room.intent.what == "edit" else f"↳ {who}"
        return [Span("prompt", f"{text}> ")], False
    where, refused = model.destination(room.editor.text)
    offline = "" if model.connection.state == "connected" else " (offline)"
    style = "prompt.warn" if refused or offline else "prompt"
    return [Span(style, f"→ {where}{offline}> ")], refused


def lay_out_input(head: Row, text: str, cursor: int, columns: int, most: int, *, secret: bool = False) -> Entered:
    """Break the input into at most so many rows, those around the cursor."""
    limit = max(columns, 2)
    label = clip("".join(span.text for span in head), max(limit // 2, 1) if text else limit - 1)
    style = head[0].style if head else ""
    rows: list[Row] = [[Span(style, label)]]
    column = text_width(label)
    part, place, at_cursor = "", 0, (-1, -1)
    for cluster in clusters(text):
        seen = "•" if secret and cluster != "\n" else cluster if cluster.isprintable() or width(cluster) else "�"
        wide = 0 if cluster == "\n" else max(width(seen), 0)
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
    first = max(0, min(at_cursor[0] - most + 1, len(rows) - most))
    shown = [fit(row, columns, "input") for row in rows[first : first + most]]
    return Entered(shown, at_cursor[0] - first, at_cursor[1])
