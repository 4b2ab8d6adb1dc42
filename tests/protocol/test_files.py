"""The names of files, and their lines in the text of a message."""

from __future__ import annotations

import unicodedata
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trio_chat.protocol import events, requests
from trio_chat.protocol.codec import decode_event, decode_request, encode
from trio_chat.protocol.files import (
    MAX_FILE_NAME,
    caption_of,
    clean_file_name,
    file_line,
    is_digest,
    is_kind,
    size_words,
    with_file_lines,
)
from trio_chat.protocol.parts import FileInfo
from trio_chat.protocol.text import clean_line

DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
LOG = FileInfo(id="f1", name="build.log", size=12_595, sha256=DIGEST)
PICTURE = FileInfo(id="f2", name="disks.png", size=1, sha256=DIGEST, kind="image/png", width=2, height=3)
LINE: dict[str, Any] = {
    "type": "message",
    "room": "#ops",
    "seq": 1,
    "time": "2026-01-31T12:00:00.000Z",
    "from": "bob",
    "text": "hi",
    "cid": "c",
}


@pytest.mark.parametrize(
    ("given_name", "cleaned"),
    [
        ("build.log", "build.log"),
        ("Grüße 2026.pdf", "Grüße 2026.pdf"),
        ("gru\u0308n.txt", "grün.txt"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..\\..\\boot.ini", "_.._boot.ini"),
        ("C:\\Users\\ada\\report.pdf", "C_Users_ada_report.pdf"),
        ("/etc/shadow", "_etc_shadow"),
        (".bashrc", "bashrc"),
        ("...", "file"),
        (".", "file"),
        ("..", "file"),
        ("", "file"),
        ("  \t ", "file"),
        ("a\x00b.txt", "a_b.txt"),
        ("a\nb\x1b[31m.txt", "a b_[31m.txt"),
        ("report.pdf. . ", "report.pdf"),
        ("what?.txt", "what_.txt"),
        ('a<b>c"d|e*.txt', "a_b_c_d_e_.txt"),
        ("notes.txt:hidden.exe", "notes.txt_hidden.exe"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("zero\u200bwidth.txt", "zerowidth.txt"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("Lpt1.tar.gz", "_Lpt1.tar.gz"),
        ("com¹", "_com¹"),
        ("nul .txt", "_nul .txt"),
        (".con", "_con"),
        ("console.log", "console.log"),
        ("conin$", "_conin$"),
        ("\ud800.txt", "_.txt"),
    ],
)
def test_a_name_is_made_harmless(given_name: str, cleaned: str) -> None:
    assert clean_file_name(given_name) == cleaned


@pytest.mark.parametrize("name", ["x" * 300 + ".tar", "ü" * 200 + ".pdf", "日本" * 100 + ".txt", "y" * 5000])
def test_a_long_name_keeps_its_extension(name: str) -> None:
    cleaned = clean_file_name(name)
    assert MAX_FILE_NAME - 4 <= len(cleaned.encode()) <= MAX_FILE_NAME
    assert cleaned.rpartition(".")[2][-4:] == name.rpartition(".")[2][-4:]


@pytest.mark.parametrize("size", range(MAX_FILE_NAME - 3, MAX_FILE_NAME + 4))
def test_a_name_of_about_the_greatest_length_leaves_a_byte_for_a_mark(size: int) -> None:
    name = "x" * (size - 4) + ".pdf"
    assert clean_file_name(name) == "x" * (min(size, MAX_FILE_NAME - 1) - 4) + ".pdf"


def test_a_long_text_after_a_dot_is_no_extension() -> None:
    assert clean_file_name("a." + "b" * 300) == "a." + "b" * 197


@given(st.text() | st.text("./\\ \u0308aconCON\u202e\u200d\x00\u3000nul1", max_size=30))
@example("\u3000.con")
@example("a" * 196 + "\u0344")
def test_any_name_becomes_one_part_of_a_path(name: str) -> None:
    cleaned = clean_file_name(name)
    assert 1 <= len(cleaned.encode()) <= MAX_FILE_NAME
    assert not set(cleaned) & set('/\\:*?"<>|\x00')
    assert cleaned == cleaned.strip(". ") == unicodedata.normalize("NFC", cleaned) == clean_line(cleaned)
    assert clean_file_name(cleaned) == cleaned


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (12_595, "12.3 KiB"),
        (1024 * 1024 - 1, "1.0 MiB"),
        (104_857_600, "100.0 MiB"),
        (5 * 2**30, "5.0 GiB"),
        (2**53, "8192.0 TiB"),
    ],
)
def test_a_size_in_words(size: int, words: str) -> None:
    assert size_words(size) == words


def test_the_text_of_a_message_has_a_line_for_each_file_after_its_caption() -> None:
    assert file_line(LOG) == "[file] build.log, 12.3 KiB"
    assert with_file_lines("it failed\nhere", (LOG, PICTURE)) == (
        "it failed\nhere\n[file] build.log, 12.3 KiB\n[file] disks.png, 1 byte"
    )
    assert with_file_lines("", (LOG,)) == "[file] build.log, 12.3 KiB"
    assert with_file_lines("only words", ()) == "only words"


@pytest.mark.parametrize("caption", ["it failed", "", "[file] build.log, 12.3 KiB", "a\n", "\n"])
@pytest.mark.parametrize("files", [(), (LOG,), (LOG, LOG), (LOG, PICTURE)])
def test_the_caption_is_what_the_sender_wrote(caption: str, files: tuple[FileInfo, ...]) -> None:
    assert caption_of(_message(with_file_lines(caption, files), files)) == caption


def test_a_text_without_the_lines_of_its_files_is_all_caption() -> None:
    assert caption_of(_message("another text", (LOG,))) == "another text"


def test_only_media_types_and_digests_pass_for_such() -> None:
    assert is_kind("image/png")
    assert is_kind("application/vnd.oasis.opendocument.text")
    assert not any(map(is_kind, ("", "image", "image/png; charset=x", "text/html\n", "Image/PNG", "a/\x1b[31m")))
    assert is_digest(DIGEST)
    assert not any(map(is_digest, ("", DIGEST[1:], DIGEST + "\n", DIGEST.upper(), "../" + DIGEST[3:])))


def test_peers_of_earlier_versions_send_and_get_no_files() -> None:
    assert b"files" not in encode(_message("hi", ()))
    old = decode_event(msgspec.json.encode(LINE))
    assert isinstance(old, events.Message)
    assert old.files == ()
    send = decode_request(b'{"type":"send","id":"1","room":"#ops","text":"hi"}')
    assert isinstance(send, requests.Send)
    assert send.files == ()
    welcome = decode_event(
        b'{"type":"welcome","name":"ada","token":"","epoch":"e","rooms":[{"name":"#lobby"}],"lobby":"#lobby",'
        b'"limits":{"text":1,"frame":1,"to":1},"time":"2026-01-31T12:00:00.000Z","server":"trio-chat 0.1"}'
    )
    assert isinstance(welcome, events.Welcome)
    assert welcome.files is None
    assert (welcome.rooms[0].files, welcome.rooms[0].max_file) == (True, 0)


def test_a_message_takes_ten_files_and_no_more() -> None:
    ids = [f"f{number}" for number in range(11)]
    data = {"type": "send", "id": "1", "room": "#ops", "text": "", "files": ids[:10]}
    assert isinstance(decode_request(msgspec.json.encode(data)), requests.Send)
    assert isinstance(decode_request(msgspec.json.encode({**data, "files": ids})), tuple)


def _message(text: str, files: tuple[FileInfo, ...]) -> events.Message:
    return events.Message(
        room="#ops", seq=1, time="2026-01-31T12:00:00.000Z", sender="ada", text=text, cid="c", files=files
    )
