"""Files of photos, read once: what is broken, copied or under two labels stays out of their set."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from vigie.errors import DataError
from vigie.models.document import Rule
from vigie.models.photo import BrokenPhoto, read_photo
from vigie.models.photo_figures import FIGURES
from vigie.training.photos.photo_set import PhotoSet

if TYPE_CHECKING:
    from vigie.models.model_input import Input
    from vigie.models.text import Text
    from vigie.training.photos.photo_set import PhotoFile

Advance = Callable[[int, int, str], None]

THUMB = (9, 8)
"""Width and height of the pictures by which photos are told to be nearly the same."""
FEWEST_OF_A_LABEL = 2
MOST_FILE_BYTES = 100 * 2**20
BROKEN, COPIED, CONTRADICTORY = "broken", "exact copy", "same photo under two labels"
_READ_TOGETHER = 64
_SHOWN = 10


def read_photos(
    files: Sequence[PhotoFile],
    item: Input,
    source: Text,
    folder: Path,
    say: Callable[[str], None],
    advance: Advance = lambda done, total, note: None,
    *,
    labelled: bool = True,
) -> PhotoSet:
    """The photos of these files; what is broken or there twice is named, counted and left out.

    The pixels lie in a file in `folder`, which has no name and is gone with the process. Raises
    `DataError` where a label has fewer than two photos, unless labels are not asked for.
    """
    if not files:
        raise DataError("there is no photo; give a folder with photos")
    store = _store(len(files), item, folder)
    kept: list[_Read] = []
    broken: list[tuple[PhotoFile, str]] = []
    for done, (file, found) in enumerate(_decoded(files, item), start=1):
        if isinstance(found, str):
            broken.append((file, found))
        else:
            store[len(kept)] = found.pixels
            kept.append(_Read(file, found.sha256, found.figures, found.thumb))
        advance(done, len(files), "")
    _name("left out", [f"{file.name} ({reason})" for file, reason in broken], say)
    counted = Counter(f"{BROKEN}: {reason}" for _, reason in broken)
    rules = [Rule(name=name, dropped=dropped) for name, dropped in sorted(counted.items())]
    chosen, doubles = _once(kept, say)
    photos = PhotoSet(
        item=item,
        store=store,
        rows=np.array(chosen, np.int64),
        files=tuple(kept[i].file for i in chosen),
        sha256=tuple(kept[i].sha256 for i in chosen),
        figures=np.array([kept[i].figures for i in chosen], np.float64).reshape(-1, len(FIGURES)),
        thumbs=np.array([kept[i].thumb for i in chosen], np.uint8),
        source=source,
        rules=(*rules, *doubles),
    )
    if labelled:
        _require_labels([file.label for file in files], photos)
    return photos


@dataclass(frozen=True)
class _Decoded:
    pixels: np.ndarray
    figures: tuple[float, ...]
    sha256: str
    thumb: np.ndarray


@dataclass(frozen=True)
class _Read:
    file: PhotoFile
    sha256: str
    figures: tuple[float, ...]
    thumb: np.ndarray


def _store(count: int, item: Input, folder: Path) -> np.ndarray:
    """Room for the pixels of so many photos, in a file that nobody else sees."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # the room is there as long as somebody holds the array
        with tempfile.TemporaryFile(dir=folder) as file:
            return np.memmap(file, np.uint8, "w+", shape=(count, *item.shape))
    except OSError as failure:
        raise DataError(f"the data folder cannot be written ({failure.strerror})") from None


def _decoded(files: Sequence[PhotoFile], item: Input) -> Iterator[tuple[PhotoFile, _Decoded | str]]:
    """Each file with its photo, or why it is none; some are decoded together, in their order."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(files), _READ_TOGETHER):
            part = files[start : start + _READ_TOGETHER]
            yield from zip(part, pool.map(lambda file: _decode(file, item), part), strict=True)


def _decode(file: PhotoFile, item: Input) -> _Decoded | str:
    try:
        found = file.path.stat()
        # a pipe would be waited for, and a device may never end
        if not stat.S_ISREG(found.st_mode):
            return "a folder" if stat.S_ISDIR(found.st_mode) else "no plain file"
        if found.st_size > MOST_FILE_BYTES:
            return f"a file of more than {MOST_FILE_BYTES // 2**20} MiB"
        data = file.path.read_bytes()
        photo = read_photo(data, item)
    except BrokenPhoto as reason:
        return str(reason)
    except (FileNotFoundError, ValueError):
        return "not there"
    except OSError:
        return "a file that cannot be read"
    small = Image.fromarray(photo.pixels).resize(THUMB, Image.Resampling.BOX)
    digest = hashlib.sha256(data).hexdigest()
    return _Decoded(photo.pixels, photo.figures, digest, np.asarray(small))


def _once(kept: Sequence[_Read], say: Callable[[str], None]) -> tuple[list[int], list[Rule]]:
    """The places of each photo's first file, without those of which two labels are said."""
    labels: dict[str, set[str]] = {}
    for read in kept:
        labels.setdefault(read.sha256, set()).add(read.file.label)
    seen: set[str] = set()
    chosen, copied, torn = [], [], []
    for place, read in enumerate(kept):
        if len(labels[read.sha256]) > 1:
            torn.append(read.file.name)
        elif read.sha256 in seen:
            copied.append(read.file.name)
        else:
            chosen.append(place)
        seen.add(read.sha256)
    _name(CONTRADICTORY, torn, say)
    rules = [Rule(name=COPIED, dropped=len(copied)), Rule(name=CONTRADICTORY, dropped=len(torn))]
    return chosen, rules


def _name(what: str, names: Sequence[str], say: Callable[[str], None]) -> None:
    """Says which files, the first of them by name."""
    if names:
        more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        say(f"    {what}: {', '.join(map(_printable, names[:_SHOWN]))}{more}")


def _printable(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name)


def _require_labels(wanted: Sequence[str], photos: PhotoSet) -> None:
    counts = Counter(dict.fromkeys(wanted, 0))
    counts.update(photos.labels.tolist())
    if len(counts) < 2:
        raise DataError("there is one label only; at least two folders of photos are needed")
    few = sorted(label for label, count in counts.items() if count < FEWEST_OF_A_LABEL)
    if few:
        shown = ", ".join(f"{_printable(label)} ({counts[label]})" for label in few[:_SHOWN])
        raise DataError(
            f"these labels have fewer than {FEWEST_OF_A_LABEL} photos that can be used: {shown}; "
            "add photos or take the folder away"
        )
