"""The values that the state machine of the broker draws: names, rooms, texts, addresses, and whose turn it is."""

from __future__ import annotations

from hypothesis import strategies as st

from trio_chat.protocol.names import LOBBY

NAMES = (
    *("ada", "Ada", "\uff21\uff24\uff21", "\u0430da", "bob", "BOB", "b0b", "\u1d47ob", "cyd", "dan"),
    *("Ian", "ian", "lan", "Lan"),
    *("stra\u00dfe", "STRASSE", "jos\u00e9", "jose\u0301", "rnike", "mike", "user_1000", "user_l000"),
    *("server", "All", "", "a b", "bob.", "\u202ebob", "x" * 33, "#ops", "@ada"),
)
"""Names, valid and invalid: other cases, full width, look-alikes of other scripts, reserved words, odd ones."""

ROOMS = (LOBBY, "#ops", "#OPS", "ops", "#caf\u00e9", "#b", "#", "", "#no way", "@ada", "@ada+bob", "#" + "x" * 33)
TEXTS = (
    *("hello", "one two", "three", "@ada look", "@bob @cyd", "a\n@ADA: b"),
    *("", " \n", "x" * 40, "x" * 41, "\x1b[2J", "\u200b", "\u0645\u0631"),
)
ADDRESSES = ("192.0.2.1", "192.0.2.9", "::ffff:192.0.2.9", "2001:db8::7", "198.51.100.3")
NETWORKS = ("192.0.2.9", "192.0.2.0/24", "2001:db8::/64", "198.51.100.0/24", "no network", "")
SECONDS = (None, 0.5, 20.0, 1e15)
KEYS = ("private", "announce_only", "slow", "keep", "files", "max_file")
VALUES = {
    "private": (True, False),
    "announce_only": (True, False),
    "slow": (0.0, 5.0),
    "keep": (0.0, 7.0),
    "files": (True, False),
    "max_file": (0, 100),
}

turns = st.integers(0, 11)
"""Whose turn it is: one of the open sessions, counted around."""
room_numbers = st.integers(0, 31)
"""Which room: below 20 one that the person is in, below 27 any that there is, else an odd one."""
names = st.sampled_from(NAMES)
person_numbers = st.integers(0, 15)
"""Which person: one who has a name, counted around; the last for an odd name."""
texts = st.sampled_from(TEXTS)
seqs = st.one_of(st.integers(0, 8), st.just(2**53))
passwords = st.sampled_from((None, "right", "wrong"))
seconds = st.sampled_from(SECONDS)
addresses = st.sampled_from(ADDRESSES)
admissions = st.sampled_from((None, None, None, "everyone", "invites", "accounts"))
"""The admission from a restart on; often as it was."""
quiet = st.sampled_from((False, False, False, True))
