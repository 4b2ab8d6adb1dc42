"""Writing single settings into the settings file: comments and order stay, and nothing is lost when it fails."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.config import load_client
from trio_chat.config.saving import SettingsWriter, change
from trio_chat.errors import ConfigError

FILE = """\
# my settings
[server]
port = 9000 # as agreed

[client]
# colours
theme = "dark"  # at night
highlight = [
    "deploy",  # work
]

[client.keys]
switcher = "F5"
"""


@pytest.mark.parametrize(
    ("keys", "value", "before", "after"),
    [
        (("client", "theme"), "light", 'theme = "dark"  # at night', 'theme = "light"  # at night'),
        (("client", "theme"), None, 'theme = "dark"  # at night\n', ""),
        (("client", "keys", "switcher"), "F6", '"F5"', '"F6"'),
        (("server", "port"), 9001, "9000 # as", "9001 # as"),
    ],
)
def test_only_the_line_of_the_setting_changes(keys: tuple[str, ...], value: object, before: str, after: str) -> None:
    assert change(FILE, keys, value) == FILE.replace(before, after)


@pytest.mark.parametrize(
    "text", ["", "# nothing yet\n", FILE, "[client]", 'client.theme = "dark"\n', "\ufeff[client]\n"]
)
@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("client", "typing"), False),
        (("client", "alias", "greet"), ("a", "ünïcode\n")),
        (("client", "backlog"), 5),
        (("client", "alias", "hug"), "/me hugs $1"),
    ],
)
def test_a_new_setting_is_added(text: str, keys: tuple[str, ...], value: object) -> None:
    made = change(text, keys, value)
    assert made.startswith(text[:1])
    table = tomllib.loads(made.removeprefix("\ufeff"))
    for key in keys[:-1]:
        table = table[key]
    assert table[keys[-1]] == (list(value) if isinstance(value, tuple) else value)
    assert all(line in made for line in text.splitlines() if "#" in line)
    table = tomllib.loads(change(made, keys, None).removeprefix("\ufeff"))
    for key in keys[:-1]:
        table = table[key]
    assert keys[-1] not in table


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_read_back_as_it_was(text: str) -> None:
    assert tomllib.loads(change(FILE, ("client", "name"), text))["client"]["name"] == text


@pytest.mark.parametrize("text", ["not toml", "client = 3\n"])
def test_a_file_that_cannot_hold_it_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"It was not changed\."):
        change(text, ("client", "theme"), "light")


def test_the_file_keeps_its_mode_and_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles.toml", tmp_path / "config.toml"
    real.write_text(FILE, "utf-8")
    real.chmod(0o640)
    link.symlink_to(real)
    told = SettingsWriter(link)(("client", "theme"), "light")
    assert told == f"Saved in {link}."
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert load_client(path=link, environ={}).config.theme == "light"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.toml", "dotfiles.toml"]


def test_a_new_file_is_made_with_its_folder_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config.toml"
    SettingsWriter.of(None, {"TRIO_CHAT_CONFIG": str(path)})(("client", "typing"), False)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not load_client(path=path, environ={}).config.typing


def test_an_environment_variable_that_overrides_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIO_CHAT_THEME", "dark")
    told = SettingsWriter(tmp_path / "c.toml")(("client", "theme"), "light")
    assert told.endswith("TRIO_CHAT_THEME is set in the environment and overrides it.")


def test_a_file_that_cannot_be_written_is_a_sentence_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "file" / "config.toml"
    path.parent.write_text("in the way")
    with pytest.raises(ConfigError, match="cannot be written"):
        SettingsWriter(path)(("client", "theme"), "light")
    folder = tmp_path / "config.toml"
    folder.mkdir()
    with pytest.raises(ConfigError, match="cannot be written"):
        SettingsWriter(folder)(("client", "theme"), "light")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.toml", "file"]
