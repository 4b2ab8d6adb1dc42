"""Frames: the fast way and wsproto agree about every client's bytes, however they are cut."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage

from tests.server.raw_client import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame
from trio_chat.server.net.frames import FrameReader, apply_mask, mask_in_python, text_frame

EDGES = [0, 1, 125, 126, 127, 65535, 65536]
LIMIT = 65536

masks = st.binary(min_size=4, max_size=4)
texts = st.text(max_size=200).map(str.encode) | st.sampled_from([b"x" * size for size in EDGES[:-1]])
ordinary = st.builds(lambda payload, mask: (payload, frame(payload, mask=mask)), texts, masks)
control = st.builds(
    lambda payload, opcode, mask: (None, frame(payload, opcode, mask=mask)),
    st.binary(max_size=125),
    st.sampled_from([PING, PONG]),
    masks,
)
fragmented = st.builds(
    lambda one, other, mask: (
        one + other,
        frame(one, fin=False, mask=mask) + frame(b"", PING) + frame(other, CONTINUATION, mask=mask),
    ),
    texts,
    texts,
    masks,
)
binary = st.builds(lambda payload, mask: (payload, frame(payload, BINARY, mask=mask)), st.binary(max_size=300), masks)
bad = st.sampled_from(
    [
        frame(b"\xff\xfe"),  # not UTF-8
        frame("\ud800".encode("utf-8", "surrogatepass")),
        frame(b"x", mask=None),
        frame(b"x", bits=4),
        frame(b"x", bits=1),
        frame(b"x", 3),
        frame(b"x", 11),
        frame(b"x" * 126, PING),
        frame(b"x", PING, fin=False),
        frame(b"x", CONTINUATION),
        b"\x81\xfe\x00\x05\x01\x02\x03\x04hello",  # a length in more bytes than it needs
    ]
)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The data in pieces."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:stop] for start, stop in pairwise(edges)]


cuts = st.lists(st.integers(0, 2**20), max_size=6)


def read_with_wsproto(pieces: list[bytes]) -> tuple[list[bytes], list[Event], bool]:
    """What wsproto makes of a client's bytes: messages, control frames, and whether it refused them."""
    server = Connection(ConnectionType.SERVER)
    messages: list[bytes] = []
    controls: list[Event] = []
    part = b""
    for piece in pieces:
        server.receive_data(piece)
        for event in server.events():
            if isinstance(event, CloseConnection):  # what wsproto makes of a bad frame
                return messages, controls, True
            if isinstance(event, TextMessage | BytesMessage):
                part += event.data.encode() if isinstance(event.data, str) else event.data
                if event.message_finished:
                    messages.append(part)
                    part = b""
            else:
                controls.append(event)
    return messages, controls, False


def read_with_ours(pieces: list[bytes], limit: int = LIMIT) -> tuple[list[bytes], list[bytes], FrameReader]:
    reader = FrameReader(limit, 1000)
    messages: list[bytes] = []
    rests: list[bytes] = []
    for piece in pieces:
        for found, rest in portions(reader, piece):
            messages += found
            rests.append(rest)
    return messages, rests, reader


def portions(reader: FrameReader, piece: bytes) -> Iterator[tuple[list[bytes], bytes]]:
    """What the reader makes of one piece."""
    yield reader.feed(piece)
    while reader.more:
        yield reader.feed(b"")


@pytest.mark.parametrize("size", EDGES)
def test_a_servers_frame_is_what_wsproto_would_send(size: int) -> None:
    wanted = Connection(ConnectionType.SERVER).send(TextMessage(data="x" * size))
    assert text_frame(b"x" * size) == wanted


@pytest.mark.parametrize("form", [bytes, bytearray, memoryview])
@given(st.binary(max_size=300) | st.sampled_from([b"x" * size for size in EDGES]), masks)
def test_both_ways_to_take_off_a_mask_do_what_the_rfc_says(
    form: Callable[[bytes], bytes], data: bytes, mask: bytes
) -> None:
    wanted = bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))
    assert mask_in_python(form(data), form(mask)) == wanted
    assert apply_mask(form(data), form(mask)) == wanted


