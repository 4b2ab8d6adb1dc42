"""Line mode: how far has been read where no person looks on, and the actions on line mode itself."""

from __future__ import annotations

from typing import cast

from trio_chat.client import Chat
from trio_chat.client.events import Backlog, Missed
from trio_chat.client.known_accounts import KnownAccounts
from trio_chat.client.rooms import RoomView
from trio_chat.config import ClientConfig
from trio_chat.protocol.events import Limits, Message, RoomInfo, Welcome
from trio_chat.ui.actions.actions import SendRoom
from trio_chat.ui.model.preferences import Preferences
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


def here(*rooms: RoomInfo, **config: object) -> LineMode:
    preferences = Preferences(ClientConfig(**config))  # type: ignore[arg-type] # the test's own values
    return LineMode(cast("Chat", Listener(RoomInfo(name="#lobby"), *rooms)), PlainOptions(), preferences=preferences)


async def shown(talk: LineMode, line: str) -> list[str]:
    meaning = talk.meaning(talk.parse(line))
    assert meaning is not None
    return [text for event in await talk.do(meaning) for text in talk.tell(event)]


async def test_a_room_or_conversation_is_gone_to_by_some_letters() -> None:
    talk = here(RoomInfo(name="#ops"), RoomInfo(name="@ada+eve", direct=True, members=("ada", "eve")))
    await shown(talk, "/go op")
    assert talk.place.room == "#ops"
    await shown(talk, "/go ev")
    assert talk.destination(talk.parse("hi")) == "eve (private)"
    assert await shown(talk, "/go zzz") == [
        "! You are in no room called zzz. /rooms lists the rooms, /join enters one."
    ]


async def test_settings_and_aliases_count_at_once() -> None:
    talk = here(time_format="%H:%M", alias={"hug": ("/me hugs $1",)})
    assert talk.meaning(talk.parse("/hug eve")) == SendRoom("#lobby", "hugs eve", kind="action")
    assert await shown(talk, "/set trailing_names mention") == ["trailing_names = mention"]
    assert talk.meaning(talk.parse("tea? @eve")) == SendRoom("#lobby", "tea? @eve")
    await shown(talk, "/set time_format %H:%M:%S")
    line = Message(room="#lobby", seq=1, time="2026-01-01T00:00:00Z", sender="bob", text="hello", cid="")
    assert talk.tell(line)[0].count(":") == 3
    await shown(talk, "/alias wave /me waves")
    assert talk.meaning(talk.parse("/wave")) == SendRoom("#lobby", "waves", kind="action")


async def test_highlighting_is_turned_off_and_on_by_the_theme() -> None:
    talk = here()
    assert "Highlighting is off." in (await shown(talk, "/theme"))[0]
    assert "Highlighting is on." in (await shown(talk, "/theme dark"))[0]
    line = Message(room="#lobby", seq=1, time="2026-01-01T00:00:00Z", sender="bob", text="ada: hello", cid="")
    assert not talk.tell(line)[0].endswith("bob: ada: hello")  # there are marks for the terminal
    await shown(talk, "/theme plain")
    assert talk.tell(line)[0].endswith("bob: ada: hello")
    assert (await shown(talk, "/theme nosuch"))[0].startswith("! There is no theme nosuch. The themes are auto, dark")


async def test_notifications_are_chosen_for_the_room() -> None:
    talk = here()
    assert await shown(talk, "/notify all") == ["Notifications in #lobby: all."]
    assert await shown(talk, "/dnd") == ["Notifications are off."]
