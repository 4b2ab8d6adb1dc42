"""Real sockets, with and without TLS."""

from __future__ import annotations

import socket
import ssl
import struct
from pathlib import Path

import pytest
import trio

import trio_chat
from tests.client.scripted import LOBBY, ScriptedServer
from tests.ipv6 import has_ipv6
from trio_chat.client import tls
from trio_chat.client.options import StreamOptions

CERTIFICATES = Path(__file__).parent / "certificates"  # of localhost, signed by themselves, until 2126


def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "localhost.pem", CERTIFICATES / "localhost.key")
    return context


async def listen(server: ScriptedServer, *, tls: bool, host: str = "127.0.0.1") -> str:
    """Serve on a loopback socket; returns ``HOST:PORT``."""

    async def handle(stream: trio.SocketStream) -> None:
        if not tls:
            await server.serve(stream)
            return
        secure = trio.SSLStream(stream, server_context(), server_side=True, https_compatible=True)
        try:
            await secure.do_handshake()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.aclose_forcefully(stream)
        else:
            await server.serve(secure)

    (listener,) = await trio.open_tcp_listeners(0, host=host)
    await server.nursery.start(trio.serve_listeners, handle, [listener])
    return f"{f'[{host}]' if ':' in host else host}:{listener.socket.getsockname()[1]}"


async def why_not(url: str, **settings: object) -> str:
    with trio.fail_after(30), pytest.raises(trio_chat.Unreachable) as caught:
        async with trio_chat.connect(url, name="ada", **settings):  # type: ignore[arg-type] # whatever a test sets
            pass
    return str(caught.value)


async def test_a_chat_over_plain_tcp(server: ScriptedServer) -> None:
    where = await listen(server, tls=False)
    with trio.fail_after(30):
        async with trio_chat.connect(where, name="ada") as chat:
            assert chat.url == f"ws://{where}/"
            assert (await chat.send(LOBBY, "hello")).seq == 1


async def test_a_chat_over_tls_with_a_context_that_knows_the_certificate(server: ScriptedServer) -> None:
    where = await listen(server, tls=True)
    context = ssl.create_default_context(cafile=CERTIFICATES / "localhost.pem")
    with trio.fail_after(30):
        async with trio_chat.connect(f"wss://{where}/", name="ada", stream=StreamOptions(ssl_context=context)) as chat:
            assert (await chat.send(LOBBY, "hello")).seq == 1


async def test_a_certificate_that_nobody_vouches_for_is_refused(server: ScriptedServer) -> None:
    where = await listen(server, tls=True)
    sentence = await why_not(f"wss://{where}/", wait=True)
    assert sentence.startswith(f"The certificate of {where} cannot be trusted: self-signed certificate")


async def test_plain_text_to_a_tls_server_is_told(server: ScriptedServer) -> None:
    where = await listen(server, tls=True)
    assert "use wss://" in (await why_not(f"ws://{where}/")).lower()


async def test_tls_to_a_plain_server_is_told(server: ScriptedServer) -> None:
    server.answer = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    where = await listen(server, tls=False)
    assert "does not use TLS" in await why_not(f"wss://{where}/")


async def test_hanging_up_in_the_tls_handshake_is_told(server: ScriptedServer) -> None:
    server.answer = b""
    where = await listen(server, tls=False)
    sentence = await why_not(f"wss://{where}/")
    assert sentence.startswith(
        f"{where} closed the connection during the TLS handshake. If it does not use TLS, replace wss://"
    )


async def test_a_reset_in_the_tls_handshake_is_told(server: ScriptedServer) -> None:
    async def reset(stream: trio.SocketStream) -> None:
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await stream.aclose()

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    await server.nursery.start(trio.serve_listeners, reset, [listener])
    sentence = await why_not(f"wss://127.0.0.1:{listener.socket.getsockname()[1]}/")
    assert "closed the connection during the TLS handshake. If it does not use TLS, replace wss://" in sentence


async def test_a_closed_port_is_told(server: ScriptedServer) -> None:
    with trio.socket.socket() as unused:
        await unused.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{unused.getsockname()[1]}"
        assert (await why_not(where)).startswith(f"No server answers at {where}. ")


async def test_an_unknown_host_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(host: str, port: int) -> trio.SocketStream:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(trio, "open_tcp_stream", unknown)
    assert (await why_not("nowhere.invalid")).startswith("There is no host called nowhere.invalid. ")


async def test_an_unknown_network_interface_is_told() -> None:
    why = await why_not("ws://[fe80::1%25nosuch0]/")
    assert why.startswith("This machine has no network interface called nosuch0 for fe80::1. ")


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("zone", ["%251", "%1"], ids=["as in RFC 6874", "plain"])
async def test_a_chat_with_an_ipv6_address_that_has_a_zone(server: ScriptedServer, zone: str) -> None:
    where = await listen(server, tls=False, host="::1")
    with trio.fail_after(30):
        async with trio_chat.connect(f"ws://{where.replace(']', zone + ']')}/", name="ada") as chat:
            assert chat.url == f"ws://{where.replace(']', '%1]')}/"


def test_the_systems_authorities_are_read_once() -> None:
    assert tls.system_context() is tls.system_context()
    assert tls.system_context().verify_mode is ssl.CERT_REQUIRED
    assert tls.system_context().check_hostname
