"""The table of the login dialogue: what each refusal asks for, and what each answer does."""

from __future__ import annotations

import pytest

from trio_chat.client.credentials import Credentials
from trio_chat.errors import FAULTS, ConnectionClosed, NameNeeded, NotAdmitted, Unreachable
from trio_chat.protocol.events import Closing
from trio_chat.ui.login import ANSWERS, MADE_UP, REFUSALS, Login, LoginQuestion, LoginState

ADA = Credentials("ada", password="letmein", account_password="correct horse", token="t")
CONNECTING, ENDED = LoginState.CONNECTING, LoginState.ENDED
SERVER_PASSWORD, ACCOUNT_PASSWORD = LoginState.ASKING_SERVER_PASSWORD, LoginState.ASKING_ACCOUNT_PASSWORD
OWN_ACCOUNT = LoginState.ASKING_OWN_ACCOUNT
NAME = LoginState.ASKING_NAME


def refusal(code: str, message: str = "No.", advice: str = "Do this.") -> NotAdmitted:
    return NotAdmitted(code, message, advice)


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("password_needed", SERVER_PASSWORD),
        ("wrong_password", SERVER_PASSWORD),
        ("name_owned", ACCOUNT_PASSWORD),
        ("wrong_account_password", ACCOUNT_PASSWORD),
        ("name_taken", NAME),
        ("name_lookalike", NAME),
        ("name_invalid", NAME),
        ("name_reserved", NAME),
        ("name_needed", NAME),
        ("invite_needed", OWN_ACCOUNT),
        ("accounts_only", OWN_ACCOUNT),
        ("invite_used_up", ENDED),
        ("banned", ENDED),
        ("server_full", ENDED),
        ("too_many_guesses", ENDED),
        ("from_a_newer_server", ENDED),
    ],
)
def test_each_refusal_asks_for_what_would_help(code: str, state: LoginState) -> None:
    assert Login(ADA).refused(refusal(code)).state is state
    assert Login(ADA, can_ask=False).refused(refusal(code)).state is ENDED


def test_every_refusal_in_the_table_is_one_that_servers_send() -> None:
    assert set(REFUSALS) - {NameNeeded().code} <= set(FAULTS)


def test_every_question_has_both_answers() -> None:
    asking = {state for state in LoginState if state not in {CONNECTING, ENDED}}
    assert set(ANSWERS) == {(state, text) for state in asking for text in (True, False)}
    assert set(REFUSALS.values()) == asking


@pytest.mark.parametrize(
    ("code", "answer", "state", "credentials"),
    [
        ("wrong_password", "open", CONNECTING, Credentials("ada", "open", "correct horse", "t", remember=True)),
        ("wrong_password", " open ", CONNECTING, Credentials("ada", " open ", "correct horse", "t", remember=True)),
        ("wrong_password", "", OWN_ACCOUNT, Credentials("ada", None, "correct horse", "t")),
        ("password_needed", "", OWN_ACCOUNT, ADA),
        ("name_owned", "staple", CONNECTING, Credentials("ada", "letmein", "staple", "t")),
        ("name_owned", "", NAME, ADA),
        ("invite_needed", "staple", CONNECTING, Credentials("ada", "letmein", "staple", "t")),
        ("invite_needed", "", ENDED, ADA),
        ("name_taken", " eve ", CONNECTING, Credentials("eve", "letmein")),
        ("name_taken", "  ", NAME, ADA),
        ("name_taken", None, ENDED, ADA),
        ("name_owned", None, ENDED, ADA),
    ],
)
def test_each_answer_changes_what_was_asked_for_and_nothing_else(
    code: str, answer: str | None, state: LoginState, credentials: Credentials
) -> None:
    login = Login(ADA).refused(refusal(code)).answered(answer)
    assert (login.state, login.credentials) == (state, credentials)
    assert (login.question is None) == (state in {CONNECTING, ENDED})


def test_the_account_password_of_one_name_is_never_sent_for_another() -> None:
    login = Login(ADA).refused(refusal("wrong_account_password")).answered("").answered("eve")
    assert login.credentials == Credentials("eve", "letmein")


def test_a_name_that_does_not_matter_gives_way_once() -> None:
    login = Login(ADA, any_name=True, can_ask=False).refused(refusal("name_owned"))
    assert (login.state, login.credentials) == (CONNECTING, Credentials(None, "letmein"))
    assert login.refused(refusal("name_taken")).state is ENDED


