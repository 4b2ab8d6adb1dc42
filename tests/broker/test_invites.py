"""Invites: whom they let in and where to, how they end, and who else may enter a server that takes people by invite."""

from __future__ import annotations

from typing import Any

import pytest

from tests.broker.invariants import summary
from tests.broker.scenario import Crowd
from trio_chat.broker import BrokerSettings, invites
from trio_chat.broker.admin import Table
from trio_chat.broker.state import Role
from trio_chat.errors import FAULTS, Refusal
from trio_chat.protocol.events import Error, InviteMade, Left, Presence, Welcome
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.requests import Ban, Configure, Hello, Kick, Leave, MakeInvite, Nick, SetPassword, SetRole

KEY = b"not so random"
SECRET = "my own secret"


def closed(*names: str, **settings: Any) -> Crowd:
    """A crowd who came while the server was open; it takes newcomers by invite from now on."""
    crowd = Crowd(*names, invite_key=KEY, **settings)
    crowd.settings = BrokerSettings(invite_key=KEY, admit="invites", **settings)
    crowd.restart(orderly=True)
    crowd.who = {}
    for name in names:
        crowd.back(name)
    return crowd


def made(crowd: Crowd, **order: Any) -> str:
    """The secret of a new invite."""
    answer = crowd.order("invite", **order)
    assert isinstance(answer, Table), answer
    crowd.step()
    return str(answer.rows[0][1])


def listed(crowd: Crowd) -> list[dict[str, Any]]:
    table = crowd.order("invites")
    assert isinstance(table, Table)
    return [dict(zip(table.headings, row, strict=True)) for row in table.rows]


def knock(crowd: Crowd, name: str | None = "zoe", address: str = "192.0.2.1", **hello: Any) -> str:
    """Say hello in the headers of a connection. Returns the code of the refusal, or "" for a welcome."""
    session = len(crowd.inboxes) + 1000
    crowd.broker.open(session, crowd.now, token=f"t{session}", number=7, address=address)
    request = Hello(id="", name=name, **hello)
    encoded = crowd.broker.wants_proof(request, crowd.now, address)
    proven = encoded if encoded == f"hash of {request.account_password}" else None
    answer = crowd.broker.greet(session, request, crowd.now, proven=proven)
    if isinstance(answer, Refusal):
        crowd.broker.close(session, crowd.now)
        return answer.code
    crowd.broker.journal.undo()
    crowd.broker.close(session, crowd.now)
    return ""


def welcome_of(crowd: Crowd, who: str) -> Welcome:
    (welcome,) = [event for event in crowd.inboxes[crowd.session(who)] if isinstance(event, Welcome)]
    return welcome


# ---- who may enter ----------------------------------------------------------------------------


def test_a_newcomer_needs_an_invite_and_a_person_who_has_an_account_does_not() -> None:
    crowd = closed("ada")
    assert knock(crowd) == "invite_needed"
    assert knock(crowd, "ada") == "invite_needed", "whose name it is, is not for strangers to know"
    assert knock(crowd, "ada", token="stolen") == "invite_needed"
    assert knock(crowd, None, token=welcome_of(crowd, "ada").token) == ""
    secret = made(crowd)
    crowd.come("zoe", invite=secret)
    assert crowd.news_of("ada", Presence)
    token = welcome_of(crowd, "zoe").token
    crowd.go("zoe")
    crowd.come("zoe", token=token, invite=secret)  # used up, and not needed any more
    assert welcome_of(crowd, "zoe").name == "zoe"
    assert knock(crowd, "eve", invite=secret) == "invite_used_up"


def test_an_account_comes_in_by_its_own_password_and_a_wrong_one_tells_nothing_about_names() -> None:
    crowd = closed("ada")
    crowd.do("ada", SetPassword(id="p", password=SECRET))
    assert knock(crowd, "ada", account_password=SECRET) == ""
    assert knock(crowd, "ada", account_password="a guess") == "wrong_account_password"
    assert knock(crowd, "stranger", account_password="a guess") == "wrong_account_password"
    hashes = [
        crowd.broker.wants_proof(Hello(id="", name=name, account_password="x"), crowd.now)
        for name in ("ada", "stranger")
    ]
    assert all(hashes), "the answer for a name that nobody has must take as long"


