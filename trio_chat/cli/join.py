"""``join``: join a chat, in the full screen or in lines."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from msgspec import structs

from trio_chat.cli.connecting import (
    SETTINGS,
    ConnectionPlan,
    check_given,
    check_logs,
    connect_and_run,
    given_server,
    person_present,
    room_name,
    server_options,
    suggested_name,
)
from trio_chat.cli.faults import say
from trio_chat.cli.options import GroupedOption, Verb, load_settings, settings
from trio_chat.config import ClientConfig
from trio_chat.errors import ChatError, ConfigError, Unreachable, UsageError

if TYPE_CHECKING:
    from trio_chat.cli.operator import Operator
    from trio_chat.client import Chat, GivenAddress, ServerContact
    from trio_chat.client.credentials import Credentials
    from trio_chat.ui.model.preferences import Preferences
    from trio_chat.ui.plain.line_mode import PlainOptions

_ASKED: Final = "-"
"""Stands in place of the server: it is asked for."""
_SSHD: Final = "For sshd"
_LOOKS: Final = (
    "backlog",
    "unknown_recipients",
    "trailing_names",
    "log_directory",
    "show_joins",
    "typing",
    "time_format",
    "color",
    "theme",
    "mouse",
    "notify",
    "notify_by",
)


@click.command(
    cls=Verb,
    options_metavar="[OPTIONS]",
    examples=[
        ("trio-chat join", "the server in the settings, or one that you choose"),
        ("trio-chat join ada chat.example:9000", "as ada, on that host and port"),
        ("trio-chat join chat.example", "with the last name used there; without one, it asks"),
        ("trio-chat join wss://chat.example/ --name ada --room ops", "by its URL, starting in #ops"),
        ("trio-chat join --json < questions.txt > answers.jsonl", "from a script"),
    ],
)
@click.argument("words", nargs=-1, metavar="[USERNAME] [HOST[:PORT]|URL]")
@settings(ClientConfig, *SETTINGS, *_LOOKS)
@server_options
@click.option("--room", cls=GroupedOption, group="How it behaves", metavar="ROOM", help="start in this room")
@click.option("--plain", cls=GroupedOption, group="How it looks", is_flag=True, help="use line mode on a terminal too")
@click.option(
    "--ssh", "over_ssh", cls=GroupedOption, group=_SSHD, is_flag=True, help="for a person who came over ssh: see above"
)
@click.option(
    "--authorized-keys",
    cls=GroupedOption,
    group=_SSHD,
    metavar="FILE",
    type=click.Path(path_type=Path),
    default=Path("~/.ssh/authorized_keys"),
    help="with --ssh: the comments of the keys are there [default: ~/.ssh/authorized_keys]",
)
@click.option(
    "--json", "as_json", cls=GroupedOption, group="How it looks", is_flag=True, help="one event per line, as JSON"
)
def command(  # noqa: PLR0913 - click passes each argument and option
    words: tuple[str, ...],
    config_path: Path | None,
    host: str | None,
    port: int | None,
    room: str | None,
    *,
    plain: bool,
    as_json: bool,
    over_ssh: bool,
    authorized_keys: Path,
    **flags: object,
) -> int:
    """Join a chat: in the full screen on a terminal, otherwise in lines.

    With two arguments, the first is your name and the second the server; an argument with :// is the server's URL in
    either place. A single argument is the server, or NAME@SERVER. Without a server, it is the one in the settings. If
    they name none, you choose on a terminal among the servers that you know; otherwise it is this machine, port 8765.
    With - in place of the server you are asked for it, unseen: no list of processes and no history has an invite then.

    A name that nobody has becomes yours; if you give none and have none there, you are asked for it on a terminal.
    This machine remembers your name. On another machine, you need the password that you set in the chat with /password.

    On a terminal, F1 shows what you can do. With --plain, /help and /keys show it, and arriving lines do not disturb
    what you type. Without a terminal, each line of the input is sent, and join ends with the input: with status 0 when
    everything was acknowledged, with 1 when something was refused or not delivered. Ctrl-C ends it with status 130.

    --ssh is for sshd: with "ForceCommand trio-chat join --ssh", people chat by "ssh HOST" alone. Your name is the one
    after join, else that in the comment of the key (ExposeAuthInfo yes), else the account's. There is no shell, no
    editor and no other command, and nothing is written but the state of each person, in a folder of their own.
    """
    name, server = _read_words(words)
    if server == _ASKED:
        server = _ask_link()
    if name is not None and flags.get("name") is not None:
        raise UsageError(f"Your name is given twice, by {name} and by --name {flags['name']}. Leave one of them out.")
    config = load_settings(ClientConfig, {**flags, **({} if name is None else {"name": name})}, config_path)
    try:
        check_given(flags.get("name") if name is None else name)
    except UsageError as error:
        if hint := _hint(words):
            raise UsageError(f"{error} {hint}") from None
        raise
    talks_in = None if room is None else room_name(room)
    guest = None
    if over_ssh:
        from trio_chat.cli.over_ssh import begin_over_ssh  # noqa: PLC0415 - for sshd only

        guest = begin_over_ssh(
            config.name if name is not None or flags.get("name") is not None else None, authorized_keys
        )
        config = structs.replace(config, name=guest.name, log_directory=None, notify_command=())
    elif server is None and not any((flags.get("url"), host, port)) and _may_choose(config_path, as_json=as_json):
        from trio_chat.cli.server_list import ask_server  # noqa: PLC0415 - the help page does not need it

        server = ask_server()
    given = given_server(config, server, url=flags.get("url"), host=host, port=port)
    if guest is not None:
        guest.know_server(given.url)
    try:
        return _join(_preferences(config, config_path, guest=over_ssh), given, talks_in, plain=plain, as_json=as_json)
    except Unreachable as error:
        if hint := _hint(words):
            raise Unreachable(f"{error} {hint}") from None
        raise


def _ask_link() -> str:
    """Ask for the server, unseen, since a link may hold an invite. Raises ``UsageError`` where nobody can be asked."""
    from trio_chat.cli.password_prompt import ask_unseen  # noqa: PLC0415 - the help page does not need it

    if not person_present():
        raise UsageError(
            f"{_ASKED} asks for the link, and there is no terminal. Give the server's address in its place."
        )
    return ask_unseen("Link")


def _may_choose(config_path: Path | None, *, as_json: bool) -> bool:
    """Whether a person may choose the server: the settings name none, and the person is at a terminal."""
    from trio_chat.config import load_client  # noqa: PLC0415 - the help page does not need it
    from trio_chat.ui.terminal.capabilities import lacks_full_screen, usable  # noqa: PLC0415 - as above

    if as_json or not (person_present() and (usable() or lacks_full_screen())):
        return False
    return load_client(path=config_path).sources["url"].layer == "default"


def _read_words(words: tuple[str, ...]) -> tuple[str | None, str | None]:
    """The name and the server among the arguments."""
    if len(words) > 2:  # noqa: PLR2004 - a name and a server
        raise UsageError(f"There are {len(words)} arguments. Give a name and a server at most.")
    urls = [word for word in words if "://" in word]
    if len(urls) > 1:
        raise UsageError("Both arguments are URLs. Only one of them can be the server.")
    if len(words) == 1 and not urls:
        name, at, server = words[0].rpartition("@")  # as ssh takes it
        if at and name and server:
            return name, server
    if len(words) < 2:  # noqa: PLR2004 - as above
        return None, words[0] if words else None
    if urls:
        return next(word for word in words if word not in urls), urls[0]
    return words[0], words[1]


def _hint(words: tuple[str, ...]) -> str:
    """A sentence for arguments that failed and may have been meant otherwise; empty when nothing says so."""
    seem = [_looks_like_a_server(word) for word in words]
    if seem == [False] and "@" not in words[0] and words[0] != _ASKED:
        return f"If {words[0]} is your name, use: trio-chat join --name {words[0]}"
    if seem == [True, False] and "://" not in words[0]:  # a URL is taken in either place, and a link holds a secret
        return f"The name comes first. If {words[1]} is your name, use: trio-chat join {words[1]} {words[0]}"
    return ""


def _looks_like_a_server(word: str) -> bool:
    return "." in word or ":" in word or word == "localhost"


def _preferences(config: ClientConfig, config_path: Path | None, *, guest: bool) -> Preferences:
    """The settings for the interface, which can change and save them, if the person is no ``guest`` of this machine.
    Raises ``ConfigError`` for a wrong alias."""
    from trio_chat.config.saving import SettingsWriter  # noqa: PLC0415 - the help page does not need it
    from trio_chat.ui.commands.table import check_aliases  # noqa: PLC0415 - as above
    from trio_chat.ui.model.preferences import Preferences  # noqa: PLC0415 - as above

    if faults := check_aliases(config.alias):
        raise ConfigError("\n".join(faults))
    return Preferences(config, guest=True) if guest else Preferences(config, SettingsWriter.of(config_path))


def _join(preferences: Preferences, server: GivenAddress, room: str | None, *, plain: bool, as_json: bool) -> int:
    from trio_chat.ui.plain.line_mode import plain_options  # noqa: PLC0415 - the help page does not need it
    from trio_chat.ui.terminal.capabilities import NEEDS_UNIX, lacks_full_screen, usable  # noqa: PLC0415 - as above

    config = preferences.config
    check_logs(config)
    at_terminal = usable() and not as_json
    operator = None
    if at_terminal and person_present() and not preferences.guest:
        from trio_chat.cli.operator import ask_operator, own_invite  # noqa: PLC0415 - as above

        operator = ask_operator(server.url)
        if server.invite is None:
            server = replace(server, invite=own_invite(server.url, config.name))
    if at_terminal and not plain:
        return _open(preferences, server, room, operator)
    at_console = lacks_full_screen() and not as_json
    if at_console and not plain:
        say(NEEDS_UNIX)
    look = plain_options(config, json=as_json)

    async def session(chat: Chat) -> int:
        if operator is not None:
            say(await _promote(operator, chat))
        return await _talk(chat, look, preferences, room, at_terminal=at_terminal)

    may_ask = person_present()
    plan = ConnectionPlan(
        server,
        config,
        may_ask=may_ask,
        suggestion=_suggestion(preferences) if may_ask and (at_terminal or at_console) else None,
        patient=at_terminal,
        backlog=config.backlog,
    )
    return connect_and_run(plan, session)


def _suggestion(preferences: Preferences) -> str:
    """The name to suggest to a person who has none: that of their account, if it is theirs."""
    return "" if preferences.guest else suggested_name()


async def _promote(operator: Operator, chat: Chat) -> str:
    """Make the person an administrator; returns a sentence on the result."""
    import trio  # noqa: PLC0415 - the help page does not need it

    return await trio.to_thread.run_sync(operator.promote, chat.name, chat.welcome.epoch, abandon_on_cancel=True)


def _open(preferences: Preferences, server: GivenAddress, room: str | None, operator: Operator | None) -> int:
    """Open the full screen."""
    from trio_chat.ui.model.sentences import first_contact  # noqa: PLC0415 - the help page does not need it
    from trio_chat.ui.terminal.capabilities import coloured  # noqa: PLC0415 - as above
    from trio_chat.ui.tui.app import open_full_screen  # noqa: PLC0415 - as above
    from trio_chat.ui.tui.session.options import ScreenOptions  # noqa: PLC0415 - as above

    config = preferences.config

    def dial(
        credentials: Credentials, waiting: Callable[[ChatError, float], None]
    ) -> AbstractAsyncContextManager[Chat]:
        from trio_chat.client import Reconnection, Timeouts, connect  # noqa: PLC0415 - there is something to see before it is needed

        return connect(
            server,
            credentials=credentials,
            wait=config.wait,
            met=meet,
            reconnection=Reconnection(waiting=waiting),
            timeouts=Timeouts(request=float("inf")),
        )

    def meet(contact: ServerContact) -> None:
        if notice := first_contact(contact, server.url):
            options.notices.append(" ".join(notice.splitlines()))

    options = ScreenOptions(preferences, room, _suggestion(preferences), coloured(config.color))
    if operator is not None:
        options.entered = partial(_promote, operator)
    return open_full_screen(dial, options, server.url)


async def _talk(
    chat: Chat, look: PlainOptions, preferences: Preferences, room: str | None, *, at_terminal: bool
) -> int:
    from trio_chat.ui.plain.line_mode import LineMode, chat_through_pipes  # noqa: PLC0415 - as above
    from trio_chat.ui.plain.pipes import standard_input, standard_output  # noqa: PLC0415 - the help page does not need it
    from trio_chat.ui.state_files import load_ignored  # noqa: PLC0415 - as above

    talk = LineMode(chat, look, load_ignored(chat.url), preferences)
    if room is not None:
        await talk.go_to(room)
    if at_terminal:
        from trio_chat.ui.plain.prompt import chat_at_terminal  # noqa: PLC0415 - for a terminal of Unix only
        from trio_chat.ui.terminal.terminal import Terminal  # noqa: PLC0415 - as above

        return await chat_at_terminal(talk, Terminal())
    return await chat_through_pipes(talk, standard_input(), standard_output(look.encoding))
