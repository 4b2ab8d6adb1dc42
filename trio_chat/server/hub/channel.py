"""A room's members as the hub sees them, and the events gathered for them. Part of the hub; see there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trio_chat.server.hub.peer import Delivery, Encoding, PeerOutput, Stream


class Group:
    """The members of a room that share an encoding, and the bytes gathered for them.

    ``members`` has for each session the stream that takes those bytes, and not the peer: with thousands of members
    each object on the way to the kernel is a miss of the processor's cache.
    """

    __slots__ = ("chunks", "encode", "members", "own_share")

    def __init__(self, encoding: Encoding) -> None:
        self.encode = encoding.encode
        self.own_share = encoding.own_share
        self.members: dict[int, Stream] = {}
        self.chunks: list[bytes] = []


class Channel:
    """The sessions that get a room's events. ``senders`` are those with acknowledgements of what is gathered."""

    __slots__ = ("deliveries", "groups", "name", "number", "senders")

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.number = number
        self.groups: dict[Encoding, Group] = {}
        self.deliveries: list[Delivery] = []
        self.senders: dict[int, None] = {}  # in the order in which they sent

    def __repr__(self) -> str:
        return f"<Channel {self.name}: {self.size} members, {len(self.deliveries)} events gathered>"

    @property
    def size(self) -> int:
        """The number of members."""
        return sum(len(group.members) for group in self.groups.values())

    def sessions(self) -> list[int]:
        """The members' sessions."""
        return [session for group in self.groups.values() for session in group.members]

    def set_member(self, session: int, encoding: Encoding, out: PeerOutput) -> None:
        """Have a session's share go to ``out``, whether it is a member already or not."""
        group = self.groups.get(encoding)
        if group is None:
            group = self.groups[encoding] = Group(encoding)
        group.members[session] = out.stream

    def remove(self, session: int, encoding: Encoding) -> None:
        """Remove a member. Removing a session that is no member does nothing."""
        group = self.groups.get(encoding)
        if group is not None:
            group.members.pop(session, None)
            if not group.members:
                del self.groups[encoding]
