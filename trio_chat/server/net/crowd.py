"""Connections that have proven nothing yet, and which of them gives way when they are too many. Pure.

Anybody can open connections and say nothing on them, so the places before the login are shared out. When they are all
taken, the connection that came first gives way: of the address with the most connections, in the network with the most
(a /24 of IPv4, a /64 of IPv6, the smallest that are commonly given to one holder). So whoever takes many places loses
them to newcomers from elsewhere, and a connection that is about to log in is mostly not the oldest of its address.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Generic, TypeVar

from trio_chat.addresses import network_of

if TYPE_CHECKING:
    from collections.abc import Callable


class Stranger:
    """A connection of a crowd. ``give_way`` ends it; it is called when the connection is chosen, and must not wait."""

    __slots__ = ("address", "give_way", "network")

    def __init__(self, address: str, give_way: Callable[[], None]) -> None:
        self.address = address
        self.network = network_of(address)
        self.give_way = give_way

    def __repr__(self) -> str:
        return f"<Stranger from {self.address}>"


_S = TypeVar("_S", bound=Stranger)


class Crowd(Generic[_S]):
    """See the module. ``size`` is the number of connections in it."""

    def __init__(self) -> None:
        self._networks: dict[str, dict[str, dict[_S, None]]] = {}
        self._counts: Counter[str] = Counter()  # of connections, by network
        self.size = 0

    def __repr__(self) -> str:
        return f"<Crowd of {self.size} from {len(self._networks)} networks>"

    def add(self, stranger: _S) -> None:
        """Take a connection in, as the latest of its address."""
        self._networks.setdefault(stranger.network, {}).setdefault(stranger.address, {})[stranger] = None
        self._counts[stranger.network] += 1
        self.size += 1

    def remove(self, stranger: _S) -> None:
        """Let a connection go. Doing it twice does nothing."""
        network = self._networks.get(stranger.network, {})
        strangers = network.get(stranger.address, {})
        if stranger not in strangers:
            return
        del strangers[stranger]
        self._counts[stranger.network] -= 1
        self.size -= 1
        if not strangers:
            del network[stranger.address]
        if not network:
            del self._networks[stranger.network], self._counts[stranger.network]

    def first_of_most(self) -> _S | None:
        """Return the connection that gives way next."""
        if not self.size:
            return None
        network = self._networks[max(self._counts, key=self._counts.__getitem__)]
        address = max(network, key=lambda address: len(network[address]))
        return next(iter(network[address]))

    def first_of_more(self, address: str) -> _S | None:
        """Return the connection that gives way to a newcomer from an address; none if the newcomer's network and
        address would then have more connections than those that lose one."""
        first = self.first_of_most()
        if first is None:
            return None
        network = network_of(address)
        if first.network == network:
            addresses = self._networks[network]
            return first if len(addresses[first.address]) > len(addresses.get(address, ())) + 1 else None
        return first if self._counts[first.network] > self._counts.get(network, 0) + 1 else None

    def strangers(self) -> list[_S]:
        """Return all connections."""
        return [one for network in self._networks.values() for address in network.values() for one in address]
