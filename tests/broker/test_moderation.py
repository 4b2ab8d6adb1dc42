"""Moderation: who may do it, that it holds, and that it is told, noted and stored."""

from __future__ import annotations

from typing import Any

import pytest

from tests.broker.scenario import Crowd
from trio_chat.broker.effects import Disconnect
from trio_chat.protocol.events import (
    Error,
    Invited,
    Left,
    Message,
    Moderated,
    Ok,
    RoomList,
)
from trio_chat.protocol.events import Room as RoomEntered
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.requests import (
    AnyRequest,
    Away,
    Ban,
    Bans,
    Configure,
    Invite,
    Join,
    Kick,
    Leave,
    Mute,
    Nick,
    Rooms,
    Send,
    SetRole,
    Topic,
    Unban,
    Who,
)

PEOPLE = ("owner1", "mod1", "mod2", "plain", "other", "boss")


def ops() -> Crowd:
    """``#ops`` with an owner, two moderators and a member; somebody outside, and an administrator outside."""
    crowd = Crowd(*PEOPLE)
    crowd.enter("#ops", "owner1", "mod1", "mod2", "plain")
    for name in ("mod1", "mod2"):
        crowd.do("owner1", SetRole(id="r", room="#ops", name=name, role="moderator"))
    crowd.order("promote", "boss")
    crowd.step()
    crowd.all_read()
    return crowd


def did(crowd: Crowd, who: str) -> list[tuple[str, str, str]]:
    return [(e.action, e.target, e.value) for e in crowd.news_of(who, Moderated) if isinstance(e, Moderated)]


MODERATORS: list[AnyRequest] = [
    Configure(id="q", room="#ops", slow=5.0),
    Kick(id="q", room="#ops", name="plain"),
    Ban(id="q", room="#ops", name="plain"),
    Unban(id="q", room="#ops", name="plain"),
    Bans(id="q", room="#ops"),
    Mute(id="q", room="#ops", name="plain"),
]
OWNERS: list[AnyRequest] = [
    SetRole(id="q", room="#ops", name="plain", role="moderator"),
    Configure(id="q", room="#ops", private=True),
    Configure(id="q", room="#ops", keep=7.0),
]


@pytest.mark.parametrize("request_", MODERATORS + OWNERS, ids=lambda request: type(request).__name__)
def test_a_plain_member_decides_nothing(request_: AnyRequest) -> None:
    crowd = ops()
    assert crowd.refused("plain", request_).code == "not_allowed"
    assert crowd.refused("other", request_).code == "not_a_member"


@pytest.mark.parametrize("request_", OWNERS, ids=lambda request: type(request).__name__)
def test_a_moderator_may_not_do_what_only_owners_may(request_: AnyRequest) -> None:
    crowd = ops()
    refusal = crowd.refused("mod1", request_)
    assert (refusal.code, refusal.message) == ("not_allowed", "Only owners of #ops can do that.")


@pytest.mark.parametrize("request_", [r for r in MODERATORS + OWNERS if not isinstance(r, Unban)], ids=repr)
@pytest.mark.parametrize("who", ["owner1", "boss"])
def test_an_owner_and_an_administrator_do_everything(who: str, request_: AnyRequest) -> None:
    assert not isinstance(ops().do(who, request_), Error)


@pytest.mark.parametrize("kind", [Kick, Ban, Mute])
@pytest.mark.parametrize(
    ("actor", "target", "allowed"),
    [
        ("mod1", "plain", True),
        ("mod1", "mod2", False),
        ("mod1", "owner1", False),
        ("mod1", "mod1", False),
        ("owner1", "mod1", True),
        ("owner1", "owner1", False),
        ("boss", "owner1", True),
    ],
)
def test_nobody_is_put_in_their_place_by_an_equal(kind: Any, actor: str, target: str, allowed: bool) -> None:  # noqa: FBT001 - a table's column
    crowd = ops()
    answer = crowd.do(actor, kind(id="q", room="#ops", name=target))
    assert isinstance(answer, Error) is not allowed
    if isinstance(answer, Error):
        assert answer.code == ("yourself" if actor == target else "outranked")


# ---- speaking ----------------------------------------------------------------------------------


