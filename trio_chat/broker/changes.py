"""Changing messages: edits, deletions, reactions. Each is a line of the room's log, and the message itself is stored
anew as it is after the change."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

from trio_chat.broker import files, rooms, talk
from trio_chat.broker.restore import account_of
from trio_chat.broker.state import Role, StoredMessage
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.codec import encode
from trio_chat.protocol.events import Deleted, Edited, Ok, Reacted
from trio_chat.protocol.files import text_without_lines, with_file_lines
from trio_chat.protocol.requests import Delete, Edit, React
from trio_chat.protocol.text import clean, clean_line
from trio_chat.records import Amend, AuditNote, Redact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_chat.broker.ask import Ask
    from trio_chat.broker.registry import Registry
    from trio_chat.broker.state import ChatRoom, Person
    from trio_chat.protocol.events import Message

_Change: TypeAlias = Edit | Delete | React

_REACTIONS = 20
"""Different reactions to one message: what fits a line, and no more."""


def edit(ask: Ask[Edit]) -> Refusal | None:
    """Give a message of the person's own another text."""
    request, person, room = ask.request, ask.person, _room(ask)
    stored = _message(ask)
    if stored is None:
        return refuse("unknown_message", seq=request.target, room=room.name)
    if stored.sender != person.id:
        return refuse("not_yours", seq=request.target, room=room.name, others="")
    carried = stored.message.files
    text = text_without_lines(clean(request.text), carried)  # clients of earlier versions send the lines too
    refusal = talk.check_text(ask.registry, text)
    if refusal is not None and carried and refusal.code == "empty":
        refusal, text = None, ""
    refusal = refusal or _may_change(ask.registry, room, person, ask.now)
    if refusal is not None:
        return refusal
    mentions = tuple(mentioned.id for mentioned in talk.mentioned_in(ask.registry, room, person, text))
    text = with_file_lines(text, carried)
    message = msgspec.structs.replace(stored.message, text=text, edited=ask.time, mentions=mentions)
    talk.change_mentions(ask, room, message.seq, stored.message.mentions, mentions)
    ask.persist(Amend(room.id, message.seq, encode(message), text))
    event = Edited(
        room=room.name,
        seq=rooms.number_next(ask.registry, room),
        time=ask.time,
        sender=person.name.shown,
        sender_id=person.id,
        target=message.seq,
        text=text,
        mentions=mentions,
    )
    _publish(ask, room, event)
    return None


def delete(ask: Ask[Delete]) -> Refusal | None:
    """Delete a message: the person's own, or as a moderator anybody's."""
    request, person, room = ask.request, ask.person, _room(ask)
    stored = _message(ask)
    if stored is None:
        return refuse("unknown_message", seq=request.target, room=room.name)
    is_own = stored.sender == person.id
    if not is_own and room.role_of(person) < Role.MODERATOR:
        others = "" if room.direct is not None else " or a moderator"
        return refuse("not_yours", seq=request.target, room=room.name, others=others)
    message = stored.message
    emptied = msgspec.structs.replace(
        message, text="", deleted=True, edited=None, reactions={}, reaction_ids={}, mentions=(), files=()
    )
    ask.persist(Redact(room.id, message.seq, encode(emptied)))
    files.drop_carried(ask, stored)
    talk.change_mentions(ask, room, message.seq, message.mentions, ())
    if not is_own:
        ask.persist(AuditNote(ask.time, person.name.shown, "delete", room.name, message.sender, str(message.seq)))
    event = Deleted(
        room=room.name,
        seq=rooms.number_next(ask.registry, room),
        time=ask.time,
        sender=person.name.shown,
        sender_id=person.id,
        target=message.seq,
    )
    _publish(ask, room, event)
    return None


def react(ask: Ask[React]) -> Refusal | None:
    """Add a reaction to a message, or remove the person's own."""
    request, person, room = ask.request, ask.person, _room(ask)
    stored = _message(ask)
    if stored is None:
        return refuse("unknown_message", seq=request.target, room=room.name)
    mark = clean_line(request.mark)
    if not mark or any(char.isspace() for char in mark):
        return refuse("bad_field", why="a reaction is one emoji or word")
    refusal = _may_change(ask.registry, room, person, ask.now)
    if refusal is not None:
        return refusal
    message = stored.message
    people = _without(message, mark, person.id)
    if request.on:
        people.append((person.id, person.name.shown))
    if request.on is (person.id in message.reaction_ids.get(mark, ())):
        ask.persist(account_of(person))  # this very batch may have brought that about, and may fail
        ask.acknowledge(Ok(id=request.id, unchanged=not request.again))
        return None
    amended = _with_reaction(message, mark, people)
    if len(amended.reactions) > _REACTIONS:
        return refuse("bad_field", why=f"a message can have at most {_REACTIONS} different reactions")
    ask.persist(Amend(room.id, message.seq, encode(amended), message.text))
    event = Reacted(
        room=room.name,
        seq=rooms.number_next(ask.registry, room),
        time=ask.time,
        sender=person.name.shown,
        sender_id=person.id,
        target=message.seq,
        mark=mark,
        on=request.on,
    )
    _publish(ask, room, event)
    return None


def _without(message: Message, mark: str, account: int) -> list[tuple[int, str]]:
    """The people who reacted so to a message but for this account: their accounts, and their names at that time.

    An account that is not known (0) stays: only the person themselves takes a reaction off.
    """
    names = message.reactions.get(mark, ())
    numbers = message.reaction_ids.get(mark, ())
    numbers += (0,) * (len(names) - len(numbers))
    return [(number, name) for number, name in zip(numbers, names, strict=False) if number != account]


def _with_reaction(message: Message, mark: str, people: Sequence[tuple[int, str]]) -> Message:
    """A message to which these people reacted so."""
    reactions = {other: names for other, names in message.reactions.items() if other != mark}
    reaction_ids = {other: numbers for other, numbers in message.reaction_ids.items() if other != mark}
    if people:
        reaction_ids[mark], reactions[mark] = zip(*people, strict=True)
    return msgspec.structs.replace(message, reactions=reactions, reaction_ids=reaction_ids)


def _room(ask: Ask[_Change]) -> ChatRoom:
    """The room of the message; the table of commands lets only its members past."""
    return ask.person.rooms[ask.request.room]


def _message(ask: Ask[_Change]) -> StoredMessage | None:
    """The message to change; ``None`` where there is none, or it was deleted."""
    stored = ask.stored
    return stored if isinstance(stored, StoredMessage) and not stored.message.deleted else None


def _may_change(registry: Registry, room: ChatRoom, person: Person, now: float) -> Refusal | None:
    """Whether a person who may be muted can change messages; a wait between messages does not matter here."""
    refusal = talk.may_speak(registry, room, person, now) if room.direct is None else None
    return None if refusal is None or refusal.code == "too_soon" else refusal


def _publish(ask: Ask[_Change], room: ChatRoom, event: Edited | Deleted | Reacted) -> None:
    rooms.publish(ask, room, event, ask.person)
    ask.acknowledge(Ok(id=ask.request.id, room=room.name, seq=event.seq, time=event.time))
