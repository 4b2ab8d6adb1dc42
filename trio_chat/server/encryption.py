"""The TLS of a server: the certificate that it shows, who speaks TLS and who need not, and the certificate's end.

One port serves both. The first byte of a connection tells: a record of TLS with a handshake begins with 0x16 (RFC 8446,
5.1), a request of HTTP with a letter.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final, NoReturn

import structlog
import trio

from trio_chat.addresses import read_authority
from trio_chat.errors import ConfigError, Refusal, refuse
from trio_chat.server.net.certificate import ReadyCertificate, read_certificate, show_certificate
from trio_chat.server.net.tls import Handshakes, TlsTransport

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio_chat.config import ServerConfig
    from trio_chat.server.identity import ServerIdentity
    from trio_chat.server.net.transport import TcpTransport, Transport

HANDSHAKE: Final = b"\x16"
"""The first byte of a connection with TLS."""

ALERT: Final = b"\x15\x03\x01\x00\x02\x02\x46"
"""The answer to a handshake where there is no TLS: a fatal alert, ``protocol_version`` (RFC 8446, 6). It says that no
version of TLS will do, which clients tell apart from a TLS server with other ciphers."""

_SOON: Final = dt.timedelta(days=14)
"""The log warns of a certificate that is valid no longer than this."""

_DAY: Final = 86400.0
"""Seconds between two warnings."""

log = structlog.get_logger()


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Encryption:
    """See the module. ``load`` reads the certificate, again at each :meth:`reload`, and is ``None`` where the server
    speaks no TLS. ``renewable``: it may be another one the next time.

    Raises ``ConfigError`` when the certificate cannot be used.
    """

    def __init__(
        self, load: Callable[[], ReadyCertificate] | None, *, renewable: bool, now: Callable[[], dt.datetime] = _now
    ) -> None:
        self._load = load
        self._renewable = renewable
        self._now = now
        self._shown = load() if load is not None else None
        self._handshakes = Handshakes(slow_key=self._shown is not None and self._shown.slow)
        self._changed = trio.Event()
        if self._shown is not None:
            _warn_of_files(self._shown)

    def __repr__(self) -> str:
        return f"<Encryption {'off' if self._shown is None else f'until {self._shown.expires}'}>"

    @classmethod
    def of(cls, config: ServerConfig, identity: ServerIdentity) -> Encryption:
        """Return the encryption that the settings ask for. Without ``cert`` the certificate is that of the server's
        own key."""
        if not config.speaks_tls:
            return cls(None, renewable=False)
        if config.cert is not None and config.key is not None:
            cert, key = config.cert, config.key
            return cls(lambda: read_certificate(cert, key), renewable=True)

        def show_own() -> ReadyCertificate:
            made = identity.certificate((config.host, *(read_authority(name)[0] for name in config.public_host)))
            return show_certificate(made.chain, made.key)

        return cls(show_own, renewable=False)

    @property
    def on(self) -> bool:
        """Whether the server speaks TLS."""
        return self._shown is not None

    @property
    def shows_own_key(self) -> bool:
        """Whether the certificate is that of the server's own key, so that a handshake proves who the server is."""
        return self._shown is not None and not self._renewable

    @property
    def expires(self) -> float | None:
        """The time at which the certificate's validity ends, in seconds since 1970 (UTC); ``None`` without TLS."""
        return None if self._shown is None else self._shown.expires.timestamp()

    async def open(self, tcp: TcpTransport) -> Transport | Refusal:
        """Do the handshake with a peer that speaks TLS; return the transport of the connection. It is ``tcp`` itself
        for a peer that does not, and where the server does not.

        Returns a refusal when the handshake failed; the peer was sent an alert then. Raises
        ``trio.BrokenResourceError`` when the peer hangs up.
        """
        if self._shown is None or await tcp.peek() != HANDSHAKE:
            return tcp
        transport = TlsTransport(tcp, self._shown.context, self._handshakes)
        why = await transport.handshake()
        return transport if why is None else refuse("bad_handshake", why=why)

    async def reload(self) -> str:
        """Read the certificate's files again, for connections from now on. Returns a sentence about it.

        Raises ``ConfigError`` when they cannot be used, or hold an expired certificate. The server then goes on with
        the one it has.
        """
        if self._load is None or self._shown is None:
            return "The server speaks no TLS, so there is no certificate to read again."
        if not self._renewable:
            return "The certificate is that of the server's own key, so there is none to read again."
        shown = await trio.to_thread.run_sync(self._load)
        if shown.expired(self._now()):
            raise ConfigError(f"The new certificate expired on {shown.expires:%Y-%m-%d}. The old one stays in use.")
        _warn_of_files(shown)
        self._shown, self._handshakes = shown, Handshakes(slow_key=shown.slow)
        self._changed.set()
        return f"New connections get the certificate that is valid until {shown.expires:%Y-%m-%d}."

    async def watch(self) -> NoReturn:
        """Warn in the log, once a day, of a certificate that has expired or soon will, until cancelled."""
        while True:
            self._changed = trio.Event()
            self._warn_of_end()
            with trio.move_on_after(_DAY):
                await self._changed.wait()

    def _warn_of_end(self) -> None:
        if self._shown is None:
            return
        left = self._shown.expires - self._now()
        day = f"{self._shown.expires:%Y-%m-%d}"
        advice = (
            "renew it, then send the server SIGHUP" if self._renewable else "restart the server, which makes another"
        )
        if left <= dt.timedelta():
            log.error("certificate expired", on=day, advice=advice)
        elif left < _SOON:
            log.warning("certificate expires soon", on=day, days=left.days, advice=advice)


def _warn_of_files(shown: ReadyCertificate) -> None:
    for warning in shown.warnings:
        log.warning("certificate", warning=warning)
