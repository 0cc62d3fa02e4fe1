"""The Spark session of a command: on this machine, on a cluster, or under spark-submit."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from vigie.errors import ConfigurationError
from vigie.settings import usable_cores
from vigie.spark.failures import start_failure
from vigie.spark.java import find_java, startable
from vigie.spark.lost_java import end, keep_quiet
from vigie.spark.submission import is_submitted, require_in_time

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LOCAL = re.compile(r"local(?:\[([0-9]+|\*)\])?")
_TRIES = 4
_LOG4J = Path(__file__).with_name("log4j2.properties")
_ALWAYS = {
    "spark.app.name": "vigie",
    "spark.ui.showConsoleProgress": "false",
    # what a task has written stays there if the run is stopped
    "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "2",
    "spark.hadoop.mapreduce.fileoutputcommitter.cleanup-failures.ignored": "true",
    "spark.redaction.regex": (
        "(?i)secret|passw(or)?d|token|credential|access[.]?key|account[.]?key|private|keyfile"
    ),
    # a folder called 007 stays so
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    "spark.sql.session.timeZone": "UTC",
}
_ALONE = {
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "2g",
    "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile=file:{_LOG4J}",
}
"""For a session of one machine: it listens to nobody else."""


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """Where a command runs: its master, Spark's own options, and a file for what Spark says."""

    master: str | None = None
    conf: Mapping[str, str] = field(default_factory=dict)
    log: Path | None = None


@contextmanager
def open_session(options: SessionOptions) -> Iterator[SparkSession]:
    """A session until the end of the block.

    Started by spark-submit it is that one's. Raises `ConfigurationError` where there is no Java
    that fits, Spark does not start, or spark-submit has decided otherwise.
    """
    with ExitStack() as until_done:
        until_done.enter_context(_environment_kept())
        if is_submitted():
            require_in_time(options)
            _choose_python(options)
            session = _build(options, {})
        else:
            folder = Path(until_done.enter_context(tempfile.TemporaryDirectory(prefix="vigie-")))
            log = until_done.enter_context(_log(options, folder))
            session = _start(options, folder, log)
        until_done.callback(end, session)
        keep_quiet(session)
        session.sparkContext.setLogLevel("ERROR")
        yield session


def parallelism(session: SparkSession) -> int:
    """How many tasks run at a time."""
    return max(session.sparkContext.defaultParallelism, 1)


def _start(options: SessionOptions, folder: Path, log: BinaryIO) -> SparkSession:
    master = _with_tries(options.master or f"local[{usable_cores()}]")
    own = {"spark.master": master}
    if master.startswith("local"):
        own |= _ALONE
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    _choose_python(options)
    os.environ["JAVA_HOME"] = str(startable(find_java(os.environ), folder / "java"))
    start = log.tell()
    try:
        with _stderr_to(log):
            return _build(options, own)
    except Exception as failure:
        log.seek(start)
        told = log.read().decode(errors="replace")
        raise start_failure(failure, told) from None


def _build(options: SessionOptions, own: Mapping[str, str]) -> SparkSession:
    from pyspark import SparkConf
    from pyspark.sql import SparkSession

    given = SparkConf()
    builder = SparkSession.builder
    for name, value in {**_ALWAYS, **own}.items():
        if not given.contains(name):
            builder = builder.config(name, value)
    if options.master and own:
        # a Java that has had a session before keeps the master of that one
        builder = builder.master(own["spark.master"])
    for name, value in options.conf.items():
        builder = builder.config(name, value)
    session: SparkSession = builder.getOrCreate()
    return session


def _choose_python(options: SessionOptions) -> None:
    """That option is of spark-submit's own program, which is not asked for it here."""
    if python := options.conf.get("spark.pyspark.python"):
        os.environ["PYSPARK_PYTHON"] = python


def _with_tries(master: str) -> str:
    """A task of this machine is tried again, too, as on a cluster."""
    found = _LOCAL.fullmatch(master)
    return f"local[{found[1] or 1},{_TRIES}]" if found else master


@contextmanager
def _environment_kept() -> Iterator[None]:
    """Spark is told its Java and Python by variables; what is started later is not."""
    names = ("JAVA_HOME", "PYSPARK_PYTHON")
    former = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _log(options: SessionOptions, folder: Path) -> Iterator[BinaryIO]:
    try:
        file = (options.log or folder / "spark.log").open("a+b")
    except OSError as failure:
        raise ConfigurationError(f"the log cannot be written ({failure.strerror})") from None
    with file:
        yield file


@contextmanager
def _stderr_to(file: BinaryIO) -> Iterator[None]:
    """What is started in this block keeps `file` as its standard error."""
    kept = os.dup(2)
    os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
