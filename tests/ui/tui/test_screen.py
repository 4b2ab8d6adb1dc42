"""The full screen as a person sees it: the real program in a pseudo-terminal, at several sizes."""

from __future__ import annotations

import base64
import os
import signal
import stat
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.programs import ServerProgram, find_free_port, say
from tests.ui.tui.rich_server import LOBBY, RichServer, Running, stamp
from tests.ui.tui.screens import SIZES, Screen
from trio_chat.errors import FAULTS
from trio_chat.protocol import requests
from trio_chat.protocol.events import AwayChanged, Closing, Delivered, Error, Presence, TopicChanged, TypingNotice

# ---- layout -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_what_is_said_is_shown_at_every_size(chat: Running, tmp_path: Path, columns: int, rows: int) -> None:
    with Screen(chat.url, tmp_path, columns=columns, rows=rows).ready() as ada:
        chat.say("hello ada")
        ada.wait_for("hello ada")
        ada.type("hi bob\r")
        ada.wait_for("hi bob")
        assert ada.rows[-1].startswith("→ #lobby>")
        assert all(len(row) <= columns for row in ada.rows)
        ada.type("/quit\r")
        assert ada.wait_exit() == 0
        ada.assert_given_back()


def test_lists_topic_and_status_fold_away_and_come_back_as_the_window_changes(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path, columns=200, rows=50).ready() as ada:
        chat.do(chat.server.publish, TopicChanged(room=LOBBY, seq=1, time=stamp(), sender="bob", text="the topic"))
        ada.wait_until(lambda: "the topic" in ada.rows[0] and "3 here" in ada.text, "topic and people")
        assert "1 #lobby" in ada.text
        ada.resize(70, 24)
        ada.wait_until(lambda: "3 here" not in ada.text and "1 #lobby" in ada.text, "the people to fold away")
        ada.resize(40, 12)
        ada.wait_until(lambda: "1 #lobby" not in ada.text and "the topic" in ada.text, "the rooms to fold away")
        ada.resize(20, 5)
        ada.wait_until(lambda: len(ada.rows) == 5 and not ada.rows[0].startswith(" #lobby"), "the topic to fold away")
        assert ada.rows[-1].startswith("→ #lobby>")
        ada.resize(200, 50)
        ada.wait_until(lambda: "3 here" in ada.text and "the topic" in ada.rows[0], "everything to be back")


def test_the_input_grows_with_its_text_and_shrinks_again(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path, columns=40, rows=24).ready() as ada:
        ada.type("one")
        ada.press("M-Enter")
        ada.type("two")
        ada.press("M-Enter")
        ada.type("three")
        ada.wait_until(
            lambda: [row.strip() for row in ada.rows[-3:]] == ["→ #lobby> one", "two", "three"], "three rows"
        )
        ada.press("Enter")
        ada.wait_until(lambda: ada.rows[-1] == "→ #lobby>" and "connected" in ada.rows[-2], "one row again")
        assert chat.wait_asked(requests.Send).text == "one\ntwo\nthree"


def test_the_status_line_shows_connection_unread_and_who_is_writing(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path).ready() as ada:
        ada.wait_for("connected")
        chat.tell(TypingNotice(room=LOBBY, name="bob"))
        ada.wait_for("bob is writing")
        room = chat.open_direct("eve")
        chat.say("psst", "eve", room)
        ada.wait_for("1 unread")
        ada.wait_for(" ms")


# ---- colours ------------------------------------------------------------------------------------


def test_no_color_leaves_out_every_colour(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path, NO_COLOR="1").ready() as ada:
        chat.say("hello @ada, see https://example.org")
        ada.wait_for("hello @ada")
        cells = [cell for row in ada.screen.buffer.values() for cell in row.values()]
        assert {cell.fg for cell in cells} | {cell.bg for cell in cells} == {"default"}
        assert ada.style("@ada").reverse  # type: ignore[attr-defined] # a cell of pyte


