"""Counts refusals, and logs them gathered: strangers decide how many there are, so each must not be a line of the log.

The first refusal of a kind is logged at once. Those of the second after it share one line, which says how many they
were and which address caused the most of them.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NoReturn

import structlog
import trio

if TYPE_CHECKING:
    from trio_chat.server.tally import Tally

_APART: Final = 1.0
"""Seconds between two lines about refusals of one kind."""

_ADDRESSES: Final = 1024
"""Addresses that are counted for one line; further ones only count as refusals. It bounds the memory of a second."""

log = structlog.get_logger()


class _Gathered:
    """The refusals of one kind since the last line about them."""

    __slots__ = ("addresses", "count", "fields")

    def __init__(self, fields: dict[str, object]) -> None:
        self.count = 0
        self.addresses: Counter[str] = Counter()
        self.fields = fields

    def add(self, address: str) -> None:
        """Count one more."""
        self.count += 1
        if address in self.addresses or len(self.addresses) < _ADDRESSES:
            self.addresses[address] += 1


class Refusals:
    """See the module. :meth:`run` writes the lines; without it, refusals are only counted in ``tally``."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._gathered: dict[tuple[str, str], _Gathered] = {}
        self._some = trio.Event()

    def __repr__(self) -> str:
        return f"<Refusals: {sum(kind.count for kind in self._gathered.values())} not logged yet>"

    def note(self, event: str, code: str, address: str, **fields: object) -> None:
        """Count a refusal by its row of the error table, and have it logged as ``event``. Never waits.

        ``fields`` are logged if this refusal gets a line of its own.
        """
        self._tally.refuse(code)
        kind = self._gathered.get((event, code))
        if kind is None:
            kind = self._gathered[event, code] = _Gathered(fields)
        kind.add(address)
        self._some.set()

    async def run(self) -> NoReturn:
        """Log until cancelled; what is not logged by then is logged at the end."""
        try:
            while True:
                await self._some.wait()
                self._log()
                await trio.sleep(_APART)
        finally:
            self._log()

    def _log(self) -> None:
        gathered, self._gathered = self._gathered, {}
        self._some = trio.Event()
        for (event, code), kind in gathered.items():
            ((address, most),) = kind.addresses.most_common(1)
            if kind.count == 1:
                log.info(event, code=code, address=address, **kind.fields)
            else:
                log.warning(
                    event,
                    code=code,
                    count=kind.count,
                    addresses=len(kind.addresses),
                    most_from=address,
                    most=most,
                )
