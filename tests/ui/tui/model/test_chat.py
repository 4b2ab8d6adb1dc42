"""The full screen's model: unread messages, own messages, people, the connection, scrolling."""

from __future__ import annotations

from datetime import UTC

import pytest

from tests.ui.followed import LOBBY, FollowedModel, entered, message
from tests.ui.tui.rich_server import stamp
from trio_chat.client.events import Disconnected
from trio_chat.client.rooms import RoomView
from trio_chat.protocol import events
from trio_chat.ui.input.editor import Editor
from trio_chat.ui.model.ignored import Ignore, Ignored
from trio_chat.ui.model.place import Place
from trio_chat.ui.tui.model.attention import Notification
from trio_chat.ui.tui.model.effects import AskPeople, Fetch, Load, SayRead
from trio_chat.ui.tui.model.room import RoomModel
from trio_chat.ui.tui.widgets.conversation import ConversationLayout, ConversationStyle, plain_text


def filled(count: int) -> tuple[RoomModel, ConversationLayout, ConversationStyle]:
    room = RoomModel(RoomView(LOBBY))
    room.log.take_older([message(n) for n in range(1, count + 1)], more=False)
    return room, ConversationLayout(), ConversationStyle(Place("ada"))


def shown(room: RoomModel, conversation: ConversationLayout, look: ConversationStyle, height: int = 10) -> list[str]:
    return [plain_text(row).split("  ")[-1].strip() for row in conversation.view(room, 80, height, look).rows]


# ---- unread messages ------------------------------------------------------------------------------


def test_the_room_on_the_screen_is_read_and_does_not_call() -> None:
    model = entered()
    effects = model.take(message(1, "hello @ada"), 0.0, 0.0)
    assert effects == [SayRead(LOBBY, 1)]
    assert model.room.unread == 0


def test_messages_elsewhere_are_unread_and_mentions_call() -> None:
    model = entered()
    assert model.take(message(1, "nothing", room="#ops"), 0.0, 0.0) == []
    assert model.take(message(2, "you, @ada!", room="#ops"), 0.0, 0.0) == [Notification("bob in #ops", "you, @ada!")]
    assert model.take(message(1, "psst", room="@ada+bob"), 0.0, 0.0) == [Notification("bob", "psst")]
    ops = model.rooms["#ops"]
    assert (ops.unread, ops.mentions, ops.new_since) == (2, 1, 0)
    assert model.next_room() == "#ops"
    effects = model.look("#ops")
    assert SayRead("#ops", 2) in effects
    assert (ops.unread, ops.mentions) == (0, 0)
    assert model.next_room() == "@ada+bob"
    model.look("@ada+bob")
    assert model.next_room() == "#ops"  # nothing is left: back to where one was


def test_a_window_without_focus_reads_nothing() -> None:
    model = entered(policy="all")
    model.attention.focused = False
    assert model.take(message(1, "anything"), 0.0, 0.0) == [Notification("bob in #lobby", "anything")]
    assert model.room.unread == 1
    model.attention.focused = True
    assert model.saw() == [SayRead(LOBBY, 1)]


def test_a_rename_is_shown_in_the_direct_conversation() -> None:
    model = entered()
    model.take(events.Renamed(old="bob", new="robert"), 0.0, 0.0)
    room = model.rooms["@ada+bob"]
    assert (model.label(room), room.facts.members) == ("robert", ("ada", "robert"))
    assert [entry.text for entry in room.log.entries] == ["bob is robert now."]


@pytest.mark.parametrize(("given", "shown"), [("moderator", "moderator"), ("member", "")])
def test_a_new_role_is_shown_in_the_list_of_people(given: str, shown: str) -> None:
    model = entered()
    people = (events.PersonInfo(name="ada"), events.PersonInfo(name="bob", role="owner"))
    model.take(events.People(id="", room="#ops", people=people), 0.0, 0.0)
    deed = {"room": "#ops", "seq": 1, "time": stamp(1), "sender": "ada", "action": "role"}
    for target in ("bob", "somebody"):
        model.take(events.Moderated(**deed, target=target, value=given), 0.0, 0.0)  # type: ignore[arg-type] # its fields
    assert {person.name: person.role for person in model.rooms["#ops"].people} == {"ada": "", "bob": shown}


