"""The command line: a small module for each command, imported when the command is used."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from trio_chat.cli.program import COMPLETE, INTERRUPTED, PROGRAM
from trio_chat.cli.streams import discard_unwritten, reserve_missing_streams, use_utf8
from trio_chat.output import harmless_standard_streams


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status: 0 success, 1 failure, 2 wrong usage, 130 interrupted.

    ``arguments`` are the process's own unless given. Raises nothing: an error meant for a person is printed on
    standard error, and the traceback of a bug goes into a file.
    """
    try:
        reserve_missing_streams()
        use_utf8()
        with harmless_standard_streams():
            return _main(sys.argv[1:] if arguments is None else list(arguments))
    except BaseException as error:  # noqa: BLE001 - the program's outermost boundary: Ctrl-C may come this early
        return _report(error)


def _main(arguments: list[str]) -> int:
    try:
        status = _run(arguments)
        if not sys.stdout.closed:
            sys.stdout.flush()
        discard_unwritten()
    except BaseException as error:  # noqa: BLE001 - what is printed now goes through the harmless streams too
        return _report(error)
    return status


def _report(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):  # perhaps in the middle of an import, whose modules cannot be used then
        discard_unwritten()
        return INTERRUPTED
    from trio_chat.cli.faults import report  # noqa: PLC0415 - not needed while all goes well

    return report(error)


def _run(arguments: list[str]) -> int:
    from click.exceptions import Exit  # noqa: PLC0415 - as below

    from trio_chat.cli.app import app  # noqa: PLC0415 - inside main's boundary: Ctrl-C may come this early

    if instruction := os.environ.get(COMPLETE):
        from trio_chat.cli.completion import answer_shell  # noqa: PLC0415 - only for a shell that asks

        return answer_shell(app, instruction)
    color = False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None
    try:
        with app.make_context(PROGRAM, arguments, color=color) as context:
            status = app.invoke(context)
    except Exit as end:  # --help and --version
        return end.exit_code
    return status if isinstance(status, int) else 0
