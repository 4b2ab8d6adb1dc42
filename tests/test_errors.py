"""The error table: each row makes whole sentences, and the program gives each row the parameters it needs."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

import trio_chat
from trio_chat import errors
from trio_chat.errors import FAULTS, NotAdmitted, NotDone, Refused, refuse
from trio_chat.protocol.names import NAME_RULE

NAME = {"name": "bob", "why": "it has a space", "rule": NAME_RULE}
SAMPLES: dict[str, dict[str, Any]] = {
    "wrong_password": {},
    "password_needed": {},
    "name_taken": {"name": "bob"},
    "name_lookalike": {"name": "b0b", "other": "bob"},
    "name_invalid": NAME,
    "name_reserved": {"name": "ALL"},
    "server_full": {"limit": 100},
    "too_many_from_address": {"limit": 10},
    "hello_timeout": {"seconds": 10.0},
    "head_timeout": {"seconds": 10.0},
    "too_many_from_network": {"limit": 500},
    "too_many_attempts": {},
    "crowded": {},
    "bad_origin": {"origin": "'https://example.org'"},
    "bad_head": {"why": "it has no Host"},
    "head_too_long": {"limit": 16384},
    "bad_coding": {},
    "bad_expectation": {},
    "body_too_large": {"limit": 16384},
    "bad_body": {"why": "it ends too early"},
    "slow_body": {"rate": 1024},
    "tls_needed": {"url": "wss://chat.example:8765/"},
    "no_tls": {},
    "bad_handshake": {"why": "unsupported protocol"},
    "shutting_down": {},
    "not_json": {"why": "Input data was truncated"},
    "not_an_object": {},
    "unknown_type": {"kind": "'dance'"},
    "bad_field": {"why": "Expected `str`, got `int` - at `$.text`"},
    "not_text": {},
    "too_long": {"size": 9000, "limit": 8000},
    "too_big": {"limit": 65536},
    "empty": {},
    "not_greeted": {},
    "greeted_already": {},
    "too_fast": {"seconds": 1.25},
    "unknown_person": {"name": "bbo", "near": " Did you mean bob?", "done": "sent"},
    "unknown_room": {"room": "#osp", "near": ""},
    "room_invalid": {"room": "'#a b'", "why": "it has a space", "rule": NAME_RULE},
    "not_a_member": {"room": "#ops"},
    "no_recipient": {},
    "two_recipients": {},
    "only_yourself": {},
    "too_many_recipients": {"count": 21, "limit": 20},
    "too_many_rooms": {"limit": 100},
    "too_many_conversations": {"seconds": 14.0},
    "stays_in_lobby": {"room": "#lobby", "advice": "Leave the chat with /quit."},
    "no_topic_here": {},
    "unknown_message": {"seq": 7, "room": "#ops"},
    "name_owned": {"name": "bob"},
    "wrong_account_password": {"name": "bob"},
    "banned": {"until": "2026-01-31T12:00:00.000Z", "reason": " Why: enough."},
    "banned_here": {"room": "#ops", "until": None, "reason": ""},
    "yourself": {},
    "banned_there": {"name": "bob", "room": "#ops"},
    "not_yours": {"seq": 7, "room": "#ops", "others": " or a moderator"},
    "not_allowed": {"room": "#ops", "role": "moderator"},
    "not_invited": {"room": "#ops"},
    "may_not_speak": {"room": "#ops", "until": None},
    "announcements_only": {"room": "#ops"},
    "too_soon": {"room": "#ops", "seconds": 7.0},
    "last_owner": {"room": "#ops"},
    "outranked": {"name": "bob", "role": "owner", "room": "#ops"},
    "no_direct_here": {"room": "@ada+bob"},
    "not_member_there": {"name": "bob", "room": "#ops"},
    "not_joined_yet": {"name": "bob", "room": "#ops"},
    "not_removable": {"room": "#ops", "why": "others are in it"},
    "rooms_closed": {"makers": "the server's administrators", "room": "#ops"},
    "guest": {},
    "unknown_device": {"device": 7},
    "member_already": {"name": "bob", "room": "#ops"},
    "no_ban": {"name": "bob", "room": "#ops"},
    "topic_too_long": {"size": 301, "limit": 300},
    "invite_needed": {},
    "accounts_only": {},
    "invite_unknown": {},
    "invite_used_up": {},
    "invite_expired": {},
    "invite_revoked": {},
    "unknown_invite": {"number": "'9'"},
    "too_many_invites": {"limit": 1000},
    "bad_network": {"network": "'there'"},
    "bad_time": {"time": "'soon'"},
    "busy": {},
    "still_checking": {},
    "too_many_guesses": {"seconds": 6.0},
    "too_many_names": {"seconds": 14.0},
    "bad_frame": {"why": "it is not masked"},
    "too_many_fragments": {"limit": 2048},
    "not_utf8": {},
    "bad_host": {"host": "'evil.example'"},
    "bad_upgrade": {"why": "it has no Sec-WebSocket-Key"},
    "bad_version": {},
    "last_device": {"name": "ada"},
    "name_freed": {},
    "unknown_ban": {"number": "'7'"},
    "revoked": {},
    "not_stored": {},
    "not_looked_up": {},
    "idle": {"seconds": 300.0},
    "too_slow": {"size": 262144},
    "internal": {},
    "bad_upload": {"why": "it has no Upload-Length"},
    "wrong_tus_version": {"version": "'2.0.0'"},
    "not_upload_bytes": {"kind": "'text/plain'"},
    "wrong_offset": {"offset": 70, "asked": 80},
    "beyond_length": {"size": 100},
    "upload_busy": {},
    "wrong_checksum": {},
    "bad_range": {"size": 100},
    "version_changed": {},
    "no_token": {},
    "no_files": {},
    "files_off": {"room": "#ops"},
    "too_large": {"name": "'a.iso'", "size": "4.4 GiB", "where": " in #ops", "limit": "100.0 MiB"},
    "quota_full": {"name": "'a.iso'", "size": "4.4 GiB", "limit": "1.0 GiB"},
    "files_full": {"name": "'a.iso'", "limit": "10.0 GiB"},
    "disk_full": {},
    "unknown_file": {},
    "unfinished_file": {"name": "'a.iso'"},
    "too_many_uploads": {"limit": 16},
    "too_many_transfers": {"limit": 4, "whose": "yours"},
    "file_missing": {},
}


def fields(code: str) -> set[str]:
    """The parameters of a row's two templates."""
    fault = FAULTS[code]
    both = [*string.Formatter().parse(fault.sentence), *string.Formatter().parse(fault.advice)]
    return {name for _, name, _, _ in both if name}


