"""What Spark, Java and local files raise, as one sentence each: no trace, no payload, no secret."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from vigie.errors import ConfigurationError, DataError, VigieError
from vigie.spark.lost_java import is_lost
from vigie.spark.submission import is_submitted

_SCHEME = re.compile(r"No FileSystem for scheme \"?([A-Za-z0-9+.-]+)")
_CLASS = re.compile(r"Class (org\.apache\.hadoop\.fs\.s3a|com\.google\.cloud\.hadoop)\S* not found")
_CONNECTORS = {
    "s3a": "hadoop-aws by spark.jars",
    "gs": "gcs-connector by spark.jars, and its name by spark.hadoop.fs.gs.impl",
}
"""What is missing, and the options of `--conf` that name it."""
_OWN = re.compile(r"\bvigie\.errors\.\w+: (.+)$", re.MULTILINE)
_JAVA = re.compile(r"\b(?:[a-z]\w*\.)+([A-Z]\w*(?:Exception|Error))\b")
_NO_RIGHT = "there is no right to read the input or to write the output"
_NO_ROOM = (
    "the disk is full, of the output or of Spark's own files (--conf spark.local.dir=FOLDER puts "
    "those elsewhere): make room and give the same command, it goes on from there"
)
_NO_ROOM_OUTPUT = (
    "the disk of the output is full: make room and give the same command, it goes on from there"
)
_NO_ROOM_SPARK = (
    "the disk of Spark's own files is full: make room or name another place (--conf "
    "spark.local.dir=FOLDER), and give the same command, it goes on from there"
)
_NO_ROOM_BUFFER = (
    "the disk is full on which files wait until object storage has them: make room or name another "
    "place (--conf spark.hadoop.fs.s3a.buffer.dir=FOLDER), and give the same command, it goes on "
    "from there"
)
_TEMPORARY = "TMPDIR=FOLDER names another place for temporary files"
_NO_ROOM_HERE = f"the disk of this machine is full: make room ({_TEMPORARY})"
_NO_RIGHT_HERE = f"there is no right to a file or folder of this machine ({_TEMPORARY})"
_NO_BUCKET = "there is no such bucket"
_BUCKET = re.compile(r"(?:\b(?:s3a?|gs)://|storage/v1/b/)([a-z0-9][a-z0-9._-]+)")
_NO_ACCOUNT = (
    "no account was found for the object storage: give one by the environment (AWS_ACCESS_KEY_ID "
    "and so on) or by --conf spark.hadoop.…"
)
_NO_MASTER = "there is no such master: local[2], spark://host:7077, k8s://https://host:6443, yarn"
_NO_MEMORY = (
    "Spark needs more memory: --conf spark.driver.memory=4g, of executors spark.executor.memory"
)
_NO_JAVA = (
    "Java has ended in the middle of the run: it was killed, or had no more memory (--conf "
    "spark.driver.memory=4g gives it more, where the machine has it); give the same command again"
)
_NO_WORKER = "a Python worker was killed, again and again: has the machine enough memory?"
_NO_PYTHON = (
    "the executors have no such Python as this one: --conf spark.pyspark.python=PATH names it"
)
_NO_VIGIE = "the executors have no Vigie: they need the package vigie[spark] as this machine has it"
_FULL = "No space left on device|Disk quota exceeded|not enough space"
_KNOWN = {
    "[Cc]ould not find any valid local directory for s3ablock": _NO_ROOM_BUFFER,
    f"FSError: java[.]io[.]IOException: ({_FULL})": _NO_ROOM_OUTPUT,
    rf"(?s)({_FULL}).*[.](DiskBlockObjectWriter|DiskStore|\w+SpillWriter|\w+ShuffleWriter)[.]": (
        _NO_ROOM_SPARK
    ),
    _FULL: _NO_ROOM,
    # the connector calls it a refusal
    "NoAuthWithAWSException|Unable to load credentials": _NO_ACCOUNT,
    "AccessDenied|Access Denied|AccessControlException|Permission denied": _NO_RIGHT,
    "403 Forbidden|Status Code: 403|does not have storage[.]": _NO_RIGHT,
    "Mkdirs failed|Read-only file system|Unable to clear output": _NO_RIGHT,
    "NoSuchBucket|[Bb]ucket .*does not exist|The specified bucket": _NO_BUCKET,
    "GoogleJsonResponseException: 404": _NO_BUCKET,
    "Error getting access token|Application Default Credentials": _NO_ACCOUNT,
    "UnknownHostException|ConnectException|Connection refused|Connect to .* failed": (
        "the storage or the master cannot be reached: is its address right?"
    ),
    "All masters are unresponsive|Application has been killed": (
        "the master gives no executors: is it up, and has it room?"
    ),
    "Could not parse Master URL|is not a valid value for --master|Master must": _NO_MASTER,
    "OutOfMemoryError|[Jj]ava heap space": _NO_MEMORY,
    "SparkContext was shut ?down|stopped SparkContext": _NO_JAVA,
    "Python worker exited unexpectedly|Python worker failed to connect": _NO_WORKER,
    "Python in worker has different version|Cannot run program": _NO_PYTHON,
    "No module named '?vigie": _NO_VIGIE,
    "PATH_NOT_FOUND|Path does not exist|Input path does not exist|FileNotFoundException": (
        "there is no such input, or a part of it is gone"
    ),
}
"""What is searched for in a trace, in this order, and the sentence for it."""
_UNREADABLE = {
    "DATA_TYPE_MISMATCH": "it has another type than other files of the input have in a column",
    "is not a Parquet file|Could not read footer": "it is no Parquet, or not a whole one",
    "FAILED_READ_FILE": "it is damaged, or not a whole one",
}
"""The same, for what a file is that Spark names."""
_FILE = re.compile(r"while reading file [^\n]*?/([^/\n]+?)[.]\s")


@contextmanager
def explained(places: Sequence[str] = ()) -> Iterator[None]:
    """What Spark, or a file of this machine, raises in this block becomes a `VigieError`.

    `places` are the URIs that the block reads and writes: traces do not always name the bucket.
    """
    try:
        yield
    except VigieError:
        raise
    except Exception as failure:
        if is_lost(failure):
            raise DataError(_NO_JAVA) from None
        if _is_of_spark(failure):
            raise spark_failure(str(failure), places) from None
        if isinstance(failure, OSError):
            raise _file_failure(failure) from None
        raise


def spark_failure(told: str, places: Sequence[str] = ()) -> VigieError:
    """The sentence for what Spark tells, traces and all, of a run that is about these places."""
    if own := _OWN.findall(told):
        return DataError(own[-1].strip())
    if scheme := _SCHEME.search(told):
        return ConfigurationError(_no_connector(scheme[1]))
    if missing := _CLASS.search(told):
        return ConfigurationError(_no_connector("s3a" if "s3a" in missing[1] else "gs"))
    for pattern, sentence in _KNOWN.items():
        if re.search(pattern, told):
            return DataError(_with_bucket(sentence, told, places))
    for pattern, trouble in _UNREADABLE.items():
        if re.search(pattern, told):
            return DataError(f"a file of the input cannot be read{_name_in(told)}: {trouble}")
    names = _JAVA.findall(told)
    kind = f" ({names[-1]})" if names else ""
    return DataError(f"Spark failed{kind}; {_see_log()}")


def _with_bucket(sentence: str, told: str, places: Sequence[str]) -> str:
    """The sentence with the bucket that it is about, where the trace or a place names one."""
    named = _BUCKET.findall(told)[:1] or [name for uri in places for name in _BUCKET.findall(uri)]
    buckets = " or ".join(dict.fromkeys(named))
    if buckets and sentence == _NO_BUCKET:
        return f"{_NO_BUCKET}: {buckets}"
    if buckets and sentence == _NO_RIGHT:
        return (
            f"the account has no right to the bucket {buckets}, or its key is wrong: it must list "
            "and read what is in an input, and in OUTPUT write and delete as well"
        )
    return sentence


def start_failure(failure: Exception, log: str) -> VigieError:
    """The sentence for a Spark that did not start, from what it wrote."""
    told = f"{log}\n{failure}"
    if "UnsupportedClassVersionError" in told:
        return ConfigurationError("Spark needs Java 17 or 21; JAVA_HOME names an older one")
    found = spark_failure(told)
    if str(found).startswith("Spark failed"):
        return ConfigurationError(f"Spark does not start; {_see_log()}")
    return ConfigurationError(str(found))


def _file_failure(failure: OSError) -> VigieError:
    """The sentence for a file of this machine that cannot be read or written."""
    number = failure.errno or 0
    if number in (errno.ENOSPC, errno.EDQUOT):
        return DataError(_NO_ROOM_HERE)
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return DataError(_NO_RIGHT_HERE)
    # the text of the system alone: that of Python may have a path in it
    kind = os.strerror(number) if number else type(failure).__name__
    return DataError(f"a file of this machine cannot be read or written ({kind}); {_TEMPORARY}")


def _see_log() -> str:
    if is_submitted():
        return "what spark-submit has written says more"
    return "--log FILE keeps what Spark says"


def _name_in(told: str) -> str:
    """The name of the file that Spark could not read, without its folders."""
    found = _FILE.search(told)
    return f" ({''.join(c if c.isprintable() else '?' for c in found[1])})" if found else ""


def _no_connector(scheme: str) -> str:
    connector = _CONNECTORS.get(scheme)
    if connector is None:
        return f"nobody knows the scheme {scheme}: give a folder, file:, s3a:, gs: or hdfs:"
    return (
        f"{scheme}: needs its connector: the image vigie-spark has it; elsewhere --conf gives it "
        f"({connector}; docs/spark.md, object storage)"
    )


def _is_of_spark(failure: Exception) -> bool:
    return type(failure).__module__.split(".")[0] in ("pyspark", "py4j")
