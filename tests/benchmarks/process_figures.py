"""Memory and descriptors of a process. Linux only."""

from __future__ import annotations

from pathlib import Path

from trio_chat.store import DATABASE


def resident(pid: int) -> tuple[int, int]:
    """Return the resident memory of a process, and the part of it that is no file, in KiB."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines())
    return int(lines["VmRSS"].split()[0]), int(lines["RssAnon"].split()[0])


def count_descriptors(pid: int) -> int:
    """Count a server's descriptors, without those of its database, which it opens once more for concurrent look-ups."""
    names = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            names.append(descriptor.readlink().name)
        except FileNotFoundError:  # it has just been closed
            continue
    return sum(not name.startswith(DATABASE) for name in names)
