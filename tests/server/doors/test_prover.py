"""The proof of identity in the answer to an upgrade, and the stranger who passes the question on."""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.certificates import make_certificate
from tests.server.live_server import LiveServer, Serve
from tests.server.raw_client import Answer, RawClient
from tests.server.tls_client import knock_over_tls
from trio_chat.protocol.fingerprint import Fingerprint
from trio_chat.protocol.proof import IDENTITY, NONCE, PROOF, TEMPORARY, make_statement

Headers = dict[str, str]
IDENTITY_HEADER, PROOF_HEADER = IDENTITY.lower(), PROOF.lower()


def ask(nonce: bytes, host: str, **more: str) -> Headers:
    return {"Host": host, NONCE: base64.b64encode(nonce).decode(), **more}


def proves(answer: Answer, nonce: bytes, dialled: str) -> bool:
    """Whether an answer proves its identity to a client that dialled this authority."""
    if PROOF_HEADER not in answer.headers:
        return False
    public = serialization.load_der_public_key(base64.b64decode(answer.headers[IDENTITY_HEADER]))
    assert isinstance(public, ec.EllipticCurvePublicKey)
    signature = base64.b64decode(answer.headers[PROOF_HEADER])
    try:
        public.verify(signature, make_statement(nonce, dialled), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def fingerprint_in(answer: Answer) -> Fingerprint:
    return Fingerprint.of_key(base64.b64decode(answer.headers[IDENTITY_HEADER]))


def authority_of(live: LiveServer, host: str | None = None) -> str:
    address, port = live.server.addresses[0]
    return f"{host or address}:{port}"


async def upgraded(live: LiveServer, headers: Headers) -> Answer:
    client = await live.knock()
    answer = await client.upgrade(headers)
    assert answer.status == 101
    return answer


class CountedSignatures:
    """Counts what a server signs."""

    def __init__(self, live: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        sign = live.server.identity.sign

        def counted(statement: bytes) -> bytes:
            self.count += 1
            return sign(statement)

        monkeypatch.setattr(live.server.identity, "sign", counted)


# ---- the proof ------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST"])
async def test_a_client_that_dials_an_authority_of_the_server_gets_a_proof(serve: Serve, host: str) -> None:
    live, nonce = await serve(), secrets.token_bytes(32)
    answer = await upgraded(live, ask(nonce, authority_of(live, host)))
    assert fingerprint_in(answer) == live.server.identity.fingerprint
    assert proves(answer, nonce, authority_of(live, host))
    assert not proves(answer, secrets.token_bytes(32), authority_of(live, host))
    assert not proves(answer, nonce, authority_of(live, "192.0.2.7"))


async def test_a_public_name_is_proved_behind_a_proxy_and_this_machines_is_not(serve: Serve) -> None:
    live, nonce = await serve(public_host=("chat.example",), behind_proxy=("127.0.0.1",)), secrets.token_bytes(32)
    forwarded = {"X-Forwarded-For": "192.0.2.1"}
    answer = await upgraded(live, ask(nonce, "chat.example", **forwarded))
    assert proves(answer, nonce, "chat.example")
    answer = await upgraded(live, ask(nonce, authority_of(live, "localhost"), **forwarded))
    assert PROOF_HEADER not in answer.headers


async def test_the_identity_is_told_to_everybody_and_signed_for_who_asks(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = await serve()
    signatures = CountedSignatures(live, monkeypatch)
    answer = await upgraded(live, {"Host": authority_of(live)})
    assert fingerprint_in(answer) == live.server.identity.fingerprint
    assert PROOF_HEADER not in answer.headers
    assert signatures.count == 0


async def test_a_key_for_one_run_is_told_as_that(serve: Serve, tmp_path: object) -> None:
    answer = await upgraded(await serve(), {"Host": "localhost"})
    assert answer.headers[TEMPORARY.lower()] == "1"
    answer = await upgraded(await serve(data=tmp_path), {"Host": "localhost"})
    assert TEMPORARY.lower() not in answer.headers


@pytest.mark.parametrize(
    "nonce", ["=", "?", base64.b64encode(b"short").decode(), base64.b64encode(b"x" * 33).decode(), "é" * 44]
)
async def test_a_bad_nonce_is_refused_with_the_reason(serve: Serve, nonce: str) -> None:
    live = await serve()
    answer = await live.refused({"Host": authority_of(live), NONCE: nonce})
    assert (answer.status, answer.json["code"]) == (400, "bad_head")
    assert "Trio-Chat-Nonce" in answer.json["message"]


async def test_nothing_is_signed_for_who_is_refused(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    live, nonce = await serve(password="secret", max_connections=1), secrets.token_bytes(32)
    signatures = CountedSignatures(live, monkeypatch)
    asked = ask(nonce, authority_of(live))
    assert (await live.refused({**asked, "Authorization": "Bearer wrong"})).status == 401
    assert (await live.refused(asked, target="/elsewhere")).status == 404
    assert (await live.refused({**asked, "Origin": "https://evil.example"})).status == 403
    client = await live.enter({"Host": authority_of(live), "Authorization": "Bearer secret", "Username": "ada"})
    await client.until("welcome")
    assert (await live.refused(asked)).status == 503
    assert signatures.count == 0


@pytest.mark.parametrize(
    ("certificate", "proxies", "proven"), [(False, (), False), (True, (), True), (False, ("127.0.0.1",), True)]
)
async def test_where_tls_has_proved_the_key_nothing_is_signed_but_for_a_named_proxy(
    serve: Serve, tmp_path: Path, *, certificate: bool, proxies: tuple[str, ...], proven: bool
) -> None:
    if certificate:
        make_certificate("127.0.0.1").write(tmp_path)
    files = {"cert": tmp_path / "cert.pem", "key": tmp_path / "key.pem"} if certificate else {}
    live, nonce = await serve(host="0.0.0.0", open=True, behind_proxy=proxies, **files), secrets.token_bytes(32)
    answer = await (await knock_over_tls(live)).upgrade(ask(nonce, authority_of(live, "localhost")))
    assert fingerprint_in(answer) == live.server.identity.fingerprint
    assert proves(answer, nonce, authority_of(live, "localhost")) is proven


# ---- the stranger ---------------------------------------------------------------------------------


class Stranger:
    """A server that is not ours. It passes the upgrades of its clients on to ours, perhaps changed, and the answers
    back. ``seen`` has the answers of ours."""

    def __init__(self, live: LiveServer, change: Callable[[bytes], bytes], source: str | None) -> None:
        self._live = live
        self._change = change
        self._source = source
        self.authority = ""
        self.seen: list[bytes] = []

    async def serve(self, stream: trio.SocketStream) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            request += await stream.receive_some()
        ours = await self._live.knock(source=self._source)
        await ours.send(self._change(request))
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += await ours.receive()
        self.seen.append(answer)
        await stream.send_all(answer)
        await trio.sleep_forever()


@asynccontextmanager
async def stranger(
    live: LiveServer, change: Callable[[bytes], bytes] = bytes, *, source: str | None = None
) -> AsyncIterator[Stranger]:
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.3")
        one = Stranger(live, change, source)
        one.authority = f"127.0.0.3:{listener.socket.getsockname()[1]}"
        nursery.start_soon(trio.serve_listeners, one.serve, [listener])
        yield one
        nursery.cancel_scope.cancel()


async def dial(one: Stranger, host: str, nonce: bytes) -> Answer:
    """Ask the stranger's server for a proof, as a client that dialled ``host`` and got there."""
    address, _, port = one.authority.rpartition(":")
    client = await RawClient.open((address, int(port)))
    try:
        return await client.upgrade(ask(nonce, host))
    finally:
        client.hang_up()


@pytest.mark.parametrize("source", [None, "127.0.0.2", "127.0.0.3"])
async def test_a_stranger_who_passes_the_question_on_gets_no_signature(serve: Serve, source: str | None) -> None:
    live, nonce = await serve(), secrets.token_bytes(32)
    async with stranger(live, source=source) as one:
        port = one.authority.rpartition(":")[2]
        for host in (one.authority, f"localhost:{port}", f"127.0.0.1:{port}", "chat.example", f"chat.example:{port}"):
            answer = await dial(one, host, nonce)
            assert answer.status == 101
            assert PROOF_HEADER not in answer.headers
    assert all(PROOF.encode() not in seen for seen in one.seen)
    assert len(one.seen) == 5


@pytest.mark.parametrize("named", ["127.0.0.1", "localhost", "chat.example"])
async def test_a_signature_for_our_authority_is_of_no_use_to_a_stranger(serve: Serve, named: str) -> None:
    live, nonce = await serve(public_host=("chat.example",)), secrets.token_bytes(32)
    ours = authority_of(live, named).encode()

    def with_our_host(request: bytes) -> bytes:
        return b"\r\n".join(
            b"Host: " + ours if line.lower().startswith(b"host:") else line for line in request.split(b"\r\n")
        )

    async with stranger(live, with_our_host) as one:
        answer = await dial(one, one.authority, nonce)
    assert PROOF_HEADER in answer.headers  # the stranger has a signature
    assert proves(answer, nonce, ours.decode())  # ... for who dialled us
    assert not proves(answer, nonce, one.authority)  # ... and the client dialled somebody else


async def test_the_strangers_address_is_not_ours_with_our_port_either(serve: Serve) -> None:
    live, nonce = await serve(), secrets.token_bytes(32)
    async with stranger(live) as one:
        answer = await dial(one, authority_of(live, "127.0.0.3"), nonce)
    assert PROOF_HEADER not in answer.headers
