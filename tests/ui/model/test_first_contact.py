"""Whom a person is told the words of a server's identity."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trio_chat.client import ServerContact
from trio_chat.protocol.fingerprint import Fingerprint
from trio_chat.ui.model.sentences import first_contact

PIN = Fingerprint(b"1" * 32)
FIRST = ServerContact(PIN, encrypted=True, first=True)


def test_the_words_of_an_unknown_server_are_told() -> None:
    told = first_contact(FIRST, "wss://192.0.2.7:8765/")
    assert told.splitlines()[0].startswith("This is the first contact with 192.0.2.7:8765.")
    assert told.splitlines()[1] == PIN.words


def test_a_server_that_moved_is_told_by_the_address_at_which_it_is_known() -> None:
    moved = replace(FIRST, elsewhere=("192.0.2.7:8765", "chat.example:8765"))
    told = first_contact(moved, "wss://192.0.2.7:9100/")
    assert told == "192.0.2.7:9100 is a server that you know: it has the identity of 192.0.2.7:8765."


@pytest.mark.parametrize(
    ("contact", "url"),
    [
        (FIRST, "ws://localhost:8765/"),
        (FIRST, "wss://127.0.0.1:8765/"),
        (FIRST, "wss://[::1]:8765/"),
        (replace(FIRST, first=False), "wss://192.0.2.7:8765/"),
        (replace(FIRST, verified=True), "wss://chat.example/"),
        (replace(FIRST, fingerprint=None), "ws://192.0.2.7:8765/"),
    ],
)
def test_nobody_is_told_what_is_known_vouched_for_or_near(contact: ServerContact, url: str) -> None:
    assert first_contact(contact, url) == ""
