"""Requests sent again after a lost connection are carried out once; and nobody ends a mute or a ban by leaving and
coming back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.broker.scenario import Crowd
from trio_chat.broker.effects import Acknowledge
from trio_chat.protocol.events import BanList, Error, Left, Message, Moderated, Ok
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.requests import (
    Ban,
    Bans,
    ChangeRequest,
    Configure,
    Delete,
    Hello,
    Invite,
    Join,
    Kick,
    Leave,
    Mute,
    Nick,
    React,
    Revoke,
    Send,
    SetRole,
    Topic,
    Unban,
)

if TYPE_CHECKING:
    from trio_chat.protocol.requests import AnyRequest


def ops(**settings: object) -> Crowd:
    """``#ops`` with its owner, a member and another; a message of the member's; somebody is banned."""
    crowd = Crowd("owner1", "plain", "other", "banned1", "outside", **settings)
    crowd.enter("#ops", "owner1", "plain", "other")
    crowd.say("plain", "hello", room="#ops")
    crowd.do("owner1", Ban(id="b0", room="#ops", name="banned1"))
    crowd.all_read()
    return crowd


def again(request: ChangeRequest) -> AnyRequest:
    fields = {name: getattr(request, name) for name in request.__struct_fields__}
    made: AnyRequest = type(request)(**{**fields, "again": True})  # type: ignore[assignment] # a ChangeRequest's kinds are all in it
    return made


DEEDS = [
    Kick(id="d", room="#ops", name="plain", reason="rude"),
    Ban(id="d", room="#ops", name="plain", seconds=60.0),
    Ban(id="d", room="#ops", network="198.51.100.0/24"),
    Unban(id="d", room="#ops", name="banned1"),
    Mute(id="d", room="#ops", name="plain", seconds=60.0),
    SetRole(id="d", room="#ops", name="plain", role="owner"),
    Configure(id="d", room="#ops", private=True, slow=5.0),
    Invite(id="d", room="#ops", name="outside"),
    Topic(id="d", room="#ops", text="tea"),
    Delete(id="d", room="#ops", target=1),
    React(id="d", room="#ops", target=1, mark="+1"),
    Nick(id="d", name="chief"),
    Leave(id="d", room="#ops"),
]


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: type(deed).__name__)
def test_a_request_sent_again_is_acknowledged_and_carried_out_once(deed: AnyRequest) -> None:
    crowd = ops()
    assert isinstance(deed, ChangeRequest)
    first = crowd.do("owner1", deed)
    assert isinstance(first, Ok)
    crowd.all_read()
    assert crowd.do("owner1", again(deed)) == first
    assert crowd.news("other") == []


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: type(deed).__name__)
def test_a_request_sent_again_in_a_batch_that_is_lost_is_not_acknowledged(deed: AnyRequest) -> None:
    crowd = ops()
    assert isinstance(deed, ChangeRequest)
    for request in (deed, again(deed)):
        crowd.ask(crowd.who["owner1"], request)
    crowd.fail()
    crowd.check()
    answers = crowd.news_of("owner1", Ok, Error)
    assert [event.code for event in answers if isinstance(event, Error)] == ["not_stored"] * 2
    assert len(answers) == 2
    assert isinstance(crowd.do("owner1", again(deed)), Ok)


@pytest.mark.parametrize(
    "deed",
    [deed for deed in DEEDS if isinstance(deed, Kick | Ban | Unban | Leave | SetRole | Configure | Invite)],
    ids=lambda deed: type(deed).__name__,
)
def test_after_a_restart_a_request_whose_effect_is_there_counts_as_carried_out(deed: AnyRequest) -> None:
    crowd = ops()
    assert isinstance(deed, ChangeRequest)
    crowd.do("owner1", deed)
    crowd.restart(orderly=False)
    for name in ("owner1", "other"):
        crowd.back(name)
    crowd.all_read()
    assert isinstance(crowd.do("owner1", again(deed)), Ok)
    assert crowd.news_of("other", Moderated) == []


def test_a_device_that_is_revoked_again_is_revoked() -> None:
    crowd = ops()
    crowd.back("plain", "second")
    revoke = Revoke(id="d", device=99)
    assert crowd.refused("plain", revoke).code == "unknown_device"
    assert isinstance(crowd.do("plain", again(revoke)), Ok)


def test_the_same_id_without_again_is_another_deed() -> None:
    crowd = ops()
    crowd.do("owner1", Kick(id="1", room="#ops", name="plain"))
    assert crowd.refused("owner1", Kick(id="1", room="#ops", name="plain")).code == "not_member_there"
    crowd.do("owner1", Kick(id="1", room="#ops", name="other"))
    assert crowd.news_of("other", Left)