def test_on_a_server_with_a_password_an_invite_stands_in_for_it_and_so_does_an_account_made_by_one() -> None:
    crowd = Crowd("ada", password="the server's", invite_key=KEY)
    secret = made(crowd, uses=2)
    assert knock(crowd) == "password_needed"
    assert knock(crowd, password="wrong", invite=secret) == "wrong_password"
    assert knock(crowd, "ada", token=welcome_of(crowd, "ada").token) == "password_needed", "ada came by the password"
    session = crowd.connect(Hello(id="", name="zoe", invite=secret))
    crowd.step()
    (welcome,) = [event for event in crowd.inboxes[session] if isinstance(event, Welcome)]
    assert knock(crowd, "zoe", token=welcome.token) == ""
    crowd.do(session, SetPassword(id="p", password=SECRET))
    assert knock(crowd, "zoe", account_password=SECRET) == ""
    assert knock(crowd, "zoe", account_password="a guess") == "password_needed"
    assert knock(crowd, "zoe", token=welcome.token, password="wrong") == "wrong_password"


def test_a_stranger_causes_no_hash_on_a_server_with_a_password_that_never_invited_anybody() -> None:
    crowd = Crowd("ada", password="the server's", invite_key=KEY)
    hello = Hello(id="", name="ada", account_password="x")
    assert crowd.broker.wants_proof(hello, crowd.now) is None
    made(crowd)
    assert crowd.broker.wants_proof(hello, crowd.now) is not None


def test_a_server_of_accounts_only_takes_nobody_new_not_even_with_an_invite() -> None:
    crowd = Crowd("ada", invite_key=KEY)
    secret, token = made(crowd), welcome_of(crowd, "ada").token
    crowd.settings = BrokerSettings(invite_key=KEY, admit="accounts")
    crowd.restart(orderly=True)
    assert knock(crowd, invite=secret) == knock(crowd) == "accounts_only"
    assert knock(crowd, "ada", token=token) == ""
    crowd.settings = BrokerSettings(invite_key=KEY, admit="accounts", password="the server's")
    crowd.restart(orderly=True)
    assert knock(crowd, password="the server's") == "accounts_only"
    assert knock(crowd, "ada", password="the server's", token=token) == ""


@pytest.mark.parametrize(
    "code", ["invite_needed", "accounts_only", "invite_unknown", "invite_used_up", "invite_expired", "invite_revoked"]
)
def test_who_is_not_let_in_is_told_before_the_upgrade_and_a_session_ends(code: str) -> None:
    assert (FAULTS[code].http, FAULTS[code].close) == (403, 1008)


# ---- what an invite does -----------------------------------------------------------------------


def test_a_newcomer_is_in_the_invites_rooms_with_its_role_and_the_others_see_them_come() -> None:
    crowd = closed("ada", "bob")
    crowd.enter("#class", "ada")
    crowd.enter("#staff", "bob")
    crowd.do("bob", Configure(id="c", room="#staff", private=True))
    secret = made(crowd, rooms=("#class", "#STAFF", "#class"), role="moderator")
    crowd.all_read()
    crowd.come("zoe", invite=secret)
    assert [(room.name, room.role) for room in welcome_of(crowd, "zoe").rooms] == [
        (LOBBY, "member"),
        ("#class", "moderator"),
        ("#staff", "moderator"),
    ]
    assert [event.room for event in crowd.news_of("ada", Presence) if isinstance(event, Presence)] == [LOBBY, "#class"]
    crowd.restart(orderly=False)
    assert crowd.broker.rooms["#staff"].members[3].role is Role.MODERATOR


def test_rooms_that_nobody_can_enter_any_more_are_left_out() -> None:
    crowd = closed("ada", "bob")
    crowd.enter("#gone", "ada")
    crowd.enter("#left", "ada")
    crowd.enter("#banned", "ada")
    crowd.do("ada", Configure(id="c", room="#left", private=True))
    secret = made(crowd, rooms=("#gone", "#left", "#banned"), uses=2)
    crowd.do("ada", Ban(id="b", room="#banned", network="198.51.100.0/24"))
    crowd.say("ada", "so that the room stays", room="#left")
    for room in ("#gone", "#left"):
        crowd.do("ada", Leave(id="l", room=room))
    crowd.come("zoe", address="198.51.100.7", invite=secret)
    assert [room.name for room in welcome_of(crowd, "zoe").rooms] == [LOBBY]
    crowd.come("eve", invite=secret)
    assert [room.name for room in welcome_of(crowd, "eve").rooms] == [LOBBY, "#banned"]


def test_on_an_open_server_an_invite_still_leads_into_its_rooms_and_a_bad_one_is_told() -> None:
    crowd = Crowd("ada", invite_key=KEY)
    crowd.enter("#class", "ada")
    secret = made(crowd, rooms=("#class",))
    crowd.come("zoe", invite=secret)
    assert [room.name for room in welcome_of(crowd, "zoe").rooms] == [LOBBY, "#class"]
    assert knock(crowd, "eve", invite=secret) == "invite_used_up"
    assert knock(crowd, "eve", invite="a guess") == "invite_unknown"
    assert knock(crowd, "eve") == ""


