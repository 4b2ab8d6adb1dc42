"""The ``repr`` of structs with secrets, which leaves the secrets out. Pure.

A bug report, a log entry and a traceback may have the ``repr`` of any object. So no ``repr`` has a secret in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from msgspec import Struct

SECRET_FIELDS: Final = frozenset(
    {"password", "password_hash", "account_password", "token", "tokens", "invite", "secret", "link"}
)
"""The names of fields that hold a secret, or the hash of a password, wherever a struct has them."""


def discreet_repr(struct: Struct) -> str:
    """Show a struct with ``...`` in place of each secret. To be the ``__repr__`` of a class and those that inherit."""
    values = ((name, getattr(struct, name)) for name in struct.__struct_fields__)
    shown = (f"{name}={'...' if name in SECRET_FIELDS and value else repr(value)}" for name, value in values)
    return f"{type(struct).__name__}({', '.join(shown)})"
