"""A self-hosted chat for people who live in the terminal."""

from trio_chat.version import __version__

__all__ = ["__version__"]