def test_without_the_extra_the_mask_is_taken_off_in_python() -> None:
    load = "import sys; sys.modules['websockets'] = None; from trio_chat.server.net import frames; "
    check = "assert frames.apply_mask is frames.mask_in_python"
    subprocess.run([sys.executable, "-c", load + check], check=True)


@given(st.lists(ordinary | control, max_size=12), cuts)
def test_ordinary_messages_come_out_in_order_and_control_frames_are_left(
    frames: list[tuple[bytes | None, bytes]], places: list[int]
) -> None:
    messages, rests, reader = read_with_ours(cut(b"".join(data for _, data in frames), places))
    assert messages == [payload for payload, _ in frames if payload is not None]
    assert b"".join(rests) == b"".join(data for payload, data in frames if payload is None)
    assert not reader.unusual


@given(st.lists(ordinary | control | fragmented | binary, max_size=8), st.none() | bad, cuts)
def test_nothing_is_lost_changed_or_overtaken_by_going_past_wsproto(
    frames: list[tuple[bytes | None, bytes]], end: bytes | None, places: list[int]
) -> None:
    data = b"".join(data for _, data in frames) + (end or b"")
    wanted, controls, refused = read_with_wsproto([data])
    messages, rests, reader = read_with_ours(cut(data, places))
    late, left, late_refused = read_with_wsproto(rests)
    assert messages + late == wanted
    assert left == controls
    assert late_refused == refused == (end is not None)
    assert all(isinstance(event, Ping | Pong) for event in controls)
    assert reader.unusual or not late


@given(st.sampled_from([frame(b"x", BINARY), frame(b"x", fin=False), frame(b"\xff")]), cuts)
def test_after_an_unusual_frame_everything_is_wsprotos_for_good(unusual: bytes, places: list[int]) -> None:
    data = unusual + frame(b"one") + frame(b"", CONTINUATION) + frame(b"two")
    messages, rests, reader = read_with_ours([frame(b"before"), *cut(data, places)])
    assert messages == [b"before"]
    assert b"".join(rests) == data
    assert reader.unusual


@pytest.mark.parametrize("size", [125, 126, 4096, 65535])
def test_the_limit_is_the_greatest_size_that_is_read(size: int) -> None:
    messages, rests, _ = read_with_ours([frame(b"x" * size)], limit=size)
    assert (messages, rests) == ([b"x" * size], [b""])
    messages, rests, _ = read_with_ours([frame(b"x" * (size + 1))], limit=size)
    assert (messages, rests) == ([], [frame(b"x" * (size + 1))])


def test_a_frame_over_the_limit_is_handed_on_when_its_header_is_there() -> None:
    header = frame(b"x" * 5000)[:8]
    _, rests, reader = read_with_ours([header[:3], header[3:4], header[4:]], limit=4999)
    assert b"".join(rests) == header
    assert reader.unusual


def test_of_a_frame_over_the_limit_wsproto_gets_what_shows_it_and_nothing_behind_it() -> None:
    for limit, header in ((4999, 8), (65535, 14)):
        data = frame(b"x" * (limit + 1))
        _, rests, _ = read_with_ours([data + frame(b"", PING) * 500] * 2, limit=limit)
        assert b"".join(rests)[: header + limit + 1] == data
        assert len(b"".join(rests)) <= 14 + limit + 1


def test_a_length_in_eight_bytes_is_refused_when_it_is_there() -> None:
    reader = FrameReader(100, 10)
    data = b"\x81\xff" + (2**40).to_bytes(8)
    assert reader.feed(data[:9]) == ([], b"")
    assert reader.feed(data[9:]) == ([], data)
    assert reader.unusual


