"""The state machine's checks bite: a broker that breaks a promise on purpose is found out, and by the right check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from msgspec.structs import replace

from tests.broker.machine import BrokerMachine
from trio_chat.broker import (
    Broker,
    admission,
    arrival,
    file_orders,
    files,
    invites,
    moderation,
    retract,
    rooms,
    talk,
)
from trio_chat.broker.ask import Ask, Decision
from trio_chat.broker.commands import COMMANDS
from trio_chat.broker.effects import Persist, Reply, Unsubscribe
from trio_chat.broker.registry import Registry
from trio_chat.broker.state import ChatRoom, InviteLink, Person, Role
from trio_chat.broker.uploads import Uploads
from trio_chat.protocol import requests
from trio_chat.records import SaveMember

SHORT = settings(
    max_examples=200,  # at the most: the first that fails ends it
    stateful_step_count=40,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],  # whether it fails is asked, not how shortly that can be told
    report_multiple_bugs=False,
)

Patch = pytest.MonkeyPatch
TABLE: dict[Any, Any] = COMMANDS  # a patch may put anything in


def let_a_second_holder_in(patch: Patch) -> None:
    """Let everybody in under anybody's name, whoever they are."""
    patch.setattr(arrival, "_prove", lambda ask, person: None)


def look_at_keys_only(patch: Patch) -> None:
    """Refuse the same name, not one that looks the same."""
    patch.setattr(arrival, "_look_alike", lambda broker, name, but, now, also=None: None)
    patch.setattr(arrival, "release", lambda decision, person: None)


def keep_the_session_of_a_person_who_left(patch: Patch) -> None:
    patch.setattr(arrival, "depart", lambda decision, session, person: None)


def skip_a_number(patch: Patch) -> None:
    number_next = rooms.number_next

    def skipping(broker: Broker, room: ChatRoom) -> int:
        room.last += room.last == 2
        return number_next(broker, room)

    patch.setattr(rooms, "number_next", skipping)


def let_people_who_left_hear_on(patch: Patch) -> None:
    exit_room = rooms.exit_room

    def deaf(decision: Decision, person: Person, room: ChatRoom) -> None:
        exit_room(decision, person, room)
        decision.effects[:] = [effect for effect in decision.effects if not isinstance(effect, Unsubscribe)]

    patch.setattr(rooms, "exit_room", deaf)


def store_no_roles(patch: Patch) -> None:
    """Forget the roles at a restart."""
    patch.setattr(rooms, "save_member", lambda registry, room, member: Persist(SaveMember(room.id, member.person.id)))


def let_everybody_decide(patch: Patch) -> None:
    patch.setitem(TABLE, requests.Kick, COMMANDS[requests.Kick]._replace(role=Role.MEMBER))
    patch.setattr(moderation, "_outranked", lambda room, actor, person: None)


def let_the_muted_speak(patch: Patch) -> None:
    patch.setattr(talk, "may_speak", lambda registry, room, person, now: None)


def let_the_uninvited_in(patch: Patch) -> None:
    patch.setattr(rooms, "_may_enter", lambda registry, room, person, address, now: None)


def change_something_and_refuse(patch: Patch) -> None:
    command = COMMANDS[requests.Nick]

    def resentful(ask: Ask[requests.Nick]) -> Any:
        refusal = command.handler(ask)
        if refusal is not None:
            ask.person.away = "hurt"
        return refusal

    patch.setitem(TABLE, requests.Nick, command._replace(handler=resentful))


def answer_twice(patch: Patch) -> None:
    command = COMMANDS[requests.Ping]

    def talkative(ask: Ask[requests.Ping]) -> Any:
        refusal = command.handler(ask)
        ask.effects.extend([effect for effect in ask.effects if isinstance(effect, Reply)])
        return refusal

    patch.setitem(TABLE, requests.Ping, command._replace(handler=talkative))


def forget_sent_messages(patch: Patch) -> None:
    patch.setattr(talk, "_acknowledged_before", lambda ask: None)
    patch.setattr(talk, "SENT_IDS", 0)


def take_nothing_back(patch: Patch) -> None:
    take_back = Broker.take_back

    def stubborn(broker: Broker, remaining: Any, failed: Any) -> Any:
        broker.settle()
        return take_back(broker, remaining, failed)

    patch.setattr(Broker, "take_back", stubborn)


def leave_ghosts(patch: Patch) -> None:
    patch.setattr(retract, "recount", lambda broker: None)


def answer_the_closed(patch: Patch) -> None:
    close = Broker.close

    def half_closed(broker: Broker, session: int, now: float) -> Any:
        known = broker.sessions.get(session)
        effects = close(broker, session, now)
        if known is not None and known.person is not None:
            broker.sessions[session] = known
        return effects

    patch.setattr(Broker, "close", half_closed)