@pytest.mark.parametrize("theme", ["dark", "light", "dusk", "contrast", "sixteen", "plain"])
def test_every_theme_that_comes_with_the_program_is_drawn(chat: Running, tmp_path: Path, theme: str) -> None:
    with Screen(chat.url, tmp_path, "--theme", theme).ready() as ada:
        chat.say("hello @ada")
        ada.wait_for("hello @ada")
        backgrounds = {cell.bg for row in ada.screen.buffer.values() for cell in row.values()}
        assert (backgrounds == {"default"}) == (theme == "plain")


def test_a_terminal_of_16_colours_gets_no_others(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path, TERM="linux").ready() as ada:
        chat.say("hello @ada")
        ada.wait_for("hello @ada")
        assert b"38;5;" not in ada.raw
        assert b"48;5;" not in ada.raw


def test_a_theme_file_of_ones_own_is_used_and_a_faulty_one_refused(chat: Running, tmp_path: Path) -> None:
    theme = tmp_path / "mine.toml"
    theme.write_text('based_on = "light"\n[styles]\n"mention.me" = "#fff on #f00"\n')
    with Screen(chat.url, tmp_path, "--theme", str(theme)).ready() as ada:
        chat.say("hello @ada")
        ada.wait_for("hello @ada")
        assert ada.style("@ada").bg == "ff0000"  # type: ignore[attr-defined] # a cell of pyte
    theme.write_text('[styles]\nmentoin = "red"\n')
    with Screen(chat.url, tmp_path, "--theme", str(theme)) as ada:
        assert ada.wait_exit() == 2
        assert "there is no style 'mentoin'" in ada.text


# ---- the input ----------------------------------------------------------------------------------


def test_emacs_keys_edit_kill_yank_and_undo(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path).ready() as ada:
        ada.type("one two three")
        ada.press("C-w", "C-a", "C-y")
        ada.wait_for("> threeone two")
        ada.press("C-_", "C-e")
        ada.wait_for("> one two")
        ada.press("M-b", "C-k", "C-k")
        ada.wait_for("> one ")
        ada.press("Esc")


def test_ctrl_r_searches_what_was_typed_before(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path).ready() as ada:
        for text in ("apples", "pears", "plums"):
            ada.type(text + "\r")
            ada.wait_for(text)
        ada.press("C-r")
        ada.type("ap")
        ada.wait_for("search 'ap': apples")
        ada.press("Enter")
        ada.wait_until(
            lambda: [one.text for one in chat.server.asked(requests.Send)].count("apples") == 2, "it to be sent"
        )


def test_a_paste_is_one_message_and_a_long_one_is_asked_about(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path).ready() as ada:
        ada.type("\x1b[200~first\nsecond\x1b[201~")
        ada.wait_for("second")
        ada.press("Enter")
        assert chat.wait_asked(requests.Send).text == "first\nsecond"
        long = "\n".join(f"line {n}" for n in range(40))
        ada.type(f"\x1b[200~{long}\x1b[201~")
        ada.wait_for("40 lines")
        assert len(chat.server.asked(requests.Send)) == 1
        ada.press("Esc")
        ada.wait_gone("40 lines")
        ada.type(f"\x1b[200~{long}\x1b[201~")
        ada.wait_for("40 lines")
        ada.type("s")
        ada.wait_until(lambda: len(chat.server.asked(requests.Send)) == 2, "the paste to be sent")
        assert chat.wait_asked(requests.Send).text == long


def test_the_editor_writes_what_is_in_the_input(chat: Running, tmp_path: Path) -> None:
    script = tmp_path / "editor.sh"
    script.write_text('#!/bin/sh\nprintf \' and more\' >> "$1"\nls -l "$1" > "$0.seen"\n')
    script.chmod(0o700)
    with Screen(chat.url, tmp_path, EDITOR=str(script)).ready() as ada:
        ada.type("begun")
        ada.press("C-x", "C-e")
        ada.wait_for("> begun and more")
        assert (tmp_path / "editor.sh.seen").read_text().startswith("-rw")
        ada.press("Enter")
        assert chat.wait_asked(requests.Send).text == "begun and more"


