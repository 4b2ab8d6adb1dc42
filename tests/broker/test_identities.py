"""People are accounts: messages, rights and reactions stay theirs whatever they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.broker.scenario import Crowd
from trio_chat.broker import Broker
from trio_chat.broker.effects import Seek
from trio_chat.protocol.events import (
    Deleted,
    Edited,
    Message,
    Moderated,
    Ok,
    People,
    Presence,
    Reacted,
    Room,
    TopicChanged,
    Welcome,
)
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.requests import (
    Ban,
    Delete,
    Edit,
    Hello,
    Join,
    Kick,
    Leave,
    Nick,
    React,
    Search,
    SetRole,
    Topic,
    Who,
)
from trio_chat.store import SqliteStore

if TYPE_CHECKING:
    from pathlib import Path

    from trio_chat.protocol.events import Event

ADA, BOB, CYD = 1, 2, 3


def swapped() -> Crowd:
    """Ada said something (line 1 of the lobby) and became eve; then bob became ada."""
    crowd = Crowd("ada", "bob", "cyd")
    crowd.say("ada", "hello")
    crowd.do("ada", Nick(id="n", name="eve"))
    crowd.do("bob", Nick(id="n", name="ada"))
    crowd.who = {"eve": crowd.who["ada"], "ada": crowd.who["bob"], "cyd": crowd.who["cyd"]}
    crowd.all_read()
    return crowd


def line(crowd: Crowd, seq: int) -> Message:
    _, event = crowd.kept.logs[1][seq - 1]
    assert isinstance(event, Message)
    return event


def only(events: list[Event]) -> Event:
    (event,) = events
    return event


def test_each_event_that_a_person_caused_has_the_number_of_their_account() -> None:
    crowd = Crowd("ada", "bob", "cyd")
    crowd.enter("#ops", "ada", "bob", "cyd")
    crowd.all_read()
    said = crowd.say("ada", "@bob: tea? @cyd @nobody @ada", room="#ops")
    for request in (
        Edit(id="e", room="#ops", target=said.seq or 0, text="@cyd: tea?"),
        React(id="r", room="#ops", target=said.seq or 0, mark="+1"),
        Delete(id="d", room="#ops", target=said.seq or 0),
        Topic(id="t", room="#ops", text="tea"),
        SetRole(id="o", room="#ops", name="bob", role="moderator"),
    ):
        crowd.do("ada", request)
    message, edited, reacted, deleted, topic, moderated = crowd.news("cyd")
    assert isinstance(message, Message)
    assert (message.sender, message.sender_id, message.mentions) == ("ada", ADA, (BOB, CYD))
    for event, kind in ((edited, Edited), (reacted, Reacted), (deleted, Deleted), (topic, TopicChanged)):
        assert isinstance(event, kind)
        assert (event.sender, event.sender_id) == ("ada", ADA)
    assert isinstance(moderated, Moderated)
    assert (moderated.sender_id, moderated.target, moderated.target_id) == (ADA, "bob", BOB)


@pytest.mark.parametrize(
    ("text", "mentioned"),
    [
        ("bob: tea?", (BOB,)),
        ("bob, cyd: tea?", (BOB, CYD)),
        ("look @bob and @cyd", (BOB, CYD)),
        ("@bob\u3055\u3093", (BOB,)),
        ("\u8bf7@bob\u770b", (BOB,)),
        ("@bobby and mail@bob", ()),
        ("@here, ada: note to bob: tea", ()),
    ],
)
def test_a_message_mentions_the_members_whom_it_names(text: str, mentioned: tuple[int, ...]) -> None:
    crowd = Crowd("ada", "bob", "cyd")
    crowd.say("ada", text)
    assert line(crowd, 1).mentions == mentioned


def test_an_edited_message_mentions_those_whom_its_new_text_mentions() -> None:
    crowd = Crowd("ada", "bob", "cyd")
    crowd.say("ada", "@bob: tea?")
    crowd.do("ada", Edit(id="e", room=LOBBY, target=1, text="@CYD: tea?"))
    assert line(crowd, 1).mentions == (CYD,)
    crowd.do("ada", Delete(id="d", room=LOBBY, target=1))
    assert line(crowd, 1).mentions == ()


def test_a_welcome_tells_a_person_their_number_and_members_of_conversations_have_theirs() -> None:
    crowd = Crowd("ada", "bob", "cyd")
    room = crowd.say("ada", "psst", "bob").room or ""
    crowd.do("bob", Leave(id="l", room=room))
    crowd.come("ada", "phone", token=crowd.tokens[crowd.who["ada"]])
    (welcome,) = crowd.news_of("phone", Welcome)
    assert isinstance(welcome, Welcome)
    info = next(info for info in welcome.rooms if info.direct)
    assert (welcome.account, info.members, info.member_ids) == (ADA, ("ada",), (ADA,))
    assert welcome.names == {BOB: "bob"}  # he left, and what he said is there


def test_the_people_of_a_room_have_their_numbers() -> None:
    crowd = swapped()
    answer = crowd.do("cyd", Who(id="w"))
    assert isinstance(answer, People)
    assert [(person.name, person.id) for person in answer.people] == [("ada", BOB), ("cyd", CYD), ("eve", ADA)]


# ---- rights after a rename --------------------------------------------------------------------------


def test_a_message_stays_its_senders_and_is_not_that_of_the_next_person_of_the_name() -> None:
    crowd = swapped()
    assert (line(crowd, 1).sender, line(crowd, 1).sender_id) == ("ada", ADA)
    assert crowd.refused("ada", Edit(id="e", room=LOBBY, target=1, text="mine")).code == "not_yours"
    assert crowd.refused("ada", Delete(id="d", room=LOBBY, target=1)).code == "not_yours"
    assert isinstance(crowd.do("eve", Edit(id="e", room=LOBBY, target=1, text="still mine")), Ok)
    edited = only(crowd.news_of("cyd", Edited))
    assert isinstance(edited, Edited)
    assert (edited.sender, edited.sender_id) == ("eve", ADA)
    assert (line(crowd, 1).sender, line(crowd, 1).text) == ("ada", "still mine")


def test_a_search_by_sender_is_one_by_account() -> None:
    crowd = swapped()
    for name, account in (("eve", ADA), ("ada", BOB)):
        sought = crowd.do("cyd", Search(id="s", sender=name))
        assert isinstance(sought, Seek)
        assert sought.sender == account


def test_a_reaction_stays_its_persons_after_a_rename() -> None:
    crowd = Crowd("ada", "bob", "cyd")
    crowd.say("cyd", "tea?")
    for who in ("ada", "cyd"):
        crowd.do(who, React(id="r", room=LOBBY, target=1, mark="+1"))
    crowd.do("ada", Nick(id="n", name="eve"))
    crowd.do("bob", Nick(id="n", name="ada"))
    assert line(crowd, 1).reactions == {"+1": ("ada", "cyd")}
    assert line(crowd, 1).reaction_ids == {"+1": (ADA, CYD)}
    again = crowd.do("ada", React(id="again", room=LOBBY, target=1, mark="+1"))
    assert isinstance(again, Ok)
    assert again.unchanged
    # whoever has the name now can neither take it off nor is it theirs
    off = crowd.do("bob", React(id="off", room=LOBBY, target=1, mark="+1", on=False))
    assert isinstance(off, Ok)
    assert off.unchanged
    crowd.do("bob", React(id="on", room=LOBBY, target=1, mark="+1"))
    assert line(crowd, 1).reaction_ids == {"+1": (ADA, CYD, BOB)}
    crowd.all_read()
    crowd.do("ada", React(id="off", room=LOBBY, target=1, mark="+1", on=False))
    assert line(crowd, 1).reaction_ids == {"+1": (CYD, BOB)}
    assert line(crowd, 1).reactions == {"+1": ("cyd", "ada")}
    taken = only(crowd.news_of("cyd", Reacted))
    assert isinstance(taken, Reacted)
    assert (taken.sender, taken.sender_id, taken.on) == ("eve", ADA, False)


# ---- presence ---------------------------------------------------------------------------------------


def left(crowd: Crowd, who: str, room: str = "#ops") -> tuple[tuple[str, int, str], ...]:
    events = [event for event in crowd.news_of(who, Presence) if isinstance(event, Presence) and event.room == room]
    return tuple(one for event in events for one in zip(event.left, event.left_ids, event.left_how, strict=True))


def test_presence_says_how_somebody_went() -> None:
    crowd = Crowd("ada", "bob", "cyd", "dan", "eve")
    crowd.enter("#ops", "ada", "bob", "cyd", "dan", "eve")
    crowd.all_read()
    crowd.do("bob", Leave(id="l", room="#ops"))
    crowd.do("ada", Kick(id="k", room="#ops", name="cyd"))
    crowd.do("ada", Ban(id="b", room="#ops", name="dan"))
    crowd.go("eve")
    assert left(crowd, "ada") == (
        ("bob", BOB, "left"),
        ("cyd", CYD, "removed"),
        ("dan", 4, "removed"),
        ("eve", 5, "quit"),
    )


def test_a_person_banned_from_the_server_is_shown_as_removed_from_its_rooms() -> None:
    crowd = Crowd("ada", "bob", "cyd")
    crowd.order("promote", "ada")
    crowd.step()
    crowd.all_read()
    crowd.do("ada", Ban(id="b", room=LOBBY, name="bob"))
    assert left(crowd, "cyd", LOBBY) == (("bob", BOB, "removed"),)


def test_a_guest_who_takes_the_name_of_a_guest_who_just_left_is_not_mistaken_for_them() -> None:
    crowd = Crowd("ada", *(f"g{number}" for number in range(80)), names="guest", new_names=0)
    crowd.advance(1.0)
    crowd.step()
    crowd.go("g0")
    crowd.come("g1x")  # the room is told at once of the first change only, and gathers the rest
    crowd.go("g5")
    crowd.all_read()
    crowd.come("g5")
    crowd.advance(1.0)
    crowd.step()
    told = [event for event in crowd.news_of("ada", Presence) if isinstance(event, Presence)]
    gone = [(name, number) for event in told for name, number in zip(event.left, event.left_ids, strict=True)]
    came = [(name, number) for event in told for name, number in zip(event.joined, event.joined_ids, strict=True)]
    assert ("g5", 7) in gone
    assert ("g5", 83) in came
    assert not any({"g5"} <= set(event.joined) & set(event.left) for event in told)


# ---- numbers ----------------------------------------------------------------------------------------


def test_a_guest_gets_a_number_that_nobody_had() -> None:
    crowd = Crowd("ada", "bob", names="guest")
    crowd.go("bob")
    crowd.come("bob")
    (welcome,) = crowd.news_of("bob", Welcome)
    assert isinstance(welcome, Welcome)
    assert welcome.account == 3
    entered = crowd.do("bob", Join(id="j", room="#new"))
    assert isinstance(entered, Room)


async def test_a_number_is_never_used_again_also_over_restarts(path: Path) -> None:
    numbers = []
    for visit in range(3):
        async with SqliteStore.open(path) as store:
            broker = Broker(Crowd(names="guest").settings, await store.load(), 1e9)
            effects = [*broker.opening]
            for session, name in enumerate(("ada", "bob"), 1):
                broker.open(session, 1e9, token=f"token {visit} {session}", number=session)
                greeted = broker.greet(session, Hello(id="", name=name), 1e9)
                assert isinstance(greeted, list)
                effects += greeted
            numbers += [person.id for person in broker.persons.values() if person.sessions]
            for session in (1, 2):
                effects += broker.close(session, 1e9)
            await store.commit([effect.record for effect in effects if hasattr(effect, "record")])
    assert numbers == [1, 2, 3, 4, 5, 6]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "chat.sqlite3"


def test_the_names_of_accounts_are_those_that_they_have_now() -> None:
    crowd = swapped()
    assert crowd.broker.names_of([BOB, ADA, 99]) == {BOB: "ada", ADA: "eve"}
