"""The HTTP door: heads, the route table, requests with streamed bodies, responses, and the pages of every server.

:class:`HttpDoor` answers requests on a connection; handlers of other packages add their :class:`Route` rows to its
table. ``doors.http.pages`` has the health check, the figures, and the page for browsers.
"""

from trio_chat.server.doors.http.body import BodyCut, RequestBody
from trio_chat.server.doors.http.heads import MAX_HEAD, Head, parse_head
from trio_chat.server.doors.http.requests import HttpRequest
from trio_chat.server.doors.http.responses import FileBody, HttpResponse, refused, render
from trio_chat.server.doors.http.routes import Handler, Route, RouteTable

__all__ = [
    "MAX_HEAD",
    "BodyCut",
    "FileBody",
    "Handler",
    "Head",
    "HttpRequest",
    "HttpResponse",
    "RequestBody",
    "Route",
    "RouteTable",
    "parse_head",
    "refused",
    "render",
]
