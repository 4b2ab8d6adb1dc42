"""Credentials: the name that a person asks for, and the secrets that prove a right to it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credentials:
    """The name and the secrets that a client gives when it connects. The secrets stay out of ``repr``.

    - ``name``: the name to have; without it, the last name used on that server, else one that the server makes up.
    - ``password``: the server's password.
    - ``account_password``: the password of the account behind the name, set with
      :meth:`~trio_chat.client.chat.Chat.set_password`. It lets a new device in.
    - ``token``: the token of an earlier welcome, which proves the same. Without a token, the stored token is used.
    - ``invite``: the secret of an invite, which lets in somebody who has no account there yet.
    - ``remember``: keep the password on this device, once a server with an identity has accepted it.
    - ``kept``: without a password, use the one that this device keeps for the server.
    - ``made_up``: without a name, the server may make one up; else :class:`~trio_chat.errors.NameNeeded` is raised.
    """

    name: str | None = None
    password: str | None = field(default=None, repr=False)
    account_password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    invite: str | None = field(default=None, repr=False)
    remember: bool = field(default=False, repr=False)
    kept: bool = field(default=True, repr=False)
    made_up: bool = field(default=True, repr=False)

    @property
    def empty(self) -> bool:
        """Whether the headers would carry no name and no secret, so that the client must say hello instead."""
        return not (self.name or self.password or self.token or self.account_password or self.invite)
