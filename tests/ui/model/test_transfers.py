"""The list of transfers: rates, remaining times, numbers, and the texts at each width."""

from __future__ import annotations

import pytest

from trio_chat.ui.model.transfers import (
    LINGER,
    WINDOW,
    Transfers,
    describe,
    progress_words,
    short_name,
    span_words,
    status_forms,
)
from trio_chat.ui.terminal.graphemes import text_width

MIB = 1024 * 1024


def moving(transfers: Transfers, name: str = "build.log", size: int = 100 * MIB, seconds: int = 10) -> None:
    """A transfer of one MiB a second."""
    transfer = transfers.begin("send", name, size, 0.0, "#ops")
    for second in range(seconds + 1):
        transfers.note(transfer, second * MIB, size, "moving", float(second))


def longest_that_fits(transfers: Transfers, now: float, columns: int) -> str:
    forms = status_forms(transfers, now)
    return next((form for form in forms if text_width(form) <= columns), forms[-1])


def test_the_rate_is_that_of_the_last_seconds() -> None:
    transfers = Transfers()
    one = transfers.begin("save", "a", 100 * MIB, 0.0)
    for second in range(5):
        transfers.note(one, second * 10 * MIB, None, "moving", float(second))
    for second in range(5, 40):
        transfers.note(one, 40 * MIB + (second - 4) * MIB, None, "moving", float(second))
    assert one.rate(39.0) == pytest.approx(MIB)
    assert one.remaining(39.0) == pytest.approx(25.0)


def test_a_transfer_that_stands_still_has_no_remaining_time() -> None:
    transfers = Transfers()
    moving(transfers)
    (one,) = transfers.active
    assert one.rate(10.0 + WINDOW + 1) == 0.0
    assert one.remaining(10.0 + WINDOW + 1) is None


def test_there_is_no_rate_before_it_can_be_told() -> None:
    transfers = Transfers()
    one = transfers.begin("send", "a", 10, 0.0)
    assert one.rate(0.0) is None
    transfers.note(one, 5, 10, "moving", 0.0)
    assert one.rate(0.1) is None


def test_after_a_pause_the_rate_begins_anew() -> None:
    transfers = Transfers()
    moving(transfers)
    (one,) = transfers.active
    transfers.note(one, 10 * MIB, None, "paused", 11.0)
    assert one.rate(11.0) is None
    assert one.remaining(11.0) is None
    transfers.note(one, 10 * MIB, None, "moving", 100.0)
    transfers.note(one, 12 * MIB, None, "moving", 101.0)
    assert one.rate(101.0) == pytest.approx(2 * MIB)


def test_the_first_end_counts_and_is_shown_for_a_moment() -> None:
    transfers = Transfers()
    moving(transfers)
    (one,) = transfers.active
    transfers.end(one, "failed", 11.0, "the disk\x1b[2J is full")
    transfers.end(one, "cancelled", 12.0)
    transfers.note(one, 1, None, "moving", 12.0)
    assert one.state == "failed"
    assert "\x1b" not in longest_that_fits(transfers, 12.0, 200) + describe(one, 12.0)
    assert progress_words(one, 12.0).startswith("failed: the disk")
    assert transfers.listed(11.0 + LINGER) == (one,)
    assert transfers.listed(11.1 + LINGER) == ()


def test_numbers_begin_again_when_nothing_is_under_way() -> None:
    transfers = Transfers()
    one, two = transfers.begin("send", "a", 1, 0.0), transfers.begin("send", "b", 1, 0.0)
    assert (one.number, two.number) == (1, 2)
    assert transfers.find(None) is two
    transfers.end(two, "done", 1.0)
    assert transfers.find(None) is one
    assert transfers.find(2) is None
    transfers.end(one, "cancelled", 1.0)
    assert transfers.find(None) is None
    assert transfers.begin("send", "c", 1, 2.0).number == 1


