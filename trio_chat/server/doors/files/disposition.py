"""How a download names its file: ``Content-Disposition`` (RFC 6266, RFC 8187): pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import quote

_PLAIN: Final = re.compile("[^A-Za-z0-9 !#$&'()+,\\-.;=@\\[\\]^_`{}~]")
"""Characters that do not stand in the plain form: beside those of other scripts the quote and the backslash, that some
clients read as an escape, and the percent sign, that some decode."""

_ATTRIBUTE: Final = "!#$&+^`|"  # beside letters, digits and -._~, which quote() always keeps: attr-char of RFC 8187


def attachment(name: str) -> str:
    """Write the header for a file called ``name``: to be saved, never to be shown.

    Names with more than ASCII come twice: once for every client, with ``_`` for all else, and once in UTF-8.
    """
    base = unicodedata.normalize("NFKD", name)
    plain = _PLAIN.sub("_", "".join(char for char in base if not unicodedata.combining(char))) or "file"
    header = f'attachment; filename="{plain}"'
    return header if plain == name else f"{header}; filename*=UTF-8''{quote(name, safe=_ATTRIBUTE)}"
