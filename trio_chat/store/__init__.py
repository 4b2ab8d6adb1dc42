"""What is remembered: the rooms' logs, behind one interface."""

from trio_chat.store.interface import Entry, Store, Stretch
from trio_chat.store.memory import MemoryStore

__all__ = ["Entry", "MemoryStore", "Store", "Stretch"]
