"""Folders in buckets of Google Cloud Storage and Amazon S3; credentials are the machine's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from vigie.errors import MissingExtra, RegistryError

if TYPE_CHECKING:
    import pyarrow.fs

SCHEMES = ("gs", "s3")
_RETRY_SECONDS = 10
_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What tells one state of a file from another: bytes, and when it was written, ns."""

    size: int
    written: int


class Bucket:
    """The files below an address such as `gs://bucket/folder`, or the one file of that address.

    Raises `MissingExtra` without pyarrow, and `RegistryError` where the address is none.
    """

    def __init__(self, address: str) -> None:
        try:
            from pyarrow.fs import FileSystem
        except ImportError:
            raise MissingExtra(
                "buckets need a package more: pip install 'vigie[parquet]'"
            ) from None
        self.address = address
        self.title = address.partition("?")[0]
        """The address without its query, which may hold what is nobody's business."""
        with self._explained():
            self._files, path = FileSystem.from_uri(_bounded(address))
        self._path = path.rstrip("/")

    @property
    def name(self) -> str:
        """The last part of the address."""
        last: str = self._path.rsplit("/", 1)[-1]
        return last

    def files(self) -> dict[str, StoredFile]:
        """The files by their names below the folder; none where there is no such folder.

        A single file has the empty name. Raises `RegistryError`.
        """
        from pyarrow.fs import FileSelector, FileType

        with self._explained():
            itself = self._files.get_file_info(self._path)
            if itself.type == FileType.File:
                return {"": _stored(itself)}
            found = self._files.get_file_info(
                FileSelector(self._path, recursive=True, allow_not_found=True)
            )
        below = len(self._path) + 1
        return {
            one.path[below:]: _stored(one)
            for one in found
            if one.type == FileType.File and _is_plain(one.path[below:])
        }

    def fetch(self, name: str, target: Path) -> None:
        """Writes a file to this machine. Raises `RegistryError`, and `OSError` of this machine."""
        with self._explained():
            source = self._files.open_input_stream(f"{self._path}/{name}" if name else self._path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with source, target.open("wb") as written:
            while chunk := self._read(source):
                written.write(chunk)

    def _read(self, source: pyarrow.fs.NativeFile) -> bytes:
        with self._explained():
            chunk: bytes = source.read(_CHUNK)
        return chunk

    @contextmanager
    def _explained(self) -> Iterator[None]:
        # what the libraries say is long, and names addresses of their own
        try:
            yield
        except (OSError, ValueError) as failure:
            raise RegistryError(
                f"{self.title} cannot be read ({type(failure).__name__}): is it spelt right, "
                "and may the credentials of this machine read it?"
            ) from None


def _bounded(address: str) -> str:
    """The address; one of Google is asked again for seconds and not for a quarter of an hour."""
    parts = urlsplit(address)
    told = dict(parse_qsl(parts.query))
    if parts.scheme == "gs":
        told.setdefault("retry_limit_seconds", str(_RETRY_SECONDS))
    return urlunsplit(parts._replace(query=urlencode(told)))


def _stored(found: pyarrow.fs.FileInfo) -> StoredFile:
    return StoredFile(found.size, found.mtime_ns or 0)


def _is_plain(name: str) -> bool:
    """True where a name is that of a file below a folder, on any machine."""
    return not any(part in ("", ".", "..") or "\0" in part for part in name.split("/"))
