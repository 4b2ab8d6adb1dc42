"""The crowd: which of the connections that have proven nothing gives way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.addresses import network_of
from trio_chat.server.net.crowd import Crowd, Stranger


def stranger(address: str) -> Stranger:
    return Stranger(address, lambda: None)


def crowd_of(*addresses: str) -> tuple[Crowd[Stranger], list[Stranger]]:
    crowd, strangers = Crowd[Stranger](), [stranger(address) for address in addresses]
    for one in strangers:
        crowd.add(one)
    return crowd, strangers


def test_the_first_of_the_address_with_the_most_gives_way() -> None:
    crowd, strangers = crowd_of("192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.1", "192.0.2.2")
    assert repr(crowd) == "<Crowd of 5 from 1 networks>"
    assert crowd.first_of_most() is strangers[1]
    crowd.remove(strangers[1])
    crowd.remove(strangers[1])
    crowd.remove(strangers[2])
    assert (crowd.size, crowd.first_of_most()) == (3, strangers[0])


@pytest.mark.parametrize(
    "addresses",
    [
        ["192.0.2.1", "192.0.2.2", "192.0.2.3"],
        ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:1:2:3"],
        ["192.0.2.1", "::ffff:192.0.2.2", "192.0.2.3"],
    ],
)
def test_many_addresses_of_one_network_are_one_crowd(addresses: list[str]) -> None:
    crowd, strangers = crowd_of("203.0.113.7", "203.0.113.7", *addresses)
    assert crowd.first_of_most() is strangers[2]


def test_an_empty_crowd_has_nobody_to_give_way() -> None:
    crowd, strangers = crowd_of("192.0.2.1")
    crowd.remove(strangers[0])
    assert (crowd.first_of_most(), crowd.first_of_more("192.0.2.1"), crowd.strangers()) == (None, None, [])


@pytest.mark.parametrize(
    ("inside", "newcomer", "gives_way"),
    [
        (["192.0.2.1"], "203.0.113.1", False),  # it would only change places with the newcomer
        (["192.0.2.1", "192.0.2.1"], "203.0.113.1", True),
        (["192.0.2.1", "192.0.2.1"], "192.0.2.1", False),
        (["192.0.2.1", "192.0.2.1"], "192.0.2.2", True),
        (["192.0.2.1", "192.0.2.2"], "192.0.2.3", False),
        (["192.0.2.1", "192.0.2.2"], "203.0.113.1", True),
        (["192.0.2.1"] * 3 + ["203.0.113.1"], "203.0.113.1", True),
        (["192.0.2.1"] * 3 + ["203.0.113.1"] * 2, "203.0.113.1", False),
    ],
)
def test_who_has_no_fewer_places_gets_none_of_another(inside: list[str], newcomer: str, gives_way: bool) -> None:  # noqa: FBT001 - a column of the table
    crowd, strangers = crowd_of(*inside)
    assert crowd.first_of_more(newcomer) is (strangers[0] if gives_way else None)


addresses = st.sampled_from(
    ["192.0.2.1", "192.0.2.2", "203.0.113.1", "2001:db8::1", "2001:db8::2", "2001:db8:1::1", "?"]
)


@given(st.lists(st.tuples(addresses, st.booleans()), max_size=60))
def test_its_counts_are_those_of_its_connections(steps: list[tuple[str, bool]]) -> None:
    crowd, inside = Crowd[Stranger](), list[Stranger]()
    for address, comes in steps:
        if comes or not inside:
            inside.append(stranger(address))
            crowd.add(inside[-1])
        else:
            crowd.remove(inside.pop(len(address) % len(inside)))
        assert crowd.size == len(inside)
        assert set(crowd.strangers()) == set(inside)
        first = crowd.first_of_most()
        assert (first is None) == (not inside)
        if first is not None:
            networks = [one.network for one in inside]
            assert networks.count(first.network) == max(map(networks.count, networks))
            near = [one.address for one in inside if one.network == first.network]
            assert near.count(first.address) == max(map(near.count, near))


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("nowhere", "nowhere"),
    ],
)
def test_an_address_is_counted_with_its_network(address: str, network: str) -> None:
    assert network_of(address) == network
