"""The interface of a store in three parts, and the values that it answers with.

A store holds the state of the server (accounts, rooms, members, ...), which is loaded once, and the rooms' logs,
which are read in slices. The interface is three protocols, and each user is typed by the part that it needs:

- :class:`StoreReader` reads. Look-ups, history and search need this part.
- :class:`StoreCommitter` stores records. Only the hub, which decides, needs this part.
- :class:`StoreUpkeep` keeps the store in order: the search index, retention, health checks.

:class:`Store` is all three together, for the code that opens and closes a store. The store is changed through
:meth:`StoreCommitter.commit`; the upkeep removes old lines and changes nothing that people see otherwise. No code
outside a store may assume that only its own process writes to that store.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeAlias, runtime_checkable

from msgspec import Struct

from trio_chat.errors import StoreError
from trio_chat.records import AuditNote

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from trio_chat.records import Record, SaveFile, Snapshot


SENT: Final = 4096
"""Number of newest lines whose sent ids :meth:`StoreReader.load` returns. A client that lost its server to a restart
sends its last messages again; reading this many lines takes milliseconds."""


# ---- answers ----------------------------------------------------------------------------------------


class LogSlice(NamedTuple):
    """Part of a room's log, in order. ``more`` tells whether the log goes on in the direction that was asked for,
    and ``first`` is the oldest sequence number that is kept."""

    events: list[bytes]
    more: bool
    first: int


class StoredLine(NamedTuple):
    """A line as it is now: the account that sent it, and its event."""

    sender: int
    event: bytes


class LinePosition(NamedTuple):
    """The place of a line in the rooms' logs, and its time."""

    room: int
    seq: int
    time: str


class LookedUp(NamedTuple):
    """The result of one look-up: lines by room and sequence number, and the positions of lines by sender and by the
    id under which they were sent."""

    lines: dict[tuple[int, int], StoredLine]
    sent: dict[tuple[int, str], LinePosition]


class SearchQuery(Struct, frozen=True):
    """A search for lines.

    A line matches when all of these hold:

    - Its text has all ``words``. A word that splits into several is a phrase; one that ends in ``*`` is a prefix.
    - It is in one of ``rooms``. Each is a pair of a room and a floor: only lines after the floor match.
    - It is from one of ``senders``. Without any, lines of all senders match.
    - Its time is ``after`` or later, and earlier than ``before``. Both are times or beginnings of times.
    - It holds a link, if ``has_link`` is set.
    - It carries a file, if ``has_file`` is set.
    - It carries a file whose name has all words of ``file``, if that is set.

    ``before_id`` continues an earlier search: it is the ``id`` of that search's last hit.
    """

    words: tuple[str, ...] = ()
    rooms: tuple[tuple[int, int], ...] = ()
    senders: tuple[int, ...] = ()
    after: str | None = None
    before: str | None = None
    has_link: bool = False
    limit: int = 50
    before_id: int | None = None
    has_file: bool = False
    file: str | None = None


class Hit(NamedTuple):
    """A line that a search found. ``id`` grows with every line stored, in whatever room."""

    id: int
    room: int
    seq: int
    event: bytes


class SearchResult(NamedTuple):
    """The newest hits, newest first, and whether there are ``more``. ``behind`` is the number of lines, at most,
    that are not in the search index yet, so that no search finds them."""

    hits: list[Hit]
    more: bool
    behind: int


class AuditLine(NamedTuple):
    """A line of the audit log and its number, which grows."""

    id: int
    note: AuditNote


class StoreStatistics(Struct, frozen=True):
    """Counts since the store was opened, and the number of lines by which its search index is ``behind``."""

    commits: int
    lines: int
    failures: int
    behind: int


# ---- outcomes of a commit ---------------------------------------------------------------------------


class CommitStored(Struct, frozen=True):
    """All records are stored durably."""


class CommitRefused(Struct, frozen=True):
    """None of the records is stored, and none ever will be by this commit. ``why`` is a sentence for the person who
    runs the server."""

    why: str