def test_a_person_who_has_an_account_uses_no_invite_up() -> None:
    crowd = closed("ada")
    crowd.enter("#class", "ada")
    secret = made(crowd, rooms=("#class",))
    crowd.come("ada", "phone", token=welcome_of(crowd, "ada").token, invite=secret)
    assert listed(crowd)[0]["uses left"] == 1


def test_a_name_that_is_refused_uses_no_invite_up() -> None:
    crowd = closed("ada")
    secret = made(crowd)
    for name, code in (("ada", "name_owned"), ("\u0430da", "name_lookalike"), ("a b", "name_invalid")):
        assert knock(crowd, name, invite=secret) == code
    session = crowd.connect()
    assert crowd.refused(session, Hello(id="h", name="ada", invite=secret)).code == "name_owned"
    assert isinstance(crowd.do(session, Hello(id="h", name="zoe", invite=secret)), Welcome)


def test_of_two_who_race_for_the_last_use_one_comes_in_and_the_other_is_told() -> None:
    crowd = closed("ada")
    secret = made(crowd)
    one, other = crowd.connect(), crowd.connect()
    assert isinstance(crowd.ask(one, Hello(id="h", name="zoe", invite=secret)), Welcome)  # in one batch
    answer = crowd.ask(other, Hello(id="h", name="eve", invite=secret))
    assert isinstance(answer, Error)
    assert answer.code == "invite_used_up"
    crowd.step()


def test_a_use_that_cannot_be_stored_is_not_lost() -> None:
    crowd = closed("ada")
    secret = made(crowd)
    before = summary(crowd.broker)["invite_links"]
    session = crowd.connect()
    crowd.ask(session, Hello(id="h", name="zoe", invite=secret))
    crowd.fail()
    assert summary(crowd.broker)["invite_links"] == before
    crowd.check()
    crowd.come("zoe", "again", invite=secret)
    assert listed(crowd)[0]["uses left"] == 0


def test_a_made_up_name_by_an_invite_is_an_account_that_stays_also_for_a_quiet_session() -> None:
    crowd = closed("ada")
    session = crowd.connect(Hello(id="", name=None, invite=made(crowd), quiet=True), number=34)
    crowd.step()
    crowd.close(session)
    crowd.step()
    assert crowd.holder("user_1034") is not None


def test_among_guests_who_comes_by_an_invite_owns_the_name() -> None:
    crowd = closed("ada", names="guest")
    secret = made(crowd, uses=2)
    crowd.come("zoe", invite=secret)
    crowd.go("zoe")
    assert knock(crowd, "zoe", invite=secret) == "name_owned"
    crowd.back("zoe")
    assert welcome_of(crowd, "zoe").name == "zoe"


# ---- how it ends -------------------------------------------------------------------------------


def test_an_invite_ends_by_its_uses_by_its_time_and_when_it_is_revoked() -> None:
    crowd = closed("ada")
    twice, short, early = made(crowd, uses=2), made(crowd, seconds=60.0, uses=9), made(crowd, uses=9)
    for name in ("zoe", "eve"):
        crowd.come(name, invite=twice)
    crowd.order("revoke", "3")
    crowd.step()
    assert [knock(crowd, "dan", invite=one) for one in (twice, short, early)] == [
        "invite_used_up",
        "",
        "invite_revoked",
    ]
    crowd.advance(60.0)
    assert knock(crowd, "dan", invite=short) == "invite_expired"
    assert [(one["number"], one["state"], one["uses left"], one["came by it"]) for one in listed(crowd)] == [
        (1, "used up", 0, "eve zoe"),
        (2, "expired", 9, ""),
        (3, "revoked", 9, ""),
    ]
    crowd.restart(orderly=False)
    assert [knock(crowd, "dan", invite=one) for one in (twice, short, early)] == [
        "invite_used_up",
        "invite_expired",
        "invite_revoked",
    ]


def test_revoking_is_done_once_and_an_unknown_number_is_told() -> None:
    crowd = closed("ada")
    made(crowd)
    assert crowd.order("revoke", "1") == crowd.order("revoke", "1") == Table(("revoked",), [(1,)])
    crowd.step()
    assert [note.action for note in crowd.kept.notes] == ["make-invite", "revoke-invite"]
    answer = crowd.order("revoke", "7")
    assert isinstance(answer, Refusal)
    assert str(answer) == "There is no invite number '7'. List the invites with trio-chat admin invites."


