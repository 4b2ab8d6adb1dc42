"""Who is who: by the numbers of accounts, whatever they are called, and by names where a server gives no numbers."""

from __future__ import annotations

import msgspec
import pytest

from tests.client.test_state import frames, talking, welcome
from trio_chat.client import known_accounts
from trio_chat.client.known_accounts import AccountRef, KnownAccounts, is_mentioned
from trio_chat.client.state import ClientState
from trio_chat.protocol import requests
from trio_chat.protocol.codec import encode
from trio_chat.protocol.events import (
    AnyEvent,
    AwayChanged,
    BanList,
    Delivered,
    Event,
    Invited,
    Message,
    Moderated,
    Ok,
    Page,
    People,
    PersonInfo,
    Presence,
    Renamed,
    RoomInfo,
    TypingNotice,
)
from trio_chat.protocol.parts import BanInfo

ADA, BOB, EVE = 1, 2, 3


def said(seq: int, sender: str, account: int = 0, text: str = "x", room: str = "#lobby", cid: str = "c") -> Message:
    return Message(room=room, seq=seq, time="", sender=sender, sender_id=account, text=text, cid=cid)


def conversation_of_bob(*rooms: RoomInfo, epoch: str = "1") -> ClientState:
    """A conversation with a server that numbers accounts; we are bob."""
    conversation = ClientState("c")
    infos = rooms or (RoomInfo(name="#lobby"),)
    conversation.enter(msgspec.structs.replace(welcome(*infos, epoch=epoch, name="bob"), account=BOB))
    return conversation


@pytest.mark.parametrize(
    "event",
    [
        People(id="", room="#lobby", people=(PersonInfo(name="ada", id=ADA),)),
        Presence(room="#lobby", count=1, joined=("ada",), joined_ids=(ADA,)),
        Presence(room="#lobby", count=1, left=("ada",), left_ids=(ADA,)),
        Renamed(old="eve", new="ada", id=ADA),
        AwayChanged(name="ada", id=ADA),
        TypingNotice(room="#lobby", name="ada", id=ADA),
        Delivered(room="@ada+bob", seq=1, by="ada", by_id=ADA),
        Invited(room="#ops", by="ada", by_id=ADA),
        BanList(id="", room="#lobby", bans=(BanInfo(by="bob", time="", name="ada", id=ADA),)),
        Page(id="", room="#lobby", events=(), more=False, first=1, names={ADA: "ada"}),
        said(1, "ada", ADA),
        Moderated(room="#lobby", seq=1, time="", sender="bob", action="kick", target="ada", target_id=ADA),
    ],
    ids=lambda event: type(event).__name__,
)
def test_every_event_that_names_an_account_tells_its_name(event: Event) -> None:
    accounts = KnownAccounts("bob", BOB)
    accounts.take(event)
    assert (accounts.name_of(ADA), accounts.account_of("ADA")) == ("ada", ADA)


def test_a_name_that_goes_from_one_account_to_another_is_the_new_ones() -> None:
    accounts = KnownAccounts("bob", BOB)
    accounts.take(said(1, "ada", ADA))
    accounts.take(Renamed(old="ada", new="eve", id=ADA))
    accounts.take(Renamed(old="bob", new="ada", id=BOB))
    assert accounts.later_name("ada", ADA) == "eve"
    assert accounts.later_name("Eve", ADA) == ""
    assert accounts.later_name("nobody", 99) == ""
    assert (accounts.account_of("ada"), accounts.account_of("eve"), accounts.account_of("bob")) == (BOB, ADA, 0)
    assert (accounts.own_name, accounts.is_own("ada", ADA), accounts.is_own("bob", BOB)) == ("ada", False, True)


def test_without_numbers_a_name_is_all_there_is() -> None:
    accounts = KnownAccounts("bob")
    assert accounts.is_own("Bob")
    accounts.take(Renamed(old="bob", new="ada"))
    assert (accounts.is_own("ada"), accounts.is_own("bob")) == (True, False)
    assert AccountRef("ada", ADA).is_same(AccountRef("Ada"))  # a line of before, and the same person now
    assert not AccountRef("ada", ADA).is_same(AccountRef("ada", BOB))


def test_an_earlier_name_is_only_heard_where_no_other_is_known() -> None:
    accounts = KnownAccounts("bob", BOB)
    accounts.hear(ADA, "ada")
    accounts.learn(ADA, "eve")
    accounts.hear(ADA, "ada")
    accounts.learn(EVE, "ada")
    accounts.hear(99, "ada")  # a name that somebody else has now
    assert (accounts.name_of(ADA), accounts.account_of("ada"), accounts.name_of(99)) == ("eve", EVE, "")


def test_the_names_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_accounts, "MOST", 3)
    accounts = KnownAccounts()
    for number in range(1, 6):
        accounts.learn(number, f"n{number}")
    assert [accounts.account_of(f"n{number}") for number in range(1, 6)] == [0, 0, 3, 4, 5]


