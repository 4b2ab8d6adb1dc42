"""When a refusal ends is said in the reader's own time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

import trio_chat
from tests.client.scripted import LOBBY, ScriptedServer, Session, next_of
from trio_chat.client.admission import rejected
from trio_chat.client.local_time import in_local_time
from trio_chat.client.options import Reconnection
from trio_chat.errors import refuse
from trio_chat.protocol import requests
from trio_chat.protocol.codec import encode
from trio_chat.protocol.events import Closing, Error, Ok
from trio_chat.protocol.requests import AnyRequest

END = "2026-01-31T23:30:59.000Z"
MUTED = refuse("may_not_speak", room="#ops", until=END)
BANNED = refuse("banned", until=END, reason=" Why: until 2026-01-31.")


def error(message: str = MUTED.message, until: str | None = END) -> Error:
    return Error(code="may_not_speak", message=message, until=until)


@pytest.mark.parametrize(
    ("hours", "now", "shown"),
    [
        (0, "2026-01-31T00:00:00Z", "until 23:30."),
        (2, "2026-01-31T12:00:00Z", "until 2026-02-01 01:30."),
        (2, "2026-01-31T22:00:00Z", "until 01:30."),
        (-5, "2026-02-01T04:00:00Z", "until 18:30."),
        (0, "2025-01-31T00:00:00Z", "until 2026-01-31 23:30."),
    ],
)
def test_a_time_is_shown_as_it_is_here_with_the_day_unless_that_is_today(hours: int, now: str, shown: str) -> None:
    zone, clock = timezone(timedelta(hours=hours)), datetime.fromisoformat(now)
    assert in_local_time(error(), now=clock, zone=zone) == error(f"You are muted in #ops {shown}")


@pytest.mark.parametrize(
    "event",
    [
        error("You are muted in #ops.", None),
        error(until="soon"),
        error(until="0001-01-01T00:00:00+23:00"),
        error("Another sentence, of a later server."),
        Ok(id="1"),
    ],
)
def test_what_has_no_such_time_stays_as_it_is(event: object) -> None:
    assert in_local_time(event, now=datetime(2026, 1, 31, tzinfo=UTC)) == event


async def test_each_refusal_that_a_client_gets_is_in_its_time(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse_all(session: Session, request: AnyRequest) -> bool:
        if isinstance(request, requests.Send):
            await session.say(Error(id=request.id, code=MUTED.code, message=MUTED.message, until=END))
        return isinstance(request, requests.Send)

    server.before = refuse_all
    async with server.connect(reconnection=Reconnection(reconnect=False)) as chat:
        with pytest.raises(trio_chat.NotDone, match=r"^You are muted in #ops until 2026-01-31 23:30\.$"):
            await chat.send(LOBBY, "hello")
        await server.session.close(Closing(code=BANNED.code, message=BANNED.message, until=END))
        closing = await next_of(chat, Closing)
        assert isinstance(closing, Closing)
        assert closing.message == "You are banned from this server until 2026-01-31 23:30. Why: until 2026-01-31."
    server.refusal = Closing(code=BANNED.code, message=BANNED.message, until=END)
    with pytest.raises(trio_chat.NotAdmitted, match=r"until 2026-01-31 23:30\."):
        async with server.connect():
            pass
    body = encode(Error(code=BANNED.code, message=BANNED.message, until=END))
    assert "until 2026-01-31 23:30." in str(rejected(403, body, "chat.test", has_password=False))
