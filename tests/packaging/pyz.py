"""Make ``trio-chat.pyz`` beside a wheel: ``python -m tests.packaging.pyz WHEEL PYTHON...``.

The file holds the package and all that it depends on. Some of that is compiled, once for each Python; the compiled
modules of all given Pythons have names of their own, so they stand side by side in one folder. shiv makes one file of
the folder, which unpacks itself when it is first started.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

UNWANTED: Final = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
"""Files of metadata that tell how and where the package was installed here."""

PREAMBLE: Final = """\
import sys
import sysconfig

if "%d.%d" % sys.version_info[:2] not in {pythons!r} or sysconfig.get_platform() != {platform!r}:
    sys.exit(
        "trio-chat: This file is for Python {named} on {platform}. You started it with Python %d.%d on %s. "
        "Start it with another Python, or install trio-chat with pipx or pip."
        % (sys.version_info[0], sys.version_info[1], sysconfig.get_platform())
    )
"""
"""Runs before the program. Written so that an older Python gets as far as the sentence."""


def make(wheel: Path, pythons: Sequence[str]) -> Path:
    """Make the file for some Pythons. Returns its path."""
    made = wheel.parent / "trio-chat.pyz"
    with tempfile.TemporaryDirectory() as temporary:
        together = Path(temporary, "together")
        for python in pythons:
            folder = Path(temporary, python)
            install(wheel, python, folder)
            join(folder, together)
        preamble = Path(temporary, "preamble.py")
        named = " or ".join(pythons)
        text = PREAMBLE.format(pythons=list(pythons), named=named, platform=sysconfig.get_platform())
        preamble.write_text(text, "utf-8")
        pack(together, preamble, made)
    return made


def install(wheel: Path, python: str, folder: Path) -> None:
    """Put the wheel and its dependencies into a folder, as that Python on a usual Linux would need them."""
    where = []
    if sys.platform == "linux":
        where = [f"--platform={kind}_{platform.machine()}" for kind in ("manylinux_2_28", "manylinux2014")]
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--only-binary=:all:"),
            *(f"--python-version={python}", f"--target={folder}", *where, str(wheel)),
        ],
        check=True,
    )
    shutil.rmtree(folder / "bin", ignore_errors=True)  # programs for the Python that runs this
    shutil.rmtree(folder / "share", ignore_errors=True)  # pages of manuals
    for path in folder.glob("*.dist-info/*"):
        if path.name in UNWANTED:
            path.unlink()


def join(folder: Path, together: Path) -> None:
    """Add a folder to the others. Only metadata may differ between two Pythons."""
    for path in sorted(folder.rglob("*")):
        target = together / path.relative_to(folder)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        elif not target.exists():
            shutil.copy2(path, target)
        elif target.name != "WHEEL" and target.read_bytes() != path.read_bytes():
            raise ValueError(f"{path.relative_to(folder)} is not the same for all Pythons")


def pack(folder: Path, preamble: Path, made: Path) -> None:
    """Make one file of a folder. The time in it is ``SOURCE_DATE_EPOCH``."""
    shiv = [sys.executable, "-m", "shiv", "--reproducible", "--compressed", "--python=/usr/bin/env python3"]
    about = [f"--site-packages={folder}", "--entry-point=trio_chat.cli:main", f"--preamble={preamble}"]
    subprocess.run([*shiv, *about, f"--output-file={made}"], check=True)


if __name__ == "__main__":
    print(make(Path(sys.argv[1]), sys.argv[2:]))  # noqa: T201 - it says what it made
