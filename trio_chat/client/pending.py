"""Requests that have no answer yet, and the results of what the server sent. Pure; see :mod:`.state`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, TypeAlias

import msgspec

from trio_chat.client.events import ChatEvent, RejoinRefused
from trio_chat.client.frames import is_of, too_much
from trio_chat.client.rooms import RoomView
from trio_chat.protocol.events import (
    BanList,
    Deleted,
    DeviceList,
    Edited,
    Error,
    Found,
    InviteMade,
    Limits,
    Message,
    Ok,
    Page,
    People,
    Pong,
    Reacted,
    Room,
    RoomInfo,
    RoomList,
)
from trio_chat.protocol.requests import AnyRequest, Delete, Edit, React, Read, Send, Topic

AnswerEvent: TypeAlias = Ok | Error | Room | RoomList | People | Page | Found | DeviceList | BanList | InviteMade | Pong
"""The events that may answer a request."""

OPENED: Final = "opened"
"""The code of the error for a request that this side refuses because its private room became public."""
BAD_ANSWER: Final = "bad_answer"
"""The code of the error for a request whose answer makes no sense."""
OUTDATED: Final = "outdated"
"""The code of the error for a request that this side refuses because its message's history is gone."""
_FOR_A_ROOM: Final = (Send, Edit, Delete, React, Topic)
"""Requests that write to a room."""


class Purpose(Enum):
    """On whose behalf a request is made."""

    ASKED = auto()  # the application's
    REJOIN = auto()  # ours: join a room again that we were in
    FILL = auto()  # ours: fetch the events that a room missed
    RECEIVED = auto()  # ours: acknowledge a direct message
    READ = auto()  # ours: the server forgot our read position


@dataclass(slots=True)
class PendingRequest:
    """A request without an answer. ``room`` is the room to join again or to fetch events of."""

    request: AnyRequest
    frame: bytes
    purpose: Purpose
    room: str = ""
    carried: bool = False  # the present connection carried it
    again: bool = False  # an earlier connection carried it
    waited: bool = False  # it may be older than this connection
    tries: int = 0  # how often it may be sent again for recipients who are not here yet

    def allow_retries(self, tries: int) -> None:
        """Note that the request waited for the connection, as its recipients may have done."""
        self.waited, self.tries = True, tries


@dataclass(slots=True)
class Step:
    """The results of an event or a new connection.

    ``events`` are to be yielded; ``answers`` are by request id (``None``: no answer will come, and none is needed).
    A little later the caller asks again for the ``stalled`` rooms, with :meth:`ClientState.ask_again`, and sends the
    ``early`` requests again, with :meth:`ClientState.try_again`.
    """

    events: list[ChatEvent] = field(default_factory=list)
    answers: dict[str, AnswerEvent | None] = field(default_factory=dict)
    stalled: list[str] = field(default_factory=list)
    early: list[str] = field(default_factory=list)


def is_early(pending: PendingRequest, event: AnswerEvent, *, names_are_owned: bool) -> bool:
    """Whether a message was refused because its recipient is not back yet. Where names are owned, an unknown name
    stays unknown."""
    return (
        not names_are_owned
        and pending.tries > 0
        and isinstance(pending.request, Send)
        and isinstance(event, Error)
        and event.code == "unknown_person"
    )


def with_refused_text(pending: PendingRequest, event: AnswerEvent) -> AnswerEvent:
    """Add the text of a refused message to the error, if the message may be older than this connection: nobody sees
    that text any more."""
    if not (pending.waited and isinstance(pending.request, Send) and isinstance(event, Error)):
        return event
    return msgspec.structs.replace(event, advice=f"{event.advice} The message was: {pending.request.text}".strip())


def settle_message(pending: dict[str, PendingRequest], message: Message, step: Step) -> None:
    """Take an own message from the log as the answer to its request."""
    one = pending.get(message.cid)
    if one is not None and type(one.request) is Send:
        del pending[message.cid]
        step.answers[message.cid] = Ok(id=message.cid, room=message.room, seq=message.seq, time=message.time)


def settle_change(pending: dict[str, PendingRequest], event: Edited | Deleted | Reacted, step: Step) -> None:
    """Take an own change from the log as the answer to its request, if an earlier connection carried that: asked again,
    a deletion would be refused."""
    for request_id, one in pending.items():
        if one.again and is_of(one.request, event):
            del pending[request_id]
            step.answers[request_id] = Ok(id=request_id, room=event.room, seq=event.seq, time=event.time)
            return


def refuse_too_much(pending: dict[str, PendingRequest], limits: Limits, step: Step) -> None:
    """Refuse requests that are too large for this server: it would close each new connection for them."""
    for request_id, one in list(pending.items()):
        refusal = too_much(one.request, one.frame, limits)
        if refusal is not None:
            del pending[request_id]
            step.answers[request_id] = Error(
                id=request_id, code=refusal.code, message=refusal.message, advice=refusal.advice
            )


def refuse_outdated(pending: dict[str, PendingRequest], step: Step) -> None:
    """Refuse the requests that name a message by its number, after the server's history began anew: the number
    belongs to another message now."""
    for request_id, one in list(pending.items()):
        request = one.request
        if isinstance(request, Edit | Delete | React | Read) or (isinstance(request, Send) and request.reply_to):
            del pending[request_id]
            why = "The server's history began anew, without the message that this was about: it was not sent."
            step.answers[request_id] = with_refused_text(
                one,
                Error(id=request_id, code=OUTDATED, message=why, advice="Look for the message before you try again."),
            )


def refuse_opened(
    rooms: dict[str, RoomView], pending: dict[str, PendingRequest], infos: Mapping[str, RoomInfo], step: Step
) -> None:
    """Refuse the requests for private rooms that are public or gone, after the server's history began anew.

    A text for a private room must not appear in a public room of that name, and to join a room that is gone would make
    a public one.
    """
    for name, room in list(rooms.items()):
        now = infos.get(name)
        if not room.private or (now is not None and now.private):
            continue
        for request_id, one in list(pending.items()):
            if isinstance(one.request, _FOR_A_ROOM) and one.request.room == name:
                del pending[request_id]
                why = f"The server's history began anew, and {name} is not private any more: that was not sent."
                advice = "Look who is there before you send it again."
                step.answers[request_id] = Error(id=request_id, code=OPENED, message=why, advice=advice)
        if now is None:
            del rooms[name]
            why = "The server's history began anew, without that room, which was private."
            advice = f"/join {name} makes a new one, open to everybody at first."
            step.events.append(RejoinRefused(room=name, code=OPENED, message=why, advice=advice))
