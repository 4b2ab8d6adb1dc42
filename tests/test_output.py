"""Nothing but harmless text and our own control sequences can be written, and no code writes past the writer."""

from __future__ import annotations

import ast
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import trio_chat
from trio_chat.output import (
    BOLD,
    DIM,
    NICK_COLOURS,
    RED,
    Control,
    HarmlessStream,
    Output,
    harmless_standard_streams,
    harmless_stream,
    rendered,
    rendered_line,
    split_style,
    styled,
    unstyled,
)
from trio_chat.protocol.text import clean, escape_json

HOSTILE: Final = "\x1b]52;c;ZXZpbA==\x07 \x1b]0;owned\x1b\\ \x1b[2J\x9b31m\x9d0;x\x9c \u202egnp\u2066 \r\b\x7f \ud83d"
ACTING: Final = {*map(chr, range(32)), "\x7f", *map(chr, range(0x80, 0xA0)), *"\u202a\u202e\u2066\u2069\u200e\ud83d"}


class FakeStream(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


# ---- text ---------------------------------------------------------------------------------------


def test_text_loses_whatever_acts_on_a_terminal() -> None:
    shown = rendered_line(HOSTILE + "\nfake line" + "a" + "\u0301" * 100)
    assert not ACTING & set(shown)
    assert "␛]52;c;ZXZpbA==␇" in shown
    assert shown.count("\u0301") < 10
    assert rendered("one\n\ttwo") == "one\n\ttwo"


@pytest.mark.parametrize(
    "style", [BOLD, DIM, RED, f"1;{RED}", *map(str, NICK_COLOURS), *(f"1;{n}" for n in NICK_COLOURS)]
)
def test_a_style_becomes_its_colour_and_nothing_inside_it_does(style: str) -> None:
    line = styled("a\x1b[31mb", style)
    assert rendered(line) == f"\x1b[{style}ma␛[31mb\x1b[0m"
    assert rendered(line, colour=False) == "a␛[31mb"
    assert unstyled(line) == "a\x1b[31mb"


def test_the_marks_of_styles_cannot_come_from_outside() -> None:
    mark = styled("", BOLD)[0]
    assert clean(mark) == "\ufffd"  # text that the protocol has cleaned
    with pytest.raises(UnicodeEncodeError):
        mark.encode()  # bytes of UTF-8
    assert (
        mark.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape") != mark
    )  # an argument, a file's name


def test_a_line_in_one_style_is_split_from_its_marks() -> None:
    before, text, behind = split_style(styled("-- one", DIM))
    assert (before + text + behind, text) == (styled("-- one", DIM), "-- one")
    assert split_style("[12:00] " + styled("ada", BOLD)) == ("", "[12:00] " + styled("ada", BOLD), "")


@given(st.text(st.characters(codec=None)))
def test_no_text_can_act_on_a_terminal(text: str) -> None:
    marks = {character for style in (BOLD, DIM, RED) for character in styled("", style)}
    shown = rendered_line("".join(character for character in text if character not in marks), colour=False)
    assert not ACTING - {"\t"} & set(shown)
    assert str(Output().text(text)).replace("\x1b[", "").isprintable() or "\x1b]" not in str(Output().text(text))


# ---- control sequences --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["text", "\x1b]2;a\nb\a", "\x1b]2;a\x1b]52;c;x\a\a", "\x1b]2;\x9d\a", "\x1bPq\x1b\\", "\x1b[2;\x1bJ"]
)
def test_only_a_control_sequence_is_one(text: str) -> None:
    with pytest.raises(ValueError, match="no control sequence"):
        Control(text)


def test_a_terminal_takes_text_and_control_sequences_by_different_ways() -> None:
    output = Output().control(Control("\x1b[2J")).line("a\x1b[3J\nb").text("c")
    assert output.encode() == "\x1b[2Ja␛[3J␊b\r\nc".encode()
    with pytest.raises(TypeError):
        output.control("\x1b[2J")  # type: ignore[arg-type] # the point
    with pytest.raises(TypeError):
        output.control(Control("\x1b[2J") + "evil")  # type: ignore[arg-type] # a sum is a text again


def test_what_a_library_draws_keeps_its_sequences_only() -> None:
    drawn = "\x1b[0;39;49m\x1b[1;1Hhi\x1b]8;id=1;http://x/\x1b\\there\x1b]8;;\x1b\\\x0f\x1b_evil\x1b\\\x9b2J"
    shown = str(Output().drawn(drawn))
    assert shown == "\x1b[0;39;49m\x1b[1;1Hhi\x1b]8;id=1;http://x/\x1b\\there\x1b]8;;\x1b\\\x0f␛_evil␛\\�2J"


# ---- JSON ---------------------------------------------------------------------------------------


@given(st.text(st.characters(codec="utf-8")))
def test_json_for_a_terminal_means_the_same_and_cannot_act(text: str) -> None:
    line = escape_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(line) == text
    assert not ACTING & set(line)
    assert rendered_line(line) == line