@pytest.mark.parametrize(
    ("text", "mentions", "own", "named"),
    [
        ("hey @ada", (ADA,), BOB, False),  # ada is what we are called now; it was said to another
        ("hey @bob", (BOB,), BOB, True),  # said to us under our earlier name
        ("hey @ada", (), BOB, False),  # another account was called ada then, or none
        ("hey @ada", None, BOB, True),  # an edit of a server that gives no numbers in edits
        ("hey @ada", (), 0, True),
        ("hey @ada", (ADA,), 0, True),
        ("ada: hey", (), 0, True),
        ("@ada\u3055\u3093", (), 0, True),
        ("hey ada", (), 0, False),
        ("hey", (), BOB, False),
    ],
)
def test_a_mention_is_of_an_account(text: str, mentions: tuple[int, ...] | None, own: int, *, named: bool) -> None:
    assert is_mentioned(text, mentions, KnownAccounts("ada", own)) == named


# ---- a conversation -----------------------------------------------------------------------------


def test_what_somebody_said_under_a_name_that_is_ours_now_is_not_ours() -> None:
    conversation = conversation_of_bob()
    conversation.take(Renamed(old="ada", new="eve", id=ADA))
    conversation.take(Renamed(old="bob", new="ada", id=BOB))
    assert conversation.name == "ada"
    conversation.ask(requests.Send(id="mine", room="#lobby", text="x"))
    frames(conversation)
    assert conversation.take(said(1, "ada", ADA, cid="mine")).answers == {}
    assert list(conversation.take(said(2, "bob", BOB, cid="mine")).answers) == ["mine"]


def test_a_rename_while_we_were_away_comes_with_the_page_that_was_missed() -> None:
    conversation = conversation_of_bob(RoomInfo(name="#lobby", last=1))
    conversation.accounts.learn(ADA, "ada")
    conversation.lose()
    missed = (said(2, "ada", ADA), said(3, "eve", ADA))
    lobby = RoomInfo(name="#lobby", last=3)
    conversation.enter(msgspec.structs.replace(welcome(lobby, name="bob"), account=BOB))
    (request,) = frames(conversation)
    raws = tuple(msgspec.Raw(encode(line)) for line in missed)
    step = conversation.take(Page(id=request.id, room="#lobby", events=raws, more=False, first=1, names={ADA: "eve"}))
    assert step.events == list(missed)
    assert conversation.accounts.later_name("ada", ADA) == "eve"


def test_our_own_rename_on_another_device_while_we_were_away_is_told() -> None:
    conversation = conversation_of_bob()
    conversation.lose()
    step = conversation.enter(msgspec.structs.replace(welcome(RoomInfo(name="#lobby"), name="robert"), account=BOB))
    assert Renamed(old="bob", new="robert", id=BOB) in step.events
    assert conversation.accounts.later_name("bob", BOB) == "robert"


def test_numbers_of_a_history_that_began_anew_are_other_accounts() -> None:
    conversation = conversation_of_bob()
    conversation.accounts.learn(ADA, "ada")
    conversation.lose()
    lobby = RoomInfo(name="#lobby")
    conversation.enter(msgspec.structs.replace(welcome(lobby, epoch="2", name="bob"), account=ADA))
    assert (conversation.accounts.name_of(ADA), conversation.accounts.account_of("ada")) == ("bob", 0)


@pytest.mark.parametrize("notice_first", [True, False])
def test_our_new_name_is_spelled_as_the_server_spells_it(*, notice_first: bool) -> None:
    conversation = conversation_of_bob()
    conversation.ask(requests.Nick(id="n", name="LOVELACE"))
    frames(conversation)
    events: list[AnyEvent] = [Renamed(old="bob", new="Lovelace", id=BOB), Ok(id="n")]
    for event in events if notice_first else reversed(events):
        conversation.take(event)
        assert conversation.accounts.later_name("Lovelace", BOB) == ""  # what we say now is under our name of now
    conversation.take(Renamed(old="bob", new="somebody else", id=EVE))
    assert conversation.name == "Lovelace"


def test_the_members_of_a_direct_conversation_are_renamed_by_their_numbers() -> None:
    info = RoomInfo(name="@ada+bob", direct=True, members=("ada", "bob"), member_ids=(ADA, BOB))
    conversation = conversation_of_bob(info)
    conversation.take(Renamed(old="ada", new="eve", id=99))  # another ada, of whom we knew nothing
    assert conversation.rooms["@ada+bob"].members == ("ada", "bob")
    conversation.take(Renamed(old="ada", new="eve", id=ADA))
    assert conversation.rooms["@ada+bob"].members == ("eve", "bob")


def test_a_server_without_numbers_is_talked_to_by_names() -> None:
    conversation = talking(RoomInfo(name="@ada+bob", direct=True, members=("ada", "bob")))
    conversation.take(Renamed(old="ada", new="eve"))
    assert (conversation.name, conversation.rooms["@ada+bob"].members) == ("eve", ("eve", "bob"))
