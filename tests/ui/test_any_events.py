"""Whatever a server says, in the form of its protocol, neither interface ends.

The events are made from the definitions of their structs: with values that make sense, and with any values at all. They
pass through the client as bytes, as from a network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC

import msgspec
import pytest
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.protocol.instances import IMPOSSIBLE, instances
from tests.ui.searching import LONG, search
from trio_chat.client.events import ChatEvent, Disconnected, Reconnected
from trio_chat.client.frames import BadFrame, UnknownLine, read_event, read_page
from trio_chat.client.local_time import in_local_time
from trio_chat.client.pending import Step
from trio_chat.client.state import ClientState
from trio_chat.protocol import events, requests
from trio_chat.protocol.codec import decode_request, encode
from trio_chat.ui.model.lines import Teller, as_json
from trio_chat.ui.model.notes import Hits
from trio_chat.ui.model.place import Place
from trio_chat.ui.model.shown_files import file_row
from trio_chat.ui.tui.model.chat import ChatModel
from trio_chat.ui.tui.model.log import about
from trio_chat.ui.tui.model.panes import TextPane
from trio_chat.ui.tui.widgets.conversation import ConversationLayout, ConversationStyle
from trio_chat.ui.tui.widgets.frame import Shown, draw

TIME = "2026-01-31T12:00:00.000Z"
LOBBY = events.RoomInfo(name="#lobby", last=2, count=3)
WELCOME = events.Welcome(
    name="ada",
    token="t",
    epoch="e",
    rooms=(
        LOBBY,
        events.RoomInfo(name="#ops", last=9, read=7, mentions=1),
        events.RoomInfo(name="@ada+bob", direct=True),
    ),
    lobby="#lobby",
    limits=events.Limits(text=8000, frame=65536, to=20),
    time=TIME,
    server="s",
    account=1,
    reads_begin=True,
)
SIZES = ((80, 24), (20, 5), (200, 50))


@dataclass
class Reader:
    """A client with both interfaces, which asks for what they need and is told whatever comes."""

    state: ClientState = field(default_factory=lambda: ClientState("c", backlog=3))
    model: ChatModel = field(default_factory=ChatModel)
    place: Place = field(default_factory=Place)
    layout: ConversationLayout = field(default_factory=ConversationLayout)

    def __post_init__(self) -> None:
        self.teller = Teller(self.place, zone=UTC, colour=True)
        self.asked: list[requests.AnyRequest] = []
        self.enter(WELCOME)

    def enter(self, welcome: events.Welcome) -> None:
        """Begin with a welcome, as at a start or a reconnect."""
        again = self.state.welcome is not None
        self.state.lose()
        step = self.state.enter(welcome)
        for one in (Disconnected(reason="gone", retry_in=1.0), Reconnected(attempts=1, anew=True)) if again else ():
            self.tell(one)
        self.follow()
        self.model.enter(self.state.accounts, welcome.lobby, self.state.rooms, 0.0, 0.0)
        self.model.greet(welcome, 0.0)
        self.tell(replace(welcome, token=""))
        self.carry_out(step)

    def follow(self) -> None:
        """Line mode takes over the connection's rooms."""
        welcome = self.state.welcome
        assert welcome is not None
        self.place.enter(self.state.accounts, welcome.lobby, self.state.rooms)

    def take(self, data: bytes) -> None:
        """Take a frame of the server's."""
        event = in_local_time(read_event(data))
        if isinstance(event, BadFrame):
            self.carry_out(self.state.take_bad(event, len(data)))
        elif isinstance(event, events.Welcome):
            self.enter(event)
        elif event is not None:
            self.carry_out(self.state.take(event, len(data)))
            if not isinstance(event, UnknownLine):
                self.show(event)

    def show(self, event: events.AnyEvent) -> None:
        """Give an answer to the interfaces, which the application would have asked for."""
        if isinstance(event, events.Page):
            room = self.model.rooms.get(event.room)
            if room is not None:
                room.log.take_older([line for _, line in read_page(event) if line is not None], more=event.more)
                room.loaded = True
        elif isinstance(event, events.Found):
            messages = tuple(
                one for one in map(read_event, map(bytes, event.events)) if isinstance(one, events.Message)
            )
            self.tell(Hits(messages=messages, more=event.cursor is not None, behind=event.behind))
            self.model.place.note_past(messages)
        elif isinstance(event, events.People | events.RoomList | events.DeviceList | events.BanList | events.Room):
            self.tell(event)
            self.model.take(event, 0.0, 0.0)

    def carry_out(self, step: Step) -> None:
        """Give events to both interfaces, and send what is to be asked."""
        for event in step.events:
            self.tell(event)
            self.model.take(event, 0.0, 0.0)
        for room in step.stalled:
            self.state.ask_again(room)
        while (frame := self.state.next_frame()) is not None:
            request = decode_request(frame)
            assert not isinstance(request, tuple)
            self.asked.append(request)

    def tell(self, event: ChatEvent | Hits) -> None:
        """Show an event in line mode."""
        if isinstance(event, Reconnected | events.Welcome):
            self.follow()
        if not isinstance(event, events.Welcome):
            self.place.take(event)
        self.teller.tell(event)
        self.teller.rings(event)
        as_json(event)

    def draw(self) -> None:
        """Draw the full screen in each room and size, and all that is known of each message."""
        for name in list(self.model.rooms):
            self.model.look(name)
            for columns, rows in SIZES:
                look = ConversationStyle(self.model.place, zone=UTC)
                frame = draw(self.model, self.layout, look, Shown(), columns, rows, 1.0)
                assert len(frame.rows) == rows
            shown = (self.model.place.files.find(name, number) for number in range(1, 4))
            assert all(row for row in (file_row(one.file) for one in shown if one is not None))
            for entry in self.model.room.log.entries:
                if entry.said:
                    self.model.pane = TextPane(
                        "Message", [("overlay", line) for line in about(entry, self.model.place)]
                    )
        self.model.pane = None


