"""Events of a server that make no sense: they are passed over, and the rest goes on."""

from __future__ import annotations

import msgspec
import pytest
from trio.testing import MockClock

from tests.client.scripted import LOBBY, NOW, ScriptedServer, next_of, texts
from tests.client.test_state import message, talking, welcome
from trio_chat.client.events import BadEvent, Disconnected, Reconnected
from trio_chat.client.frames import BadFrame, read_event, read_page
from trio_chat.errors import Unreachable
from trio_chat.protocol import requests
from trio_chat.protocol.codec import encode
from trio_chat.protocol.events import Closing, Error, Page, RoomInfo


def test_an_event_of_a_room_that_we_are_not_in_is_passed_over() -> None:
    conversation = talking()
    (told,) = conversation.take(message(7, room="#new")).events
    assert told == BadEvent(kind="line", why="You are not in its room, #new")
    assert "#new" not in conversation.rooms


def test_an_event_that_makes_no_sense_counts_in_its_room_and_answers_its_request() -> None:
    conversation = talking(RoomInfo(name="#ops", last=1))
    conversation.ask(requests.Who(id="w", room="#ops"))
    bad = read_event(b'{"type":"message","room":"#ops","seq":2,"time":"never","from":"bob","text":"","cid":""}')
    assert isinstance(bad, BadFrame)
    (told,) = conversation.take_bad(bad).events
    assert isinstance(told, BadEvent)
    assert "never" in told.why
    assert conversation.take(message(3, room="#ops")).events == [message(3, room="#ops")]  # no gap
    bad = read_event(b'{"type":"people","id":"w","room":"","people":[]}')
    assert isinstance(bad, BadFrame)
    step = conversation.take_bad(bad)
    answer = step.answers["w"]
    assert isinstance(answer, Error)
    assert answer.code == "bad_answer"
    told_of = [bool(step.events), *(bool(conversation.take_bad(bad).events) for _ in range(6))]
    assert told_of == [True, False, True, False, False, False, True]  # the second, fourth, eighth


def test_a_page_out_of_order_or_of_another_room_is_read_as_far_as_it_makes_sense() -> None:
    lines = [message(2), message(2), message(1), message(3, room="#ops"), message(4), message(10**9)]
    raws = tuple(msgspec.Raw(encode(line)) for line in lines)
    page = Page(id="", room="#lobby", events=(*raws[:5], msgspec.Raw(b'{"type":"x"}')), more=False, first=1)
    assert [seq for seq, _ in read_page(page)] == [2, 4]


@pytest.mark.parametrize("data", [b'{"type":"message","room":1}', b"[]", b"7"])
def test_json_that_is_no_event_makes_no_sense(data: bytes) -> None:
    assert isinstance(read_event(data), BadFrame)


async def test_a_welcome_without_its_lobby_is_answered_with_a_sentence(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    server.refusal = welcome(RoomInfo(name="#ops"))
    with pytest.raises(Unreachable, match="makes no sense: The lobby '#lobby' is not among the rooms"):
        async with server.connect():
            pass


async def test_a_client_goes_on_after_an_impossible_time_and_a_negative_wait(
    server: ScriptedServer, autojump_clock: MockClock
) -> None:
    async with server.connect() as chat:
        for time in ("0001-01-01T00:00:00+23:59", NOW):
            await server.publish(msgspec.structs.replace(message(len(server.logs[LOBBY]) + 1), time=time, text="hi"))
        told = await next_of(chat, BadEvent)
        assert isinstance(told, BadEvent)
        assert "0001-01-01" in told.why
        assert await texts(chat, 1) == ["hi"]  # the one after it, with no gap
        await server.session.close(Closing(code="stop", message="Back soon.", retry=-5.0))
        gone = await next_of(chat, Disconnected)
        assert isinstance(gone, Disconnected)
        assert (gone.reason, gone.retry_in >= 0) == ("Back soon.", True)
        await next_of(chat, Reconnected)
        await server.write(LOBBY, "again")
        assert await texts(chat, 1) == ["again"]
