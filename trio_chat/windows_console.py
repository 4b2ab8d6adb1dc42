"""The console of Windows, which carries out control sequences only when it is asked to."""

from __future__ import annotations

import sys
from typing import Final

_STREAMS: Final = (-11, -12)
"""Standard output and standard error, as ``GetStdHandle`` numbers them."""
_SEQUENCES: Final = 0x0004  # ENABLE_VIRTUAL_TERMINAL_PROCESSING of SetConsoleMode, since Windows 10 of 2016


def carries_out_sequences() -> bool:
    """Ask the consoles of standard output and standard error to carry out control sequences, such as colours; returns
    whether one does. Always false on other systems than Windows."""
    agrees = False
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 - on Windows only

        kernel = ctypes.windll.kernel32
        for stream in _STREAMS:
            handle, mode = kernel.GetStdHandle(stream), ctypes.c_ulong()
            if kernel.GetConsoleMode(handle, ctypes.byref(mode)):
                agrees |= bool(kernel.SetConsoleMode(handle, mode.value | _SEQUENCES))
    return agrees