def test_the_prompt_says_where_a_line_goes_and_a_stranger_is_a_warning(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path).ready() as ada:
        ada.wait_for("→ #lobby>")
        ada.type("hi @bob @eve")
        ada.wait_for("→ bob, eve (private)>")
        plain = ada.style("→ bob").fg  # type: ignore[attr-defined] # a cell of pyte
        ada.press("C-u")
        ada.type("hi @siss")
        ada.wait_for("→ nobody is called siss>")
        assert ada.style("→ nobody").fg != plain  # type: ignore[attr-defined] # a cell of pyte
        ada.press("Enter")
        ada.wait_for("Nothing was sent.")
        assert "hi @siss" in ada.rows[-1]
        assert not chat.server.asked(requests.Send)


def test_drafts_are_kept_by_room_and_over_a_crash(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path).ready() as ada:
        ada.type("/join #ops\r")
        ada.wait_for("→ #ops>")
        ada.type("half a thought")
        ada.press("M-1")
        ada.wait_for("→ #lobby>")
        assert "half a thought" not in ada.rows[-1]
        ada.press("M-2")
        ada.wait_for("→ #ops> half a thought")
        kept = tmp_path / "state" / "trio-chat" / "screen"
        ada.wait_until(
            lambda: any(b"half a thought" in one.read_bytes() for one in kept.glob("*.json")), "the draft's file"
        )
        assert {stat.S_IMODE(one.stat().st_mode) for one in kept.iterdir()} == {0o600}
        ada.signal(signal.SIGKILL)
        ada.wait_exit()
    with Screen(chat.url, tmp_path, "--room", "ops").ready() as ada:
        ada.wait_for("→ #ops> half a thought")


def shows(screen: Screen, typed: str) -> bool:
    return typed.rstrip() in screen.screen.display[-1].replace("🎉 ", "🎉")


# ---- completion ---------------------------------------------------------------------------------


def test_tab_completes_commands_names_rooms_and_emoji(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path).ready() as ada:
        ada.wait_for("connected")
        for typed, made in (
            ("/sea", "/search "),
            ("/notify me", "/notify mentions "),
            ("bo", "bob: "),
            ("#lo", "#lobby "),
            (":tad", "🎉 "),
            ("/help rea", "/help rea"),
            ("hi @ev", "hi @eve "),
        ):
            ada.type(typed)
            ada.press("Tab")
            ada.wait_until(partial(shows, ada, made), made)
            ada.press("C-u")
            ada.wait_until(lambda: ada.rows[-1].endswith(">"), "an empty input")


def test_tab_offers_whoever_spoke_last_first(chat: Running, tmp_path: Path) -> None:
    chat.server.people_here = ("ada", "bob", "bert")
    with Screen(chat.url, tmp_path).ready() as ada:
        chat.say("one", "bob")
        chat.say("two", "bert")
        ada.wait_for("two")
        ada.type("b")
        ada.press("Tab")
        ada.wait_for("bert  bob")
        ada.press("Tab")
        ada.wait_for("> bert:")


# ---- reading ------------------------------------------------------------------------------------


def test_scrollback_is_fetched_in_pages_to_the_very_first_line(tmp_path: Path) -> None:
    with Running(lambda server: server.fill(350)) as chat, Screen(chat.url, tmp_path).ready() as ada:
        ada.wait_for("message 350")
        for _ in range(60):
            ada.press("PageUp")
            ada.read(0.1)
            if "message 1" in [row.split("│")[-1].strip().split("  ")[-1].strip() for row in ada.rows]:
                break
        ada.wait_until(lambda: any(row.rstrip().endswith("message 1") for row in ada.rows), "the first line")
        assert len(chat.server.asked(requests.History)) >= 4
        chat.say("something new")
        ada.wait_for("1 unread")
        assert "something new" not in ada.text
        ada.press("M-G")
        ada.wait_for("something new")


