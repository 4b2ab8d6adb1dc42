"""The wall clock is set: the times of ends are stored anew, so that a restart takes them for what they are."""

from __future__ import annotations

from tests.broker.scenario import Crowd
from trio_chat.broker import Broker, BrokerSettings
from trio_chat.protocol.requests import Ban, Leave, Mute
from trio_chat.records import SaveBan, SaveClock, SaveMember, Snapshot

HOUR = 3600.0
START = SaveClock("boot", 1e9)
AHEAD = SaveClock("boot", 1e9, HOUR)


def moderated() -> Crowd:
    """In #ops of ada, bob is muted for a minute, cyd too and has left, eve is banned for a minute, dan is muted for
    good."""
    crowd = Crowd("ada", "bob", "cyd", "dan", "eve")
    crowd.enter("#ops", "ada", "bob", "cyd", "dan", "eve")
    for name in ("bob", "cyd"):
        crowd.do("ada", Mute(id="m", room="#ops", name=name, seconds=60))
    crowd.do("ada", Mute(id="m", room="#ops", name="dan"))
    crowd.do("cyd", Leave(id="l", room="#ops"))
    crowd.do("ada", Ban(id="b", room="#ops", name="eve", seconds=60))
    return crowd


def ends(crowd: Crowd) -> list[str | None]:
    """The stored ends: of the ban, of bob, of dan, of cyd."""
    members = sorted((*crowd.kept.members.values(), *crowd.kept.former.values()), key=lambda member: member.account)
    return [ban.until for ban in crowd.kept.bans.values()] + [one.muted_until for one in members if one.muted_until]


def test_the_ends_that_are_to_come_are_stored_by_the_new_time_of_the_wall_clock() -> None:
    crowd = moderated()
    assert ends(crowd) == [*["2023-11-14T22:14:20.000Z"] * 3, "9999-12-31T23:59:59.999Z"]
    assert crowd.broker.set_time(crowd.now, AHEAD) == crowd.now
    crowd.advance(0.0)
    crowd.step()
    assert ends(crowd) == [*["2023-11-14T23:14:20.000Z"] * 3, "9999-12-31T23:59:59.999Z"]
    assert crowd.kept.clock == [AHEAD]


def test_ends_that_are_over_do_not_come_back_when_the_wall_clock_is_set_back() -> None:
    crowd = moderated()
    crowd.advance(60.0)
    crowd.step()
    crowd.broker.set_time(crowd.now, SaveClock("boot", 1e9, -HOUR))
    crowd.advance(0.0)
    crowd.step()
    crowd.restart(orderly=True)
    room = crowd.broker.rooms["#ops"]
    held = [*room.members.values(), *room.former.values()]
    assert [member.muted > crowd.now for member in held if member.muted] == [False, True, False], "dan's is for good"
    assert [ban.until > crowd.now for ban in room.bans.values()] == [False]


def test_what_could_not_be_stored_is_stored_five_seconds_later() -> None:
    crowd = moderated()
    before = ends(crowd)
    crowd.broker.set_time(crowd.now, AHEAD)
    crowd.advance(0.0)
    crowd.fail()
    assert ends(crowd) == before
    assert crowd.broker.due() == crowd.now + 5.0
    assert crowd.broker.set_time(crowd.now, AHEAD) == crowd.now
    assert crowd.broker.due() == crowd.now + 5.0
    crowd.advance(5.0)
    crowd.step()
    assert crowd.kept.clock == [AHEAD]


def restarted(kept: SaveClock | None, clock: SaveClock) -> tuple[float, float]:
    """The steady ends of a ban and a mute for ten seconds, stored by ``kept``, after a restart with ``clock``."""
    snapshot = moderated().kept.snapshot()
    until = "2001-09-09T01:46:50.000Z"
    broker = Broker(
        BrokerSettings(),
        Snapshot(
            accounts=snapshot.accounts,
            rooms=snapshot.rooms,
            members=(SaveMember(2, 2, muted_until=until),),
            bans=(SaveBan(1, 2, 2, None, until, "", "ada", until),),
            clock=kept,
        ),
        1e9,
        clock,
    )
    room = broker.rooms["#ops"]
    assert broker.due() == (None if kept == clock else 1e9), "what changed is stored at once"
    return next(iter(room.bans.values())).until, room.members[2].muted


def test_stored_ends_are_taken_by_the_clock_that_they_were_stored_by() -> None:
    assert restarted(AHEAD, AHEAD) == (1e9 + 10 - HOUR, 1e9 + 10 - HOUR)
    assert restarted(AHEAD, START) == (1e9 + 10 - HOUR, 1e9 + 10 - HOUR)
    assert restarted(START, AHEAD) == (1e9 + 10, 1e9 + 10)


def test_after_a_start_of_the_system_or_of_a_first_version_they_are_times_of_the_wall_clock() -> None:
    assert restarted(AHEAD, SaveClock("another boot", 1e9)) == (1e9 + 10, 1e9 + 10)
    assert restarted(None, START) == (1e9 + 10, 1e9 + 10)
