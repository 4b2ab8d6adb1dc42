"""The controller: each key reaches the part that runs it, and each command of the tables has a method."""

from __future__ import annotations

from functools import partial

import pytest

from tests.ui.tui.controller.fakes import Desk
from trio_chat.client.known_accounts import AccountRef
from trio_chat.protocol.events import Invited, TypingNotice
from trio_chat.ui.actions.actions import JoinRoom, SendRoom, SendTo
from trio_chat.ui.actions.messages import ByNumber, DeleteMessage, EditMessage, ReactToMessage
from trio_chat.ui.input.decoder import Pasted, Typed
from trio_chat.ui.input.editor import Editor
from trio_chat.ui.tui.controller.commands import ScreenCommands
from trio_chat.ui.tui.controller.messages import MessageActions
from trio_chat.ui.tui.model import keys
from trio_chat.ui.tui.model.panes import ListPane, Question, TextPane
from trio_chat.ui.tui.session.background import BackgroundRequests
from trio_chat.ui.tui.session.live_settings import set_up


def test_every_command_of_the_tables_can_be_run() -> None:
    desk = Desk()
    for row in keys.KEYS:
        if row.context == "message":
            assert row.command in MessageActions.commands
        elif row.context == "input":
            known = {*Editor.commands, *desk.controller.input.commands, "external-editor"}
            assert row.command in known, row.command
    assert {one.name for one in keys.COMMANDS} == set(ScreenCommands.commands)


async def test_a_typed_line_becomes_a_message_to_the_room_or_to_people() -> None:
    desk = Desk()
    await desk.submit("hello :+1:")
    await desk.submit("@bob: lunch?")
    assert desk.queue.actions == [(SendRoom("#lobby", "hello 👍"), None), SendTo(("bob",), "lunch?")]
    assert desk.session.calls == ["line hello :+1:", "line @bob: lunch?"]


async def test_only_a_line_to_a_room_is_reported_as_being_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[str] = []
    monkeypatch.setattr(BackgroundRequests, "report_typing", lambda _self, room: reported.append(room))
    desk = Desk()
    await desk.press(Typed("h"), Typed("i"))
    assert reported == ["#lobby", "#lobby"]
    await desk.press("C-a", "C-k", Typed("/"), Typed("m"))
    assert reported == ["#lobby", "#lobby"]


async def test_a_key_goes_to_the_pane_then_to_the_selected_message_then_to_the_input() -> None:
    desk = Desk()
    await desk.press("M-s")
    assert desk.model.room.selected == 2
    await desk.press(Typed("+"))
    assert isinstance(desk.pane, Question)
    await desk.press(Typed("tada"), "Enter")
    assert desk.queue.actions == [ReactToMessage("#lobby", ByNumber(2), "🎉", on=True)]
    await desk.press(Typed("hi"))
    assert desk.model.room.editor.text == "hi"


async def test_a_reaction_that_is_there_is_removed_by_the_same_key() -> None:
    desk = Desk()
    entry = desk.model.room.log.find(2)
    assert entry is not None
    entry.reactions = {"🎉": (AccountRef("ada"), AccountRef("eve"))}
    await desk.press("M-s", Typed("+"), Typed("tada"), "Enter")
    assert desk.queue.actions == [ReactToMessage("#lobby", ByNumber(2), "🎉", on=False)]


async def test_messages_are_edited_and_deleted_by_key_and_by_command() -> None:
    desk = Desk()
    await desk.submit("/edit ^ better")
    await desk.submit("/delete 1")
    await desk.press("Enter")
    await desk.press("M-s", "Up", Typed("e"))
    assert desk.model.room.editor.text == "from ada"
    await desk.press(Typed("!"), "Enter")
    assert desk.queue.actions == [
        EditMessage("#lobby", ByNumber(1), "better"),
        DeleteMessage("#lobby", ByNumber(1)),
        EditMessage("#lobby", ByNumber(1), "from ada!"),
    ]


async def test_a_message_that_is_not_there_is_an_error_and_the_line_comes_back() -> None:
    desk = Desk()
    await desk.submit("/edit ^^ better")
    assert desk.queue.actions == []
    assert desk.model.room.editor.text == "/edit ^^ better"
    assert desk.model.room.log.entries[-1].kind == "error"


async def test_a_line_that_makes_no_sense_is_an_error_and_comes_back() -> None:
    desk = Desk()
    await desk.submit("/msg bob")
    assert desk.queue.actions == []
    assert desk.model.room.log.entries[-1].kind == "error"
    assert desk.model.room.editor.text == "/msg bob"


