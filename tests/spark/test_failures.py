from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from vigie.errors import ConfigurationError, DataError
from vigie.spark.failures import explained, spark_failure, start_failure

FULL = "java.io.IOException: No space left on device"
TRACE = (
    "An error occurred while calling o94.parquet.\n: org.apache.spark.SparkException: Job aborted\n"
    "Caused by: {}\n\tat org.apache.spark.scheduler.Task.run(Task.scala:147)\n"
)


@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        ("java.io.IOException: No space left on device", "the disk is full"),
        ("java.nio.file.AccessDeniedException: s3a://b: Forbidden", "there is no right"),
        ("java.io.FileNotFoundException: /x (Permission denied)", "there is no right"),
        ("org.apache.hadoop.fs.s3a.UnknownStoreException: NoSuchBucket", "no such bucket"),
        ("java.net.ConnectException: Connection refused", "cannot be reached"),
        ("java.lang.OutOfMemoryError: Java heap space", "Spark needs more memory"),
        ("Python worker exited unexpectedly (crashed)", "a Python worker was killed"),
        ("ModuleNotFoundError: No module named 'vigie'", "the executors have no Vigie"),
        ("java.lang.IllegalStateException: at /home/me", r"Spark failed \(IllegalStateException\)"),
    ],
)
def test_a_trace_becomes_a_sentence(cause: str, sentence: str) -> None:
    failure = spark_failure(TRACE.format(cause))
    assert isinstance(failure, DataError)
    with pytest.raises(DataError, match=sentence):
        raise failure
    assert "\n" not in str(failure)
    assert "/home/me" not in str(failure)


REFUSED = "java.nio.file.AccessDeniedException: {}: S3Exception: Access Denied (Status Code: 403)"


@pytest.mark.parametrize(
    ("cause", "bucket"),
    [
        (REFUSED.format("s3a://fruits/photos: getFileStatus"), "bucket fruits,"),
        # what is written is named by its key alone
        (REFUSED.format("out/_vigie.json: Writing Object"), "bucket photos or results,"),
        ("GoogleJsonResponseException: 403 Forbidden\nGET https://x/storage/v1/b/them/o", "them,"),
    ],
)
def test_the_bucket_is_named_to_which_there_is_no_right(cause: str, bucket: str) -> None:
    places = ("./model", "s3a://photos/all", "s3a://results/all")
    assert bucket in str(spark_failure(TRACE.format(cause), places))


@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        (REFUSED.format("s3a://b/x: o.a.h.fs.s3a.auth.NoAuthWithAWSException"), "no account was"),
        ("GoogleJsonResponseException: 404 Not Found\nPOST x/storage/v1/b/them/o", "bucket: them"),
        ("DiskErrorException: Could not find any valid local directory for s3ablock-1", "buffer"),
        (f"org.apache.hadoop.fs.FSError: {FULL}", "the disk of the output is full"),
        (f"{FULL}\n\tat o.a.s.storage.DiskBlockObjectWriter.write(x)", "the disk of Spark's own"),
        ("java.lang.IllegalStateException: SparkContext was shutdown", "Java has ended"),
    ],
)
def test_what_real_servers_and_disks_say(cause: str, sentence: str) -> None:
    assert sentence in str(spark_failure(TRACE.format(cause)))


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a b.parquet", b"a,b\n1,2\n" * 30, "it is no Parquet, or not a whole one"),
        ("cut.parquet", None, "it is damaged, or not a whole one"),
        ("cut.csv.gz", gzip.compress(bytes(range(256)) * 99)[:200], "it is damaged"),
        ("other.csv.gz", b"a,b\n1,2\n" * 30, "it is damaged, or not a whole one"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_its_trouble(
    spark: SparkSession, tmp_path: Path, name: str, content: bytes | None, sentence: str
) -> None:
    path = tmp_path / name
    if content is None:
        pq.write_table(pa.table({"a": list(range(9000))}), path)
        whole = path.read_bytes()
        content = whole[:40] + b"\xff" * 2000 + whole[2040:]
    path.write_bytes(content)
    read = spark.read.parquet if name.endswith("parquet") else spark.read.csv
    with pytest.raises(DataError, match=sentence) as told, explained():
        read(str(path)).write.format("noop").mode("overwrite").save()
    assert f"({name})" in str(told.value)
    assert str(tmp_path) not in str(told.value)


def test_files_of_different_types_are_told_from_files_that_are_no_parquet(
    spark: SparkSession, tmp_path: Path
) -> None:
    pq.write_table(pa.table({"a": [1, 2]}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"a": ["x", "y"]}), tmp_path / "1.parquet")
    with pytest.raises(DataError, match="another type than other files"), explained():
        spark.read.parquet(str(tmp_path)).write.format("noop").mode("overwrite").save()


def test_what_a_worker_explained_comes_through() -> None:
    told = TRACE.format("vigie.errors.BrokenPackage: a file differs from its sha256: vigie/x")
    assert str(spark_failure(told)) == "a file differs from its sha256: vigie/x"


@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        ('UnsupportedFileSystemException: No FileSystem for scheme "s3a"', "hadoop-aws"),
        ("ClassNotFoundException: Class org.apache.hadoop.fs.s3a.S3AFileSystem not found", "s3a:"),
        (
            "Class com.google.cloud.hadoop.fs.gcs.GoogleHadoopFS not found",
            "spark.hadoop.fs.gs.impl",
        ),
        ('No FileSystem for scheme "ftpx"', "nobody knows the scheme ftpx"),
    ],
)
def test_a_missing_connector_is_named(cause: str, sentence: str) -> None:
    failure = spark_failure(TRACE.format(cause))
    assert isinstance(failure, ConfigurationError)
    assert sentence in str(failure)


def test_a_start_that_fails_is_told_from_what_java_wrote() -> None:
    failure = RuntimeError("Java gateway process exited")
    old = "java.lang.UnsupportedClassVersionError: org/apache/spark/launcher/Main"
    assert "needs Java 17 or 21" in str(start_failure(failure, old))
    assert "no such master" in str(start_failure(failure, "Could not parse Master URL: 'x'"))
    assert str(start_failure(failure, "?")).startswith("Spark does not start; --log FILE")


def test_a_full_disk_of_this_machine_is_told() -> None:
    told = "the disk of this machine is full: make room"
    with pytest.raises(DataError, match=told), explained(), Path("/dev/full").open("wb") as file:
        file.write(b"a package")


def test_a_folder_that_takes_no_file_is_told_without_its_name() -> None:
    # of the kernel: there root has no right either
    with (
        pytest.raises(DataError, match="there is no right to a file or folder") as told,
        explained(),
    ):
        Path("/sys/kernel/vigie").mkdir()
    assert "/sys" not in str(told.value)
    with (
        pytest.raises(DataError, match=r"read or written \(No such file or directory\)"),
        explained(),
    ):
        Path("/absent/vigie").mkdir()


def test_a_key_and_a_bucket_are_told_by_the_places_of_a_command() -> None:
    failure = AnalysisException("AccessDenied")
    with pytest.raises(DataError, match="bucket fruits"), explained(("s3a://fruits/x",)):
        raise failure


def test_what_is_not_of_spark_stays_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError), explained():
        _ = 1 / 0
    with pytest.raises(DataError, match="no such input"), explained():
        raise AnalysisException("[PATH_NOT_FOUND] Path does not exist: file:/x")
