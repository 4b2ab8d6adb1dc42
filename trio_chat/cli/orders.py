"""Orders of the server's operator: carried out by the running server, or in the database of a stopped one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from trio_chat.broker.admin import Order, Table


def carry_out(directory: Path, order: Order) -> Table:
    """Have the running server carry out an order; without one, carry it out in the database.

    Raises ``TrioChatError`` when it is refused, or neither is possible.
    """
    from trio_chat.cli.control import administer_running  # noqa: PLC0415 - a help page does not need it
    from trio_chat.cli.offline import administer_stopped  # noqa: PLC0415 - as above

    answer = administer_running(directory, order)
    return administer_stopped(directory, order) if answer is None else answer


def local_time(time: str) -> str:
    """A time from the server, in this machine's time zone."""
    from datetime import datetime  # noqa: PLC0415 - a help page does not need it

    try:
        return f"{datetime.fromisoformat(time).astimezone():%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError):
        return time