async def test_a_number_alone_is_a_reaction_to_the_newest_message_and_before_another_word_a_message() -> None:
    desk = Desk()
    await desk.submit("/react 1 tada")
    await desk.submit("/react 101")
    await desk.submit("/react 1")
    assert desk.queue.actions == [
        ReactToMessage("#lobby", ByNumber(1), "🎉", on=True),
        ReactToMessage("#lobby", ByNumber(2), "101", on=True),
        ReactToMessage("#lobby", ByNumber(2), "1", on=True),
    ]


async def test_a_reply_names_its_message() -> None:
    desk = Desk()
    await desk.submit("/reply ^ yes")
    await desk.press("M-r", Typed("no"), "Enter")
    assert desk.queue.actions == [(SendRoom("#lobby", "yes"), 2), (SendRoom("#lobby", "no"), 2)]


async def test_a_long_paste_is_asked_about_and_its_pieces_are_kept_together() -> None:
    desk = Desk()
    await desk.press(Pasted("line\n" * 9))
    assert isinstance(desk.pane, Question)
    await desk.press(Pasted("end"), "Enter")
    assert desk.model.room.editor.text == "line\n" * 9 + "end"


async def test_keys_of_the_screen_and_of_the_session_reach_them() -> None:
    desk = Desk()
    await desk.press("PageUp", "S-Down", "F2", "F3", "C-l", "C-x", "C-e", "C-z", "C-c")
    assert desk.screen.calls == ["pages 1", "scroll -1", "rooms", "people", "repaint"]
    assert desk.session.calls == ["edit outside", "suspend", "end 130"]
    await desk.submit("/theme light")
    await desk.submit("/quit")
    assert desk.screen.calls[-1] == "theme light"
    assert desk.session.calls[-1] == "leave soon"


async def test_help_the_switcher_and_a_search_open_a_pane() -> None:
    desk = Desk()
    await desk.press(Typed("?"))
    panes = [desk.pane]
    await desk.press("Escape", "M-k")
    panes.append(desk.pane)
    await desk.press("Escape")
    await desk.submit("/search tea")
    panes.append(desk.pane)
    assert [type(pane) for pane in panes] == [TextPane, ListPane, ListPane]
    assert [pane.title for pane in panes if pane is not None] == ["Keys and commands", "Go to", "Search: tea"]


async def test_a_new_password_is_asked_for_twice() -> None:
    desk = Desk()
    await desk.submit("/password")
    for _ in range(2):
        assert isinstance(desk.pane, Question)
        await desk.press(Typed("long enough"), "Enter")
    assert [type(action).__name__ for action in desk.queue.actions] == ["SetOwnPassword"]


async def test_the_screen_is_emptied_and_scrolling_back_fetches_the_log() -> None:
    desk = Desk()
    assert len(desk.model.room.log) == 2
    await desk.submit("/clear")
    room = desk.model.room
    assert len(room.log) == 0
    assert not desk.model.wants_older(room)
    room.asked = True
    assert desk.model.wants_older(room)


async def test_settings_and_aliases_change_the_screen_at_once() -> None:
    desk = Desk()
    preferences = desk.model.place.preferences
    preferences.watch(partial(set_up, desk.model))
    await desk.submit("/set highlight deploy")
    await desk.submit("/set trailing_names mention")
    await desk.submit("/alias hug /me hugs $1")
    assert desk.model.attention.words is not None
    await desk.submit("tea? @eve")
    await desk.submit("/hug eve")
    assert desk.queue.actions == [
        (SendRoom("#lobby", "tea? @eve"), None),
        (SendRoom("#lobby", "hugs eve", kind="action"), None),
    ]
    await desk.submit("/set them dark")
    assert desk.model.room.log.entries[-1].text == "There is no setting them. Did you mean theme?"
    assert desk.model.room.editor.text == ""


async def test_typing_is_not_shown_where_the_setting_is_off() -> None:
    desk = Desk()
    preferences = desk.model.place.preferences
    preferences.watch(partial(set_up, desk.model))
    desk.model.take(TypingNotice(room="#lobby", name="bob"), 0.0, 0.0)
    assert desk.model.room.writing(1.0) == ("bob",)
    await desk.submit("/set typing off")
    assert desk.model.room.writing(1.0) == ()
    desk.model.take(TypingNotice(room="#lobby", name="bob"), 0.0, 0.0)
    assert desk.model.room.writing(1.0) == ()


async def test_a_new_connection_needs_one_before() -> None:
    desk = Desk()
    await desk.submit("/reconnect")
    assert desk.model.notice.startswith("There was no connection yet")
    assert desk.queue.actions == []


async def test_the_list_of_rooms_offers_those_that_could_be_joined() -> None:
    desk = Desk()
    desk.model.take(Invited(room="#plans", by="bob"), 0.0, 0.0)
    await desk.press("M-k", Typed("pla"))
    assert isinstance(desk.pane, ListPane)
    assert [row.label for row in desk.pane.rows] == ["join #plans"]
    await desk.press("Enter")
    assert desk.queue.actions == [JoinRoom("#plans")]
