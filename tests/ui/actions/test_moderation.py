"""What is told to who keeps a room in order, beyond what the room hears."""

from __future__ import annotations

from typing import cast

import pytest

import trio_chat
from tests.client.test_against_server import serving
from tests.ui.typed import interpret
from trio_chat.client import Chat
from trio_chat.protocol.events import Event
from trio_chat.ui.actions.actions import Action, carry_out
from trio_chat.ui.model.notes import Note
from trio_chat.ui.model.place import Place
from trio_chat.ui.model.sentences import (
    banned_already,
    muted_already,
    reacted_already,
    role_already,
    so_already,
    topic_already,
)


async def test_a_command_that_changes_nothing_says_so() -> None:
    async with serving() as server, trio_chat.connect(server.urls[0], name="ada", listen=False) as ada:
        await ada.join("#ops")
        place = Place("ada", "#ops")

        async def told(line: str) -> list[Event]:
            action = interpret(line, place)
            assert isinstance(action, Action)
            return await carry_out(action, ada, place)

        assert await told("/private off") == [Note(lines=("#ops is public already.",))]
        assert await told("/keep 0") == [Note(lines=("Messages in #ops are already kept as long as the server says.",))]
        assert await told("/announce-only on") == []
        assert await told("/announce-only on") == [Note(lines=("Only moderators may write in #ops already.",))]
        assert await told("/op ada owner") == [Note(lines=("ada is an owner of #ops already.",))]
        assert await told("/ban 192.0.2.9 spam") == []
        assert await told("/ban 192.0.2.9 spam") == [Note(lines=("192.0.2.9 is banned from #ops already.",))]
        assert await told("/topic -") == [Note(lines=("#ops has no topic.",))]
        assert await told("/topic disks") == []
        assert await told("/topic disks") == [Note(lines=("That is the topic of #ops already.",))]
        assert await told("/nick ada") == [Note(lines=("Your name is already ada.",))]
        assert await told("/back") == [Note(lines=("You are not away.",))]
        assert await told("/away lunch") == []
        assert await told("/away lunch") == [Note(lines=("You are already away with that text.",))]
        await ada.send("#ops", "hello")
        assert await told("/unreact 4 +1") == [Note(lines=("You have not reacted to that message with +1.",))]
        assert await told("/react 4 +1") == []
        assert await told("/react 4 +1") == [Note(lines=("You have already reacted to that message with +1.",))]
        assert len((await ada.history("#ops")).events) == 5


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        ("private", True, "#ops is private already."),
        ("announce_only", False, "Everybody may write in #ops already."),
        ("slow", 90.0, "Everyone waits 90s between messages in #ops already."),
        ("slow", 0.0, "Nobody waits between messages in #ops already."),
        ("keep", 1.0, "Messages in #ops are already kept for 1 day."),
        ("keep", 30.0, "Messages in #ops are already kept for 30 days."),
    ],
)
def test_each_setting_that_is_so_already_has_its_sentence(setting: str, value: float, sentence: str) -> None:
    assert so_already("#ops", setting, value) == sentence


def test_sentences_are_harmless_on_a_terminal() -> None:
    hostile = "\x1b[2J\u202e"
    for line in (
        so_already(hostile, "slow", 1.0),
        role_already(hostile, hostile, "member"),
        banned_already(hostile, hostile),
        muted_already(hostile, hostile, 0.0),
        reacted_already(hostile, on=True),
        topic_already(hostile, hostile),
    ):
        assert not set("\x1b\u202e") & set(line)


class Inviting:
    """A chat in which invites are made, with a server at this URL."""

    def __init__(self, url: str) -> None:
        self.link = f"{url}#pin=x&invite=y"

    async def make_invite(self, room: str | None, *, uses: int, seconds: float | None) -> str:
        del room, uses, seconds
        return self.link


@pytest.mark.parametrize(
    ("url", "whom"),
    [
        ("wss://chat.example:8765/", "Send it only to them:"),
        (
            "wss://localhost:8765/",
            "Only people on this machine can use it. For others, the operator runs: trio-chat admin invite",
        ),
    ],
)
async def test_a_line_that_works_here_alone_is_not_said_to_be_for_sending(url: str, whom: str) -> None:
    place = Place("ada", "#lobby")
    action = interpret("/invite-link 1 2h", place)
    assert isinstance(action, Action)
    (told,) = await carry_out(action, cast("Chat", Inviting(url)), place)
    assert told == Note(
        lines=(f"This line lets in one new person within 2h. {whom}", f"trio-chat join '{url}#pin=x&invite=y'")
    )
