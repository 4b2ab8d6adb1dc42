"""Encoding and decoding of requests and events, and every kind of bad input."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect as types

from tests.protocol.instances import instances
from trio_chat.errors import Refusal
from trio_chat.protocol import events, requests
from trio_chat.protocol.codec import MAX_FRAME, decode_event, decode_request, encode, tag


def refused(data: bytes | str) -> tuple[str, Refusal]:
    answer = decode_request(data)
    assert isinstance(answer, tuple), answer
    request_id, refusal = answer
    assert str(refusal)  # the templates fit the parameters
    return request_id, refusal


@pytest.mark.parametrize("kind", requests.REQUESTS, ids=tag)
@settings(max_examples=30)  # for each of some fifty types
@given(data=st.data())
def test_every_request_survives_encoding_and_decoding(kind: type[requests.Request], data: st.DataObject) -> None:
    request = data.draw(instances(kind))
    assert decode_request(encode(request)) == request


@pytest.mark.parametrize("kind", events.EVENTS, ids=tag)
@settings(max_examples=30)  # for each of some fifty types
@given(data=st.data())
def test_every_event_survives_encoding_and_decoding(kind: type[events.Event], data: st.DataObject) -> None:
    event = data.draw(instances(kind))
    back = decode_event(encode(event))
    assert type(back) is kind
    assert encode(back) == encode(event)


@settings(max_examples=300)
@given(instances(*events.EVENTS, sound=False))
def test_an_event_with_any_values_is_refused_or_made_sound(event: events.AnyEvent) -> None:
    try:
        once = decode_event(encode(event))
    except msgspec.ValidationError:
        return
    assert once is not None
    assert decode_event(encode(once)) == once


def test_each_struct_is_listed_and_has_a_unique_tag() -> None:
    for listed, union in ((requests.REQUESTS, requests.AnyRequest), (events.EVENTS, events.AnyEvent)):
        assert set(listed) == set(union.__args__)
        assert len({tag(kind) for kind in listed}) == len(listed)


def whole_numbers(kind: types.Type) -> Iterator[types.IntType]:
    match kind:
        case types.IntType():
            yield kind
        case types.Metadata(type=inner):
            yield from whole_numbers(inner)
        case types.UnionType(types=inner):
            for one in inner:
                yield from whole_numbers(one)
        case _:
            pass


@pytest.mark.parametrize("kind", requests.REQUESTS, ids=tag)
def test_every_whole_number_in_a_request_fits_json_and_the_database(kind: type[requests.Request]) -> None:
    info = types.type_info(kind)
    assert isinstance(info, types.StructType)
    for field in info.fields:
        for number in whole_numbers(field.type):
            assert number.ge is not None, field.name
            assert number.ge >= 0, field.name
            assert number.le is not None, field.name
            assert number.le <= 2**53, field.name


def test_defaults_are_left_out() -> None:
    assert json.loads(encode(requests.Send(id="1", text="hi", room="#ops"))) == {
        "type": "send",
        "id": "1",
        "text": "hi",
        "room": "#ops",
    }


TIME = "2026-01-31T12:00:00.000Z"


def test_the_wire_calls_the_sender_from_and_the_account_from_id() -> None:
    event = events.Message(room="#ops", seq=1, time=TIME, sender="ada", sender_id=7, text="hi", cid="1")
    wire = json.loads(encode(event))
    assert (wire["from"], wire["from_id"]) == ("ada", 7)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (events.Message, {"text": "hi", "cid": "1"}),
        (events.Edited, {"target": 1, "text": "ho"}),
        (events.Deleted, {"target": 1}),
        (events.Reacted, {"target": 1, "mark": "👍"}),
        (events.Moderated, {"action": "mute"}),
        (events.TopicChanged, {"text": "tea"}),
    ],
)
def test_a_room_event_of_an_older_server_has_the_account_number_0(
    kind: type[events.PersonEvent], more: dict[str, Any]
) -> None:
    wire = {"type": tag(kind), "room": "#ops", "seq": 1, "time": TIME, "from": "ada", **more}
    event = decode_event(json.dumps(wire))
    assert isinstance(event, events.PersonEvent)
    assert (event.sender, event.sender_id) == ("ada", 0)
    assert json.loads(encode(event)) == wire  # unknown numbers are left out again


def test_account_names_are_keyed_by_account_number() -> None:
    page = events.Page(id="1", room="#ops", events=(), more=False, first=1, names={7: "eve"})
    assert json.loads(encode(page))["names"] == {"7": "eve"}
    back = decode_event(encode(page))
    assert isinstance(back, events.Page)
    assert back.names == {7: "eve"}


@pytest.mark.parametrize(
    ("data", "code", "request_id"),
    [
        (b"", "not_json", ""),
        (b"hello", "not_json", ""),
        (b'{"type":"ping","id":"1"', "not_json", ""),
        (b'{"type":"ping","id":"1"} x', "not_json", ""),
        (b'{"type":"ping","id":"\xff"}', "not_json", ""),
        (b'{"type":"ping","id":"\\ud800"}', "not_json", ""),
        (b"\x00\x01\x02", "not_json", ""),
        (b"[" * 60_000, "not_an_object", ""),
        (b'{"type":"ping","id":"1","x":' + b"[" * 60_000, "not_json", ""),
        ('{"type":"ping","id":"\ud800"}', "not_json", ""),
        (b"[]", "not_an_object", ""),
        (b"null", "not_an_object", ""),
        (b"7", "not_an_object", ""),
        (b'"ping"', "not_an_object", ""),
        (b'{"type":"dance","id":"1"}', "unknown_type", "1"),
        (b'{"type":"Send","id":"1"}', "unknown_type", "1"),
        (b'{"type":"","id":"1"}', "unknown_type", "1"),
        (b'{"id":"1","type":"welcome"}', "unknown_type", "1"),
        (b'{"type":"dance"}', "unknown_type", ""),
        (b"{}", "bad_field", ""),
        (b'{"id":"1"}', "bad_field", "1"),
        (b'{"type":7,"id":"1"}', "bad_field", "1"),
        (b'{"type":null,"id":"1"}', "bad_field", "1"),
        (b'{"type":"ping"}', "bad_field", ""),
        (b'{"type":"ping","id":""}', "bad_field", ""),
        (b'{"type":"ping","id":7}', "bad_field", ""),
        (b'{"type":"ping","id":"' + b"x" * 65 + b'"}', "bad_field", ""),
        (b'{"type":"send","id":"1"}', "bad_field", "1"),
        (b'{"type":"send","id":"1","text":7}', "bad_field", "1"),
        (b'{"type":"send","id":"1","text":null}', "bad_field", "1"),
        (b'{"type":"send","id":"1","text":"x","to":"bob"}', "bad_field", "1"),
        (b'{"type":"send","id":"1","text":"x","to":[1]}', "bad_field", "1"),
        (b'{"type":"send","id":"1","text":"x","kind":"shout"}', "bad_field", "1"),
        (b'{"type":"join","id":"1","room":"' + b"x" * 257 + b'"}', "bad_field", "1"),
        (b'{"type":"read","id":"1","room":"#ops","seq":-1}', "bad_field", "1"),
        (b'{"type":"read","id":"1","room":"#ops","seq":1.5}', "bad_field", "1"),
        (b'{"type":"read","id":"1","room":"#ops","seq":9007199254740993}', "bad_field", "1"),
        (b'{"type":"history","id":"1","room":"#ops","limit":0}', "bad_field", "1"),
        (b'{"type":"history","id":"1","room":"#ops","limit":501}', "bad_field", "1"),
    ],
)
def test_bad_input_is_refused_with_its_code_and_request_id(data: bytes | str, code: str, request_id: str) -> None:
    got_id, refusal = refused(data)
    assert (refusal.code, got_id) == (code, request_id)


def test_a_refusal_names_the_field_and_the_expected_type() -> None:
    _, refusal = refused(b'{"type":"send","id":"1","text":7}')
    assert "$.text" in refusal.message
    assert "str" in refusal.message


def test_a_refusal_quotes_the_request_harmlessly_and_shortened() -> None:
    shout = json.dumps({"type": "send", "id": "1", "text": "x", "kind": "\x1b[31m" + "x" * 5000}).encode()
    dance = json.dumps({"type": "\x1b[31m\u202e" + "x" * 5000, "id": "1"}).encode()
    for data in (shout, dance):
        _, refusal = refused(data)
        assert "\x1b" not in str(refusal)
        assert "\u202e" not in str(refusal)
        assert len(str(refusal)) < 400


@given(st.binary(max_size=60))
def test_no_bytes_make_the_decoder_raise(data: bytes) -> None:
    decode_request(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(["text", "room", "to", "seq", "kind", "limit", "after", "name", "id"])


@given(st.sampled_from(requests.REQUESTS), st.dictionaries(fields, json_values, max_size=5))
def test_no_object_makes_the_decoder_raise(kind: type[requests.Request], filled: dict[str, Any]) -> None:
    answer = decode_request(json.dumps({"type": tag(kind), **filled}))
    if isinstance(answer, tuple):
        request_id, refusal = answer
        assert refusal.code in {"bad_field", "not_json"}
        wanted = filled.get("id")
        readable = refusal.code == "bad_field" and isinstance(wanted, str) and len(wanted) <= 64
        assert request_id == (wanted if readable else "")


def test_unknown_fields_are_ignored() -> None:
    assert decode_request(b'{"type":"ping","id":"1","mood":"good","type2":{"a":[1]}}') == requests.Ping(id="1")
    event = decode_event(b'{"type":"pong","id":"1","time":"2026-01-31T12:00:00.000Z","mood":"good"}')
    assert isinstance(event, events.Pong)


def test_an_event_of_a_later_version_is_ignored() -> None:
    assert decode_event(b'{"type":"reaction","room":"#ops","seq":1}') is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"[]",
        b"{}",
        b'{"type":7}',
        b'{"type":"pong"}',
        b"[" * 60_000,
        b'{"type":"pong","id":1,"time":""}',
        b'{"type":"\xff"}',
    ],
)
def test_bytes_that_are_no_event_are_an_error(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_event(data)


def test_the_longest_text_fits_a_frame_in_every_encoding() -> None:
    text = "\U0001f600" * 8000  # the server's default limit
    request = requests.Send(id="x" * 64, text=text, to=tuple(f"user_{number}" for number in range(20)))
    assert len(encode(request)) <= MAX_FRAME