def test_new_lines_dates_and_groups_are_marked(tmp_path: Path) -> None:
    def prepare(server: RichServer) -> None:
        server.fill(6)
        server.read, server.mentions = 4, 1

    with Running(prepare) as chat, Screen(chat.url, tmp_path).ready() as ada:
        ada.wait_for("message 6")
        assert ada.row_of(" new ") == ada.row_of("message 5") - 1
        assert "July 2026" in ada.rows[ada.row_of("message 1") - 1]
        assert sum("bob" in row for row in ada.rows) == 2  # at the begin, and under the line
        chat.say("a day later", time=stamp(86400))
        ada.wait_for("a day later")
        assert ada.text.count("July 2026") == 2


def test_comings_and_goings_fold_into_one_line(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path).ready() as ada:
        chat.tell(Presence(room=LOBBY, count=4, joined=("mom",)))
        chat.tell(Presence(room=LOBBY, count=5, joined=("sis",)))
        chat.tell(Presence(room=LOBBY, count=4, left=("bob",)))
        ada.wait_for("→ mom, sis  ← bob")
        chat.tell(Presence(room=LOBBY, count=3, left=("mom",)))
        ada.wait_for("→ sis  ← bob")
        assert ada.text.count("→ sis") == 1


def test_the_small_markdown_is_shown_and_stays_legible(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path).ready() as ada:
        chat.say(
            "**strong** *soft* `code` ~~gone~~ 2*3*4 snake_case_name\n> quoted\n```\nif x:\n    y\n```\n@bob and #ops"
        )
        ada.wait_for("@bob and #ops")
        assert "strong soft code gone 2*3*4" in ada.text
        assert "snake_case_name" in ada.text
        assert ada.style("strong").bold  # type: ignore[attr-defined] # a cell of pyte
        assert "▌ quoted" in ada.text
        assert "│     y" in ada.text


def test_edits_deletions_replies_and_marks_appear_in_place(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path).ready() as ada:
        first = chat.say("when do we eat?")
        ada.wait_for("when do we eat?")
        ada.press("M-r")
        ada.wait_for("↳ bob>")
        ada.type("at sevn\r")
        ada.wait_for("┌ bob: when do we eat?")
        ada.wait_for("at sevn ✓")
        assert chat.wait_asked(requests.Send).reply_to == first
        ada.type("/edit at seven\r")
        ada.wait_for("at seven (edited)")
        ada.press("M-s", "k")
        ada.type("+")
        ada.wait_for("emoji:")
        ada.type("tada\r")
        ada.wait_for(" 1 ")
        assert chat.wait_asked(requests.React).mark == "🎉"
        assert chat.wait_asked(requests.React).target == first
        ada.type("/delete\r")
        ada.wait_for("Take it back")
        ada.press("Enter")
        ada.wait_for("(taken back)")
        assert "at seven" not in ada.text


def test_marks_tell_pending_acknowledged_and_delivered(chat: Running, tmp_path: Path) -> None:
    async def hold(_session: object, request: object) -> bool:
        return isinstance(request, requests.Send) and "later" in request.text

    with Screen(chat.url, tmp_path).ready() as ada:
        ada.type("now\r")
        ada.wait_for("now ✓")
        room = chat.open_direct("bob")
        ada.wait_for("@bob")
        ada.press("M-2")
        ada.wait_for("bob (private)>")
        ada.type("psst\r")
        ada.wait_for("psst ✓")
        chat.tell(Delivered(room=room, seq=1, by="bob"))
        ada.wait_for("psst ✓✓")
        chat.server.before = hold
        ada.type("later\r")
        ada.wait_for("later …")


def test_a_jump_goes_to_a_replys_origin_far_above(tmp_path: Path) -> None:
    with Running(lambda server: server.fill(400)) as chat, Screen(chat.url, tmp_path).ready() as ada:
        ada.wait_for("message 400")
        chat.say("what about this?", "eve", reply_to=20)
        ada.wait_for("what about this?")
        ada.press("M-s")
        ada.type("o")
        ada.wait_until(lambda: any(row.endswith("message 20") for row in ada.rows), "the origin")
        assert "below" in ada.text
        ada.press("Esc", "M-G")
        ada.wait_for("what about this?")


