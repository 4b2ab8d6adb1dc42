"""The rooms on the left and the people on the right, as rows. Pure."""

from __future__ import annotations

from typing import Final

from trio_chat.client.known_accounts import AccountRef
from trio_chat.protocol.text import clean_line
from trio_chat.ui.terminal.graphemes import text_width
from trio_chat.ui.terminal.layout import Row, Span, clip, fit
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.room import RoomModel
from trio_chat.ui.tui.widgets.conversation import nick_style

_NUMBERED: Final = 9  # rooms that have a key


def room_rows(model: ChatModel, columns: int, height: int) -> tuple[list[Row], list[str | None]]:
    """The rows of the rooms with their unread counts, and the room of each row."""
    rooms = model.listed()
    at = next((n for n, room in enumerate(rooms) if room.name == model.place.room), 0)
    top = max(0, min(at - height // 2, len(rooms) - height))
    rows: list[Row] = []
    names: list[str | None] = []
    for room in rooms[top : top + height]:
        rows.append(_room(model, room, columns))
        names.append(room.name)
    while len(rows) < height:
        rows.append(fit([], columns))
        names.append(None)
    return rows, names


def _room(model: ChatModel, room: RoomModel, columns: int) -> Row:
    quiet = model.attention.of(room) == "nothing"
    loud = room.mentions or (room.unread if room.direct else 0)
    style = "rooms.unread" if room.unread and not quiet else "rooms.quiet" if quiet else "rooms"
    style = "rooms.mention" if loud else style
    style = "rooms.current" if room.name == model.place.room else style
    count = f" {_count(loud)}@" if loud and not room.direct else f" {_count(room.unread)}" if room.unread else ""
    stamp = f"{room.number} " if 0 < room.number <= _NUMBERED else "  "
    label = ("@" if room.direct else "") + model.label(room)
    text = stamp + clip(label, max(columns - text_width(stamp + count) - 1, 1))
    return fit([Span(style, text + " " * max(0, columns - 1 - text_width(text + count)) + count)], columns, style)


def _count(number: int) -> str:
    return str(number) if number < 1000 else "999+"  # noqa: PLR2004 - three digits


def people_rows(model: ChatModel, columns: int, height: int) -> tuple[list[Row], list[str | None]]:
    """The rows of the people in the room, away people last, and the person of each row."""
    room = model.room
    people = list(room.people)
    ranks = {"owner": 0, "moderator": 1}
    names = [(model.is_away(person), ranks.get(person.role, 2), person.name.casefold(), person) for person in people]
    names.sort(key=lambda row: row[:3])
    rows: list[Row] = [fit([Span("dim", f"{room.facts.count or len(people)} here")], columns)]
    owners: list[str | None] = [None]
    for away, rank, _, person in names[: height - 1]:
        sign = {0: "&", 1: "+"}.get(rank, " ")
        style = "people.away" if away else nick_style(AccountRef(person.name, person.id), model.place.accounts)
        rows.append(fit([Span("people.op", sign), Span(style, clip(clean_line(person.name), columns - 2))], columns))
        owners.append(person.name)
    hidden = len(names) - (height - 1)
    if hidden > 0 and height > 1:
        rows[-1] = fit([Span("dim", f" and {hidden + 1} more")], columns)
        owners[-1] = None
    if not people and room.direct:
        for member in room.facts.people[: height - 1]:
            style = nick_style(member, model.place.accounts)
            rows.append(fit([Span(style, " " + clip(clean_line(member.name), columns - 2))], columns))
            owners.append(member.name)
    while len(rows) < height:
        rows.append(fit([], columns))
        owners.append(None)
    return rows[:height], owners[:height]
