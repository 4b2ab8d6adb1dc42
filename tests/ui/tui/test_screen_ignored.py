"""The full screen in a pseudo-terminal: whom one ignores is not to be seen, and calls nobody."""

from __future__ import annotations

from tests.ui.tui.rich_server import LOBBY, Running
from tests.ui.tui.screens import Screen
from trio_chat.protocol.events import TypingNotice

OPTIONS = ("--notify-by", "osc9", "--notify", "all")


def test_messages_of_an_ignored_person_are_hidden_until_unignore(house: Running, ada: Screen) -> None:
    here = house.here
    house.say("spam spam", "mallory")
    first = house.say("hello", "bob", reactions={"👎": ("mallory",)})
    ada.sees("hello")
    ada.type("/ignore mallory\r")
    ada.sees("/unignore mallory undoes it.")
    assert "spam" not in ada.text
    assert "👎" not in ada.text
    house.say("quoted", "eve", reply_to=first - 1)
    ada.sees("a message of" if ada.screen.columns == 20 else "a message of a person you ignore", "quoted")
    ada.type(f"/go {LOBBY}\r")
    ada.wait_prompt(LOBBY)
    ada.raw.clear()
    house.tell(TypingNotice(room=LOBBY, name="mallory"))
    house.say("more spam @ada", "mallory", here)
    house.say("good morning", "bob", here)
    ada.wait_for("1 unread")
    assert "mallory is typing" not in ada.text
    ada.wait_until(lambda: b"good morning\a" in ada.raw, "a call")
    assert b"spam" not in ada.raw
    ada.type(f"/go {here}\r")
    ada.wait_prompt(here)
    ada.sees("good morning")
    ada.press("M-s", "k")  # over what is hidden
    ada.type("i")
    ada.wait_for("sender    eve" if ada.screen.columns > 20 else "sender  ")
    ada.press("C-g", "C-g", "M-G")
    ada.type("/ignore\r")
    ada.sees("You ignore mallory.")
    ada.type("/unignore mallory\r")
    ada.sees("mallory any more." if ada.screen.lines == 5 else "more spam @ada")
    house.say("spam again", "mallory")
    ada.sees("spam again")


def test_with_only_ignored_lines_behind_it_the_last_one_shown_is_the_newest(house: Running, ada: Screen) -> None:
    house.server.fill(60, f"{house.here}i")
    house.here = f"{house.here}i"
    ada.enter(house.here)
    ada.wait_for("message 60")
    ada.type("/ignore mallory\r")
    ada.sees("undoes it.")
    for n in range(30):
        house.say(f"spam {n}", "mallory")
    ada.press("PageUp")
    ada.wait_for("↓")
    ada.press("PageDown")
    ada.wait_gone("↓")
    house.say("the end")
    ada.sees("the end")
    assert "spam" not in ada.text
    ada.type("/unignore mallory\r")
    ada.sees("any more.")
