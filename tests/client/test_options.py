"""The groups of settings that ``connect`` takes, and the arguments of 0.1.0 that they replace."""

from __future__ import annotations

import math
import random
import re

import pytest

import trio_chat
from tests.client.scripted import ScriptedServer
from trio_chat.client import Backoff, Credentials, Reconnection, Timeouts
from trio_chat.client.options import HOMES, ConnectionOptions, EarlierArguments, StreamOptions, with_earlier
from trio_chat.errors import UsageError
from trio_chat.protocol.fingerprint import Fingerprint
from trio_chat.protocol.invite_link import make_link


def test_each_argument_of_0_1_0_is_a_field_of_a_group() -> None:
    assert set(HOMES) == set(EarlierArguments.__annotations__)
    for group, field in HOMES.values():
        assert field in group.__dataclass_fields__  # type: ignore[attr-defined] # each group is a dataclass


def test_an_argument_of_0_1_0_sets_its_field_and_none_means_the_default() -> None:
    earlier = EarlierArguments(password="p", request_timeout=5, keepalive=7, reconnect=False, backoff=None)
    assert with_earlier(Credentials("ada"), earlier) == Credentials("ada", password="p")
    assert with_earlier(Timeouts(), earlier) == Timeouts(5, 7)
    kept = Reconnection(backoff=Backoff(1, 2), chance=random.Random(1))
    assert with_earlier(kept, earlier) == Reconnection(reconnect=False, backoff=kept.backoff, chance=kept.chance)
    assert with_earlier(StreamOptions(), earlier) == StreamOptions()


async def test_an_argument_of_0_1_0_works_and_warns(server: ScriptedServer) -> None:
    with pytest.warns(
        DeprecationWarning, match=re.escape("password= is a field now: Credentials(password=...)")
    ) as said:
        joining = server.connect("ada", password="letmein")
    assert said[0].filename.endswith("scripted.py")  # where connect was called
    async with joining as chat:
        assert chat.name == "ada"
        assert server.hellos[-1].password == "letmein"


def test_an_argument_that_never_was_is_refused() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'pasword'"):
        trio_chat.connect("chat.test", pasword="x")  # type: ignore[call-arg] # the point of the test


def test_what_cannot_be_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match="given twice"):
        trio_chat.connect("chat.test", name="ada", credentials=Credentials("eve"))
    with pytest.raises(UsageError, match="0 or more"):
        trio_chat.connect("chat.test", backlog=-1)
    for wrong in ({"request": 0.0}, {"keepalive": -1.0}):
        with pytest.raises(UsageError, match="more than 0"):
            Timeouts(**wrong)
    assert Timeouts(request=math.inf).request == math.inf


def test_no_secret_is_shown() -> None:
    shown = repr(Credentials("ada", password="letmein", account_password="correct horse", token="t-1", invite="i-1"))
    assert shown == "Credentials(name='ada')"


def test_a_pin_is_text_or_a_fingerprint_and_given_once() -> None:
    pin = Fingerprint(b"1" * 32)
    assert trio_chat.connect("chat.test", pin=pin.text) is not None
    with pytest.raises(UsageError, match="A fingerprint is 43 letters"):
        trio_chat.connect("chat.test", pin="short")
    with pytest.raises(UsageError, match="another pin"):
        trio_chat.connect(make_link("wss://chat.test/", Fingerprint(b"2" * 32)), pin=pin)


def test_a_client_is_seen_by_others_unless_it_asks_to_be_quiet() -> None:
    assert not ConnectionOptions().quiet