def test_a_direct_conversation_begun_while_away_is_unread() -> None:
    direct = events.RoomInfo(name="@ada+bob", direct=True, members=("ada", "bob"), last=2)
    model = entered(events.RoomInfo(name=LOBBY, last=9), direct)
    assert (model.rooms[LOBBY].unread, model.rooms["@ada+bob"].unread) == (0, 2)
    assert model.next_room() == "@ada+bob"
    assert model.rooms["@ada+bob"].new_since == 0


def test_messages_of_ignored_people_are_not_unread() -> None:
    model = FollowedModel()
    model.place.ignored = Ignored(["Mallory"])
    infos = (
        events.RoomInfo(name=LOBBY),
        events.RoomInfo(name="#ops", last=6, read=1, mentions=2),
        events.RoomInfo(name="#old", last=3, read=3),
    )
    effects = model.begin(*infos)
    assert effects[-1] == Load(("#ops",))
    ops = model.rooms["#ops"]
    assert (ops.unread, ops.mentions) == (5, 2)  # all that the server can know
    mark = events.Reacted(room="#ops", seq=6, time=stamp(6), sender="bob", target=5, mark="+1")
    spam = [message(seq, "hey @ada", "mallory", "#ops") for seq in (2, 3)]
    page = [*spam, message(4, "mine", "ada", "#ops"), message(5, "hello", room="#ops"), mark]
    ops.log.take_older(page, more=True)
    ops.loaded = True
    assert (ops.unread, ops.mentions) == (1, 0)
    model.take(message(7, "more", "mallory", "#ops"), 0.0, 0.0)
    assert ops.unread == 1
    model.place.ignored.do(Ignore("mallory", on=False), model.place.accounts)
    assert model.count() == []
    assert (ops.unread, ops.mentions) == (4, 2)
    model.place.ignored.do(Ignore("bob"), model.place.accounts)
    assert model.count() == []
    assert (ops.unread, ops.mentions) == (3, 2)


def test_every_event_that_is_not_loaded_counts_as_unread() -> None:
    model = entered(events.RoomInfo(name=LOBBY), events.RoomInfo(name="#ops", last=200, read=10, mentions=3))
    ops = model.rooms["#ops"]
    model.place.ignored.do(Ignore("mallory"), model.place.accounts)
    assert model.count() == [Load(("#ops",))]
    ops.log.take_older([message(200, "@ada", "mallory", "#ops")], more=True)
    assert (ops.unread, ops.mentions) == (189, 3)


def test_entering_a_room_fetches_its_newest_page_once() -> None:
    model = entered()
    assert Fetch("#ops", "newest") in model.look("#ops")
    assert not [one for one in model.look("#ops") if isinstance(one, Fetch)]
    assert AskPeople("#ops") in model.look("#ops")


# ---- own messages ---------------------------------------------------------------------------------


def test_a_message_is_pending_then_acknowledged_then_delivered() -> None:
    model = entered()
    room = model.rooms["@ada+bob"]
    local = model.send(room.name, "hi", "text", 1.0)
    assert [(entry.text, entry.delivery) for entry in room.pending] == [("hi", "pending")]
    model.take(message(1, "hi", "ada", room.name), 0.0, 0.0)
    assert (room.pending, room.log.entries[0].delivery) == ([], "sent")
    model.acknowledged(room.name, local, 1)
    model.take(events.Delivered(room=room.name, seq=1, by="bob"), 0.0, 0.0)
    assert room.log.entries[0].delivery == "delivered"
    model.acknowledged(room.name, local, 1)
    assert room.log.entries[0].delivery == "delivered"


def test_an_acknowledgement_before_the_message_leaves_no_double() -> None:
    model = entered()
    local = model.send(LOBBY, "hi", "text", 1.0)
    model.acknowledged(LOBBY, local, 1)
    assert model.room.pending == []
    model.take(message(1, "hi", "ada"), 0.0, 0.0)
    assert len(model.room.log) == 1