def test_the_samples_cover_the_table() -> None:
    assert set(SAMPLES) == set(FAULTS)


@pytest.mark.parametrize("code", FAULTS)
def test_each_row_makes_whole_sentences(code: str) -> None:
    refusal = refuse(code, **SAMPLES[code])
    assert refusal.message[-1] in ".?"
    assert refusal.advice == "" or refusal.advice[-1] == "."
    for sentence in (refusal.message, refusal.advice):
        assert not any(sign in sentence for sign in ("{name", "{why", "  ", ". ."))
        assert (
            sentence[:1] == sentence[:1].upper() or FAULTS[code].sentence.startswith("{name}") or code == "name_invalid"
        )
    assert str(refusal) == f"{refusal.message} {refusal.advice}".strip()


@pytest.mark.parametrize("code", FAULTS)
def test_each_sample_has_exactly_the_parameters_of_the_templates(code: str) -> None:
    assert set(SAMPLES[code]) == fields(code)


@pytest.mark.parametrize("code", FAULTS)
def test_each_status_and_close_code_is_one_that_exists(code: str) -> None:
    fault = FAULTS[code]
    of_tus = {460}  # "Checksum Mismatch", which no registry has
    assert fault.http is None or fault.http in of_tus or HTTPStatus(fault.http) >= HTTPStatus.BAD_REQUEST
    assert fault.close in {None, 1000, 1001, 1002, 1007, 1008, 1009, 1011, 1013}


def refusals() -> Iterator[tuple[str, str, set[str]]]:
    """Each ``refuse("code", ...)`` in the package: its place, its code, its parameters."""
    root = Path(trio_chat.__file__).parent
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "refuse"):
                continue
            given = {keyword.arg for keyword in node.keywords if keyword.arg}
            for part in ast.walk(node.args[0]):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield f"{path.relative_to(root)}:{node.lineno}", part.value, given


def test_every_refusal_in_the_program_fits_its_row() -> None:
    found = list(refusals())
    assert len(found) > 20
    for place, code, given in found:
        assert code in FAULTS, place
        assert given == fields(code), place


def test_a_refusal_with_an_unknown_code_is_a_bug() -> None:
    with pytest.raises(KeyError):
        _ = refuse("no_such_code").message


def test_every_exception_is_in_the_tree_of_the_docstring() -> None:
    drawn = errors.__doc__ or ""
    tree = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    for kind in tree:
        assert issubclass(kind, errors.TrioChatError)
        assert kind.__name__ in drawn


@pytest.mark.parametrize("kind", [Refused, NotAdmitted, NotDone])
def test_a_refused_error_prints_its_message_and_its_advice(kind: type[Refused]) -> None:
    error = kind("name_taken", "The name bob is in use.", "Choose another name.")
    assert (error.code, error.message, error.advice) == (
        "name_taken",
        "The name bob is in use.",
        "Choose another name.",
    )
    assert str(error) == "The name bob is in use. Choose another name."
    assert str(kind("empty", "Nothing there.")) == "Nothing there."
