"""What every store can do, and the values it answers with.

A store holds the state of the server (accounts, rooms, members, ...), which is read once, by
:meth:`Store.load`, and the rooms' logs, which are read in stretches. Everything is changed by
:meth:`Store.commit` alone. Nothing outside a store may assume that it alone writes to it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from msgspec import Struct

from trio_chat.records import Note

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trio_chat.records import Record, Snapshot


SENT: Final = 4096
"""Of so many of the last lines a store's beginning tells the ids under which they were sent: a client that lost a
server that was restarted sends its last ones again, and reading so many takes milliseconds."""


class Stretch(NamedTuple):
    """Part of a room's log, in order; ``more`` tells whether it goes on in the direction asked for, and
    ``first`` the oldest sequence number kept at all."""

    events: list[bytes]
    more: bool
    first: int


class Kept(NamedTuple):
    """A line as it is now: whose it is, and its event."""

    sender: int
    event: bytes


class Place(NamedTuple):
    """Where a line stands."""

    room: int
    seq: int
    time: str


class SearchQuery(Struct, frozen=True):
    """What to search for, and where.

    A line is found when its text has all ``words`` (each may be several words, then in that order; one
    that ends in ``*`` stands for all that begin so), when it is in one of ``rooms`` (pairs of a room and
    a floor: only what came after it), from one of ``senders`` (none: anybody), at ``after`` or later
    and earlier than ``before`` (times, or the beginnings of times), and holds a link if ``has_link``.
    ``before_id`` goes on where an earlier answer ended: the ``id`` of its last hit.
    """

    words: tuple[str, ...] = ()
    rooms: tuple[tuple[int, int], ...] = ()
    senders: tuple[int, ...] = ()
    after: str | None = None
    before: str | None = None
    has_link: bool = False
    limit: int = 50
    before_id: int | None = None


class Hit(NamedTuple):
    """A line that was found; ``id`` grows with every line stored, whatever its room."""

    id: int
    room: int
    seq: int
    event: bytes


class Found(NamedTuple):
    """The newest hits, newest first; whether there are ``more``; how many lines at the most the index is
    ``behind``, so cannot be found yet."""

    hits: list[Hit]
    more: bool
    behind: int


class AuditLine(NamedTuple):
    """A line of the audit log and its number, which grows."""

    id: int
    note: Note


class Statistics(Struct, frozen=True):
    """What a store did since it was opened, and how many lines its search index is ``behind``."""

    commits: int
    lines: int
    failures: int
    behind: int


def cutoff(now: datetime, days: float) -> str:
    """The time so many days before ``now``, as records hold times. ``now`` knows its zone."""
    then = (now - timedelta(days=days)).astimezone(UTC)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def fill(events: Iterable[bytes], size: int | None) -> tuple[list[bytes], bool]:
    """As many of these events as have no more than ``size`` bytes together, but one at the least; and whether any
    were left."""
    taken: list[bytes] = []
    room = float("inf") if size is None else size
    for event in events:
        room -= len(event)
        if room < 0 and taken:
            return taken, True
        taken.append(event)
    return taken, False


class Store(Protocol):
    """A store. Its methods may be called from any task of one event loop, also at once.

    All raise ``StoreError`` when the store cannot do it; its sentence is for whoever runs the server.
    A call that is cancelled has done all or nothing.
    """

    @property
    def epoch(self) -> str:
        """Which history this is: another value means that sequence numbers began anew."""

    @property
    def damage(self) -> str | None:
        """A sentence, once it is known that what the store holds is damaged: then it stores nothing any more."""

    async def load(self) -> Snapshot:
        """Everything but the logs, and of the last :data:`SENT` lines where those stand that were sent under an id."""

    async def commit(self, records: Sequence[Record]) -> None:
        """Make all these changes, in their order, or none of them; what was committed is durable.

        ``Save...`` makes something, or replaces it whole. With an account go its devices, memberships,
        invitations, reading positions, mentions and bans, with a room all that refers to it, with a
        membership its reading position and mentions. A ``Redact``, and an ``Amend`` with another text,
        also blanks the ``text`` in the events of earlier edits of its line: those of the kind ``edited``
        whose target it is. What changes a line that is not kept any more does nothing.

        Raises ``StoreError``, and nothing of it is stored: also for a line that does not follow its
        room's last one. On cancellation either all or nothing is stored.
        """

    async def read(
        self, room: int, after: int | None, before: int | None, limit: int, *, floor: int = 0, size: int | None = None
    ) -> Stretch:
        """At most ``limit`` events after ``after`` (oldest first), or the last before ``before``, or the
        newest; always in the order of their sequence, and as if there were none up to ``floor``. With ``size`` so
        many that they have no more bytes together, but one at the least."""

    async def look_up(self, room: int, seq: int) -> Kept | None:
        """One line as it is now; ``None`` where there is none, or no longer."""

    async def find(self, sender: int, cid: str) -> Place | None:
        """Where the line stands that ``sender`` sent under this id; one of them, should there be several."""

    async def seq_at(self, room: int, time: str) -> int:
        """The last sequence number before that time: reading ``after`` it gives what came since.

        One less than the oldest kept when all that is kept is later.
        """

    async def search(self, query: SearchQuery) -> Found:
        """Find lines by their words, newest first. Any text is a valid word; one without letters, digits or
        signs finds nothing. Deleted texts are not found; those not indexed yet neither."""

    async def index_some(self, limit: int) -> int:
        """Take up to ``limit`` lines into the search index, and do one bounded piece of what else waits:
        removing dropped rooms' lines, and what deleted texts left behind.

        To be called off the path of delivery, again and again. Returns how much is left to do (0: nothing).
        """

    async def prune(self, now: datetime, keep: float | None) -> dict[int, int]:
        """Remove what is older than ``keep`` days (``None`` or 0: nothing), a room's own ``keep`` coming first.

        Goes in bounded steps, between which others are served; cancelled, it keeps the steps it did.
        Returns the rooms that lost lines, each with the oldest sequence number kept now.
        """

    async def check_writable(self) -> None:
        """Write as much as a long message takes, durably, and remove it.

        Raises ``StoreError``, which says why that cannot be.
        """

    async def check_in_place(self) -> None:
        """See that what it writes to is where it was, and save what else would be lost; writes nothing.

        Raises ``StoreError`` where it was removed or replaced.
        """

    async def look_over(self) -> None:
        """Read all that there is and see that it holds together; what is wrong is :attr:`damage` from then on.

        Takes long in a big store, and keeps nobody waiting; cancelled, it stops at once.
        """

    async def notes(self, limit: int, before: int | None = None) -> list[AuditLine]:
        """The newest lines of the audit log (before the one numbered ``before``), newest first."""

    async def aclose(self) -> None:
        """Let go of everything, once what is being done is done. A second time does nothing."""

    def statistics(self) -> Statistics:
        """What it did so far; waits for nothing."""
