"""The full screen in a pseudo-terminal: typing, pasting, drafts, completion, and keys as data."""

from __future__ import annotations

import re
import shlex
import signal
import stat
from functools import partial
from pathlib import Path

from tests.client.scripted import Session
from tests.programs import ServerProgram
from tests.ui.tui.rich_server import LOBBY, Running
from tests.ui.tui.screens import SIZES, Screen
from trio_chat.protocol import requests
from trio_chat.protocol.events import Error


def test_emacs_keys_edit_kill_yank_and_undo(house: Running, ada: Screen) -> None:
    ada.type("ab cd ef")
    ada.press("C-w", "C-a", "C-y")
    ada.wait_for("> efab cd")
    ada.press("C-_", "C-e")
    ada.wait_for("> ab cd")
    ada.press("M-b", "C-k")
    ada.type("gh\r")
    assert house.wait_asked(requests.Send).text == "ab gh"


def test_no_typing_notice_follows_a_sent_message(house: Running, ada: Screen) -> None:
    both = requests.Send | requests.Typing
    for number in range(8):
        ada.type(f"quickly {number}\r")
        ada.sees(f"quickly {number} ✓")
    told = ["s" if isinstance(asked, requests.Send) else "t" for asked in house.server.heard if isinstance(asked, both)]
    *writing, after = "".join(told).split("s")
    assert (len(writing), after) == (8, "")
    assert set(writing) <= {"", "t"}, "told of a message that was out already"


def test_ctrl_r_searches_the_lines_sent_before(house: Running, ada: Screen) -> None:
    for text in ("apples", "pears", "plums"):
        ada.type(text + "\r")
        ada.sees(f"{text} ✓")
    ada.press("C-r")
    ada.type("ap")
    ada.wait_until(lambda: ada.last_row.endswith("apples") or "apples" in ada.last_row, "what was found")
    ada.press("Enter")
    assert house.wait_asked(requests.Send, count=4).text == "apples"


def test_a_paste_is_one_message_and_a_long_one_is_asked_about(house: Running, ada: Screen) -> None:
    ada.type("\x1b[200~first\nsecond\x1b[201~")
    ada.wait_for("second")
    ada.press("Enter")
    assert house.wait_asked(requests.Send).text == "first\nsecond"
    long = "\n".join(f"line {n}" for n in range(40))
    ada.type(f"\x1b[200~{long}\x1b[201~")
    ada.wait_for("40 lines")
    assert len(house.server.asked(requests.Send)) == 1
    ada.press("C-g")
    ada.wait_gone("40 lines")
    ada.wait_prompt(house.here)
    ada.type(f"\x1b[200~{long}\x1b[201~")
    ada.wait_for("40 lines")
    ada.type("s")
    assert house.wait_asked(requests.Send, count=2).text == long


def test_a_message_over_the_limit_is_reported_before_it_is_sent(house: Running, ada: Screen) -> None:
    small = ada.screen.columns == 20
    ada.type("\x1b[200~" + "x" * 8012 + "\x1b[201~")
    ada.wait_for("1 line, 8012")
    if not small:
        ada.wait_for("1 line, 8012 characters (12 over the limit of 8000), that begins with:")
    assert "send it" not in ada.text
    ada.press("Enter")
    ada.wait_for("12 too long" if small else "12 over the limit of 8000 characters")
    warned = ada.style("→ ").fg  # type: ignore[attr-defined] # a cell of pyte
    ada.press("\x7f" * 12)
    ada.wait_gone("12 too long" if small else "12 over")
    assert ada.style("→ ").fg != warned  # type: ignore[attr-defined] # a cell of pyte
    ada.type("\x1b[200~" + "y" * 60_000 + "\x1b[201~")
    ada.wait_for("1 line, 60000")
    ada.press("Enter")
    ada.sees("The input is unchanged.")
    ada.press("Enter")
    assert house.wait_asked(requests.Send).text == "x" * 8000
    ada.wait_prompt(house.here)


