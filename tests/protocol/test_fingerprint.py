"""Fingerprints: their three forms, and reading them back."""

from __future__ import annotations

import hashlib

import pytest

from trio_chat.protocol.fingerprint import Fingerprint

ONE = Fingerprint(bytes(range(32)))


def test_the_fingerprint_of_a_key_is_its_sha256() -> None:
    assert Fingerprint.of_key(b"key").digest == hashlib.sha256(b"key").digest()


def test_text_and_hex_lead_back_to_the_same_fingerprint() -> None:
    assert len(ONE.text) == 43
    for form in (ONE.text, ONE.hex, ONE.hex.replace(" ", ":"), ONE.hex.replace(" ", "").upper()):
        assert Fingerprint.parse(form) == ONE


def test_the_words_are_twelve_and_follow_the_first_132_bits() -> None:
    assert ONE.words == "abandon amount liar amount expire adjust cage candy arch gather drum bullet"
    zero = Fingerprint(bytes(32))
    assert zero.words == " ".join(["abandon"] * 12)
    assert Fingerprint(bytes(16) + b"\x0f" + bytes(15)).words == zero.words, "the last bits do not count"
    assert Fingerprint(bytes(16) + b"\x10" + bytes(15)).words.endswith("ability")


@pytest.mark.parametrize("text", ["", "abc", ONE.text[:-1], ONE.text + "A", ONE.hex[:-1], "*" * 43])
def test_a_damaged_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="43 letters"):
        Fingerprint.parse(text)


def test_a_digest_of_another_size_is_no_fingerprint() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Fingerprint(b"short")