def test_json_that_every_program_reads_as_it_is_stays_readable() -> None:
    assert escape_json('"grüß dich 👍🏽 שלום"') == '"grüß dich 👍🏽 שלום"'
    assert escape_json('"\u202ea\x9b\x7f\ufeff\U000e0041"') == '"\\u202ea\\u009b\\u007f\\ufeff\\udb40\\udc41"'
    assert escape_json('"a' + "\u0301" * 20 + '"').isascii()


# ---- the standard streams -----------------------------------------------------------------------


def test_everything_that_is_printed_goes_through_the_standard_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = FakeStream(), FakeStream()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with harmless_standard_streams():
        print(HOSTILE)  # noqa: T201 - the point
        print(styled("head", BOLD), file=sys.stderr)  # noqa: T201 - the point
        sys.excepthook(ValueError, ValueError(HOSTILE), None)
        assert not hasattr(sys.stdout, "buffer")  # there is no way around it
        assert harmless_stream(sys.stdout) is sys.stdout
    assert not (ACTING - {"\n"}) & set(out.getvalue())
    head, rest = err.getvalue().split("\n", 1)
    assert head == "\x1b[1mhead\x1b[0m"
    assert "ValueError" in rest
    assert not (ACTING - {"\n"}) & set(rest)


def test_a_missing_standard_stream_stays_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with harmless_standard_streams():
        assert sys.stderr is None


def test_without_a_terminal_nothing_is_coloured_and_an_old_encoding_gets_question_marks() -> None:
    raw = io.BytesIO()
    stream = HarmlessStream(io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    assert stream.write(styled("é→x", BOLD)) == 5
    assert stream.write("\x9b") == 1
    with pytest.raises(TypeError):  # click tells a stream of text by this from a binary one, whose text it encodes
        stream.write(b"")  # type: ignore[arg-type] # the point
    stream.write_over("50 %")
    assert raw.getvalue() == b"??x?\r50 %"
    assert (stream.encoding, stream.isatty(), stream.closed) == ("ascii", False, False)


# ---- no code writes past it ---------------------------------------------------------------------

PACKAGE: Final = Path(trio_chat.__file__).parent
WRITERS: Final = {
    "output.py": "the writer",
    "ui/terminal/terminal.py": "Terminal, which takes an Output",
    "ui/plain/pipes.py": "LineOutput, which renders each line",
    "ui/terminal/echo.py": "writes an Output to /dev/tty",
    "ui/room_logs.py": "writes rendered lines into the log of a room",
    "client/files/saving.py": "writes the bytes of a file into a file",
    "store/sqlite/lock.py": "writes its process id into the lock",
    "ui/preview/asking.py": "writes an Output to the terminal",
}
"""The modules that write to descriptors."""
DRAWING: Final = {
    "output.py": "what a sequence is",
    "ui/terminal/terminal.py": "modes of the terminal",
    "ui/terminal/background.py": "the question for the background",
    "ui/terminal/escapes.py": "clipboard, title, notifications",
    "ui/terminal/painting.py": "the input line of line mode",
    "ui/tui/widgets/screen.py": "the full screen",
    "ui/preview/graphics.py": "the question for graphics",
    "ui/preview/half_blocks.py": "pictures as coloured characters",
    "ui/preview/kitty.py": "pictures by kitty's protocol",
    "ui/preview/sixel.py": "pictures as sixels",
    "ui/preview/drawing.py": "where a picture begins and ends",
}
"""The modules that make control sequences."""
READING: Final = {
    "ui/input/decoder.py": "reads keys",
    "protocol/names.py": "names control characters",
}
"""The modules that only compare with control characters."""


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_text("utf-8"))


def _calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    main = [node for node in tree.body if isinstance(node, ast.If) and "__main__" in ast.unparse(node.test)]
    skipped = {id(inner) for node in main for inner in ast.walk(node)}  # python -m ... prints a reference page
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and id(node) not in skipped:
            yield ast.unparse(node.func), node


def test_no_code_writes_to_a_descriptor_or_a_standard_stream_past_the_writer() -> None:
    past = {"print", "os.write", "os.writev", "os.sendfile", "click.style", "click.secho", "click.unstyle"}
    past |= {f"sys.{name}.{verb}" for name in ("stdout", "stderr") for verb in ("write", "writelines")}
    found = [
        f"{name}:{node.lineno}: {call}"
        for name, tree in _modules()
        for call, node in _calls(tree)
        if name not in WRITERS and call in past
    ]
    assert not found


def test_no_code_takes_the_stream_behind_a_standard_stream() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name, tree in _modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        # LineOutput renders each line, and on Windows writes it through that stream; the decoder is a program of its
        # own, whose standard output is a pipe
        and name not in {"ui/plain/pipes.py", "ui/preview/decoder.py"}
        and (
            node.attr in {"__stdout__", "__stderr__"} or ast.unparse(node) in {"sys.stdout.buffer", "sys.stderr.buffer"}
        )
    ]
    assert not found


def test_only_drawing_code_makes_control_sequences() -> None:
    made = {name for name, tree in _modules() for call, _ in _calls(tree) if call == "Control"}
    assert made <= DRAWING.keys()
    written = {
        name
        for name, tree in _modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and {"\x1b", "\a", "\x9b"} & set(node.value)
    }
    assert written <= DRAWING.keys() | READING.keys()
