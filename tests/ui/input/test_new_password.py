"""A new password is typed twice, and leaves nothing behind."""

from __future__ import annotations

import pytest

from trio_chat.ui.commands.account import keeps_secret
from trio_chat.ui.input.decoder import Key, Pasted, Press, Typed
from trio_chat.ui.input.editor import Editor, Submitted
from trio_chat.ui.input.new_password import NewPassword, PasswordChosen, PasswordUnchanged

ENTER = Press("Enter")


def press(*keys: Key) -> PasswordChosen | PasswordUnchanged | None:
    secret = NewPassword()
    outcome: PasswordChosen | PasswordUnchanged | None = None
    for key in keys:
        assert outcome is None
        outcome = secret.press(key)
    return outcome


def test_a_password_typed_twice_is_chosen() -> None:
    assert press(Typed("hunter22"), ENTER, Pasted("hunter22"), ENTER) == PasswordChosen("hunter22")


@pytest.mark.parametrize(
    "keys",
    [
        (Press("Escape"),),
        (Press("C-c"),),
        (Press("C-d"),),
        (Typed("hunter22"), Press("Escape")),
        (Typed("short"), ENTER),
        (ENTER,),
        (Typed("hunter22"), ENTER, Typed("hunter23"), ENTER),
        (Typed("hunter22"), ENTER, Press("Up"), ENTER),  # what was typed first cannot be called back
    ],
)
def test_anything_else_leaves_the_password_unchanged(keys: tuple[Key, ...]) -> None:
    outcome = press(*keys)
    assert isinstance(outcome, PasswordUnchanged)
    assert "is unchanged." in outcome.why


def test_the_password_is_never_shown() -> None:
    secret = NewPassword()
    for key in (Typed("hunter22"), ENTER, Typed("hunter22")):
        secret.press(key)
        assert "hunter22" not in repr(secret) + secret.prompt
    assert "hunter22" not in repr(secret.press(ENTER))


def test_a_line_with_a_password_in_it_is_not_kept_in_the_history() -> None:
    editor = Editor(keeps=lambda line: not keeps_secret(line))
    for line in ("one", "/password hunter2", "two"):
        editor.insert(line)
        assert editor.press(ENTER) == Submitted(line)
    assert editor.history == ("one", "two")
