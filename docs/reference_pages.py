"""Generate the reference pages of the settings and the commands: ``python docs/reference_pages.py``.

They are made from the settings' structs and from the help pages. A test fails when they are stale.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from trio_chat.cli.app import app
from trio_chat.cli.config import toml
from trio_chat.cli.program import PROGRAM
from trio_chat.config import SECTIONS, Option, options
from trio_chat.output import unstyled

FOLDER: Final = Path(__file__).parent / "reference"

_CONFIGURATION: Final = """\
# Settings

Every setting can come from four places. A flag beats the environment, the environment beats the file, and the file
beats the default. `trio-chat config show` shows each value and where it comes from. `trio-chat config check` reports
every mistake with its file and line.

The file
: TOML, with the tables `[server]` and `[client]`. The file is `trio-chat/config.toml` in your system's folder for
  settings (`~/.config` on Linux, or `$XDG_CONFIG_HOME`), unless `--config FILE` or `TRIO_CHAT_CONFIG` names another
  file. An unknown key or a wrong value is an error, and the program exits with 2.

The environment
: `TRIO_CHAT_` and the key in capitals: `TRIO_CHAT_PORT`, `TRIO_CHAT_MAX_CONNECTIONS`. `TRIO_CHAT_PASSWORD` and
  `TRIO_CHAT_PASSWORD_FILE` are used by the server and by the client. The items of a list are separated by commas. True
  and false can also be written as yes and no, on and off, 1 and 0. An empty variable counts as not set.

Flags
: The key with hyphens: `--max-connections`. A setting that is true or false has a second flag that turns it off:
  `--no-open`. Passwords have no flag, because everybody on a machine can read the arguments of its programs. Each
  command's page lists its flags.

The password
: Give it in one of two ways: `password_file` (the first line of that file; in the settings file, a relative path
  starts at the settings file's folder) or `password`. If both are set, the one from the stronger place counts; both in
  the same place are an error. The program warns about a file with a password that others can read.

```toml
[server]
host = "0.0.0.0"
password_file = "password"
motd = "Be kind."

[client]
url = "ws://chat.example:8765/"
name = "ada"
```
"""

_SECTIONS: Final = {
    "server": "The settings of `trio-chat serve`.",
    "client": "The settings of `trio-chat join`, `send`, `tail`, `search` and `who`.",
}


def configuration() -> str:
    """Make the page of the settings."""
    parts = [_CONFIGURATION]
    for name, section in SECTIONS.items():
        parts.append(f"\n## `[{name}]`\n\n{_SECTIONS[name]}\n")
        for group in dict.fromkeys(option.group for option in options(section)):
            parts.append(f"\n### {group}\n\n| Key | Flag | Value | Default | Meaning |\n|---|---|---|---|---|\n")
            parts += [_row(option) for option in options(section) if option.group == group]
    return "".join(parts)


def _row(option: Option) -> str:
    flags = ", ".join(f"`{flag}`" for flag in option.flags) or "none"
    default = "none" if option.default is None else f"`{toml(option.default)}`"
    cells = [f"`{option.key}`", flags, option.accepts(), default, option.description]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


_COMMANDS: Final = """\
# Commands

Each command's help page, as `trio-chat COMMAND --help` shows it. The commands that you type in the chat itself are on
the page [Commands in the chat](chat-commands.md).

Exit status
: 0: done, and everything sent is acknowledged. 1: not done; the message on standard error says why. 2: a mistake on the
  command line or in the settings. 130: ended by Ctrl-C.
"""


def commands() -> str:
    """Make the page of the commands."""
    return _COMMANDS + "".join(_command(app, _context(app, PROGRAM, None)))


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    return command.make_context(name, [], parent, resilient_parsing=True, terminal_width=80)


def _command(command: click.Command, context: click.Context) -> list[str]:
    """Make the section of a command, and the sections of its subcommands."""
    page = unstyled(command.get_help(context)).rstrip()
    parts = [f"\n## {context.command_path}\n\n```text\n{page}\n```\n"]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                parts += _command(inner, _context(inner, name, context))
    return parts


PAGES: Final = {"configuration.md": configuration, "commands.md": commands}


if __name__ == "__main__":
    for page_name, write in PAGES.items():
        (FOLDER / page_name).write_text(write(), encoding="utf-8")
