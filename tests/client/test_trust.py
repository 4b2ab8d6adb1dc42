"""Whom a client believes: over real sockets, with real certificates, and with attackers that keep what they get."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

import trio_chat
from tests.certificates import Made, make_certificate
from tests.client.fronts import Front, relay, relay_handshake, serve
from tests.client.scripted import LOBBY, ScriptedIdentity, ScriptedServer
from trio_chat.client import Address, Chat, Identities, tls
from trio_chat.client.backoff import Backoff
from trio_chat.client.credentials import Credentials
from trio_chat.client.known_servers import KnownServers
from trio_chat.client.options import Reconnection, StreamOptions
from trio_chat.client.wire import open_tcp
from trio_chat.errors import IdentityRefused
from trio_chat.protocol.fingerprint import Fingerprint
from trio_chat.protocol.invite_link import make_link

PASSWORD, ACCOUNT, INVITE = "letmein-letmein", "correct-horse-battery", "an-invite-of-22-letters"
TOKEN = "token-of-ada"  # as the scripted server makes it
SECRETS = (PASSWORD, ACCOUNT, INVITE, TOKEN)
GIVEN = Credentials(password=PASSWORD, account_password=ACCOUNT)


class Place:
    """A scripted server with an identity behind a front, and a device that joins it."""

    def __init__(self, server: ScriptedServer, front: Front, port: int, folder: Path) -> None:
        self.server, self.front, self.port = server, front, port
        self.identities = Identities(folder)
        self.known = KnownServers(folder)

    @property
    def identity(self) -> ScriptedIdentity:
        assert self.server.identity is not None
        return self.server.identity

    @property
    def own_certificate(self) -> Made:
        return make_certificate("trio-chat", key=self.identity.key)

    def url(self, scheme: str = "wss") -> str:
        return f"{scheme}://127.0.0.1:{self.port}/"

    def join(self, url: str = "", **more: Any) -> AbstractAsyncContextManager[Chat]:
        more = {"name": "ada", "credentials": GIVEN, **more}
        return trio_chat.connect(url or self.url(), identities=self.identities, **more)

    async def enter(self, url: str = "", **more: Any) -> trio_chat.client.ServerContact:
        """Join, and leave again; returns how the server is known."""
        with trio.fail_after(30):
            async with self.join(url, **more) as chat:
                return chat.contact

    async def refused(self, url: str = "", **more: Any) -> IdentityRefused:
        """The refusal of the server that answers; it got no secret."""
        before = len(self.front.got)
        with trio.fail_after(30), pytest.raises(IdentityRefused) as caught:
            async with self.join(url, **more):
                pass
        said = bytes(self.front.got[before:])
        assert [secret for secret in SECRETS if secret.encode() in said] == []
        return caught.value

    def known_as(self) -> Fingerprint | None:
        found = self.known.find(self.url())
        return found.identity if found is not None else None


@pytest.fixture
async def place(server: ScriptedServer, tmp_path: Path) -> Place:
    """A server with TLS by a certificate of its own key."""
    server.identity = ScriptedIdentity()
    front = Front(server.nursery, serve(server))
    made = Place(server, front, await front.listen(), tmp_path / "state")
    front.made = made.own_certificate
    return made


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Made]:
    """A certificate authority that the system trusts."""
    made = make_certificate("a certificate authority", is_authority=True)
    (tmp_path / "authority.pem").write_bytes(made.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    tls.system_context.cache_clear()
    yield made
    tls.system_context.cache_clear()


@asynccontextmanager
async def stranger(place: Place, made: Made | None) -> AsyncGenerator[Front]:
    """A front before the server, which passes everything on and reads along."""
    honest = Front(place.server.nursery, serve(place.server), place.front.made)
    port = await honest.listen()
    behind = Front(place.server.nursery, serve(place.server))
    plain = await behind.listen()
    before = place.front.handle, place.front.made
    place.front.handle, place.front.made = relay(plain if made is not None else port), made
    yield honest
    place.front.handle, place.front.made = before


# ---- TLS with the server's own key -------------------------------------------------------------


async def test_at_first_contact_the_key_is_pinned_and_told(place: Place) -> None:
    contact = await place.enter()
    assert (contact.fingerprint, contact.first, contact.encrypted) == (place.identity.fingerprint, True, True)
    assert not contact.verified
    assert not contact.temporary
    assert place.known_as() == place.identity.fingerprint
    assert "authorization" not in place.server.session.headers  # it followed when the key was sure
    assert place.server.hellos[-1].password == PASSWORD


async def test_at_another_address_a_known_server_is_told_as_known(place: Place) -> None:
    before = await place.enter()
    other = Front(place.server.nursery, serve(place.server), place.front.made)
    moved = await place.enter(f"wss://127.0.0.1:{await other.listen()}/")
    assert (before.first, before.elsewhere) == (True, ())
    assert (moved.first, moved.elsewhere) == (True, (f"127.0.0.1:{place.port}",))
    assert (await place.enter()).elsewhere == ()  # a contact at a known address is no first one


async def test_who_is_refused_was_told_the_identity_before(place: Place) -> None:
    place.server.refusal = trio_chat.protocol.events.Error(code="wrong_password", message="No.")
    met: list[trio_chat.client.ServerContact] = []
    for _ in range(2):
        with pytest.raises(trio_chat.NotAdmitted):
            await place.enter(met=met.append)
    assert [(contact.fingerprint, contact.first) for contact in met] == [
        (place.identity.fingerprint, True),
        (place.identity.fingerprint, False),
    ]


async def test_over_pinned_tls_the_credentials_come_with_the_upgrade(place: Place) -> None:
    await place.enter()
    contact = await place.enter(name=None)
    assert not contact.first
    headers = place.server.session.headers
    assert headers["authorization"] == f"Bearer {PASSWORD}"
    assert headers["trio-chat-token"] == TOKEN
    assert headers["username"] == "ada"
    assert "trio-chat-nonce" not in headers


async def test_a_pin_in_the_link_needs_no_first_contact(place: Place) -> None:
    contact = await place.enter(make_link(place.url(), place.identity.fingerprint, INVITE), name="ada")
    assert (contact.fingerprint, contact.first) == (place.identity.fingerprint, False)
    assert place.server.session.headers["trio-chat-invite"] == INVITE
    assert place.known_as() == place.identity.fingerprint


async def test_a_certificate_of_the_key_that_has_run_out_is_as_good(place: Place) -> None:
    await place.enter()
    place.front.made = make_certificate("another.example", key=place.identity.key, days=-1)
    assert (await place.enter()).fingerprint == place.identity.fingerprint


async def test_a_self_signed_certificate_of_another_key_than_the_servers_is_not_trusted(place: Place) -> None:
    place.front.made = make_certificate("127.0.0.1")
    with pytest.raises(trio_chat.Unreachable, match="cannot be trusted: self-signed certificate"):
        await place.enter()
    place.server.identity = None  # a server of an earlier version behind it
    with pytest.raises(trio_chat.Unreachable, match="cannot be trusted: self-signed certificate"):
        await place.enter()
    assert PASSWORD.encode() not in place.front.got
    assert place.known_as() is None


@pytest.mark.parametrize("how", ["met before", "by the link"])
@pytest.mark.parametrize("kind", ["its name", "another name", "run out"])
async def test_a_man_in_the_middle_with_a_certificate_of_his_own_gets_nothing(
    place: Place, how: str, kind: str
) -> None:
    if how == "met before":
        await place.enter()
    url = place.url() if how == "met before" else make_link(place.url(), place.identity.fingerprint, INVITE)
    made = make_certificate(
        "elsewhere.example" if kind == "another name" else "127.0.0.1", days=-1 if kind == "run out" else 90
    )
    async with stranger(place, made):
        error = await place.refused(url)
    assert error.expected == place.identity.fingerprint.text
    assert "ANOTHER SERVER" in str(error)
    assert place.identity.fingerprint.words in str(error)
    accepting = re.search(rf"trio-chat trust accept 127\.0\.0\.1:{place.port} ([\w-]+)$", str(error))
    assert accepting is not None
    assert Fingerprint.parse(accepting[1]).text == error.found
    assert not accepting[1].startswith("-")  # it would be an option
    assert len(place.server.sessions) == (1 if how == "met before" else 0)


async def test_a_man_in_the_middle_who_answers_as_another_server_gets_nothing(place: Place) -> None:
    await place.enter()
    impostor = ScriptedServer(place.server.nursery, identity=ScriptedIdentity())
    assert impostor.identity is not None
    place.front.handle, place.front.made = serve(impostor), make_certificate("trio-chat", key=impostor.identity.key)
    error = await place.refused()
    assert error.found == impostor.identity.fingerprint.text
    assert impostor.hellos == []
    assert impostor.sessions == []
    assert place.known_as() == place.identity.fingerprint


async def test_without_the_key_the_right_certificate_shows_nothing(place: Place) -> None:
    await place.enter()
    server = Front(place.server.nursery, serve(place.server), place.front.made)
    tap = Front(place.server.nursery, relay(await server.listen()))
    place.port, before = await tap.listen(), place.identity.fingerprint
    assert (await place.enter(make_link(place.url(), before))).fingerprint == before  # it passes all on, encrypted
    assert len(tap.got) > 500
    assert [secret for secret in SECRETS if secret.encode() in tap.got] == []


async def test_the_right_certificate_with_plain_behind_gets_nothing(place: Place) -> None:
    upgraded = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    server = Front(place.server.nursery, serve(place.server), place.front.made)
    tap = Front(place.server.nursery, relay_handshake(await server.listen(), upgraded))
    place.port = await tap.listen()
    with trio.fail_after(30), pytest.raises(trio_chat.Unreachable):
        async with place.join(make_link(place.url(), place.identity.fingerprint, INVITE)):
            pass
    assert [secret for secret in SECRETS if secret.encode() in tap.got] == []


async def test_tls_never_falls_to_plain(place: Place) -> None:
    await place.enter()
    place.front.made, before = None, len(place.front.got)
    for url in (place.url(), f"127.0.0.1:{place.port}", make_link(place.url(), place.identity.fingerprint, INVITE)):
        with trio.fail_after(30), pytest.raises(trio_chat.Unreachable, match="TLS"):
            async with place.join(url):
                pass
    assert [secret for secret in SECRETS if secret.encode() in place.front.got[before:]] == []
    assert len(place.server.sessions) == 1


async def test_on_this_machine_a_bare_address_moves_to_tls(place: Place) -> None:
    place.front.both = True
    with trio.fail_after(30):
        async with place.join(f"127.0.0.1:{place.port}") as chat:
            assert chat.url == place.url()
            assert chat.contact.encrypted
            assert (await chat.send(LOBBY, "hello")).seq == 1
    tried = place.front.tried
    await place.enter(f"localhost:{place.port}")
    assert place.front.tried == tried + 1  # the second time it begins with TLS


async def test_an_explicit_scheme_stays_as_it_is(place: Place) -> None:
    place.front.both = True
    with pytest.raises(trio_chat.Unreachable, match=r"uses TLS\. Replace ws:// by wss://"):
        await place.enter(place.url("ws"))
    assert PASSWORD.encode() not in place.front.got


async def test_a_reconnection_obeys_the_same_rules(place: Place) -> None:
    impostor = ScriptedServer(place.server.nursery, identity=ScriptedIdentity())
    assert impostor.identity is not None
    again = Reconnection(backoff=Backoff(0.01, 0.01))
    with trio.fail_after(30):
        async with place.join(reconnection=again) as chat:
            await place.server.session.drop()
            async for event in chat:
                if isinstance(event, trio_chat.Reconnected):
                    break
            made = make_certificate("trio-chat", key=impostor.identity.key)
            place.front.handle, place.front.made = serve(impostor), made
            before = len(place.front.got)
            await place.server.session.drop()
            async for _ in chat:
                pass
    assert isinstance(chat.ended, IdentityRefused)
    assert impostor.hellos == []
    assert [secret for secret in SECRETS if secret.encode() in place.front.got[before:]] == []


# ---- plain: the proof by a nonce ---------------------------------------------------------------


async def test_over_plain_the_proof_comes_before_the_credentials(place: Place) -> None:
    place.front.made = None
    contact = await place.enter(place.url("ws"))
    assert (contact.fingerprint, contact.first, contact.encrypted) == (place.identity.fingerprint, True, False)
    headers = place.server.session.headers
    assert not {"authorization", "username", "trio-chat-token", "trio-chat-password", "trio-chat-invite"} & set(headers)
    assert len(base64.b64decode(headers["trio-chat-nonce"])) == 32
    nonce = headers["trio-chat-nonce"]
    assert not (await place.enter(place.url("ws"))).first
    assert place.server.session.headers["trio-chat-nonce"] != nonce


async def test_a_stream_of_the_applications_own_is_proven_by_a_nonce_too(place: Place) -> None:
    place.front.made = None

    async def open_stream(address: Address) -> trio.abc.Stream:
        return await open_tcp(address._replace(host="127.0.0.1", port=place.port, tls=False))

    stream = StreamOptions(open_stream=open_stream)
    contact = await place.enter("wss://chat.example/", stream=stream)
    assert contact.fingerprint == place.identity.fingerprint
    place.server.identity = ScriptedIdentity()
    await place.refused("wss://chat.example/", stream=stream)


@pytest.mark.parametrize("rewritten", [True, False], ids=["with the server's host", "as it came"])
async def test_a_stranger_who_passes_the_nonce_on_gets_nothing_of_the_server(place: Place, *, rewritten: bool) -> None:
    place.front.made = None
    await place.enter(place.url("ws"))
    server = place.server
    own = f"127.0.0.1:{place.port}"
    assert server.identity is not None
    server.identity.own_host = own  # as a real server: it signs for its own authority alone
    strange = Front(server.nursery, relay(place.port, host=own if rewritten else None))
    port = await strange.listen()
    hellos = len(server.hellos)
    if rewritten:
        with pytest.raises(IdentityRefused, match="NOT ITS OWN"):
            await place.enter(f"ws://127.0.0.1:{port}/", credentials=Credentials())
    else:  # the server signs nothing, so the stranger is known by its address alone
        contact = await place.enter(f"ws://127.0.0.1:{port}/", credentials=Credentials())
        assert contact.fingerprint is None
        assert server.hellos[-1].token not in {None, TOKEN}
    assert TOKEN.encode() not in strange.got
    assert len(server.hellos) == hellos + (0 if rewritten else 1)
    with pytest.raises(IdentityRefused):  # with the pin of the link it may not even try
        await place.enter(make_link(f"ws://127.0.0.1:{port}/", place.identity.fingerprint, INVITE))
    assert [secret for secret in SECRETS if secret.encode() in strange.got] == []


@pytest.mark.parametrize("kind", ["earlier", "another", "temporary", "unsigned", "nonsense"])
async def test_at_a_known_address_everybody_else_is_refused(place: Place, kind: str) -> None:
    place.front.made = None
    await place.enter(place.url("ws"))
    own = place.identity.key
    place.server.identity = {
        "earlier": None,
        "another": ScriptedIdentity(),
        "temporary": ScriptedIdentity(temporary=True),
        "unsigned": ScriptedIdentity(own, signs=False),
        "nonsense": ScriptedIdentity(own, nonsense=True),
    }[kind]
    error = await place.refused(place.url("ws"))
    assert error.where == f"127.0.0.1:{place.port}"
    assert len(place.server.hellos) == 1


async def test_a_server_of_an_earlier_version_is_known_by_its_address(place: Place) -> None:
    place.front.made, place.server.identity = None, None
    for _ in range(2):
        contact = await place.enter(place.url("ws"))
        assert (contact.fingerprint, contact.first) == (None, False)
    assert place.server.hellos[-1].token == TOKEN
    assert place.known_as() is None
    place.server.identity = ScriptedIdentity()  # it is brought up to date
    assert (await place.enter(place.url("ws"), name=None)).first
    assert place.server.hellos[-1].token == TOKEN
    assert place.known_as() == place.identity.fingerprint


async def test_a_temporary_identity_is_not_kept(place: Place) -> None:
    place.front.made = None
    for _ in range(2):
        place.server.identity = ScriptedIdentity(temporary=True)
        contact = await place.enter(place.url("ws"))
        assert (contact.fingerprint, contact.temporary) == (place.identity.fingerprint, True)
    assert place.known_as() is None
    assert place.server.hellos[-1].token == TOKEN


async def test_a_server_that_cannot_be_written_down_is_held_to_its_key_as_long_as_the_chat(place: Place) -> None:
    (place.known.directory / ".lock").mkdir(parents=True)  # known-servers.json cannot be locked, so not written either
    with trio.fail_after(30):
        async with place.join(reconnection=Reconnection(backoff=Backoff(0.01, 0.01))) as chat:
            assert chat.contact.first
            assert place.known_as() is None
            place.server.identity = ScriptedIdentity()
            place.front.made = place.own_certificate
            hellos = len(place.server.hellos)
            await place.server.session.drop()
            async for _ in chat:
                pass
    assert isinstance(chat.ended, IdentityRefused)
    assert len(place.server.hellos) == hellos


async def test_over_tls_a_temporary_identity_holds_as_long_as_the_chat(place: Place) -> None:
    place.server.identity = ScriptedIdentity(temporary=True)
    place.front.made = place.own_certificate
    with trio.fail_after(30):
        async with place.join(reconnection=Reconnection(backoff=Backoff(0.01, 0.01))) as chat:
            assert place.known_as() is None
            place.server.identity = ScriptedIdentity(temporary=True)
            place.front.made = place.own_certificate
            await place.server.session.drop()
            async for _ in chat:
                pass
    assert isinstance(chat.ended, IdentityRefused)
    assert len(place.server.hellos) == 1


async def test_a_link_for_another_server_than_the_known_one_is_refused_unasked(place: Place) -> None:
    await place.enter()
    tried = place.front.tried
    error = await place.refused(make_link(place.url(), ScriptedIdentity().fingerprint, INVITE))
    assert "The link is for ANOTHER SERVER" in str(error)
    assert place.front.tried == tried


async def test_accepted_is_what_the_person_accepted(place: Place) -> None:
    await place.enter()
    place.server.identity = ScriptedIdentity()
    place.front.made = place.own_certificate
    error = await place.refused()
    place.known.accept(place.url(), Fingerprint.parse(error.found))
    assert (await place.enter()).fingerprint == place.identity.fingerprint
    assert place.server.session.headers["trio-chat-token"] != TOKEN  # that is for the other server


# ---- the authorities ---------------------------------------------------------------------------


async def test_a_server_behind_a_certificate_of_the_authorities_proves_itself_too(
    place: Place, authority: Made
) -> None:
    place.front.made = make_certificate("127.0.0.1", issuer=authority)
    contact = await place.enter()
    assert (contact.fingerprint, contact.verified) == (place.identity.fingerprint, True)
    assert "authorization" not in place.server.session.headers
    found = place.known.find(place.url())
    assert found is not None
    assert found.verified
    place.server.identity = ScriptedIdentity()
    await place.refused()


@pytest.mark.parametrize("kind", ["own key", "self-signed", "another name", "run out", "plain"])
async def test_where_the_authorities_vouched_nothing_less_is_accepted(place: Place, authority: Made, kind: str) -> None:
    place.front.made = make_certificate("127.0.0.1", issuer=authority)
    await place.enter()
    place.front.made = {
        "own key": place.own_certificate,
        "self-signed": make_certificate("127.0.0.1"),
        "another name": make_certificate("elsewhere.example", issuer=authority),
        "run out": make_certificate("127.0.0.1", issuer=authority, days=-1),
        "plain": None,
    }[kind]
    error = await place.refused(make_link(place.url("ws" if kind == "plain" else "wss"), place.identity.fingerprint))
    assert f"trio-chat trust forget 127.0.0.1:{place.port}" in str(error)


async def test_a_known_server_may_move_behind_the_authorities(place: Place, authority: Made) -> None:
    await place.enter()
    place.front.made = make_certificate("127.0.0.1", issuer=authority)
    contact = await place.enter(name=None)
    assert (contact.fingerprint, contact.verified, contact.first) == (place.identity.fingerprint, True, False)
    assert place.server.hellos[-1].token == TOKEN


@pytest.mark.parametrize("kind", ["another name", "run out"])
async def test_a_certificate_of_the_authorities_that_is_wrong_is_none(place: Place, authority: Made, kind: str) -> None:
    name, days = ("elsewhere.example", 90) if kind == "another name" else ("127.0.0.1", -1)
    place.front.made = make_certificate(name, issuer=authority, days=days)
    with pytest.raises(trio_chat.Unreachable, match="cannot be trusted"):
        await place.enter()
    assert PASSWORD.encode() not in place.front.got


async def test_a_context_of_the_applications_own_vouches_in_place_of_the_system(place: Place, tmp_path: Path) -> None:
    import ssl  # noqa: PLC0415 - only here

    authority = make_certificate("a private authority", is_authority=True)
    place.front.made = make_certificate("127.0.0.1", issuer=authority)
    (tmp_path / "private.pem").write_bytes(authority.pem)
    stream = StreamOptions(ssl_context=ssl.create_default_context(cafile=str(tmp_path / "private.pem")))
    contact = await place.enter(stream=stream)
    assert (contact.fingerprint, contact.verified) == (place.identity.fingerprint, False)
    place.server.identity = ScriptedIdentity()
    await place.refused(stream=stream)


async def test_a_context_that_looks_at_no_certificate_is_no_reason_to_believe_a_signature(place: Place) -> None:
    stream = StreamOptions(ssl_context=tls.key_context())
    async with stranger(place, make_certificate("127.0.0.1")):  # the server's signature, over TLS of somebody else
        assert (await place.enter(stream=stream, credentials=Credentials())).fingerprint is None
    assert (await place.enter(stream=stream)).fingerprint == place.identity.fingerprint
    async with stranger(place, make_certificate("127.0.0.1")):
        await place.refused(stream=stream)
