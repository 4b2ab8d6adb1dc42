"""Try each way to install the program that docs/how-to/install.md names: ``python -m tests.packaging.ways FOLDER``.

FOLDER holds a wheel and ``trio-chat.pyz``. pip, pipx and uv are those of the Python that runs this. Each way gets a
home directory of its own; the package index, and how it is reached, is that of whoever runs this.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tests.packaging.installed_program import chat, clean_environment, run, seconds

Environ = Mapping[str, str]
TOOLS: Final = Path(sys.executable).parent
BASE: Final = str(Path(sys.base_prefix, "bin", "python3"))
"""The Python outside of any virtual environment."""
SUPPORTED: Final = ("3.11", "3.12", "3.13")


def install(command: list[str], environ: Environ) -> None:
    """Run an installer, with the settings of whoever runs this and the home directory of the new user."""
    # Users' pip compiles. For its options that begin with no-, pip reads a 0 as yes.
    quiet = {"PIP_NO_COMPILE": "1", "PIP_NO_WARN_SCRIPT_LOCATION": "0", "PIP_ROOT_USER_ACTION": "ignore"}
    theirs = {name: value for name, value in environ.items() if name != "PATH"}
    subprocess.run(command, env={**os.environ, **theirs, **quiet}, check=True, stdout=subprocess.DEVNULL)


def by_pip_user(wheel: Path, home: Path, environ: Environ) -> list[str]:
    """``pip install --user``. Debian's Python refuses that without the flag, which means no harm in this directory."""
    install([BASE, "-m", "pip", "install", "-q", "--user", "--break-system-packages", str(wheel)], environ)
    return [str(home / ".local" / "bin" / "trio-chat")]


def by_venv(wheel: Path, home: Path, environ: Environ) -> list[str]:
    """A virtual environment, as README.md begins."""
    install([BASE, "-m", "venv", str(home / "venv")], environ)
    install([str(home / "venv" / "bin" / "pip"), "install", "-q", str(wheel)], environ)
    return [str(home / "venv" / "bin" / "trio-chat")]


def by_pipx(wheel: Path, home: Path, environ: Environ) -> list[str]:
    """``pipx install``."""
    install([str(TOOLS / "pipx"), "install", "-q", "--python", BASE, str(wheel)], environ)
    return [str(home / ".local" / "bin" / "trio-chat")]


def by_uv(wheel: Path, home: Path, environ: Environ) -> list[str]:
    """``uv tool install``."""
    install([str(TOOLS / "uv"), "tool", "install", "-q", "--python", BASE, str(wheel)], environ)
    return [str(home / ".local" / "bin" / "trio-chat")]


def by_pyz(wheel: Path, home: Path, environ: Environ) -> list[str]:
    """The single file, copied somewhere."""
    copy = home / "trio-chat.pyz"
    copy.write_bytes((wheel.parent / "trio-chat.pyz").read_bytes())
    return [BASE, str(copy)]


WAYS: Final[dict[str, Callable[[Path, Path, Environ], list[str]]]] = {
    "python -m venv, pip install": by_venv,
    "pip install --user": by_pip_user,
    "pipx install": by_pipx,
    "uv tool install": by_uv,
    "trio-chat.pyz": by_pyz,
}


def try_pythons(pyz: Path, environ: Environ) -> None:
    """Start the single file with each Python that is here: a supported one runs it, another one says why it cannot."""
    for minor in range(6, 20):
        python = shutil.which(f"python3.{minor}")
        if (
            python is None
            or subprocess.run([python, "-c", ""], env=environ, capture_output=True, check=False).returncode
        ):
            continue
        supported = f"3.{minor}" in SUPPORTED
        said = run([python, str(pyz), "--version"], environ, status=0 if supported else 1)
        assert said.startswith("trio-chat 0." if supported else "trio-chat: This file is for Python 3.11 or"), said
        print(f"{'trio-chat.pyz':<30} Python 3.{minor}: {said.strip()}")  # noqa: T201 - the report


def main(folder: Path) -> None:
    """Try all ways; ends with an error at the first that fails."""
    (wheel,) = folder.glob("*.whl")
    print(f"{'way':<30} first start  later starts")  # noqa: T201 - the report
    for name, way in WAYS.items():
        with tempfile.TemporaryDirectory() as temporary:
            home = Path(temporary)
            environ = clean_environment(temporary, PYTHONUSERBASE=str(home / ".local"))
            program = way(wheel.absolute(), home, environ)
            first = seconds(program, environ)
            later = min(seconds(program, environ) for _ in range(5))
            assert "usage" in run([*program, "--help"], environ).lower()
            chat(program, environ)
            assert "does its work" not in run([*program, "admin", "health"], environ, status=1)
            if way is by_pyz:
                try_pythons(Path(program[-1]), environ)
            print(f"{name:<30} {first:>9.2f} s {later:>11.2f} s   chats, stops")  # noqa: T201 - as above


if __name__ == "__main__":
    main(Path(sys.argv[1]))
