"""Invites made by the library: the link leads to the server that was proven, or there is none."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import trio.testing

import trio_chat
from tests.client.scripted import ScriptedServer
from tests.client.test_against_server import serving
from trio_chat.broker.admin import Order
from trio_chat.protocol import requests
from trio_chat.protocol.invite_link import parse_fragment
from trio_chat.server.operator import carry_out


async def test_a_moderator_makes_a_link_with_the_servers_fingerprint_that_lets_somebody_in(tmp_path: Path) -> None:
    async with serving(data=tmp_path) as server, trio_chat.connect(server.urls[0], name="ada", listen=False) as ada:
        with pytest.raises(trio_chat.NotDone, match="Only moderators of #lobby"):
            await ada.make_invite()
        await carry_out(server.hub, Order("promote", "ada"))
        await ada.join("#class")
        link = await ada.make_invite("#class", uses=2, seconds=60.0)
        url, _, fragment = link.partition("#")
        assert (url, parse_fragment(fragment).pin) == (server.urls[0], server.identity.fingerprint)
        async with trio_chat.connect(link, name="zoe", listen=False) as zoe:
            assert set(zoe.rooms) == {"#lobby", "#class"}
        table = await carry_out(server.hub, Order("invites"))
        assert isinstance(table, tuple)
        assert table.rows[0][table.headings.index("came by it")] == "zoe"


async def test_an_invite_is_for_one_person_and_a_week_unless_told_otherwise(tmp_path: Path) -> None:
    async with serving(data=tmp_path) as server, trio_chat.connect(server.urls[0], name="ada", listen=False) as ada:
        await carry_out(server.hub, Order("promote", "ada"))
        await ada.make_invite()
        table = await carry_out(server.hub, Order("invites"))
        assert isinstance(table, tuple)
        (invite,) = (dict(zip(table.headings, row, strict=True)) for row in table.rows)
        assert (invite["uses left"], invite["rooms"]) == (1, "")
        begin, end = (datetime.fromisoformat(str(invite[key])) for key in ("created", "until"))
        assert end - begin == timedelta(days=7)


async def test_no_invite_is_made_where_the_server_has_not_proven_which_it_is(
    server: ScriptedServer, autojump_clock: trio.testing.MockClock
) -> None:
    async with server.connect() as chat:
        with pytest.raises(trio_chat.NotDone, match="does not prove its identity at this address") as refused:
            await chat.make_invite()
        assert refused.value.code == "no_identity"
    assert server.asked(requests.MakeInvite) == []
