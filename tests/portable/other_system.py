"""Runs the program, or a script, as on a system that this machine is not: Windows or macOS.

``python other_system.py windows -m trio_chat ...`` or ``python other_system.py macos script.py``. The package, and the
script, get stand-ins for ``os``, ``signal``, ``socket``, ``sys`` and other modules, which lack the names that the
system lacks; ``sys.platform`` is the system's to them. On Windows, modules such as ``fcntl`` cannot be imported,
``msvcrt`` is there, and some calls fail as they do there. On macOS, nobody finds anything in ``/proc``, and ``fcntl``
knows ``F_FULLFSYNC``. Libraries and the standard library keep the modules of this machine: they have branches of their
own for each system, which are not what is tested here.
"""

from __future__ import annotations

import builtins
import errno
import fcntl
import importlib
import io
import os
import resource
import runpy
import signal
import stat
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

_Modules: TypeAlias = dict[str, types.ModuleType]

_NOT_ON_WINDOWS: Final = frozenset(
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

_WINDOWS: Final[Mapping[str, frozenset[str]]] = {
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
_MACOS: Final[Mapping[str, frozenset[str]]] = {
    "os": frozenset(
        {
            "memfd_create",
            "eventfd",
            "pipe2",
            "sched_getaffinity",
            "sched_setaffinity",
            "getresuid",
            "setresuid",
            "splice",
        }
        | {"copy_file_range", "pidfd_open", "posix_fallocate", "posix_fadvise", "fdatasync", "O_PATH", "O_TMPFILE"}
        | {
            "O_NOATIME",
            "O_DIRECT",
            "O_LARGEFILE",
            "setns",
            "unshare",
            "getrandom",
            "SCHED_BATCH",
            "listxattr",
            "setxattr",
        }
    ),
    "signal": frozenset(
        {"SIGRTMIN", "SIGRTMAX", "SIGPOLL", "SIGPWR", "SIGSTKFLT", "sigtimedwait", "sigwaitinfo", "pidfd_send_signal"}
    ),
    "socket": frozenset(
        {"SO_PEERCRED", "SO_PASSCRED", "SO_DOMAIN", "SO_PROTOCOL", "SO_BINDTODEVICE", "SOCK_CLOEXEC", "SOCK_NONBLOCK"}
        | {"AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_ALG", "TCP_KEEPIDLE", "TCP_USER_TIMEOUT", "TCP_QUICKACK"}
        | {"TCP_CORK", "TCP_DEFER_ACCEPT", "TCP_LINGER2", "TCP_SYNCNT", "IP_BIND_ADDRESS_NO_PORT", "MSG_CMSG_CLOEXEC"}
    ),
    "select": frozenset({"epoll"}),
    "time": frozenset({"CLOCK_BOOTTIME", "CLOCK_TAI"}),
    "resource": frozenset({"prlimit", "RLIMIT_RTPRIO", "RLIMIT_NICE", "RLIMIT_SIGPENDING", "RLIMIT_MSGQUEUE"}),
    "fcntl": frozenset({"F_SETPIPE_SZ", "F_ADD_SEALS", "F_OFD_SETLK", "F_NOTIFY"}),
}
_FULLFSYNC: Final = 51  # F_FULLFSYNC of macOS
_MOST_FILES: Final = 10240  # OPEN_MAX: what macOS lets a process open, however high the limit is
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


def _stand_ins(lacking: Mapping[str, frozenset[str]], instead: Mapping[str, Mapping[str, Any]]) -> _Modules:
    """Make the modules that the package gets in the place of others."""
    return {
        name: _StandIn(importlib.import_module(name), lacking.get(name, frozenset()), instead.get(name, {}))
        for name in {*lacking, *instead}
    }


def _windows() -> _Modules:
    trio = importlib.import_module("trio")
    kernel = types.SimpleNamespace(GetStdHandle=abs, GetConsoleMode=_is_console, SetConsoleMode=_is_console)
    made = _stand_ins(
        _WINDOWS,
        {
            "sys": {"platform": "win32"},
            "os": {"O_BINARY": 0, "O_NOINHERIT": 0, "open": _open, "mkdir": _mkdir, "name": "nt"},
            "signal": {"SIGBREAK": signal.SIGUSR1},
            "trio.lowlevel": {"wait_readable": _only_sockets(trio.lowlevel.wait_readable)},
            "ctypes": {"windll": types.SimpleNamespace(kernel32=kernel)},
        },
    )
    made["trio"] = _StandIn(trio, frozenset(), {"lowlevel": made["trio.lowlevel"]})
    made["msvcrt"] = types.ModuleType("msvcrt")
    made["msvcrt"].__dict__.update(LK_LOCK=1, LK_NBLCK=2, LK_UNLCK=0, locking=_locking)
    return made


def _macos() -> _Modules:
    for holder, name in ((os, "stat"), (os, "lstat"), (os, "open"), (os, "listdir"), (builtins, "open"), (io, "open")):
        setattr(holder, name, _without_proc(getattr(holder, name)))
    return _stand_ins(
        _MACOS,
        {
            "sys": {"platform": "darwin"},
            "fcntl": {"F_FULLFSYNC": _FULLFSYNC, "fcntl": _control},
            "resource": {"setrlimit": _set_limit},
        },
    )


def _without_proc(call: Callable[..., Any]) -> Callable[..., Any]:
    """A call on a path, which finds nothing in ``/proc``."""

    def find(path: Any, *rest: Any, **named: Any) -> Any:
        if not isinstance(path, int) and os.fspath(path).__class__ is str and str(path).startswith("/proc"):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return call(path, *rest, **named)

    return find


def _control(descriptor: int, order: int, *rest: Any) -> Any:
    return os.fsync(descriptor) if order == _FULLFSYNC else fcntl.fcntl(descriptor, order, *rest)


def _set_limit(which: int, limits: tuple[int, int]) -> None:
    """Set a limit as macOS does, which takes no higher one than it can keep."""
    if which == resource.RLIMIT_NOFILE and limits[0] > _MOST_FILES:
        raise ValueError("current limit exceeds maximum limit")
    resource.setrlimit(which, limits)


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


def _show(made: _Modules, missing: frozenset[str]) -> None:
    """Give the package, and the script that runs, these modules from now on, and none that is missing."""
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
        if top in missing:
            raise ModuleNotFoundError(f"No module named {name!r} (on this machine)", name=name)
        if name in made:
            for word in fromlist or ():
                if not hasattr(made[name], word):
                    raise ImportError(f"cannot import name {word!r} from {name!r} (on this machine)")
            return made[name]
        found = real(name, globals, locals, fromlist, level)
        return made[top] if top in made and not fromlist else found

    builtins.__import__ = load


def main(system: str, words: list[str]) -> None:
    """Run what the words say as on a system."""
    del sys.path[0]  # the folder of this file
    if system == "windows":
        os.environ.pop("TERM", None)  # Windows has none
        _show(_windows(), _NOT_ON_WINDOWS)
    else:
        _show(_macos(), frozenset({"msvcrt"}))
    if words[0] == "-m":
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
