"""The photos of a folder with one folder per label, or of a CSV, with their labels."""

from __future__ import annotations

import csv
import os
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.errors import DataError
from vigie.training.photos.photo_set import PhotoFile

if TYPE_CHECKING:
    from vigie.recipes.photos.spec import PhotosSpec
    from vigie.training.photos.photo_set import Side

TRAINING, TEST = "training", "test"
"""The two folders of a split that is given, as Fruits-360 has it; in any case."""
PATHS = ("path", "file", "filename", "photo", "image")
LABELS = ("label", "class")
_SHOWN = 10


def find_photos(
    spec: PhotosSpec, paths: Sequence[Path], say: Callable[[str], None]
) -> list[PhotoFile]:
    """The files with their labels, in the order of their names; `say` is told what has none.

    `paths` is one folder, or one CSV whose paths lead on from its own folder. Raises `DataError`.
    """
    if not paths:
        raise DataError("no photos were given; use --data FOLDER, a folder with one per label")
    if len(paths) > 1:
        raise DataError("photos come from one folder or one CSV; give --data once")
    (path,) = paths
    if path.is_dir():
        return _in_folder(path, say)
    return _in_table(spec, path)


def _in_folder(root: Path, say: Callable[[str], None]) -> list[PhotoFile]:
    split = {folder.name.lower(): folder for folder in _folders(root)}
    if TRAINING in split and TEST in split:
        sides: tuple[tuple[str, Side], ...] = ((TRAINING, "training"), (TEST, "held out"))
        return [file for name, side in sides for file in _labelled(root, split[name], side, say)]
    return list(_labelled(root, root, None, say))


def _labelled(
    root: Path, folder: Path, side: Side | None, say: Callable[[str], None]
) -> Iterator[PhotoFile]:
    """The files below each folder of `folder`, which is named as their label."""
    loose = sorted(path.name for path in folder.iterdir() if _counts(path) and path.is_file())
    if loose:
        more = f" and {len(loose) - _SHOWN} more" if len(loose) > _SHOWN else ""
        names = ", ".join(map(_shown, loose[:_SHOWN]))
        say(f"    without a label, so left out: {names}{more}")
    labels = _folders(folder)
    if not labels:
        raise DataError("the folder of photos has no folders in it; make one per label")
    for label in labels:
        found = [path for path in sorted(label.rglob("*")) if _counts(path) and not path.is_dir()]
        if not found:
            raise DataError(f"the folder {_shown(label.name)} is empty; add photos, or remove it")
        for path in found:
            name = _shown(str(path.relative_to(root)))
            yield PhotoFile(path, name, _label(_shown(label.name)), side)


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(path for path in root.iterdir() if _counts(path) and path.is_dir())
    except OSError as failure:
        raise DataError(f"the folder cannot be read ({failure.strerror})") from None


def _counts(path: Path) -> bool:
    return not path.name.startswith(".")


def _shown(name: str) -> str:
    """A name that any text may hold: bytes that are no UTF-8 become question marks."""
    return os.fsencode(name).decode("utf-8", "replace")


def _label(text: str) -> str:
    """One label for all spellings of a text: macOS writes an accent as a letter of its own."""
    return unicodedata.normalize("NFC", text)


def _in_table(spec: PhotosSpec, table: Path) -> list[PhotoFile]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            start = file.readline()
            file.seek(0)
            # Excel writes semicolons where the comma is for numbers
            separator = max(",;\t", key=start.count)
            rows = list(csv.DictReader(file, delimiter=separator))
    except OSError as failure:
        raise DataError(f"{table.name} cannot be read ({failure.strerror})") from None
    except (UnicodeDecodeError, csv.Error):
        raise DataError(f"{table.name} is not a CSV file in UTF-8") from None
    if not rows:
        raise DataError(f"{table.name} has no rows")
    names = list(rows[0])
    path_of = _column(spec.path_column, PATHS, names, "path_column", table.name)
    label_of = _column(spec.label_column, LABELS, names, "label_column", table.name)
    files = [
        PhotoFile(table.parent / row[path_of], row[path_of], _label(row[label_of].strip()))
        for row in rows
        if row[path_of] and (row[label_of] or "").strip()
    ]
    return sorted(files, key=lambda file: file.name)


def _column(
    given: str | None, usual: Sequence[str], names: Sequence[str], entry: str, table: str
) -> str:
    if given is not None:
        if given not in names:
            raise DataError(f"{table} has no column {given} (photos.{entry} of the recipe)")
        return given
    lower = {str(name).strip().lower(): name for name in names}
    found = next((lower[name] for name in usual if name in lower), None)
    if found is None:
        raise DataError(
            f"{table} has no column {' or '.join(usual)}; name it by photos.{entry} in the recipe"
        )
    return found
