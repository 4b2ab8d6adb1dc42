"""The full screen in a pseudo-terminal: the past, what is new, what stands between messages, search."""

from __future__ import annotations

import re
from pathlib import Path

from tests.programs import ServerProgram, say
from tests.ui.tui.rich_server import LOBBY, RichServer, Running, stamp
from tests.ui.tui.screens import SIZES, Screen
from trio_chat.protocol import requests
from trio_chat.protocol.events import BanList, DeviceList, Presence
from trio_chat.protocol.parts import BanInfo, DeviceInfo


def past(house: Running, ada: Screen, count: int) -> str:
    """Go into a room that has a past; its name."""
    room = f"{house.here}past"
    house.server.fill(count, room)
    house.here = room
    ada.enter(room)
    ada.wait_for(f"message {count}")
    return room


def ends_with(screen: Screen, text: str) -> bool:
    """Whether a line of the conversation ends with this."""
    return any(re.search(rf"{text} *(│|$)", row) for row in screen.rows)


def scroll_to(screen: Screen, text: str, key: str) -> None:
    """Press a key until a line that ends with this is shown."""
    for _ in range(400):
        if ends_with(screen, text):
            return
        screen.press(key)
        screen.read(0.01)
    screen.wait_until(lambda: ends_with(screen, text), text)


def test_scrollback_is_fetched_in_pages_to_the_very_first_line_and_back(house: Running, ada: Screen) -> None:
    past(house, ada, 230)
    scroll_to(ada, "message 1", "PageUp")
    assert len(house.server.asked(requests.History)) >= 3
    house.say("brand new")
    ada.wait_for("1 unread")
    assert "brand new" not in ada.text
    scroll_to(ada, "brand new", "PageDown")
    ada.wait_gone("unread")


def test_the_first_page_is_as_long_as_the_backlog_setting(tmp_path: Path) -> None:
    with Running(lambda server: server.fill(350)) as chat:
        with Screen(chat.url, tmp_path, "--backlog", "3", columns=200, rows=50).ready() as ada:
            ada.wait_for("message 350")
            assert "message 348" in ada.text
            assert "message 347" not in ada.text
            ada.press("PageUp")
            ada.wait_for("message 310")
        chat.forget()
        with Screen(chat.url, tmp_path, "--backlog", "320").ready() as ada:
            ada.wait_until(
                lambda: any(
                    one.before is not None and one.before <= 131 for one in chat.server.asked(requests.History)
                ),
                "three pages and a part of a fourth to be asked for",
            )
            ada.wait_for("message 350")
            chat.say("just said")
            ada.wait_for("just said")
            assert "below" not in ada.text
        chat.forget()
        with Screen(chat.url, tmp_path, "--backlog", "0").ready() as ada:
            chat.say("said later")
            ada.wait_for("said later")
            assert not chat.server.asked(requests.History)
            assert "message" not in ada.text


def test_new_lines_dates_and_groups_are_marked_at_every_size(tmp_path: Path) -> None:
    def prepare(server: RichServer) -> None:
        server.fill(6)
        server.read, server.mentions = 4, 1

    with Running(prepare) as chat, Screen(chat.url, tmp_path).ready() as ada:
        for columns, rows in SIZES:
            ada.resize(columns, rows)
            ada.wait_until(lambda rows=rows: len(ada.rows) == rows and "message 6" in ada.text, "the size")  # type: ignore[misc] # bound now
            assert ada.row_of(" new ") == ada.row_of("message 5") - 1
        assert "July 2026" in ada.rows[ada.row_of("message 1") - 1]
        assert sum(" bob " in row for row in ada.rows) == 2  # at the begin, and under the line
        chat.say("a day later", time=stamp(86400))
        ada.wait_for("a day later")
        assert ada.text.count("July 2026") == 2


def test_alt_u_goes_to_the_first_unread_line_however_far_above_it_is(tmp_path: Path) -> None:
    def prepare(server: RichServer) -> None:
        server.fill(400)
        server.read = 20

    with Running(prepare) as chat, Screen(chat.url, tmp_path).ready() as ada:
        for columns, rows in SIZES:
            ada.resize(columns, rows)
            ada.wait_until(lambda rows=rows: len(ada.rows) == rows and ends_with(ada, "message 400"), "the size")  # type: ignore[misc] # bound now
            ada.press("M-u")
            ada.wait_until(lambda: ends_with(ada, "message 21"), "the first unread message")
            assert ada.row_of(" new ") == ada.row_of("message 21") - 1
            ada.press("M-G")
        ada.wait_until(lambda: ends_with(ada, "message 400"), "the newest")
    assert len(chat.server.asked(requests.History)) < 20  # not all the pages between


def test_one_key_marks_all_rooms_as_read(house: Running, ada: Screen) -> None:
    here = house.here
    ada.type(f"/go {LOBBY}\r")
    ada.wait_prompt(LOBBY)
    for n in range(3):
        house.say(f"text {n}", room=here)
    ada.wait_for("3 unread")
    ada.press("M-h")
    ada.wait_gone("3 unread")
    assert house.wait_asked(requests.Read).seq == 3
    ada.press("M-2")
    ada.wait_prompt(here)
    ada.wait_for("text 2")
    assert " new " not in ada.text


