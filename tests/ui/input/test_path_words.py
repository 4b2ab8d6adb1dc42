"""Words with quotes in an argument, and the paths in what terminals paste when a file is dropped on them."""

from __future__ import annotations

import os
import sys

import pytest

from trio_chat.ui.input.path_words import MOST_DROPPED, quoted_path, read_dropped, split_words

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="paths of Unix")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a.png b.png", ["a.png", "b.png"]),
        ("'a b.png' c", ["a b.png", "c"]),
        ('"a b.png" c', ["a b.png", "c"]),
        (r"a\ b.png c", ["a b.png", "c"]),
        (r"""'it'\''s.txt'""", ["it's.txt"]),
        ("ada's.txt bob's.txt", ["ada's.txt", "bob's.txt"]),
        (r'"a \"b\" \\ \n"', ['a "b" \\ \\n']),
        ("'never closed  ", ["never closed  "]),
        ("$HOME/*;`x`", ["$HOME/*;`x`"]),
        ("  ", []),
        ("a\\", ["a\\"]),
    ],
)
def test_words_are_split_as_in_a_shell(text: str, words: list[str]) -> None:
    assert [word.value for word in split_words(text)] == words


def test_a_word_knows_where_it_stands() -> None:
    text = "one 'two three' fo"
    assert [text[word.start : word.end] for word in split_words(text)] == ["one", "'two three'", "fo"]
    assert [word.open for word in split_words("'a' 'b")] == [False, True]


@pytest.mark.parametrize("path", ["a", "a b", "it's", 'say "hi"', "back\\slash", "a 'b' \"c\" \\", "ünï cödé", " "])
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_a_quoted_path_reads_as_that_path(path: str, quote: str) -> None:
    (word,) = split_words(quoted_path(path, quote))
    assert word.value == path


@pytest.mark.parametrize(
    ("pasted", "paths"),
    [
        ("'/home/ada/my file.png' ", ("/home/ada/my file.png",)),  # GNOME Terminal
        ("/Users/ada/my\\ file.png ", ("/Users/ada/my file.png",)),  # Terminal and iTerm2 on macOS
        ('"/home/ada/my file.png"', ("/home/ada/my file.png",)),
        ("/home/ada/my file.png", ("/home/ada/my file.png",)),  # as it is
        ("/a/1.png /a/2.png", ("/a/1.png", "/a/2.png")),
        ("'/a/1 2.png' '/a/3.png'", ("/a/1 2.png", "/a/3.png")),
        ("/a/1.png\n/a/2 3.png\n", ("/a/1.png", "/a/2 3.png")),
        ("file:///home/ada/my%20file.png\r\n", ("/home/ada/my file.png",)),
        ("file://localhost/a.png file:///b.png", ("/a.png", "/b.png")),
        (f"file://{os.uname().nodename}/a.png", ("/a.png",)),
        ("~/notes.txt", ("~/notes.txt",)),
        ("'/a/it'\\''s.txt'", ("/a/it's.txt",)),
    ],
)
def test_dropped_paths_are_read(pasted: str, paths: tuple[str, ...]) -> None:
    assert paths in read_dropped(pasted)


@pytest.mark.parametrize(
    "pasted",
    [
        "hello",
        "see /etc/hosts",
        "https://example.org/a.png",
        "file://elsewhere/a.png",
        "file:///a.png?x",
        "file:///a%00.png",
        "file://[/a",
        "/a.png\nsome text",
        "",
        "/" + "x" * 20_000,
        "\n".join(f"/{n}" for n in range(MOST_DROPPED + 1)),
        "/a\x1b[2Jb",
    ],
)
def test_other_texts_are_no_dropped_paths(pasted: str) -> None:
    assert read_dropped(pasted) == []
