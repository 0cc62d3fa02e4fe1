"""Files of any file system that Hadoop knows, through Spark's own Java."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vigie.errors import DataError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/")
_MAGIC = re.compile(r"([{}\[\]*?\\])")
_SECRET = re.compile(r"//[^/@]*@")


def uri_of(location: str) -> str:
    """The URI of what a person writes: what has no scheme is a path of this machine."""
    if not location:
        raise DataError("an empty location: give a folder or a URI")
    if _SCHEME.match(location):
        if _SECRET.search(location):
            raise DataError("a URI holds no key or password: give them by the environment")
        if (path := local_path(location)) is None:
            return location.rstrip("/")
        location = str(path)
    return f"file:{os.path.abspath(location)}"  # noqa: PTH100


def is_uri(text: str) -> bool:
    """True for a text that begins with a scheme."""
    return _SCHEME.match(text) is not None


def local_path(uri: str) -> Path | None:
    """The path of a `file:` URI; nothing for another."""
    if not uri.startswith("file:/"):
        return None
    return Path(re.sub("^/+", "/", uri.removeprefix("file:")))


def require_apart(source: str, output: str, own: Iterable[str]) -> None:
    """Refuses an output that lies in the input: a later run would take it for a part of that.

    And an input in a folder of the output that is Vigie's `own`: it would be deleted.
    """
    source, output = _followed(source), _followed(output)
    if _lies_in(output, source):
        raise DataError("OUTPUT lies in the input: name a folder beside it")
    for name in own:
        if _lies_in(source, _followed(f"{output}/{name}")):
            raise DataError(
                f"the input lies in the folder {name} of OUTPUT, which is written anew: name "
                "another OUTPUT"
            )


def _lies_in(uri: str, folder: str) -> bool:
    return uri == folder or uri.startswith(f"{folder}/")


def _followed(uri: str) -> str:
    """The URI without a link on this machine's disks."""
    path = local_path(uri)
    return uri.rstrip("/") if path is None else f"file:{path.resolve()}"


def literal(uri: str) -> str:
    """The URI for a reader of Spark, which takes brackets and stars for patterns."""
    return _MAGIC.sub(r"\\\1", uri)


class Storage:
    """Reads, writes and deletes small files by their URI; what is not there is none."""

    def __init__(self, session: SparkSession) -> None:
        # the one way to Hadoop's file systems that PySpark has
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
        """Writes a file, in the place of one that is there."""
        system, path = self._find(uri)
        stream = system.create(path, True)
        try:
            stream.write(bytearray(content))
        finally:
            stream.close()

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

    def _find(self, uri: str) -> tuple[Any, Any]:
        path = self._jvm.org.apache.hadoop.fs.Path(uri)
        return path.getFileSystem(self._conf), path