def test_the_prompt_shows_the_destination_and_warns_of_a_stranger(house: Running, ada: Screen) -> None:
    narrow = ada.screen.columns == 20
    ada.type("hi @bob @eve")
    ada.wait_until(lambda: ("(private)> " if not narrow else "vate)> ") in ada.last_row, "the people it is for")
    assert narrow or "→ bob, eve (private)> " in ada.last_row
    plain = ada.style("→ ").fg  # type: ignore[attr-defined] # a cell of pyte
    ada.press("C-u")
    ada.type("hi @siss")
    ada.wait_for("siss> ")
    assert narrow or "→ nobody is called siss> " in ada.last_row
    assert ada.style("→ ").fg != plain  # type: ignore[attr-defined] # a cell of pyte
    ada.press("Enter")
    ada.sees("Nothing was sent.")
    assert "@siss" in ada.last_row
    assert not house.server.asked(requests.Send)
    ada.press("C-u")
    ada.wait_prompt(house.here)


def test_the_external_editor_edits_the_input(house: Running, tmp_path: Path) -> None:
    script = tmp_path / "editor.sh"
    script.write_text('#!/bin/sh\nprintf \' and more\' >> "$1"\nls -l "$1" > "$0.seen"\n')
    script.chmod(0o700)
    with Screen(house.url, tmp_path, EDITOR=str(script)).ready() as ada:
        for _ in ada.at_sizes():
            ada.type("begun")
            ada.press("C-x", "C-e")
            ada.wait_until(lambda: bool(re.match("→ .*and more$", ada.last_row)), "what the editor wrote")
            assert (tmp_path / "editor.sh.seen").read_text().startswith("-rw")
            house.forget()
            ada.press("Enter")
            assert house.wait_asked(requests.Send).text == "begun and more"
            ada.wait_prompt("#lobby")


def test_an_editor_that_removes_its_file_leaves_the_draft_and_says_so(house: Running, tmp_path: Path) -> None:
    script = tmp_path / "editor.sh"
    script.write_text('#!/bin/sh\nrm "$1"\n')
    script.chmod(0o700)
    for columns, rows in SIZES:  # a screen for each: the sentence of the one before would be taken for the next
        with Screen(house.url, tmp_path, columns=columns, rows=rows, EDITOR=str(script)).ready() as ada:
            ada.type("begun")
            ada.press("C-x", "C-e")
            ada.sees("The input is unchanged." if columns > 20 else "unchanged.")
            ada.wait_until(lambda ada=ada: ada.last_row == "→ #lobby> begun", "the draft")  # type: ignore[misc] # bound now
            ada.press("C-u")
            ada.wait_prompt("#lobby")


def test_a_text_of_the_editor_beyond_the_limit_is_in_the_input(house: Running, tmp_path: Path) -> None:
    script = tmp_path / "editor.sh"
    script.write_text("#!/bin/sh\nhead -c 65537 /dev/zero | tr '\\0' x > \"$1\"\n")
    script.chmod(0o700)
    with Screen(house.url, tmp_path, EDITOR=str(script)).ready() as ada:
        ada.press("C-x", "C-e")
        ada.sees("characters too long for a message.")
        ada.wait_for("xxxxxxxx")


def test_nothing_is_drawn_over_an_editor_that_was_stopped_and_resumed(house: Running, tmp_path: Path) -> None:
    script = tmp_path / "editor.sh"
    script.write_text('#!/bin/sh\necho EDITOR HERE\nread line\nprintf "$line" > "$1"\n')
    script.chmod(0o700)
    with Screen(house.url, tmp_path, under=("sh", "-i"), PS1="shell: ", ENV="", EDITOR=str(script)) as ada:
        ada.wait_for("shell: ")
        ada.type(f"{shlex.join(ada.command)}\r")
        ada.ready()
        ada.press("C-x", "C-e")
        ada.wait_for("EDITOR HERE")
        ada.press("C-z")
        ada.wait_until(lambda: "shell:" in ada.last_row, "the shell")
        ada.type("fg\r")
        ada.wait_until(lambda: "fg" not in ada.last_row, "the editor")
        drawn = ada.raw.count(b"\x1b[?1049h")
        house.say("meanwhile", room=LOBBY)
        ada.type("edited\r")
        ada.wait_for("meanwhile")
        ada.wait_until(lambda: ada.last_row == "→ #lobby> edited", "the edited text")
        assert ada.raw.count(b"\x1b[?1049h") == drawn + 1
        assert ada.raw.index(b"edited") < ada.raw.index(b"meanwhile")


