"""The world that tests/conftest.py makes for the tests, whatever that of the person who runs them is."""

from __future__ import annotations

import signal
import subprocess
import sys

IGNORED_BY_PYTHON = {signal.SIGPIPE, signal.SIGXFSZ}
OFTEN_IGNORED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
"""Signals that nohup, a shell's background or a supervisor ignores."""

RUN_WITH_SIGNALS_IGNORED = f"""\
import os, signal, sys
for number in {[int(number) for number in OFTEN_IGNORED]}:
    signal.signal(number, signal.SIG_IGN)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def test_no_test_runs_with_a_signal_ignored() -> None:
    ignored = {number for number in signal.valid_signals() if signal.getsignal(number) is signal.SIG_IGN}
    assert ignored <= IGNORED_BY_PYTHON


def test_a_run_in_the_background_or_under_nohup_ignores_no_signal_either() -> None:
    test = f"{__file__}::{test_no_test_runs_with_a_signal_ignored.__name__}"
    command = [sys.executable, "-c", RUN_WITH_SIGNALS_IGNORED, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
