"""The full screen in a pseudo-terminal: what is done with messages, and how it shows in its place."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import trio

from tests.ui.tui.rich_server import LOBBY, Running
from tests.ui.tui.screens import Screen, Seat
from trio_chat.protocol import requests
from trio_chat.protocol.events import Delivered, Edited, Error


def test_edits_deletions_replies_and_reactions_appear_in_place(house: Running, ada: Screen) -> None:
    first = house.say("when?")
    ada.sees("when?")
    ada.press("M-r")
    ada.wait_for("↳ bob>")
    ada.type("at sevn\r")
    ada.sees("┌ bob: when?", "at sevn ✓")
    assert house.wait_asked(requests.Send).reply_to == first
    ada.type("/edit at seven\r")
    ada.sees("at seven (edited)")
    ada.press("M-s", "k")
    ada.type("+")
    ada.wait_for("emoji:")
    ada.type("tada\r")
    assert house.wait_asked(requests.React).mark == "🎉"
    assert house.wait_asked(requests.React).target == first
    ada.press("M-s", "k")
    ada.wait_for("🎉")
    ada.press("C-g", "C-g")  # from the message to the input, and on to the newest
    ada.type("/delete\r")
    ada.wait_for("Delete message")
    ada.press("Enter")
    ada.sees("(deleted)")
    assert "at seven" not in ada.text


def test_numbers_stand_before_the_messages_and_commands_take_them(house: Running, ada: Screen) -> None:
    house.say("one")
    house.say("two", "eve")
    ada.type("three\r")
    ada.sees("three ✓")
    ada.type("/numbers on\r")
    ada.wait_for("Numbers are shown")
    house.say("four", "eve")
    ada.sees("#4")
    if ada.screen.lines > 5:
        ada.sees("#1 bob one", "#2 eve two", "#3 ada three ✓", "#4 eve four")
    ada.type("/edit #3 drei\r")
    ada.wait_until(lambda: bool(house.server.asked(requests.Edit)), "the edit")
    assert (house.wait_asked(requests.Edit).target, house.wait_asked(requests.Edit).text) == (3, "drei")
    ada.type("/reply 1 of course\r")
    assert house.wait_asked(requests.Send, count=2).reply_to == 1
    ada.sees("of course ✓")
    ada.type("/reply ^^^^ to one from the end\r")
    assert house.wait_asked(requests.Send, count=3).reply_to == 2
    ada.type("/react 2 tada\r")
    assert (house.wait_asked(requests.React).target, house.wait_asked(requests.React).on) == (2, True)
    ada.type("/react 2 tada\r")
    assert house.wait_asked(requests.React, count=2).on is True
    ada.type("/unreact 2 tada\r")
    assert house.wait_asked(requests.React, count=3).on is False
    ada.type("/delete ^\r")
    ada.wait_for("Delete message")
    ada.press("Enter")
    ada.wait_until(lambda: bool(house.server.asked(requests.Delete)), "the deletion")
    ada.type("/reply ^^^^^^^^^ no\r")
    ada.sees("/numbers on shows them.")
    assert ada.last_row.endswith(" no")
    ada.press("C-u")
    ada.type("/numbers off\r")
    ada.sees("Numbers are hidden")


def test_check_marks_show_pending_acknowledged_and_delivered(house: Running, ada: Screen) -> None:
    gate = trio.Event()

    async def hold(_session: object, request: object) -> bool:
        if isinstance(request, requests.Send) and "later" in request.text:
            await gate.wait()
        return False

    async def release() -> None:
        gate.set()

    ada.type("now\r")
    ada.sees("now ✓")
    who = f"bob{ada.screen.columns}"
    room = house.open_direct(who)
    house.say("there?", who, room)
    ada.wait_for("1 for you")
    ada.press("M-a")
    ada.wait_until(lambda: "vate)>" in ada.last_row, "the private conversation")
    ada.type("psst\r")
    ada.sees("psst ✓")
    house.tell(Delivered(room=room, seq=2, by=who))
    ada.sees("psst ✓✓")
    house.server.before = hold
    ada.type("later\r")
    ada.sees("later …")
    house.do(release)
    ada.sees("later ✓")
    ada.entered.add(room)
    ada.type(f"/go {house.here}\r")
    ada.wait_prompt(house.here)


def test_a_refused_message_is_explained_and_stays_in_the_input(house: Running, ada: Screen) -> None:
    async def refuse(session: object, request: object) -> bool:
        if isinstance(request, requests.Edit):
            await session.say(Error(id=request.id, code="not_yours", message="It is not yours."))  # type: ignore[attr-defined] # a Session
        return isinstance(request, requests.Edit)

    house.server.before = refuse
    house.say("one")
    ada.sees("one")
    ada.type("/edit 1 two\r")
    ada.sees("! It is not yours.")


def test_edits_and_deletions_of_others_are_shown(house: Running, ada: Screen) -> None:
    seq = house.say("teh")
    ada.sees("teh")
    edit = Edited(room=house.here, seq=seq + 1, time="2026-07-27T12:00:09Z", sender="bob", target=seq, text="the")
    house.do(house.server.publish, edit)
    ada.sees("the (edited)")
    assert "teh" not in ada.text


def test_all_about_a_message_is_shown_on_demand(house: Running, ada: Screen) -> None:
    house.say("hi", "eve", reactions={"👍": ("ada", "bob")})
    ada.sees("hi")
    ada.press("M-s")
    ada.type("i")
    ada.wait_for("sender  ")
    shown = " ".join(ada.text.split())
    assert "sender eve" in shown
    if ada.screen.lines > 5:
        for text in ("time 2026-07-27 12:00:01", "number 1", "👍 from ada, bob"):
            assert text in shown
        assert ada.text.count("└") == 1
        assert ada.row_of("└") - ada.row_of("┌") == 5  # no larger than what it holds
    ada.press("C-g", "C-g")
    ada.wait_prompt(house.here)


def test_the_draft_before_an_edit_comes_back(house: Running, ada: Screen) -> None:
    ada.type("said\r")
    ada.sees("said ✓")
    for end, wanted in (("C-g", "said ✓"), ("!\r", "said!")):
        ada.type("precious")
        ada.wait_for("precious")
        ada.press("M-s")
        ada.type("e")
        ada.wait_gone("precious")
        ada.press(end)
        ada.wait_for("precious")
        ada.sees(wanted)
        ada.press("C-u")
        ada.wait_gone("precious")


def test_a_message_can_be_selected_when_none_is_visible(house: Running, ada: Screen) -> None:
    house.say("hidden?")
    ada.sees("hidden?")
    for _ in range(ada.screen.lines):
        ada.type("/notify\r")
    ada.wait_until(lambda: "hidden?" not in ada.text, "it to be scrolled away")
    ada.press("M-s")
    ada.sees("hidden?")
    ada.press("C-g")


def test_links_are_osc_8_and_copy_mode_works_from_the_keyboard(house: Running, ada: Screen) -> None:
    house.say("look: https://a.example/b?c=d.")
    house.say("second")
    ada.sees("second")
    ada.wait_until(lambda: b"https://a.example/b?c=d\x1b\\" in ada.raw, "the link")
    ada.press("M-s", "Up")
    ada.type("l")
    ada.wait_until(lambda: b"\x1b]52;c;" + base64.b64encode(b"https://a.example/b?c=d") in ada.raw, "the link's copy")
    ada.press("M-s", "Up")
    ada.type("vjc")
    wanted = base64.b64encode(b"bob: look: https://a.example/b?c=d.\nbob: second")
    ada.wait_until(lambda: wanted in ada.raw, "the copy of both")


def test_a_question_is_readable_in_the_smallest_window(house: Running, seat: Seat) -> None:
    ada = seat.sit(12, 4)
    house.say("oops", "ada")
    ada.sees("oops")
    ada.type("/delete\r")
    wanted = ["Delete me", "ada: oops", "Enter del", "Esc keep "]
    ada.wait_until(lambda: [row[:9] for row in ada.rows] == wanted, "the question and its answers")
    ada.press("C-g", "C-g")
    ada.wait_gone("Esc keep")


def test_the_question_for_a_reaction_completes_names_and_refuses_other_words(house: Running, ada: Screen) -> None:
    house.say("well?")
    ada.sees("well?")
    ada.press("M-s")
    ada.type("+")
    ada.wait_for("emoji:")
    ada.type(":thu")
    ada.press("Tab")
    ada.wait_for("emoji: :thumbs")
    ada.wait_for("👎 :thumbsdown:")
    ada.press("Tab", "Tab")
    ada.wait_for("emoji: :thumbsup:")
    ada.press("C-u")
    ada.type("tadda\r")
    ada.wait_for("There is no emoji")
    ada.wait_for("emoji: tadda")
    assert not house.server.asked(requests.React)
    ada.press("C-u")
    ada.type("tad")
    ada.press("Tab")
    ada.wait_until(lambda: any(row.strip(" │").startswith("emoji: 🎉") for row in ada.rows), "it")
    ada.press("Enter")
    assert house.wait_asked(requests.React).mark == "🎉"
    ada.press("C-g")


def test_acting_on_a_message_scrolled_out_of_sight_shows_it_first(house: Running, ada: Screen) -> None:
    house.server.fill(80, f"{house.here}s")
    ada.enter(f"{house.here}s")
    ada.wait_for("message 80")
    ada.type("mine\r")
    ada.sees("mine ✓")
    for key, asked in (("d", "ada: mine"), ("e", "edit> mine")):
        ada.press("M-s")
        ada.wait_for("r reply")
        ada.type("\x1b[<64;10;2M" * 20)
        ada.wait_gone("mine")
        ada.type(key)
        ada.wait_for(asked)
        if key == "d":
            ada.press("C-g")
            ada.wait_gone("Delete message")
        ada.sees("mine ✓")
        assert key == "e" or ada.style("mine ✓").bg != "default"  # type: ignore[attr-defined] # a cell of pyte
        ada.press("C-g", "C-g")
        ada.press("M-G")
        ada.wait_prompt(f"{house.here}s")
        ada.sees("mine ✓")
    assert not house.server.asked(requests.Delete)


def test_a_message_that_calls_the_person_starts_their_program(house: Running, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(f'[client]\nnotify_command = ["tee", "-a", "{tmp_path}/called"]\n')
    with Screen(house.url, tmp_path).ready() as ada:
        ada.enter("#ops")
        house.say("nothing for her", room=LOBBY)
        house.say("@ada look", room=LOBBY)
        called = tmp_path / "called"
        ada.wait_until(lambda: called.exists() and called.read_text().endswith("}\n"), "the program")
        (event,) = map(json.loads, called.read_text().splitlines())
        assert (event["type"], event["room"], event["from"], event["text"]) == ("message", LOBBY, "bob", "@ada look")


def test_a_message_during_the_editor_calls_the_person_and_is_not_read(house: Running, tmp_path: Path) -> None:
    def lobby_reads() -> list[int]:
        return [read.seq for read in house.server.asked(requests.Read) if read.room == LOBBY]

    called, script = tmp_path / "called", tmp_path / "editor.sh"
    (tmp_path / "config.toml").write_text(f'[client]\nnotify_command = ["tee", "-a", "{called}"]\n')
    script.write_text("#!/bin/sh\necho EDITOR HERE\nread line\n")
    script.chmod(0o700)
    with Screen(house.url, tmp_path, EDITOR=str(script)).ready() as ada:
        ada.wait_for("connected")
        ada.press("C-x", "C-e")
        ada.wait_for("EDITOR HERE")
        house.forget()
        number = house.say("@ada look", room=LOBBY)
        ada.wait_until(lambda: called.exists() and called.read_text().endswith("}\n"), "the program")
        assert not lobby_reads()
        ada.type("\r")
        ada.wait_for("@ada look")
        ada.wait_until(lambda: lobby_reads() == [number], "the message to be read")
