"""Which of a machine's addresses are told to guests."""

from __future__ import annotations

import ipaddress

from trio_chat.cli.reachable import Interface, choose, interfaces, outward, reachable_hosts

LO = Interface("lo", ("127.0.0.1", "::1"))
LAN = Interface("eth0", ("192.0.2.7", "fd00::7", "fe80::1"))
VPN = Interface("wg0", ("10.8.0.3",))
DOCKER = Interface("docker0", ("172.17.0.1", "fe80::2"))
BRIDGE = Interface("br-0a1b2c", ("172.18.0.1",))
UNCONFIGURED = Interface("eth1", ("169.254.7.7",))
BOTH = (4, 6)


def test_loopback_and_links_are_no_addresses_for_others() -> None:
    assert choose([LO, LAN], BOTH) == ["192.0.2.7", "fd00::7"]
    assert choose([LO], BOTH) == []


def test_only_the_families_that_the_server_listens_on_count() -> None:
    assert choose([LAN], [4]) == ["192.0.2.7"]
    assert choose([LAN], [6]) == ["fd00::7"]


def test_addresses_of_containers_and_unconfigured_cards_are_the_last_resort() -> None:
    assert choose([DOCKER, BRIDGE, UNCONFIGURED, LAN, VPN], BOTH) == ["192.0.2.7", "10.8.0.3", "fd00::7"]
    assert choose([DOCKER, BRIDGE], BOTH) == ["172.17.0.1", "172.18.0.1"]
    assert choose([UNCONFIGURED], BOTH) == ["169.254.7.7"]


def test_the_address_that_leads_outside_comes_first() -> None:
    assert choose([VPN, LAN], BOTH, ["192.0.2.7", "fd00::7"]) == ["192.0.2.7", "fd00::7", "10.8.0.3"]
    assert choose([LAN, DOCKER], [4], ["172.17.0.1"]) == ["192.0.2.7"]


def test_a_server_on_one_address_is_reached_there() -> None:
    assert reachable_hosts(["192.0.2.7", "192.0.2.7"]) == ["192.0.2.7"]


def test_the_system_tells_addresses_that_can_be_read() -> None:
    known = [address for interface in interfaces() for address in interface.addresses]
    assert any(ipaddress.ip_address(address).is_loopback for address in known)
    assert set(reachable_hosts(["0.0.0.0", "::"])) <= set(known)
    assert all(ipaddress.ip_address(address) for address in outward())
