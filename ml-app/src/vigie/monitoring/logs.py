"""Log lines: plain text on a laptop, one JSON object a line where machines read them.

Neither repeats what a caller sent: of an exception a line has the type and the places in the code,
never its text, which may quote a value.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal

import orjson

LogFormat = Literal["text", "json"]

FIELDS = (
    "request_id", "traceparent", "method", "route", "status", "seconds", "model", "version", "rows",
)  # fmt: skip
"""What a line may say of a request, given to a logger as `extra`."""

_ExceptionInfo = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)


def configure_logs(kind: LogFormat) -> None:
    """Sends every line of the process to standard error in this format.

    Where somebody else has set logging up already, theirs stays.
    """
    root = logging.getLogger()
    for ours in [h for h in root.handlers if isinstance(h.formatter, TextLines | JsonLines)]:
        root.removeHandler(ours)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if kind == "json" else TextLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # else they go round the format
    logging.captureWarnings(kind == "json")


class TextLines(logging.Formatter):
    """For people: time, level, logger, message, then what is known of the request."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """The line without its exception."""
        known = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        return f"{super().formatMessage(record)} {known}".rstrip()

    def formatException(self, ei: _ExceptionInfo) -> str:  # noqa: N802
        """The exceptions and where they came from, one place a line."""
        return "\n".join(f"  {line}" for line in _outline(ei[1]))


class JsonLines(logging.Formatter):
    """For machines: the schema is in docs/logs.md."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": os.getpid(),
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = _outline(record.exc_info[1])
        return orjson.dumps(line, default=str).decode()


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: record.__dict__[name] for name in FIELDS if name in record.__dict__}


def _outline(failure: BaseException | None) -> list[str]:
    """Type and places of an exception and of its causes, the innermost place last."""
    lines: list[str] = []
    while failure is not None:
        lines.append(type(failure).__qualname__)
        lines += [
            f"{frame.f_globals.get('__name__', '?')}:{number} {frame.f_code.co_name}"
            for frame, number in traceback.walk_tb(failure.__traceback__)
        ]
        hidden = failure.__suppress_context__
        failure = failure.__cause__ or (None if hidden else failure.__context__)
    return lines