def test_ctrl_c_in_the_editor_is_for_the_editor(house: Running, tmp_path: Path) -> None:
    script = tmp_path / "editor.sh"
    script.write_text(
        "#!/bin/sh\ntrap 'printf caught > \"$1\"; exit 0' INT\necho EDITOR HERE\nwhile sleep 0.1; do :; done\n"
    )
    script.chmod(0o700)
    with Screen(house.url, tmp_path, EDITOR=str(script)).ready() as ada:
        ada.press("C-x", "C-e")
        ada.wait_for("EDITOR HERE")
        ada.press("C-c")
        ada.wait_until(lambda: ada.last_row == "→ #lobby> caught", "the edited text")


def test_drafts_are_kept_by_room_and_over_a_crash(house: Running, tmp_path: Path) -> None:
    with Screen(house.url, tmp_path).ready() as ada:
        ada.enter("#ops")
        ada.type("half a thought")
        ada.press("M-1")
        ada.wait_prompt("#lobby")
        ada.type("/join #ops\r")
        for columns, _ in ada.at_sizes():
            ada.wait_for("→ #ops> half a thought" if columns > 20 else "→ #ops> … a thought")
        kept = tmp_path / "state" / "trio-chat" / "screen"
        ada.wait_until(
            lambda: any(b"half a thought" in one.read_bytes() for one in kept.glob("*.json")), "the draft's file"
        )
        assert {stat.S_IMODE(one.stat().st_mode) for one in kept.iterdir()} == {0o600}
        ada.signal(signal.SIGKILL)
        ada.wait_exit()
    with Screen(house.url, tmp_path, "--room", "ops", columns=20, rows=5).ready() as ada:
        ada.wait_until(lambda: ada.last_row == "→ #ops> … a thought", "the draft")
        for columns, _ in ada.at_sizes():
            ada.wait_for("→ #ops> half a thought" if columns > 20 else "→ #ops> … a thought")


