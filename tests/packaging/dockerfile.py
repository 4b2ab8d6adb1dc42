"""Read a Dockerfile, as far as ours goes, and find the files that its build may copy."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Step(NamedTuple):
    """An instruction, its flags (``--from=build``) and the rest of its line."""

    word: str
    flags: dict[str, str]
    rest: str

    @property
    def words(self) -> list[str]:
        """The rest as words: from JSON, or as a shell cuts it."""
        return list(json.loads(self.rest)) if self.rest.startswith("[") else shlex.split(self.rest)


def read(text: str) -> list[Step]:
    """Read the steps of a Dockerfile."""
    lines = "\n".join(line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    steps = []
    for line in lines.replace("\\\n", " ").splitlines():
        word, _, rest = line.partition(" ")
        flags = {}
        while match := re.match(r"\s*--([a-z-]+)=(\S+)\s+", rest):
            flags[match[1]] = match[2]
            rest = rest[match.end() :]
        steps.append(Step(word, flags, rest.strip()))
    return steps


def healthcheck(steps: list[Step]) -> list[str]:
    """The command that asks for the container's health."""
    (step,) = (step for step in steps if step.word == "HEALTHCHECK")
    kind, _, command = step.rest.partition(" ")
    assert kind == "CMD"
    return list(json.loads(command))


def context(root: Path) -> Iterator[Path]:
    """The files that a build sees: those that .dockerignore leaves. The last pattern that fits a file decides."""
    patterns = [line for line in (root / ".dockerignore").read_text("utf-8").splitlines() if line.strip()]
    patterns = [line for line in patterns if not line.startswith("#")]
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        ignored = False
        for pattern in patterns:
            if _fits(name, pattern.removeprefix("!")):
                ignored = not pattern.startswith("!")
        if not ignored and path.is_file():
            yield path


def _fits(name: str, pattern: str) -> bool:
    """Whether a pattern names a path or a folder that it is in. Only ``**/`` at the beginning crosses folders."""
    parts = name.split("/")
    if pattern.startswith("**/"):
        return any(fnmatch.fnmatchcase(part, pattern.removeprefix("**/")) for part in parts)
    depth = pattern.count("/") + 1
    return fnmatch.fnmatchcase("/".join(parts[:depth]), pattern) and len(parts) >= depth
