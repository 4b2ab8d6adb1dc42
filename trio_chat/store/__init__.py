"""What is remembered: accounts, rooms and their logs, behind one interface."""

from trio_chat.store.interface import AuditLine, Found, Hit, Kept, Place, SearchQuery, Statistics, Store, Stretch, fill
from trio_chat.store.memory import MemoryStore
from trio_chat.store.sqlite import DATABASE, SqliteStore

__all__ = [
    "DATABASE",
    "AuditLine",
    "Found",
    "Hit",
    "Kept",
    "MemoryStore",
    "Place",
    "SearchQuery",
    "SqliteStore",
    "Statistics",
    "Store",
    "Stretch",
    "fill",
]
