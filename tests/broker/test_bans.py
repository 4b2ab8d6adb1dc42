"""Kicks and bans: a removed person is told why, and stays out until the ban ends."""

from __future__ import annotations

import pytest

from tests.broker.scenario import Crowd
from tests.broker.test_moderation import ops
from trio_chat.protocol.events import (
    BanList,
    Error,
    Left,
    Moderated,
    Ok,
    Welcome,
)
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.parts import Removal
from trio_chat.protocol.requests import (
    AnyRequest,
    Ban,
    Bans,
    Configure,
    Hello,
    Join,
    Kick,
    Send,
    SetRole,
    Unban,
)


def test_a_kicked_person_is_told_why_hears_nothing_more_and_may_come_back() -> None:
    crowd = ops()
    crowd.do("mod1", Kick(id="k", room="#ops", name="plain", reason="noise"))
    moderated, left = crowd.news("plain")
    assert isinstance(moderated, Moderated)
    assert left == Left(room="#ops", reason="mod1 removed you: noise")
    crowd.say("mod1", "quiet now", room="#ops")
    assert crowd.news("plain") == []
    crowd.enter("#ops", "plain")
    assert [(n.actor, n.action, n.target) for n in crowd.kept.notes if n.action == "kick"] == [
        ("mod1", "kick", "plain")
    ]


def test_a_network_has_its_own_ban_which_no_ban_of_another_network_replaces_or_lifts() -> None:
    crowd = ops()
    for network in ("198.51.100.0/24", "203.0.113.0/24"):
        crowd.do("owner1", Ban(id="b", room="#ops", network=network))
    crowd.do("owner1", Unban(id="u", room="#ops", network="198.51.100.0/24"))
    crowd.all_read()
    crowd.do("owner1", Bans(id="l", room="#ops"))
    (answer,) = crowd.news("owner1")
    assert isinstance(answer, BanList)
    assert [ban.network for ban in answer.bans] == ["203.0.113.0/24"]


def test_a_room_whose_last_owner_is_removed_gets_another() -> None:
    crowd = ops()
    crowd.do("boss", Kick(id="k", room="#ops", name="owner1"))
    told = [(one.action, one.target, one.value) for one in crowd.news_of("mod1", Moderated)]  # type: ignore[attr-defined] # each is one
    assert told[-2:] == [("kick", "owner1", ""), ("role", "mod1", "owner")]
    assert {who: m.role for who, m in crowd.kept.members_of("#ops").items()} == {2: 3, 3: 2, 4: 1}


@pytest.mark.parametrize("seconds", [None, 60.0, 1e15])
def test_a_banned_person_stays_out_until_the_ban_ends(seconds: float | None) -> None:
    crowd = ops()
    crowd.do("mod1", Ban(id="b", room="#ops", name="plain", seconds=seconds, reason="noise"))
    assert crowd.news_of("plain", Left) == [Left(room="#ops", reason="mod1 banned you: noise")]
    refusal = crowd.refused("plain", Join(id="j", room="#ops"))
    assert (refusal.code, "Why: noise." in refusal.message) == ("banned_here", True)
    crowd.restart(orderly=False)
    for name in ("plain", "mod1"):
        crowd.back(name)
    assert isinstance(listed := crowd.do("mod1", Bans(id="l", room="#ops")), BanList)
    assert [(ban.name, ban.by, ban.until is None) for ban in listed.bans] == [("plain", "mod1", seconds != 60.0)]
    crowd.advance(61.0)
    crowd.step()
    assert isinstance(crowd.do("plain", Join(id="j", room="#ops")), Error) is (seconds != 60.0)


def test_an_administrator_who_is_demoted_leaves_the_room_that_banned_them() -> None:
    """A found example: they stayed in the room, which they had entered as an administrator."""
    crowd = ops()
    crowd.do("mod1", Ban(id="b", room="#ops", name="plain", reason="noise"))
    crowd.order("promote", "plain")
    crowd.step()
    crowd.enter("#ops", "plain")
    crowd.all_read()
    crowd.order("demote", "plain")
    crowd.step()
    assert crowd.news("plain") == [Left(room="#ops", reason="mod1 banned you: noise")]
    assert crowd.refused("plain", Join(id="j", room="#ops")).code == "banned_here"
    crowd.go("plain")
    crowd.back("plain")
    assert [event.put_out for event in crowd.news_of("plain", Welcome)] == [()], "told twice"  # type: ignore[attr-defined] # each is one


