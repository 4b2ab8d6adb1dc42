"""The full screen in a pseudo-terminal: no connection, refusals, names and passwords, two programs and a server."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from tests.ports import find_free_port
from tests.programs import ServerProgram, say
from tests.ui.tui.rich_server import LOBBY, Running
from tests.ui.tui.screens import SIZES, Screen
from trio_chat.errors import FAULTS
from trio_chat.protocol import requests
from trio_chat.protocol.events import AwayChanged, Closing, Error
from trio_chat.protocol.parts import Removal


def test_an_outage_shows_its_duration_the_next_try_and_the_queue(tmp_path: Path) -> None:
    port = find_free_port()
    with ServerProgram(port=port) as server, Screen(f"ws://127.0.0.1:{port}/", tmp_path, columns=120).ready() as ada:
        server.process.kill()
        server.process.wait()
        ada.wait_for("no connection for")
        ada.wait_for("next try in")
        assert "(offline)" in ada.last_row
        ada.type("said meanwhile\r")
        ada.wait_for("said meanwhile …")
        ada.wait_for("1 to send")
        for columns, rows in SIZES:
            ada.resize(columns, rows)
            shown = ("· 1 ", "offline" if columns == 20 else "no connection for")
            ada.wait_until(
                lambda rows=rows, shown=shown: len(ada.rows) == rows and all(text in ada.rows[-2] for text in shown),  # type: ignore[misc] # bound now
                f"{shown} in the status line",
            )
        with ServerProgram(port=port):
            ada.wait_for("said meanwhile ✓")
            ada.wait_for("connected")
            ada.type("/quit\r")
            assert ada.wait_exit() == 0


def test_catching_up_shows_its_progress(tmp_path: Path) -> None:
    with Running() as chat, Screen(chat.url, tmp_path).ready() as ada:
        ada.wait_for("connected")
        held: list[requests.History] = []
        begun = trio.Event()

        async def hold(_session: object, request: object) -> bool:
            if isinstance(request, requests.History) and request.after is not None and len(held) < 2:
                held.append(request)
                await begun.wait()
                return len(held) == 2  # the second page never comes, so there is time to look
            return False

        async def begin() -> None:
            begun.set()

        chat.server.before = hold
        chat.server.fill(150)
        chat.do(chat.server.session.drop)
        ada.wait_for("catching up 0% (150 to go)")
        chat.do(begin)
        ada.wait_for("(50 to go)")
        ada.resize(20, 5)
        ada.wait_for("catching up 66%")
        ada.resize(200, 50)
        ada.wait_for("catching up 66% (50 to go)")


def test_the_servers_reason_is_shown_when_it_ends_the_chat(tmp_path: Path) -> None:
    with Running() as chat, Screen(chat.url, tmp_path).ready() as ada:

        async def end() -> None:
            for session in chat.server.sessions:
                await session.close(Closing(code="idle", message="Bye! Nothing came from you.", advice="Join again."))

        chat.do(end)
        ada.wait_for("Bye! Nothing came from you. Join again.")
        ada.resize(20, 5)
        ada.wait_until(lambda: len(ada.rows) == 5 and "Bye!" in ada.text, "the reason in a small window")
        ada.resize(80, 24)
        ada.press("Esc")
        assert ada.wait_exit() == 1
        ada.assert_given_back()
        assert "Bye! Nothing came from you." in ada.text


def test_a_returning_person_is_told_of_a_removal(tmp_path: Path) -> None:
    with Running() as chat:
        chat.server.put_out = (Removal(room="#ops", by="bob", reason="take a walk"),)
        with Screen(chat.url, tmp_path).ready() as ada:
            ada.wait_for("While you were away, bob kicked you from #ops: take a walk")


def test_away_notices_and_errors_are_shown_in_the_current_room(house: Running, ada: Screen) -> None:
    house.tell(AwayChanged(name="bob", text="lunch"))
    house.tell(Error(code="internal", message=FAULTS["internal"].sentence, advice="Try again."))
    ada.sees("its log has the details. Try again.")
    if ada.screen.columns == 200:
        people = [ada.screen.buffer[ada.row_of(f"│ {name} ")][179] for name in ("ada", "bob")]
        assert [cell.data for cell in people] == ["a", "b"]
        assert people[0].fg != people[1].fg
    house.tell(AwayChanged(name="bob"))


def test_two_real_programs_talk_through_a_real_server(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with (
        ServerProgram() as server,
        Screen(server.url, tmp_path / "a").ready() as ada,
        Screen(server.url, tmp_path / "b", name="bob", columns=40, rows=10).ready() as bob,
    ):
        ada.type("hello bob\r")
        bob.wait_for("hello bob")
        bob.type("psst @ada\r")
        ada.wait_for("@bob")
        ada.press("M-2")
        ada.wait_for("psst")
        bob.wait_for("→ ada (private): psst")  # under load the conversation is there only now
        bob.press("M-2")
        bob.wait_for("psst ✓✓")
        bob.press("M-1")
        say(server.url, "eve", "good day")
        bob.wait_for("good day")
        bob.wait_for("← eve")


# ---- names and passwords ------------------------------------------------------------------------


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_a_refused_password_is_asked_again_in_a_dialog(
    guarded: ServerProgram, tmp_path: Path, columns: int, rows: int
) -> None:
    with Screen(guarded.url, tmp_path, columns=columns, rows=rows, name=f"ada{columns}") as ada:
        ada.wait_for("Server password: ")
        ada.type("wrong\r")
        ada.wait_until(lambda: "wrong" in ada.text, "the refusal")
        ada.wait_for("Server password: ")
        ada.type("letmein\r")
        ada.wait_prompt(LOBBY)
        assert b"letmein" not in ada.raw


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> object:
    secret = tmp_path_factory.mktemp("secret") / "password"
    secret.write_text("letmein\n")
    secret.chmod(0o600)
    with ServerProgram("--password-file", str(secret)) as server:
        yield server


def test_a_refused_name_is_asked_again_in_a_dialog(tmp_path: Path) -> None:
    with ServerProgram() as server, Screen(server.url, tmp_path, name="system") as ada:
        for columns, rows in SIZES:
            ada.resize(columns, rows)
            ada.wait_until(lambda rows=rows: len(ada.rows) == rows and "Another name" in ada.text, "the question")  # type: ignore[misc] # bound now
        ada.type("ada\r")
        ada.wait_prompt(LOBBY)


def test_an_owned_name_is_given_for_its_own_password_or_left_for_another_name(tmp_path: Path) -> None:
    for home in ("home", "away", "guest"):
        (tmp_path / home).mkdir()
    with ServerProgram() as server:
        with Screen(server.url, tmp_path / "home").ready() as ada:
            ada.type("/password\r")
            ada.wait_for("New password")
            ada.type("correct horse\r")
            ada.wait_for("Repeat it")
            ada.type("battery staple\r")
            ada.sees("Your password is unchanged.")
            ada.type("/password\r")
            ada.wait_for("New password")
            ada.type("correct horse\r")
            ada.wait_for("Repeat it")
            ada.type("correct horse\r")
            ada.wait_for("Your password is set.")
            assert "correct horse" not in ada.text
            ada.type("/quit\r")
            assert ada.wait_exit() == 0
        with Screen(server.url, tmp_path / "away") as ada:
            ada.wait_for("The name ada already has an owner.")
            ada.type("wrong guess\r")
            ada.wait_for("The password for ada is wrong.")
            ada.type("correct horse\r")
            ada.wait_for("→ #lobby>")
            ada.type("/quit\r")
            assert ada.wait_exit() == 0
        with Screen(server.url, tmp_path / "guest") as guest:
            guest.wait_for("The name ada already has an owner.")
            guest.type("\r")
            guest.wait_for("Another name: ")
            guest.type("guest\r")
            guest.wait_for("→ #lobby>")
            guest.type("hello from a guest\r")
            guest.wait_for("hello from a guest")
