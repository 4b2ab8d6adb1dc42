"""A request as its handler gets it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable

    from trio_chat.server.doors.http.body import RequestBody
    from trio_chat.server.doors.http.heads import Head


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request, valid until its response is sent.

    ``params`` has the segments of the path that the route names. ``address`` is that of the client, also behind a
    trusted proxy. ``encrypted``: it came over TLS. ``held`` is closed when the response is sent, or given up: it takes
    what the response needs so long, such as an open file. :meth:`begin_transfer` is for requests whose token is known.
    """

    head: Head
    params: dict[str, str]
    address: str
    encrypted: bool
    body: RequestBody
    held: contextlib.ExitStack = field(repr=False)
    transferring: Callable[[], contextlib.AbstractContextManager[None]] = field(repr=False)

    def begin_transfer(self) -> None:
        """Count the exchange as a transfer up to its end. It has no place among the newcomers meanwhile, so it does
        not give way to others that prove nothing. Call it once."""
        self.held.enter_context(self.transferring())
