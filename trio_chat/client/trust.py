"""The checks of a server before a client sends it anything secret: the pin, the certificate, the proof.

Theory of operation. A server is its key, and its fingerprint names it. A client expects a fingerprint at an address
when its link has a pin, or when it met the server there before. It reaches the server in one of these ways:

1. TLS with a certificate of the expected key: the handshake has proved everything, and the credentials go into the
   headers of the upgrade.
2. TLS for which the system's authorities (or those of the application) vouch, or no TLS: the upgrade carries a nonce
   and no credentials. The response shows the server's key, and its signature over the nonce and the address that was
   dialled. Only then the credentials follow, in the first message.
3. TLS with an unknown certificate, at an address where nothing is expected: as 2, but the key that the response shows
   must be that of the certificate. The person is told its fingerprint.

A server that shows no key is of an earlier version. It is known by its address, as earlier clients knew it, where
nothing else is expected. An identity for one run of a server is never kept.

A signature is worth nothing over TLS that nobody vouches for: whoever stands in between would pass the nonce on. So no
other TLS is accepted than these.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import ssl
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import trio

from trio_chat.client.admission import NoTls, Setback, SpeaksTls
from trio_chat.client.dialling import authority_reached
from trio_chat.client.refused_identity import (
    certificate_untrusted,
    no_longer_verified,
    no_tls_any_more,
    not_proven,
    other_pin,
    other_server,
    plain_refused,
)
from trio_chat.client.server_contact import ServerContact
from trio_chat.client.tls import key_context, key_of_peer, open_tls, system_context
from trio_chat.client.wire import OpenStream, explain_unreachable, open_tcp, reached
from trio_chat.errors import ChatError
from trio_chat.protocol.fingerprint import Fingerprint
from trio_chat.protocol.proof import IDENTITY, NONCE, NONCE_SIZE, PROOF, TEMPORARY, make_statement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trio_chat.client.address import Address, GivenAddress
    from trio_chat.client.known_servers import KnownServers
    from trio_chat.client.options import StreamOptions
    from trio_chat.client.server_records import KnownServer


@dataclass(slots=True)
class OpenedStream:
    """A byte stream to a server, and all that its TLS has shown.

    - ``authority``: the ``Host`` header for it, for which the server signs.
    - ``key``: the fingerprint of the certificate's key. ``verified``: the authorities vouched for it.
    - ``proven``: the key is the one that was expected, so that nothing more need be proved.
    - ``unchecked``: the application's context looks at no certificate, so that a signature says nothing.
    - ``why``: the reason for which the authorities do not vouch for it; then only its own key can.
    """

    stream: trio.abc.Stream
    authority: str
    key: Fingerprint | None = None
    verified: bool = False
    proven: bool = False
    unchecked: bool = False
    why: str = ""


class Trust:
    """Decides for one chat, at each of its connections, whether the server that answers is the right one.

    ``tell`` is called once, when the server has shown who it is, and before it gets any secret.
    """

    def __init__(
        self,
        given: GivenAddress,
        known: KnownServers,
        options: StreamOptions,
        tell: Callable[[ServerContact], None] | None = None,
    ) -> None:
        self._tell = tell
        self._given = given
        self._known = known
        self._options = options
        self._address = given.address
        self._held: Fingerprint | None = None  # the key that the first connection showed, for the next ones
        self._met = False
        self.contact = ServerContact()

    def __repr__(self) -> str:
        return f"<Trust in {self._address.authority}, {self.contact}>"

    @property
    def address(self) -> Address:
        """The server's address. Its TLS may have been found out."""
        return self._address

    def may_move_to_tls(self, setback: Setback) -> bool:
        """Go on with TLS, where no scheme was given and the server answered that it speaks TLS. Never back."""
        if self._given.explicit or self._address.tls or not isinstance(setback, SpeaksTls):
            return False
        self._address = self._address._replace(tls=True)
        return True

    def again(self) -> Trust:
        """The trust for a further connection, to this same server: by its key, if it has shown one."""
        given = replace(self._given, address=self._address, pin=self.contact.fingerprint or self._given.pin)
        return Trust(given, self._known, self._options)

    # ---- reaching ------------------------------------------------------------------------------

    async def reach(self) -> OpenedStream:
        """Open a stream to the server. Nothing secret may be sent yet, unless it is ``proven``.

        Raises :class:`~trio_chat.client.admission.Setback`.
        """
        before, expected = self._look_up()
        if before is not None and before.tls and not self._given.explicit:
            self._address = self._address._replace(tls=True)
        try:
            return await self._reach(before, expected)
        except NoTls as setback:
            if self._given.pin is None and (before is None or not before.tls):
                raise
            raise no_tls_any_more(self._address, again=setback.again) from None

    async def _reach(self, before: KnownServer | None, expected: Fingerprint | None) -> OpenedStream:
        address, options = self._address, self._options
        if options.open_stream is not None:
            return await self._reach_through(options.open_stream, expected)
        if not address.tls:
            if before is not None and before.verified:
                raise plain_refused(address)
            plain = await reached(address, open_tcp(address))
            return OpenedStream(plain, authority_reached(address, plain))
        if options.ssl_context is not None:
            tls = await reached(address, open_tls(address, options.ssl_context))
            opened = self._opened(tls, expected)
            opened.unchecked = options.ssl_context.verify_mode is ssl.CERT_NONE
            return opened
        if before is not None and before.verified:
            return await self._reach_verified(expected)
        return await self._reach_by_key(expected) if expected is not None else await self._reach_first()

    async def _reach_through(self, open_stream: OpenStream, expected: Fingerprint | None) -> OpenedStream:
        """Reach the server by a stream of the application's own, which may have TLS."""
        address, key = self._address, None
        stream = await reached(address, open_stream(address))
        if isinstance(stream, trio.SSLStream):
            try:
                await stream.do_handshake()
            except (OSError, trio.BrokenResourceError) as error:
                await trio.aclose_forcefully(stream)
                raise explain_unreachable(address, error) from error
            key = key_of_peer(stream)
        return OpenedStream(stream, address.host_header, key, proven=expected is not None and key == expected)

    def _look_up(self) -> tuple[KnownServer | None, Fingerprint | None]:
        """The record of this address, and the fingerprint that is expected there."""
        try:
            before = self._known.find(self._address.url)
        except ChatError as error:
            raise Setback(error, again=False) from None
        known, pin = before.identity if before is not None else None, self._given.pin
        if known is not None and pin is not None and known != pin:
            raise other_pin(self._address, known, pin)
        return before, pin or known or self._held

    async def _reach_verified(self, expected: Fingerprint | None) -> OpenedStream:
        address = self._address
        try:
            tls = await open_tls(address, system_context())
        except (OSError, trio.BrokenResourceError) as error:
            if (why := _verification_fault(error)) is not None:
                raise no_longer_verified(address, why) from None
            raise explain_unreachable(address, error) from error
        return self._opened(tls, expected, verified=True)

    async def _reach_by_key(self, expected: Fingerprint) -> OpenedStream:
        address = self._address
        tls = await reached(address, open_tls(address, key_context()))
        opened = self._opened(tls, expected)
        if opened.proven:
            return opened
        await trio.aclose_forcefully(tls)
        try:  # a proxy with a certificate of the authorities may stand in front of the server now
            verified = await open_tls(address, system_context())
        except (OSError, trio.BrokenResourceError) as error:
            if _verification_fault(error) is not None:
                raise other_server(address, expected, opened.key) from None
            raise explain_unreachable(address, error) from error
        return self._opened(verified, expected, verified=True)

    async def _reach_first(self) -> OpenedStream:
        address = self._address
        try:
            tls = await open_tls(address, system_context())
        except (OSError, trio.BrokenResourceError) as error:
            why = _verification_fault(error)
            if why is None:
                raise explain_unreachable(address, error) from error
        else:
            return self._opened(tls, None, verified=True)
        unknown = await reached(address, open_tls(address, key_context()))
        opened = self._opened(unknown, None)
        opened.why = why
        return opened

    def _opened(
        self, tls: trio.SSLStream[trio.SocketStream], expected: Fingerprint | None, *, verified: bool = False
    ) -> OpenedStream:
        key = key_of_peer(tls)
        proven = expected is not None and key == expected
        return OpenedStream(tls, authority_reached(self._address, tls), key, verified, proven)

    # ---- checking ------------------------------------------------------------------------------

    def take_proven(self, opened: OpenedStream) -> None:
        """Note a server whose TLS has proved that it has the expected key. Raises ``Setback``."""
        self._meet(opened, opened.key, temporary=False)

    def make_nonce(self) -> tuple[bytes, tuple[bytes, bytes]]:
        """A fresh nonce, and the header that carries it."""
        nonce = secrets.token_bytes(NONCE_SIZE)
        return nonce, (NONCE.encode(), base64.b64encode(nonce))

    def check(self, opened: OpenedStream, headers: Mapping[str, str], nonce: bytes) -> None:
        """Check the response to an upgrade that carried the nonce, its headers by their names in lower case, and note
        the server. After that the credentials may be sent.

        Raises :class:`~trio_chat.client.admission.Setback` when it is not the right server.
        """
        _, expected = self._look_up()
        shown = _decode(headers.get(IDENTITY.lower()))
        found = Fingerprint.of_key(shown) if shown else None
        temporary = headers.get(TEMPORARY.lower(), "") == "1"
        if opened.why:
            if found is None or found != opened.key:
                raise certificate_untrusted(self._address, opened.why)
        elif found is not None and found != opened.key:
            signature = None if opened.unchecked else _decode(headers.get(PROOF.lower()))
            if signature is None and expected is None:
                found = None  # it cannot prove it at this address, so the address is all that is known of it
            elif expected is not None and found != expected:
                raise other_server(self._address, expected, found)
            elif not _is_signed(shown or b"", make_statement(nonce, opened.authority), signature or b""):
                raise not_proven(self._address, found, signed=signature is not None)
        if expected is not None and found != expected:
            raise other_server(self._address, expected, found)
        self._meet(opened, found, temporary=temporary)

    def _meet(self, opened: OpenedStream, found: Fingerprint | None, *, temporary: bool) -> None:
        """Remember the server, for this chat and for the next ones."""
        before, _ = self._look_up()
        kept = None if temporary or found is None else found
        if found is not None and (kept is not None or opened.key is not None):
            self._held = found
        first = found is not None and self._given.pin is None and (before is None or before.identity is None)
        first = self.contact.first if self._met else first
        elsewhere = self.contact.elsewhere
        if first and not self._met and found is not None:
            elsewhere = self._known.addresses(found)
        self.contact = ServerContact(found, temporary, opened.verified, self._address.tls, first, elsewhere)
        if not self._met and self._tell is not None:
            self._tell(self.contact)
        self._met = True
        try:
            self._known.meet(self._address.url, kept, verified=opened.verified, tls=self._address.tls)
        except ChatError as error:
            if not isinstance(error.__cause__, OSError):  # without room for it, the server is met anew the next time
                raise Setback(error, again=False) from None


def _decode(value: str | None) -> bytes | None:
    with suppress(binascii.Error, ValueError):
        return base64.b64decode(value, validate=True) if value else None
    return None


def _is_signed(public_key: bytes, statement: bytes, signature: bytes) -> bool:
    """Whether the statement is signed by the key, of the only kind that servers have."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm  # noqa: PLC0415 - they take 15 ms
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415 - as above

    try:
        key = load_der_public_key(public_key)
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            return False
        key.verify(signature, statement, ec.ECDSA(SHA256()))
    except (ValueError, UnsupportedAlgorithm, InvalidSignature):
        return False
    return True


def _verification_fault(error: Exception) -> str | None:
    """The reason for which the authorities do not vouch for a certificate; ``None`` for another failure."""
    fault = error.__cause__ if isinstance(error, trio.BrokenResourceError) else error
    return fault.verify_message if isinstance(fault, ssl.SSLCertVerificationError) else None
