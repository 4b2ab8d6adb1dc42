"""The contents of the dialogs of the login."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.ui.followed import FollowedModel
from trio_chat.client.credentials import Credentials
from trio_chat.errors import NotAdmitted
from trio_chat.protocol.events import RoomInfo
from trio_chat.ui.login import Login
from trio_chat.ui.tui.model.panes import Question
from trio_chat.ui.tui.session.background import BackgroundRequests
from trio_chat.ui.tui.session.login import ScreenConnection

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from trio_chat.client import Chat
    from trio_chat.errors import ChatError

MET = "This is the first contact with 192.0.2.7:8765."


@pytest.mark.parametrize("code", ["wrong_password", "name_owned", "invite_needed"])
async def test_who_is_asked_for_a_secret_sees_first_which_server_asks(nursery: trio.Nursery, code: str) -> None:
    model = FollowedModel()
    model.begin(RoomInfo(name="#lobby"))
    notices: list[str] = []

    @asynccontextmanager
    async def dial(credentials: Credentials, waiting: Callable[[ChatError, float], None]) -> AsyncGenerator[Chat]:
        del credentials, waiting
        await trio.lowlevel.checkpoint()
        if not notices:
            notices.append(MET)
        if code:
            raise NotAdmitted(code, "No.")
        yield cast("Chat", None)

    requests = BackgroundRequests(model, lambda: None, lambda _call: None)
    login = Login(Credentials("ada"))
    connection = ScreenConnection(dial, login, None, requests, lambda **_how: None, notices=notices)
    nursery.start_soon(connection.run)
    for _ in range(2):  # and again after a wrong answer
        await wait_all_tasks_blocked()
        assert isinstance(model.pane, Question)
        assert model.pane.secret
        assert model.pane.lines[-1] == MET
        model.pane = None
        connection.answer("not the password")
    assert notices == [MET]  # kept, to be shown in the room as well


async def test_a_chat_that_never_began_is_not_said_to_have_ended(nursery: trio.Nursery) -> None:
    model = FollowedModel()

    @asynccontextmanager
    async def dial(credentials: Credentials, waiting: Callable[[ChatError, float], None]) -> AsyncGenerator[Chat]:
        del credentials, waiting
        await trio.lowlevel.checkpoint()
        if model.pane is None:
            raise NotAdmitted("invite_revoked", "The invite was revoked.", "Ask for a new one.")
        yield cast("Chat", None)

    requests = BackgroundRequests(model, lambda: None, lambda _call: None)
    connection = ScreenConnection(dial, Login(Credentials("ada")), None, requests, lambda **_how: None)
    nursery.start_soon(connection.run)
    await wait_all_tasks_blocked()
    assert isinstance(model.pane, Question)
    assert model.pane.title == "You were not let in"
    assert model.pane.lines == ("The invite was revoked. Ask for a new one.",)
