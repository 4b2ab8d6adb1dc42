"""The store in a SQLite file, the default: its tables, its connections, and its backups."""

from trio_chat.store.sqlite.schema import DATABASE
from trio_chat.store.sqlite.store import SqliteStore

__all__ = ["DATABASE", "SqliteStore"]