@pytest.mark.parametrize("orderly", [True, False])
def test_an_administrator_who_is_demoted_while_away_is_told_when_they_come_back(orderly: bool) -> None:  # noqa: FBT001 - a table's column
    crowd = ops()
    crowd.do("mod1", Ban(id="b", room="#ops", name="plain", reason="noise"))
    crowd.order("promote", "plain")
    crowd.step()
    crowd.enter("#ops", "plain")
    crowd.go("plain")
    crowd.order("demote", "plain")
    crowd.step()
    crowd.restart(orderly=orderly)
    crowd.back("plain")
    (welcome,) = crowd.news_of("plain", Welcome)
    assert isinstance(welcome, Welcome)
    assert welcome.put_out == (
        Removal(room="#ops", by="mod1", by_id=crowd.holder("mod1") or 0, action="ban", reason="noise"),
    )
    assert "#ops" not in {room.name for room in welcome.rooms}


def test_a_demotion_that_cannot_be_stored_removes_nobody() -> None:
    crowd = ops()
    crowd.do("mod1", Ban(id="b", room="#ops", name="plain"))
    crowd.order("promote", "plain")
    crowd.step()
    crowd.enter("#ops", "plain")
    crowd.all_read()
    crowd.order("demote", "plain")
    crowd.fail()
    crowd.check()
    assert crowd.news("plain") == []
    crowd.say("plain", "still here", room="#ops")


@pytest.mark.parametrize(("room", "role", "out"), [("#ops", 1, True), ("#ops", 2, False), (LOBBY, 1, True)])
def test_an_administrator_in_a_banned_network_is_banned_once_demoted_unless_they_keep_order_there(
    room: str,
    role: int,
    out: bool,  # noqa: FBT001 - a table's column
) -> None:
    crowd = ops()
    crowd.come("bob", address="198.51.100.7")
    crowd.enter("#ops", "bob")
    if role > 1:
        crowd.do("owner1", SetRole(id="r", room="#ops", name="bob", role="moderator"))
    crowd.order("promote", "bob")
    crowd.step()
    crowd.do("boss", Ban(id="b", room=room, network="198.51.100.0/24"))
    assert crowd.who["bob"] in crowd.open, "an administrator does not ban another"
    crowd.order("demote", "bob")
    crowd.step()
    assert (crowd.who["bob"] not in crowd.open) is (out and room == LOBBY)
    bob = crowd.holder("bob")
    assert (bob not in crowd.kept.members_of("#ops")) is (out and room == "#ops")


def test_a_ban_is_lifted_by_name_and_by_network() -> None:
    crowd = ops()
    crowd.do("mod1", Ban(id="b", room="#ops", name="plain"))
    crowd.do("mod1", Ban(id="c", room="#ops", network="203.0.113.5/24"))
    assert crowd.refused("mod1", Unban(id="u", room="#ops")).code == "bad_field"
    assert crowd.refused("mod1", Unban(id="u", room="#ops", name="other")).code == "no_ban"
    crowd.do("mod1", Unban(id="u", room="#ops", name="plain"))
    crowd.do("mod1", Unban(id="u", room="#ops", network="203.0.113.0/24"))
    crowd.enter("#ops", "plain")
    assert crowd.kept.bans == {}


