"""The full screen in a pseudo-terminal: going about, the mouse, and being called."""

from __future__ import annotations

import base64
import re
from functools import partial

import pytest

from tests.ui.tui.rich_server import LOBBY, Running
from tests.ui.tui.screens import Screen, Seat
from trio_chat.protocol import requests

OPTIONS = ("--notify-by", "osc9")


def has(screen: Screen, data: bytes) -> bool:
    return data in screen.raw


def test_alt_a_goes_to_the_next_room_that_needs_attention_and_back(house: Running, ada: Screen) -> None:
    here, who = house.here, f"eve{ada.screen.columns}"
    room = house.open_direct(who)
    ada.entered.add(room)
    house.say("nothing special", room=LOBBY)
    house.say("psst", who, room)
    ada.wait_for("1 for you")
    if ada.screen.columns > 20:
        ada.wait_for("2 unread")
        assert any(row.startswith(f"3 @{who} ") and row[:22].split("│")[0].rstrip().endswith(" 1") for row in ada.rows)
    ada.press("M-a")
    ada.wait_until(lambda: "vate)>" in ada.last_row, "the private conversation")
    ada.press("M-a")
    ada.wait_prompt(LOBBY)
    ada.press("M-a")
    ada.wait_until(lambda: "vate)>" in ada.last_row, "the way back")
    ada.type(f"/go {here}\r")
    ada.wait_prompt(here)


def test_ctrl_k_switches_by_a_few_letters(house: Running, ada: Screen) -> None:
    for room in ("#operate", "#random"):
        ada.enter(room)
    ada.press("C-k")
    ada.wait_for("Go to")
    ada.type("opt")
    ada.wait_until(lambda: "> opt" in ada.text and re.search(r"│ #operate +│", ada.text) is not None, "the list")
    assert re.search(r"│ #random +│", ada.text) is None  # in no other list than that of the rooms
    ada.press("Enter")
    ada.wait_prompt("#operate")
    ada.press("M-1")
    ada.wait_prompt(LOBBY)
    ada.type("/go rando\r")
    ada.wait_prompt("#random")
    ada.type("/go @eve\r")
    ada.wait_until(lambda: "@eve: " in ada.screen.display[-1], "a line to eve to be begun")
    ada.press("C-u")
    ada.wait_prompt("#random")


def test_the_mouse_goes_to_rooms_scrolls_and_copies(house: Running, ada: Screen) -> None:
    here = house.here
    house.server.fill(80, f"{here}m")
    ada.enter(f"{here}m")
    ada.wait_for("message 80")
    if ada.screen.columns > 20:
        ada.type("\x1b[<0;3;2M\x1b[<0;3;2m")
        ada.wait_prompt(LOBBY)
        ada.type("\x1b[<0;3;4M\x1b[<0;3;4m")
        ada.wait_prompt(f"{here}m")
    ada.type("\x1b[<64;10;2M" * 10)
    ada.wait_for("↓ 30 below" if ada.screen.columns > 20 else "↓ 30")
    row = 1 if ada.screen.lines == 5 else 3
    found = re.search(r"message \d+", ada.screen.display[row])
    assert found is not None
    column, end = found.span()
    ada.type(f"\x1b[<0;{column + 1};{row + 1}M\x1b[<32;{end};{row + 1}M\x1b[<0;{end};{row + 1}m")
    wanted = b"\x1b]52;c;" + base64.b64encode(found[0].encode())
    ada.wait_until(lambda: wanted in ada.raw, "the copy")
    ada.press("C-g")


# ---- attention ----------------------------------------------------------------------------------


def test_a_mention_rings_notifies_and_counts_in_the_title(house: Running, ada: Screen) -> None:
    house.say("hello @ada")  # one looks at it
    ada.sees("hello @ada")
    ada.look_away()
    house.say("there, @ada?")
    notice = f"\a\x1b]9;bob in {house.here}: there, @ada?\a".encode()
    ada.wait_until(partial(has, ada, notice), "a notification")
    ada.wait_until(lambda: ada.screen.title.startswith("(1) "), "a count in the title")
    assert b"]9;bob in %s: hello" % house.here.encode() not in ada.raw
    ada.press("FocusIn")
    ada.wait_until(lambda: not ada.screen.title.startswith("("), "the count to go")
    assert house.here in ada.screen.title


def test_a_rooms_rule_and_do_not_disturb_keep_quiet(house: Running, ada: Screen) -> None:
    ada.type("/notify all\r")
    ada.sees(": all.")
    ada.look_away()
    house.say("anything")
    ada.wait_until(partial(has, ada, f"]9;bob in {house.here}: anything".encode()), "a notification")
    ada.type("/notify nothing\r")
    ada.sees(": nothing.")
    house.say("quiet @ada")
    ada.sees("quiet @ada")
    ada.type("/notify all\r")
    ada.wait_until(lambda: ada.flat.rfind(": all.") > ada.flat.find("quiet @ada"), "the rule")
    ada.press("M-n")
    ada.wait_for("do not disturb" if ada.screen.columns > 20 else "quiet")
    house.say("hush")
    ada.sees("hush")
    ada.press("M-n")
    ada.wait_for("notifications on")
    ada.press("FocusIn")
    assert ada.raw.count(b"\x1b]9;") == 1


@pytest.mark.parametrize(("by", "said"), [("osc777", b"\a\x1b]777;notify;bob in #lobby;lunch?\a"), ("bell", b"\a")])
def test_highlighted_words_notify_like_the_name(seat: Seat, house: Running, by: str, said: bytes) -> None:
    settings = f'[client]\nhighlight = ["lunch", "deploy"]\nnotify_by = "{by}"\n'
    home = seat.home / by
    home.mkdir()
    (home / "config.toml").write_text(settings)
    with Screen(house.url, home).ready() as ada:
        ada.look_away()
        house.say("deployment is none", room=LOBBY)
        ada.wait_for("deployment is none")
        assert b"\a" not in ada.raw.replace(b" - trio-chat\a", b"")
        house.say("lunch?", room=LOBBY)
        ada.wait_until(partial(has, ada, said), "a call")
        ada.wait_for("lunch?")
        assert ada.style("lunch?").bold  # type: ignore[attr-defined] # a cell of pyte
        ada.wait_for("1 for you")
    assert not house.server.asked(requests.Send)
