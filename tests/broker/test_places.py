"""PlaceLimits: where people come from, and how much may be done from there."""

from __future__ import annotations

import pytest

from tests.broker.scenario import Crowd
from trio_chat.broker.places import PlaceLimits, place_of
from trio_chat.protocol.events import Error
from trio_chat.protocol.requests import Hello


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("127.0.0.1", None),
        ("::1", None),
        ("::ffff:127.0.0.1", None),
        ("", ""),
    ],
)
def test_a_place_is_an_address_or_a_network_of_one_and_not_this_machine(address: str, place: str | None) -> None:
    assert place_of(address) == place


def test_a_place_gets_back_what_it_spent_with_time_and_quiet_places_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("trio_chat.broker.places._MOST", 2)
    places = PlaceLimits(6.0)
    for _ in range(3):
        places.spend("a", 100.0)
    assert [places.spent("a", now) for now in (100.0, 106.0, 109.0, 200.0)] == [3.0, 2.0, 1.5, 0.0]
    places.spend("b", 101.0)
    places.spend("a", 102.0, -1)
    places.spend("c", 103.0)
    assert [bool(places.spent(place, 103.0)) for place in "abc"] == [True, False, True]


def test_the_names_claimed_from_one_place_in_an_hour_are_limited_and_other_places_are_not_affected() -> None:
    crowd = Crowd("ada", new_names=2)
    hello = Hello(id="h", name="new")
    for name in ("bob", "cyd"):
        crowd.come(name, address="198.51.100.7")
    late = crowd.connect(address="198.51.100.7")
    answer = crowd.do(late, hello)
    assert isinstance(answer, Error)
    assert (answer.code, answer.advice) == (
        "too_many_names",
        "Use a name you already own, or try again in 1800 seconds.",
    )
    crowd.go("bob")
    crowd.back("bob", address="198.51.100.7")  # whoever has a name comes as ever
    crowd.come("dan", address="198.51.100.8")
    for name in ("eve", "fay", "gus"):
        crowd.come(name, address="127.0.0.1")
    crowd.come(None, address="198.51.100.7", quiet=True)  # who only looks leaves no name behind
    crowd.advance(1800.0)
    crowd.come("new", address="198.51.100.7")


def test_a_name_that_could_not_be_stored_is_not_counted() -> None:
    crowd = Crowd("ada", new_names=1)
    for attempt in range(3):
        session = crowd.connect(address="198.51.100.7")
        crowd.ask(session, Hello(id=f"h{attempt}", name="bob"))
        crowd.fail()
    crowd.come("bob", address="198.51.100.7")
