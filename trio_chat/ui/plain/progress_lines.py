"""Lines about the progress of transfers, for a terminal in line mode. Pure.

Line mode writes a line once and never changes it, so that screen readers can follow. A line a second would be noise: a
quick transfer has none, a slow one has one every :data:`EVERY` seconds, and one when it is paused or goes on.
"""

from __future__ import annotations

from typing import Final

from trio_chat.ui.model.transfers import Transfer, describe

EVERY: Final = 10.0
"""Seconds between two lines about a transfer."""


class ProgressLines:
    """Decides when there is a line about a transfer."""

    def __init__(self) -> None:
        self._told: dict[int, tuple[float, bool]] = {}  # by number: when, and whether it was paused

    def __repr__(self) -> str:
        return f"<ProgressLines of {len(self._told)} transfers>"

    def line(self, transfer: Transfer, now: float) -> str:
        """The line that is due; empty for none."""
        if transfer.over:
            self._told.pop(transfer.number, None)
            return ""
        last, was_paused = self._told.setdefault(transfer.number, (transfer.began, False))
        paused = transfer.state == "paused"
        if paused == was_paused and now - last < EVERY:
            return ""
        self._told[transfer.number] = now, paused
        return describe(transfer, now)
