"""One data directory at several addresses is one server: whoever came before is known, without a question."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

import trio_chat
from tests.certificates import make_certificate
from tests.client.fronts import Front, relay
from tests.ports import find_free_port
from tests.programs import ServerProgram
from trio_chat.client import Identities, KnownServers, tls
from trio_chat.client.credentials import Credentials
from trio_chat.errors import IdentityRefused


class Device:
    """A person's machine, which keeps what it learns."""

    def __init__(self, folder: Path) -> None:
        self.identities = Identities(folder)
        self.known = KnownServers(folder)

    async def enter(self, url: str, name: str | None = None) -> tuple[str, int, trio_chat.client.ServerContact]:
        """Join, and leave again: the name that the server gives, the account, and how the server is known."""
        may_be_new = Credentials(name, made_up=False)
        with trio.fail_after(60):
            async with trio_chat.connect(url, credentials=may_be_new, identities=self.identities) as chat:
                return chat.name, chat.welcome.account, chat.contact


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path / "device")


@contextmanager
def serving(data: Path, *arguments: str, port: int = 0) -> Iterator[ServerProgram]:
    """A server on a data directory, which stops cleanly at the end."""
    with ServerProgram("--data", str(data), *arguments, port=port) as server:
        yield server
        server.stop()


async def test_ada_is_still_ada_at_every_address_of_the_server(device: Device, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data) as server:
        name, account, contact = await device.enter(server.url, "ada")
    fingerprint = contact.fingerprint
    assert (name, fingerprint is not None) == ("ada", True)
    with serving(data) as elsewhere:
        assert elsewhere.port != server.port
        assert (await device.enter(elsewhere.url))[:2] == ("ada", account)
    with serving(data, "--host", "0.0.0.0", "--open") as open_to_all:
        for where in (f"wss://127.0.0.1:{open_to_all.port}/", f"127.0.0.1:{open_to_all.port}"):
            name, number, contact = await device.enter(where)
            assert (name, number, contact.fingerprint, contact.encrypted) == ("ada", account, fingerprint, True)
    assert len(device.known.addresses(contact.fingerprint or pytest.fail("no fingerprint"))) == 3
    assert len(list((tmp_path / "device" / "identities").glob("*.json"))) == 1


async def test_ada_is_still_ada_behind_a_proxy_with_a_certificate_of_the_authorities(
    device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nursery: trio.Nursery
) -> None:
    data = tmp_path / "data"
    with serving(data) as server:
        _, account, contact = await device.enter(server.url, "ada")
    authority = make_certificate("a certificate authority", is_authority=True)
    (tmp_path / "authority.pem").write_bytes(authority.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    tls.system_context.cache_clear()
    try:
        behind = find_free_port()
        proxy = Front(nursery, relay(behind), make_certificate("localhost", issuer=authority))
        port = await proxy.listen()
        public = ("--behind-proxy", "127.0.0.1", "--public-host", f"localhost:{port}", "--open")
        with serving(data, *public, port=behind):
            name, number, met = await device.enter(f"wss://localhost:{port}/")
    finally:
        tls.system_context.cache_clear()
        nursery.cancel_scope.cancel()
    assert (name, number, met.fingerprint, met.verified) == ("ada", account, contact.fingerprint, True)


async def test_another_data_directory_at_the_address_is_another_server(device: Device, tmp_path: Path) -> None:
    with serving(tmp_path / "one") as server:
        await device.enter(server.url, "ada")
    with serving(tmp_path / "other", port=server.port), pytest.raises(IdentityRefused, match="ANOTHER SERVER"):
        await device.enter(server.url)
    with serving(tmp_path / "one", port=server.port):
        assert (await device.enter(server.url))[0] == "ada"


async def test_names_of_an_earlier_version_are_carried_over(device: Device, tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        await device.enter(server.url, "ada")
        token = device.identities.token(server.url, "ada")
        assert token is not None
        by_address = Device(tmp_path / "another")  # as version 0.2.0 left it: by the address alone
        by_address.identities.remember(server.url, "ada", token)
        assert by_address.known.all() == ()
        name, _, contact = await by_address.enter(server.url)
    assert (name, contact.first) == ("ada", True)
    found = by_address.known.find(server.url)
    assert found is not None
    assert found.identity == contact.fingerprint
