"""Editing the input in another program, $EDITOR."""

from __future__ import annotations

import os
import shlex
import tempfile
from pathlib import Path

import trio


async def edit(text: str) -> tuple[str, str]:
    """Edit a text in the program that VISUAL or EDITOR names; the program uses the terminal meanwhile.

    Returns the edited text and an empty string, or the unchanged text and a sentence that says why the program failed.
    """
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="trio-chat-") as folder:  # 0700
        path = Path(folder) / "message.md"
        path.write_text(text, "utf-8")
        try:
            done = await trio.run_process(
                [*shlex.split(command), str(path)], check=False, stdin=None, stdout=None, stderr=None
            )
        except (OSError, ValueError) as error:
            return text, f"{command} could not be started: {error}."
        if done.returncode:
            return text, f"{command} ended with status {done.returncode}."
        return path.read_text("utf-8", "replace").rstrip("\n"), ""
