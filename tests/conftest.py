"""What all tests share: a world of their own, and chance that repeats itself."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING, Final

import pytest
import trio
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from types import FrameType

# The same examples in every run, nothing written beside the code, and no test that fails on a busy machine.
REPEATABLE: Final = settings(derandomize=True, database=None, deadline=None)
settings.register_profile("repeatable", REPEATABLE)
# Other examples in each run, and more of them, as nox -s fuzz wants them: it tells the seed that repeats them.
settings.register_profile("long", REPEATABLE, derandomize=False, max_examples=3000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


# PYTHONUNBUFFERED makes programs write in other pieces; PYTHONDONTWRITEBYTECODE makes each start compile everything.
_OTHERS: Final = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}


@pytest.fixture(scope="session", autouse=True)
def own_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide the settings, files, colours and time zone of whoever runs the tests, from programs they start too."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("TRIO_CHAT_", "XDG_", "LC_")) or name in _OTHERS:
                patch.delenv(name)
        patch.setenv("HOME", str(home))
        patch.setenv("TZ", "UTC")
        patch.setenv("LANG", "C.UTF-8")
        time.tzset()
        yield
    time.tzset()


_IGNORED_BY_PYTHON: Final = {signal.SIGPIPE, signal.SIGXFSZ}

for _number in signal.valid_signals() - _IGNORED_BY_PYTHON:
    if signal.getsignal(_number) is signal.SIG_IGN:
        # A shell ignores Ctrl-C for what it runs in the background, and nohup ignores the end of the terminal. Programs
        # inherit that: those under test must not.
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)

LIMIT: Final = float(os.environ.get("TRIO_CHAT_TRIAL_LIMIT", "90"))
"""Seconds that one test may take on a busy machine. None hangs: past this it fails, and the others go on. The long
trials have a limit of their own."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Bound the time of each test. One on trio is cancelled; one that does not heed that is broken off."""
    late = False

    def end(signum: int, frame: FrameType | None) -> None:
        nonlocal late
        if not late:
            with contextlib.suppress(RuntimeError):  # trio is not running
                trio.lowlevel.current_trio_token().run_sync_soon(_cancel_main)
                late = True
                return
        raise TimeoutError(f"the test took longer than {LIMIT} seconds")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, LIMIT, LIMIT / 10)
    try:
        result = yield
    except BaseException as error:
        if late:
            raise TimeoutError(f"the test took longer than {LIMIT} seconds") from error
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not late, f"the test took longer than {LIMIT} seconds"
    return result


def _cancel_main() -> None:
    root = trio.lowlevel.current_root_task()
    if root is not None:
        root.child_nurseries[-1].cancel_scope.cancel()  # the innermost: that of the main task