def test_comings_and_goings_fold_into_one_line(house: Running, ada: Screen) -> None:
    here = house.here
    house.tell(Presence(room=here, count=4, joined=("mom",)))
    house.tell(Presence(room=here, count=5, joined=("sis",)))
    house.tell(Presence(room=here, count=4, left=("bob",)))
    ada.sees("→ mom, sis ← bob")
    house.tell(Presence(room=here, count=3, left=("mom",)))
    ada.sees("→ sis ← bob")
    assert ada.text.count("→ sis") == 1


def test_the_small_markdown_is_shown_and_stays_legible(house: Running, ada: Screen) -> None:
    if ada.screen.lines < 12:
        house.say("**strong** *soft* `code` ~~gone~~ 2*3*4 a_b_c")
        ada.sees("strong soft code gone 2*3*4 a_b_c")
    else:
        house.say("**strong** *soft* `code` ~~gone~~ 2*3*4 a_b_c\n> quoted\n```\nif x:\n    y\n```\n@bob and #ops")
        ada.sees("strong soft code gone 2*3*4 a_b_c", "@bob and #ops")
        assert "▌ quoted" in ada.text
        assert "│     y" in ada.text
    assert ada.style("strong").bold  # type: ignore[attr-defined] # a cell of pyte


# ---- search and jumps ---------------------------------------------------------------------------


def test_a_jump_goes_to_a_replys_origin_far_above(house: Running, ada: Screen) -> None:
    past(house, ada, 300)
    house.say("what of this?", "eve", reply_to=20)
    ada.sees("what of this?")
    ada.press("M-s")
    ada.type("o")
    ada.wait_until(lambda: ends_with(ada, "message 20"), "the origin")
    ada.wait_for("↓")
    ada.press("C-g", "M-G")
    ada.sees("what of this?")


def test_search_results_lead_to_their_context(house: Running, ada: Screen) -> None:
    room = past(house, ada, 300)
    house.server.logs[LOBBY] = house.server.logs[room]
    ada.enter(LOBBY)
    ada.type("/search 123 from:bob has:link\r")
    ada.wait_for("1 found")
    asked = house.wait_asked(requests.Search)
    assert (asked.words, asked.sender, asked.has_link) == (("123",), "bob", True)
    ada.press("Enter")
    ada.wait_until(lambda: "Search" not in ada.text and ends_with(ada, "message 123"), "what was found")
    assert ada.screen.lines < 12 or (ends_with(ada, "message 122") and ends_with(ada, "message 124"))
    ada.press("C-g", "M-G")
    house.server.logs[LOBBY] = []
    ada.enter(room)


def test_a_search_goes_on_behind_its_first_page_and_is_shown_again(tmp_path: Path) -> None:
    with ServerProgram() as server:
        say(server.url, "bob", *(f"apple {n}." for n in range(120)))
        with Screen(server.url, tmp_path).ready() as ada:
            ada.wait_for("apple 119.")
            for shown, (columns, rows) in zip(("50 found", "100 found", "120 found"), SIZES, strict=True):
                ada.resize(columns, rows)
                if "found" not in ada.text:
                    ada.type("/search apple\r")
                else:
                    ada.wait_for("found")
                ada.wait_for(shown)
                for _ in range(12):
                    ada.press("PageDown")
                if shown != "120 found":
                    ada.wait_for("show more")
                    ada.press("Enter")
            ada.wait_for("120 found")
            assert "show more" not in ada.text
            ada.press("C-g")
            ada.wait_gone("120 found")
            ada.type("/search more\r")
            ada.wait_for("120 found")
            ada.press("Enter")
            ada.wait_gone("120 found")
            ada.wait_for("apple 0.")  # the last row was the oldest
            ada.wait_for("below")


def test_a_number_leads_to_its_message(house: Running, ada: Screen) -> None:
    room = past(house, ada, 300)
    ada.type(f"/context {room.upper()} 17\r")
    ada.wait_until(lambda: ends_with(ada, "message 17"), "the message")
    ada.press("C-g", "M-G")
    ada.wait_for("message 300")


# ---- tables -------------------------------------------------------------------------------------


def test_tables_keep_their_columns_and_fit_small_windows(house: Running, ada: Screen) -> None:
    devices = tuple(
        DeviceInfo(id=n, client=f"trio-chat 0.{n}", created=stamp(), seen=stamp(60), current=n == 2) for n in (1, 2)
    )
    bans = (BanInfo(by="eve", time=stamp(), name="mallory", reason="enough"),)

    async def answer(session: object, request: object) -> bool:
        if isinstance(request, requests.Devices):
            await session.say(DeviceList(id=request.id, devices=devices))  # type: ignore[attr-defined] # a Session
        elif isinstance(request, requests.Bans):
            await session.say(BanList(id=request.id, room=request.room, bans=bans))  # type: ignore[attr-defined] # as above
        return isinstance(request, requests.Devices | requests.Bans)

    house.server.before = answer
    ada.type("/devices\r")
    ada.wait_until(lambda: "now" in ada.flat, "the devices")
    if ada.screen.columns > 20:
        at = ada.row_of("* 2")
        assert [ada.screen.display[at + by].index("trio-chat 0.") for by in (-1, 0)] == [
            ada.screen.display[at - 2].index("program")
        ] * 2
    ada.type("/bans\r")
    ada.sees("eve enough")
    if ada.screen.columns > 20:
        assert ada.screen.display[ada.row_of("mallory")].index("for good") == ada.screen.display[
            ada.row_of("until")
        ].index("until")
