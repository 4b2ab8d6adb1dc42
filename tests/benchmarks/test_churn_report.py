"""The figures of a churn."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from tests.benchmarks.churn_report import ROWS, Sample, bytes_a_message, last_part, plot, rise, slope, table


def sample(minute: float, memory: int, *, spare: int = 10, messages: int = 0) -> Sample:
    return Sample(minute * 60, memory, memory - 100, spare, 50, messages, 4000, (30, 40))


def test_the_slope_is_that_of_the_last_part_alone() -> None:
    samples = [sample(minute, min(1000 + 500 * minute, 3000)) for minute in range(11)]
    assert slope(samples, lambda one: one.memory) > 100
    assert slope(last_part(samples), lambda one: one.memory) == pytest.approx(0)


def test_a_step_or_a_peak_is_no_slope_and_a_leak_is_one() -> None:
    step = [sample(minute, 1000 if minute < 3 else 1500) for minute in range(16)]
    peak = [sample(minute, 9000 if minute == 14 else 1000) for minute in range(16)]
    leak = [sample(minute, 1000 + 10 * minute + (300 if minute % 5 == 0 else 0)) for minute in range(16)]
    assert slope(step, lambda one: one.memory) == slope(peak, lambda one: one.memory) == 0
    assert slope(leak, lambda one: one.memory) == pytest.approx(10)
    assert len(last_part(step, 0.25)) == 4


def test_growth_is_counted_by_the_minute_and_by_the_message() -> None:
    samples = [sample(minute, 1000 + 8 * minute, messages=32 * minute) for minute in range(10)]
    assert slope(samples, lambda one: one.memory) == pytest.approx(8)
    assert bytes_a_message(samples) == pytest.approx(256)
    assert bytes_a_message(samples[:1]) == 0


def test_a_rise_compares_the_last_quarter_with_the_one_before_and_heeds_no_single_peak() -> None:
    level = [sample(minute, 0, spare=90 if minute == 14 else 10) for minute in range(16)]
    rising = [sample(minute, 0, spare=10 + minute) for minute in range(16)]
    assert rise(level, lambda one: one.spare) == 0
    assert rise(rising, lambda one: one.spare) == 4


def test_the_table_is_thinned_and_ends_with_the_last_sample() -> None:
    rows = table([sample(minute, 1000 + minute) for minute in range(1000)]).splitlines()
    assert len(rows) <= ROWS + 2
    assert "1999" in rows[-1]


def test_the_plot_is_a_picture_with_a_line_for_each_series() -> None:
    root = ET.fromstring(plot([sample(minute, 1000 * minute) for minute in range(5)], "5 minutes & more"))
    lines = root.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 4  # the server, two clients, descriptors
    server = [tuple(map(float, point.split(","))) for point in lines[0].attrib["points"].split()]
    assert server == sorted(server), "time goes to the right"
    assert [y for _, y in server] == sorted((y for _, y in server), reverse=True), "memory goes up"