def test_search_results_lead_to_their_context(tmp_path: Path) -> None:
    with Running(lambda server: server.fill(300)) as chat, Screen(chat.url, tmp_path).ready() as ada:
        ada.wait_for("message 300")
        ada.type("/search 123 from:bob has:link\r")
        ada.wait_for("1 found")
        asked = chat.wait_asked(requests.Search)
        assert (asked.words, asked.sender, asked.has_link) == (("123",), "bob", True)
        ada.press("Enter")
        ada.wait_until(lambda: any(row.endswith("message 120") for row in ada.rows), "its context")
        assert any(row.endswith("message 123") for row in ada.rows)


# ---- finding one's way --------------------------------------------------------------------------


def test_alt_a_goes_to_what_needs_attention_and_back(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path).ready() as ada:
        ada.type("/join #ops\r")
        ada.wait_for("→ #ops>")
        room = chat.open_direct("eve")
        chat.say("nothing special")
        chat.say("psst", "eve", room)
        ada.wait_for("2 unread")
        assert "@eve        1" in ada.text
        ada.press("M-a")
        ada.wait_for("→ eve (private)>")
        ada.press("M-a")
        ada.wait_for("→ #lobby>")
        ada.press("M-a")
        ada.wait_for("→ eve (private)>")


def test_ctrl_k_switches_by_a_few_letters(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path).ready() as ada:
        for room in ("operations", "random"):
            ada.type(f"/join #{room}\r")
            ada.wait_for(f"→ #{room}>")
        ada.press("C-k")
        ada.wait_for("Go to")
        ada.type("opt")
        ada.wait_gone("#random\n")
        ada.press("Enter")
        ada.wait_for("→ #operations>")


def test_the_mouse_goes_to_rooms_scrolls_and_copies(tmp_path: Path) -> None:
    with Running(lambda server: server.fill(80)) as chat, Screen(chat.url, tmp_path).ready() as ada:
        ada.wait_for("message 80")
        ada.type("/join #ops\r")
        ada.wait_for("→ #ops>")
        ada.type("\x1b[<0;3;2M\x1b[<0;3;2m")
        ada.wait_for("→ #lobby>")
        ada.type("\x1b[<64;40;10M" * 10)
        ada.wait_for("below")
        row = ada.row_of("message 45")
        column = ada.screen.display[row].index("message 45")
        ada.type(f"\x1b[<0;{column + 1};{row + 1}M\x1b[<32;{column + 10};{row + 1}M\x1b[<0;{column + 10};{row + 1}m")
        wanted = b"\x1b]52;c;" + base64.b64encode(b"message 45")
        ada.wait_until(lambda: wanted in ada.raw, "the copy")


def test_links_are_osc_8_and_copy_mode_works_from_the_keyboard(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path).ready() as ada:
        chat.say("look: https://example.org/a?b=c.")
        chat.say("second")
        ada.wait_for("second")
        assert b"https://example.org/a?b=c\x1b\\" in ada.raw
        ada.press("M-s", "Up")
        ada.type("l")
        ada.wait_until(
            lambda: b"\x1b]52;c;" + base64.b64encode(b"https://example.org/a?b=c") in ada.raw, "the link's copy"
        )
        ada.press("M-s", "Up")
        ada.type("vjc")
        wanted = base64.b64encode(b"bob: look: https://example.org/a?b=c.\nbob: second")
        ada.wait_until(lambda: wanted in ada.raw, "the copy of both")


# ---- attention ----------------------------------------------------------------------------------


def test_what_calls_rings_notifies_and_counts_in_the_title(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path, "--notify-by", "osc777").ready() as ada:
        chat.say("hello @ada")  # one looks at it
        ada.wait_for("hello @ada")
        assert b"]777;" not in ada.raw
        ada.type("\x1b[O")  # the window loses the focus
        chat.say("still there, @ada?")
        ada.wait_until(lambda: b"\x1b]777;notify;bob in #lobby;still there, @ada?\a" in ada.raw, "a notification")
        ada.wait_until(lambda: ada.screen.title.startswith("(1) "), "a count in the title")
        ada.type("\x1b[I")
        ada.wait_until(lambda: not ada.screen.title.startswith("("), "the count to go")


