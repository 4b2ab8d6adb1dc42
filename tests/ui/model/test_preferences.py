"""The settings of an interface while it runs: shown, changed, refused, saved."""

from __future__ import annotations

import pytest

from trio_chat.config import ClientConfig
from trio_chat.errors import ConfigError
from trio_chat.protocol.events import Error
from trio_chat.ui.model.interface_actions import (
    ChangeSetting,
    DefineAlias,
    SaveSetting,
    SettingsAction,
    ShowAliases,
    ShowSettings,
)
from trio_chat.ui.model.notes import Note
from trio_chat.ui.model.preferences import LIVE, Preferences


class Desk:
    """Preferences whose changes and stored values are noted."""

    def __init__(self, **config: object) -> None:
        self.stored: list[tuple[tuple[str, ...], object]] = []
        self.used: list[ClientConfig] = []
        self.refuses = ""
        self.preferences = Preferences(ClientConfig(**config), self.save)  # type: ignore[arg-type] # the test's own values
        self.preferences.watch(self.use)

    def save(self, keys: tuple[str, ...], value: object) -> str:
        self.stored.append((keys, value))
        return "Saved."

    def use(self, config: ClientConfig) -> None:
        self.used.append(config)
        if self.refuses and config.theme == self.refuses:
            raise ConfigError("That theme cannot be read.")

    def lines(self, action: SettingsAction) -> tuple[str, ...]:
        answer = self.preferences.do(action)
        assert isinstance(answer, Note)
        return answer.lines

    def why(self, action: SettingsAction) -> str:
        answer = self.preferences.do(action)
        assert isinstance(answer, Error)
        return answer.message


def test_all_settings_but_secrets_are_shown() -> None:
    lines = Desk(password="secret", highlight=("a", "b\x1b"), typing=False).lines(ShowSettings())
    assert "highlight = a, b␛" in lines
    assert "typing = off" in lines
    assert "name = (none)" in lines
    assert not any("password =" in line or "secret" in line or "keys" in line for line in lines)


def test_one_setting_is_explained() -> None:
    name, description, values = Desk().lines(ShowSettings("trailing-names"))
    assert name == "trailing_names = private"
    assert description.startswith("  When all @names of a message are at its end")
    assert values == "  It is one of private, mention; by default private. It changes at once."
    assert Desk().lines(ShowSettings("typing"))[2] == "  It is on or off; by default on. It changes at once."
    assert Desk().lines(ShowSettings("url"))[2].endswith("A change counts from the next start.")


def test_a_change_counts_at_once_and_is_stored_only_when_asked() -> None:
    desk = Desk()
    assert desk.lines(ChangeSetting("typing", "off")) == ("typing = off",)
    assert desk.used[-1].typing is False
    assert desk.preferences.config.typing is False
    assert desk.stored == []
    assert desk.lines(ChangeSetting("highlight", "deploy, lunch", save=True)) == ("highlight = deploy, lunch", "Saved.")
    assert desk.stored == [(("client", "highlight"), ("deploy", "lunch"))]
    assert desk.lines(SaveSetting("typing")) == ("Saved.",)
    assert desk.lines(ChangeSetting("highlight", None, save=True)) == ("highlight = (none)", "Saved.")
    assert desk.stored[1:] == [(("client", "typing"), False), (("client", "highlight"), None)]


@pytest.mark.parametrize(
    ("key", "text", "why"),
    [
        ("theem", "light", "There is no setting theem. Did you mean theme?"),
        ("theme", "darkk", "theme must be one of"),
        ("typing", "maybe", "typing must be on or off, not 'maybe'"),
        ("backlog", "-1", "backlog must be a whole number"),
        ("password", "x", "password cannot be set here; change the settings file."),
        ("keys", "x", "keys cannot be set here; change the settings file."),
        ("url", "ws://x/", "url cannot change while the chat runs. /set url ws://x/ --save writes it"),
    ],
)
def test_an_impossible_change_is_refused_and_changes_nothing(key: str, text: str, why: str) -> None:
    desk = Desk()
    assert why in desk.why(ChangeSetting(key, text))
    assert desk.preferences.config == ClientConfig()
    assert not desk.used
    assert not desk.stored


def test_a_setting_for_the_next_start_is_only_stored() -> None:
    desk = Desk()
    assert desk.lines(ChangeSetting("color", "never", save=True)) == ("color = never, from the next start", "Saved.")
    assert desk.preferences.config.color == "auto"
    assert desk.stored == [(("client", "color"), "never")]


def test_a_change_that_the_interface_refuses_is_undone() -> None:
    desk = Desk()
    desk.refuses = "mine.toml"
    assert desk.why(ChangeSetting("theme", "mine.toml", save=True)) == "That theme cannot be read."
    assert desk.preferences.config.theme == "auto"
    assert [config.theme for config in desk.used] == ["mine.toml", "auto"]
    assert desk.stored == []


def test_a_file_that_cannot_be_written_is_told() -> None:
    assert Preferences().do(SaveSetting("theme")) == Error(code="setting", message="There is no settings file here.")


def test_aliases_are_defined_shown_stored_and_removed() -> None:
    desk = Desk(alias={"hug": ("/me hugs $1",)})
    assert desk.lines(ShowAliases()) == ("/hug = /me hugs $1",)
    assert desk.lines(DefineAlias("wave", "/me waves", save=True)) == ("/wave = /me waves", "Saved.")
    assert desk.lines(ShowAliases("wave")) == ("/wave = /me waves",)
    assert desk.lines(DefineAlias("hug", "")) == ("/hug is no alias any more.",)
    assert dict(desk.preferences.aliases) == {"wave": "/me waves"}
    assert desk.why(ShowAliases("hug")) == desk.why(DefineAlias("hug", "")) == "There is no alias hug."
    assert desk.stored == [(("client", "alias", "wave"), "/me waves")]


def test_every_live_setting_is_a_setting() -> None:
    assert set(Preferences().keys) >= LIVE
    assert Preferences().values_of("typing") == ("on", "off")
    assert Preferences().values_of("notify") == ("all", "mentions", "nothing")
    assert Preferences().values_of("backlog") == Preferences().values_of("nothing") == ()