def test_somebody_muted_reads_and_does_not_speak() -> None:
    crowd = ops()
    crowd.do("mod1", Mute(id="m", room="#ops", name="plain", seconds=60.0))
    assert crowd.refused("plain", Send(id="s", room="#ops", text="x")).code == "may_not_speak"
    crowd.restart(orderly=False)
    for name in ("plain", "mod1"):
        crowd.back(name)
    assert crowd.refused("plain", Send(id="s", room="#ops", text="x")).code == "may_not_speak"
    crowd.say("mod1", "hear me", room="#ops")
    assert len(crowd.news_of("plain", Message)) == 1
    crowd.advance(60.0)
    crowd.say("plain", "again", room="#ops")
    crowd.do("mod1", Mute(id="m", room="#ops", name="plain"))
    assert crowd.refused("plain", Send(id="s", room="#ops", text="x")).code == "may_not_speak"
    crowd.do("mod1", Mute(id="m", room="#ops", name="plain", seconds=0.0))
    crowd.say("plain", "and again", room="#ops")


def test_a_guests_mute_is_lifted_also_while_they_are_away() -> None:
    crowd = Crowd("ada", "bob", names="guest")
    for name in ("ada", "bob"):
        crowd.do(name, Join(id="j", room="#ops"))
    crowd.do("ada", Mute(id="m", room="#ops", name="bob"))
    crowd.go("bob")
    assert crowd.refused("ada", Kick(id="k", room="#ops", name="cyd")).code == "unknown_person"
    crowd.do("ada", Mute(id="u", room="#ops", name="bob", seconds=0.0))
    crowd.come("bob")
    crowd.do("bob", Join(id="j", room="#ops"))
    crowd.say("bob", "heard", room="#ops")


def test_where_only_moderators_speak_others_do_not() -> None:
    crowd = ops()
    crowd.do("mod1", Configure(id="c", room="#ops", announce_only=True))
    assert did(crowd, "plain") == [("announce_only", "", "on")]
    assert crowd.refused("plain", Send(id="s", room="#ops", text="x")).code == "announcements_only"
    assert crowd.refused("plain", Topic(id="s", room="#ops", text="x")).code == "not_allowed"
    crowd.say("mod2", "listen", room="#ops")


@pytest.mark.parametrize(
    ("first", "same"),
    [
        (None, Configure(id="c", room="#ops", private=False)),
        (Configure(id="f", room="#ops", private=True), Configure(id="c", room="#ops", private=True)),
        (None, Configure(id="c", room="#ops", announce_only=False, slow=0.0, keep=0.0)),
        (Configure(id="f", room="#ops", keep=7.0), Configure(id="c", room="#ops", keep=7.0)),
        (None, SetRole(id="c", room="#ops", name="plain", role="member")),
        (None, Mute(id="c", room="#ops", name="plain", seconds=0.0)),
        (Mute(id="f", room="#ops", name="plain"), Mute(id="c", room="#ops", name="plain")),
        (Ban(id="f", room="#ops", network="192.0.2.0/24"), Ban(id="c", room="#ops", network="192.0.2.9/24")),
        (None, Topic(id="c", room="#ops", text="")),
        (None, Nick(id="c", name="owner1")),
        (None, Away(id="c", text=None)),
    ],
)
def test_a_decision_that_changes_nothing_is_told_to_its_moderator_only(
    first: AnyRequest | None, same: AnyRequest
) -> None:
    crowd = ops()
    if first is not None:
        assert crowd.do("owner1", first) == Ok(id="f")
    crowd.all_read()
    answer = crowd.do("owner1", same)
    assert isinstance(answer, Ok)
    assert answer.unchanged
    assert crowd.news("plain") == []
    assert crowd.news("owner1") == [answer]
    assert crowd.do("owner1", Configure(id="d", room="#ops", private=True, slow=5.0)) == Ok(id="d")


def test_in_a_slow_room_members_wait_and_moderators_do_not() -> None:
    crowd = ops()
    crowd.do("mod1", Configure(id="c", room="#ops", slow=10.0))
    crowd.restart(orderly=False)
    for name in ("mod1", "plain", "other"):
        crowd.back(name)
    entered, listed = crowd.do("other", Join(id="j", room="#ops")), crowd.do("other", Rooms(id="r"))
    assert isinstance(entered, RoomEntered)
    assert isinstance(listed, RoomList)
    assert [entered.room.slow, *(room.slow for room in listed.rooms if room.name == "#ops")] == [10.0, 10.0]
    crowd.say("plain", "one", room="#ops")
    refusal = crowd.refused("plain", Send(id="s", room="#ops", text="x"))
    assert (refusal.code, refusal.advice) == ("too_soon", "Try again in 10 seconds.")
    for _ in range(2):
        crowd.say("mod1", "x", room="#ops")
    crowd.advance(10.0)
    crowd.ask(crowd.who["plain"], Send(id="lost", room="#ops", text="lost"))
    crowd.fail()
    crowd.check()
    crowd.say("plain", "two", room="#ops")  # what was lost did not count


