"""What is allowed and who gets it: sessions, people, rooms, and the effects of what they ask. Pure."""

from trio_chat.broker.broker import Broker, Failed
from trio_chat.broker.state import BrokerSettings

__all__ = ["Broker", "BrokerSettings", "Failed"]
