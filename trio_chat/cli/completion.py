"""``completion``: print the script that makes a shell complete trio-chat's commands and options."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import get_completion_class

from trio_chat.cli.page import Verb
from trio_chat.cli.program import COMPLETE, PROGRAM

INSTALL: Final[dict[str, str]] = {
    "bash": 'put this line into ~/.bashrc:  eval "$(trio-chat completion bash)"',
    "zsh": 'put this line into ~/.zshrc, after compinit:  eval "$(trio-chat completion zsh)"',
    "fish": "run once:  trio-chat completion fish > ~/.config/fish/completions/trio-chat.fish",
}
"""How to install the script in each shell."""


@click.command(
    cls=Verb,
    examples=[
        ('eval "$(trio-chat completion bash)"', "in ~/.bashrc"),
        ('eval "$(trio-chat completion zsh)"', "in ~/.zshrc, after compinit"),
        ("trio-chat completion fish > ~/.config/fish/completions/trio-chat.fish", "once"),
    ],
)
@click.argument("shell", type=click.Choice(list(INSTALL)), metavar="|".join(INSTALL))
def command(shell: str) -> None:
    """Print the script that makes SHELL (bash, zsh or fish) complete commands and options."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    script = (kind.source_template % kind(_nothing, {}, PROGRAM, COMPLETE).source_vars()).strip()
    first, _, rest = script.partition("\n")
    note = f"# To install it, {INSTALL[shell]}"
    # zsh looks for "#compdef" on the very first line of a file.
    click.echo("\n".join([first, note, rest] if first.startswith("#compdef") else [note, script]))


_nothing: Final = click.Command(PROGRAM)
"""The script only names the program; it asks the program for its commands when Tab is pressed."""


def answer_shell(app: click.Command, instruction: str) -> int:
    """Print what ``instruction``, such as ``bash_complete``, asks for: completions of ``app``'s command line, or the
    script. Returns the exit status. Click's own function writes bytes, and standard output takes text alone."""
    shell, _, wanted = instruction.partition("_")
    kind = get_completion_class(shell)
    if kind is None or wanted not in {"complete", "source"}:
        return 1
    asked = kind(app, {}, PROGRAM, COMPLETE)
    click.echo(asked.complete() if wanted == "complete" else asked.source())
    return 0
