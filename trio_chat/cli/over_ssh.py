"""``join --ssh``: the chat for people who come over ssh, as the command that sshd runs instead of a shell.

Theory of operation. Everybody who comes over ssh runs this program under an account of the chat's host. So the person
gets nothing of that machine: no command, no shell, no editor, no program for notifications, no file but the state that
this program keeps for them, and no settings file. The environment is sshd's: ``SSH_CONNECTION`` is there,
``SSH_ORIGINAL_COMMAND`` is the command that the person asked for, and ``SSH_USER_AUTH`` names a file with the key by
which they came, if sshd was told to say so (``ExposeAuthInfo``; see sshd_config(5)).

People are told apart by the strongest sign that there is: the name that the host put into the command (authorized_keys:
``command="trio-chat join --ssh ada"``), else the key, else the account. Each has a folder with state of their own. The
name in a key's comment is only a suggestion, for whoever made the key may have written it: a second key with the same
comment is another device, which needs the password of the name.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import signal
import sys
from binascii import Error as Base64Error
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

from trio_chat.client.state_files import state_directory, use_state_directory
from trio_chat.errors import Refusal, TrioChatError, UsageError
from trio_chat.protocol.names import check_name, key_of_name

_FOLDER: Final = "ssh"
_LARGEST: Final = 1024 * 1024
"""Bytes of the files that are read: thousands of keys."""
_CERTIFICATE: Final = "-cert-"  # in the type of a key that is a certificate: a new one comes with each renewal


@dataclass(frozen=True, slots=True)
class SshGuest:
    """A person who came over ssh. ``name`` is the name for the chat, if one is known; ``folder`` is named for them.
    ``host_state`` is the state directory of the host's account."""

    name: str | None
    folder: str
    host_state: Path = Path()

    def know_server(self, url: str) -> None:
        """Know the server at ``url`` as the host's account knows it: a guest meets no other there, and it is the host
        who accepts another one. Raises ``ChatError``."""
        from trio_chat.client.known_servers import KnownServers  # noqa: PLC0415 - the help page does not need it

        known = KnownServers(self.host_state).find(url)
        if known is not None and known.identity is not None:
            KnownServers().accept(url, known.identity)


class _Key(NamedTuple):
    """A public key as authorized_keys has it: its type, and the rest in base64."""

    kind: str
    data: str

    @property
    def fingerprint(self) -> str:
        """The beginning of its SHA-256 hash; empty if it is no base64."""
        with suppress(Base64Error, ValueError):
            return hashlib.sha256(base64.b64decode(self.data, validate=True)).hexdigest()[:32]
        return ""


def begin_over_ssh(name: str | None, authorized_keys: Path) -> SshGuest:
    """Find out who came over ssh, and prepare this process for a person who gets nothing of the machine.

    ``name`` is the name that the host gave in the command. Raises ``UsageError`` when this is not sshd's doing or the
    person asked for a command, and ``TrioChatError`` when the key cannot be read.
    """
    if sys.platform == "win32":
        raise UsageError("--ssh needs a Unix machine: on Windows, run sshd and the chat in WSL.")
    guest = find_guest(os.environ, name, authorized_keys)
    os.umask(0o077)
    _forbid_core_dumps()
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)  # nobody could continue it
    guest = replace(guest, host_state=state_directory())
    use_state_directory(guest.host_state / _FOLDER / guest.folder)
    return guest


def _forbid_core_dumps() -> None:
    """Let no signal from the guest's keyboard, such as Ctrl-backslash, write this process's memory into a file."""
    import resource  # noqa: PLC0415 - on Unix only

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def find_guest(environment: Mapping[str, str], name: str | None, authorized_keys: Path) -> SshGuest:
    """Find out who came over ssh; see :func:`begin_over_ssh`."""
    if "SSH_CONNECTION" not in environment:
        raise UsageError("--ssh is for the command that sshd runs (ForceCommand). Without ssh, leave it out.")
    if environment.get("SSH_ORIGINAL_COMMAND"):
        raise UsageError(
            "This is a chat, which runs no commands. Connect without one: ssh HOST, or ssh HOST < FILE to send the "
            "lines of a file."
        )
    if name is not None:
        return SshGuest(name, _folder("name", key_of_name(name)))
    if (path := environment.get("SSH_USER_AUTH")) is not None and (key := _read_key(Path(path))) is not None:
        return SshGuest(_name_in(_comment(key, authorized_keys)), f"key-{key.fingerprint}")
    account = environment.get("LOGNAME") or environment.get("USER") or ""
    return SshGuest(_name_in(account), _folder("account", account))


def _folder(kind: str, text: str) -> str:
    """The name of the folder for somebody: readable, and unique through a part of a hash."""
    return f"{kind}-{re.sub('[^a-z0-9-]', '_', text)[:40]}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _read_key(path: Path) -> _Key | None:
    """The key in sshd's file on how the person came; ``None`` if they came by none, or by a certificate."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            lines = file.read(_LARGEST).splitlines()
    except OSError as error:
        raise TrioChatError(
            f"The key that you came by cannot be read: {error.strerror}. Tell the host of this chat."
        ) from error
    for line in lines:
        method, *words = line.split()
        if method == "publickey" and len(words) > 1 and _CERTIFICATE not in words[0] and _Key(*words[:2]).fingerprint:
            return _Key(*words[:2])
    return None


def _comment(key: _Key, authorized_keys: Path) -> str:
    """The comment of a key in authorized_keys; empty if there is none, or the file cannot be read."""
    found = re.compile(rf"(?:^|\s){re.escape(key.kind)}\s+{re.escape(key.data)}(?:\s+(.*))?$")
    with suppress(OSError), authorized_keys.expanduser().open(encoding="utf-8", errors="replace") as file:
        for line in file.read(_LARGEST).splitlines():
            if not line.lstrip().startswith("#") and (match := found.search(line)) is not None:
                return (match[1] or "").strip()
    return ""


def _name_in(text: str) -> str | None:
    """The name in a comment such as ``ada@laptop``, or in an account's name; ``None`` if there is no possible name."""
    name = (text.split() or [""])[0].partition("@")[0]
    return None if isinstance(check_name(name), Refusal) else name
