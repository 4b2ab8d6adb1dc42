"""The server's log on standard error: readable lines on a terminal, and otherwise one JSON object a line.

Names, addresses and texts in the log come from strangers, so both forms show every character that does not print as an
escape. A log that cannot be written stops nothing.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from typing import Any, Final, Literal

import structlog
from structlog.typing import EventDict, WrappedLogger

from trio_chat.output import BOLD, DIM, RED, harmless_stream, styled

Format = Literal["auto", "text", "json"]
Level = Literal["debug", "info", "warning", "error"]

_LEVELS: Final[dict[str, int]] = logging.getLevelNamesMapping()
_COLORS: Final = {
    "debug": DIM,
    "info": "32",
    "warning": "33",
    "error": RED,
    "critical": f"{BOLD};{RED}",
}


def configure(form: Format = "auto", level: Level = "info") -> None:
    """Set up structlog for the whole process, and have the standard library's logging go through it."""
    terminal = sys.stderr is not None and sys.stderr.isatty()
    as_json = form == "json" or (form == "auto" and not terminal)
    color = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    least = _LEVELS[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            # local time for people, UTC for programs
            structlog.processors.TimeStamper(fmt="iso" if as_json else "%H:%M:%S", utc=as_json),
            structlog.processors.format_exc_info,
            as_json_line if as_json else TextLine(color=color),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=lambda *_: _StandardError(),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Forward)]:
        root.removeHandler(handler)
    root.addHandler(_Forward(least))
    root.setLevel(max(least, logging.WARNING))


def as_json_line(logger: WrappedLogger, method: str, event: EventDict) -> str:
    """Render an entry as one JSON object in ASCII, with its time, level and event first."""
    del logger, method
    first = {key: event.pop(key) for key in ("timestamp", "level", "event") if key in event}
    return json.dumps({**first, **event}, default=repr)


class TextLine:
    """Renders an entry for people: time, level, event, then the fields as ``key=value``; a traceback below."""

    def __init__(self, *, color: bool) -> None:
        self.color = color

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> str:
        """Render one entry."""
        del logger, method
        time, level = str(event.pop("timestamp", "")), str(event.pop("level", ""))
        what, trace = shown(str(event.pop("event", ""))), str(event.pop("exception", ""))
        fields = " ".join(f"{self._paint(DIM, shown(key) + '=')}{_value(value)}" for key, value in event.items())
        head = f"{self._paint(DIM, time)} {self._paint(_COLORS.get(level, ''), f'{level:<7}')}"
        line = f"{head} {what} {fields}".rstrip()
        return "\n".join([line, *(f"    {shown(part)}" for part in trace.splitlines())])

    def _paint(self, style: str, text: str) -> str:
        return styled(text, style) if self.color and style and text else text


def shown(text: str) -> str:
    """Replace every character that does not print by its escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _value(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    plain = text and not set(text) & set(" \"'=") and text.isprintable()
    return text if plain or not isinstance(value, str) else shown(json.dumps(text, ensure_ascii=False))


class _StandardError:
    """Writes lines to the standard error of the moment, and drops lines that cannot be written."""

    def msg(self, line: str) -> None:
        """Write one line with one call, so that no other line comes between."""
        if sys.stderr is None:  # the process was started without one
            return
        with contextlib.suppress(OSError, ValueError):
            harmless_stream(sys.stderr).write(f"{line}\n")
            sys.stderr.flush()

    debug = info = warning = warn = error = critical = exception = fatal = log = failure = err = msg


class _Forward(logging.Handler):
    """Takes the records of the standard library's logging into our log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log the record's message as an event, with the name of its logger."""
        fields: dict[str, Any] = {"logger": record.name}
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # the library's arguments do not fit its own format
            text = str(record.msg)
        structlog.get_logger().log(record.levelno, text, **fields)