def test_passwords_are_asked_for_as_often_as_the_interface_allows_and_names_without_bound() -> None:
    login = Login(ADA, passwords_left=2)
    for _ in range(10):
        login = login.refused(refusal("name_taken")).answered("eve")
    login = login.refused(refusal("wrong_password")).answered("one")
    login = login.refused(refusal("name_owned")).answered("two")
    assert login.state is CONNECTING
    assert login.refused(refusal("wrong_password")).state is ENDED
    unbounded = Login(ADA)
    for _ in range(10):
        unbounded = unbounded.refused(refusal("wrong_password")).answered("guess")
    assert unbounded.state is CONNECTING


def test_a_question_says_why_and_never_shows_a_secret() -> None:
    assert Login(ADA).question is None
    password = Login(ADA).refused(refusal("wrong_password", "The password is wrong.")).question
    why = "The password is wrong. If you have an account by an invite, just press Enter."
    assert password == LoginQuestion("Server password", why, "Server password", secret=True)
    account = Login(ADA).refused(refusal("name_owned", "The name ada is taken.")).question
    assert account is not None
    assert account.secret
    assert account.reason.startswith("The name ada is taken. If the name is yours, ")
    name = Login(ADA).refused(refusal("name_invalid", "x y cannot be a name.", "Names have no spaces.")).question
    assert name == LoginQuestion("Another name", "x y cannot be a name. Names have no spaces.", "Another name")
    assert not name.secret, "a name is shown while it is typed"
    assert "correct horse" not in repr(Login(ADA))
    assert "letmein" not in repr(Login(ADA))


def test_a_chat_that_ended_says_why_and_can_be_tried_again_under_the_last_name() -> None:
    begun = Login(ADA).connected("eve")
    for why, reason in (
        (Closing(code="idle", message="Bye!", advice="Join again."), "Bye! Join again."),
        (ConnectionClosed("It was closed."), "It was closed."),
        (Unreachable("Nobody answers."), "Nobody answers."),
        (None, "The connection ended."),
    ):
        ended = begun.refused(why)
        assert (ended.state, ended.reason, ended.question) == (ENDED, reason, None)
        assert (ended.again().state, ended.again().credentials.name) == (CONNECTING, "eve")
    assert begun.refused(refusal("name_taken")).state is NAME


NAMELESS = Login(Credentials(made_up=False), suggestion="ada").refused(NameNeeded())


def test_a_guest_without_a_name_is_asked_for_one_and_enter_takes_the_suggestion() -> None:
    assert NAMELESS.question == LoginQuestion(
        "Your name",
        "You have no name on this server yet. "
        "Press Enter to be ada, or type another name; * lets the server make one up.",
        "Your name [ada]",
    )
    assert NAMELESS.answered("").credentials == Credentials("ada", made_up=False)
    assert NAMELESS.answered(" eve ").credentials == Credentials("eve", made_up=False)
    assert NAMELESS.answered(None).state is ENDED


def test_only_a_guest_who_says_so_gets_a_name_that_the_server_makes_up() -> None:
    assert NAMELESS.answered(MADE_UP).state is CONNECTING
    assert NAMELESS.answered(MADE_UP).credentials == Credentials(made_up=True)


def test_without_a_suggestion_an_empty_name_is_asked_again() -> None:
    login = Login(Credentials(made_up=False)).refused(NameNeeded())
    assert login.question is not None
    assert login.question.prompt == "Your name"
    assert "Type the name to have here" in login.question.reason
    assert login.answered(" ") == login


@pytest.mark.parametrize(
    ("name", "why"), [("a b", "cannot be a name"), ("system", "is reserved"), ("\ud800", "cannot")]
)
def test_a_name_that_no_server_takes_is_asked_again_at_once_with_the_reason(name: str, why: str) -> None:
    login = NAMELESS.answered(name)
    assert (login.state, login.credentials) == (NAME, NAMELESS.credentials)
    assert login.question is not None
    assert why in login.question.reason
    assert login.question.prompt == "Your name [ada]"


def test_a_suggestion_that_was_refused_is_not_made_again() -> None:
    login = NAMELESS.answered("").refused(refusal("name_taken", "The name ada is in use."))
    assert login.question == LoginQuestion("Another name", "The name ada is in use. Do this.", "Another name")
    assert login.answered("").state is NAME
    other = NAMELESS.answered("eve").refused(refusal("name_taken"))
    assert other.answered("").credentials.name == "ada"
