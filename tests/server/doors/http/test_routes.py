"""The route table, how responses are written, and the proof of identity in them."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.server.doors.http.file_routes import FileRoutes
from tests.server.live_server import Serve
from tests.server.raw_client import head
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol import proof
from trio_chat.server.doors.http import (
    FileBody,
    HttpRequest,
    HttpResponse,
    Route,
    RouteTable,
    parse_head,
    refused,
    render,
)
from trio_chat.server.doors.http.routes import RouteMatch


async def handler(request: HttpRequest) -> HttpResponse:
    raise NotImplementedError


TABLE = RouteTable(
    [
        Route("GET", "/files/{id}", handler),
        Route("PATCH", "/files/{id}", handler, max_body=5),
        Route("POST", "/files", handler),
        Route("GET", "/a.b", handler),
        Route("HEAD", "/own", handler),
        Route("GET", "/own", handler, max_body=7),
        Route("GET", "/{one}/x/{two}", handler),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "pattern", "params"),
    [
        ("GET", "/files/abc", "/files/{id}", {"id": "abc"}),
        ("PATCH", "/files/a%2Fb", "/files/{id}", {"id": "a%2Fb"}),
        ("HEAD", "/files/abc", "/files/{id}", {"id": "abc"}),
        ("POST", "/files", "/files", {}),
        ("GET", "/1/x/2", "/{one}/x/{two}", {"one": "1", "two": "2"}),
    ],
)
def test_a_request_finds_its_route_and_the_segments(
    method: str, path: str, pattern: str, params: dict[str, str]
) -> None:
    found = TABLE.find(method, path)
    assert isinstance(found, RouteMatch)
    assert (found.route.pattern, found.params) == (pattern, params)


def test_head_has_a_route_of_its_own_or_that_of_get() -> None:
    found = TABLE.find("HEAD", "/own")
    assert isinstance(found, RouteMatch)
    assert (found.route.method, found.route.max_body) == ("HEAD", 0)


@pytest.mark.parametrize(
    ("method", "path", "methods"),
    [
        ("DELETE", "/files/abc", ("GET", "PATCH", "HEAD")),
        ("GET", "/files", ("POST",)),
        ("GET", "/files/", ()),
        ("GET", "/files/a/b", ()),
        ("GET", "/aXb", ()),
        ("GET", "/a.b\n", ()),
        ("get", "/a.b", ("GET", "HEAD")),
    ],
)
def test_a_path_without_a_route_for_a_method_tells_those_it_has(
    method: str, path: str, methods: tuple[str, ...]
) -> None:
    assert TABLE.find(method, path) == methods


def lines(response: HttpResponse, **how: bool) -> list[str]:
    return render(response, **how).decode().split("\r\n")


def test_a_response_has_the_headers_that_all_have() -> None:
    assert lines(HttpResponse(200, "text/plain", b"hello", (("X", "y"),))) == [
        "HTTP/1.1 200 OK",
        "Content-Type: text/plain",
        "Content-Length: 5",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
        "X: y",
        "",
        "hello",
    ]


def test_the_answer_to_head_has_no_body_and_the_size_that_it_would_have() -> None:
    assert lines(HttpResponse(200, "text/plain", b"hello"), body=False)[2] == "Content-Length: 5"
    assert lines(HttpResponse(200, "text/plain", b"hello"), body=False)[-1] == ""
    assert "Content-Length: 77" in lines(HttpResponse(206, "image/png", FileBody(3, 5, 77)), close=False)


@pytest.mark.parametrize("status", [204, 304])
def test_a_response_that_has_no_body_tells_no_size(status: int) -> None:
    assert not [line for line in lines(HttpResponse(status)) if line.startswith("Content-")]


def test_a_handler_may_say_how_long_an_answer_is_kept() -> None:
    said = lines(HttpResponse(200, "image/png", b"", (("Cache-Control", "private, max-age=9"),)))
    assert [line for line in said if line.startswith("Cache-Control")] == ["Cache-Control: private, max-age=9"]


def test_refusals_that_pass_say_when_to_come_again() -> None:
    for code in ("too_many_attempts", "shutting_down"):
        assert ("Retry-After", "2") in refused(refuse(code)).headers
    assert refused(refuse("bad_coding")).headers == ()


@pytest.mark.parametrize("length", ["0", "5", "999999999999999999"])
def test_a_head_tells_the_size_of_its_body(length: str) -> None:
    parsed = parse_head(head("PUT", "/a?b=c", {"Host": "x", "Content-Length": length}))
    assert not isinstance(parsed, Refusal)
    assert (parsed.length, parsed.query) == (int(length), "b=c")
    assert "b=c" not in repr(parsed)


async def test_an_answer_proves_who_the_server_is_if_the_request_asks_for_it(serve: Serve) -> None:
    live = await serve()
    live.server.http.routes.add(FileRoutes().routes)
    client = await live.knock()
    nonce = bytes(range(proof.NONCE_SIZE))
    host = f"127.0.0.1:{live.server.addresses[0][1]}"
    asked = {"Host": host, proof.NONCE: base64.b64encode(nonce).decode()}
    await client.send(head("OPTIONS", "/take", asked) + head("GET", "/healthz", {"Host": host}))
    answer = await client.next_http_answer()
    assert answer.status == 405  # an error too
    key = base64.b64decode(answer.headers[proof.IDENTITY.lower()])
    assert key == live.server.identity.public_key
    signature = base64.b64decode(answer.headers[proof.PROOF.lower()])
    public = load_der_public_key(key)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(signature, proof.make_statement(nonce, host), ec.ECDSA(SHA256()))  # raises where it is another's
    assert proof.IDENTITY.lower() not in (await client.next_http_answer()).headers
    await client.send(head("GET", "/healthz", {"Host": "elsewhere.example", proof.NONCE: asked[proof.NONCE]}))
    assert proof.PROOF.lower() not in (await client.next_http_answer()).headers
    await client.send(head("GET", "/healthz", {"Host": host, proof.NONCE: "short"}))
    refused = await client.read_answer()
    assert (refused.status, refused.json["code"]) == (400, "bad_head")
