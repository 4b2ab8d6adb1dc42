"""Connecting, which ``join``, ``send``, ``tail``, ``search`` and ``who`` share: finding the server and logging in."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import click

from trio_chat.cli.faults import FAILED, say
from trio_chat.cli.options import GroupedOption
from trio_chat.config import ClientConfig
from trio_chat.errors import NotAdmitted, Refusal, TrioChatError, UsageError

if TYPE_CHECKING:
    import trio

    from trio_chat.client import Chat, GivenAddress, ServerContact
    from trio_chat.ui.login import Login

SETTINGS: Final = ("url", "name", "password_file", "remember", "wait", "request_timeout")
"""The settings that all these commands take as options."""

_GROUP: Final = "The server and you"
_HIGHEST_PORT: Final = 65535
_SLOW: Final = 1.0
"""Seconds of connecting after which a person at a terminal is told that it is still connecting."""
_PASSWORDS: Final = 3
"""How often a password is asked for before the command gives up, as ssh and sudo do."""

F = TypeVar("F", bound=Callable[..., object])
ChatTask = Callable[["Chat"], Awaitable[int]]
"""The work of a command with the chat; its result is the exit status."""


def server_options(function: F) -> F:
    """Give a command ``--host`` and ``--port``, beside ``--url``."""
    port = click.option(
        "--port",
        cls=GroupedOption,
        group=_GROUP,
        metavar="PORT",
        type=int,
        callback=_check_port,
        help="the server's port",
    )
    host = click.option("--host", cls=GroupedOption, group=_GROUP, metavar="HOST", help="the server's host")
    return host(port(function))


def _check_port(ctx: click.Context, param: click.Parameter, value: int | None) -> int | None:
    del param
    if value is None or 0 < value <= _HIGHEST_PORT:
        return value
    raise click.UsageError(f"--port {value} is not a port: ports go from 1 to {_HIGHEST_PORT}.", ctx)


@dataclass(frozen=True, slots=True)
class ConnectionPlan:
    """Which server to connect to, and how.

    - ``may_ask``: a person can be asked for a name or a password.
    - ``suggestion``: a person without a name here is asked for one, and Enter alone chooses this one. ``None``: nobody
      is asked, and the server makes up a name. Empty: there is nothing to suggest.
    - ``any_name``: the name does not matter, so the server makes up another when the configured name is refused.
    - ``listen``: events are wanted.
    - ``patient``: requests wait for as long as an outage lasts.
    - ``backlog``: how many events of each room's past are wanted.
    - ``quiet``: the session only reads or posts, and nobody is told that the person comes and goes.
    """

    server: GivenAddress
    config: ClientConfig
    may_ask: bool = False
    suggestion: str | None = None
    any_name: bool = False
    listen: bool = True
    patient: bool = False
    backlog: int = 0
    quiet: bool = False


def given_server(
    config: ClientConfig, server: str | None, *, url: object, host: str | None, port: int | None
) -> GivenAddress:
    """The server: from an argument, ``--url``, ``--host`` and ``--port``, or the settings.

    Raises ``UsageError`` when two of them contradict each other, or one of them is not an address.
    """
    from trio_chat.client.address import DEFAULT_PORT, parse_given  # noqa: PLC0415 - the help page does not need it

    given = [name for name, value in (("the argument", server), ("--url", url), ("--host", host)) if value is not None]
    if len(given) > 1:
        raise UsageError(f"The server is given twice, by {' and by '.join(given)}. Leave one of them out.")
    given_address = parse_given(config.url)
    if server is not None:
        given_address = parse_given(server)
    elif host is not None:
        given_address = parse_given(host)
        if given_address.address.port != DEFAULT_PORT and port is not None:
            raise UsageError(f"The port is given twice, by --host {host} and by --port {port}. Leave one of them out.")
    return given_address if port is None else given_address.with_port(port)


def room_name(word: str) -> str:
    """The room named in a command line, where the ``#`` may be left out, since it needs quotes in a shell.

    Raises ``UsageError`` when it cannot be a room's name.
    """
    from trio_chat.protocol.names import check_room  # noqa: PLC0415 - the help page does not need it

    if word.startswith("@"):
        raise UsageError(f"{word} is a person. Give a room, such as '#ops'.")
    checked = check_room(word if word.startswith("#") else f"#{word}")
    if isinstance(checked, Refusal):
        raise UsageError(str(checked))
    return checked


def person_name(word: str) -> str:
    """A person's name given in a command line. Raises ``UsageError`` when it cannot be a name. Only the server
    knows whether it is reserved or in use."""
    from trio_chat.protocol.names import check_name  # noqa: PLC0415 - the help page does not need it

    checked = check_name(word)
    if isinstance(checked, Refusal) and checked.code == "name_invalid":
        raise UsageError(str(checked))
    return word


def check_given(name: object) -> None:
    """Check the name given in a command line (``None`` without one). Raises ``UsageError``."""
    if name is not None:
        person_name(str(name))


def check_logs(config: ClientConfig) -> None:
    """Check that the log of the chat can be written where the settings say. Raises ``UsageError``."""
    if config.log_directory is not None:
        from trio_chat.ui.room_logs import check_log_directory  # noqa: PLC0415 - the help page does not need it

        check_log_directory(config.log_directory)


def connect_and_run(plan: ConnectionPlan, task: ChatTask) -> int:
    """Connect, run a task with the chat, and return the task's exit status.

    On a terminal a refused name or password is asked for again. Raises ``Unreachable`` when no server answers, and
    ``NotAdmitted`` when the server refuses the login.
    """
    import trio  # noqa: PLC0415 - the help page does not need it

    from trio_chat.client.credentials import Credentials  # noqa: PLC0415 - as above
    from trio_chat.ui.login import CONNECTING, Login  # noqa: PLC0415 - as above

    config = plan.config
    credentials = Credentials(config.name, config.password, kept=config.remember, made_up=plan.suggestion is None)
    login = Login(
        credentials, plan.may_ask, plan.any_name, plan.suggestion or None, config.remember, passwords_left=_PASSWORDS
    )
    while True:
        outcome = trio.run(partial(_try_login, plan, task, login))
        if outcome.refusal is None:
            return outcome.status
        if outcome.name is not None:  # the chat had begun
            login = login.connected(outcome.name)
        login = login.refused(outcome.refusal)
        if login.question is not None:
            login = _ask(login, say_reason=outcome.name is None)
        if login.state is not CONNECTING:
            if outcome.name is None:
                raise outcome.refusal
            return outcome.status


class _Outcome(NamedTuple):
    """How one try ended: the task's exit status, the refusal, and the name, where the chat had begun."""

    status: int
    refusal: NotAdmitted | None = None
    name: str | None = None


