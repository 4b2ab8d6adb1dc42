"""The invariants: conditions that hold of a whole broker after every step. A refused request changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.broker.expected_store import positions, stored_part
from tests.broker.file_invariants import check_files
from trio_chat.broker.state import State, seconds
from trio_chat.protocol.events import Message
from trio_chat.protocol.names import LOBBY, Name, check_name

if TYPE_CHECKING:
    from tests.broker.hub_model import HubModel
    from trio_chat.broker import Broker


def check_whole(hub: HubModel) -> None:
    """Compare a broker with the effects that everyone was told, and with one that starts from the stored records."""
    _check_people(hub)
    _check_invites(hub)
    _check_rooms(hub)
    _check_notices(hub)
    _check_mentions(hub)
    check_files(hub)
    _check_restart(hub)


def forms_of(name: str) -> Name:
    """A name that somebody has, in its three forms."""
    forms = check_name(name)
    assert isinstance(forms, Name), f"{name} is no name"
    return forms


def summary(broker: Broker) -> dict[str, Any]:
    """All that a refused request must leave as it was: everything but how active and how fast somebody is."""
    return {
        **stored_part(broker),
        "reads": positions(broker),
        "sessions": {
            s.id: (s.state, s.person and s.person.id, s.device and s.device.id, s.expired, s.quiet)
            for s in broker.sessions.values()
        },
        "people": {
            p.id: (p.since, p.away, set(p.sessions), set(p.visible), dict(p.sent_ids)) for p in broker.persons.values()
        },
        "presence": {
            r.id: (set(r.here), r.presence_told, list(r.arrived), list(r.departed), list(r.undelivered))
            for r in broker.rooms.values()
        },
        "gathering": list(broker.gathering),
        "here": broker.here,
        "undo": broker.journal.mark(),
    }


def _check_invites(hub: HubModel) -> None:
    """Each use of an invite made one account, and each account that came by one used it once."""
    for number, link in hub.ahead.invite_links.items():
        used = hub.given.get(number, link.uses) - link.uses
        assert used == hub.ahead.came.get(number, 0), f"invite {number}: {used} uses, and others came"


def _check_people(hub: HubModel) -> None:
    broker = hub.broker
    assert set(broker.sessions) == hub.open, "the broker knows other sessions than are open"
    for person in broker.persons.values():
        devices = {session for session, who in hub.whose.items() if who == person.id}
        assert person.sessions == devices, "a person's sessions are not their open ones"
        assert person.visible == devices - hub.quiet, "somebody is visible by what is quiet, or the reverse"
        assert all(broker.sessions[s].state is State.PRESENT for s in devices), "a session in a wrong state"
        unremembered = {s for s in devices if broker.sessions[s].device is None}
        assert unremembered == {s for s in devices if not hub.tokens[s]}, "a session of no device has a token"
        assert not unremembered or person.password is not None, "a session of no device and without a password"
    visible = {who for who in hub.whose.values() if hub.visible(who)}
    assert broker.here == broker.statistics().here == len(visible), "a wrong count of people here"


def _check_rooms(hub: HubModel) -> None:
    books, broker = hub.ahead, hub.broker
    lobby = books.members_of(LOBBY)
    assert lobby.keys() == books.accounts.keys(), "somebody is not in the lobby"
    for number, room in broker.numbered.items():
        members = books.members_of(room.name)
        here = {who for who in members if hub.visible(who)}
        assert set(room.here) == here, f"{room.name}: others are here than are connected"
        hearing = {s for s, who in hub.whose.items() if who in members}
        assert hub.ears[room.name] == hearing, f"{room.name}: not heard by exactly its members' sessions"
        if room.direct is not None:
            assert set(room.members) <= room.direct, f"{room.name}: not its people are in it"
            assert room.name.startswith("@"), f"{room.name}: a conversation is called like a room"
        elif members and not room.is_lobby:
            assert any(member.role == 3 for member in members.values()), f"{room.name} has no owner"
        assert all(seq <= room.last for seq in room.undelivered), f"{room.name}: waits for what was never said"
        assert all(p.read.get(number, 0) <= room.last for p in broker.persons.values()), (
            f"{room.name}: read past its end"
        )
    for person in broker.persons.values():
        assert person.read.keys() <= broker.numbered.keys(), "a position in a room that is not there"
    _check_bans(hub)


def _check_bans(hub: HubModel) -> None:
    for ban in hub.ahead.bans.values():
        over = ban.until is not None and seconds(ban.until) <= hub.now
        if ban.account is None or over or hub.ahead.accounts[ban.account].admin:
            continue
        if ban.room is not None:
            assert (ban.room, ban.account) not in hub.ahead.members, "who is banned is in the room"
        elif not hub.batch:
            assert ban.account not in hub.whose.values(), "who is banned from the server is there"


def _check_notices(hub: HubModel) -> None:
    for session, rooms in hub.shown.items():
        for room, names in rooms.items():
            if room not in hub.broker.gathering:
                truth = hub.names_in(room)
                assert names == truth, f"{room}: session {session} was shown {names}, but {truth} are there"


def _check_mentions(hub: HubModel) -> None:
    """The unread mentions of everybody are those that the messages, as they are now, have behind the read position."""
    for person in hub.broker.persons.values():
        for room in person.rooms.values():
            read = person.read.get(room.id, 0)
            known = {seq for seq in person.mentions.get(room.id, ()) if seq > read}
            log = (event for _, event in hub.ahead.logs[room.id] if isinstance(event, Message) and event.seq > read)
            truth = {event.seq for event in log if person.id in event.mentions}
            assert known == truth, f"{room.name}: {person.name.shown} has unread mentions {known}, and {truth} is right"


def _check_restart(hub: HubModel) -> None:
    """After a restart, if the open batch is stored, the broker would know all that it knows now."""
    again, now = stored_part(hub.ahead.restarted(hub.settings, hub.now)), stored_part(hub.broker)
    unsaved = {(room, who) for who, room in hub.broker.unsaved_reads}
    for part in now:
        known, would = now[part], again[part]
        if part == "mentions":  # what was read and is not stored yet may be mentioned anew
            would = {k: v for k, v in would.items() if k not in unsaved}
            known = {k: v for k, v in known.items() if k not in unsaved}
        if part == "missed_removals":  # that somebody was told is stored with their visit
            would = {k: v for k, v in would.items() if k not in hub.broker.unsaved_visits}
            known = {k: v for k, v in known.items() if k not in hub.broker.unsaved_visits}
        assert known == would, f"{part}: after a restart would be known {would}, and now {known}"
    if not hub.batch:
        assert not hub.broker.journal.mark(), "something can be taken back, and nothing waits"
