"""What must hold of a whole broker after every step, and what a refused request must leave as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trio_chat.broker.state import State
from trio_chat.protocol.events import TopicChanged
from trio_chat.protocol.names import LOBBY, Name, check_name

if TYPE_CHECKING:
    from tests.broker.hub_model import Hub
    from trio_chat.broker import Broker


def check_whole(hub: Hub) -> None:
    """Compare a broker with what its effects have told everyone."""
    _check_names(hub)
    _check_rooms(hub)
    _check_notices(hub)
    if not hub.batch:
        _check_stored(hub)


def forms_of(name: str) -> Name:
    """A name that somebody has, in its three forms."""
    forms = check_name(name)
    assert isinstance(forms, Name), f"{name} is no name"
    return forms


def summary(broker: Broker) -> dict[str, Any]:
    """All that a refused request must leave as it was: everything but how active and how fast somebody is."""
    return {
        "sessions": {s.id: (s.state, s.person and s.person.token, s.expired) for s in broker.sessions.values()},
        "people": {
            key: (p.name, p.token, p.since, p.away, set(p.sessions), list(p.rooms), p.floors | {}, p.read | {})
            for key, p in broker.people.items()
        },
        "sent": {key: dict(p.recent) for key, p in broker.people.items()},
        "skeletons": {skeleton: p.token for skeleton, p in broker.skeletons.items()},
        "rooms": {
            name: (
                (r.direct, r.topic, r.last, r.noticed, list(r.came), list(r.went)),
                {key: p.token for key, p in r.members.items()},
                {seq: (sender.token, set(keys)) for seq, (sender, keys) in r.undelivered.items()},
            )
            for name, r in broker.rooms.items()
        },
        "direct": {keys: room.name for keys, room in broker.direct.items()},
        "gathering": list(broker.gathering),
        "undo": len(broker.undo),
    }


def check_unique(hub: Hub) -> None:
    """No two people have the same name, or look as if they had."""
    forms = [forms_of(name) for name in hub.names.values()]
    assert len({form.key for form in forms}) == len(forms), "a name is held twice"
    assert len({form.skeleton for form in forms}) == len(forms), "two people look alike"


def _check_names(hub: Hub) -> None:
    check_unique(hub)
    forms = {token: forms_of(name) for token, name in hub.names.items()}
    people = hub.broker.people
    assert {p.token: p.name for p in people.values()} == forms, "the broker has other people than it said"
    assert set(people) == {form.key for form in forms.values()}, "somebody is kept under another's name"
    assert {s: p.token for s, p in hub.broker.skeletons.items()} == {
        form.skeleton: token for token, form in forms.items()
    }, "look-alikes are not kept for exactly those who are here"
    for person in people.values():
        devices = {s for s in hub.open if hub.tokens.get(s) == person.token}
        assert person.sessions == devices, "a person's devices are not their open sessions"
        assert all(hub.broker.sessions[s].state is State.PRESENT for s in devices), "a device in a wrong state"
    assert set(hub.broker.sessions) == hub.open, "the broker knows other sessions than are open"


def _check_rooms(hub: Hub) -> None:
    assert hub.rooms[LOBBY] == set(hub.names), "somebody is not in the lobby"
    occupied = {name for name, members in hub.rooms.items() if members}
    assert occupied <= set(hub.broker.rooms), "a room with people in it is gone"
    for name, room in hub.broker.rooms.items():
        tokens = hub.rooms[name]
        assert {p.token for p in room.members.values()} == tokens, f"{name}: others are in it than were told so"
        for key, person in room.members.items():
            assert person.name.key == key, f"{name}: a member under another name"
            assert person.rooms[name] is room, f"{name}: a member's list holds another room of that name"
            assert person.read.get(name, 0) <= room.last, f"{name}: read past its end"
            assert person.floors.get(name, 0) <= room.last, f"{name}: hidden past its end"
        hearing = {s for s in hub.open if hub.tokens.get(s) in tokens}
        assert hub.ears[name] == hearing, f"{name}: not heard by exactly its members' devices"
        if name.startswith("@"):
            assert room.members, f"{name}: an empty conversation was kept"
            assert room.direct is not None, f"{name}: a room is called like a conversation"
            assert set(room.members) <= room.direct, f"{name}: not its people are in it"
            assert hub.broker.direct[room.direct] is room, f"{name}: two conversations of the same people"
    assert all(p.rooms.keys() <= occupied for p in hub.broker.people.values()), "somebody is in no room's list"


def _check_notices(hub: Hub) -> None:
    for session, rooms in hub.shown.items():
        for room, names in rooms.items():
            if room not in hub.broker.gathering:
                truth = hub.names_in(room)
                assert names == truth, f"{room}: session {session} was shown {names}, but {truth} are there"


def _check_stored(hub: Hub) -> None:
    """With no batch open the broker remembers exactly what is in the logs."""
    assert not hub.broker.undo, "something can be taken back, and nothing waits"
    for name, room in hub.broker.rooms.items():
        lines = hub.log[name]
        anew = hub.lives[name] != hub.logged[name] and room.last == 0
        assert anew or room.last == len(lines), f"{name}: {room.last} numbers for {len(lines)} lines"
        topics = [line.event.text for line in lines if isinstance(line.event, TopicChanged)]
        assert room.topic == (topics[-1] if topics else ""), f"{name}: a topic that nobody set"
        assert all(seq <= room.last for seq in room.undelivered), f"{name}: waits for what was never said"
        for person in room.members.values() if room.direct is not None and not anew else ():
            shown = lines[person.floors.get(name, 0) :]
            assert all(person.token in line.audience for line in shown), f"{name}: another's conversation can be read"
