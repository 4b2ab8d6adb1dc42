"""The store that a broker's records lead to: made of nothing but the records that it has given out, in their order.

A record that speaks of what is not there is a fault of the broker, and told so at once. A room that is made
again under the name of one that is gone has another number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from trio_chat import records
from trio_chat.broker import Broker, BrokerSettings
from trio_chat.broker.effects import Effect, Persist, Publish
from trio_chat.broker.state import FOR_GOOD, MessageLookUp, StoredMessage, StoredPlace, stamp
from trio_chat.protocol.codec import decode_event
from trio_chat.protocol.events import Edited, Message, RoomEvent

if TYPE_CHECKING:
    from trio_chat.broker.broker import LookUp, Stored
    from trio_chat.records import Record

NUMBERED: Final = (
    records.SaveAccount,
    records.SaveDevice,
    records.SaveRoom,
    records.SaveBan,
    records.SaveInviteLink,
)


@dataclass
class ExpectedStore:
    """All that is stored. Members are by room and account, as are invitations, positions and mentions; ``former``
    are former members who are still muted, and ``removed`` has the logs of removed rooms by their names."""

    accounts: dict[int, records.SaveAccount] = field(default_factory=dict)
    devices: dict[int, records.SaveDevice] = field(default_factory=dict)
    rooms: dict[int, records.SaveRoom] = field(default_factory=dict)
    members: dict[tuple[int, int], records.SaveMember] = field(default_factory=dict)
    former: dict[tuple[int, int], records.SaveMember] = field(default_factory=dict)
    invites: dict[tuple[int, int], records.SaveInvite] = field(default_factory=dict)
    reads: dict[tuple[int, int], records.SaveRead] = field(default_factory=dict)
    mentions: dict[tuple[int, int, int], records.SaveMention] = field(default_factory=dict)
    bans: dict[int, records.SaveBan] = field(default_factory=dict)
    invite_links: dict[int, records.SaveInviteLink] = field(default_factory=dict)
    notes: list[records.AuditNote] = field(default_factory=list)
    logs: dict[int, list[tuple[int, RoomEvent]]] = field(default_factory=dict)
    removed: dict[str, list[tuple[int, RoomEvent]]] = field(default_factory=dict)
    sent: dict[tuple[int, str], StoredPlace] = field(default_factory=dict)
    files: dict[str, records.SaveFile] = field(default_factory=dict)
    came: dict[int, int] = field(default_factory=dict)
    """The number of accounts that were made by each invite."""
    clock: list[records.SaveClock] = field(default_factory=list)
    ends: dict[type[Any], int] = field(default_factory=lambda: dict.fromkeys(NUMBERED, 0))

    def copy(self) -> ExpectedStore:
        """Another that changes by itself."""
        held = {name: value.copy() for name, value in vars(self).items()}
        held["logs"] = {number: log.copy() for number, log in self.logs.items()}
        return ExpectedStore(**held)

    def snapshot(self) -> records.Snapshot:
        """As a store gives it to a new broker."""
        accounts, devices, rooms, bans, invite_links = (self.ends[kind] + 1 for kind in NUMBERED)
        return records.Snapshot(
            accounts=_sorted(self.accounts),
            devices=_sorted(self.devices),
            rooms=tuple(records.RoomState(room, len(self.logs[n])) for n, room in sorted(self.rooms.items())),
            members=_sorted(self.members | self.former),
            invites=_sorted(self.invites),
            reads=_sorted(self.reads),
            mentions=_sorted(self.mentions),
            bans=_sorted(self.bans),
            invite_links=_sorted(self.invite_links),
            sent=tuple(records.Sent(*who, where.room, where.seq, where.time) for who, where in self.sent.items()),
            files=tuple(file for file in self.files.values() if not file.room),
            file_bytes=self.file_bytes(),
            next_account=accounts,
            next_device=devices,
            next_room=rooms,
            next_ban=bans,
            next_invite_link=invite_links,
            clock=self.clock[-1] if self.clock else None,
        )

    def restarted(self, settings: BrokerSettings, now: float) -> Broker:
        """A new broker that starts from this store."""
        return Broker(settings, self.snapshot(), now, self.clock[-1] if self.clock else None)

    def answer(self, look_up: LookUp) -> Stored | None:
        """The answer of the store to a look-up of the broker."""
        if not isinstance(look_up, MessageLookUp):
            sent = self.sent.get((look_up.sender, look_up.cid))
            return sent if sent is not None or look_up.reply_to is None else self.answer(look_up.reply_to)
        log = self.logs.get(look_up.room, [])
        sender, event = log[look_up.seq - 1] if 0 < look_up.seq <= len(log) else (0, None)
        return StoredMessage(sender, event) if isinstance(event, Message) else None

    def file_bytes(self) -> dict[int, int]:
        """The bytes of all files of each account that has some."""
        sums: dict[int, int] = {}
        for file in self.files.values():
            sums[file.account] = sums.get(file.account, 0) + file.size
        return {account: size for account, size in sums.items() if size}

    # ---- looking things up --------------------------------------------------------------------

    def account(self, key: str) -> records.SaveAccount | None:
        """Whose name this is, as it is compared."""
        return next((account for account in self.accounts.values() if account.key == key), None)

    def room(self, name: str) -> records.SaveRoom | None:
        """The room of this name."""
        return next((room for room in self.rooms.values() if room.name == name), None)

    def members_of(self, name: str) -> dict[int, records.SaveMember]:
        """The members of the room of this name, by account."""
        room = self.room(name)
        number = 0 if room is None else room.id
        return {account: member for (at, account), member in self.members.items() if at == number}

    def rooms_of(self, account: int) -> set[str]:
        """The names of the rooms that somebody is in."""
        return {self.rooms[at].name for at, member in self.members if member == account}

    def role(self, name: str, account: int) -> int:
        """The role of an account in a room, 0 for none; an administrator is an owner but in conversations."""
        room = self.room(name)
        if room is not None and not room.direct and self.accounts[account].admin:
            return 3
        member = self.members_of(name).get(account)
        return 0 if member is None else member.role

    # ---- storing ------------------------------------------------------------------------------

    def apply(self, effect: Effect) -> None:
        """Store the record of an effect."""
        if isinstance(effect, Publish):
            self._append(effect)
        elif isinstance(effect, Persist):
            record = effect.record
            if isinstance(record, NUMBERED):
                self.ends[type(record)] = max(self.ends[type(record)], record.id)
            getattr(self, "_" + type(record).__name__.lower())(record)

    def _append(self, publish: Publish) -> None:
        event, log = publish.event, self.logs[publish.number]
        assert self.rooms[publish.number].name == publish.room == event.room, "a line went to another room's log"
        assert event.seq == len(log) + 1, f"{event.room}: line {event.seq} follows {len(log)}"
        assert publish.sender in self.accounts, "a line of nobody"
        log.append((publish.sender, event))
        if publish.cid:
            assert (publish.sender, publish.cid) not in self.sent, "a message sent twice was stored twice"
            self.sent[publish.sender, publish.cid] = StoredPlace(publish.number, event.seq, event.time)

    def _saveclock(self, record: records.SaveClock) -> None:
        self.clock[:] = [record]

    def _saveinvitelink(self, record: records.SaveInviteLink) -> None:
        before = self.invite_links.get(record.id)
        assert record.uses >= 0, "an invite was used more often than it may be"
        assert before is None or before.uses - record.uses in {0, 1}, "more than one use of an invite at once"
        assert before is None or not (before.revoked and before != replace(record, until=before.until)), (
            "an invite that was revoked changed"
        )
        others = {link.digest for link in self.invite_links.values() if link.id != record.id}
        assert record.digest not in others, "two invites have one secret"
        self.invite_links[record.id] = record

    def _dropinvitelink(self, record: records.DropInviteLink) -> None:
        del self.invite_links[record.id]

    def _saveaccount(self, record: records.SaveAccount) -> None:
        before = self.accounts.get(record.id)
        if before is not None:
            assert before.invite_link == record.invite_link, "somebody came by an invite afterwards"
        elif record.invite_link:
            assert record.invite_link in self.invite_links, "somebody came by no invite"
            self.came[record.invite_link] = self.came.get(record.invite_link, 0) + 1
        others = [account for account in self.accounts.values() if account.id != record.id]
        assert record.key not in {account.key for account in others}, "a name is held twice"
        assert record.skeleton not in {account.skeleton for account in others}, "two people look alike"
        self.accounts[record.id] = record

    def _dropaccount(self, record: records.DropAccount) -> None:
        assert self.accounts.pop(record.id, None) is not None, "nobody's account was dropped"
        for held in (self.devices, self.members, self.former, self.invites, self.reads, self.mentions, self.bans):
            _drop(held, account=record.id)
        _drop(self.files, account=record.id, room=0)

    def _savefile(self, record: records.SaveFile) -> None:
        before = self.files.get(record.id)
        if before is None:
            assert (record.digest, record.room) == ("", 0), "a file that was never an upload"
            assert record.account in self.accounts, "an upload of nobody"
        else:
            assert not before.room, "a file got a second message"
            same = (before.account, before.name, before.size, before.time)
            assert same == (record.account, record.name, record.size, record.time), "a file became another"
            assert not record.room or before.digest == record.digest != "", "a message carries half a file"
        self.files[record.id] = record

    def _dropfile(self, record: records.DropFile) -> None:
        self.files.pop(record.id, None)  # an operator may have removed it before its message was deleted

    def _savedevice(self, record: records.SaveDevice) -> None:
        assert record.account in self.accounts, "a device of nobody was stored"
        others = {device.digest for device in self.devices.values() if device.id != record.id}
        assert record.digest not in others, "one token proves two devices"
        self.devices[record.id] = record

    def _dropdevice(self, record: records.DropDevice) -> None:
        del self.devices[record.id]

    def _saveroom(self, record: records.SaveRoom) -> None:
        named = self.room(record.name)
        assert named is None or named.id == record.id, "two rooms of one name"
        self.rooms[record.id] = record
        self.logs.setdefault(record.id, [])

    def _droproom(self, record: records.DropRoom) -> None:
        self.removed[self.rooms.pop(record.id).name] = self.logs.pop(record.id)
        self.sent = {who: place for who, place in self.sent.items() if place.room != record.id}
        for held in (self.members, self.former, self.invites, self.reads, self.mentions, self.bans, self.files):
            _drop(held, room=record.id)

    def _savemember(self, record: records.SaveMember) -> None:
        self._check_there(record)
        key = record.room, record.account
        if record.role:
            self.former.pop(key, None)
            self.members[key] = record
        else:
            assert key not in self.members, "somebody went out of a room and is in it"
            assert record.muted_until, "somebody is remembered for nothing"
            self.former[key] = record

    def _dropmember(self, record: records.DropMember) -> None:
        known = self.members.keys() | self.former.keys()
        assert (record.room, record.account) in known, "who was not in a room was put out of it"
        for held in (self.members, self.former, self.reads, self.mentions):
            _drop(held, room=record.room, account=record.account)

    def _saveinvite(self, record: records.SaveInvite) -> None:
        self._check_there(record)
        self.invites[record.room, record.account] = record

    def _dropinvite(self, record: records.DropInvite) -> None:
        self.invites.pop((record.room, record.account), None)

    def _saveread(self, record: records.SaveRead) -> None:
        self._check_there(record)
        assert (record.room, record.account) in self.members, "a position in a room that was left was stored"
        assert record.seq <= len(self.logs[record.room]), "read past a room's end"
        self.reads[record.room, record.account] = record
        for key in [k for k in self.mentions if k[:2] == (record.room, record.account) and k[2] <= record.seq]:
            del self.mentions[key]

    def _savemention(self, record: records.SaveMention) -> None:
        self._check_there(record)
        self.mentions[record.room, record.account, record.seq] = record

    def _dropmention(self, record: records.DropMention) -> None:
        assert self.mentions.pop((record.room, record.account, record.seq), None), "a mention that is not there ended"

    def _saveban(self, record: records.SaveBan) -> None:
        self.bans[record.id] = record

    def _dropban(self, record: records.DropBan) -> None:
        del self.bans[record.id]

    def _auditnote(self, record: records.AuditNote) -> None:
        self.notes.append(record)

    def _amend(self, record: records.Amend) -> None:
        self._put(record.room, record.seq, record.event, record.text)

    def _redact(self, record: records.Redact) -> None:
        self._put(record.room, record.seq, record.event, "")
        for index, (sender, event) in enumerate(self.logs[record.room]):
            if isinstance(event, Edited) and event.target == record.seq:
                self.logs[record.room][index] = sender, replace(event, text="")

    def _put(self, room: int, seq: int, data: bytes, text: str) -> None:
        sender, before = self.logs[room][seq - 1]
        event = decode_event(data)
        assert isinstance(event, Message), "a line became something else"
        assert isinstance(before, Message), "what is no message was changed"
        assert not before.deleted, "a deleted message was changed"
        assert (event.seq, event.room, event.cid) == (before.seq, before.room, before.cid), "another message"
        assert event.text == text, "another text was indexed"
        self.logs[room][seq - 1] = sender, event

    def _check_there(self, record: Record) -> None:
        assert getattr(record, "account", 0) in self.accounts, f"{record} speaks of nobody"
        assert getattr(record, "room", 0) in self.rooms, f"{record} speaks of no room"


def stored_part(broker: Broker) -> dict[str, Any]:
    """The part of a broker's knowledge that outlives it. Of the mentions, the unread ones."""
    people, rooms = broker.persons.values(), broker.numbered.values()
    return {
        "accounts": {p.id: (p.name, p.created, p.password, p.admin, p.guest, p.invite_link) for p in people},
        "missed_removals": {p.id: p.missed_removals for p in people if p.missed_removals},
        "names": {key: person.id for key, person in broker.people.items()},
        "skeletons": {skeleton: person.id for skeleton, person in broker.skeletons.items()},
        "devices": {d.id: (p.id, digest, d.digest, d.label) for p in people for digest, d in p.devices.items()},
        "rooms": {
            r.id: (r.name, r.created, r.direct, r.private, r.topic, r.announce_only, r.slow, r.keep, r.last, r.first)
            for r in rooms
        },
        "room_files": {r.id: (r.files, r.max_file) for r in rooms},
        "uploads": {file: broker.uploads.get(file) for p in people for file in broker.uploads.of(p.id)},
        "named": {name: room.id for name, room in broker.rooms.items()},
        "direct": {room.id for room in broker.direct.values()},
        "members": {
            (r.id, number): (member.person.id, member.role, _until(member.muted))
            for r in rooms
            for number, member in r.members.items()
        },
        "former": {
            (r.id, number): (member.person.id, _until(member.muted))
            for r in rooms
            for number, member in r.former.items()
            if member.muted
        },
        "entered": {(room.id, p.id, name) for p in people for name, room in p.rooms.items()},
        "invites": {(r.id, number) for r in rooms for number in r.invited},
        "mentions": {
            (room, p.id): [seq for seq in seqs if seq > p.read.get(room, 0)]
            for p in people
            for room, seqs in p.mentions.items()
            if any(seq > p.read.get(room, 0) for seq in seqs)
        },
        "bans": {
            (r.id, number): (ban.record, ban.person and ban.person.id, ban.network, _until(ban.until))
            for r in rooms
            for number, ban in r.bans.items()
        },
        "invite_links": {number: (link.record, _until(link.until)) for number, link in broker.invite_links.items()},
        "next": (broker.next_account, broker.next_device, broker.next_room, broker.next_ban, broker.next_invite_link),
    }


def positions(broker: Broker) -> dict[tuple[int, int], int]:
    """How far everybody has read, by room and account."""
    return {(room, p.id): seq for p in broker.persons.values() for room, seq in p.read.items() if seq}


def _until(muted: float) -> str:
    return FOR_GOOD if muted == float("inf") else stamp(muted)


def _sorted(held: dict[Any, Any]) -> tuple[Any, ...]:
    return tuple(value for _, value in sorted(held.items()))


def _drop(held: dict[Any, Any], **where: int) -> None:
    for key in [key for key, value in held.items() if all(getattr(value, n) == v for n, v in where.items())]:
        del held[key]