def test_a_refused_message_returns_to_the_input_and_the_reason_is_shown() -> None:
    model = entered()
    local = model.send(LOBBY, "waves", "action", 1.0)
    model.failed(LOBBY, local, "No.", 1.0)
    assert model.room.pending == []
    assert model.room.editor.text == "/me waves"
    assert model.room.log.entries[-1].text == "No."
    local = model.send(LOBBY, "more", "text", 2.0)
    model.failed(LOBBY, local, "No!", 2.0)  # something else is typed: that stays
    assert model.room.editor.text == "/me waves"
    assert [entry.text for entry in model.room.log.entries[-2:]] == ["Not sent: more", "No!"]


def test_a_room_joined_later_has_an_input_with_the_history() -> None:
    model = entered()
    made = Editor(history=["before"])
    model.make_editor = lambda: made
    model.take(events.Room(id="", room=events.RoomInfo(name="#new", count=1)), 0.0, 0.0)
    assert model.rooms["#new"].editor is made


# ---- where a line goes, people, the connection ----------------------------------------------------


def test_the_destination_is_shown_and_unknown_recipients_are_refused() -> None:
    model = entered()
    assert model.destination(model.lines.read("hi @siss")) == ("siss (private)", False)  # nobody said yet who is here
    people = tuple(events.PersonInfo(name=name) for name in ("ada", "bob", "eve"))
    model.take(events.People(id="", room=LOBBY, people=people), 0.0, 0.0)
    assert model.destination(model.lines.read("hi")) == ("#lobby", False)
    assert model.destination(model.lines.read("hi @bob @eve")) == ("bob, eve (private)", False)
    assert model.destination(model.lines.read("hi @siss")) == ("nobody is called siss", True)
    model.look("@ada+bob")
    assert model.destination(model.lines.read("hi")) == ("bob (private)", False)
    assert model.destination(model.lines.read("@ALL: hi")) == ("everyone", False)


def test_leaving_a_room_returns_to_the_lobby() -> None:
    model = entered()
    model.look("#ops")
    model.take(events.Left(room="#ops", reason="You were put out."), 0.0, 0.0)
    assert model.place.room == LOBBY
    assert "#ops" not in model.rooms
    assert "You were put out." in model.room.log.entries[-1].text


def test_an_outage_is_counted_from_its_beginning() -> None:
    model = entered()
    model.take(Disconnected(reason="gone", retry_in=2.0), 10.0, 0.0)
    model.take(Disconnected(reason="still gone", retry_in=4.0, attempt=1), 13.0, 0.0)
    assert (model.connection.state, model.connection.since, model.connection.retry_at) == ("reconnecting", 10.0, 17.0)


def test_typing_holds_for_six_seconds_or_until_the_message() -> None:
    model = entered()
    model.take(events.TypingNotice(room=LOBBY, name="bob"), 0.0, 0.0)
    assert model.room.writing(5.0) == ("bob",)
    assert model.room.writing(6.5) == ()
    model.take(events.TypingNotice(room=LOBBY, name="bob"), 7.0, 0.0)
    model.take(message(1), 7.5, 0.0)
    assert model.room.writing(8.0) == ()


# ---- scrolling ------------------------------------------------------------------------------------


def test_scrolling_back_and_forward_returns_to_the_newest() -> None:
    room, conversation, look = filled(100)
    assert shown(room, conversation, look)[-1] == "m100"
    conversation.scroll(room, 7, 80, look)
    assert shown(room, conversation, look)[-1] == "m93"
    conversation.scroll(room, -3, 80, look)
    assert shown(room, conversation, look)[-1] == "m96"
    conversation.scroll(room, -50, 80, look)
    assert room.bottom is None
    conversation.scroll(room, 5000, 80, look)
    rows = shown(room, conversation, look)
    assert "m1" in rows
    assert rows[0]  # the first line stands at the top, with nothing empty above it


