"""The sentences about a server that is not the one that was expected. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_chat.client.admission import Setback
from trio_chat.errors import IdentityRefused, Unreachable

if TYPE_CHECKING:
    from trio_chat.client.address import Address
    from trio_chat.protocol.fingerprint import Fingerprint

_NOTHING_SENT = "No password, no token and no invite was sent to it."


def _refused(address: Address, expected: Fingerprint | None, found: Fingerprint | None, text: str) -> Setback:
    error = IdentityRefused(
        text,
        where=address.authority,
        expected=expected.text if expected is not None else "",
        found=found.text if found is not None else "",
    )
    return Setback(error, again=False)


def _as_argument(fingerprint: Fingerprint) -> str:
    """A fingerprint as a command takes it: no argument may begin with a dash."""
    return fingerprint.digest.hex() if fingerprint.text.startswith("-") else fingerprint.text


def other_server(address: Address, expected: Fingerprint, found: Fingerprint | None) -> Setback:
    """Another server than the expected one answers, or one that does not show who it is."""
    where = address.authority
    if found is None:
        shown = "The one that answers shows no identity: it is an earlier version, or not the server that you know."
        advice = f"If it is yours and has no identity: trio-chat trust forget {where}"
    else:
        shown = f"The one that answers: {found.words}"
        advice = (
            "Ask its operator for the words that `trio-chat admin identity` shows. Only if they are those of the one "
            f"that answers: trio-chat trust accept {where} {_as_argument(found)}"
        )
    return _refused(
        address,
        expected,
        found,
        f"ANOTHER SERVER answers at {where} than the one that you know. {_NOTHING_SENT}\n"
        f"The one that you know: {expected.words}\n"
        f"{shown}\n"
        f"Somebody may stand between you and the server, or the server was set up anew. {advice}",
    )


def other_pin(address: Address, known: Fingerprint, pin: Fingerprint) -> Setback:
    """The link is for another server than the one that is known at its address."""
    where = address.authority
    return _refused(
        address,
        known,
        pin,
        f"The link is for ANOTHER SERVER at {where} than the one that you know. Nothing was sent.\n"
        f"The one that you know: {known.words}\n"
        f"The one of the link: {pin.words}\n"
        "Somebody may have made a false link, or the server was set up anew. Ask its operator for the words that "
        "`trio-chat admin identity` shows. Only if they are those of the link: "
        f"trio-chat trust accept {where} {_as_argument(pin)}",
    )


def not_proven(address: Address, found: Fingerprint, *, signed: bool) -> Setback:
    """A server shows a key and does not prove that it has it."""
    where = address.authority
    if signed:
        text = (
            f"The server at {where} shows an identity that is NOT ITS OWN: its signature is wrong. {_NOTHING_SENT}\n"
            "Somebody may stand between you and the server. Check the address, and try from another network."
        )
    else:
        text = (
            f"The server at {where} does not prove that it is the one that you know. {_NOTHING_SENT}\n"
            f"Somebody may stand between you and the server, or the server does not know that it is reached as {where}:"
            " then its operator starts it with --public-host."
        )
    return _refused(address, found, None, text)


def no_longer_verified(address: Address, why: str) -> Setback:
    """The authorities vouched for a server before, and do not any more."""
    where = address.authority
    return _refused(
        address,
        None,
        None,
        f"The certificate of {where} cannot be trusted any more: {why}. {_NOTHING_SENT}\n"
        "The system's authorities vouched for it before, so nothing less is accepted there. If its operator gave that "
        f"certificate up: trio-chat trust forget {where}",
    )


def no_tls_any_more(address: Address, *, again: bool) -> Setback:
    """There is no TLS where the server spoke it before, or where a link says that it does. No advice to leave it out:
    whoever stands in between would want just that."""
    sentence = (
        f"{address.authority} did not answer with TLS, as the server that you know there does. Nothing was sent to it. "
        "Somebody may stand between you and the server, or its operator has turned TLS off. Try again, or ask them."
    )
    return Setback(Unreachable(sentence), again=again)


def plain_refused(address: Address) -> Setback:
    """Plain is asked for at an address for which the authorities vouched."""
    where = address.authority
    return _refused(
        address,
        None,
        None,
        f"{where} is known with a certificate that the system's authorities vouch for, so it is not joined without TLS."
        f" Replace ws:// by wss://. If it has given up TLS: trio-chat trust forget {where}",
    )


def certificate_untrusted(address: Address, why: str) -> Setback:
    """Nobody vouches for a certificate, and it is not that of a server's own key either."""
    sentence = f"The certificate of {address.authority} cannot be trusted: {why}."
    return Setback(Unreachable(sentence), again=False)
