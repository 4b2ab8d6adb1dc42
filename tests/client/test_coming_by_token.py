"""A device comes back to its account by its token, where its name is somebody else's by now."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from trio.testing import MockClock

from tests.client.scripted import ScriptedServer
from trio_chat.client.admission import Setback
from trio_chat.errors import NotAdmitted


async def test_a_token_that_leads_to_another_account_leaves_the_refusal_of_the_name(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    refusal = Setback(NotAdmitted("name_owned", "The name ada is somebody's."), again=False)
    async with server.connect() as chat:
        for welcome, is_same in (
            (chat.welcome, True),
            (msgspec.structs.replace(chat.welcome, account=7), False),
            (msgspec.structs.replace(chat.welcome, epoch="later"), False),
        ):
            chat._link._refused_name = refusal
            with contextlib.nullcontext() if is_same else pytest.raises(Setback):
                chat._link._check_same_account(welcome)
            assert chat._link._refused_name is None