def test_a_second_ban_takes_the_place_of_the_first() -> None:
    crowd = ops()
    crowd.do("owner1", Ban(id="b1", room="#ops", name="banned1", seconds=60.0, reason="shorter"))
    bans = crowd.do("owner1", Bans(id="l", room="#ops"))
    assert isinstance(bans, BanList)
    assert [(ban.name, ban.reason) for ban in bans.bans] == [("banned1", "shorter")]
    crowd.do("owner1", Unban(id="u", room="#ops", name="banned1"))
    refusal = crowd.refused("owner1", Unban(id="u", room="#ops", name="banned1"))
    assert str(refusal.message) == "banned1 is not banned from #ops."


# ---- going out and coming in ------------------------------------------------------------------


def test_a_muted_person_who_leaves_and_returns_is_still_muted() -> None:
    crowd = ops()
    crowd.do("owner1", Mute(id="m", room="#ops", name="plain", seconds=600.0))
    crowd.do("plain", Leave(id="l", room="#ops"))
    crowd.restart(orderly=False)
    for name in ("owner1", "plain"):
        crowd.back(name)
    crowd.enter("#ops", "plain")
    refusal = crowd.refused("plain", Send(id="s", room="#ops", text="x"))
    assert refusal.message == "You are muted in #ops until 2023-11-14 22:23:20 UTC."
    assert refusal.until == "2023-11-14T22:23:20.000Z"
    assert crowd.refused("plain", Topic(id="t", room="#ops", text="x")).code == "may_not_speak"
    crowd.advance(600.0)
    crowd.say("plain", "at last", room="#ops")


def test_a_person_who_left_while_muted_can_be_unmuted() -> None:
    crowd = ops()
    crowd.do("owner1", Mute(id="m", room="#ops", name="plain"))
    crowd.do("owner1", Kick(id="k", room="#ops", name="plain"))
    crowd.do("owner1", Mute(id="u", room="#ops", name="plain", seconds=0.0))
    crowd.enter("#ops", "plain")
    crowd.say("plain", "thank you", room="#ops")


def test_nobody_gets_round_a_slow_rooms_wait_by_going_out() -> None:
    crowd = ops()
    crowd.do("owner1", Configure(id="c", room="#ops", slow=10.0))
    crowd.advance(10.0)
    crowd.say("plain", "one", room="#ops")
    crowd.do("plain", Leave(id="l", room="#ops"))
    crowd.do("plain", Join(id="j", room="#ops"))
    assert crowd.refused("plain", Send(id="s", room="#ops", text="x")).code == "too_soon"


def test_a_banned_guest_does_not_come_back_as_a_new_account() -> None:
    crowd = ops(names="guest")
    crowd.order("promote", "owner1")
    crowd.step()
    crowd.do("owner1", Mute(id="m", room="#ops", name="plain"))
    crowd.do("owner1", Ban(id="b", room=LOBBY, name="other", seconds=60.0))
    for name in ("plain", "banned1"):
        crowd.go(name)
    for name in ("plain", "other", "banned1"):
        session = crowd.connect(address="192.0.2.1")
        answer = crowd.ask(session, Hello(id="h", name=name))
        assert isinstance(answer, Error), name
        crowd.step()
    crowd.do("owner1", Unban(id="u", room=LOBBY, name="other"))
    crowd.come("other")
    crowd.advance(1.0)


def test_a_member_needs_no_invitation() -> None:
    crowd = ops()
    assert crowd.refused("owner1", Invite(id="i", room="#ops", name="plain")).code == "member_already"


def test_a_reply_sent_twice_is_stored_once_also_if_the_store_was_asked_about_both_before() -> None:
    crowd = Crowd("ada")
    crowd.say("ada", "hello")
    broker, session = crowd.broker, crowd.who["ada"]
    charged = [broker.charge(session, Send(id="x", room=LOBBY, text="yes", reply_to=1), crowd.now) for _ in range(2)]
    asked = [(one, broker.look_up_for(one)) for one in charged if one is not None]
    answers = [(one, None if look_up is None else crowd.ahead.answer(look_up)) for one, look_up in asked]
    effects = [effect for one, stored in answers for effect in broker.decide(one, crowd.now, stored)]
    acknowledged = [effect.event for effect in effects if isinstance(effect, Acknowledge)]
    assert [(event.id, event.seq) for event in acknowledged] == [("x", 2), ("x", 2)]
    assert broker.rooms[LOBBY].last == 2


def test_a_message_sent_again_is_not_acknowledged_for_another_room_of_the_same_name() -> None:
    crowd = Crowd("ada")
    crowd.enter("#ops", "ada")
    crowd.say("ada", "the first thing said", room="#ops")
    crowd.do("ada", Send(id="m1", room="#ops", text="hello"))
    crowd.do("ada", Leave(id="l", room="#ops", remove=True))
    assert crowd.refused("ada", Send(id="m1", room="#ops", text="hello")).code == "unknown_room"
    crowd.enter("#ops", "ada")
    again = crowd.do("ada", Send(id="m1", room="#ops", text="hello"))
    said = crowd.news_of("ada", Message)[-1]
    assert isinstance(said, Message)
    assert again == Ok(id="m1", room="#ops", seq=said.seq, time=said.time)
    assert said.seq == crowd.broker.rooms["#ops"].last, "it is in the room that is there now"
