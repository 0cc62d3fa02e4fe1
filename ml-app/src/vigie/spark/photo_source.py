"""The photos of an input: a folder of any storage, or Parquet with the files in a column."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote

import pyarrow as pa

from vigie.errors import ConfigurationError, DataError
from vigie.models.photo_file import MOST_BYTES
from vigie.models.photo_folder import PATTERNS, PhotoFolder
from vigie.models.photo_names import written_name
from vigie.spark.uri import literal, local_path

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from vigie.spark.storage import Storage

NAMES = ("name", "path", "file", "filename", "photo")
CONTENTS = ("content", "bytes", "image", "data")
"""What the two columns of a Parquet input may be called."""
LISTED = pa.schema(
    [("name", pa.string()), ("label", pa.string()), ("stamp", pa.string()), ("path", pa.binary())]
)
_PATH = "_metadata.file_path"
"""The path of a file by which Spark can leave out others: it is quoted as in a URL."""
_EMPTY = "0"
"""The stamp of a file without a byte."""
_TASK_PHOTOS = 256
"""At most so many in a task: lost where one is stopped; fewer would cost more to begin."""
_TASKS_A_SLOT = 4


@dataclass(frozen=True, slots=True)
class Listed:
    """A photo of the input: `stamp` is another one once the file is another.

    `path` is how it is opened: of this machine's disks its bytes, else what Spark calls it. That of
    a storage is quoted as in a URL.
    """

    name: str
    label: str | None
    stamp: str
    path: bytes


Kind = Literal["disk", "storage", "table"]


class PhotoSource:
    """The photos that `uri` names; they are listed when it is made, and read by tasks.

    Raises `DataError` where it names none, `ConfigurationError` for patterns beside Parquet.
    """

    def __init__(
        self, session: SparkSession, storage: Storage, uri: str, patterns: Sequence[str] = ()
    ) -> None:
        self._session, self._storage, self.uri = session, storage, uri
        self._patterns = tuple(patterns) or PATTERNS
        self.kind: Kind = self._kind()
        if patterns and self.kind == "table":
            raise ConfigurationError("--pattern chooses files of a folder; the input is Parquet")
        self.photos = self._listed()
        if not self.photos:
            raise DataError("there is no photo in the input; is the pattern right?")
        self._check_once()

    def _kind(self) -> Kind:
        if not self._storage.exists(self.uri):
            raise DataError("there is no such input: give a folder of photos, or Parquet")
        if not self._storage.is_folder(self.uri):
            return "table"
        if self._storage.has_any(self.uri, "*.parquet"):
            return "table"
        return "storage" if local_path(self.uri) is None else "disk"

    def frame(self, pending: Sequence[Listed], slots: int) -> DataFrame:
        """The rows of some photos for tasks: name, label, stamp, and path or content."""
        if self.kind == "disk":
            return self._on_disk(pending, slots)
        if self.kind == "storage":
            return self._in_storage(pending)
        named = self._session.createDataFrame(_table(pending))
        whole = len(pending) == len(self.photos)
        return self._in_table(named, whole, _tasks(len(pending), slots))

    def wanted(self) -> DataFrame:
        """Name, label and stamp of every photo of the input."""
        return self._session.createDataFrame(_table(self.photos)).drop("path")

    def _listed(self) -> list[Listed]:
        if self.kind == "disk":
            return list(self._of_disk())
        return list(self._of_storage() if self.kind == "storage" else self._of_table())

    def _of_disk(self) -> Iterator[Listed]:
        root = local_path(self.uri)
        assert root is not None
        for name in PhotoFolder(root, self._patterns, recursive=True).names():
            try:
                found = (root / name).stat()
                stamp = f"{found.st_size}-{found.st_mtime_ns}"
            except (OSError, ValueError):
                stamp = "-"
            yield _named(name, stamp, os.fsencode(root / name))

    def _on_disk(self, pending: Sequence[Listed], slots: int) -> DataFrame:
        frame = self._session.createDataFrame(_table(pending))
        return frame.repartition(_tasks(len(pending), slots))

    @cached_property
    def _files(self) -> DataFrame:
        """All files of a storage: Spark lists them once for whatever is read of them."""
        reader = self._session.read.format("binaryFile")
        glob = "{" + ",".join(map(_any_case, self._patterns)) + "}"
        options = reader.options(recursiveFileLookup=True, pathGlobFilter=glob)
        return options.load(literal(self.uri))

    def _of_storage(self) -> Iterator[Listed]:
        told = self._files.selectExpr(
            f"{_PATH} AS path", "length", "unix_millis(modificationTime) AS modified"
        )
        seen = set()
        for row in told.toArrow().to_pylist():
            seen.add(row["path"])
            stamp = f"{row['length']}-{row['modified']}"
            yield _named(self._below(row["path"]), stamp, row["path"].encode())
        # Spark lists files without a byte, and has no rows for them
        listed = self._files._jdf.inputFiles()
        if len(listed) > len(seen):
            for path in listed:
                if path not in seen:
                    yield _named(self._below(path), _EMPTY, path.encode())

    def _below(self, path: str) -> str:
        return unquote(path).removeprefix(self._storage.qualified(self.uri)).lstrip("/")

    def _in_storage(self, pending: Sequence[Listed]) -> DataFrame:
        from pyspark.sql import functions as sf

        opened = [one for one in pending if 0 < _length(one) <= MOST_BYTES]
        # Spark hands the length down to where files are opened: one that has grown stays closed
        files = self._files.where(sf.col("length") <= MOST_BYTES)
        if len(opened) < len(self.photos):
            # and the paths to where they are planned: of the others there is not even a request
            files = files.where(sf.col(_PATH).isin([one.path.decode() for one in opened]))
        named = self._session.createDataFrame(_table(opened))
        of_name = sf.broadcast(named.withColumn("path", sf.decode("path", "UTF-8")))
        contents = files.select(sf.col(_PATH).alias("path"), "content")
        read = contents.join(of_name, "path").drop("path")
        closed = self._session.createDataFrame(
            _table([one for one in pending if not 0 < _length(one) <= MOST_BYTES])
        )
        empty = sf.when(sf.col("stamp") == _EMPTY, sf.lit(b""))
        return read.unionByName(closed.drop("path").withColumn("content", empty))

    def _columns(self) -> tuple[str, str, bool]:
        names = dict(self._session.read.parquet(literal(self.uri)).dtypes)
        name = next((one for one in NAMES if names.get(one) == "string"), None)
        content = next((one for one in CONTENTS if names.get(one) == "binary"), None)
        if name is None or content is None:
            raise DataError(
                "the table needs a column name of texts and a column content with the bytes of a "
                f"file; it has {', '.join(names)}"
            )
        return name, content, names.get("label") == "string"

    def _of_table(self) -> Iterator[Listed]:
        name, _, labelled = self._columns()
        frame = self._session.read.parquet(literal(self.uri)).selectExpr(
            f"`{name}` AS name", "label" if labelled else "NULL AS label",
            "concat(_metadata.file_size, '-', unix_millis(_metadata.file_modification_time)) AS s",
        )  # fmt: skip
        for row in frame.toArrow().to_pylist():
            if not row["name"]:
                raise DataError("the column of names has rows without one")
            found = _named(row["name"], row["s"], row["name"].encode())
            yield Listed(found.name, row["label"] or found.label, found.stamp, found.path)

    def _in_table(self, named: DataFrame, whole: bool, tasks: int) -> DataFrame:
        from pyspark.sql import functions as sf

        name, content, _ = self._columns()
        rows = self._session.read.parquet(literal(self.uri)).select(
            sf.encode(name, "UTF-8").alias("path"),
            sf.when(sf.length(content) <= MOST_BYTES, sf.col(content)).alias("content"),
        )
        joined = rows.join(sf.broadcast(named), "path").drop("path")
        return (
            joined if whole and rows.rdd.getNumPartitions() >= tasks else joined.repartition(tasks)
        )

    def _check_once(self) -> None:
        twice = [name for name, times in Counter(p.name for p in self.photos).items() if times > 1]
        if twice:
            raise DataError(f"{len(twice)} names are there twice, such as {twice[0]}")


def _length(photo: Listed) -> int:
    """The bytes of a file in storage, from its stamp."""
    return int(photo.stamp.partition("-")[0])


def _named(name: str, stamp: str, path: bytes) -> Listed:
    folder = os.path.dirname(name)  # noqa: PTH120
    label = written_name(os.path.basename(folder)) if folder else None  # noqa: PTH119
    return Listed(written_name(name), label, stamp, path)


def _table(photos: Sequence[Listed]) -> pa.Table:
    columns: Mapping[str, list[Any]] = {
        field.name: [getattr(photo, field.name) for photo in photos] for field in LISTED
    }
    return pa.table(columns, schema=LISTED)


def _tasks(photos: int, slots: int) -> int:
    """How many tasks: some for each slot, so that none is waited for long, and none too large."""
    return max(min(photos, slots * _TASKS_A_SLOT), -(-photos // _TASK_PHOTOS))


def _any_case(pattern: str) -> str:
    return "".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in pattern)
