"""Invitations: a person who is away is told when they come back, and a banned person is not invited."""

from __future__ import annotations

import pytest

from tests.broker.scenario import Crowd
from trio_chat.protocol.events import Invited, Ok, Welcome
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.requests import Ban, Configure, Invite, Join, Kick, Unban

INVITED = Invited(room="#board", by="ada", by_id=1)


def board() -> Crowd:
    """Ada owns a private room; bob is in it, eve is away."""
    crowd = Crowd("ada", "bob", "eve")
    crowd.enter("#board", "ada", "bob")
    crowd.do("ada", Configure(id="c", room="#board", private=True))
    crowd.go("eve")
    return crowd


def invite(crowd: Crowd, name: str) -> None:
    assert crowd.do("ada", Invite(id="i", room="#board", name=name)) == Ok(id="i")


def test_a_person_invited_while_away_is_told_once_when_they_return() -> None:
    crowd = board()
    invite(crowd, "eve")
    crowd.restart(orderly=False)
    crowd.back("eve", "looking", quiet=True)
    assert crowd.news_of("looking", Invited) == []
    crowd.back("eve")
    assert crowd.news_of("eve", Invited) == [INVITED]
    crowd.back("eve", "tablet")
    assert crowd.news_of("tablet", Invited) == []
    for who in ("eve", "tablet", "looking"):
        crowd.go(who)
    crowd.restart(orderly=True)
    crowd.back("eve")
    assert crowd.news_of("eve", Invited) == []
    crowd.enter("#board", "eve")


def test_a_person_who_is_here_is_told_of_an_invitation_at_once_and_only_once() -> None:
    crowd = board()
    crowd.back("eve")
    crowd.all_read()
    invite(crowd, "eve")
    assert crowd.news_of("eve", Invited) == [INVITED]
    crowd.go("eve")
    crowd.restart(orderly=False)
    crowd.back("eve")
    assert crowd.news_of("eve", Invited) == []


def test_a_person_removed_and_then_invited_is_told_of_both() -> None:
    crowd = board()
    crowd.go("bob")
    crowd.do("ada", Kick(id="k", room="#board", name="bob"))
    invite(crowd, "bob")
    crowd.restart(orderly=False)
    for name in ("ada", "bob"):
        crowd.back(name)
    welcome = crowd.inboxes[crowd.who["bob"]][0]
    assert isinstance(welcome, Welcome)
    assert [gone.action for gone in welcome.put_out] == ["kick"]
    assert crowd.news_of("bob", Invited) == [INVITED]


@pytest.mark.parametrize("way", ["entered", "banned"])
def test_a_person_is_not_told_of_an_invitation_that_no_longer_holds(way: str) -> None:
    crowd = board()
    crowd.back("eve", "looking", quiet=True)
    invite(crowd, "eve")
    if way == "entered":
        crowd.do("looking", Join(id="j", room="#board"))
    else:
        crowd.do("ada", Ban(id="b", room="#board", name="eve"))
    crowd.back("eve")
    assert crowd.news_of("eve", Invited) == []


@pytest.mark.parametrize("network", [None, "198.51.100.0/24"])
def test_a_banned_person_cannot_be_invited(network: str | None) -> None:
    crowd = board()
    crowd.back("eve", address="198.51.100.7")
    ban = Ban(id="b", room="#board", name=None if network else "eve", network=network)
    crowd.do("ada", ban)
    refusal = crowd.refused("bob", Invite(id="i", room="#board", name="eve"))
    assert (refusal.code, refusal.message) == ("banned_there", "eve is banned from #board.")
    crowd.do("ada", Unban(id="u", room="#board", name=ban.name, network=network))
    invite(crowd, "eve")
    assert crowd.news_of("eve", Invited) == [INVITED]
    assert crowd.who["eve"] in crowd.heard[LOBBY]