def test_a_rooms_rule_and_do_not_disturb_keep_quiet(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path, "--notify-by", "osc9").ready() as ada:
        ada.type("/notify all\r")
        ada.wait_for("what calls you: all")
        ada.type("\x1b[O")
        chat.say("anything")
        ada.wait_until(lambda: b"\x1b]9;bob in #lobby: anything\a" in ada.raw, "a notification")
        ada.type("/notify nothing\r")
        ada.wait_for("what calls you: nothing")
        chat.say("quiet @ada")
        ada.wait_for("quiet @ada")
        ada.type("/notify all\r")
        ada.wait_until(lambda: ada.text.count("what calls you: all") == 2, "the rule")
        ada.press("M-n")
        ada.wait_for("do not disturb")
        chat.say("hush")
        ada.wait_for("hush")
        assert b"]9;bob in #lobby: quiet" not in ada.raw
        assert b"]9;bob in #lobby: hush" not in ada.raw


# ---- trouble ------------------------------------------------------------------------------------


def test_an_outage_shows_since_when_the_next_try_and_what_is_queued(tmp_path: Path) -> None:
    port = find_free_port()
    with ServerProgram(port=port) as server, Screen(f"ws://127.0.0.1:{port}/", tmp_path, columns=120).ready() as ada:
        server.process.kill()
        server.process.wait()
        ada.wait_for("no connection for")
        ada.wait_for("next try in")
        assert "(offline)" in ada.rows[-1]
        ada.type("said meanwhile\r")
        ada.wait_for("said meanwhile …")
        ada.wait_for("1 to send")
        with ServerProgram(port=port):
            ada.wait_for("said meanwhile ✓")
            ada.wait_for("connected")
            ada.type("/quit\r")
            assert ada.wait_exit() == 0