def let_strangers_in(patch: Patch) -> None:
    patch.setattr(admission, "may_come_in", lambda ask: True)


def count_no_uses(patch: Patch) -> None:
    use = invites.use

    def generous(decision: Decision, link: InviteLink, person: Person, address: str) -> None:
        use(decision, link, person, address)
        link.record = replace(link.record, uses=link.record.uses + 1)

    patch.setattr(invites, "use", generous)


def store_the_use_of_another_batch(patch: Patch) -> None:
    """Store the new account, and not that the invite was used."""
    save = invites._save

    def forgetful(decision: Decision, link: InviteLink, record: Any) -> None:
        save(decision, link, record)
        decision.effects.pop()

    patch.setattr(invites, "_save", forgetful)


def honour_invites_that_have_ended(patch: Patch) -> None:
    patch.setattr(invites, "why_ended", lambda link, now: None)


def let_everybody_fetch(patch: Patch) -> None:
    patch.setattr(file_orders, "_may_read", lambda registry, person, file: True)


def keep_the_files_of_deleted_messages(patch: Patch) -> None:
    patch.setattr(files, "drop_carried", lambda ask, stored: None)


def send_the_uploads_of_others(patch: Patch) -> None:
    find = files.find_sendable

    def careless(registry: Registry, person: Person, room: ChatRoom, ids: Any) -> Any:
        owner = next((registry.persons.get(held.account) for one in ids if (held := registry.uploads.get(one))), None)
        return find(registry, owner or person, room, ids)

    patch.setattr(files, "find_sendable", careless)


def forget_the_bytes_of_what_was_deleted(patch: Patch) -> None:
    patch.setattr(Uploads, "note_removed", lambda self, account=None: None)


def count_what_was_not_stored(patch: Patch) -> None:
    """Do not give the bytes back of an upload whose batch could not be stored."""

    def add(self: Uploads, account: int, size: int) -> None:
        self._bytes[account] = self._bytes.get(account, 0) + size
        self.total_bytes += size

    patch.setattr(Uploads, "_add", add)


def let_uploads_of_the_gone_stay(patch: Patch) -> None:
    patch.setattr(files, "drop_uploads", lambda decision, account: None)


SABOTAGES: list[tuple[Callable[[Patch], None], str]] = [
    (let_a_second_holder_in, "a name is held twice"),
    (look_at_keys_only, "two people look alike|a name is held twice"),
    (keep_the_session_of_a_person_who_left, "a person's sessions are not their open ones|a wrong count of people"),
    (skip_a_number, "line 4 follows 2"),
    (let_people_who_left_hear_on, "not heard by exactly its members|heard by who is not in it"),
    (store_no_roles, "members: after a restart|has no owner"),
    (let_everybody_decide, "Kick without the right to it|of the same rank|to themselves"),
    (let_the_muted_speak, "somebody muted spoke|only moderators do|spoke too soon"),
    (let_the_uninvited_in, "uninvited|entered who is kept out|who is banned is in the room"),
    (change_something_and_refuse, "a refused request changed something"),
    (answer_twice, "2 answers to one request"),
    (forget_sent_messages, "a message sent twice was stored twice"),
    (take_nothing_back, r"after a restart would be known|others are here|hears \{|acknowledged and not stored"),
    (leave_ghosts, "others are here than are connected|a wrong count of people"),
    (answer_the_closed, "the broker knows other sessions than are open"),
    (let_strangers_in, "without a password or an invite|without any proof|none are taken|password is wanted"),
    (count_no_uses, "uses, and others came|invite_links: after a restart"),
    (store_the_use_of_another_batch, "uses, and others came|invite_links: after a restart"),
    (honour_invites_that_have_ended, "an invite that has expired|that is used up|was revoked|more often than it may"),
    (let_everybody_fetch, "given to somebody who may not read it"),
    (keep_the_files_of_deleted_messages, "a message does not tell of its file|who may not read it"),
    (send_the_uploads_of_others, "a message carries a file of somebody else"),
    (forget_the_bytes_of_what_was_deleted, "a wrong number of bytes|a wrong total of bytes"),
    (count_what_was_not_stored, "a wrong number of bytes|a wrong total of bytes"),
    (let_uploads_of_the_gone_stay, "a wrong (number|total) of bytes|uploads: after a restart|an upload of nobody"),
]


@pytest.mark.parametrize(("sabotage", "found"), SABOTAGES, ids=[sabotage.__name__ for sabotage, _ in SABOTAGES])
def test_a_broken_promise_is_found(monkeypatch: Patch, sabotage: Callable[[Patch], None], found: str) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError, match=found):
        run_state_machine_as_test(BrokerMachine, settings=SHORT)


def test_without_sabotage_nothing_is_found() -> None:
    run_state_machine_as_test(BrokerMachine, settings=settings(SHORT, max_examples=20))
