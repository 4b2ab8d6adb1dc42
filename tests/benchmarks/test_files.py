"""The measurement of transfers, in small: it runs, every byte arrives, and each figure is one."""

from __future__ import annotations

import sys

import pytest

from tests.benchmarks.files import main
from tests.nginx import find_nginx


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_the_measurement_of_transfers_runs_and_every_figure_is_one() -> None:
    figures = main(["--people", "4", "--transfers", "2", "--mib", "1", "--rounds", "1", "--memory"])
    assert figures.keys() >= {"p99 with / without", "server's memory beyond that of the chat (MiB)"}
    assert "uploads / a socket into SHA-256" in figures
    assert ("downloads / nginx" in figures) is (find_nginx() is not None)
    for name, figure in figures.items():
        assert figure > 0 or "memory" in name, name