class CommitUnknown(Struct, frozen=True):
    """Either all records are stored or none is, and the store cannot tell which: it lost the connection to its
    engine during the commit, for example. ``why`` is a sentence for the person who runs the server."""

    why: str


CommitOutcome: TypeAlias = CommitStored | CommitRefused | CommitUnknown

STORED: Final = CommitStored()


def require_stored(outcome: CommitOutcome) -> None:
    """Raise ``StoreError`` unless the records of a commit are stored."""
    if not isinstance(outcome, CommitStored):
        raise StoreError(outcome.why)


# ---- the three parts --------------------------------------------------------------------------------


class StoreReader(Protocol):
    """The part of a store that reads.

    Its methods may be called from any task of one event loop, several at once. All raise ``StoreError`` when the
    store cannot be read; its sentence is for the person who runs the server.
    """

    @property
    def epoch(self) -> str:
        """The identity of this history. A different value means that sequence numbers began anew."""

    async def load(self) -> Snapshot:
        """Return everything except the logs, and the sent ids of the last :data:`SENT` lines."""

    async def read(
        self, room: int, after: int | None, before: int | None, limit: int, *, floor: int = 0, size: int | None = None
    ) -> LogSlice:
        """Return at most ``limit`` events of a room, in the order of their sequence.

        They are the first ones after ``after``, or the last ones before ``before``, or without both the newest.
        Events up to ``floor`` are treated as if they were not there. ``size`` bounds the bytes of all events
        together; one event is returned whatever its size.
        """

    async def look_up(self, room: int, seq: int) -> StoredLine | None:
        """Return one line as it is now, or ``None`` if there is no such line any more."""

    async def find(self, sender: int, cid: str) -> LinePosition | None:
        """Return the position of a line that ``sender`` sent under the id ``cid``, any of them if there are several."""

    async def look_up_many(self, lines: Collection[tuple[int, int]], sent: Collection[tuple[int, str]]) -> LookedUp:
        """Many lines, as :meth:`look_up` finds them, and many positions, as :meth:`find` does; all from one state."""

    async def seq_at(self, room: int, time: str) -> int:
        """Return the last sequence number before that time: reading ``after`` it gives the lines since then.

        If all lines that are kept are later, it is one less than the oldest of them.
        """

    async def search(self, query: SearchQuery) -> SearchResult:
        """Find lines by their words, newest first.

        Any text is a valid word; one without letters, digits or signs finds nothing. Deleted texts are not found,
        nor are lines that are not indexed yet.
        """

    async def notes(self, limit: int, before: int | None = None) -> list[AuditLine]:
        """Return the newest lines of the audit log (before the line numbered ``before``), newest first."""


@runtime_checkable
class FileRecords(Protocol):
    """The part of a store that knows the files: not their bytes, but who sent them and which messages carry them. Its
    methods may be called as those of :class:`StoreReader`, and raise what those raise."""

    async def find_file(self, file: str) -> SaveFile | None:
        """Return the file or upload with this id, or ``None`` if there is none."""

    async def list_files(self, *, room: int | None = None, account: int | None = None, limit: int) -> list[SaveFile]:
        """Return the newest files and uploads, newest first: of one room, of one account, or without both of all."""

    async def file_bytes(self, accounts: Collection[int] | None = None) -> dict[int, int]:
        """Return the bytes of all files and uploads of each of these accounts (0 for one without files), or without
        ``accounts`` of every account that has files."""

    async def prune_files(self, now: datetime, days: float) -> int:
        """Remove the files that messages carry and that are older than so many days; the messages stay. Works in
        bounded steps, as :meth:`StoreUpkeep.prune`. Returns the number of files removed."""

    @property
    def files_dropped(self) -> bool:
        """Whether :meth:`dropped_blobs` may have something new since it was last called."""

    async def dropped_blobs(self, limit: int) -> list[str]:
        """Return some digests (SHA-256, hexadecimal) of files that are removed and that no other file has.

        They are stored until :meth:`forget_dropped`, so that their bytes are removed even after a crash.
        """

    async def is_dropped(self, digest: str) -> bool:
        """Return whether :meth:`dropped_blobs` has this digest now. A file that is stored with it takes it away."""

    async def note_dropped(self, digest: str) -> None:
        """Have :meth:`dropped_blobs` tell of a digest, unless a file has it. So bytes that are put in place before a
        file is stored with them are removed if that never happens."""

    async def forget_dropped(self, digests: Collection[str]) -> None:
        """Forget that these digests were dropped: their bytes are gone."""