def test_arriving_and_fetched_messages_do_not_move_the_view() -> None:
    room, conversation, look = filled(100)
    conversation.scroll(room, 30, 80, look)
    before = shown(room, conversation, look)
    room.log.take(message(101))
    room.log.entries[:0] = []
    assert shown(room, conversation, look) == before


def test_a_line_far_away_is_revealed() -> None:
    room, conversation, look = filled(400)
    conversation.reveal(room, 50, 80, 10, look)
    assert "m50" in shown(room, conversation, look)
    conversation.reveal(room, 400, 80, 10, look)
    assert "m400" in shown(room, conversation, look)


@pytest.mark.parametrize("columns", [1, 2, 5, 12, 20, 36, 60, 120, 300])
def test_every_width_and_height_is_drawn(columns: int) -> None:
    room, conversation, look = filled(20)
    room.log.take(message(21, "日本語 **x** " * 20, reply_to=3, reactions={"👍": ("ada",)}))
    for height in (1, 2, 7, 60):
        assert len(conversation.view(room, columns, height, look).rows) == height


def test_reading_all_rooms_reports_those_that_were_unread() -> None:
    model = entered()
    model.take(message(1, room="#ops"), 0.0, 0.0)
    model.take(message(2, "@ada", room="#ops"), 0.0, 0.0)
    room = model.rooms["#ops"]
    assert (room.unread, room.mentions) == (2, 1)
    assert model.read_all() == [SayRead("#ops", 2)]
    assert (room.unread, room.mentions, room.new_since) == (0, 0, None)
    assert model.read_all() == []


def test_only_the_backlog_is_fetched_until_the_person_scrolls_back() -> None:
    model = entered()
    model.backlog = 3
    room = model.room
    assert not model.wants_older(room)
    room.log.take_older([message(n) for n in (8, 9)], more=True)
    room.loaded = True
    assert model.wants_older(room)
    room.log.take_older([message(7)], more=True)
    assert not model.wants_older(room)
    room.asked = True
    assert model.wants_older(room)


def test_numbers_take_a_column_of_their_own_as_wide_as_the_rooms_largest() -> None:
    room = RoomModel(RoomView(LOBBY, last=120))
    for event in (message(9), message(10), message(120, sender="eve")):
        room.log.take(event)
    place = Place("ada")
    place.numbered = True
    look = ConversationStyle(place, zone=UTC)
    for columns, wanted in (
        (80, ["12:00   #9          bob  m9", "       #10               m10", "12:02 #120          eve  m120"]),
        (40, ["12:00 #9 bob: m9", "      #10 m10", "12:02 #120 eve: m120"]),
        (20, ["#9 bob: m9", " #10 m10", "#120 eve: m120"]),
    ):
        view = ConversationLayout().view(room, columns, 4, look)
        assert [plain_text(row) for row in view.rows[1:]] == wanted


def test_the_selected_message_alone_is_highlighted() -> None:
    model = entered()
    for seq in (1, 2, 3):
        model.take(message(seq, f"text {seq}", room=LOBBY), 0.0, 0.0)
    model.room.selected = 2
    rows = ConversationLayout().view(model.room, 60, 10, ConversationStyle(model.place, zone=UTC)).rows
    highlighted = [plain_text(row) for row in rows if any("selected" in span.style for span in row)]
    assert len(highlighted) == 1
    assert "text 2" in highlighted[0]


@pytest.mark.parametrize(
    ("came", "shown_line"),
    [("abcdef", "→ a, b, c, d, e, f"), ("abcdefg", "→ a, b, c, d, e, f and 1 more")],
)
def test_six_people_who_came_are_named_and_more_are_counted(came: str, shown_line: str) -> None:
    room, conversation, look = filled(1)
    room.log.people(tuple(came), (), 1.0)
    assert plain_text(conversation.view(room, 80, 1, look).rows[0]).endswith(shown_line)


def test_no_text_is_too_long_before_the_server_has_said_how_long_one_may_be() -> None:
    model = FollowedModel()
    assert model.excess(model.lines.read("hello")) == 0
    model.most_text = 4
    assert model.excess(model.lines.read("hello")) == 1
