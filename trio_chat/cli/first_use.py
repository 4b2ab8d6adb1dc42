"""The first use of ``serve`` at a terminal: where it listens, who may enter, and whether that is saved.

It asks only where nothing was decided before: no flag, no variable such as ``TRIO_CHAT_HOST``, no ``[server]`` in the
settings file. Nothing is asked or saved where no person can answer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from trio_chat.cli.questions import choose, confirm, tell
from trio_chat.config import ServerConfig, open_file, options
from trio_chat.errors import ConfigError

if TYPE_CHECKING:
    from trio_chat.config.saving import SettingsWriter

_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - with TLS, and for those only whom the next answer lets in
_HERE: Final = "127.0.0.1"
_DECIDING: Final = ("host", "password", "password_file", "open")
"""The settings that the questions are about."""


def is_first_use(flags: Mapping[str, object], config_path: Path | None) -> bool:
    """Whether nothing is decided yet about the server, and a person is there to decide it."""
    if config_path is not None or any(value not in (None, ()) for value in flags.values()):
        return False
    if any(os.environ.get(option.variable) for option in options(ServerConfig) if option.key in _DECIDING):
        return False
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        return False
    return "server" not in open_file(os.environ, None).tables


def ask_first_use(config: ServerConfig) -> ServerConfig:
    """Ask the host's questions; returns the settings with the answers. Raises as the questions do, and then nothing is
    saved."""
    tell("This chat is not set up yet. Enter takes the first answer, Ctrl-C leaves.")
    tell("")
    answers: dict[str, object] = {"host": _HERE}
    if choose("Who can reach it?", ["people on other machines, encrypted (TLS)", "only people on this machine"]) == 0:
        answers["host"] = _EVERYWHERE
        tell("")
        answers |= _ask_who_may_enter()
    tell("")
    from trio_chat.config.saving import SettingsWriter  # noqa: PLC0415 - the help page does not need it

    writer = SettingsWriter.of(None)
    if confirm(f"Save this in {_short(writer.path)}, and not ask again?"):
        _save(writer, answers)
    tell("")
    return msgspec.structs.replace(config, **answers)


def _ask_who_may_enter() -> dict[str, object]:
    """The settings that say who is admitted from other machines."""
    choices = ["people to whom you send an invite", "everybody who has a password", "everybody"]
    match choose("Who may enter?", choices):
        case 0:
            return {}
        case 1:
            return {"password": _ask_new_password()}
        case _:
            return {"open": True}


def _ask_new_password() -> str:
    """Ask for the server's password twice, until both are the same."""
    from trio_chat.cli.password_prompt import ask_unseen  # noqa: PLC0415 - only for this answer

    while True:
        password = ask_unseen("The password")
        if ask_unseen("The same again") == password:
            return password
        tell("These were not the same. Try again.")


def _save(writer: SettingsWriter, answers: Mapping[str, object]) -> None:
    """Write the answers to the settings file. A failure is told, and the server starts all the same."""
    try:
        for key, value in answers.items():
            writer(("server", key), value)
    except ConfigError as error:
        tell(str(error))
    else:
        tell(f"Saved. To be asked again, delete [server] in {_short(writer.path)}.")


def _short(path: Path) -> str:
    """A path, with ~ for the home directory."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