def test_drafts_and_history_of_a_server_that_moved_come_back(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    with ServerProgram("--data", data) as server, Screen(server.url, tmp_path).ready() as ada:
        ada.type("said before\r")
        ada.wait_for("said before")
        ada.type("half a thought")
        ada.wait_for("half a thought")
        ada.hang_up()
        ada.wait_exit()
        server.stop()
    with ServerProgram("--data", data) as server, Screen(server.url, tmp_path).ready() as ada:
        ada.wait_until(lambda: ada.last_row == "→ #lobby> half a thought", "the draft")
        ada.press("C-u")
        ada.press("Up")
        ada.wait_until(lambda: ada.last_row == "→ #lobby> said before", "the history")
        ada.press("C-u")
        ada.type("said after\r")
        ada.wait_until(lambda: "said after" in "\n".join(ada.rows[:-1]), "the message")
        ada.hang_up()
        ada.wait_exit()
        server.stop()
    kept = list((tmp_path / "state" / "trio-chat" / "screen").glob("*.json"))
    assert len(kept) == 1
    assert b"said before" in kept[0].read_bytes()
    assert b"said after" in kept[0].read_bytes()


# ---- completion ---------------------------------------------------------------------------------


def shows(screen: Screen, typed: str) -> bool:
    return typed.rstrip() in screen.screen.display[-1].replace("🎉 ", "🎉")


def test_tab_completes_commands_names_rooms_and_emoji(house: Running, ada: Screen) -> None:
    for typed, made in (
        ("/sea", "/search "),
        ("/notify me", "mentions "),
        ("bo", "bob: "),
        ("#lo", "#lobby "),
        (":tad", "🎉 "),
        ("/help rea", "rea"),
        ("hi @ev", "@eve "),
    ):
        ada.type(typed)
        ada.press("Tab")
        ada.wait_until(partial(shows, ada, made), made)
        ada.press("C-u")
        ada.wait_prompt(house.here)


def test_tab_offers_the_person_who_spoke_last_first(house: Running, ada: Screen) -> None:
    house.server.people_here = ("ada", "bob", "bert")
    house.say("one", "bob")
    house.say("two", "bert")
    ada.wait_for("two")
    ada.type("b")
    ada.press("Tab")
    ada.wait_for("bert  bob")
    for offered in ("bert:", "bob:", "bert:"):
        ada.press("Tab")
        ada.wait_until(lambda offered=offered: ada.last_row.endswith(f"> {offered}"), offered)  # type: ignore[misc] # bound now
    ada.press("C-u")
    ada.wait_prompt(house.here)


# ---- keys are data ------------------------------------------------------------------------------


def test_a_question_mark_shows_the_keys_and_again_types_itself(house: Running, ada: Screen) -> None:
    ada.type("?")
    ada.wait_for("Keys and comm")
    assert "F1" in ada.text
    ada.type("?")
    ada.wait_for("> ?")
    ada.press("C-u")
    ada.type("/help\r")
    ada.wait_for("Keys and comm")
    ada.press("C-g")
    ada.wait_prompt(house.here)
    ada.type("/help ban\r")
    ada.sees("/ban bob 2h enough for today")


def test_only_a_newcomer_is_told_of_the_keys(house: Running, tmp_path: Path) -> None:
    with Screen(house.url, tmp_path, columns=20, rows=5).ready() as ada:
        ada.wait_for("F1 shows the keys")
        ada.type("hi\r")
        ada.wait_gone("F1 shows")
        ada.press("C-c")
        assert ada.wait_exit() == 130, ada.text
    with Screen(house.url, tmp_path).ready() as ada:
        ada.wait_for("connected")
        assert "F1 shows" not in ada.text


def test_keys_can_be_changed_and_a_clash_is_refused(house: Running, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[client.keys]\nswitcher = "F5"\n')
    with Screen(house.url, tmp_path).ready() as ada:
        for _ in ada.at_sizes():
            ada.type("\x1b[15~")
            ada.wait_for("Go to")
            ada.press("C-g")
            ada.wait_gone("Go to")
    config.write_text('[client.keys]\nswitcher = "F5"\nhelp = ["F1", "F5"]\n')
    for columns, rows in SIZES:
        with Screen(house.url, tmp_path, columns=columns, rows=rows) as ada:
            assert ada.wait_exit() == 2
            assert "F5isgiventobothswitcherandhelp" in "".join("".join(ada.everything).split())  # wherever it is broken


async def refuse_to_join(session: Session, request: requests.AnyRequest) -> bool:
    if isinstance(request, requests.Join):
        await session.say(Error(id=request.id, code="not_invited", message="#closed is private."))
    return isinstance(request, requests.Join)


def test_a_line_typed_right_after_a_join_goes_to_the_new_room_or_nowhere(house: Running, ada: Screen) -> None:
    ada.type("/join #new\rthere\r")
    assert house.wait_asked(requests.Send).room == "#new"
    ada.entered.add("#new")
    house.server.before = refuse_to_join
    ada.type("/join #closed\rthe secret\r")
    ada.sees("not in #closed; you are in")
    house.server.before = None
    ada.type("here\r")
    assert [sent.text for sent in house.server.asked(requests.Send)[:1]] == ["there"]
    assert house.wait_asked(requests.Send, count=2).text == "here"
