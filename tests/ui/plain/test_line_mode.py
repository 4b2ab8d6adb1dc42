"""How far has been read, as it is told to the server where no person looks on."""

from __future__ import annotations

from typing import cast

from trio_chat.client import Chat
from trio_chat.client.events import Backlog, Missed
from trio_chat.client.known_accounts import KnownAccounts
from trio_chat.client.rooms import RoomView
from trio_chat.protocol.events import Limits, Message, RoomInfo, Welcome
from trio_chat.ui.plain.line_mode import LineMode, PlainOptions


class Listener:
    """The client's side of a conversation, as far as it is looked at; notes up to where rooms are read."""

    def __init__(self, *rooms: RoomInfo) -> None:
        limits = Limits(text=8000, frame=65536, to=20)
        self.welcome = Welcome(
            name="ada", token="t", epoch="e", rooms=rooms, lobby="#lobby", limits=limits, time="", server="s"
        )
        self.accounts = KnownAccounts("ada")
        self.rooms = {room.name: RoomView.enter(room) for room in rooms}
        self.told: list[tuple[str, int]] = []

    async def read(self, room: str, seq: int) -> None:
        self.told.append((room, seq))
        self.rooms[room].mark_read(seq)


async def test_messages_that_are_no_longer_kept_are_reported_once_where_nothing_is_read() -> None:
    chat = Listener(RoomInfo(name="#lobby", first=27, last=30, read=3), RoomInfo(name="#ops", last=5, read=2))
    talk = LineMode(cast(Chat, chat), PlainOptions(is_read=False))
    assert talk.tell(Missed(room="#lobby", count=23))
    line = Message(room="#lobby", seq=30, time="2026-01-01T00:00:00Z", sender="bob", text="hello", cid="")
    talk.tell(Backlog(room="#lobby", events=(line,)))
    await talk.report_read()
    assert chat.told == [("#lobby", 26)]  # what is there is as unread as it was
    assert chat.rooms["#lobby"].unread == 4
    await talk.report_read()
    assert chat.told == [("#lobby", 26)]
