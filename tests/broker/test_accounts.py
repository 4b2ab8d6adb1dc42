"""Names that are owned: claimed at first use, proved by a token or a password, and freed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.broker.asking import handle
from tests.broker.scenario import Crowd
from trio_chat.broker import Broker, BrokerSettings, Failed
from trio_chat.broker.admin import Table
from trio_chat.broker.effects import Disconnect, Effect, Persist, Reply
from trio_chat.broker.state import MOST_DEVICES, stamp
from trio_chat.errors import Refusal
from trio_chat.protocol.events import BanList, DeviceList, Error, Message, Ok, Presence, Welcome
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.requests import Ban, Bans, Devices, Hello, Nick, Ping, Revoke, Send, SetPassword
from trio_chat.records import DropAccount, SaveAccount

HOUR = 3600.0
DAY = 24 * HOUR

OWN = "a token that the device made itself, and keeps"


def welcome_of(crowd: Crowd, who: str | int) -> Welcome:
    (welcome,) = [event for event in crowd.inboxes[crowd.session(who)] if isinstance(event, Welcome)]
    return welcome


def refused_hello(crowd: Crowd, **hello: Any) -> str:
    return crowd.refused(crowd.connect(), Hello(id="h", **hello)).code


# ---- whose a name is --------------------------------------------------------------------------


def test_a_name_stays_its_holders_when_they_leave_and_when_the_server_starts_again() -> None:
    crowd = Crowd("ada", "bob")
    crowd.go("ada")
    assert refused_hello(crowd, name="ada") == "name_owned"
    assert refused_hello(crowd, name="\u0430da") == "name_lookalike"
    assert crowd.refused("bob", Nick(id="n", name="Ada")).code == "name_owned"
    crowd.restart(orderly=False)
    assert refused_hello(crowd, name="ada") == "name_owned"
    crowd.back("ada")
    assert welcome_of(crowd, "ada").owned


def test_a_password_lets_another_device_in_which_then_has_a_token() -> None:
    crowd = Crowd("ada")
    assert crowd.do("ada", SetPassword(id="p", password="long enough")) == Ok(id="p")
    assert refused_hello(crowd, name="ada", account_password="a guess") == "wrong_account_password"
    crowd.come("ada", "phone", account_password="long enough", token=OWN)
    tokens = {welcome_of(crowd, who).token for who in ("ada", "phone")}
    assert len(tokens) == 2
    crowd.restart(orderly=False)
    for token in sorted(tokens):
        assert isinstance(crowd.do(crowd.connect(), Hello(id="h", name="ada", token=token)), Welcome)


def test_a_token_with_a_free_name_lets_its_owner_in_under_their_own_name() -> None:
    crowd = Crowd("ada", "bob")
    crowd.enter("#ops", "ada")
    before, token = crowd.kept.copy(), welcome_of(crowd, "ada").token
    crowd.do("ada", Nick(id="n", name="eve"))
    crowd.kept = before  # a backup of before is restored
    crowd.restart(orderly=False)
    crowd.come("eve", "again", token=token)
    welcome = welcome_of(crowd, "again")
    assert (welcome.name, welcome.asked, welcome.token) == ("ada", "eve", token)
    assert [room.name for room in welcome.rooms] == [LOBBY, "#ops"]
    crowd.come("ADA", "same", token=token)
    assert welcome_of(crowd, "same").asked == ""
    crowd.come(None, "any", token=token)
    assert (welcome_of(crowd, "any").name, welcome_of(crowd, "any").asked) == ("ada", "")
    assert refused_hello(crowd, name="bob", token=token) == "name_owned"  # that is somebody
    crowd.come("fay", token="another's")
    assert welcome_of(crowd, "fay").name == "fay"


def test_a_ban_holds_under_whatever_name_somebody_comes() -> None:
    crowd = Crowd("ada", "bob")
    crowd.order("promote", "ada")
    crowd.step()
    token = welcome_of(crowd, "bob").token
    crowd.do("ada", Ban(id="b", room=LOBBY, name="bob"))
    assert refused_hello(crowd, name="rob", token=token) == "banned"


def test_a_hash_is_asked_for_only_where_it_decides() -> None:
    crowd = Crowd("ada", "bob", password="server's")
    crowd.do("ada", SetPassword(id="p", password="long enough"))

    def wants(**hello: Any) -> bool:
        asked = Hello(id="h", **({"name": "ada", "password": "server's", "account_password": "x"} | hello))
        return crowd.broker.wants_proof(asked, crowd.now) is not None

    assert wants()
    assert not wants(password="wrong")
    assert not wants(account_password=None)
    assert wants(name="bob"), "it takes as long as for a name that has a password"
    assert not wants(name="nobody")
    assert not wants(name=None)
    assert not wants(token=welcome_of(crowd, "ada").token)


@pytest.mark.parametrize(("hours", "kept"), [(7 * 24, True), (7 * 24 + 1, False)])
def test_a_name_that_nobody_used_for_long_is_free(hours: int, kept: bool) -> None:  # noqa: FBT001 - a table's column
    crowd = Crowd("ada", "bob", name_expiry=7 * DAY)
    crowd.go("ada")
    crowd.advance(hours * HOUR)
    crowd.step()
    assert (crowd.ask(crowd.connect(), Hello(id="h", name="ADA")).__class__ is Error) is kept
    crowd.step()
    if not kept:
        crowd.advance(1.0)
        assert len(crowd.broker.people) == 2


def test_a_name_in_use_is_not_free_after_the_server_was_killed() -> None:
    crowd = Crowd("ada", "bob", name_expiry=DAY)
    crowd.advance(30 * HOUR)
    crowd.step()
    crowd.advance(HOUR - 1)
    crowd.restart(orderly=False)
    assert refused_hello(crowd, name="ada") == "name_owned"
    crowd.advance(23 * HOUR)
    assert refused_hello(crowd, name="ada") == "name_owned"
    crowd.advance(3 * HOUR)
    crowd.come("ada", "another")


def test_one_start_with_guests_costs_nobody_their_name_and_guests_names_are_free_afterwards() -> None:
    crowd = Crowd("ada", "bob")
    crowd.settings = BrokerSettings(names="guest")
    crowd.restart(orderly=True)
    assert refused_hello(crowd, name="ada") == "name_owned"
    assert refused_hello(crowd, name="\u0430da") == "name_lookalike"
    crowd.come("guest")
    crowd.go("guest")
    crowd.come("guest", "the next guest")
    crowd.settings = BrokerSettings()
    crowd.restart(orderly=True)
    crowd.back("ada")
    crowd.come("guest", "owns it now")
    crowd.go("owns it now")
    assert refused_hello(crowd, name="guest") == "name_owned"


def test_a_guest_owns_their_name_when_they_come_back_after_names_are_owned() -> None:
    crowd = Crowd("ada", "bob", names="guest")
    crowd.settings = BrokerSettings()
    crowd.restart(orderly=True)
    crowd.back("ada")
    crowd.do("ada", SetPassword(id="p", password="long enough"))
    crowd.go("ada")
    assert refused_hello(crowd, name="ada") == "name_owned"
    crowd.come("bob", "another")  # who had not come back, and was a guest


@pytest.mark.parametrize("keeps", ["password", "promote"])
def test_a_password_and_an_office_keep_a_name(keeps: str) -> None:
    crowd = Crowd("ada", "bob", name_expiry=DAY)
    if keeps == "password":
        crowd.do("ada", SetPassword(id="p", password="long enough"))
    else:
        crowd.order("promote", "ada")
    crowd.go("ada")
    crowd.advance(100 * DAY)
    crowd.step()
    assert refused_hello(crowd, name="ada") == "name_owned"


def test_where_names_are_free_an_administrators_is_not() -> None:
    crowd = Crowd("ada", "bob", names="guest")
    crowd.order("promote", "ada")
    crowd.order("promote", "ada")
    crowd.go("ada")
    crowd.go("bob")
    assert [note.action for note in crowd.kept.notes] == ["promote"]
    assert refused_hello(crowd, name="ada") == "name_taken"
    crowd.come("bob", "another")
    crowd.back("ada")
    assert isinstance(crowd.do("ada", Bans(id="b", room=LOBBY)), BanList)
    crowd.order("demote", "ada")
    crowd.go("ada")
    crowd.come("ada", "another")


def test_a_look_alike_of_a_forgotten_name_takes_its_place() -> None:
    crowd = Crowd("ada", "Ian", names="guest")
    crowd.go("Ian")
    crowd.do("ada", Nick(id="n", name="lan"))
    assert {person.name.shown for person in crowd.broker.persons.values()} == {"lan"}


def test_guests_own_nothing() -> None:
    crowd = Crowd("ada", names="guest")
    assert not welcome_of(crowd, "ada").owned
    assert crowd.refused("ada", SetPassword(id="p", password="long enough")).code == "guest"


def test_the_account_of_a_quiet_session_with_a_made_up_name_is_deleted_when_it_ends() -> None:
    crowd = Crowd("ada")
    crowd.come(None, "looker", quiet=True)
    crowd.enter("#watched", "looker")
    crowd.back(welcome_of(crowd, "looker").name, "also", quiet=True)
    crowd.go("also")
    assert crowd.broker.statistics().people == 2
    token = welcome_of(crowd, "looker").token
    name = welcome_of(crowd, "looker").name
    crowd.go("looker")
    assert crowd.broker.statistics().people == 1
    assert "#watched" not in crowd.broker.rooms
    crowd.come(name, "again", token=token, quiet=True)  # comes back without noticing
    assert welcome_of(crowd, "again").name == name
    crowd.go("again")
    assert crowd.broker.statistics().people == 1


def test_the_account_of_a_quiet_session_that_then_joined_is_kept() -> None:
    crowd = Crowd("ada")
    crowd.come(None, "looker", quiet=True)
    crowd.back(welcome_of(crowd, "looker").name, "joined")
    for label in ("joined", "looker"):
        crowd.go(label)
    assert crowd.broker.statistics().people == 2


@pytest.mark.parametrize(("name", "quiet", "says"), [(None, True, True), (None, False, False), ("bob", True, False)])
def test_others_are_not_forgotten(name: str | None, quiet: bool, says: bool) -> None:  # noqa: FBT001 - a table's columns
    crowd = Crowd("ada")
    crowd.come(name, "other", quiet=quiet)
    if says:
        crowd.say("other", "done")
    crowd.go("other")
    assert crowd.broker.statistics().people == 2


# ---- devices ----------------------------------------------------------------------------------


def test_a_device_that_is_revoked_is_let_in_no_more() -> None:
    crowd = Crowd()
    crowd.come("ada", client="laptop")
    crowd.do("ada", SetPassword(id="p", password="long enough"))
    crowd.come("ada", "phone", account_password="long enough", token=OWN, client="phone\x1b")
    crowd.advance(3600.0)
    listed = crowd.do("ada", Devices(id="d"))
    assert isinstance(listed, DeviceList)
    assert {d.seen for d in listed.devices} == {stamp(crowd.now)}  # both are connected
    assert [(d.client, d.current) for d in listed.devices] == [("laptop", True), ("phone\u241b", False)]
    token = welcome_of(crowd, "phone").token
    assert crowd.do("ada", Revoke(id="r", device=listed.devices[1].id)) == Ok(id="r")
    assert crowd.who["phone"] not in crowd.open
    assert refused_hello(crowd, name="ada", token=token) == "name_owned"
    assert crowd.refused("ada", Revoke(id="r", device=listed.devices[1].id)).code == "unknown_device"


def test_nobody_locks_themselves_out() -> None:
    crowd = Crowd("ada")
    crowd.back("ada", "second")  # the same device twice
    listed = crowd.do("ada", Devices(id="d"))
    assert isinstance(listed, DeviceList)
    revoke = Revoke(id="r", device=listed.devices[0].id)
    assert crowd.refused("ada", revoke).code == "last_device"
    crowd.do("ada", SetPassword(id="p", password="long enough"))
    assert crowd.do("ada", revoke) == Ok(id="r")
    assert crowd.who["ada"] not in crowd.open
    crowd.come("ada", "third", account_password="long enough")


def test_a_session_with_the_account_password_and_no_token_is_no_device() -> None:
    """As where a program comes with the password each time, and keeps no token."""
    crowd = Crowd("ada")
    crowd.do("ada", SetPassword(id="p", password="long enough"))
    for number in range(MOST_DEVICES + 20):
        crowd.come("ada", f"script{number}", account_password="long enough")
        assert welcome_of(crowd, f"script{number}").token == ""
        if number > 10:
            crowd.go(f"script{number}")
    listed = crowd.do("script0", Devices(id="d"))
    assert isinstance(listed, DeviceList)
    assert [(device.id, device.current) for device in listed.devices] == [(1, False)]
    crowd.say("script0", "all goes well")
    crowd.restart(orderly=False)
    crowd.back("ada")


def test_a_device_that_is_one_too_many_is_let_in_and_told_and_takes_no_other_ones_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("trio_chat.broker.arrival.MOST_DEVICES", 3)
    crowd = Crowd("ada", motd="Tea at four.")
    crowd.do("ada", SetPassword(id="p", password="long enough"))
    tokens: list[str] = []
    for number in range(2):
        crowd.come("ada", f"phone{number}", account_password="long enough", token=OWN)
        tokens.append(welcome_of(crowd, f"phone{number}").token)
        crowd.go(f"phone{number}")
    assert OWN not in tokens, "what was revoked once could come back with a password"
    crowd.come("ada", "laptop", account_password="long enough", token=OWN)
    welcome = welcome_of(crowd, "laptop")
    assert (welcome.token, welcome.motd.partition("\n")[0]) == ("", "Tea at four.")
    assert "so this one is not remembered" in welcome.motd
    crowd.go("laptop")
    for number, token in enumerate(tokens):
        crowd.come("ada", f"again{number}", token=token)
        assert welcome_of(crowd, f"again{number}").motd == "Tea at four."
    assert refused_hello(crowd, name="ada", token=OWN) == "name_owned"
    crowd.do("ada", Revoke(id="r", device=2))
    crowd.come("ada", "laptop", account_password="long enough", token=OWN)
    assert welcome_of(crowd, "laptop").token not in {"", OWN}


def test_a_password_for_a_name_that_has_none_is_answered_like_a_wrong_one() -> None:
    crowd = Crowd("ada", "bob")
    crowd.do("ada", SetPassword(id="p", password="long enough"))
    for name in ("ada", "bob"):
        assert refused_hello(crowd, name=name, account_password="a guess") == "wrong_account_password"
        assert refused_hello(crowd, name=name) == "name_owned"


# ---- from outside -----------------------------------------------------------------------------


def test_a_reset_name_is_free_and_its_user_is_disconnected() -> None:
    crowd = Crowd("ada", "bob")
    crowd.all_read()
    assert crowd.order("reset-name", "ADA") == Table(("freed",), [("ada",)])
    assert [e.reason.code for e in crowd.waiting() if isinstance(e, Disconnect)] == ["name_freed"]
    crowd.step()
    assert crowd.news("bob") == [Presence(room=LOBBY, count=1, left=("ada",), left_ids=(1,), left_how=("removed",))]
    crowd.come("ada", "another")
    assert crowd.whose[crowd.who["another"]] == 3


def test_a_reset_that_could_not_be_stored_changes_nothing() -> None:
    crowd = Crowd("ada", "bob")
    crowd.order("reset-name", "ada")
    crowd.fail()
    crowd.check()
    assert crowd.say("ada", "still here").seq == 1


def test_administrators_may_do_in_every_room_all_that_its_owner_may() -> None:
    crowd = Crowd("ada", "bob")
    for do, allowed in (("promote", True), ("demote", False)):
        crowd.order(do, "ada")
        crowd.step()
        answer = crowd.do("ada", Bans(id="b", room=LOBBY))
        assert isinstance(answer, BanList) is allowed
    assert isinstance(crowd.order("promote", "zoe"), Refusal)


# ---- what could not be stored -------------------------------------------------------------------


def test_a_claim_that_could_not_be_stored_leaves_the_name_free_and_no_ghost() -> None:
    crowd = Crowd("ada")
    crowd.connect(Hello(id="", name="bob"))
    session = crowd.connect()
    crowd.ask(session, Hello(id="h", name="cyd"))
    crowd.fail()
    crowd.check()
    assert session not in crowd.open
    assert crowd.broker.statistics().here == 1
    crowd.come("bob")
    crowd.go("bob")
    assert crowd.broker.statistics().here == 1


def test_a_device_that_could_not_be_stored_is_told_so_and_let_go() -> None:
    crowd = Crowd("ada")
    crowd.do("ada", SetPassword(id="p", password="long enough"))
    session = crowd.connect()
    crowd.ask(session, Hello(id="h", name="ada", account_password="long enough", token=OWN))
    crowd.fail()
    crowd.check()
    assert [event.code for event in crowd.inboxes[session] if isinstance(event, Error)] == ["not_stored"]
    assert session not in crowd.open


# ---- quiet sessions ---------------------------------------------------------------------------


def test_a_quiet_session_hears_and_speaks_and_nobody_sees_it() -> None:
    crowd = Crowd("ada")
    crowd.come("bob", quiet=True)
    assert crowd.news("ada") == []
    assert crowd.names_in(LOBBY) == {"ada"}
    crowd.say("bob", "from a script")
    assert len(crowd.news_of("ada", Message)) == len(crowd.news_of("bob", Message)) == 1
    crowd.back("bob", "bob's screen")
    assert crowd.news("ada") == [Presence(room=LOBBY, count=2, joined=("bob",), joined_ids=(2,))]
    crowd.go("bob's screen")
    assert crowd.news("ada") == [Presence(room=LOBBY, count=1, left=("bob",), left_ids=(2,), left_how=("quit",))]
    crowd.go("bob")
    assert crowd.news("ada") == []


def dropped(effects: list[Effect]) -> list[int]:
    records = [effect.record for effect in effects if isinstance(effect, Persist)]
    return [record.id for record in records if isinstance(record, DropAccount)]


def test_the_end_of_a_session_whose_account_was_undone_deletes_no_other_account() -> None:
    broker = Broker(BrokerSettings())
    looks = Hello(id="h", name=None, quiet=True)
    for number in (1, 2):
        broker.open(number, 0.0, token=f"token{number}", number=number)
    handle(broker, 1, looks, 0.0)
    assert [e.session for e in broker.take_back([], [Failed(1, "h")]) if isinstance(e, Disconnect)] == [1]
    stored = [effect.record for effect in handle(broker, 2, looks, 0.0) if isinstance(effect, Persist)]
    assert [record.id for record in stored if isinstance(record, SaveAccount)] == [1]  # the number is free again
    broker.settle()
    assert dropped(broker.close(1, 1.0)) == []
    assert dropped(broker.close(2, 1.0)) == [1]


OWN_TOKEN = "made by the device before it came"


def test_a_name_is_its_claimers_though_the_welcome_was_lost() -> None:
    crowd = Crowd("ada")
    session = crowd.connect()
    crowd.ask(session, Hello(id="h", name="bob", token=OWN_TOKEN))
    crowd.close(session)  # before anything came to it
    crowd.commit()
    crowd.come("bob", token=OWN_TOKEN)
    assert welcome_of(crowd, "bob").token == OWN_TOKEN
    crowd.restart(orderly=False)
    crowd.come("bob", token=OWN_TOKEN)
    assert len(crowd.broker.people["bob"].devices) == 1


def test_a_token_that_could_be_guessed_or_is_anothers_is_not_taken() -> None:
    crowd = Crowd("ada")
    crowd.come("bob", token="short")
    assert welcome_of(crowd, "bob").token != "short"
    assert refused_hello(crowd, name="ada", token=OWN_TOKEN) == "name_owned"
    crowd.come("cyd", token=OWN_TOKEN)
    crowd.do("cyd", SetPassword(id="p", password="long enough"))
    crowd.come("cyd", "thief", account_password="long enough", token="x" * 40)
    assert welcome_of(crowd, "thief").token != "x" * 40, "what was revoked once could come back with a password"


def test_a_password_proves_nothing_once_the_name_is_another_accounts() -> None:
    crowd = Crowd("ada", "bob")
    crowd.do("ada", SetPassword(id="p", password="long enough"))
    hello = Hello(id="h", name="ada", account_password="long enough")
    proven = crowd.broker.wants_proof(hello, crowd.now)
    assert proven is not None
    crowd.order("reset-name", "ada")
    crowd.step()
    crowd.come("ada", "another")
    late = crowd.connect()
    (refused,) = handle(crowd.broker, late, hello, crowd.now, password_hash=proven)
    assert isinstance(refused, Reply)
    assert isinstance(refused.event, Error)
    assert refused.event.code == "wrong_account_password"


def test_two_programs_that_claim_a_name_in_a_batch_that_is_lost_are_both_sent_away() -> None:
    crowd = Crowd("ada")
    first, second, third = crowd.connect(), crowd.connect(), crowd.connect()
    for session in (first, second):
        crowd.ask(session, Hello(id="h", name="bob", token=OWN_TOKEN))
    crowd.ask(second, Send(id="s", room=LOBBY, text="lost"))
    crowd.ask(second, Ping(id="p"))
    crowd.fail()
    crowd.check()
    for session in (first, second):
        assert {event.code for event in crowd.inboxes[session] if isinstance(event, Error)} == {"not_stored"}
        assert session not in crowd.open
    crowd.do(third, Hello(id="h", name="bob", token=OWN_TOKEN))