class StoreCommitter(Protocol):
    """The part of a store that stores records."""

    async def commit(self, records: Sequence[Record]) -> CommitOutcome:
        """Store all these records, in their order, or none of them.

        A ``Save...`` record makes something new or replaces it whole. With an account, its devices, memberships,
        invitations, read positions, mentions and bans are removed; with a room, everything that refers to it; with
        a membership, its read position and mentions. A ``Redact``, and an ``Amend`` with another text, also blanks
        the ``text`` in the events of earlier edits of its line: events of the kind ``edited`` whose target it is.
        A change of a line that is not kept any more does nothing.

        With an account, its uploads are removed, and the files that messages carry stay. With a room, or with lines
        that are too old, the files of their messages are removed.

        A commit is refused, among other reasons, when a line does not follow the last line of its room. On
        cancellation either all records are stored or none. An exception means a bug in the store, and that no
        record is stored.
        """


class StoreUpkeep(Protocol):
    """The part of a store that keeps it in order, beside the chat.

    All methods raise ``StoreError`` when the store cannot do it; its sentence is for the person who runs the
    server. A call that is cancelled has done all of a step or nothing of it.
    """

    @property
    def damage(self) -> str | None:
        """A sentence, once it is known that the stored data is damaged. From then on the store refuses every
        commit."""

    async def index_some(self, limit: int) -> int:
        """Add up to ``limit`` lines to the search index, and do one bounded step of removal: lines of deleted rooms,
        and traces of deleted texts.

        Call it again and again, away from delivery. Returns how much is left to do (0: nothing).
        """

    async def prune(self, now: datetime, keep: float | None) -> dict[int, int]:
        """Remove lines older than ``keep`` days (``None`` or 0: none); a room's own ``keep`` takes precedence. The
        files of their messages go with them.

        Works in bounded steps, and other calls are served between them; if it is cancelled, finished steps stay
        done. Returns the rooms that lost lines, each with the oldest sequence number that is kept now.
        """

    async def check_writable(self) -> None:
        """Write as many bytes as a long message takes, durably, and remove them.

        Raises ``StoreError``, which says why that fails.
        """

    async def check_in_place(self) -> None:
        """Check that the files of the store are still at their place, and save data that would be lost otherwise.

        Writes nothing. Raises ``StoreError`` if a file was removed or replaced.
        """

    async def look_over(self) -> None:
        """Read all stored data and check its integrity; :attr:`damage` tells the result.

        Takes long in a big store and blocks no other call; if it is cancelled, it stops at once.
        """


class Store(StoreReader, StoreCommitter, StoreUpkeep, FileRecords, Protocol):
    """A whole store."""

    def statistics(self) -> StoreStatistics:
        """Return counts of the work done so far, without waiting."""

    async def aclose(self) -> None:
        """Wait for calls that are under way and release all resources. A second call does nothing."""


# ---- what all stores share --------------------------------------------------------------------------


def cutoff(now: datetime, days: float) -> str:
    """Return the time ``days`` before ``now``, written as in records. ``now`` has a time zone."""
    then = (now - timedelta(days=days)).astimezone(UTC)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def fill(events: Iterable[bytes], size: int | None) -> tuple[list[bytes], bool]:
    """Return the first events that have at most ``size`` bytes together, but at least one event, and whether any
    events were left out."""
    taken: list[bytes] = []
    room = float("inf") if size is None else size
    for event in events:
        room -= len(event)
        if room < 0 and taken:
            return taken, True
        taken.append(event)
    return taken, False
