"""What is told to who keeps a room in order, beyond what the room hears."""

from __future__ import annotations

import pytest

import trio_chat
from tests.client.test_against_server import serving
from trio_chat.protocol.events import Event
from trio_chat.ui.actions import carry_out
from trio_chat.ui.commands import interpret
from trio_chat.ui.governing import Configure, SetRole
from trio_chat.ui.notes import Note
from trio_chat.ui.place import Place
from trio_chat.ui.sentences import role_already, so_already


async def test_a_command_that_changes_nothing_says_so() -> None:
    async with serving() as server, trio_chat.connect(server.urls[0], name="ada", listen=False) as ada:
        await ada.join("#ops")
        place = Place("ada", "#ops")

        async def told(line: str) -> list[Event]:
            action = interpret(line, place)
            assert isinstance(action, Configure | SetRole)
            return await carry_out(action, ada, place)

        assert await told("/private off") == [Note(lines=("#ops is public already.",))]
        assert await told("/keep 0") == [Note(lines=("Messages in #ops are already kept as long as the server says.",))]
        assert await told("/announce-only on") == []
        assert await told("/announce-only on") == [Note(lines=("Only moderators may speak in #ops already.",))]
        assert await told("/op ada owner") == [Note(lines=("ada is an owner of #ops already.",))]
        assert len((await ada.history("#ops")).events) == 1


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        ("private", True, "#ops is private already."),
        ("announce_only", False, "All may speak in #ops already."),
        ("slow", 90.0, "Everyone waits 90s between messages in #ops already."),
        ("slow", 0.0, "Nobody waits between messages in #ops already."),
        ("keep", 1.0, "Messages in #ops are already kept for 1 day."),
        ("keep", 30.0, "Messages in #ops are already kept for 30 days."),
    ],
)
def test_each_setting_that_is_so_already_has_its_sentence(setting: str, value: float, sentence: str) -> None:
    assert so_already("#ops", setting, value) == sentence


def test_nothing_of_it_reaches_a_terminal_raw() -> None:
    hostile = "\x1b[2J\u202e"
    for line in (so_already(hostile, "slow", 1.0), role_already(hostile, hostile, "member")):
        assert not set("\x1b\u202e") & set(line)
