"""The login dialogue: which question follows a refusal, and what follows the answer. Pure.

An interface connects with :attr:`Login.credentials` while :attr:`Login.state` is ``CONNECTING``. When the server
refuses the login, the interface passes the refusal to :meth:`Login.refused`. While the new state has a
:attr:`Login.question`, the interface shows it and passes the answer to :meth:`Login.answered`. ``ENDED`` means that no
question helps: the shell says why and exits, the full screen offers another try (:meth:`Login.again`).

:data:`REFUSALS` and :data:`ANSWERS` are the whole table of transitions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final, TypeAlias

from trio_chat.client.credentials import Credentials
from trio_chat.errors import ChatError, Refusal, Refused
from trio_chat.protocol.events import Closing
from trio_chat.protocol.names import check_name

Reason: TypeAlias = ChatError | Closing | None
"""Why the server refused the login or why the chat ended; ``None`` when nothing is known."""


class LoginState(Enum):
    """Where the dialogue stands."""

    CONNECTING = auto()
    ASKING_SERVER_PASSWORD = auto()
    ASKING_ACCOUNT_PASSWORD = auto()
    ASKING_OWN_ACCOUNT = auto()
    ASKING_NAME = auto()
    ENDED = auto()


CONNECTING, ENDED = LoginState.CONNECTING, LoginState.ENDED
_SERVER_PASSWORD, _ACCOUNT_PASSWORD = LoginState.ASKING_SERVER_PASSWORD, LoginState.ASKING_ACCOUNT_PASSWORD
_OWN_ACCOUNT: Final = LoginState.ASKING_OWN_ACCOUNT
_NAME: Final = LoginState.ASKING_NAME

REFUSALS: Final[dict[str, LoginState]] = {
    "password_needed": _SERVER_PASSWORD,
    "wrong_password": _SERVER_PASSWORD,
    "name_owned": _ACCOUNT_PASSWORD,
    "wrong_account_password": _ACCOUNT_PASSWORD,
    "invite_needed": _OWN_ACCOUNT,
    "accounts_only": _OWN_ACCOUNT,
    "name_needed": _NAME,
    "name_taken": _NAME,
    "name_lookalike": _NAME,
    "name_invalid": _NAME,
    "name_reserved": _NAME,
}
"""The state after each refusal, by its code. Every other refusal ends the dialogue."""

ANSWERS: Final[dict[tuple[LoginState, bool], LoginState]] = {
    (_SERVER_PASSWORD, True): CONNECTING,
    (_SERVER_PASSWORD, False): _OWN_ACCOUNT,
    (_ACCOUNT_PASSWORD, True): CONNECTING,
    (_ACCOUNT_PASSWORD, False): _NAME,
    (_OWN_ACCOUNT, True): CONNECTING,
    (_OWN_ACCOUNT, False): ENDED,
    (_NAME, True): CONNECTING,
    (_NAME, False): _NAME,
}
"""The state after each answer: by the state, and whether the answer has any text. A text that cannot be a name is no
answer to the question for a name."""

MADE_UP: Final = "*"
"""The answer to the question for a name that lets the server make one up. It cannot be a name."""

_SECRETS: Final = frozenset({_SERVER_PASSWORD, _ACCOUNT_PASSWORD, _OWN_ACCOUNT})
_NEEDED: Final = "name_needed"
_WRONG: Final = "wrong_password"
_REFUSED_NAMES: Final = {code for code, state in REFUSALS.items() if state is _NAME} - {_NEEDED} | {"name_owned"}


@dataclass(frozen=True, slots=True)
class LoginQuestion:
    """A question: its title, the sentence that says why it is asked, the prompt, and whether the answer is secret."""

    title: str
    reason: str
    prompt: str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Login:
    """The dialogue at one moment; each step gives the next one.

    - ``can_ask``: a person can answer. Without one, every refusal ends the dialogue.
    - ``any_name``: the name does not matter, so the first refused name is dropped and the server makes up another.
    - ``suggestion``: the name that Enter alone chooses; it is dropped when the server refuses it.
    - ``remember``: a password of the server that is typed is kept on this device.
    - ``passwords_left``: how many more times a password is asked for; ``None`` for no bound.
    - ``message`` and ``advice``: the last refusal's sentences.
    """

    credentials: Credentials
    can_ask: bool = True
    any_name: bool = False
    suggestion: str | None = None
    remember: bool = True
    passwords_left: int | None = None
    state: LoginState = CONNECTING
    message: str = ""
    advice: str = ""

    @property
    def reason(self) -> str:
        """Why the last login was refused or the chat ended, with the advice, as sentences."""
        return f"{self.message} {self.advice}".strip()

    @property
    def question(self) -> LoginQuestion | None:
        """The question to ask in this state; ``None`` when there is none.

        The advice of a refused name says how a name must look. The advice of a refused password tells how to give one
        from a script, which the question itself replaces.
        """
        match self.state:
            case LoginState.ASKING_SERVER_PASSWORD:
                choice = "If you have an account by an invite, just press Enter."
                return LoginQuestion("Server password", f"{self.message} {choice}", "Server password", secret=True)
            case LoginState.ASKING_ACCOUNT_PASSWORD:
                choice = "If the name is yours, type its account password. To choose another name, just press Enter."
                return LoginQuestion("Account password", f"{self.message} {choice}", "Account password", secret=True)
            case LoginState.ASKING_OWN_ACCOUNT:
                choice = "If you have an account here, type its password. To leave, just press Enter."
                return LoginQuestion("Account password", f"{self.message} {choice}", "Account password", secret=True)
            case LoginState.ASKING_NAME:
                title = "Your name" if self.credentials.name is None else "Another name"
                offered = f" [{self.suggestion}]" if self.suggestion else ""
                return LoginQuestion(title, self.reason, f"{title}{offered}")
            case _:
                return None

    def connected(self, name: str) -> Login:
        """The server let the client in under ``name``, which may differ from the name asked for."""
        return replace(self, credentials=replace(self.credentials, name=name))

    def refused(self, why: Reason) -> Login:
        """The server refused the login, or ended a chat that had begun."""
        code = why.code if isinstance(why, Refused | Closing) else ""
        message = why.message if isinstance(why, Refused | Closing) else str(why or "The connection ended.")
        advice = why.advice if isinstance(why, Refused | Closing) else ""
        told = replace(self, message=message, advice=self._offer if code == _NEEDED else advice)
        if code == _WRONG:  # a person without it may still come in by an account, where a wrong one would be refused
            told = replace(told, credentials=replace(self.credentials, password=None))
        if code in _REFUSED_NAMES and self.credentials.name == self.suggestion:
            told = replace(told, suggestion=None)
        if self.any_name and code in _REFUSED_NAMES:
            return replace(told, any_name=False, credentials=_renamed(self.credentials, None))
        state = REFUSALS.get(code, ENDED) if self.can_ask else ENDED
        if state in _SECRETS and self.passwords_left is not None:
            state = state if self.passwords_left else ENDED
            return replace(told, state=state, passwords_left=max(self.passwords_left - 1, 0))
        return replace(told, state=state)

    def answered(self, text: str | None) -> Login:
        """The person answered the question; ``None`` when they left instead."""
        if text is None:
            return replace(self, state=ENDED)
        if self.state is _NAME:
            text = text.strip() or self.suggestion or ""
            if text and text != MADE_UP and isinstance(refusal := check_name(text), Refusal):
                return replace(self, message=refusal.message, advice=refusal.advice)
        state = ANSWERS[self.state, bool(text)]
        if state is not CONNECTING:
            return replace(self, state=state)
        return replace(self, state=state, credentials=self._with_answer(text))

    def again(self) -> Login:
        """Another try with the same credentials, after the end."""
        return replace(self, state=CONNECTING)

    def _with_answer(self, text: str) -> Credentials:
        match self.state:
            case LoginState.ASKING_SERVER_PASSWORD:
                return replace(self.credentials, password=text, remember=self.remember)
            case LoginState.ASKING_ACCOUNT_PASSWORD | LoginState.ASKING_OWN_ACCOUNT:
                return replace(self.credentials, account_password=text)
            case _:
                return _renamed(self.credentials, None if text == MADE_UP else text)

    @property
    def _offer(self) -> str:
        """A sentence on the answers to the question for the first name."""
        if self.suggestion:
            return f"Press Enter to be {self.suggestion}, or type another name; {MADE_UP} lets the server make one up."
        return f"Type the name to have here; {MADE_UP} lets the server make one up."


def _renamed(credentials: Credentials, name: str | None) -> Credentials:
    """The same credentials for another name, made up by the server if there is none. The account's password and token
    belong to the name before."""
    return replace(credentials, name=name, account_password=None, token=None, made_up=credentials.made_up or not name)