def _ask(login: Login, *, say_reason: bool) -> Login:
    """Ask the person until the login can be tried again. An interface that had begun has shown the reason itself."""
    from trio_chat.cli.password_prompt import ask_unseen  # noqa: PLC0415 - the help page does not need it
    from trio_chat.cli.questions import ask_line  # noqa: PLC0415 - as above

    said = "" if say_reason else login.message
    while (question := login.question) is not None:
        if login.message != said:
            said = login.message
            say(question.reason)
        text = ask_unseen(question.prompt, default="") if question.secret else ask_line(question.prompt)
        login = login.answered(text)
    return login


async def _try_login(plan: ConnectionPlan, task: ChatTask, login: Login) -> _Outcome:
    """Log in once and run the task with the chat."""
    import trio  # noqa: PLC0415 - the help page does not need it

    from trio_chat.client import Reconnection, Timeouts, connect  # noqa: PLC0415 - as above
    from trio_chat.ui.model.sentences import called, first_contact  # noqa: PLC0415 - as above
    from trio_chat.ui.terminal.signals import until_signal  # noqa: PLC0415 - as above

    refusal: NotAdmitted | None = None
    name: str | None = None
    where = plan.server.address.authority
    connecting = trio.CancelScope()

    def meet(contact: ServerContact) -> None:
        if notice := first_contact(contact, plan.server.url):
            say(notice)

    async def work() -> int:
        nonlocal refusal, name
        try:
            async with connect(
                plan.server,
                credentials=login.credentials,
                backlog=plan.backlog,
                quiet=plan.quiet,
                wait=plan.config.wait,
                met=meet,
                reconnection=Reconnection(waiting=_WaitingNotice(where, connecting)),
                listen=plan.listen,
                timeouts=Timeouts(request=float("inf") if plan.patient else plan.config.request_timeout),
            ) as chat:
                connecting.cancel()
                if chat.welcome.asked and plan.quiet:  # an interface that shows the welcome says it there
                    say(called(chat.welcome))
                status = await task(chat)
                if isinstance(chat.ended, NotAdmitted) and plan.patient:
                    refusal, name = chat.ended, chat.name
                return status
        except NotAdmitted as error:
            refusal = error
            return FAILED
        finally:
            connecting.cancel()

    status = await until_signal(work, partial(_say_connecting, where, connecting))
    return _Outcome(status, refusal, name)


async def _say_connecting(where: str, connecting: trio.CancelScope) -> None:
    """Tell a person at a terminal that it is still connecting, unless it has connected or printed something before."""
    import trio  # noqa: PLC0415 - the help page does not need it

    with connecting:
        await trio.sleep(_SLOW)
        if sys.stderr is not None and sys.stderr.isatty():
            say(f"Connecting to {where} ...")


class _WaitingNotice:
    """Says that it is waiting for the server, and says so again when the reason changes."""

    def __init__(self, where: str, connecting: trio.CancelScope) -> None:
        self._where = where
        self._connecting = connecting
        self._said = ""

    def __call__(self, error: Exception, seconds: float) -> None:
        del seconds
        self._connecting.cancel()
        if str(error) != self._said:
            self._said = str(error)
            say(f"Waiting for {self._where} ({self._reason(str(error))}) ... Ctrl-C gives up.")

    def _reason(self, sentences: str) -> str:
        """The first sentence of the reason, to stand in brackets after the server's address."""
        first = sentences.partition(". ")[0].rstrip(".")
        first = first.removeprefix(f"{self._where} ").replace(f" at {self._where}", "")
        return first[:1].lower() + first[1:]


def suggested_name() -> str:
    """The system's name of this user, if it can be a name in a chat; empty otherwise."""
    import getpass  # noqa: PLC0415 - only for the question

    from trio_chat.protocol.names import check_name  # noqa: PLC0415 - the help page does not need it

    try:
        name = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a user without an entry; before Python 3.13, and on Windows, the others
        return ""
    return "" if isinstance(check_name(name), Refusal) else name


def confirm_or_stop(warning: str, question: str) -> None:
    """Ask at the terminal whether to do what the warning is about.

    Raises ``UsageError`` when nobody can be asked, and ``TrioChatError`` for a no.
    """
    if not person_present():
        raise UsageError(f"{warning} To do it anyway, add --yes.")
    if not click.confirm(f"{warning} {question}", err=True):
        raise TrioChatError("Nothing was changed.")


def person_present() -> bool:
    """Whether a person can be asked: standard input and standard error are terminals."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr is not None and sys.stderr.isatty()
