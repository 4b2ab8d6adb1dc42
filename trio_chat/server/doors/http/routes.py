"""The route table: which handler answers a request, by its method and path."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from trio_chat.errors import Refusal
    from trio_chat.server.doors.http.requests import HttpRequest
    from trio_chat.server.doors.http.responses import HttpResponse

Handler: TypeAlias = "Callable[[HttpRequest], Awaitable[HttpResponse | Refusal]]"
"""Answers a request. Raises ``BodyCut`` as it gets it from the body: the door then answers with the reason."""


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table.

    ``pattern`` is a path; ``{name}`` in it stands for one segment, which the handler finds in
    :attr:`HttpRequest.params` as it came (not decoded). ``max_body`` is the greatest size of a body in bytes; a handler
    that takes none does not read it. Unless ``any_origin``, requests of other sites' web pages are refused.
    """

    method: str
    pattern: str
    handler: Handler
    max_body: int = 0
    any_origin: bool = False
    matches: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = re.split(r"\{(\w+)\}", self.pattern)
        pattern = "".join(f"(?P<{part}>[^/]+)" if place % 2 else re.escape(part) for place, part in enumerate(parts))
        object.__setattr__(self, "matches", re.compile(pattern))


class RouteMatch(NamedTuple):
    """The route of a request, and the segments of its path that the pattern names."""

    route: Route
    params: dict[str, str]


class RouteTable:
    """See the module. A request with HEAD that has no route of its own goes to that of GET."""

    def __init__(self, routes: Iterable[Route] = ()) -> None:
        self._routes = list(routes)

    def __repr__(self) -> str:
        return f"<RouteTable of {len(self._routes)} routes>"

    def add(self, routes: Iterable[Route]) -> None:
        """Add rows; those added earlier are looked at first."""
        self._routes += routes

    def find(self, method: str, path: str) -> RouteMatch | tuple[str, ...]:
        """Return the route of a request, or the methods that its path has routes for: none if there is no such
        path."""
        found: dict[str, RouteMatch] = {}
        for route in self._routes:
            match = route.matches.fullmatch(path)
            if match is not None:
                found.setdefault(route.method, RouteMatch(route, match.groupdict()))
        if "GET" in found:
            found.setdefault("HEAD", found["GET"])
        return found.get(method) or tuple(found)