def test_all_of_it_is_only_said_when_all_is_done() -> None:
    transfers = Transfers()
    one = transfers.begin("send", "a", 100_000, 0.0)
    transfers.note(one, 99_999, None, "moving", 0.0)
    assert one.percent == 99
    transfers.end(one, "done", 1.0)
    assert one.percent == 100
    assert transfers.begin("send", "stream", None, 0.0).percent is None


def test_the_text_at_its_longest() -> None:
    transfers = Transfers()
    moving(transfers)
    assert longest_that_fits(transfers, 10.0, 200) == "↑ build.log 10% of 100.0 MiB, 1.0 MiB/s, 1 min 30 s left"
    (one,) = transfers.active
    assert describe(one, 10.0) == "↑ 1 build.log to #ops: 10% of 100.0 MiB, 1.0 MiB/s, 1 min 30 s left"
    transfers.note(one, 10 * MIB, None, "paused", 11.0)
    assert longest_that_fits(transfers, 11.0, 200) == "↑ build.log 10% paused: goes on by itself"
    assert progress_words(one, 11.0) == "10% of 100.0 MiB, paused: goes on by itself"


def test_several_transfers_are_counted_together() -> None:
    transfers = Transfers()
    moving(transfers)
    moving(transfers, "b.iso")
    transfers.begin("save", "c.png", 100 * MIB, 0.0)
    assert longest_that_fits(transfers, 10.0, 200) == "↑ 2 files ↓ 1 file 6% of 300.0 MiB, 2.0 MiB/s, 2 min 20 s left"
    assert longest_that_fits(transfers, 10.0, 10) == "↑2 ↓1 6%"
    for one in transfers.active:
        transfers.note(one, one.done, None, "paused", 11.0)
    assert longest_that_fits(transfers, 11.0, 200).endswith("paused: goes on by itself")


@pytest.mark.parametrize("columns", range(20, 201, 5))
@pytest.mark.parametrize(
    "name", ["a", "the minutes of the meeting of the whole department (final) 2.docx", "資料" * 40]
)
def test_the_text_fits_at_every_width(columns: int, name: str) -> None:
    transfers = Transfers()
    moving(transfers, name)
    for _ in range(3):
        assert 0 < text_width(longest_that_fits(transfers, 10.0, columns)) <= columns
        widths = [text_width(form) for form in status_forms(transfers, 10.0)]
        assert widths == sorted(widths, reverse=True)
        moving(transfers, name)


@pytest.mark.parametrize(
    ("name", "columns", "short"),
    [
        ("build.log", 20, "build.log"),
        ("a-very-long-name.log", 12, "a-very…e.log"),
        ("資料資料資料.log", 9, "資料….log"),
        ("abc", 2, "ab"),
    ],
)
def test_a_long_name_keeps_its_extension(name: str, columns: int, short: str) -> None:
    assert short_name(name, columns) == short
    assert text_width(short_name(name, columns)) <= columns


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (59.4, "59 s"), (60, "1 min"), (200, "3 min 20 s"), (3600, "1 h"), (7500, "2 h 5 min")],
)
def test_remaining_times_in_words(seconds: float, words: str) -> None:
    assert span_words(seconds) == words


def test_without_transfers_there_is_no_text() -> None:
    assert status_forms(Transfers(), 0.0) == ()


def test_of_several_the_only_one_that_goes_on_is_shown_with_its_name() -> None:
    transfers = Transfers()
    moving(transfers, "build.log")
    over = transfers.begin("save", "photo.png", MIB, 9.0, "#ops")
    transfers.end(over, "done", 9.5)
    assert len(transfers.listed(10.0)) == 2
    assert status_forms(transfers, 10.0)[0].startswith("↑ build.log 10% of 100.0 MiB")


def test_what_is_over_is_shown_without_a_percentage() -> None:
    transfers = Transfers()
    one = transfers.begin("save", "photo.png", MIB, 0.0, "#ops")
    transfers.note(one, MIB // 2, MIB, "moving", 1.0)
    transfers.end(one, "cancelled", 2.0)
    assert status_forms(transfers, 2.0)[0] == "↓ photo.png cancelled"
