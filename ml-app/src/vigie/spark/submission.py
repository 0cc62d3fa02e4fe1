"""What is otherwise where `spark-submit` has started this program: its Java runs already."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from vigie.errors import ConfigurationError

if TYPE_CHECKING:
    from vigie.spark.session import SessionOptions

_GATEWAY = "PYSPARK_GATEWAY_PORT"
"""The variable by which spark-submit tells its Python where the started Java is."""
_TOO_LATE = re.compile(
    r"spark\.(master|submit\..+|jars(\..+)?|pyspark\.driver\.python|driver\.(cores|memory"
    r"|memoryOverhead|extraJavaOptions|defaultJavaOptions|extraClassPath|extraLibraryPath))"
)
"""Options that a Java which runs cannot take any more."""


def is_submitted() -> bool:
    """True where spark-submit has started this program."""
    return _GATEWAY in os.environ


def require_in_time(options: SessionOptions) -> None:
    """Refuses what spark-submit has decided already and would go unheard here.

    Raises `ConfigurationError` with what to give to spark-submit itself.
    """
    from pyspark import SparkConf, SparkContext

    if options.log is not None:
        raise ConfigurationError(
            "--log is for a Spark that Vigie starts; that of spark-submit says what it has to say "
            "on its standard error: spark-submit … 2> FILE"
        )
    # only then the next line sees what spark-submit was given
    SparkContext._ensure_initialized()
    master = SparkConf().get("spark.master")
    if options.master not in (None, master):
        raise ConfigurationError(
            f"spark-submit has the master {master}, and --master or VIGIE_SPARK_MASTER names "
            f"{options.master}: spark-submit --master {options.master} …"
        )
    if late := [name for name in options.conf if _TOO_LATE.fullmatch(name)]:
        raise ConfigurationError(
            f"--conf {late[0]} comes too late, spark-submit has started Java: give it to "
            "spark-submit, before the program"
        )