@pytest.mark.parametrize(
    ("network", "address", "out"),
    [
        ("198.51.100.0/24", "198.51.100.7", True),
        ("198.51.100.0/24", "::ffff:198.51.100.7", True),
        ("198.51.100.7", "198.51.100.8", False),
        ("::ffff:198.51.100.7", "198.51.100.7", True),
        ("::ffff:198.51.100.7", "::ffff:c633:6407", True),
        ("::ffff:198.51.100.0/120", "198.51.100.7", True),
        ("::ffff:198.51.100.7", "198.51.100.8", False),
        ("fe80::1", "fe80::1%eth0", True),
        ("2001:db8::/64", "2001:db8::1", True),
        ("2001:db8::/64", "198.51.100.7", False),
    ],
)
@pytest.mark.parametrize("quiet", [False, True])
def test_a_network_is_kept_out_however_its_addresses_are_written(
    network: str,
    address: str,
    out: bool,  # noqa: FBT001 - a table's columns
    quiet: bool,  # noqa: FBT001 - a table's columns
) -> None:
    crowd = Crowd("ada")
    crowd.order("promote", "ada")
    crowd.come("bob", address=address, quiet=quiet)
    crowd.do("ada", Ban(id="b", room=LOBBY, network=network))
    assert (crowd.who["bob"] not in crowd.open) is out
    session = crowd.connect(address=address)
    answer = crowd.ask(session, Hello(id="h", name="cyd"))
    assert (isinstance(answer, Error) and answer.code == "banned") is out
    crowd.step()


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (Ban(id="b", room="#ops"), "bad_field"),
        (Ban(id="b", room="#ops", name="plain", network="192.0.2.1"), "bad_field"),
        (Ban(id="b", room="#ops", network="\x1bnone"), "bad_network"),
        (Ban(id="b", room="#ops", network="fe80::1%"), "bad_network"),
        (Ban(id="b", room="#ops", network="fe80::1%any text"), "bad_network"),
        (Ban(id="b", room="#ops", name="nobody1"), "unknown_person"),
        (Kick(id="b", room="#ops", name="other"), "not_member_there"),
        (SetRole(id="b", room="#ops", name="owner1", role="member"), "last_owner"),
        (Configure(id="b", room=LOBBY, private=True), "stays_in_lobby"),
        (Kick(id="b", room=LOBBY, name="other"), "stays_in_lobby"),
    ],
)
def test_an_impossible_moderation_request_is_refused(request_: AnyRequest, code: str) -> None:
    crowd = ops()
    assert crowd.refused("boss" if getattr(request_, "room", "") == LOBBY else "owner1", request_).code == code


def test_a_ban_of_an_address_is_lifted_however_the_address_is_written() -> None:
    crowd = ops()
    crowd.do("owner1", Ban(id="b", room="#ops", network="::ffff:203.0.113.5"))
    crowd.do("owner1", Unban(id="u", room="#ops", network="203.0.113.5"))
    assert crowd.kept.bans == {}


def test_an_owner_who_repeats_a_moderators_ban_of_a_network_removes_moderators_too() -> None:
    crowd = ops()
    network = Ban(id="b", room="#ops", network="192.0.2.0/24")  # where all of them come from
    crowd.do("mod1", network)
    assert "mod2" in members(crowd)
    assert crowd.do("owner1", network) == Ok(id="b")
    assert "mod2" not in members(crowd)
    assert crowd.do("owner1", network) == Ok(id="b", unchanged=True)


def members(crowd: Crowd) -> set[str]:
    """The people in the room that :func:`ops` makes."""
    room = crowd.broker.rooms["#ops"]
    return {member.person.name.shown for member in room.members.values()}


def test_somebody_banned_from_the_server_is_not_let_in() -> None:
    crowd = ops()
    crowd.do("boss", Ban(id="b", room=LOBBY, name="plain"))
    assert crowd.who["plain"] not in crowd.open
    token = next(token for token, holder in crowd.holders.items() if holder == 4)
    assert crowd.connect(Hello(id="", name="plain", token=token)) not in crowd.open


def test_a_member_who_returns_from_a_network_banned_meanwhile_is_removed() -> None:
    crowd = ops()
    for name in ("plain", "mod1"):
        crowd.go(name)
    crowd.do("owner1", Ban(id="b", room="#ops", network="198.51.100.0/24"))
    crowd.back("plain", "elsewhere")
    crowd.say("elsewhere", "still in", room="#ops")
    crowd.all_read()
    crowd.back("plain", address="198.51.100.7")
    assert crowd.refused("plain", Send(id="s", room="#ops", text="x")).code == "not_a_member"
    assert crowd.refused("plain", Join(id="j", room="#ops")).code == "banned_here"
    (left,) = crowd.news_of("elsewhere", Left)
    assert isinstance(left, Left)
    assert left.reason == "owner1 banned you."
    assert told_at_return(crowd, "plain") == [Removal(room="#ops", by="owner1", by_id=1, action="ban")]
    crowd.back("mod1", address="198.51.100.8")  # who keeps it in order was not meant
    crowd.say("mod1", "here", room="#ops")


