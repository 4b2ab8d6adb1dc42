"""A plugin for pytest that tells Coverage.py which test runs, and writes down the name and the seconds of each test.

``python -m tests.mutants`` loads it with ``-p tests.mutants.contexts``. Programs that a test starts read its name from
``PYTEST_CURRENT_TEST``, which pytest keeps in the environment.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

FOLDER = "MUTANTS_MAP"
"""The variable in the environment that names the folder to write into."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Give the lines that run to this test, and note the seconds that it took."""
    measured = sys.modules["coverage"].Coverage.current() if "coverage" in sys.modules else None
    if measured is not None:
        measured.switch_context(item.nodeid)
    folder = Path(os.environ[FOLDER])
    (folder / "current").write_text(item.nodeid, "utf-8")
    began = time.monotonic()
    try:
        return (yield)
    finally:
        if measured is not None:
            measured.switch_context("")
        with (folder / f"seconds-{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps([item.nodeid, round(time.monotonic() - began, 3)]) + "\n")