def test_a_person_who_left_a_slow_room_has_no_mute_to_lift_and_waits_when_they_return() -> None:
    crowd = ops()
    crowd.do("mod1", Configure(id="c", room="#ops", slow=10.0))
    crowd.say("plain", "one", room="#ops")
    crowd.do("plain", Leave(id="l", room="#ops"))
    assert crowd.refused("mod1", Mute(id="u", room="#ops", name="plain", seconds=0.0)).code == "not_member_there"
    crowd.enter("#ops", "plain")
    crowd.do("mod1", Mute(id="m", room="#ops", name="plain"))
    crowd.do("plain", Leave(id="l", room="#ops"))
    crowd.do("mod1", Mute(id="u", room="#ops", name="plain", seconds=0.0))
    crowd.enter("#ops", "plain")
    assert crowd.refused("plain", Send(id="s", room="#ops", text="two")).code == "too_soon"


@pytest.mark.parametrize("leave", [Leave(id="l", room="#ops"), Kick(id="l", room="#ops", name="plain")])
def test_a_person_who_spoke_and_left_waits_also_if_the_room_became_slow_only_then(leave: AnyRequest) -> None:
    crowd = ops()
    crowd.say("plain", "one", room="#ops")
    crowd.do("plain" if isinstance(leave, Leave) else "owner1", leave)
    crowd.do("mod1", Configure(id="c", room="#ops", slow=60.0))
    crowd.advance(4.0)
    crowd.enter("#ops", "plain")
    refusal = crowd.refused("plain", Send(id="s", room="#ops", text="two"))
    assert (refusal.code, refusal.advice) == ("too_soon", "Try again in 56 seconds.")
    crowd.advance(56.0)
    crowd.say("plain", "two", room="#ops")


def test_former_members_are_remembered_for_as_long_as_they_could_have_to_wait() -> None:
    crowd = ops()
    crowd.enter("#ops", "other", "boss")
    crowd.say("plain", "one", room="#ops")
    crowd.do("mod1", Mute(id="m", room="#ops", name="other"))
    for name in ("plain", "other", "boss"):  # boss has said nothing
        crowd.do(name, Leave(id="l", room="#ops"))
    room = crowd.broker.rooms["#ops"]
    assert [member.person.name.shown for member in room.former.values()] == ["plain", "other"]
    crowd.advance(86399.0)
    crowd.do("mod2", Leave(id="l", room="#ops"))
    assert len(room.former) == 2
    crowd.advance(1.0)
    for _ in range(2):
        crowd.enter("#ops", "mod2")
        crowd.do("mod2", Leave(id="l", room="#ops"))
    assert [member.person.name.shown for member in room.former.values()] == ["other"], "who is muted for good"


# ---- private rooms ----------------------------------------------------------------------------


def test_a_private_room_does_not_exist_for_people_who_are_not_invited() -> None:
    crowd = ops()
    crowd.do("owner1", Configure(id="c", room="#ops", private=True))
    listed = crowd.do("other", Rooms(id="r"))
    assert isinstance(listed, RoomList)
    assert [room.name for room in listed.rooms] == [LOBBY]
    assert crowd.refused("other", Who(id="w", room="#ops")).code == "unknown_room"
    assert crowd.refused("other", Send(id="s", room="#ops", text="x")).code == "unknown_room"
    assert crowd.refused("other", Join(id="j", room="#ops")).code == "not_invited"
    crowd.do("plain", Invite(id="i", room="#ops", name="other"))
    assert crowd.news_of("other", Invited) == [Invited(room="#ops", by="plain", by_id=4)]
    crowd.restart(orderly=False)
    for name in ("other", "boss"):
        crowd.back(name)
    crowd.enter("#ops", "other", "boss")
    crowd.do("other", Leave(id="l", room="#ops"))
    assert crowd.refused("other", Join(id="j", room="#ops")).code == "not_invited"  # it was for once


