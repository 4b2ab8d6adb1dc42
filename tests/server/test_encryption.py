"""TLS of a whole server: who speaks it, what others are told, and a certificate that changes while people talk."""

from __future__ import annotations

import datetime as dt
import json
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from trio_websocket import open_websocket_url

import trio_chat
from tests.certificates import Made, make_certificate
from tests.server.live_server import LiveServer, Log, Serve
from tests.server.raw_client import head
from trio_chat.errors import ConfigError
from trio_chat.server.encryption import Encryption
from trio_chat.server.net.certificate import show_certificate


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A certificate for 127.0.0.1, as files in ``tmp_path``."""
    certificate = make_certificate("127.0.0.1")
    certificate.write(tmp_path)
    return certificate


@pytest.fixture
def files(tmp_path: Path, made: Made) -> dict[str, Path]:
    """The settings that name the certificate and its key."""
    del made  # it wrote them
    return {"cert": tmp_path / "cert.pem", "key": tmp_path / "key.pem"}


def trusting(made: Made) -> ssl.SSLContext:
    """A client's settings that believe this certificate alone."""
    return ssl.create_default_context(cadata=made.pem.decode())


async def talk(url: str, context: ssl.SSLContext, name: str) -> str:
    """Join, say something, and return the type of the answer."""
    async with open_websocket_url(url, ssl_context=context, extra_headers=[(b"Username", name.encode())]) as websocket:
        while json.loads(await websocket.get_message())["type"] != "welcome":
            pass
        await websocket.send_message('{"type":"send","id":"q1","room":"#lobby","text":"hello"}')
        while True:
            event = json.loads(await websocket.get_message())
            if event.get("id") == "q1" and event["type"] != "message":
                return str(event["type"])


async def run(*argv: str, stdin: bytes = b"") -> tuple[int, str]:
    """A program's exit status and all that it says."""
    done = await trio.run_process(argv, stdin=stdin, check=False, capture_stdout=True, capture_stderr=True)
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


def port(live: LiveServer) -> int:
    """The server's port."""
    return live.server.addresses[0][1]


# ---- who speaks TLS ------------------------------------------------------------------------------


async def test_with_a_certificate_people_talk_over_tls(serve: Serve, files: dict[str, Path], made: Made) -> None:
    live = await serve(**files)
    (url,) = live.server.urls
    assert url == f"wss://127.0.0.1:{port(live)}/"
    assert await talk(url, trusting(made), "ada") == "ok"


async def test_beyond_loopback_the_certificate_is_that_of_the_servers_own_key(serve: Serve) -> None:
    live = await serve(host="0.0.0.0", open=True)
    assert live.server.urls == [f"wss://0.0.0.0:{port(live)}/"]
    own = live.server.identity.public_key
    with trio.fail_after(10):
        pem = await trio.to_thread.run_sync(ssl.get_server_certificate, ("127.0.0.1", port(live)))
    key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    assert key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == own


