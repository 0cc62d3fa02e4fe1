"""What Spark and Java raise, as one sentence each: no trace, no payload, no secret."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from vigie.errors import ConfigurationError, DataError, VigieError

_SEE_LOG = "--log FILE keeps what Spark says"
_SCHEME = re.compile(r"No FileSystem for scheme \"?([A-Za-z0-9+.-]+)")
_CLASS = re.compile(r"Class (org\.apache\.hadoop\.fs\.s3a|com\.google\.cloud\.hadoop)\S* not found")
_CONNECTORS = {
    "s3a": "org.apache.hadoop:hadoop-aws:3.4.1",
    "gs": "com.google.cloud.bigdataoss:gcs-connector:hadoop3-2.2.26",
}
_OWN = re.compile(r"\bvigie\.errors\.\w+: (.+)$", re.MULTILINE)
_JAVA = re.compile(r"\b(?:[a-z]\w*\.)+([A-Z]\w*(?:Exception|Error))\b")
_KNOWN: tuple[tuple[str, str], ...] = (
    (
        r"No space left on device|Disk quota exceeded|not enough space",
        ("the disk is full, of the output or of Spark's own files (--conf spark.local.dir=FOLDER "
        "puts those elsewhere): make room and give the same command, it goes on from there"),
    ),
    (
        (r"AccessDenied|Access Denied|AccessControlException|Permission denied|403 Forbidden"
        r"|Status Code: 403|does not have storage\."),
        "there is no right to read the input or to write the output|Mkdirs failed"
        r"|Read-only file system|Unable to clear output",
    ),
    (
        r"NoSuchBucket|bucket does not exist|Bucket .* does not exist|The specified bucket",
        "there is no such bucket",
    ),
    (
        (r"NoAuthWithAWSException|Unable to load credentials|Error getting access token"
        r"|Application Default Credentials"),
        ("no account was found for the object storage: give one by the environment "
        "(AWS_ACCESS_KEY_ID and so on) or by --conf spark.hadoop.…"),
    ),
    (
        (r"UnknownHostException|ConnectException|Connection refused|Unable to execute HTTP request"
        r"|Connect to .* failed"),
        "the storage or the master cannot be reached: is its address right?",
    ),
    (
        r"All masters are unresponsive|Application has been killed|Initial job has not accepted",
        "the master gives no executors: is it up, and has it room?",
    ),
    (
        r"Could not parse Master URL|is not a valid value for --master|Master must",
        "there is no such master: local[2], spark://host:7077, k8s://https://host:6443, yarn",
    ),
    (
        r"OutOfMemoryError|java heap space|Java heap space",
        ("Spark needs more memory: --conf spark.driver.memory=4g, of executors "
        "spark.executor.memory"),
    ),
    (
        r"Python worker exited unexpectedly|Python worker failed to connect|worker died",
        "a Python worker was killed, again and again: has the machine enough memory?",
    ),
    (
        r"Python in worker has different version|Cannot run program",
        "the executors have no such Python as this one: --conf spark.pyspark.python=PATH names it",
    ),
    (
        r"No module named '?vigie",
        "the executors have no Vigie: they need the package vigie[spark] as this machine has it",
    ),
    (
        r"PATH_NOT_FOUND|Path does not exist|Input path does not exist|FileNotFoundException",
        "there is no such input, or a part of it is gone",
    ),
    (r"is not a Parquet file|Could not read footer|FAILED_READ_FILE", "the input is no Parquet"),
)  # fmt: skip


@contextmanager
def explained() -> Iterator[None]:
    """What Spark raises in this block becomes a `VigieError`."""
    try:
        yield
    except VigieError:
        raise
    except Exception as failure:
        if not _is_of_spark(failure):
            raise
        raise spark_failure(str(failure)) from None


def spark_failure(told: str) -> VigieError:
    """The sentence for what Spark tells, traces and all."""
    if own := _OWN.findall(told):
        return DataError(own[-1].strip())
    if scheme := _SCHEME.search(told):
        return ConfigurationError(_no_connector(scheme[1]))
    if missing := _CLASS.search(told):
        return ConfigurationError(_no_connector("s3a" if "s3a" in missing[1] else "gs"))
    for pattern, sentence in _KNOWN:
        if re.search(pattern, told):
            return DataError(sentence)
    names = _JAVA.findall(told)
    kind = f" ({names[-1]})" if names else ""
    return DataError(f"Spark failed{kind}; {_SEE_LOG}")


def start_failure(failure: Exception, log: str) -> VigieError:
    """The sentence for a Spark that did not start, from what it wrote."""
    told = f"{log}\n{failure}"
    if "UnsupportedClassVersionError" in told:
        return ConfigurationError("Spark needs Java 17 or 21; JAVA_HOME names an older one")
    found = spark_failure(told)
    if str(found).startswith("Spark failed"):
        return ConfigurationError(f"Spark does not start; {_SEE_LOG}")
    return ConfigurationError(str(found))


def _no_connector(scheme: str) -> str:
    connector = _CONNECTORS.get(scheme)
    if connector is None:
        return f"nobody knows the scheme {scheme}: give a folder, file:, s3a:, gs: or hdfs:"
    return (
        f"{scheme}: needs its connector: --conf spark.jars.packages={connector}, "
        "or the image vigie-spark, which has it"
    )


def _is_of_spark(failure: Exception) -> bool:
    return type(failure).__module__.split(".")[0] in ("pyspark", "py4j") or isinstance(
        failure, ConnectionError
    )
