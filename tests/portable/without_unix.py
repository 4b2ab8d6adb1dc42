"""Runs the program, or a script, as on a machine that has only what Windows has of Unix.

``python without_unix.py -m trio_chat ...`` or ``python without_unix.py script.py``. The package, and the script, get
stand-ins for the modules ``os``, ``signal``, ``socket``, ``select``, ``sys``, ``time`` and ``trio``, which lack the
names that Windows lacks, and the modules that Windows lacks cannot be imported. ``sys.platform`` is ``win32`` to them,
``msvcrt`` is there, and some calls fail as they do on Windows. Libraries and the standard library keep the modules of
this machine: they have branches of their own for Windows, which are not what is tested here.
"""

from __future__ import annotations

import builtins
import errno
import fcntl
import importlib
import os
import runpy
import signal
import stat
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any, Final

MISSING: Final = frozenset(
    {
        "fcntl",
        "termios",
        "resource",
        "pwd",
        "grp",
        "tty",
        "pty",
        "readline",
        "curses",
        "syslog",
        "posix",
        "crypt",
        "spwd",
    }
)
"""Modules that Windows does not have."""

_LACKING: Final[Mapping[str, frozenset[str]]] = {
    "os": frozenset(
        {"O_NOFOLLOW", "O_DIRECTORY", "O_CLOEXEC", "O_NONBLOCK", "O_NOCTTY", "O_ACCMODE", "O_SYNC"}
        | {
            "geteuid",
            "getuid",
            "getegid",
            "getgid",
            "getgroups",
            "setuid",
            "setgid",
            "fchown",
            "fchmod",
            "chown",
            "lchown",
        }
        | {"openpty", "fork", "forkpty", "killpg", "getpgrp", "getpgid", "setpgid", "setsid", "getsid", "tcgetpgrp"}
        | {
            "tcsetpgrp",
            "pread",
            "pwrite",
            "preadv",
            "pwritev",
            "mkfifo",
            "mknod",
            "uname",
            "ctermid",
            "ttyname",
            "nice",
        }
        | {"sched_getaffinity", "set_blocking", "get_blocking", "sysconf", "statvfs", "fstatvfs", "confstr", "WNOHANG"}
        | {"memfd_create", "pipe2", "eventfd", "posix_spawn", "sendfile", "sync", "fdatasync", "readv", "writev"}
    ),
    "signal": frozenset(
        {"SIGHUP", "SIGWINCH", "SIGTSTP", "SIGCONT", "SIGUSR1", "SIGUSR2", "SIGQUIT", "SIGKILL", "SIGPIPE", "SIGCHLD"}
        | {
            "SIGALRM",
            "SIGSTOP",
            "SIGTTIN",
            "SIGTTOU",
            "SIGXFSZ",
            "SIGIO",
            "alarm",
            "setitimer",
            "pause",
            "siginterrupt",
        }
        | {"pthread_sigmask", "pthread_kill", "sigwait", "sigpending", "ITIMER_REAL"}
    ),
    "socket": frozenset({"AF_UNIX", "socketpair", "send_fds", "recv_fds", "SO_PEERCRED", "SO_REUSEPORT", "CMSG_LEN"}),
    "select": frozenset({"poll", "epoll", "kqueue", "kevent", "select"}),  # select is there, but for sockets only
    "time": frozenset({"tzset", "clock_gettime", "CLOCK_MONOTONIC", "CLOCK_BOOTTIME", "CLOCK_REALTIME"}),
    "trio.lowlevel": frozenset({"FdStream"}),
}
_NO_SOCKET: Final = 10038  # WSAENOTSOCK of Windows


class _StandIn(types.ModuleType):
    """A module without some of its names, and with others in their place."""

    def __init__(self, real: types.ModuleType, lacking: frozenset[str], instead: Mapping[str, Any]) -> None:
        super().__init__(real.__name__)
        for name, value in {"_real": real, "_lacking": lacking, "_instead": dict(instead)}.items():
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        if name in self._lacking:
            raise AttributeError(f"module {self._real.__name__!r} has no attribute {name!r} (on this machine)")
        return self._instead[name] if name in self._instead else getattr(self._real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._real, name, value)  # sys.stdout = ...


