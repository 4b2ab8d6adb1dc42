"""The decisions of the server: sessions, people, rooms, their rights, and the effects of every request. Pure."""

from trio_chat.broker.broker import Broker, Failed
from trio_chat.broker.state import BrokerSettings

__all__ = ["Broker", "BrokerSettings", "Failed"]