def test_a_private_room_that_nobody_is_in_is_refused_as_every_other_and_opens_to_an_administrator() -> None:
    crowd = ops()
    crowd.do("owner1", Configure(id="c", room="#ops", private=True))
    with_members = crowd.refused("other", Join(id="j", room="#ops"))
    for name in ("mod1", "mod2", "plain", "owner1"):
        crowd.do(name, Leave(id="l", room="#ops"))
    assert crowd.refused("owner1", Join(id="j", room="#ops")) == with_members
    crowd.enter("#ops", "boss")


def test_a_refusal_to_enter_a_private_room_tells_no_more_than_that_the_name_is_taken() -> None:
    crowd = ops()
    crowd.do("owner1", Configure(id="c", room="#ops", private=True))
    refusal = crowd.refused("other", Join(id="j", room="#ops"))
    assert (refusal.code, refusal.message) == ("not_invited", "The room name #ops is not free.")
    crowd.do("mod1", Ban(id="b", room="#ops", name="other"))
    assert crowd.refused("other", Join(id="j", room="#ops")) == refusal, "a ban would tell that the room is there"


def test_a_private_room_is_unknown_to_a_person_who_wants_to_make_none() -> None:
    crowd = ops()
    missing = crowd.refused("other", Join(id="j", room="#zebra", create=False))
    crowd.do("owner1", Configure(id="c", room="#ops", private=True))
    refusal = crowd.refused("other", Join(id="j", room="#ops", create=False))
    assert (refusal.code, refusal.message) == (missing.code, missing.message.replace("#zebra", "#ops"))
    crowd.do("owner1", Configure(id="c", room="#ops", private=False))
    crowd.enter("#ops", "other")


def test_a_removed_person_is_told_by_whom_and_why() -> None:
    crowd = ops()
    crowd.do("mod1", Kick(id="k", room="#ops", name="plain", reason="rude"))
    assert crowd.news_of("plain", Left) == [Left(room="#ops", reason="mod1 removed you: rude")]
    crowd.enter("#ops", "plain")
    crowd.do("mod1", Ban(id="b", room="#ops", name="plain", seconds=60.0))
    assert crowd.news_of("plain", Left) == [Left(room="#ops", reason="mod1 banned you.")]
    crowd.ask(crowd.who["boss"], Ban(id="b", room=LOBBY, name="plain", seconds=60.0, reason="enough"))
    (out,) = [effect for effect in crowd.waiting() if isinstance(effect, Disconnect)]
    assert out.reason.message == "You are banned from this server until 2023-11-14 22:14:20 UTC. Why: enough."
    crowd.step()


def test_a_direct_conversation_has_no_guests_and_no_moderators() -> None:
    crowd = ops()
    room = crowd.say("plain", "psst", "other").room or ""
    assert crowd.refused("plain", Invite(id="i", room=room, name="boss")).code == "no_direct_here"
    assert crowd.refused("boss", Kick(id="i", room=room, name="plain")).code == "unknown_room"


def test_a_request_repeated_in_a_batch_that_is_lost_is_not_acknowledged() -> None:
    crowd = ops()
    repeated: list[tuple[str, AnyRequest]] = [
        ("owner1", SetRole(id="r", room="#ops", name="plain", role="moderator")),
        ("owner1", Configure(id="c", room="#ops", slow=5.0)),
        ("owner1", Invite(id="i", room="#ops", name="other")),
        ("plain", Send(id="s", room=LOBBY, text="x")),
    ]
    for who, request in repeated * 2:
        crowd.ask(crowd.who[who], request)
    crowd.fail()
    crowd.check()
    told = [event for who in ("owner1", "plain") for event in crowd.news_of(who, Ok, Error)]
    assert [event.code for event in told if isinstance(event, Error)] == ["not_stored"] * 8
    assert len(told) == 8


# ---- turned off again, and people who left ------------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "shown"),
    [({"private": True}, "on"), ({"announce_only": True}, "on"), ({"slow": 5.0}, "5"), ({"keep": 7.0}, "7")],
)
def test_a_setting_that_is_turned_off_is_told_and_noted_as_off(on: dict[str, Any], shown: str) -> None:
    crowd = ops()
    (field,) = on
    crowd.do("owner1", Configure(id="c", room="#ops", **on))
    crowd.do("owner1", Configure(id="d", room="#ops", **{field: type(on[field])(0)}))
    told = [event for event in crowd.news_of("plain", Moderated) if isinstance(event, Moderated)]
    assert [(event.action, event.value) for event in told] == [(field, shown), (field, "off")]
    notes = [note for note in crowd.kept.notes if note.action == field]
    assert [note.detail for note in notes] == [shown, "off"]
    assert getattr(crowd.broker.rooms["#ops"], field) in (False, 0.0, None)


