"""What rings the bell in line mode."""

from __future__ import annotations

from tests.ui.followed import FollowedPlace
from trio_chat.client.events import Backlog
from trio_chat.config import ClientConfig
from trio_chat.protocol.events import Event, Message, RoomInfo
from trio_chat.ui.model.interface_actions import SetNotify, ToggleQuiet
from trio_chat.ui.model.lines import Teller
from trio_chat.ui.model.notes import Note
from trio_chat.ui.model.preferences import Preferences
from trio_chat.ui.plain.notices import Notices


def message(text: str, room: str = "#ops", sender: str = "bob") -> Message:
    return Message(room=room, seq=1, time="2026-01-31T12:00:00.000Z", sender=sender, text=text, cid="")


def rung(notices: Notices, place: FollowedPlace) -> list[bool]:
    events: list[Event] = [
        message("hello"),
        message("ada: hello"),
        message("psst", "@ada+bob"),
        message("my own", sender="ada"),
        Backlog(room="#ops", events=(message("@ada"),), unread_from=1, unread=1),
    ]
    return [notices.rings(event, Teller(place)) for event in events]


def test_the_setting_the_choice_for_the_room_and_do_not_disturb_decide() -> None:
    place = FollowedPlace(rooms=[RoomInfo(name="#ops"), RoomInfo(name="@ada+bob", direct=True)])
    notices = Notices(place)
    assert rung(notices, place) == [False, True, True, False, True]
    assert notices.do(SetNotify("#ops", "all")) == Note(lines=("Notifications in #ops: all.",))
    assert rung(notices, place) == [True, True, True, False, True]
    notices.do(SetNotify("#ops", "nothing"))
    assert rung(notices, place) == [False, False, True, False, False]
    assert notices.do(SetNotify("#ops", None)) == Note(lines=("Notifications in #ops: nothing.",))
    assert notices.do(ToggleQuiet()) == Note(lines=("Notifications are off.",))
    assert not any(rung(notices, place))
    assert notices.do(ToggleQuiet()) == Note(lines=("Notifications are on.",))
    place.preferences = Preferences(ClientConfig(notify="all"))
    assert rung(Notices(place), place) == [True, True, True, False, True]
    place.preferences = Preferences(ClientConfig(notify="nothing"))
    assert not any(rung(Notices(place), place))