def answering(frames: list[events.AnyEvent], reader: Reader) -> Iterator[bytes]:
    """The frames as bytes; answers are to what was asked."""
    for event in frames:
        request = reader.asked.pop(0) if reader.asked and hasattr(event, "id") and event.id is not None else None
        if request is None or isinstance(event, events.AwayChanged | events.Renamed | events.TypingNotice):
            yield encode(event)
        elif isinstance(event, events.Page) and isinstance(request, requests.History):
            yield encode(replace(event, id=request.id, room=request.room))
        else:
            yield encode(replace(event, id=request.id))


def play(frames: list[events.AnyEvent]) -> None:
    """Let a server say this."""
    reader = Reader()
    for data in answering(frames, reader):
        reader.take(data)
    reader.draw()


LINE = events.Message(room="#lobby", seq=3, time=TIME, sender="bob", sender_id=2, text="hi", cid="c")
SLOW = events.Moderated(room="#lobby", seq=3, time=TIME, sender="bob", action="slow", value="²")
EXAMPLES: tuple[events.AnyEvent, ...] = (
    SLOW,
    replace(SLOW, value="9" * 400),
    replace(LINE, time=IMPOSSIBLE[0]),
    replace(LINE, time="9999-12-31T23:59:59.999-23:59"),
    replace(LINE, sent=IMPOSSIBLE[0]),
    replace(LINE, room=""),
    events.Reacted(room="", seq=3, time=TIME, sender="bob", target=1, mark="+1"),
    events.Closing(code="stop", message="Bye", retry=-5.0),
    replace(WELCOME, rooms=()),
    events.ReadUpTo(room="#lobby", seq=2**53),
    replace(WELCOME, rooms=(LOBBY, replace(LOBBY, name="#new", last=2**53))),  # no request can name the place after it
    replace(WELCOME, rooms=(LOBBY, replace(LOBBY, name="#new", last=2**53 - 1))),
    replace(LINE, seq=2**53),
    replace(LINE, seq=2**53 - 1),
    events.Page(id="", room="#lobby", events=(msgspec.Raw(b"{}"),), more=False, first=1),  # which nobody asked for
    events.Presence(room="#lobby", count=2, joined=("bob",), joined_ids=(1, 2, 3), joined_roles=("owner", "")),
)


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)
def test_an_event_that_once_ended_a_client_does_so_no_more(event: events.AnyEvent) -> None:
    play([event, LINE])


def test_events_that_once_ended_a_client_do_so_no_more_together() -> None:
    play(list(EXAMPLES))


@pytest.mark.search
@pytest.mark.parametrize("sound", [True, False])
@pytest.mark.parametrize("part", range(4 if LONG else 1))
def test_no_events_end_an_interface(part: int, pytestconfig: pytest.Config, *, sound: bool) -> None:
    said = st.lists(instances(*events.EVENTS, sound=sound), min_size=5, max_size=30)
    search(said, play, pytestconfig, f"{part} {sound}", short=40, long=1000)
