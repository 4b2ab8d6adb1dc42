"""The link that a host sends to a guest: an address with the server's fingerprint and, perhaps, an invite. Pure.

``wss://192.0.2.7:8765/#pin=FINGERPRINT&invite=SECRET``. What stands behind the ``#`` is for the client alone: no
request has it in its address.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from trio_chat.protocol.fingerprint import Fingerprint


@dataclass(frozen=True, slots=True)
class LinkParts:
    """The parts of a link beside the address. The secret stays out of ``repr``."""

    pin: Fingerprint | None = None
    invite: str | None = field(default=None, repr=False)


def make_link(url: str, pin: Fingerprint, invite: str | None = None) -> str:
    """Make a link from a server's ``ws://`` or ``wss://`` URL without a fragment."""
    return f"{url}#pin={pin.text}" + (f"&invite={invite}" if invite else "")


def parse_fragment(fragment: str) -> LinkParts:
    """Read what stands behind the ``#`` of a link. Unknown parts are ignored, for links of later versions.

    Raises ``ValueError`` with a sentence on what is wrong, without the secret.
    """
    pin: Fingerprint | None = None
    invite: str | None = None
    for part in fragment.split("&"):
        key, _, value = part.partition("=")
        if key == "pin":
            if pin is not None:
                raise ValueError("The link has two pins. Ask for a new link.")
            try:
                pin = Fingerprint.parse(value)
            except ValueError:
                raise ValueError("The pin in the link is damaged. Copy the whole link again.") from None
        elif key == "invite":
            if invite is not None:
                raise ValueError("The link has two invites. Ask for a new link.")
            if not re.fullmatch(r"[A-Za-z0-9_-]{16,64}", value):
                raise ValueError("The invite in the link is damaged. Copy the whole link again.")
            invite = value
    return LinkParts(pin, invite)