async def test_openssl_and_curl_speak_to_it(serve: Serve, files: dict[str, Path], tmp_path: Path) -> None:
    live = await serve(**files)
    address = f"127.0.0.1:{port(live)}"
    status, said = await run(
        "openssl", "s_client", "-connect", address, "-alpn", "http/1.1", "-CAfile", str(tmp_path / "cert.pem")
    )
    assert status == 0
    assert "Verify return code: 0 (ok)" in said
    assert "ALPN protocol: http/1.1" in said
    assert "Compression: NONE" in said
    status, said = await run("openssl", "s_client", "-connect", address, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    assert status != 0
    assert "alert protocol version" in said
    status, said = await run("curl", "-sS", "--cacert", str(tmp_path / "cert.pem"), f"https://{address}/healthz")
    assert status == 0
    assert json.loads(said)["status"] == "ok"


async def test_renegotiation_is_refused(serve: Serve, files: dict[str, Path]) -> None:
    live = await serve(**files)
    status, said = await run(
        "openssl", "s_client", "-connect", f"127.0.0.1:{port(live)}", "-tls1_2", "-legacy_renegotiation", stdin=b"R\n"
    )
    assert status != 0
    assert "no renegotiation" in said


# ---- plain where TLS is spoken, and the other way round ---------------------------------------------


async def test_a_plain_upgrade_is_told_to_use_tls_with_the_address_to_type(
    serve: Serve, files: dict[str, Path]
) -> None:
    live = await serve(**files)
    answer = await live.refused({"Host": "chat.example:8765", "Username": "ada"})
    assert answer.status == 400
    assert answer.json["type"] == "error"
    assert answer.json["code"] == "tls_needed"
    assert answer.json["advice"] == "Type trio-chat join wss://chat.example:8765/ to join it."
    assert live.server.hub.tally.refusals["tls_needed"] == 1
    assert live.server.gate.inside == 0


async def test_a_browser_that_speaks_plain_gets_a_page(serve: Serve, files: dict[str, Path]) -> None:
    live = await serve(**files)
    answer = await live.get("/", headers={"Host": "<b>:8765", "Accept": "text/html,*/*"})
    assert answer.status == 400
    assert answer.headers["content-type"].startswith("text/html")
    assert b"trio-chat join wss://&lt;b&gt;:8765/" in answer.body


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
async def test_peers_of_this_machine_may_ask_for_health_and_figures_without_tls(
    serve: Serve, files: dict[str, Path], path: str
) -> None:
    live = await serve(**files)
    assert (await live.get(path)).status == 200
    assert (await live.get("/")).status == 400


async def test_a_named_proxy_may_speak_plain(serve: Serve, files: dict[str, Path]) -> None:
    live = await serve(**files, open=True, behind_proxy=("127.0.0.1",))
    ada = await live.join("ada")
    assert (await ada.say("hello"))["type"] == "ok"
    assert (
        b"trio-chat join wss://chat.example/"
        in (await live.get("/", headers={"Host": "chat.example", "X-Forwarded-Proto": "https"})).body
    )


async def test_openssl_and_curl_get_a_clear_alert_from_a_server_without_tls(serve: Serve) -> None:
    live = await serve()
    status, said = await run("openssl", "s_client", "-connect", f"127.0.0.1:{port(live)}")
    assert status != 0
    assert "alert protocol version" in said
    status, said = await run("curl", "-sS", f"https://127.0.0.1:{port(live)}/")
    assert status == 35  # curl's number for a handshake that failed
    assert "alert protocol version" in said


async def test_the_client_says_which_scheme_is_right(
    serve: Serve, files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    live = await serve(**files)
    with pytest.raises(trio_chat.Unreachable, match=r"uses TLS\. Replace ws:// by wss://\."):
        async with trio_chat.connect(f"ws://127.0.0.1:{port(live)}/", name="ada"):
            pass
    live = await serve()
    with pytest.raises(trio_chat.Unreachable, match=r"does not use TLS\. Replace wss:// by ws://"):
        async with trio_chat.connect(f"wss://127.0.0.1:{port(live)}/", name="ada"):
            pass


# ---- limits --------------------------------------------------------------------------------------


async def test_a_handshake_has_a_deadline(
    serve: Serve, files: dict[str, Path], autojump_clock: trio.testing.MockClock
) -> None:
    del autojump_clock  # it runs
    live = await serve(**files, handshake_timeout=10.0)
    began = trio.current_time()
    for beginning in (b"", b"\x16\x03\x01\x01\x00"):
        client = await live.knock()
        await client.send(beginning)
        assert await client.read_to_end() == b""
        client.hang_up()
    assert 20.0 <= trio.current_time() - began < 30.0
    assert live.server.hub.tally.refusals["head_timeout"] == 2


async def test_handshakes_are_limited_by_address_before_any_work(serve: Serve, files: dict[str, Path]) -> None:
    live = await serve(**files)
    for _ in range(70):
        client = await live.knock(source="127.0.0.9")
        client.hang_up()
    client = await live.knock(source="127.0.0.9")
    assert await client.read_to_end() == b""
    assert live.server.hub.tally.refusals["too_many_attempts"] > 0


async def test_a_handshake_that_fails_is_counted_and_logged_with_its_reason(
    serve: Serve, files: dict[str, Path], logged: Log
) -> None:
    live = await serve(**files)
    client = await live.knock()
    await client.send(b"\x16\x03\x01\x00\x05hello")
    assert (await client.read_to_end())[:1] == b"\x15"
    client.hang_up()
    assert live.server.hub.tally.refusals["bad_handshake"] == 1
    while not any(entry.get("code") == "bad_handshake" for entry in logged.entries):
        await trio.lowlevel.checkpoint()
    (entry,) = [entry for entry in logged.entries if entry.get("code") == "bad_handshake"]
    assert entry["address"] == "127.0.0.1"
    assert entry["why"]


async def test_a_server_that_stops_does_not_wait_for_a_handshake(serve: Serve, files: dict[str, Path]) -> None:
    live = await serve(**files, shutdown_grace=60.0)
    client = await live.knock()
    await client.send(b"\x16\x03\x01")
    while not live.server._entrance.waits.scopes:
        await trio.lowlevel.checkpoint()
    with trio.fail_after(30):
        await live.end()


# ---- another certificate ----------------------------------------------------------------------------


async def test_a_reload_shows_the_new_certificate_and_drops_nobody(
    serve: Serve, files: dict[str, Path], made: Made, tmp_path: Path
) -> None:
    live = await serve(**files)
    (url,) = live.server.urls
    headers = [(b"Username", b"ada")]
    async with open_websocket_url(url, ssl_context=trusting(made), extra_headers=headers) as websocket:
        while json.loads(await websocket.get_message())["type"] != "welcome":
            pass
        renewed = make_certificate("127.0.0.1", days=50)
        renewed.write(tmp_path)
        expected = f"{renewed.certificate.not_valid_after_utc:%Y-%m-%d}"
        assert await live.server.reload() == f"New connections get the certificate that is valid until {expected}."
        assert await talk(url, trusting(renewed), "bob") == "ok"
        await websocket.send_message('{"type":"ping","id":"q1"}')
        while json.loads(await websocket.get_message()).get("id") != "q1":
            pass


async def test_a_reload_that_fails_keeps_the_old_certificate(
    serve: Serve, files: dict[str, Path], made: Made, tmp_path: Path
) -> None:
    live = await serve(**files)
    (url,) = live.server.urls
    (tmp_path / "cert.pem").write_bytes(make_certificate().pem)
    with pytest.raises(ConfigError, match="is not the key of the first certificate"):
        await live.server.reload()
    make_certificate("127.0.0.1", days=-1).write(tmp_path)
    with pytest.raises(ConfigError, match=r"expired on .* The old one stays in use"):
        await live.server.reload()
    assert await talk(url, trusting(made), "ada") == "ok"


async def test_a_reload_without_a_certificate_of_ones_own_says_so(serve: Serve) -> None:
    assert "no TLS" in await (await serve()).server.reload()
    assert "the server's own key" in await (await serve(host="0.0.0.0", open=True)).server.reload()


class Calendar:
    """A clock for the validity of certificates."""

    def __init__(self) -> None:
        self.now = dt.datetime.now(dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.now


def encryption(days: float, now: Callable[[], dt.datetime], *, renewable: bool = True) -> Encryption:
    """An encryption whose certificate ends in so many days."""
    made = make_certificate(days=days)
    return Encryption(lambda: show_certificate(made.pem, made.key_pem), renewable=renewable, now=now)


def events(logged: Log) -> list[tuple[str, Any]]:
    return [(entry["event"], entry.get("days")) for entry in logged.entries]


async def test_the_log_warns_once_a_day_of_a_certificate_that_ends_soon(
    logged: Log, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    del autojump_clock  # it runs
    calendar = Calendar()
    nursery.start_soon(encryption(15.5, calendar).watch)
    for _ in range(16):
        await trio.sleep(3600.0)
        calendar.now += dt.timedelta(days=1)
        await trio.sleep(82800.0)
    await trio.sleep(60.0)
    assert events(logged) == [
        *(("certificate expires soon", days) for days in range(13, -1, -1)),
        ("certificate expired", None),
    ]
    assert logged.take("certificate expired")["advice"] == "renew it, then send the server SIGHUP"


async def test_an_expired_certificate_is_shown_all_the_same_and_the_log_says_so(
    serve: Serve, tmp_path: Path, logged: Log
) -> None:
    made = make_certificate("127.0.0.1", days=-1)
    cert, key = made.write(tmp_path)
    live = await serve(cert=cert, key=key)
    assert logged.take("certificate expired")["on"] == f"{made.certificate.not_valid_after_utc:%Y-%m-%d}"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    assert await talk(live.server.urls[0], context, "ada") == "ok"


async def test_the_figures_have_the_end_of_the_certificate(serve: Serve, files: dict[str, Path], made: Made) -> None:
    live = await serve(**files)
    text = (await live.get("/metrics")).body.decode()
    (line,) = [line for line in text.splitlines() if line.startswith("trio_chat_certificate_expiry_seconds ")]
    assert float(line.split()[1]) == made.certificate.not_valid_after_utc.timestamp()
    plain = await serve()
    assert "trio_chat_certificate_expiry" not in (await plain.get("/metrics")).body.decode()


async def test_pipelined_requests_behind_a_plain_head_change_nothing(serve: Serve, files: dict[str, Path]) -> None:
    live = await serve(**files)
    client = await live.knock()
    await client.send(head("GET", "/", {"Host": "localhost"}) * 2)
    answer = await client.read_answer()
    assert answer.json["code"] == "tls_needed"
