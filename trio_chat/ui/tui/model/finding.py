"""Reading the argument of ``/search``. Pure."""

from __future__ import annotations

import re
from typing import Final

from trio_chat.protocol.query import BadQuery, Query, parse_query

_HERE: Final = re.compile(r"(?<!\S)in:here(?!\S)", re.IGNORECASE)


def read_query(argument: str, current: str) -> Query | BadQuery:
    """Read a search with :func:`~trio_chat.protocol.query.parse_query`; ``in:here`` means the room ``current``."""
    return parse_query(_HERE.sub(lambda _found: f'in:"{current}"', argument))