def test_who_is_banned_from_the_server_ends_the_invite_that_they_came_by() -> None:
    crowd = closed("ada")
    crowd.order("promote", "ada")
    secret, other = made(crowd, uses=9), made(crowd)
    crowd.come("zoe", invite=secret)
    token = welcome_of(crowd, "zoe").token
    crowd.do("ada", Ban(id="b", room=LOBBY, name="zoe"))
    assert knock(crowd, "zoe", token=token) == "banned"
    assert knock(crowd, "zoe", token=token, invite=secret) == "banned"
    assert knock(crowd, "zoe_again", invite=secret) == "invite_revoked"
    assert knock(crowd, "dan", invite=other) == ""
    assert crowd.kept.notes[-1].detail == "invite 1 with the ban of zoe"


def test_who_is_banned_from_a_room_ends_the_invite_if_it_leads_there() -> None:
    crowd = closed("ada")
    crowd.enter("#class", "ada")
    crowd.enter("#ops", "ada")
    there, elsewhere = made(crowd, uses=9, rooms=("#class",)), made(crowd, uses=9, rooms=("#ops",))
    crowd.come("zoe", invite=there)
    crowd.come("eve", invite=elsewhere)
    crowd.enter("#class", "eve")
    for name in ("zoe", "eve"):
        crowd.do("ada", Ban(id="b", room="#class", name=name))
    assert knock(crowd, "zoe2", invite=there) == "invite_revoked"
    assert knock(crowd, "eve2", invite=elsewhere) == ""


def test_who_was_kicked_does_not_come_back_into_the_room_by_the_invite() -> None:
    crowd = closed("ada")
    crowd.enter("#class", "ada")
    crowd.do("ada", Configure(id="c", room="#class", private=True))
    secret = made(crowd, uses=9, rooms=("#class",))
    crowd.come("zoe", invite=secret)
    crowd.do("ada", Kick(id="k", room="#class", name="zoe"))
    assert crowd.news_of("zoe", Left)
    crowd.go("zoe")
    crowd.back("zoe", invite=secret)
    assert [room.name for room in welcome_of(crowd, "zoe").rooms] == [LOBBY]
    assert listed(crowd)[0]["uses left"] == 8


def test_guesses_at_invites_are_charged_like_those_at_passwords_and_a_known_one_is_not() -> None:
    crowd = closed("ada")
    secret = made(crowd)
    crowd.come("zoe", invite=secret)
    there = "198.51.100.9"
    assert [knock(crowd, "eve", there, invite=secret) for _ in range(20)] == ["invite_used_up"] * 20
    guesses = [knock(crowd, "eve", there, invite=f"guess {n}") for n in range(12)]
    assert guesses == ["invite_unknown"] * 10 + ["too_many_guesses"] * 2
    assert knock(crowd, "eve", there, invite=made(crowd)) == "too_many_guesses", "it must not learn that this is right"


@pytest.mark.parametrize("secret", ["", "\x00", "\U0001f600" * 60, "\ud800"])
def test_odd_secrets_are_unknown(secret: str) -> None:
    assert knock(closed("ada"), invite=secret) == "invite_unknown"


def test_a_server_keeps_so_many_invites_and_forgets_those_that_have_ended_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(invites, "MOST_INVITES", 3)
    crowd = closed("ada")
    for _ in range(3):
        made(crowd)
    refusal = crowd.order("invite")
    assert isinstance(refusal, Refusal)
    assert refusal.code == "too_many_invites"
    crowd.order("revoke", "2")
    crowd.step()
    made(crowd)
    assert [one["number"] for one in listed(crowd)] == [1, 3, 4]
    crowd.check()


# ---- what is stored and told -------------------------------------------------------------------


def test_the_secret_is_told_once_and_stored_nowhere() -> None:
    crowd = closed("ada")
    secret = made(crowd, uses=5, seconds=3600.0, note=" for\nthe class ")
    assert len(secret) == 22
    crowd.come("zoe", invite=secret)
    crowd.do("zoe", Nick(id="n", name="zoe_l"))
    (link,) = crowd.kept.invite_links.values()
    assert (link.uses, link.until, link.by, link.note) == (4, "2023-11-14T23:13:20.000Z", "server", "for the class")
    assert secret not in f"{crowd.kept} {crowd.settings} {crowd.inboxes}"
    assert [(note.actor, note.action, note.detail) for note in crowd.kept.notes] == [
        ("server", "make-invite", "invite 1 for 5 until 2023-11-14T23:13:20.000Z for the class"),
        ("zoe", "came-by-invite", "invite 1 for the class"),
    ]
    assert listed(crowd)[0]["came by it"] == "zoe_l"


