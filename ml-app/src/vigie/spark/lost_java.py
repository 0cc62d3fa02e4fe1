"""A Java that has ended while Python still speaks to it: killed, or out of memory."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JError, Py4JJavaError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_TRACE = "Trace:"
"""By it py4j gives on what Java said: then Java is there."""


def is_lost(failure: BaseException) -> bool:
    """True for what Python raises where Java does not answer any more."""
    if isinstance(failure, Py4JError):
        return not isinstance(failure, Py4JJavaError) and _TRACE not in str(failure)
    return isinstance(failure, ConnectionError | EOFError) and _comes_from_pyspark(failure)


def _comes_from_pyspark(failure: BaseException) -> bool:
    modules = [
        str(frame.f_globals.get("__name__"))
        for frame, _ in traceback.walk_tb(failure.__traceback__)
    ]
    return any(name.startswith(("pyspark.", "py4j.")) for name in modules)


def end(session: SparkSession) -> None:
    """Stops a session; one whose Java is gone has stopped already."""
    try:
        session.stop()
    except Exception as failure:
        if not is_lost(failure):
            raise


def keep_quiet(session: SparkSession) -> None:
    """What PySpark prints where its Java is gone, traces and all, is raised to the caller too."""
    logging.getLogger("py4j").setLevel(logging.CRITICAL)
    # there py4j goes round the logger of its own
    logging.getLogger().addFilter(_not_of_py4j)
    # of a thread of PySpark's, to which the tasks tell their counts
    server: Any = session.sparkContext._accumulatorServer
    server.handle_error = _ignore


def _not_of_py4j(record: logging.LogRecord) -> bool:
    return "py4j" not in record.pathname


def _ignore(*_: object) -> None:
    """An end of the connection that is Java's end, too."""