@given(st.lists(st.binary(max_size=400), max_size=30))
def test_no_bytes_make_it_fail_or_keep_more_than_a_frame(pieces: list[bytes]) -> None:
    reader = FrameReader(1000, 10)
    for piece in pieces:
        for _ in portions(reader, piece):
            pass
        assert len(reader._part) <= 1000 + 14


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (frame(b"\x03\xe8", CLOSE), 8),
        (frame(b"x", 3), 14),
        (frame(b"x", 11), 14),
        (frame(b"x", bits=1), 14),
        (frame(b"x" * 200, PING), 14),
        (frame(b"x", PING, fin=False), 14),
        (frame(b"x", mask=None), 14),
        (b"\x81\xfe\x00\x05\x01\x02\x03\x04hello", 14),
        (b"\x81\xff" + (2**63 + 5).to_bytes(8) + b"\x01\x02\x03\x04hello", 14),
    ],
)
@given(places=cuts)
def test_nothing_is_read_behind_a_frame_that_ends_the_connection(data: bytes, end: int, places: list[int]) -> None:
    before, behind = frame(b"before"), frame(b"late") + frame(b"", PING) + frame(b"", CLOSE)
    messages, rests, reader = read_with_ours([*cut(before + data + behind, places), behind * 100])
    assert messages == [b"before"]
    assert b"".join(rests) == (data + behind)[:end]
    assert read_with_wsproto(rests) == ([], [], True)
    assert not reader.more


@pytest.mark.parametrize(
    ("data", "most"),
    [
        (frame(b"", PONG), 64),
        (frame(b"", PING), 64),
        (frame(b"", CONTINUATION, fin=False), 64),
        (frame(b"", BINARY), 64),
        (frame(b""), 256),
    ],
)
def test_a_reading_of_many_small_frames_is_read_in_portions(data: bytes, most: int) -> None:
    reader = FrameReader(LIMIT, 10_000)
    sizes = [len(messages) + len(rest) // 6 for messages, rest in portions(reader, data * 5000)]
    assert (sum(sizes), max(sizes)) == (5000, most)
    reader = FrameReader(LIMIT, 10)  # those that are dropped come in portions too
    if data[0] == CONTINUATION:
        assert len(list(portions(reader, data * 640))) == 10
        assert reader.too_many


def test_a_message_has_a_greatest_number_of_fragments() -> None:
    fragment = frame(b"", CONTINUATION, fin=False)
    reader = FrameReader(LIMIT, 4)
    for _ in range(3):  # the count begins anew with each message
        reader.feed(frame(b"x", fin=False) + fragment * 2 + frame(b"", PING) + frame(b"", CONTINUATION))
        assert (reader.too_many, reader.extra) == (False, 5)
    reader.feed(frame(b"x", fin=False) + fragment * 3)
    assert (reader.feed(fragment), reader.too_many) == (([], b""), True)
    ping = frame(b"", PING)
    assert reader.feed(fragment + frame(b"x", CONTINUATION) + frame(b"x") + ping) == ([], ping)


def test_control_frames_and_fragments_are_counted_and_messages_are_not() -> None:
    reader = FrameReader(LIMIT, 10)
    for data, extra in (
        (frame(b"one"), 0),
        (frame(b"", PING) + frame(b"one") + frame(b"", PONG), 2),
        (frame(b"x", BINARY), 0),
        (frame(b"x"), 0),
        (frame(b"x", fin=False), 1),
        (frame(b"x", CONTINUATION), 1),
        (frame(b"x", CLOSE), 1),
        (frame(b"", PING), 0),  # it is not read
    ):
        reader.feed(data)
        assert reader.extra == extra


@pytest.mark.parametrize("opcode", [PING, PONG])
def test_a_control_frame_in_one_piece_with_messages_keeps_their_order(opcode: int) -> None:
    data = frame(b"one") + frame(b"zz", opcode) + frame(b"two", TEXT)
    for at in range(len(data)):
        messages, rests, reader = read_with_ours([data[:at], data[at:]])
        assert messages == [b"one", b"two"]
        assert b"".join(rests) == frame(b"zz", opcode)
        assert not reader.unusual
