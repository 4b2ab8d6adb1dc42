"""The commands for the interface itself: what each line means, and what is wrong with others."""

from __future__ import annotations

import pytest

from tests.ui.followed import FollowedPlace
from tests.ui.typed import interpret
from trio_chat.protocol.events import Error, RoomInfo
from trio_chat.ui.actions.actions import Reconnect, ShowPerson
from trio_chat.ui.commands.command import Meaning
from trio_chat.ui.model.interface_actions import (
    ChangeSetting,
    ClearScreen,
    GoTo,
    SaveSetting,
    SetNotify,
    ShowSettings,
    ToggleQuiet,
    UseTheme,
)
from trio_chat.ui.model.place import Place


def in_ops() -> Place:
    return FollowedPlace(rooms=[RoomInfo(name="#ops"), RoomInfo(name="#lobby")])


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("/set", ShowSettings()),
        ("/set theme", ShowSettings("theme")),
        ("/set theme light", ChangeSetting("theme", "light")),
        ("/set highlight deploy, lunch break", ChangeSetting("highlight", "deploy, lunch break")),
        ("/set theme -", ChangeSetting("theme", None)),
        ("/set theme light --save", ChangeSetting("theme", "light", save=True)),
        ("/set theme - --save", ChangeSetting("theme", None, save=True)),
        ("/set theme --save", SaveSetting("theme")),
        ("/clear", ClearScreen()),
        ("/cls", ClearScreen()),
        ("/reconnect", Reconnect()),
        ("/go ops", GoTo("ops")),
        ("/notify", SetNotify("#ops", None)),
        ("/notify ALL", SetNotify("#ops", "all")),
        ("/dnd", ToggleQuiet()),
        ("/theme", UseTheme("")),
        ("/theme plain", UseTheme("plain")),
        ("/whois @bob", ShowPerson("bob")),
    ],
)
def test_a_command_means_its_action(line: str, meaning: Meaning) -> None:
    assert interpret(line, in_ops()) == meaning


@pytest.mark.parametrize("line", ["/set --save", "/go", "/notify some", "/whois", "/whois bob eve"])
def test_a_wrong_argument_is_answered_with_the_right_form(line: str) -> None:
    meaning = interpret(line, in_ops())
    assert isinstance(meaning, Error)
    assert meaning.advice.startswith(f"Write {line.split(maxsplit=1)[0]}")
