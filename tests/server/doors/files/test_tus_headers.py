"""The headers of tus: what is read, and what is refused."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.errors import Refusal
from trio_chat.protocol.text import clean
from trio_chat.server.doors.files.tus_headers import (
    UPLOAD_BYTES,
    Checksum,
    check_bytes,
    check_version,
    find_method,
    format_date,
    format_metadata,
    parse_checksum,
    parse_length,
    parse_metadata,
    parse_offset,
)


def code(found: object) -> str:
    """The code of a refusal; empty for anything else."""
    return found.code if isinstance(found, Refusal) else ""


@pytest.mark.parametrize("version", [None, "", "1.0", "0.2.2", "2.0.0", "1.0.0, 1.0.0"])
def test_another_version_is_refused(version: str | None) -> None:
    headers = {} if version is None else {"tus-resumable": version}
    assert code(check_version(headers)) == "wrong_tus_version"
    assert check_version({"tus-resumable": "1.0.0"}) is None


def test_a_client_that_knows_no_patch_names_it_in_a_header() -> None:
    assert find_method("POST", {"x-http-method-override": "patch"}) == "PATCH"
    assert find_method("POST", {}) == "POST"


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ({"upload-length": "0"}, 0),
        ({"upload-length": "00100"}, 100),
        ({"upload-length": str(10**17)}, 10**17),
        ({}, "it has no Upload-Length"),
        ({"upload-length": ""}, "no number"),
        ({"upload-length": "-1"}, "no number"),
        ({"upload-length": "+1"}, "no number"),
        ({"upload-length": "1.5"}, "no number"),
        ({"upload-length": "1_0"}, "no number"),
        ({"upload-length": "\u0663"}, "no number"),
        ({"upload-length": "1e3"}, "no number"),
        ({"upload-length": "9" * 19}, "no number"),
        ({"upload-length": "5, 5"}, "no number"),
        ({"upload-defer-length": "1"}, "told later"),
        ({"upload-defer-length": "1", "upload-length": "5"}, "both"),
        ({"upload-length": "5", "upload-concat": "partial"}, "does not put uploads together"),
    ],
)
def test_the_length_is_a_number_that_is_known(headers: dict[str, str], length: int | str) -> None:
    found = parse_length(headers)
    if isinstance(length, int):
        assert found == length
    else:
        assert isinstance(found, Refusal)
        assert length in found.message


def test_the_offset_is_a_number() -> None:
    assert parse_offset({"upload-offset": "7"}) == 7
    assert code(parse_offset({})) == "bad_upload"
    assert code(parse_offset({"upload-offset": "-7"})) == "bad_upload"


@pytest.mark.parametrize("kind", ["", "text/plain", "application/octet-stream", f"{UPLOAD_BYTES}; charset=x"])
def test_bytes_have_their_content_type(kind: str) -> None:
    assert code(check_bytes({"content-type": kind})) == "not_upload_bytes"
    assert check_bytes({"content-type": UPLOAD_BYTES}) is None
    assert check_bytes({"content-type": UPLOAD_BYTES.title()}) is None


def test_a_checksum_is_an_algorithm_and_a_digest() -> None:
    for algorithm in ("sha1", "sha256"):
        digest = hashlib.new(algorithm, b"x").digest()
        value = f"{algorithm} {base64.b64encode(digest).decode()}"
        assert parse_checksum({"upload-checksum": value}) == Checksum(algorithm, digest)
    assert parse_checksum({}) is None


@pytest.mark.parametrize(
    "value",
    ["", "sha1", "sha1 ", "sha1 !!!", "sha1 eHg=", "md5 1B2M2Y8AsgTpgAmY7PhCfg==", "SHA1 x", "sha256 " + "A" * 27],
)
def test_a_checksum_that_cannot_be_one_is_refused(value: str) -> None:
    assert code(parse_checksum({"upload-checksum": value})) == "bad_upload"


def test_metadata_are_pairs_in_base64() -> None:
    headers = {"upload-metadata": "filename d29ybGQ, room I29wcw==,empty, blank "}
    assert code(parse_metadata(headers)) == "bad_upload"  # "d29ybGQ" lacks its padding
    headers = {"upload-metadata": "filename d29ybGQ=, room I29wcw==,empty, blank "}
    assert parse_metadata(headers) == {"filename": "world", "room": "#ops", "empty": "", "blank": ""}
    assert parse_metadata({}) == {}
    assert parse_metadata({"upload-metadata": " "}) == {}


@pytest.mark.parametrize(
    "value",
    [
        "a YQ==,a YQ==",
        "a YQ==,,b YQ==",
        ",",
        "a  YQ==",
        "a YQ== YQ==",
        "\xe9 YQ==",
        "a Y-Q=",
        "a " + "YWFh" * 2000,
    ],
)
def test_metadata_that_are_none_are_refused(value: str) -> None:
    assert code(parse_metadata({"upload-metadata": value})) == "bad_upload"


def test_a_value_that_is_no_utf8_is_still_text() -> None:
    assert parse_metadata({"upload-metadata": "filename /w=="}) == {"filename": "\ufffd"}


@given(st.dictionaries(st.from_regex(r"\A[a-z_]{1,9}\Z"), st.text(max_size=40), max_size=4))
def test_metadata_come_back_as_they_were_written(pairs: dict[str, str]) -> None:
    assert parse_metadata({"upload-metadata": format_metadata(pairs)}) == pairs


@given(st.text(max_size=60))
def test_whatever_a_header_holds_it_is_read_or_refused(value: str) -> None:
    for name, parse in {
        "upload-metadata": parse_metadata,
        "upload-checksum": parse_checksum,
        "upload-length": parse_length,
        "upload-offset": parse_offset,
        "tus-resumable": check_version,
        "content-type": check_bytes,
    }.items():
        found = parse({name: value})
        if isinstance(found, Refusal):
            assert clean(str(found)) == str(found)


def test_a_date_is_written_as_http_does() -> None:
    assert format_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT"
