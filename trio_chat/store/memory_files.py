"""The records of files in a store in memory: the uploads, and the files that messages carry. Their bytes are
elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_chat.store.words import matches, phrases_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from trio_chat.records import SaveFile


class FileTable:
    """Files by their ids, and by the messages that carry them."""

    def __init__(self) -> None:
        self._files: dict[str, SaveFile] = {}
        self._carried: dict[tuple[int, int], set[str]] = {}
        self._with: dict[str, set[str]] = {}
        self.dropped: dict[str, None] = {}
        """Digests that no file has any more."""

    def __repr__(self) -> str:
        return f"<FileTable {len(self._files)} files>"

    def save(self, file: SaveFile) -> None:
        """Keep a file, in the place of what was known of it."""
        self.drop(file.id)
        self._files[file.id] = file
        if file.digest:
            self._with.setdefault(file.digest, set()).add(file.id)
            self.dropped.pop(file.digest, None)
        if file.room:
            self._carried.setdefault((file.room, file.seq), set()).add(file.id)

    def drop(self, file: str) -> None:
        """Forget a file, if it is there."""
        known = self._files.pop(file, None)
        if known is not None and known.digest:
            others = self._with[known.digest]
            others.discard(file)
            if not others:
                del self._with[known.digest]
                self.dropped[known.digest] = None
        if known is not None and known.room:
            carried = self._carried[known.room, known.seq]
            carried.discard(file)
            if not carried:
                del self._carried[known.room, known.seq]

    def note_dropped(self, digest: str) -> None:
        """Note a digest that no file has, if none has it."""
        if digest not in self._with:
            self.dropped[digest] = None

    def drop_line(self, room: int, seq: int) -> None:
        """Forget the files of a message."""
        for file in tuple(self._carried.get((room, seq), ())):
            self.drop(file)

    def drop_uploads(self, account: int) -> None:
        """Forget the uploads of an account."""
        for file in [file for file in self._files.values() if file.account == account and not file.room]:
            self.drop(file.id)

    def drop_older(self, time: str) -> int:
        """Forget the files that messages carry and that are older than a time. Returns how many there were."""
        old = [file.id for file in self._files.values() if file.room and file.time < time]
        for file in old:
            self.drop(file)
        return len(old)

    def find(self, file: str) -> SaveFile | None:
        """The file with this id."""
        return self._files.get(file)

    def newest(self, room: int | None, account: int | None, limit: int) -> list[SaveFile]:
        """The newest files, newest first: of one room, of one account, or of all."""
        found = [f for f in self._files.values() if room in (None, f.room) and account in (None, f.account)]
        return sorted(found, key=lambda file: (file.time, file.id), reverse=True)[:limit]

    def uploads(self) -> tuple[SaveFile, ...]:
        """The files that no message carries, the oldest first."""
        return tuple(sorted((f for f in self._files.values() if not f.room), key=lambda file: (file.time, file.id)))

    def sizes(self, accounts: Collection[int] | None = None) -> dict[int, int]:
        """The bytes of the files of each of these accounts, or of each account that has files."""
        sums: dict[int, int] = dict.fromkeys(accounts or (), 0)
        for file in self._files.values():
            if accounts is None or file.account in accounts:
                sums[file.account] = sums.get(file.account, 0) + file.size
        return sums

    def carries(self, room: int, seq: int, name: str | None) -> bool:
        """Whether a message carries a file, or with a ``name`` one that has all words of it in its name."""
        files = [self._files[file] for file in self._carried.get((room, seq), ())]
        if name is None:
            return bool(files)
        phrases = phrases_of(tuple(name.split()))
        return phrases is not None and any(matches(phrases, file.name) for file in files)