def _stand_ins() -> dict[str, types.ModuleType]:
    """Make the modules that the package gets in the place of others."""
    instead: dict[str, dict[str, Any]] = {name: {} for name in _LACKING}
    instead["trio.lowlevel"]["wait_readable"] = _only_sockets(importlib.import_module("trio").lowlevel.wait_readable)
    instead["sys"] = {"platform": "win32"}
    instead["os"] = {"O_BINARY": 0, "O_NOINHERIT": 0, "open": _open, "mkdir": _mkdir, "name": "nt"}
    instead["signal"] = {"SIGBREAK": signal.SIGUSR1}
    made: dict[str, types.ModuleType] = {}
    for name, names in instead.items():
        made[name] = _StandIn(importlib.import_module(name), _LACKING.get(name, frozenset()), names)
    made["trio"] = _StandIn(importlib.import_module("trio"), frozenset(), {"lowlevel": made["trio.lowlevel"]})
    instead_of_kernel = types.SimpleNamespace(GetStdHandle=abs, GetConsoleMode=_is_console, SetConsoleMode=_is_console)
    windll = types.SimpleNamespace(kernel32=instead_of_kernel)
    made["ctypes"] = _StandIn(importlib.import_module("ctypes"), frozenset(), {"windll": windll})
    made["msvcrt"] = types.ModuleType("msvcrt")
    made["msvcrt"].__dict__.update(LK_LOCK=1, LK_NBLCK=2, LK_UNLCK=0, locking=_locking)
    return made


def _only_sockets(wait: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Trio waits for nothing but sockets on Windows."""

    async def wait_readable(which: Any) -> None:
        fd = which if isinstance(which, int) else which.fileno()
        if not stat.S_ISSOCK(os.fstat(fd).st_mode) or isinstance(which, int):
            raise OSError(_NO_SOCKET, "an operation was attempted on something that is not a socket")
        await wait(which)

    return wait_readable


def _open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
    if dir_fd is not None:
        raise NotImplementedError("dir_fd unavailable on this platform")
    if os.path.isdir(path):  # noqa: PTH112 - as open(2) gets it
        raise PermissionError(errno.EACCES, "Permission denied", path)
    return os.open(path, flags, mode)


def _mkdir(path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
    if dir_fd is not None:
        raise NotImplementedError("dir_fd unavailable on this platform")
    os.mkdir(path, mode)  # noqa: PTH102 - as mkdir(2) gets it


def _is_console(handle: int, mode: Any) -> bool:
    """The kernel's functions for a console's mode fail for all other handles. Ours are 11, the output, and 12."""
    del mode
    return os.isatty(handle - 10)


def _locking(descriptor: int, mode: int, size: int) -> None:
    """Lock as ``msvcrt`` does, which says EACCES where another has the lock."""
    del size
    try:
        fcntl.flock(descriptor, fcntl.LOCK_UN if mode == 0 else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PermissionError(errno.EACCES, "Permission denied") from None


def _hide_unix() -> None:
    """Give the package, and the script that runs, the stand-ins from now on."""
    made = _stand_ins()
    real = builtins.__import__

    def load(
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 - as the builtin function has it
        locals: Mapping[str, Any] | None = None,  # noqa: A002 - as above
        fromlist: Any = (),
        level: int = 0,
    ) -> Any:
        importer = str((globals or {}).get("__name__", ""))
        if level or not (importer == "__main__" or importer.partition(".")[0] == "trio_chat"):
            return real(name, globals, locals, fromlist, level)
        top = name.partition(".")[0]
        if top in MISSING:
            raise ModuleNotFoundError(f"No module named {name!r} (on this machine)", name=name)
        if name in made:
            for word in fromlist or ():
                if not hasattr(made[name], word):
                    raise ImportError(f"cannot import name {word!r} from {name!r} (on this machine)")
            return made[name]
        found = real(name, globals, locals, fromlist, level)
        return made[top] if top in made and not fromlist else found

    builtins.__import__ = load


def main(words: list[str]) -> None:
    """Run what the words say."""
    os.environ.pop("TERM", None)  # Windows has none
    del sys.path[0]  # the folder of this file
    _hide_unix()
    if words[0] == "-m":
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