def told_at_return(crowd: Crowd, who: str) -> list[Removal]:
    """The removals in a person's welcome."""
    welcome = crowd.inboxes[crowd.who[who]][0]
    assert isinstance(welcome, Welcome)
    return list(welcome.put_out)


def test_a_person_removed_while_away_is_told_once_when_they_return() -> None:
    crowd = ops()
    crowd.enter("#dev", "mod1", "plain")
    crowd.go("plain")
    crowd.do("mod1", Kick(id="k", room="#ops", name="plain", reason="take a\x1b walk"))
    crowd.do("mod1", Ban(id="b", room="#dev", name="plain"))
    crowd.restart(orderly=False)
    crowd.back("plain", "looking", quiet=True)
    gone = [
        Removal(room="#ops", by="mod1", by_id=2, reason="take a\u241b walk"),
        Removal(room="#dev", by="mod1", by_id=2, action="ban"),
    ]
    assert told_at_return(crowd, "looking") == gone
    crowd.back("plain")
    assert told_at_return(crowd, "plain") == gone
    crowd.back("plain", "tablet")
    assert told_at_return(crowd, "tablet") == []
    for who in ("plain", "tablet", "looking"):
        crowd.go(who)
    crowd.restart(orderly=True)
    crowd.back("plain")
    assert told_at_return(crowd, "plain") == []


def test_a_person_who_is_in_the_room_again_is_not_told_that_they_were_removed() -> None:
    crowd = ops()
    crowd.back("plain", "looking", quiet=True)
    crowd.go("plain")
    crowd.do("owner1", Kick(id="k", room="#ops", name="plain"))
    (left,) = crowd.news_of("looking", Left)
    assert left == Left(room="#ops", reason="owner1 removed you.")
    crowd.do("looking", Join(id="j", room="#ops"))
    crowd.back("plain")
    assert told_at_return(crowd, "plain") == []


def test_a_person_who_was_told_and_is_in_the_room_again_is_not_told_after_a_kill_either() -> None:
    crowd = ops()
    crowd.go("plain")
    crowd.do("owner1", Kick(id="k", room="#ops", name="plain"))
    crowd.back("plain")
    crowd.enter("#ops", "plain")  # and that they were told is stored with what is stored now and then
    crowd.restart(orderly=False)
    crowd.back("plain")
    assert told_at_return(crowd, "plain") == []


def test_a_person_welcomed_while_nothing_can_be_stored_is_told_again() -> None:
    crowd = ops()
    crowd.go("plain")
    crowd.do("owner1", Kick(id="k", room="#ops", name="plain"))
    token = next(token for token, holder in crowd.holders.items() if holder == crowd.holder("plain"))
    crowd.who["plain"] = crowd.connect()
    crowd.ask(crowd.who["plain"], Hello(id="h", name="plain", token=token))
    crowd.ask(crowd.who["owner1"], Send(id="s", room="#ops", text="lost"))
    crowd.fail()
    crowd.check()
    gone = [Removal(room="#ops", by="owner1", by_id=1)]
    assert told_at_return(crowd, "plain") == gone
    crowd.go("plain")
    crowd.back("plain")
    assert told_at_return(crowd, "plain") == gone


def test_a_ban_ends_at_the_same_millisecond_after_a_restart() -> None:
    """Seconds since 1970 have no exact tenths: the store keeps milliseconds, and no more may be asked of it."""
    crowd = Crowd("ada")
    crowd.order("promote", "ada")
    crowd.step()
    for _ in range(2):
        crowd.advance(0.1)
    crowd.do("ada", Ban(id="b", room=LOBBY, network="192.0.2.9", seconds=0.5))
    (before,) = crowd.broker.rooms[LOBBY].bans.values()
    crowd.restart(orderly=False)
    (after,) = crowd.broker.rooms[LOBBY].bans.values()
    assert after.record == before.record
    assert abs(after.until - before.until) <= 0.001
