"""Fetches the photos of the weather from Mendeley Data, and puts them into folders by label."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import requests

from vigie.errors import DataError
from vigie.files import replacing

DOI = "10.17632/4drtyfjtfy.1"
ADDRESS = "https://data.mendeley.com"
LISTING = "/public-api/datasets/4drtyfjtfy/files?folder_id=root&version=1"
TIMEOUT = 10.0
CHUNK_BYTES = 1 << 20
MOST_BYTES = 500 * 2**20
MOST_PHOTO_BYTES = 20 * 2**20
MOST_FILES = 5000
MOST_LISTED_BYTES = 2**20
LABELS = ("cloudy", "rain", "shine", "sunrise")
_NAME = re.compile(rf"({'|'.join(LABELS)})[ _-]?\d+\.(?:jpe?g|png)", re.IGNORECASE)
_SHA256 = re.compile(r"[0-9a-f]{64}")

Say = Callable[[str], None]


class _Failed(Exception):
    """Why the data set could not be fetched."""


@dataclass(frozen=True)
class _Listed:
    """A file of the data set: its address, size in bytes and sha256, as the listing says."""

    name: str
    address: str
    size: int
    sha256: str


def fetch_weather(target: Path, say: Say, address: str = ADDRESS) -> int:
    """Puts the photos into `target`, a folder per label; gives how many there are.

    What is there already stays; the folder is whole or not there. Raises `DataError` that says
    what to put where, if the data set cannot be reached or is not what its listing says.
    """
    if target.exists():
        found = sum(1 for label in LABELS for _ in (target / label).glob("*"))
        if found:
            say(f"{found} photos are there already")
            return found
        raise DataError(f"there is a folder {target.name} already, with other things in it")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".weather-") as folder:
            work = Path(folder)
            archives = [_download(one, work, say) for one in _list(address)]
            made = work / "photos"
            count = sum(_unpack(archive, made) for archive in archives)
            if not count:
                raise _Failed("it holds no photo with a label in its name")
            made.rename(target)
    except _Failed as reason:
        raise DataError(_way_out(str(reason), target)) from None
    except OSError as failure:
        raise DataError(f"the photos cannot be written ({failure.strerror})") from None
    return count


def _way_out(reason: str, target: Path) -> str:
    return (
        f"the photos of the weather cannot be fetched: {reason}. Where there is a network, "
        f"download doi:{DOI} (Mendeley Data), unpack it and put the photos into "
        f"{target.name}/cloudy, rain, shine and sunrise, for vigie train weather --data"
    )


def _list(address: str) -> list[_Listed]:
    content = b""
    try:
        with requests.get(address + LISTING, stream=True, timeout=TIMEOUT) as answer:
            answer.raise_for_status()
            for chunk in answer.iter_content(CHUNK_BYTES):
                content += chunk
                if len(content) > MOST_LISTED_BYTES:
                    raise _Failed("its listing is too long")
        entries = json.loads(content)
        files = [_listed(entry) for entry in entries]
    except requests.RequestException as error:
        raise _Failed(_reason(error)) from None
    except (ValueError, KeyError, TypeError):
        raise _Failed("its listing is not what Mendeley Data answers") from None
    archives = [file for file in files if file.name.lower().endswith(".zip")]
    if not archives:
        raise _Failed("its listing names no zip file")
    if sum(file.size for file in archives) > MOST_BYTES:
        raise _Failed(f"it is larger than {MOST_BYTES // 2**20} MiB")
    return archives


def _listed(entry: Any) -> _Listed:
    details = entry["content_details"]
    sha256 = str(details["sha256_hash"]).lower()
    if not _SHA256.fullmatch(sha256):
        raise ValueError("no sha256")
    return _Listed(
        str(entry["filename"]), str(details["download_url"]), int(details["size"]), sha256
    )


def _download(file: _Listed, folder: Path, say: Say) -> Path:
    """The file in `folder`, which is what the listing says of it."""
    path = folder / f"{file.sha256}.zip"
    say(f"Downloading {file.size / 1e6:.0f} MB …")
    digest, size = hashlib.sha256(), 0
    try:
        with (
            replacing(path) as written,
            requests.get(file.address, stream=True, timeout=TIMEOUT) as answer,
        ):
            answer.raise_for_status()
            for chunk in answer.iter_content(CHUNK_BYTES):
                size += len(chunk)
                if size > file.size:
                    raise _Failed("it is longer than its listing says")
                digest.update(chunk)
                written.write(chunk)
    except requests.RequestException as error:
        raise _Failed(_reason(error)) from None
    if digest.hexdigest() != file.sha256:
        raise _Failed("its sha256 is not that of its listing")
    return path


def _reason(error: requests.RequestException) -> str:
    if error.response is not None:
        return f"Mendeley Data answered {error.response.status_code}"
    return f"Mendeley Data cannot be reached ({type(error).__name__})"


def _unpack(archive: Path, target: Path) -> int:
    """Puts the photos of an archive into folders by the label in their names; gives how many.

    Only a photo's own name is taken from the archive: no path in it leads anywhere.
    """
    count = total = 0
    try:
        with zipfile.ZipFile(archive) as packed:
            if len(packed.infolist()) > MOST_FILES:
                raise _Failed(f"it holds more than {MOST_FILES} files")
            for member in packed.infolist():
                label = _label_of(member)
                if label is None:
                    continue
                total += member.file_size
                if member.file_size > MOST_PHOTO_BYTES or total > MOST_BYTES:
                    raise _Failed("it unpacks to far more than photos do")
                folder = target / label
                folder.mkdir(parents=True, exist_ok=True)
                with (
                    packed.open(member) as source,
                    (folder / PurePosixPath(member.filename).name).open("xb") as written,
                ):
                    shutil.copyfileobj(source, written, CHUNK_BYTES)
                count += 1
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError):
        raise _Failed("it is no zip file that can be read") from None
    except FileExistsError:
        raise _Failed("it has two photos of one name") from None
    return count


def _label_of(member: zipfile.ZipInfo) -> str | None:
    """The label in a photo's name; nothing for what is no photo of this data set."""
    kind = stat.S_IFMT(member.external_attr >> 16)
    if member.is_dir() or kind not in (0, stat.S_IFREG):
        return None
    match = _NAME.fullmatch(PurePosixPath(member.filename).name)
    return match[1].lower() if match else None
