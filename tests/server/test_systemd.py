"""The datagrams to the service manager: each from a function alone, then from the whole program."""

from __future__ import annotations

import math
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from tests.programs import PATIENCE, ServerProgram, Started
from trio_chat.server.systemd import ServiceManager, keep_alive, open_manager


class Manager:
    """The service manager's end of the socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket.settimeout(PATIENCE)

    def next(self) -> list[str]:
        """The lines of the next datagram; waits for it."""
        return self._socket.recv(65536).decode().split("\n")

    def until(self, line: str) -> list[str]:
        """The first datagram that has a line."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if line in (lines := self.next()):
                return lines
        raise TimeoutError(line)

    def waiting(self) -> list[list[str]]:
        """The datagrams that have come by now."""
        self._socket.setblocking(False)
        found = []
        try:
            while True:
                found.append(self._socket.recv(65536).decode().split("\n"))
        except BlockingIOError:
            self._socket.settimeout(PATIENCE)
            return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def listening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(str(tmp_path / "notify") if request.param == "path" else f"@trio-chat-test-{os.getpid()}")
    yield manager
    manager.close()


def seconds_of_watchdog(**environ: str) -> float:
    with open_manager({"NOTIFY_SOCKET": "/nowhere", **environ}) as manager:
        return manager.watchdog


# ---- what is said ---------------------------------------------------------------------------------


async def test_each_step_of_a_service_is_one_datagram(listening: Manager) -> None:
    with open_manager({"NOTIFY_SOCKET": listening.address}) as manager:
        await manager.ready("Listening.")
        await manager.alive("Listening.")
        await manager.stopping("Stopping.")
    assert listening.waiting() == [
        ["READY=1", "STATUS=Listening."],
        ["WATCHDOG=1"],  # the same status is not sent again
        ["STOPPING=1", "STATUS=Stopping."],
    ]


async def test_a_reload_says_when_it_began(listening: Manager) -> None:
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    with open_manager({"NOTIFY_SOCKET": listening.address}) as manager:
        await manager.reloading()
    first, second = listening.next()
    assert first == "RELOADING=1"
    name, _, value = second.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(value) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


async def test_a_status_is_one_line_of_bounded_length(listening: Manager) -> None:
    with open_manager({"NOTIFY_SOCKET": listening.address}) as manager:
        await manager.say("one\nWATCHDOG=1 " + "x" * 10_000)
    (line,) = listening.next()
    assert line.startswith("STATUS=one WATCHDOG=1 x")
    assert len(line) < 600


async def test_without_a_manager_nothing_is_said_and_nothing_fails() -> None:
    with open_manager({}) as manager, capture_logs() as logged:
        await manager.ready("Listening.")
        await manager.stopping("Stopping.")
    assert manager.watchdog == math.inf
    assert logged == []


async def test_a_manager_that_is_gone_is_logged_and_nothing_fails(tmp_path: Path) -> None:
    with open_manager({"NOTIFY_SOCKET": str(tmp_path / "gone")}) as manager, capture_logs() as logged:
        await manager.ready("Listening.")
    (entry,) = logged
    assert (entry["event"], entry["what"]) == ("service manager not told", "READY=1")


