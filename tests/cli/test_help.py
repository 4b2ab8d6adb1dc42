"""Help pages, the version, completion, and the reference pages made from them."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest

from trio_chat.cli import main
from trio_chat.cli.app import VERBS, app
from trio_chat.cli.completion import INSTALL
from trio_chat.config import SECTIONS, options
from trio_chat.output import unstyled
from trio_chat.version import __version__

SECONDS = 60
"""No program of a test takes longer; it is stopped then."""

DOCS = Path(__file__).parents[2] / "docs"


def program(*arguments: str, python: tuple[str, ...] = (), **environ: str) -> subprocess.CompletedProcess[str]:
    """Run trio-chat as a program of its own and wait for its end."""
    return subprocess.run(
        [sys.executable, *python, "-m", "trio_chat", *arguments],
        env={**{k: v for k, v in os.environ.items() if not k.startswith("TRIO_CHAT_")}, **environ},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def context_of(*names: str, columns: int = 80) -> click.Context:
    """Walk to a command, as the command line does."""
    context = app.make_context("trio-chat", [], resilient_parsing=True, terminal_width=columns)
    for name in names:
        assert isinstance(context.command, click.Group)
        command = context.command.get_command(context, name)
        assert command is not None
        context = command.make_context(name, [], context, resilient_parsing=True, terminal_width=columns)
    return context


COMMANDS = [
    (),
    *((verb,) for verb in VERBS),
    ("config", "check"),
    ("config", "show"),
    *(("admin", name) for name in ("users", "unban", "audit", "backup", "export")),
]


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_a_help_page_fits_80_columns_and_ends_with_examples(names: tuple[str, ...]) -> None:
    page = unstyled(context_of(*names).get_help())
    assert max(map(len, page.splitlines())) <= 80
    assert "Examples:\n  " in page
    assert "-h, --help" in page


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_a_help_page_can_be_read_on_50_columns(names: tuple[str, ...]) -> None:
    page = unstyled(context_of(*names, columns=50).get_help()).partition("Examples:")[0]
    assert max(map(len, page.splitlines())) <= 50
    assert not re.search(r"^ {20}", page.partition("\n\n")[2], re.MULTILINE)  # text in a column of a few letters
    assert not re.search(r"\[default:[^\]]*$", page, re.MULTILINE)


@pytest.mark.parametrize(("verb", "table"), [("serve", "server"), ("join", "client"), ("who", "client")])
def test_a_help_page_says_where_else_its_settings_stand(verb: str, table: str) -> None:
    page = " ".join(unstyled(context_of(verb).get_help()).split())
    assert f"under [{table}] in the file, and TRIO_CHAT_" in page
    assert f"trio-chat config show {table} lists can" in page


def test_a_help_page_without_settings_says_nothing_of_them() -> None:
    assert "Settings:" not in context_of("completion").get_help()


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_every_example_on_a_help_page_starts_with_a_command_that_exists(names: tuple[str, ...]) -> None:
    page = unstyled(context_of(*names).get_help()).partition("Examples:\n")[2]
    lines = [line for line in page.splitlines() if line.startswith("  ") and not line.startswith("   ")]
    assert lines
    for line in lines:
        words = line.partition("trio-chat ")[2].split()
        assert words[0] in VERBS or words[0].startswith("-"), line


def test_every_setting_of_serve_has_its_option_in_its_group() -> None:
    page = unstyled(context_of("serve").get_help())
    for option in options(SECTIONS["server"]):
        for flag in option.flags:
            assert flag in page
        assert f"\n{option.group}:\n" in page


def test_no_command_takes_a_password_among_its_arguments() -> None:
    for names in COMMANDS:
        for param in context_of(*names).command.params:
            assert "--password" not in param.opts


def test_the_short_helps_are_those_of_the_commands() -> None:
    for verb in VERBS:
        assert context_of(verb).command.help


def test_help_is_on_standard_output_and_fine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-h"]) == 0
    got = capsys.readouterr()
    assert all(verb in got.out for verb in VERBS)
    assert (got.err, "\x1b" in got.out) == ("", False)


def test_headings_are_bold_on_a_terminal_and_bare_elsewhere() -> None:
    assert "\nExamples:\n" in program("get", "--help").stdout
    ours, its = os.openpty()
    with os.fdopen(ours, "rb", buffering=0) as shown:
        environ = {**os.environ, "TERM": "xterm", "NO_COLOR": ""}
        with subprocess.Popen([sys.executable, "-m", "trio_chat", "get", "-h"], stdout=its, env=environ):
            os.close(its)
            page = b""
            with contextlib.suppress(OSError):  # Linux says so when the other end is closed
                while got := shown.read(65536):
                    page += got
    assert b"\n\x1b[1mExamples:\x1b[0m\r\n" in page


def test_without_a_command_the_help_is_on_standard_error_and_a_usage_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == 2
    got = capsys.readouterr()
    assert got.out == ""
    assert "Usage: trio-chat" in got.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["srve"], "There is no command 'srve'. Did you mean serve?"),
        (["config", "shwo"], "There is no command 'shwo'. Did you mean show?"),
        (["serve", "--prt", "1"], "--port"),
        (["serve", "-p", "70000"], "--port must be a whole number from 0 to 65535, not '70000'."),
        (["serve", "--password", "x"], "No such option"),
        (["serve", "--log-level", "loud"], "--log-level must be one of debug, info, warning, error, not 'loud'."),
        (["completion"], "Choose from: bash, zsh, fish\n"),
        (["completion", "tcsh"], "'tcsh' is not one of 'bash', 'zsh', 'fish'."),
    ],
)
def test_a_mistyped_command_line_is_answered_with_what_was_meant(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    got = capsys.readouterr()
    assert got.out == ""
    assert says in got.err
    assert all(line.startswith("trio-chat: ") for line in got.err.splitlines())
    assert "--help'" in got.err


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"trio-chat {__version__}\n"


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_what_only_shows_text_loads_nothing_heavy(argument: str) -> None:
    done = program(argument, python=("-X", "importtime"))
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "trio_chat.cli.app" in loaded
    assert not loaded & {"trio", "trio_websocket", "structlog", "msgspec", "prompt_toolkit", "asyncio"}


# ---- completion -------------------------------------------------------------------------------


def completions(*words: str) -> set[str]:
    """Ask for what the last word could become, as bash does when Tab is pressed."""
    done = program(
        _TRIO_CHAT_COMPLETE="bash_complete", COMP_WORDS=" ".join(["trio-chat", *words]), COMP_CWORD=str(len(words))
    )
    assert (done.returncode, done.stderr) == (0, "")
    return {line.partition(",")[2] for line in done.stdout.splitlines()}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["se"], {"serve", "send", "search"}),
        ([""], set(VERBS)),
        (["serve", "--log-f"], {"--log-format"}),
        (["serve", "--log-format", ""], {"auto", "text", "json"}),
        (["serve", "--no-"], {"--no-open", "--no-memory", "--no-qr"}),
        (["config", "s"], {"show"}),
        (["config", "show", "c"], {"client"}),
        (["completion", "z"], {"zsh"}),
    ],
)
def test_tab_completes_commands_options_and_choices(words: list[str], expected: set[str]) -> None:
    assert completions(*words) == expected


def test_tab_leaves_a_path_to_the_shell() -> None:
    done = program(_TRIO_CHAT_COMPLETE="bash_complete", COMP_WORDS="trio-chat serve --password-file x", COMP_CWORD="3")
    assert done.stdout == "file,x\n"


def test_an_unknown_shell_gets_nothing() -> None:
    for asked in ("csh_complete", "bash_wish"):
        done = program(_TRIO_CHAT_COMPLETE=asked, COMP_WORDS="trio-chat se", COMP_CWORD="1")
        assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_completing_a_verb_imports_no_verb() -> None:
    done = program(
        python=("-X", "importtime"), _TRIO_CHAT_COMPLETE="bash_complete", COMP_WORDS="trio-chat s", COMP_CWORD="1"
    )
    assert "plain,serve" in done.stdout
    assert "trio_chat.cli.serve" not in done.stderr


@pytest.mark.parametrize("shell", INSTALL)
def test_a_completion_script_says_how_to_install_it(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"_TRIO_CHAT_COMPLETE={shell}_complete" in script
    assert f"# To install it, {INSTALL[shell]}\n" in script
    assert script.startswith("#compdef trio-chat\n") == (shell == "zsh")


# ---- reference pages --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference_pages", DOCS / "reference_pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["configuration.md", "commands.md"])
def test_a_reference_page_says_what_the_program_does(pages: ModuleType, name: str) -> None:
    written = (DOCS / "reference" / name).read_text("utf-8")
    assert written == pages.PAGES[name](), "write it anew: python docs/reference_pages.py"


def test_the_reference_page_names_every_setting(pages: ModuleType) -> None:
    page = pages.configuration()
    for section in SECTIONS.values():
        for option in options(section):
            assert f"\n| `{option.key}` | " in page
