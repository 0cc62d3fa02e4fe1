"""Files of any file system that Hadoop knows, through Spark's own Java."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from vigie.spark.uri import literal

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

_OBJECTS = ("s3a", "gs")
"""Schemes of object storage."""


class Storage:
    """Reads, writes and deletes small files by their URI; what is not there is none."""

    def __init__(self, session: SparkSession) -> None:
        # the one way to Hadoop's file systems that PySpark has
        self._gateway: Any = session.sparkContext._gateway
        self._jvm: Any = session._jvm
        self._conf: Any = session._jsc.hadoopConfiguration()

    def exists(self, uri: str) -> bool:
        """True where there is a file or a folder."""
        system, path = self._find(uri)
        return bool(system.exists(path))

    def is_folder(self, uri: str) -> bool:
        """True where there is a folder."""
        system, path = self._find(uri)
        return bool(system.exists(path) and system.getFileStatus(path).isDirectory())

    def has_any(self, folder: str, pattern: str) -> bool:
        """True where a name in a folder is of the pattern."""
        system, path = self._find(f"{literal(folder)}/{pattern}")
        return bool(len(system.globStatus(path)))

    def names(self, uri: str) -> list[str]:
        """The names in a folder, sorted."""
        system, path = self._find(uri)
        if not system.exists(path):
            return []
        return sorted(str(one.getPath().getName()) for one in system.listStatus(path))

    def qualified(self, uri: str) -> str:
        """The URI as Spark writes it before the names of files."""
        system, path = self._find(uri)
        return str(system.makeQualified(path).toString())

    def read(self, uri: str) -> bytes | None:
        """The bytes of a file; nothing where there is none."""
        system, path = self._find(uri)
        if not system.exists(path):
            return None
        stream = system.open(path)
        try:
            return bytes(self._jvm.org.apache.commons.io.IOUtils.toByteArray(stream))
        finally:
            stream.close()

    def write(self, uri: str, content: bytes) -> None:
        """Writes a file, whole or not at all, in the place of one that is there."""
        system, path = self._find(uri)
        # an object appears when all of it has come; a file is there from its first byte
        if system.getScheme() in _OBJECTS:
            self._create(system, path, content)
            return
        beside = path.suffix(f".{uuid.uuid4().hex}")
        self._create(system, beside, content)
        self._replace(beside, path)

    def delete(self, uri: str) -> None:
        """Deletes a file, or a folder with all that is in it."""
        system, path = self._find(uri)
        system.delete(path, True)

    def download(self, uri: str, target: Path) -> None:
        """Copies a file or a folder to this machine."""
        system, path = self._find(uri)
        there = self._jvm.org.apache.hadoop.fs.Path(f"file:{target}")
        # without files of checksums beside it
        system.copyToLocalFile(False, path, there, True)

    def _replace(self, beside: Any, path: Any) -> None:
        hadoop = self._jvm.org.apache.hadoop.fs
        kind = getattr(hadoop, "Options$Rename")
        how = self._gateway.new_array(kind, 1)
        how[0] = kind.OVERWRITE
        hadoop.FileContext.getFileContext(path.toUri(), self._conf).rename(beside, path, how)

    def _create(self, system: Any, path: Any, content: bytes) -> None:
        stream = system.create(path, True)
        try:
            stream.write(bytearray(content))
        finally:
            stream.close()

    def _find(self, uri: str) -> tuple[Any, Any]:
        path = self._jvm.org.apache.hadoop.fs.Path(uri)
        return path.getFileSystem(self._conf), path
