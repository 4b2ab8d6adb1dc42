"""The client's state against a model of a server that forgets, trims, repeats itself and drops connections."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from trio_chat.client.events import ChatEvent, Missed, Reconnected
from trio_chat.client.frames import BadFrame, read_event
from trio_chat.client.pending import Step
from trio_chat.client.state import MOST_RECEIVED, PATIENCE, ClientState
from trio_chat.errors import NotDone
from trio_chat.protocol import requests
from trio_chat.protocol.codec import decode_request, encode
from trio_chat.protocol.events import (
    AnyEvent,
    Closing,
    Error,
    Left,
    Limits,
    Message,
    Ok,
    Page,
    Renamed,
    Room,
    RoomEvent,
    RoomInfo,
    Welcome,
)

ROOMS = ("#lobby", "#ops", "@ada+bob")
NAMES = st.sampled_from(ROOMS)
PAGE = 3


def welcome(*rooms: RoomInfo, epoch: str = "1", frame: int = 10_000, name: str = "ada") -> Welcome:
    limits = Limits(text=1000, frame=frame, to=9)
    return Welcome(name=name, token="t", epoch=epoch, rooms=rooms, lobby="#lobby", limits=limits, time="", server="s")


def message(seq: int, room: str = "#lobby", sender: str = "bob", cid: str = "x") -> Message:
    return Message(room=room, seq=seq, time="", sender=sender, text="", cid=cid)


@dataclass
class Log:
    """A room on the server."""

    lines: list[bytes] = field(default_factory=list)
    first: int = 1

    @property
    def last(self) -> int:
        return self.first + len(self.lines) - 1


class AgainstModel(RuleBasedStateMachine):
    """Whatever a server and a network do: each room's events are yielded in order, once, or said to be
    missing; each acknowledged message is stored once."""

    sent = Bundle("sent")

    def __init__(self) -> None:
        super().__init__()
        self.epoch = 1
        self.trimmed = self.ids_forgotten = False
        self.new_server()
        self.conversation = ClientState("c")
        self.connected = False
        self.wire: deque[bytes] = deque()
        self.place: dict[str, int] = {}  # up to where each room was yielded, missing ones included
        self.acknowledged: set[str] = set()
        self.ever_stored: dict[str, int] = {}
        self.reconnect(forget=False)

    def new_server(self) -> None:
        self.logs = {room: Log() for room in ROOMS}
        self.members = set(ROOMS)
        self.known_ids: dict[str, Ok] = {}

    # ---- the server's side

    def info(self, room: str) -> RoomInfo:
        log = self.logs[room]
        return RoomInfo(name=room, direct=room[0] == "@", first=log.first, last=log.last)

    def append(self, room: str, sender: str, cid: str) -> Ok:
        log = self.logs[room]
        event = message(log.last + 1, room, sender, cid)
        log.lines.append(encode(event))
        if self.connected and room in self.members:
            self.wire.append(log.lines[-1])
        return Ok(id=cid, room=room, seq=event.seq, time="")

    def serve(self, request: requests.AnyRequest) -> AnyEvent:
        match request:
            case requests.Send(id=cid, room=str(room)) if room in self.members:
                if cid not in self.known_ids:
                    self.ever_stored[cid] = self.ever_stored.get(cid, 0) + 1
                    self.known_ids[cid] = self.append(room, "ada", cid)
                return self.known_ids[cid]
            case requests.Join(id=cid, room=room) if room in self.logs:
                self.members.add(room)
                return Room(id=cid, room=self.info(room))
            case requests.History(id=cid, room=room, after=int(after)) if room in self.members:
                log = self.logs[room]
                begin = max(0, after + 1 - log.first)
                lines = log.lines[begin : begin + PAGE]
                more = begin + PAGE < len(log.lines)
                raws = tuple(msgspec.Raw(line) for line in lines)
                return Page(id=cid, room=room, events=raws, more=more, first=log.first)
            case requests.Received(id=cid):
                return Ok(id=cid)
            case _:
                return Error(id=request.id, code="not_a_member", message="No.")

    # ---- the client's side

    def take(self, step: Step) -> None:
        for event in step.events:
            self.check_place(event)
        for request_id, answer in step.answers.items():
            if isinstance(answer, Ok):
                self.acknowledged.add(request_id)

    def check_place(self, event: ChatEvent) -> None:
        if isinstance(event, Reconnected) and event.anew:
            self.place.clear()
        elif isinstance(event, Room | Left):
            self.place.pop(event.room.name if isinstance(event, Room) else event.room, None)
        elif isinstance(event, Missed):
            if event.room in self.place:
                self.place[event.room] += event.count
        elif isinstance(event, RoomEvent):
            assert event.seq == self.place.get(event.room, event.seq - 1) + 1
            self.place[event.room] = event.seq

    def deliver(self, data: bytes) -> None:
        event = read_event(data)
        assert event is not None
        assert not isinstance(event, BadFrame)
        self.take(self.conversation.take(event, len(data)))

    # ---- what may happen

    @rule(room=NAMES)
    def somebody_speaks(self, room: str) -> None:
        self.append(room, "bob", "b")

    @rule(room=NAMES, target=sent)
    def we_speak(self, room: str) -> str:
        request = requests.Send(id=self.conversation.make_id(), text="", room=room)
        self.conversation.ask(request)
        return request.id

    @rule(request=consumes(sent))
    def we_forget(self, request: str) -> None:
        self.conversation.forget(request)

    @precondition(lambda self: self.connected)
    @rule(served=st.booleans(), twice=st.booleans())
    def a_request_travels(self, served: bool, twice: bool) -> None:  # noqa: FBT001 - Hypothesis gives each by name
        frame = self.conversation.next_frame()
        if frame is None:
            return
        request = decode_request(frame)
        assert not isinstance(request, tuple)
        if served:
            answer = encode(self.serve(request))
            self.wire.extend([answer] * (2 if twice else 1))
        else:
            self.drop()

    @precondition(lambda self: self.wire)
    @rule(count=st.integers(1, 8), twice=st.booleans())
    def events_travel(self, count: int, twice: bool) -> None:  # noqa: FBT001 - Hypothesis gives each by name
        for _ in range(min(count, len(self.wire))):
            data = self.wire.popleft()
            self.deliver(data)
            if twice:
                self.deliver(data)

    @precondition(lambda self: self.connected)
    @rule()
    def drop(self) -> None:
        self.connected = False
        self.wire.clear()
        self.take(self.conversation.lose())

    @precondition(lambda self: not self.connected)
    @rule(forget=st.booleans())
    def reconnect(self, forget: bool) -> None:  # noqa: FBT001 - Hypothesis gives each by name
        if forget:
            self.members = {"#lobby"}
            if not self.trimmed:  # then a message whose id is forgotten is still found in the log
                self.ids_forgotten = True
                self.known_ids.clear()
        self.connected = True
        answer = welcome(*map(self.info, sorted(self.members)), epoch=str(self.epoch))
        self.take(self.conversation.enter(answer))
        for room in self.conversation.rooms.values():
            if not room.anew:  # otherwise it goes on from wherever the new log is when we are let in
                self.place.setdefault(room.name, room.seen)

    @precondition(lambda self: not self.connected)
    @rule()
    def the_server_begins_anew(self) -> None:
        self.epoch += 1
        self.new_server()

    @precondition(lambda self: not self.ids_forgotten)
    @rule(room=NAMES, count=st.integers(1, 5))
    def the_server_forgets(self, room: str, count: int) -> None:
        self.trimmed = True
        log = self.logs[room]
        count = min(count, len(log.lines))
        log.first += count
        del log.lines[:count]

    @invariant()
    def acknowledged_is_stored_once(self) -> None:
        assert all(self.ever_stored[cid] >= 1 for cid in self.acknowledged)
        if self.epoch == 1:
            assert all(count == 1 for count in self.ever_stored.values())

    @invariant()
    def what_was_yielded_is_what_was_seen(self) -> None:
        for room in self.conversation.rooms.values():
            if not room.anew and room.name in self.place:
                assert room.seen == self.place[room.name]

    def teardown(self) -> None:
        """Left in peace, everything comes to rest: no request pending, nothing held back, all seen."""
        if not self.connected:
            self.reconnect(forget=False)
        for _ in range(10_000):
            if self.wire:
                self.deliver(self.wire.popleft())
            elif (frame := self.conversation.next_frame()) is not None:
                request = decode_request(frame)
                assert not isinstance(request, tuple)
                self.wire.append(encode(self.serve(request)))
            else:
                break
        assert not self.conversation.has_pending
        for name in self.members & self.conversation.rooms.keys():
            room = self.conversation.rooms[name]
            assert not room.catching_up
            assert room.seen == self.logs[name].last


AgainstModel.TestCase.settings = settings(max_examples=300, stateful_step_count=50, deadline=None)
test_against_a_model_of_a_server = AgainstModel.TestCase


# ---- single rules, each by itself ----------------------------------------------------------------


def frames(conversation: ClientState) -> list[requests.AnyRequest]:
    found: list[requests.AnyRequest] = []
    while (frame := conversation.next_frame()) is not None:
        request = decode_request(frame)
        assert not isinstance(request, tuple)
        found.append(request)
    return found


def talking(*rooms: RoomInfo) -> ClientState:
    conversation = ClientState("c")
    conversation.enter(welcome(*(rooms or (RoomInfo(name="#lobby"),))))
    return conversation


def test_requests_are_sent_in_order_once_on_each_connection() -> None:
    conversation = talking()
    for text in ("one", "two"):
        conversation.ask(requests.Send(id=conversation.make_id(), text=text, room="#lobby"))
    first = frames(conversation)
    assert [request.id for request in first] == ["c-1", "c-2"]
    assert frames(conversation) == []
    conversation.take(Ok(id="c-1", room="#lobby", seq=1, time=""))
    conversation.lose()
    conversation.enter(welcome(RoomInfo(name="#lobby")))
    (second,) = frames(conversation)
    assert second == msgspec.structs.replace(first[1], again=True)


def test_our_room_is_found_in_any_spelling() -> None:
    conversation = talking(RoomInfo(name="#ops", last=1))
    conversation.lose()
    conversation.enter(welcome(RoomInfo(name="#ops", last=2)))
    for room in ("OPS", "#OTHER"):
        conversation.ask(requests.Send(id=room, text="one", room=room))
    asked = [(type(request), getattr(request, "room", "")) for request in frames(conversation)]
    assert asked == [(requests.History, "#ops"), (requests.Send, "#OTHER")]  # what is for #ops waits for its log


def test_a_change_that_is_sent_again_says_so() -> None:
    conversation = talking()
    conversation.ask(requests.Kick(id="k", room="#ops", name="bob"))
    (first,) = frames(conversation)
    conversation.lose()
    conversation.ask(requests.Kick(id="new", room="#ops", name="eve"))
    conversation.enter(welcome(RoomInfo(name="#lobby")))
    assert frames(conversation) == [
        msgspec.structs.replace(first, again=True),
        requests.Kick(id="new", room="#ops", name="eve"),
    ]


UNKNOWN = Error(id="s", code="unknown_person", message="Nobody here is called bob.", advice="Nothing was sent.")


def test_a_guests_message_is_retried_while_its_recipient_is_not_back() -> None:
    conversation = talking()
    conversation.lose()
    conversation.ask(requests.Send(id="s", text="psst", to=("bob",)))
    conversation.enter(msgspec.structs.replace(welcome(RoomInfo(name="#lobby")), owned=False))
    for _ in range(PATIENCE):
        assert [request.id for request in frames(conversation)] == ["s"]
        assert conversation.take(UNKNOWN) == Step(early=["s"])
        assert frames(conversation) == []
        conversation.try_again("s")
        conversation.try_again("s")
    step = conversation.take(UNKNOWN)
    assert step.answers == {
        "s": msgspec.structs.replace(UNKNOWN, advice="Nothing was sent. The message was: psst"),
    }
    assert not conversation.has_pending
    conversation.try_again("s")
    assert conversation.take(UNKNOWN) == Step()


def test_a_guests_messages_are_retried_only_shortly_after_a_reconnect() -> None:
    conversation = talking()
    conversation.lose()
    conversation.enter(msgspec.structs.replace(welcome(RoomInfo(name="#lobby")), owned=False))
    for patient in (True, False):
        conversation.ask(requests.Send(id="s", text="psst", to=("bob",)))
        step = conversation.take(UNKNOWN)
        assert (step.early == ["s"], "s" in step.answers) == (patient, not patient)
        conversation.forget("s")
        conversation.calm_down()


def test_where_names_are_owned_an_unknown_recipient_is_not_retried() -> None:
    conversation = talking()
    conversation.ask(requests.Send(id="s", text="psst", to=("bob",)))
    assert conversation.take(UNKNOWN).answers == {"s": UNKNOWN}
    conversation.lose()
    conversation.ask(requests.Send(id="s", text="psst", to=("bob",)))
    conversation.enter(msgspec.structs.replace(welcome(RoomInfo(name="#lobby")), owned=True))
    assert "The message was: psst" in str(conversation.take(UNKNOWN).answers["s"])


def test_rooms_are_joined_again_before_messages_are_sent_to_them() -> None:
    conversation = talking(RoomInfo(name="#lobby"), RoomInfo(name="#ops"))
    conversation.lose()
    conversation.ask(requests.Send(id="s", text="", room="#ops"))
    conversation.enter(welcome(RoomInfo(name="#lobby")))
    (join,) = frames(conversation)
    assert isinstance(join, requests.Join)
    conversation.take(Room(id=join.id, room=RoomInfo(name="#ops")))
    assert [type(request) for request in frames(conversation)] == [requests.Send]


def test_the_read_position_is_sent_again_to_a_server_that_forgot_it() -> None:
    conversation = talking(RoomInfo(name="#lobby", last=9, read=2), RoomInfo(name="#ops", last=9, read=2))
    for room, seq in (("#lobby", 7), ("#ops", 8)):
        conversation.ask(requests.Read(id=room, room=room, seq=seq))
        conversation.take(Ok(id=room))
    frames(conversation)
    remembers, forgot = RoomInfo(name="#lobby", last=9, read=7), RoomInfo(name="#ops", last=9, read=2)
    for _ in range(2):  # once for each connection
        conversation.lose()
        conversation.enter(welcome(remembers, forgot))
        (report,) = frames(conversation)
        assert isinstance(report, requests.Read)
        assert (report.room, report.seq) == ("#ops", 8)
    conversation.lose()
    conversation.enter(welcome(remembers, msgspec.structs.replace(forgot, read=8)))
    assert not conversation.has_pending


def test_the_read_position_is_not_sent_to_a_history_that_began_anew() -> None:
    conversation = talking(RoomInfo(name="#lobby", last=9, read=7))
    conversation.lose()
    conversation.enter(welcome(RoomInfo(name="#lobby", last=9, read=2), epoch="2"))
    assert not any(isinstance(request, requests.Read) for request in frames(conversation))


def test_anothers_message_with_our_id_acknowledges_nothing() -> None:
    conversation = talking()
    conversation.ask(requests.Send(id="c-9", text="", room="#lobby"))
    frames(conversation)
    assert conversation.take(message(1, sender="mallory", cid="c-9")).answers == {}
    assert conversation.take(message(2, sender="ada", cid="c-9")).answers.keys() == {"c-9"}


def test_a_request_too_large_for_the_new_servers_limits_is_refused() -> None:
    conversation = talking()
    conversation.ask(requests.Send(id="big", text="x" * 500, room="#lobby"))
    conversation.lose()
    step = conversation.enter(welcome(RoomInfo(name="#lobby"), frame=400))
    answer = step.answers["big"]
    assert isinstance(answer, Error)
    assert answer.code == "too_big"
    assert frames(conversation) == []


def test_a_request_that_cannot_be_sent_never_becomes_pending() -> None:
    conversation = talking()
    with pytest.raises(NotDone):
        conversation.ask(requests.Send(id="x", text="\udc80", room="#lobby"))
    assert not conversation.has_pending


def test_pending_received_requests_are_bounded() -> None:
    conversation = talking(RoomInfo(name="@ada+bob", direct=True))
    for seq in range(1, MOST_RECEIVED + 50):
        conversation.take(message(seq, room="@ada+bob"))
    assert conversation.pending_count == MOST_RECEIVED


def test_a_room_left_on_another_device_is_left() -> None:
    conversation = talking(RoomInfo(name="#ops"))
    step = conversation.take(Left(room="#ops"))
    assert step.events == [Left(room="#ops")]
    assert conversation.rooms == {}


def test_an_event_of_a_conversation_that_the_welcome_left_out_is_yielded() -> None:
    conversation = talking()
    assert conversation.take(message(7, room="@ada+bob")).events == [message(7, room="@ada+bob")]
    assert conversation.take(message(7, room="@ada+bob")).events == []


@pytest.mark.parametrize("notice_first", [True, False])
def test_our_name_has_the_servers_spelling(*, notice_first: bool) -> None:
    conversation = talking()
    conversation.ask(requests.Nick(id="n", name="LOVELACE"))
    frames(conversation)
    events: list[AnyEvent] = [Renamed(old="ada", new="Lovelace"), Ok(id="n")]
    for event in events if notice_first else reversed(events):
        conversation.take(event)
    assert conversation.name == "Lovelace"
    conversation.take(Renamed(old="ada", new="somebody else"))
    assert conversation.name == "Lovelace"


def test_an_error_without_a_request_is_yielded() -> None:
    conversation = talking()
    error = Error(code="not_text", message="The server does not accept binary messages.")
    assert conversation.take(error).events == [error]


def test_a_welcome_in_mid_conversation_changes_nothing() -> None:
    conversation = talking()
    step = conversation.take(welcome(name="mallory"))
    assert (step.events, step.answers, conversation.name) == ([], {}, "ada")


def test_the_reason_of_a_close_is_kept_until_the_connection_is_lost() -> None:
    conversation = talking()
    closing = Closing(code="idle", message="Bye!")
    assert conversation.take(closing).events == [closing]
    assert conversation.closing == closing
    conversation.lose()
    assert conversation.closing is None


def test_an_event_of_an_unknown_type_is_ignored() -> None:
    assert read_event(b'{"type":"hologram"}') is None


def test_a_frame_that_is_no_json_raises() -> None:
    with pytest.raises(msgspec.DecodeError):
        read_event(b"hello")


def test_log_requests_of_an_old_connection_are_not_sent_again() -> None:
    conversation = talking()
    conversation.take(message(5))
    (history,) = frames(conversation)
    assert isinstance(history, requests.History)
    conversation.lose()
    conversation.enter(welcome(RoomInfo(name="#lobby", last=0)))
    assert frames(conversation) == []
