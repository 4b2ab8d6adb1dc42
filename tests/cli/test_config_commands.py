"""``config check`` and ``config show``."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from trio_chat.cli import main
from trio_chat.config import THEMES, load_client, load_server
from trio_chat.ui.tui.model import themes

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, without variables of ours."""
    for name in [name for name in os.environ if name.startswith("TRIO_CHAT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "chat.toml"
    path.touch(0o600)
    return path


def test_check_is_content_without_a_file_and_says_where_it_looked(home: Path, capsys: Output) -> None:
    assert main(["config", "check"]) == 0
    assert str(home / "config" / "trio-chat" / "config.toml") in capsys.readouterr().out


def test_check_is_content_with_a_right_file(file: Path, capsys: Output) -> None:
    file.write_text("[server]\nport = 1\n")
    assert main(["config", "check", "--config", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: no faults.\n"


def test_check_names_every_fault_once_with_file_and_line(
    file: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("[server]\nprot = 1\n\n[client]\nwait = 3\n")
    monkeypatch.setenv("TRIO_CHAT_RATE", "fast")
    assert main(["config", "check", "--config", str(file)]) == 2
    got = capsys.readouterr()
    assert got.out == ""
    assert got.err.splitlines() == [
        f"trio-chat: {file}:2: [server] has no option prot. Did you mean port?",
        f"trio-chat: {file}:5: wait must be true or false, not 3.",
        "trio-chat: TRIO_CHAT_RATE must be a number, 0 or more, not 'fast'.",
    ]


FAULTS = {
    'theme = "darkk"': "{3}: theme must be one of auto, dark, light, dusk, contrast, sixteen, plain, or a file that "
    "ends in .toml, not 'darkk' (did you mean dark?).",
    'theme = "nowhere.toml"': "{3}: The theme file nowhere.toml cannot be read: No such file or directory.",
    'time_format = "%H:%Q"': "{3}: time_format '%H:%Q' is wrong: strftime has no %Q.",
    'name = "a b"': "{3}: 'a b' cannot be a name: ",
    'url = "ws://host:1/#part"': "{3}: ws://host:1/ is followed by a # ",
}


@pytest.mark.parametrize("line", FAULTS)
def test_check_finds_what_join_would_refuse_and_names_the_line(file: Path, capsys: Output, line: str) -> None:
    file.write_text(f"[client]\nmouse = true\n{line}\n")
    assert main(["config", "check", "--config", str(file)]) == 2
    assert capsys.readouterr().err.startswith(f"trio-chat: {FAULTS[line].replace('{3}', f'{file}:3')}")


def test_check_finds_a_style_that_cannot_be_painted(file: Path, tmp_path: Path, capsys: Output) -> None:
    theme = tmp_path / "mine.toml"
    theme.write_text('[styles]\nlink = "lihgt blue"\n')
    file.write_text(f'[client]\ntheme = "{theme}"\n')
    assert main(["config", "check", "--config", str(file)]) == 2
    assert f"{file}:2: {theme}: the style link cannot be 'lihgt blue'" in capsys.readouterr().err


def test_check_names_the_line_of_each_key(file: Path, capsys: Output) -> None:
    file.write_text('[client.keys]\nhelp = "F2"\nnosuch = "F3"\nsubmit = "Hyper-x"\n')
    assert main(["config", "check", "--config", str(file)]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"trio-chat: {file}:3: there is no command nosuch.")
    assert second.startswith(f"trio-chat: {file}:4: submit: 'Hyper-x' is not a key")


def test_check_names_every_line_at_once_even_when_another_setting_is_wrong(file: Path, capsys: Output) -> None:
    file.write_text('[client]\nwait = 3\n[client.keys]\nhelp = "F2"\nsubmit = 3\nnosuch = "F3"\n')
    assert main(["config", "check", "--config", str(file)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.removeprefix(f"trio-chat: {file}:").partition(":")[0] for line in lines] == ["2", "5", "6"]
    assert lines[1].endswith("keys.submit must be a text or a list of texts.")


def test_check_copes_with_keys_that_are_no_table(file: Path, capsys: Output) -> None:
    for text in ("[client]\nkeys = 3\n", "client = 3\n", '[client]\nkeys = "F3"\n'):
        file.write_text(text)
        assert main(["config", "check", "--config", str(file)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "table" in line


def test_check_names_the_line_of_server_settings_that_do_not_fit_together(file: Path, capsys: Output) -> None:
    file.write_text('[server]\nopen = true\nadmit = "invites"\n')
    assert main(["config", "check", "--config", str(file)]) == 2
    assert capsys.readouterr().err.startswith(f"trio-chat: {file}:3: admit = invites keeps out people that --open")


def test_the_settings_know_the_themes_that_there_are() -> None:
    assert ("auto", *themes.THEMES) == THEMES


def test_check_finds_a_password_that_nobody_would_be_asked_for(file: Path, capsys: Output) -> None:
    file.write_text('[server]\npassword = "secret"\nadmit = "invites"\n')
    assert main(["config", "check", "--config", str(file)]) == 2
    error = capsys.readouterr().err
    assert "admit = invites keeps out people that the password lets in" in error
    assert "secret" not in error


def test_check_shows_what_is_in_the_file_with_its_control_characters_written_out(file: Path, capsys: Output) -> None:
    file.write_text('[server]\n"\\u001b[2J" = 1\n')
    assert main(["config", "check", "--config", str(file)]) == 2
    error = capsys.readouterr().err
    assert "\x1b" not in error
    assert "[server] has no option \\x1b[2J" in error


def test_show_tells_where_each_value_comes_from(file: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('[server]\nport = 1\n[client]\nname = "ada"\n')
    monkeypatch.setenv("TRIO_CHAT_MAX_ROOMS", "7")
    assert main(["config", "show", "--config", str(file)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["port", "=", "1", "#", f"{file}:2"] in lines
    assert ["max_rooms", "=", "7", "#", "TRIO_CHAT_MAX_ROOMS"] in lines
    assert ["name", "=", '"ada"', "#", f"{file}:4"] in lines
    assert ["burst", "=", "100.0", "#", "default"] in lines


def test_show_masks_a_password_wherever_it_comes_from(
    file: Path, tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("hunter2")
    file.write_text('[server]\npassword = "hunter2"\n[client]\npassword_file = "secret"\n')
    for variable in ("", "hunter2"):
        monkeypatch.setenv("TRIO_CHAT_PASSWORD", variable)
        assert main(["config", "show", "--config", str(file)]) == 0
        got = capsys.readouterr()
        assert "hunter2" not in got.out + got.err
        assert got.out.count('# password = "********"') == 2


def test_what_show_writes_is_a_settings_file_with_the_same_values(
    file: Path, tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(
        '[server]\nmotd = "a \\"b\\"\\n\\u007f é"\nallow_origin = ["https://a.example"]\nopen = true\n'
        '[client]\ntime_format = "%H"\n'
    )
    assert main(["config", "show", "--config", str(file)]) == 0
    again = tmp_path / "again.toml"
    again.write_text(capsys.readouterr().out)
    assert tomllib.loads(again.read_text())["server"]["open"] is True
    for load in (load_server, load_client):
        assert load(path=again).config == load(path=file).config


def test_show_can_be_of_one_table(capsys: Output) -> None:
    assert main(["config", "show", "client"]) == 0
    out = capsys.readouterr().out
    assert "[client]" in out
    assert "[server]" not in out


def test_a_warning_is_on_standard_error(file: Path, capsys: Output) -> None:
    file.write_text('[server]\npassword = "x"\n')
    file.chmod(0o644)
    assert main(["config", "show", "server", "--config", str(file)]) == 0
    assert capsys.readouterr().err.startswith("trio-chat: warning: Other users can read ")