def test_a_person_who_left_while_muted_gets_no_role_and_is_not_kicked() -> None:
    crowd = ops()
    crowd.do("owner1", Mute(id="m", room="#ops", name="plain"))
    crowd.do("plain", Leave(id="l", room="#ops"))
    for request in (
        SetRole(id="r", room="#ops", name="plain", role="moderator"),
        Kick(id="k", room="#ops", name="plain"),
    ):
        assert crowd.refused("owner1", request).code == "not_member_there"
    crowd.enter("#ops", "plain")
    assert crowd.refused("plain", Send(id="s", room="#ops", text="x")).code == "may_not_speak"


def test_a_person_who_was_invited_and_has_not_joined_gets_no_role_yet() -> None:
    crowd = ops()
    crowd.do("owner1", Configure(id="p", room="#ops", private=True))
    crowd.do("owner1", Invite(id="i", room="#ops", name="other"))
    for request in (
        SetRole(id="r", room="#ops", name="other", role="moderator"),
        Kick(id="k", room="#ops", name="other"),
        Mute(id="m", room="#ops", name="other"),
    ):
        refusal = crowd.refused("owner1", request)
        assert (refusal.code, refusal.message) == ("not_joined_yet", "other has not joined #ops yet.")
    crowd.enter("#ops", "other")
    assert isinstance(crowd.do("owner1", SetRole(id="s", room="#ops", name="other", role="moderator")), Ok)


@pytest.mark.parametrize("seconds", [7200.0, None])
def test_a_mute_of_a_person_who_left_is_made_longer_and_outlasts_a_restart(seconds: float | None) -> None:
    crowd = ops()
    crowd.do("owner1", Mute(id="m", room="#ops", name="plain", seconds=60.0))
    crowd.do("plain", Leave(id="l", room="#ops"))
    assert crowd.do("owner1", Mute(id="n", room="#ops", name="plain", seconds=seconds)) == Ok(id="n")
    crowd.restart(orderly=False)
    crowd.now += 3600.0
    crowd.back("plain")
    crowd.enter("#ops", "plain")
    assert crowd.refused("plain", Send(id="s", room="#ops", text="x")).code == "may_not_speak"


def test_the_only_owner_can_be_made_owner_again_and_nothing_less() -> None:
    crowd = ops()
    again = crowd.do("boss", SetRole(id="r", room="#ops", name="owner1", role="owner"))
    assert again == Ok(id="r", unchanged=True)
    assert crowd.refused("owner1", SetRole(id="s", room="#ops", name="owner1", role="member")).code == "last_owner"


def test_a_new_role_is_told_to_the_room_and_noted_and_the_same_role_is_not() -> None:
    crowd = ops()
    for _ in range(2):
        crowd.do("owner1", SetRole(id="r", room="#ops", name="plain", role="moderator"))
    assert did(crowd, "mod1") == [("role", "plain", "moderator")]
    notes = [(note.actor, note.target, note.detail) for note in crowd.kept.notes if note.action == "role"]
    assert notes[-1] == ("owner1", "plain", "moderator")
    assert len(notes) == 3  # with the two of the beginning


def test_the_lobby_needs_no_owner() -> None:
    crowd = ops()
    crowd.do("boss", SetRole(id="r", room=LOBBY, name="plain", role="owner"))
    assert crowd.do("boss", SetRole(id="s", room=LOBBY, name="plain", role="member")) == Ok(id="s")


def test_a_setting_that_was_asked_for_twice_is_no_news_and_no_failure_the_second_time() -> None:
    crowd = ops()
    assert crowd.do("owner1", Configure(id="c", room="#ops", slow=5.0)) == Ok(id="c")
    crowd.all_read()
    again = Configure(id="d", room="#ops", slow=5.0, again=True)
    assert crowd.do("owner1", again) == Ok(id="d")
    assert did(crowd, "plain") == []


def test_an_invitation_that_was_asked_for_twice_is_not_told_to_a_person_who_has_joined() -> None:
    crowd = ops()
    crowd.do("owner1", Configure(id="c", room="#ops", private=True))
    crowd.do("owner1", Invite(id="i", room="#ops", name="other"))
    crowd.enter("#ops", "other")
    crowd.all_read()
    assert crowd.do("owner1", Invite(id="j", room="#ops", name="other", again=True)) == Ok(id="j")
    assert crowd.news_of("other", Invited) == []
