"""The banner of ``serve`` on a terminal: the line to send to a guest, who is let in, and how to stop. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from trio_chat.addresses import bracketed, is_this_machine
from trio_chat.config import admission
from trio_chat.output import BOLD, styled
from trio_chat.protocol.invite_link import make_link
from trio_chat.version import __version__

if TYPE_CHECKING:
    from trio_chat.config import ServerConfig
    from trio_chat.protocol.fingerprint import Fingerprint

_LABEL: Final = 12
"""Columns of the labels, with the spaces around them."""
_NARROW: Final = 40
"""Below this many columns, a label and its text do not fit side by side."""
_UNSPECIFIED: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to
_HTTPS: Final = 443


@dataclass(frozen=True, slots=True)
class Invitation:
    """The secret of an invite, and the people whom it lets in, as the end of a sentence (``one person, until ...``)."""

    secret: str = field(repr=False)
    lets_in: str


@dataclass(frozen=True, slots=True)
class Announcement:
    """The facts about a server that the banner shows.

    - ``urls``: where it listens. ``guest_urls``: by which URLs others reach it, the best first.
    - ``fingerprint``: of its key. ``invitation``: an invite that was made for the banner.
    - ``data``: where its data is; empty for a server that keeps none.
    - ``log_is_here``: the log is written to this terminal.
    """

    urls: Sequence[str]
    guest_urls: Sequence[str]
    fingerprint: Fingerprint
    invitation: Invitation | None = None
    data: str = ""
    log_is_here: bool = True

    @property
    def link(self) -> str:
        """The link for a guest; empty when there is no address to put into it."""
        if not self.guest_urls:
            return ""
        return make_link(self.guest_urls[0], self.fingerprint, self.invitation.secret if self.invitation else None)


def guest_urls(config: ServerConfig, urls: Sequence[str], hosts: Sequence[str]) -> list[str]:
    """The URLs by which others reach a server that listens on ``urls``.

    They are made of its public names or, without any, of ``hosts``, the addresses that others can reach. A name without
    a port has the server's, or that of ``wss://`` where a proxy stands in front of the server.
    """
    if is_this_machine(config.host) and not config.public_host:
        return []
    first = urlsplit(urls[0])
    proxied = first.scheme == "ws" and bool(config.behind_proxy)
    if config.public_host:
        scheme = "wss" if proxied else first.scheme
        port = None if proxied else first.port
        return [_url(scheme, *_split(name, port)) for name in config.public_host]
    return [] if proxied else [_url(first.scheme, host, first.port) for host in hosts]


def _split(name: str, port: int | None) -> tuple[str, int | None]:
    """A public name's host and port."""
    parts = urlsplit(f"//{name}")
    return parts.hostname or name, parts.port or port


def _url(scheme: str, host: str, port: int | None) -> str:
    host = bracketed(host)
    return f"{scheme}://{host}/" if port in {None, _HTTPS} and scheme == "wss" else f"{scheme}://{host}:{port}/"


def banner(config: ServerConfig, announcement: Announcement, columns: int = 80) -> str:
    """The banner's text, for a terminal of so many columns. The line to send is a row of its own, without spaces around
    it, so that it can be copied whole."""
    told = announcement
    local = not told.guest_urls and is_this_machine(config.host)
    head = [styled(f"trio-chat {__version__}", BOLD)]
    if told.link:
        head += ["", *_wrapped(_send_this(config, told), columns), "", f"trio-chat join '{told.link}'", ""]
    rows = [("Listening", " ".join(told.urls))]
    if joined := _joined_here(told.urls):
        rows.append(("Join" if local else "Join here", f"trio-chat join {joined}"))
    if not local:
        rows.append(("Server", told.fingerprint.words))
    if others := told.guest_urls[1:]:
        rows.append(("Also at", " ".join(urlsplit(url).netloc for url in others)))
    if not local and not told.link:
        rows.append(("Guests", "give --public-host NAME, and the line to send to them stands here"))
    rows.append(("Admitted", _admitted(config, local=local)))
    if not local and urlsplit((*told.guest_urls, *told.urls)[0]).scheme == "ws":
        rows.append(("Beware", "messages are not encrypted on their way to other machines"))
    rows += [
        ("Log", "here, on standard error" if told.log_is_here else "where standard error goes"),
        ("Kept", f"in {told.data}" if told.data else "in memory only (--memory); lost when the server stops"),
        ("Stop", "Ctrl-C; once more stops at once"),
    ]
    return "\n".join([*head, *(line for row in rows for line in _row(*row, columns))]) + "\n"


def _joined_here(urls: Sequence[str]) -> str:
    """The address to join by on this machine; empty if the server listens on none of its loopback addresses."""
    for url in map(urlsplit, urls):
        if url.hostname in _UNSPECIFIED:
            return f"127.0.0.1:{url.port}"
        if url.hostname is not None and is_this_machine(url.hostname):
            return url.netloc
    return ""


def _send_this(config: ServerConfig, told: Announcement) -> str:
    if told.invitation is not None:
        return f"Send this line to a friend. It lets in {told.invitation.lets_in}."
    if config.password is not None:
        return "Send this line to a friend. It asks for the password, which you tell them another way."
    if admission(config) == "everyone":
        return "Send this line to a friend."
    return "Send this line to people who have an account here. To let in others: trio-chat admin invite"


def _admitted(config: ServerConfig, *, local: bool) -> str:
    if config.password is not None:
        return "everybody who has the password; join asks for it"
    if admission(config) == "accounts":
        return "people who have an account already"
    if local and admission(config) == "everyone":
        return "anybody on this machine; no other machine can connect"
    if admission(config) == "everyone":
        return "everybody, without a password (--open)"
    return "people with an invite or an account; trio-chat admin invite makes an invite"


def _row(name: str, text: str, columns: int) -> list[str]:
    """A row with its label; what is too long goes on below itself, and on a narrow terminal stands below its label."""
    if columns < _NARROW:
        return [styled(name, BOLD), *(f"  {line}" for line in _wrapped(text, columns - 2))]
    first, *rest = _wrapped(text, columns - _LABEL - 1) or [""]
    return [f"  {styled(f'{name:<10}', BOLD)} {first}", *(f"{'':<{_LABEL + 1}}{line}" for line in rest)]


def _wrapped(text: str, columns: int) -> list[str]:
    return textwrap.wrap(text, max(columns, 8), break_long_words=False, break_on_hyphens=False)
