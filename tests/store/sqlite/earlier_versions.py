"""Databases of earlier versions, as SQL text that those versions wrote."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Final

ADAS_TOKEN: Final = "VDSd_9QT9UFWUM5b_JkDI_Kv3D4AnnYh"
"""The token of Ada's device in the first of them."""


def lay_down(version: int, path: Path) -> None:
    """Create the database of that version at ``path``, in a new directory."""
    path.parent.mkdir(mode=0o700, parents=True)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript((Path(__file__).parent / "schemas" / f"{version}.sql").read_text(encoding="utf-8"))
