"""Links: making one, reading it back, and refusing damaged ones without showing their secret."""

from __future__ import annotations

import pytest

from trio_chat.protocol.fingerprint import Fingerprint
from trio_chat.protocol.invite_link import LinkParts, make_link, parse_fragment

PIN = Fingerprint(bytes(range(32)))
SECRET = "s3cret-s3cret-s3cret"


def test_a_link_is_read_back() -> None:
    link = make_link("wss://192.0.2.7:8765/", PIN, SECRET)
    assert link == f"wss://192.0.2.7:8765/#pin={PIN.text}&invite={SECRET}"
    assert parse_fragment(link.partition("#")[2]) == LinkParts(PIN, SECRET)
    assert parse_fragment(make_link("ws://[::1]:8765/", PIN).partition("#")[2]) == LinkParts(PIN)


def test_parts_of_later_versions_are_ignored() -> None:
    assert parse_fragment(f"lang=de&pin={PIN.text}&x") == LinkParts(PIN)


@pytest.mark.parametrize(
    "fragment",
    [
        f"pin={PIN.text[:-2]}&invite={SECRET}",
        f"pin={PIN.text}&invite={SECRET}%20",
        f"pin={PIN.text}&invite=",
        f"invite={SECRET}&invite={SECRET}",
        f"pin={PIN.text}&pin={PIN.text}&invite={SECRET}",
    ],
)
def test_a_damaged_link_is_refused_and_its_secret_not_shown(fragment: str) -> None:
    with pytest.raises(ValueError, match="link") as refused:
        parse_fragment(fragment)
    assert SECRET not in str(refused.value)


def test_the_secret_is_not_in_the_repr() -> None:
    assert SECRET not in repr(LinkParts(PIN, SECRET))
