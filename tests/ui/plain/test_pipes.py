"""Lines in and out of pipes, files and nothing at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from trio_chat.ui.plain.pipes import LONGEST_LINE, Input, LineOutput, ReaderGone


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for fd in (reading, writing):
        try:
            os.close(fd)
        except OSError:  # the test closed it
            continue


async def lines(source: Input) -> list[str]:
    return [line async for line in source.lines()]


async def test_lines_are_read_however_they_are_cut_and_the_last_needs_no_end(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    got: list[str] = []

    async def read() -> None:
        got.extend(await lines(Input(reading)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        for piece in (b"one\ntw", b"o\r\nd", "é\n\nend".encode()[:2], "é\n\nend".encode()[2:]):
            await trio.testing.wait_all_tasks_blocked()
            os.write(writing, piece)
        os.close(writing)
    assert got == ["one", "two", "dé", "", "end"]


async def test_a_device_for_which_macos_cannot_wait_is_read_too(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(fd: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")  # kqueue's answer for /dev/tty

    monkeypatch.setattr(trio.lowlevel, "wait_readable", refuse)
    reading, writing = pipe
    os.write(writing, b"one\ntwo")
    os.close(writing)
    assert await lines(Input(reading)) == ["one", "two"]


async def test_a_file_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_text("a\nb\n")
    with path.open() as file:
        assert await lines(Input(file.fileno())) == ["a", "b"]


async def test_no_input_at_all_is_an_end(tmp_path: Path) -> None:
    with open(os.devnull) as nothing:  # noqa: PTH123, ASYNC230 - a device that answers at once
        assert await lines(Input(nothing.fileno())) == []
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    assert await lines(Input(reading)) == []


async def test_a_line_without_an_end_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_text("x" * (LONGEST_LINE * 2 + 5))
    with path.open() as file:
        assert [len(line) for line in await lines(Input(file.fileno()))] == [LONGEST_LINE, LONGEST_LINE, 5]


async def test_the_whole_input_is_read_up_to_a_bound(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes("é\n".encode() + b"\xff")
    with path.open() as file:
        assert await Input(file.fileno()).read_all(100) == "é\n\ufffd"
    with path.open() as file:
        assert await Input(file.fileno()).read_all(2) is None


async def test_characters_missing_in_the_encoding_are_replaced(pipe: tuple[int, int]) -> None:
    await LineOutput(pipe[1], "ascii").write(["dé", "b"])
    await LineOutput(pipe[1]).write([])
    assert os.read(pipe[0], 100) == b"d?\nb\n"


async def test_a_reader_that_went_away_is_noticed_without_writing(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    sink = LineOutput(writing)
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sink.wait_reader_gone)
            await trio.testing.wait_all_tasks_blocked()
            os.close(reading)
    with pytest.raises(ReaderGone):
        await sink.write(["x"])


async def test_a_slow_reader_holds_up_only_the_writer(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    with trio.move_on_after(0.2) as scope:
        await LineOutput(writing).write(["x" * 1_000_000])
    assert scope.cancelled_caught
    drained = 0
    while drained < 1_000_001:
        drained += len(os.read(reading, 1 << 20))
