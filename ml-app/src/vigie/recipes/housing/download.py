"""Fetches the public geo-DVF files, one per department and year."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import requests

from vigie.files import replacing

ADDRESS = "https://files.data.gouv.fr/geo-dvf/latest/csv/{year}/departements/{code}.csv.gz"
DEPARTMENT = re.compile(r"\d{2}|2[AB]|97[1-6]")
GZIP_START = b"\x1f\x8b"
CHUNK_BYTES = 1 << 20


class DownloadError(RuntimeError):
    """The public files could not be fetched; the text says why."""


class _NoSuchYear(DownloadError):
    """The public files have no sales of that department and year."""


def download_department(
    code: str, years: Iterable[int], folder: Path, timeout: float = 10
) -> list[Path]:
    """Paths of the department's files (`<code>_<year>.csv.gz`), one per year, fetched if absent.

    `timeout` is in seconds, for connecting and for each pause of the server. A file is either whole
    or not there. Years that are not online are left out (only the last five are). `DownloadError`
    without a network, or where no year is there (Alsace, Moselle and Mayotte have none).
    """
    if not DEPARTMENT.fullmatch(code):
        raise DownloadError(f"{code!r} is no department code: 64, 2A and 974 are")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise DownloadError(f"the data folder cannot be written: {failure.strerror}") from failure
    paths = []
    for year in years:
        path = folder / f"{code}_{int(year)}.csv.gz"
        try:
            if not path.exists():
                _fetch(ADDRESS.format(year=int(year), code=code), path, timeout)
        except _NoSuchYear:
            continue
        paths.append(path)
    if not paths:
        raise DownloadError(f"there are no public sales of department {code} for these years")
    return paths


def _fetch(address: str, path: Path, timeout: float) -> None:
    try:
        # public, and several accounts train from one folder
        with replacing(path, mode=0o644) as file:
            _copy(address, file, timeout)
            if not _is_gzip(file):
                raise DownloadError(
                    "the address of the public sales did not answer with a gzip file"
                )
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else "?"
        kind = _NoSuchYear if status == 404 else DownloadError
        raise kind(f"the address of the public sales answered {status}") from error
    except requests.RequestException as error:
        raise DownloadError(
            f"the address of the public sales cannot be reached: {type(error).__name__}"
        ) from error


def _copy(address: str, file: BinaryIO, timeout: float) -> None:
    with requests.get(address, stream=True, timeout=timeout) as answer:
        answer.raise_for_status()
        file.writelines(answer.iter_content(CHUNK_BYTES))


def _is_gzip(file: BinaryIO) -> bool:
    file.seek(0)
    return file.read(2) == GZIP_START
