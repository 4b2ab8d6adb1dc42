"""The rules: conditions that must be true of each thing that a broker lets somebody do."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from trio_chat.broker.effects import (
    Acknowledge,
    Disconnect,
    Effect,
    Notify,
    Persist,
    Publish,
    Recall,
    Reply,
    Seek,
    Tell,
)
from trio_chat.broker.state import StoredMessage, seconds, stamp
from trio_chat.errors import FAULTS
from trio_chat.protocol import events, requests
from trio_chat.protocol.events import Error, Event, Ok, Welcome
from trio_chat.protocol.names import LOBBY, check_room, fold_room
from trio_chat.records import SaveAccount

if TYPE_CHECKING:
    from tests.broker.hub_model import HubModel
    from trio_chat.protocol.requests import AnyRequest, Hello

ANSWERS: dict[type[requests.Request], type[Any]] = {
    **dict.fromkeys(requests.REQUESTS, Ok),
    requests.Hello: Welcome,
    requests.Join: events.Room,
    requests.Rooms: events.RoomList,
    requests.Who: events.People,
    requests.History: Recall,
    requests.Search: Seek,
    requests.Devices: events.DeviceList,
    requests.Bans: events.BanList,
    requests.MakeInvite: events.InviteMade,
    requests.Ping: events.Pong,
}
LEAST: dict[type[requests.Request], int] = {
    requests.Configure: 2,
    requests.Kick: 2,
    requests.Ban: 2,
    requests.Unban: 2,
    requests.Bans: 2,
    requests.Mute: 2,
    requests.SetRole: 3,
}
"""The lowest role in a room that may do this: 2 a moderator, 3 an owner."""

OF_MEMBERS = (
    *(requests.Edit, requests.Delete, requests.React, requests.Leave, requests.Topic, requests.Typing),
    *(requests.Read, requests.Received, requests.History, requests.Invite),
)


def answer_in(effects: list[Effect], session: int, request_id: str) -> Event | Recall | Seek:
    """The one answer among the effects of a request."""
    answers: list[Event | Recall | Seek] = []
    for effect in effects:
        if isinstance(effect, Reply | Acknowledge):
            assert effect.session == session, "an answer went to somebody else"
            assert getattr(effect.event, "id", None) == request_id, "an answer carries another id"
            answers.append(effect.event)
        elif isinstance(effect, Recall | Seek):
            assert (effect.session, effect.request.id) == (session, request_id), "a wrong history"
            answers.append(effect)
    assert len(answers) == 1, f"{len(answers)} answers to one request"
    return answers[0]


def check_identities(hub: HubModel, effects: list[Effect]) -> None:  # noqa: C901 - one rule after the other
    """Every event that a person caused, or that speaks of people, has the numbers of their accounts."""
    names = {number: account.name for number, account in hub.ahead.accounts.items()}

    def check(name: str, number: int) -> None:
        assert number > 0, f"{name} has no number"
        assert names.get(number, name) == name, f"{number} is {names[number]} and not {name}"

    for event in (effect.event for effect in effects if isinstance(effect, Publish | Notify | Tell | Reply)):
        if isinstance(event, events.PersonEvent):
            check(event.sender, event.sender_id)
        if isinstance(event, events.Moderated) and event.target:
            check(event.target, event.target_id)
        elif isinstance(event, events.Message):
            assert all(number in names for number in event.mentions), "an account that is not there was mentioned"
        elif isinstance(event, events.Presence):
            for name, number in zip(event.joined, event.joined_ids, strict=True):
                assert number > 0, f"{name} has no number"
            assert len(event.left) == len(event.left_ids) == len(event.left_how), "left, and nobody knows how"
        elif isinstance(event, events.Renamed):
            check(event.new, event.id)
        elif isinstance(event, events.AwayChanged | events.TypingNotice):
            check(event.name, event.id)
        elif isinstance(event, events.Delivered | events.Invited):
            assert event.by_id > 0, f"{event.by} has no number"
        elif isinstance(event, events.People):
            for person in event.people:
                check(person.name, person.id)
        elif isinstance(event, events.Welcome):
            check(event.name, event.account)


def check_let_in(hub: HubModel, session: int, hello: Hello, effects: list[Effect], *, proven: bool) -> None:
    """A name that has an owner is given only with proof, and nobody who is banned is let in."""
    welcome = next(e.event for e in effects if isinstance(e, Reply) and isinstance(e.event, Welcome))
    _check_admitted(hub, hello, effects, proven=proven)
    assert not _kept_out(hub, LOBBY, 0, hub.addresses[session]), "let in from a network that is kept out"
    saved = {e.record.id for e in effects if isinstance(e, Persist) and isinstance(e.record, SaveAccount)}
    claimed = saved - hub.ahead.accounts.keys()
    held = hub.holder(welcome.name)
    if claimed:
        for account in hub.ahead.accounts.values():
            if held == account.id:
                assert _is_free(hub, account), "a name was taken from whose it is"
        return
    assert held is not None, "somebody is welcomed who has no account"
    digest = hashlib.sha256((hello.token or "").encode()).digest()
    devices = [device for device in hub.ahead.devices.values() if device.account == held]
    assert proven or digest in {device.digest for device in devices}, "a name is held twice"
    assert not _kept_out(hub, LOBBY, held, hub.addresses[session]), "somebody who is kept out was let in"


def _check_admitted(hub: HubModel, hello: Hello, effects: list[Effect], *, proven: bool) -> None:
    """Nobody comes in but by the password, an invite, or an account that is of somebody who may come back."""
    settings = hub.settings
    by_password = settings.password is not None and hello.password == settings.password
    is_open = by_password or (settings.password is None and settings.admit == "everyone")
    saved = [e.record for e in effects if isinstance(e, Persist) and isinstance(e.record, SaveAccount)]
    made = [account for account in saved if account.id not in hub.ahead.accounts]
    if made:
        assert settings.admit != "accounts", "a newcomer where none are taken"
        link = hub.ahead.invite_links.get(made[0].invite_link)
        assert is_open or link is not None, "a newcomer without a password or an invite"
        if link is not None:
            assert hello.invite == hub.invites[link.id], "came by an invite without its secret"
            assert link.uses > 0, "came by an invite that is used up"
            assert not link.revoked, "came by an invite that was revoked"
            assert link.until is None or seconds(link.until) > hub.now, "came by an invite that has expired"
            assert not made[0].guest, "came by an invite, and may lose the account"
    elif not is_open:
        digest = hashlib.sha256((hello.token or "").encode()).digest()
        by_token = [device.account for device in hub.ahead.devices.values() if device.digest == digest]
        assert proven or by_token, "let in without any proof"
        if settings.password is not None and by_token:
            assert hub.ahead.accounts[by_token[0]].invite_link, "let in by a token where a password is wanted"


def _is_free(hub: HubModel, account: SaveAccount) -> bool:
    if account.id in hub.whose.values():
        return False
    expiry = hub.settings.name_expiry
    seen = seconds(hub.broker.persons[account.id].seen) if account.id in hub.broker.persons else 0.0
    old = bool(expiry) and seen + expiry <= hub.now
    return account.guest or (old and account.password is None and not account.admin)


def _kept_out(hub: HubModel, room: str, account: int, address: str) -> bool:
    """Whether an account (0: none yet) or an address is banned from a room."""
    held = hub.ahead.room(room)
    number = None if room == LOBBY or held is None else held.id
    for ban in hub.ahead.bans.values():
        if ban.room != number or (ban.until is not None and seconds(ban.until) <= hub.now):
            continue
        if (account and ban.account == account) or (ban.network is not None and covers(ban.network, address)):
            return True
    return False


def covers(network: str, address: str) -> bool:
    """Whether an address is in a network, also where it is written as an IPv6 one."""
    ip = ipaddress.ip_address(address)
    mapped = getattr(ip, "ipv4_mapped", None)
    held = ipaddress.ip_network(network, strict=False)
    return (mapped or ip) in held or ip in held


def check_refusal(hub: HubModel, session: int, error: Error) -> None:
    """A refusal is a row of the table, and speaks of no room that is hidden from the person."""
    assert error.code in FAULTS, "a refusal that is in no table"
    assert error.code != "internal", "a fault of the broker"
    for near in re.findall(r"Did you mean (#\S+)\?", error.message):
        assert may_know(hub, near, hub.whose.get(session, 0)), f"{near} is hidden, and was named"


def may_know(hub: HubModel, name: str, who: int) -> bool:
    """Whether somebody may know that there is a room."""
    room = hub.ahead.room(name)
    if room is None:
        return False
    if who in hub.ahead.members_of(name):
        return True
    if room.direct:
        return False
    return not room.private or hub.ahead.accounts[who].admin or (room.id, who) in hub.ahead.invites


def _is_repeated(hub: HubModel, who: int, answer: Event | Recall | Seek, effects: list[Effect]) -> bool:
    """Whether nothing follows from a request but its answer; a line that it names must be in the log."""
    kept = replace(hub.ahead.accounts[who], seen="")
    others = [
        e
        for e in effects
        if not (isinstance(e, Persist) and isinstance(e.record, SaveAccount) and replace(e.record, seen="") == kept)
    ]
    if len(others) != 1 or not isinstance(others[0], Acknowledge):
        return False
    if isinstance(answer, Ok) and answer.seq is not None:
        room = hub.ahead.room(answer.room or "")
        assert room is not None, "acknowledged for a room that is not there"
        sender, line = hub.ahead.logs[room.id][answer.seq - 1]
        assert (sender, line.time) == (who, answer.time), "acknowledged for what was never done"
    return True


def check_allowed(  # noqa: C901 - one rule after the other, each needs something
    hub: HubModel,
    session: int,
    request: AnyRequest,
    answer: Event | Recall | Seek,
    effects: list[Effect],
    stored: Any,
    *,
    proven: bool,
) -> None:
    """Check, before its effects are followed, that the person may do what the broker lets them do."""
    assert isinstance(answer, ANSWERS[type(request)]), f"{request} was answered with {answer}"
    if isinstance(request, requests.Hello):
        check_let_in(hub, session, request, effects, proven=proven)
        return
    who = hub.whose[session]
    if isinstance(request, requests.ChangeRequest) and request.again and _is_repeated(hub, who, answer, effects):
        return
    name = fold_room(getattr(request, "room", None) or "")
    role = hub.ahead.role(name, who)
    assert role >= LEAST.get(type(request), 0), f"{type(request).__name__} without the right to it"
    if isinstance(request, OF_MEMBERS):
        assert who in hub.ahead.members_of(name), f"{type(request).__name__} by somebody who is not in the room"
    _check_published(hub, who, request, answer, effects)
    _check_invite_made(hub, who, request, answer)
    if isinstance(request, requests.Send):
        _check_send(hub, who, effects)
        _check_answered(hub, effects)
    elif isinstance(request, requests.Join):
        _check_join(hub, session, who, request)
    elif isinstance(request, requests.Configure) and (request.private is not None or request.keep is not None):
        assert role == 3, "a moderator hid a room"
    elif isinstance(request, requests.Kick | requests.Mute | requests.Ban) and request.name is not None:
        _check_rank(hub, who, name, hub.holder(request.name) or 0)
    elif isinstance(request, requests.Edit):
        assert isinstance(stored, StoredMessage), "what is no message was changed"
        assert stored.sender == who, "another's message was changed"
    elif isinstance(request, requests.Delete):
        assert isinstance(stored, StoredMessage), "what is no message was deleted"
        assert stored.sender == who or role >= 2, "another's message was deleted"
    elif isinstance(request, requests.History) and isinstance(answer, Recall):
        assert (answer.number, who) in hub.ahead.members, "a log was opened to an outsider"
    elif isinstance(request, requests.Search) and isinstance(answer, Seek):
        assert all((room, who) in hub.ahead.members for room in answer.rooms), "an outsider searches a room"
    elif isinstance(request, requests.Rooms) and isinstance(answer, events.RoomList):
        for room in answer.rooms:
            assert not room.name.startswith("@"), "a direct conversation was listed"
            assert may_know(hub, room.name, who), "a hidden room was listed"
    elif isinstance(request, requests.Who):
        assert may_know(hub, name or LOBBY, who), "who is in a hidden room was told"


def _check_invite_made(hub: HubModel, who: int, request: AnyRequest, answer: Any) -> None:
    if isinstance(request, requests.MakeInvite):
        assert hub.ahead.role(LOBBY, who) >= 2, "an invite by somebody who is no moderator"
        room = None if request.room is None else fold_room(request.room)
        assert room is None or hub.ahead.role(room, who) >= 2, "an invite into a room by somebody without the right"
        hub.invites[answer.number], hub.given[answer.number] = answer.secret, answer.uses


def _check_published(hub: HubModel, who: int, request: AnyRequest, answer: Any, effects: list[Effect]) -> None:
    """An acknowledgement stands for a line published with it, or for the same one as last time."""
    published = [effect for effect in effects if isinstance(effect, Publish)]
    for publish in published:
        assert publish.sender == who, "a line of somebody else"
        assert getattr(publish.event, "sender", None) == hub.ahead.accounts[who].name, "a line under another's name"
        assert publish.event.time == stamp(hub.now), "a line of another time"
    if isinstance(answer, Ok) and answer.seq is not None:
        line = (answer.room, answer.seq, answer.time)
        if published:
            event = published[-1].event
            assert (event.room, event.seq, event.time) == line, "an acknowledgement names another line"
        else:
            room = hub.ahead.room(answer.room or "")
            assert room is not None, "acknowledged for a room that is not there"
            assert hub.ahead.sent[who, request.id] == (room.id, answer.seq, answer.time), "never published"


def _check_send(hub: HubModel, who: int, effects: list[Effect]) -> None:
    for publish in effects:
        if not isinstance(publish, Publish):
            continue
        room = hub.ahead.rooms.get(publish.number)
        if room is None or room.direct:
            continue
        member = hub.ahead.members.get((room.id, who))
        assert member is not None, "somebody spoke in a room they are not in"
        assert member.muted_until is None or seconds(member.muted_until) <= hub.now, "somebody muted spoke"
        if hub.ahead.role(room.name, who) < 2:
            assert not room.announce_only, "somebody spoke where only moderators do"
            assert hub.spoke.get((room.id, who), 0.0) + room.slow <= hub.now, "somebody spoke too soon"
        hub.spoke[room.id, who] = hub.now


def _check_answered(hub: HubModel, effects: list[Effect]) -> None:
    for publish in effects:
        target = getattr(publish.event, "reply_to", None) if isinstance(publish, Publish) else None
        if target is not None and isinstance(publish, Publish):
            log = hub.ahead.logs.get(publish.number, [])
            said = log[target - 1][1] if 0 < target <= len(log) else None
            assert isinstance(said, events.Message), "what is no message was answered"
            assert not said.deleted, "what was taken back was answered"


def _check_join(hub: HubModel, session: int, who: int, request: requests.Join) -> None:
    name = check_room(request.room)
    room = hub.ahead.room(request.room) or (hub.ahead.room(name) if isinstance(name, str) else None)
    account = hub.ahead.accounts[who]
    if room is None:
        assert hub.settings.room_creation == "everyone" or account.admin, "a room was made by who may not"
    elif (room.id, who) not in hub.ahead.members and not account.admin:
        assert not room.direct, "somebody entered a conversation"
        assert not room.private or (room.id, who) in hub.ahead.invites, "somebody entered a private room uninvited"
        assert not _kept_out(hub, room.name, who, hub.addresses[session]), "somebody entered who is kept out"


def _check_rank(hub: HubModel, who: int, room: str, target: int) -> None:
    above = hub.ahead.role(room, who) > hub.ahead.role(room, target)
    admin = hub.ahead.accounts[who].admin and not hub.ahead.accounts[target].admin
    assert who != target, "somebody did that to themselves"
    assert above or admin, "somebody of the same rank was put in their place"


def check_done(hub: HubModel, session: int, request: AnyRequest, answer: Any) -> None:
    """Check, after its effects were followed, that the answer to a request is true."""
    if isinstance(answer, Error):
        return
    name = fold_room(getattr(request, "room", None) or "")
    if isinstance(request, requests.Kick):
        assert hub.holder(request.name) not in hub.ahead.members_of(name), "who was kicked is in the room still"
    elif isinstance(request, requests.Ban):
        _check_banned(hub, session, request, name)
    elif isinstance(request, requests.Nick):
        assert hub.holder(request.name) == hub.whose[session], "who was renamed has not that name"
    elif isinstance(request, requests.Revoke):
        assert request.device not in hub.ahead.devices, "a revoked device is there still"
    elif isinstance(request, requests.Leave):
        assert hub.whose[session] not in hub.ahead.members_of(name), "who left is in the room still"


def _check_banned(hub: HubModel, session: int, request: requests.Ban, name: str) -> None:
    ended = {e.session for e in hub.batch[-1].effects if isinstance(e, Disconnect)}
    actor = hub.whose[session]
    rank = hub.ahead.role(name, actor)
    for who in list(hub.ahead.members_of(name)):
        sessions = {s for s, other in hub.whose.items() if other == who}
        by_name = request.name is not None and hub.holder(request.name) == who
        by_network = (
            request.network is not None
            and who != actor
            and hub.ahead.role(name, who) < rank
            and any(covers(request.network, hub.addresses[s]) for s in sessions)
        )
        if by_name or by_network:
            assert name == LOBBY, f"{name}: who was banned is in the room still"
            assert sessions <= ended, "who was banned is connected still"


def check_told(hub: HubModel, effects: list[Effect]) -> None:
    """Check, now that all of this step has happened, that the events about rooms and people are true."""
    counts: dict[str, int] = {}
    for effect in effects:
        event = getattr(effect, "event", None)
        if isinstance(event, events.Presence):
            counts[event.room] = event.count
        elif isinstance(event, events.People):
            assert {p.name for p in event.people} == hub.names_in(event.room), "a wrong list of people"
        elif isinstance(event, events.RoomList):
            for room in event.rooms:
                assert room.count == len(hub.names_in(room.name)), "a wrong count in the list of rooms"
        elif isinstance(event, events.Room):
            _check_info(hub, event.room)
        elif isinstance(event, Welcome):
            for info in event.rooms:
                _check_info(hub, info)
            names = {info.name for info in event.rooms}
            assert not names & {gone.room for gone in event.put_out}, "put out of a room that they are in"
    for name, count in counts.items():  # of several, the last
        assert count == len(hub.names_in(name)), "a wrong count of people"


def _check_info(hub: HubModel, info: events.RoomInfo) -> None:
    assert info.count == len(hub.names_in(info.name)), "a wrong count in a room's description"
    assert info.direct == info.name.startswith("@"), "a room looks like a conversation, or the reverse"
    if info.direct:
        names = {hub.ahead.accounts[who].name for who in hub.ahead.members_of(info.name)}
        assert set(info.members) == names, "a wrong list of a conversation's people"
