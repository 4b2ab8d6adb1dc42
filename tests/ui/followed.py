"""A place and a full-screen model whose rooms follow the events that they take, as a connection's rooms do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.ui.tui.rich_server import stamp
from trio_chat.client.known_accounts import KnownAccounts, is_mentioned
from trio_chat.client.rooms import RoomView, follow
from trio_chat.protocol import events
from trio_chat.ui.model.place import Place
from trio_chat.ui.tui.model.attention import Attention
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.effects import ModelEffect


def views(*infos: events.RoomInfo) -> dict[str, RoomView]:
    """Rooms as the client knows them after it entered them."""
    return {info.name: RoomView.enter(info) for info in infos}


def known_by(rooms: dict[str, RoomView], event: events.Event, accounts: KnownAccounts) -> None:
    """Change the rooms as the client does before it gives an event to the application."""
    match event:
        case events.Room(room=info) if info.name in rooms:
            rooms[info.name].update(info)
        case events.Room(room=info):
            rooms[info.name] = RoomView.enter(info)
        case events.RoomEvent(room=name, seq=seq) if name in rooms:
            rooms[name].last = max(rooms[name].last, seq)
            if isinstance(event, events.Message) and is_mentioned(event.text, event.mentions, accounts):
                rooms[name].note_mention(seq)
    accounts.take(event)
    follow(rooms, event, accounts)


class FollowedPlace(Place):
    """A place in some rooms."""

    def __init__(self, me: str = "ada", room: str = "#ops", rooms: Iterable[events.RoomInfo] = ()) -> None:
        super().__init__(me, room)
        self.known = views(*rooms)
        self.enter(KnownAccounts(me), self.lobby, self.known)

    def take(self, event: events.Event) -> None:
        known_by(self.known, event, self.accounts)
        super().take(event)


class FollowedModel(ChatModel):
    """A full-screen model of the rooms it is told of."""

    known: dict[str, RoomView]

    def begin(self, *infos: events.RoomInfo, lobby: str = "#lobby", own: int = 0) -> list[ModelEffect]:
        """Take over a connection, as ada, who is in these rooms."""
        self.known = views(*infos)
        return self.enter(KnownAccounts("ada", own), lobby, self.known, 0.0, 0.0)

    def take(self, event: events.Event, now: float, clock: float) -> list[ModelEffect]:
        known_by(self.known, event, self.place.accounts)
        return super().take(event, now, clock)


LOBBY = "#lobby"


def message(seq: int, text: str = "", sender: str = "bob", room: str = LOBBY, **more: Any) -> events.Message:
    return events.Message(
        room=room, seq=seq, time=stamp(seq), sender=sender, text=text or f"m{seq}", cid=f"c{seq}", **more
    )


def entered(*rooms: events.RoomInfo, policy: str = "mentions") -> FollowedModel:
    model = FollowedModel(Attention(policy=policy))  # type: ignore[arg-type] # one of the three
    direct = events.RoomInfo(name="@ada+bob", direct=True, members=("ada", "bob"))
    model.begin(*(rooms or (events.RoomInfo(name=LOBBY), events.RoomInfo(name="#ops"), direct)))
    return model