def test_a_refused_password_is_asked_again_in_a_dialog(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("letmein\n")
    secret.chmod(0o600)
    with ServerProgram("--password-file", str(secret)) as server, Screen(server.url, tmp_path) as ada:
        ada.wait_for("Password:")
        ada.type("wrong\r")
        ada.wait_for("The password is wrong")
        assert "wrong" not in ada.rows[-1]
        ada.wait_for("Password:")
        ada.type("letmein\r")
        ada.wait_for("→ #lobby>")
        ada.wait_gone("Password")
        assert b"letmein" not in ada.raw


def test_a_refused_name_is_asked_again_in_a_dialog(chat: Running, tmp_path: Path) -> None:
    with ServerProgram() as server, Screen(server.url, tmp_path, name="system") as ada:
        ada.wait_for("Another name")
        ada.type("ada\r")
        ada.wait_for("→ #lobby>")


def test_the_servers_reason_is_shown_when_it_ends_the_chat(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path).ready() as ada:

        async def end() -> None:
            for session in chat.server.sessions:
                await session.close(Closing(code="idle", message="Bye! Nothing came from you.", advice="Join again."))

        chat.do(end)
        ada.wait_for("Bye! Nothing came from you. Join again.")
        ada.press("Esc")
        assert ada.wait_exit() == 1
        ada.assert_given_back()
        assert "Bye! Nothing came from you." in ada.text


def test_catching_up_shows_how_far_it_is(tmp_path: Path) -> None:
    with Running() as chat, Screen(chat.url, tmp_path).ready() as ada:
        ada.wait_for("connected")
        held: list[requests.History] = []

        async def hold(_session: object, request: object) -> bool:
            if isinstance(request, requests.History) and request.after is not None and len(held) < 2:
                held.append(request)
                return len(held) == 2  # the second page never comes, so there is time to look
            return False

        chat.server.before = hold
        chat.server.fill(150)
        chat.do(chat.server.session.drop)
        ada.wait_for("catching up")
        ada.wait_for("(50 to go)")


# ---- keys are data ------------------------------------------------------------------------------


def test_a_question_mark_shows_the_keys_and_again_types_itself(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path).ready() as ada:
        ada.type("?")
        ada.wait_for("Keys and commands")
        assert "Alt-A" in ada.text or "F1" in ada.text
        ada.type("?")
        ada.wait_for("> ?")
        ada.press("C-u")
        ada.type("/help\r")
        ada.wait_for("Keys and commands")


def test_keys_can_be_changed_and_a_clash_is_refused(chat: Running, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[client.keys]\nswitcher = "F5"\n')
    with Screen(chat.url, tmp_path).ready() as ada:
        ada.type("\x1b[15~")
        ada.wait_for("Go to")
    config.write_text('[client.keys]\nswitcher = "F5"\nhelp = ["F1", "F5"]\n')
    with Screen(chat.url, tmp_path) as ada:
        assert ada.wait_exit() == 2
        assert "F5 is given to both switcher and help" in ada.text


# ---- cells --------------------------------------------------------------------------------------


def test_odd_characters_leave_every_column_where_it_belongs(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path, columns=120).ready() as ada:
        for text in (
            "日本語テキスト",
            "👨‍👩‍👧‍👦 family",
            "🇩🇪🇫🇷 flags",
            "👍🏽 skin",
            "e\u0301 combining",
            "שלום עולם",
            "سلام",
        ):
            chat.say(text)
        ada.wait_for("combining")
        ada.wait_for("سلام")
        said = [[ada.screen.buffer[y][x].data for x in range(120)] for y in range(1, 22)]
        assert [(cells[22], cells[97]) for cells in said] == [("│", "│")] * 21


def test_hostile_text_reaches_the_terminal_harmless(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path).ready() as ada:
        zalgo = "z" + "\u0301" * 60
        chat.say(f"\x1b[31mred\x1b]2;owned\a \u202egnp.exe\u202c zero\u200bwidth {zalgo} end", "eve\x1b[2J")
        ada.wait_for("end")
        assert "red" in ada.text
        assert "zerowidth" in ada.text
        assert ada.screen.title != "owned"
        assert "\u202e".encode() not in ada.raw
        assert ("\u0301" * 9).encode() not in ada.raw


# ---- the terminal is given back -----------------------------------------------------------------


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_gives_the_terminal_back(chat: Running, tmp_path: Path, number: signal.Signals, status: int) -> None:
    with Screen(chat.url, tmp_path).ready() as ada:
        ada.signal(number)
        assert ada.wait_exit() == status
        ada.assert_given_back()
        assert b"\x1b[?1000l" in ada.raw
        assert ada.raw.rindex(b"\x1b[?1004l") > ada.raw.rindex(b"\x1b[?1004h")


def test_ctrl_c_gives_the_terminal_back(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path).ready() as ada:
        ada.press("C-c")
        assert ada.wait_exit() == 130
        ada.assert_given_back()


def test_ctrl_z_gives_the_terminal_back_and_fg_takes_it_again(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path).ready() as ada:
        chat.say("before")
        ada.wait_for("before")
        ada.press("C-z")
        ada.wait_until(lambda: b"\x1b[?1049l" in ada.raw, "the screen to be left")
        os.killpg(ada.process.pid, signal.SIGCONT)
        ada.wait_until(lambda: ada.raw.rindex(b"\x1b[?1049h") > ada.raw.rindex(b"\x1b[?1049l"), "the screen to be back")
        chat.say("after")
        ada.wait_for("after")
        assert "before" in ada.text


def test_the_death_of_the_server_leaves_a_screen_that_can_be_left(tmp_path: Path) -> None:
    with ServerProgram() as server, Screen(server.url, tmp_path).ready() as ada:
        server.process.kill()
        ada.wait_for("no connection for")
        ada.press("C-c")
        assert ada.wait_exit() == 130
        ada.assert_given_back()


def test_an_error_in_a_task_gives_the_terminal_back_and_leaves_a_report(chat: Running, tmp_path: Path) -> None:
    breaker = tmp_path / "broken"
    breaker.mkdir()
    (breaker / "sitecustomize.py").write_text(
        "import sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'trio_chat.ui.lines_that_break':\n"
        "            raise RuntimeError\n"
        "import trio_chat.ui.tui.model.finding as finding\n"
        "def fuzzy(*args):\n"
        "    raise RuntimeError('broken on purpose')\n"
        "finding.fuzzy = fuzzy\n"
    )
    path = os.pathsep.join([str(breaker), *sys.path])
    with Screen(chat.url, tmp_path, PYTHONPATH=path).ready() as ada:
        ada.press("C-k")
        assert ada.wait_exit() == 1
        ada.assert_given_back()
        assert "A report is in" in ada.text
        assert "Traceback" not in ada.text
        reports = list((tmp_path / "state" / "trio-chat").glob("crash-*.txt"))
        assert len(reports) == 1
        assert "broken on purpose" in reports[0].read_text()
        assert stat.S_IMODE(reports[0].stat().st_mode) == 0o600


def test_away_and_errors_are_shown_where_one_looks(chat: Running, tmp_path: Path) -> None:
    with Screen(chat.url, tmp_path, columns=120).ready() as ada:
        chat.tell(AwayChanged(name="bob", text="lunch"))
        chat.tell(Error(code="internal", message=FAULTS["internal"].sentence, advice="Try again."))
        ada.wait_for("! Something went wrong in the server")


def test_two_real_programs_talk_through_a_real_server(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with (
        ServerProgram() as server,
        Screen(server.url, tmp_path / "a").ready() as ada,
        Screen(server.url, tmp_path / "b", name="bob").ready() as bob,
    ):
        ada.type("hello bob\r")
        bob.wait_for("hello bob")
        bob.type("psst @ada\r")
        ada.wait_for("@bob")
        ada.press("M-2")
        ada.wait_for("psst")
        say(server.url, "eve", "good day")
        bob.wait_for("good day")
        bob.wait_for("← eve")


# ---- names and passwords ------------------------------------------------------------------------


def test_an_owned_name_is_given_for_its_own_password_or_left_for_another_name(tmp_path: Path) -> None:
    for home in ("home", "away", "guest"):
        (tmp_path / home).mkdir()
    with ServerProgram() as server:
        with Screen(server.url, tmp_path / "home").ready() as ada:
            ada.type("/password\r")
            ada.wait_for("New password")
            ada.type("correct horse\r")
            ada.wait_for("The same once more")
            ada.type("correct horse\r")
            ada.wait_for("Your password is set.")
            assert "correct horse" not in ada.text
            ada.type("/quit\r")
            assert ada.wait_exit() == 0
        with Screen(server.url, tmp_path / "away") as ada:
            ada.wait_for("The name ada is somebody's.")
            ada.type("wrong guess\r")
            ada.wait_for("That is not the password of ada.")
            ada.type("correct horse\r")
            ada.wait_for("→ #lobby>")
            ada.type("/quit\r")
            assert ada.wait_exit() == 0
        with Screen(server.url, tmp_path / "guest") as guest:
            guest.wait_for("The name ada is somebody's.")
            guest.type("\r")
            guest.wait_for("Another name")
            guest.type("guest\r")
            guest.wait_for("→ #lobby>")
            guest.type("hello from a guest\r")
            guest.wait_for("hello from a guest")


def test_two_passwords_that_differ_leave_the_password_as_it_was(tmp_path: Path) -> None:
    with ServerProgram() as server, Screen(server.url, tmp_path).ready() as ada:
        ada.type("/password\r")
        ada.wait_for("New password")
        ada.type("correct horse\r")
        ada.wait_for("The same once more")
        ada.type("battery staple\r")
        ada.wait_for("Your password is as it was.")


def test_a_search_goes_on_behind_its_first_page(tmp_path: Path) -> None:
    with ServerProgram() as server:
        say(server.url, "bob", *(f"apple {n}." for n in range(60)))
        with Screen(server.url, tmp_path).ready() as ada:
            ada.wait_for("apple 59.")
            ada.type("/search apple\r")
            ada.wait_for("50 found")
            for _ in range(5):
                ada.press("PageDown")
            ada.wait_for("show more")
            ada.type("\r")
            ada.wait_for("60 found")
            assert "show more" not in ada.text