def test_an_invite_into_a_room_that_is_not_there_is_refused() -> None:
    answer = closed("ada").order("invite", rooms=("#clas",))
    assert isinstance(answer, Refusal)
    assert str(answer) == "There is no room '#clas'. /rooms lists the rooms."


def test_the_end_of_an_invite_moves_with_the_wall_clock() -> None:
    crowd = closed("ada")
    secret = made(crowd, seconds=60.0)
    crowd.broker.set_time(crowd.now, crowd.broker.clock.__class__("", 0.0, 3600.0))
    crowd.advance(1.0)
    crowd.commit()
    assert crowd.kept.invite_links[1].until == "2023-11-14T23:14:20.000Z"
    assert knock(crowd, invite=secret) == ""


def test_no_secret_is_made_without_a_key() -> None:
    with pytest.raises(ValueError, match="random key"):
        Crowd("ada").order("invite")


# ---- by moderators -----------------------------------------------------------------------------


def test_a_moderator_of_the_lobby_makes_an_invite_and_alone_gets_the_secret() -> None:
    crowd = closed("ada", "bob", identity="the fingerprint")
    crowd.order("promote", "ada")
    crowd.enter("#class", "ada")
    crowd.all_read()
    made = crowd.do("ada", MakeInvite(id="i", room="#CLASS", uses=2, seconds=60.0))
    assert isinstance(made, InviteMade)
    assert (made.number, made.identity, made.uses, made.until, made.room) == (
        1,
        "the fingerprint",
        2,
        "2023-11-14T22:14:20.000Z",
        "#class",
    )
    assert crowd.news("ada") == [made]
    assert crowd.news("bob") == []
    crowd.come("zoe", invite=made.secret)
    assert [room.name for room in welcome_of(crowd, "zoe").rooms] == [LOBBY, "#class"]
    assert [(one["by"], one["came by it"]) for one in listed(crowd)] == [("ada", "zoe")]
    assert [(note.actor, note.action, note.room) for note in crowd.kept.notes][1:] == [
        ("ada", "make-invite", "#class"),
        ("zoe", "came-by-invite", ""),
    ]


def test_others_make_none_and_nobody_into_a_room_that_is_not_theirs() -> None:
    crowd = closed("ada", "bob", "cyd")
    crowd.order("promote", "ada")
    crowd.do("ada", SetRole(id="r", room=LOBBY, name="bob", role="moderator"))
    crowd.enter("#class", "cyd")
    crowd.enter("#staff", "cyd")
    crowd.do("cyd", Configure(id="c", room="#staff", private=True))
    crowd.say("bob", "psst", "cyd")
    refusals = {
        (who, room): crowd.refused(who, MakeInvite(id="i", room=room)).message
        for who, room in (("cyd", None), ("cyd", "#class"), ("bob", "#class"), ("bob", "#staff"), ("bob", "@bob+cyd"))
    }
    assert refusals == {
        ("cyd", None): "Only moderators of #lobby can do that.",
        ("cyd", "#class"): "Only moderators of #lobby can do that.",
        ("bob", "#class"): "Only moderators of #class can do that.",
        ("bob", "#staff"): "There is no room '#staff'.",
        ("bob", "@bob+cyd"): "@bob+cyd is a direct conversation.",
    }
    assert isinstance(crowd.do("bob", MakeInvite(id="i")), InviteMade)
    assert isinstance(crowd.do("ada", MakeInvite(id="i", room="#staff")), InviteMade)


def test_with_the_ban_of_somebody_from_the_server_the_invites_that_they_made_end() -> None:
    crowd = closed("ada", "bob")
    crowd.order("promote", "ada")
    crowd.do("ada", SetRole(id="r", room=LOBBY, name="bob", role="moderator"))
    made = crowd.do("bob", MakeInvite(id="i", uses=9))
    assert isinstance(made, InviteMade)
    crowd.do("ada", Ban(id="b", room=LOBBY, name="bob"))
    assert knock(crowd, "bob2", invite=made.secret) == "invite_revoked"


def test_a_server_of_accounts_only_makes_no_invites() -> None:
    crowd = closed("ada")
    crowd.settings = BrokerSettings(invite_key=KEY, admit="accounts")
    crowd.restart(orderly=True)
    refusal = crowd.order("invite")
    assert isinstance(refusal, Refusal)
    assert refusal.code == "accounts_only"