async def test_a_manager_that_reads_nothing_does_not_hold_up_the_server(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    full = Manager(str(tmp_path / "notify"))
    with open_manager({"NOTIFY_SOCKET": full.address}) as manager, capture_logs() as logged:
        for _ in range(10_000):
            await manager.alive("")
            if logged:
                break
    full.close()
    assert "took nothing" in logged[0]["error"]


async def test_a_socket_of_another_kind_is_logged_and_left_alone() -> None:
    with capture_logs() as logged, open_manager({"NOTIFY_SOCKET": "vsock:2:1234"}) as manager:
        await manager.ready("Listening.")
    assert [entry["event"] for entry in logged] == ["service manager not told"]


# ---- the watchdog ---------------------------------------------------------------------------------


def test_the_watchdog_is_read_in_microseconds() -> None:
    assert seconds_of_watchdog(WATCHDOG_USEC="30000000") == 30
    assert seconds_of_watchdog(WATCHDOG_USEC="30000000", WATCHDOG_PID=str(os.getpid())) == 30
    assert seconds_of_watchdog() == math.inf


def test_the_watchdog_of_another_process_is_not_fed() -> None:
    assert seconds_of_watchdog(WATCHDOG_USEC="30000000", WATCHDOG_PID="1") == math.inf


@pytest.mark.parametrize("wrong", ["0", "-5", "soon", "1.5"])
def test_a_watchdog_without_a_time_is_logged(wrong: str) -> None:
    with capture_logs() as logged:
        assert seconds_of_watchdog(WATCHDOG_USEC=wrong) == math.inf
    assert [entry["value"] for entry in logged] == [wrong]


async def test_signs_of_life_come_twice_in_the_time_of_the_watchdog(
    listening: Manager, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    with open_manager({"NOTIFY_SOCKET": listening.address, "WATCHDOG_USEC": "30000000"}) as manager:
        nursery.start_soon(keep_alive, manager, trio.lowlevel.checkpoint, lambda: "")
        await trio.sleep(61)
        assert listening.waiting() == [["WATCHDOG=1"]] * 5  # after 0, 15, 30, 45, 60 seconds
        nursery.cancel_scope.cancel()


async def test_a_hub_that_does_not_answer_gives_no_sign_of_life_until_it_does(
    listening: Manager, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    stuck = trio.Event()
    with open_manager({"NOTIFY_SOCKET": listening.address, "WATCHDOG_USEC": "30000000"}) as manager:
        with capture_logs() as logged:
            nursery.start_soon(keep_alive, manager, stuck.wait, lambda: "Well.")
            await trio.sleep(61)
        assert listening.waiting() == [["STATUS=The hub does not answer."]]
        assert {entry["event"] for entry in logged} == {"the hub does not answer"}
        stuck.set()
        await trio.sleep(15)
        assert listening.waiting()[0] == ["WATCHDOG=1", "STATUS=Well."]
        nursery.cancel_scope.cancel()


async def test_without_a_watchdog_there_are_no_signs_of_life(
    listening: Manager, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    with open_manager({"NOTIFY_SOCKET": listening.address}) as manager:
        nursery.start_soon(keep_alive, manager, trio.lowlevel.checkpoint, lambda: "")
        await trio.sleep(1000)
        assert listening.waiting() == []
        nursery.cancel_scope.cancel()


def test_a_manager_shows_itself() -> None:
    assert repr(ServiceManager("@x", 30.0, None)) == "<ServiceManager at '\\x00x', watchdog 30 s>"


# ---- the whole program ----------------------------------------------------------------------------


def serve(manager: Manager, monkeypatch: pytest.MonkeyPatch, *arguments: str, **environ: str) -> ServerProgram:
    for name, value in {"NOTIFY_SOCKET": manager.address, **environ}.items():
        monkeypatch.setenv(name, value)
    return ServerProgram(*arguments)


def test_a_service_is_ready_reloads_and_stops(listening: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(listening, monkeypatch) as server:
        ready, status = listening.next()
        assert ready == "READY=1"
        assert status == f"STATUS=Listening on {server.url}, connections: 0."
        server.signal(signal.SIGHUP)
        assert listening.next()[0] == "RELOADING=1"
        assert listening.next()[0] == "READY=1"
        server.wait_for('"event": "reloaded"')
        server.signal(signal.SIGTERM)
        assert "STOPPING=1" in listening.next()
        assert server.wait_exit() == 0


def test_the_hub_feeds_the_watchdog(listening: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(listening, monkeypatch, WATCHDOG_USEC="400000") as server:
        listening.until("WATCHDOG=1")
        listening.until("WATCHDOG=1")
        server.stop()


def test_a_service_that_cannot_listen_is_never_ready(listening: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", listening.address)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with Started("serve", "--memory", "--port", port) as server:
            assert server.wait_exit() == 1
    assert listening.waiting() == []
