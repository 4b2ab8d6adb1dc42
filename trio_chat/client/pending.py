"""What is owed: requests without an answer; and what follows from what came. Pure; see :mod:`.state`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, TypeAlias

import msgspec

from trio_chat.client.events import ChatEvent, RejoinRefused
from trio_chat.client.rooms import RoomView
from trio_chat.protocol.events import (
    BanList,
    DeviceList,
    Error,
    Found,
    Ok,
    Page,
    People,
    Pong,
    Room,
    RoomInfo,
    RoomList,
)
from trio_chat.protocol.requests import AnyRequest, Delete, Edit, React, Read, Send, Topic

Answer: TypeAlias = Ok | Error | Room | RoomList | People | Page | Found | DeviceList | BanList | Pong
"""What may answer a request."""

OPENED: Final = "opened"
"""The code of what is refused on this side, since a room is private no longer."""
OUTDATED: Final = "outdated"
"""The code of what is refused on this side, since the message that it names is of a history that is gone."""
_FOR_A_ROOM: Final = (Send, Edit, Delete, React, Topic)
"""Requests that bring something into a room, or change what is there."""


class Why(Enum):
    """On whose behalf a request is owed."""

    ASKED = auto()  # the application's
    REJOIN = auto()  # ours: into a room that we were in
    FILL = auto()  # ours: what a room missed
    RECEIVED = auto()  # ours: a direct message came
    READ = auto()  # ours: the server forgot how far we have read


@dataclass(slots=True)
class Owed:
    """A request without an answer."""

    request: AnyRequest
    frame: bytes
    why: Why
    room: str = ""  # whose rejoining or filling it is
    carried: bool = False
    again: bool = False  # an earlier connection carried it
    waited: bool = False  # it may be older than this connection
    tries: int = 0  # how often it may still be asked again of people who are not here

    def be_lenient(self, tries: int) -> None:
        """It waited for the connection, as the others did."""
        self.waited, self.tries = True, tries


@dataclass(slots=True)
class Step:
    """What follows from what came: ``events`` to yield, ``answers`` by request id (``None``: nothing will
    come, and nothing needs to). A little later are to be asked again the questions about the ``stalled``
    rooms, with :meth:`Conversation.ask_again`, and the ``early`` requests, with :meth:`Conversation.try_again`."""

    events: list[ChatEvent] = field(default_factory=list)
    answers: dict[str, Answer | None] = field(default_factory=dict)
    stalled: list[str] = field(default_factory=list)
    early: list[str] = field(default_factory=list)


def is_early(owed: Owed, event: Answer, *, names_are_owned: bool) -> bool:
    """Whether a message was refused because whom it is for is not back yet. Where names are owned, somebody
    unknown stays unknown."""
    return (
        not names_are_owned
        and owed.tries > 0
        and isinstance(owed.request, Send)
        and isinstance(event, Error)
        and event.code == "unknown_person"
    )


def told_what(owed: Owed, event: Answer) -> Answer:
    """An answer as its asker is to have it: where a message is refused that may have been written before this
    connection, with the message, which nobody has before their eyes any more."""
    if not (owed.waited and isinstance(owed.request, Send) and isinstance(event, Error)):
        return event
    return msgspec.structs.replace(event, advice=f"{event.advice} The message was: {owed.request.text}".strip())


def leave_out_outdated(owed: dict[str, Owed], step: Step) -> None:
    """What names a message by its number must not go out where the server's history began anew: the number is
    another message's now."""
    for request_id, one in list(owed.items()):
        request = one.request
        if isinstance(request, Edit | Delete | React | Read) or (isinstance(request, Send) and request.reply_to):
            del owed[request_id]
            why = "The server's history began anew, without the message that this was about: it was not sent."
            step.answers[request_id] = told_what(
                one,
                Error(id=request_id, code=OUTDATED, message=why, advice="Look for the message before you try again."),
            )


def leave_out_opened(
    rooms: dict[str, RoomView], owed: dict[str, Owed], infos: Mapping[str, RoomInfo], step: Step
) -> None:
    """What was written for a private room must not go into an open one of its name, where the server's history began
    anew; and to go by ourselves into one that is gone with its history would make such a one."""
    for name, room in list(rooms.items()):
        now = infos.get(name)
        if not room.private or (now is not None and now.private):
            continue
        for request_id, one in list(owed.items()):
            if isinstance(one.request, _FOR_A_ROOM) and one.request.room == name:
                del owed[request_id]
                why = f"The server's history began anew, and {name} is not private any more: that was not sent."
                advice = "Look who is there before you send it again."
                step.answers[request_id] = Error(id=request_id, code=OPENED, message=why, advice=advice)
        if now is None:
            del rooms[name]
            why = "The server's history began anew, without that room, which was private."
            advice = f"/join {name} makes a new one, open to everybody at first."
            step.events.append(RejoinRefused(room=name, code=OPENED, message=why, advice=advice))
