"""The reference rows of a package: what a new row is most like, by their vectors.

`vigie/neighbours.npz` holds `vectors`, float32 [rows, width], `labels`, int64 [rows] (places among
the labels of the package, -1 for none), and `names`, texts [rows]; `vigie/thumbnails/<row>.jpg`
may show them.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np

from vigie.errors import RefusedPackage

NEIGHBOURS = Path("vigie/neighbours.npz")
THUMBNAILS = Path("vigie/thumbnails")

MOST_ROWS = 20_000
MOST_NUMBERS = 8_000_000
"""Of all vectors: 32 MB."""
LONGEST_NAME = 200
MOST_THUMBNAIL_BYTES = 64 * 2**10
_COMPARED_TOGETHER = 2_000_000
_NONE = -1
_JPEG = b"\xff\xd8\xff"
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@dataclass(frozen=True)
class Neighbours:
    """The reference rows: `vectors` float32 [rows, width], `labels` int64 [rows], their names."""

    vectors: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def places(self) -> dict[str, int]:
        """The row of each name; a thumbnail is called by it."""
        return {name: place for place, name in enumerate(self.names)}

    @cached_property
    def _directions(self) -> np.ndarray:
        return _directions(self.vectors)

    def nearest(self, vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The `count` rows most alike each of `vectors` [asked, width], the most alike first.

        Gives places int64 and similarities float32, both [asked, count]; fewer where there are not
        so many. The similarity is the cosine, -1 to 1; that of a vector of zeros is 0.
        """
        asked, most = _directions(vectors), max(_COMPARED_TOGETHER // len(self), 1)
        count = min(count, len(self))
        places = np.empty((len(asked), count), np.int64)
        similarities = np.empty((len(asked), count), np.float32)
        for start in range(0, len(asked), most):
            part = slice(start, start + most)
            found = asked[part] @ self._directions.T
            # by place where two are equally alike
            places[part] = np.argsort(-found, axis=1, kind="stable")[:, :count]
            similarities[part] = np.take_along_axis(found, places[part], axis=1)
        return places, similarities


@dataclass(frozen=True, slots=True)
class Nearest:
    """What rows are most like: `places` in `among` and `similarities`, both [rows, count]."""

    among: Neighbours
    places: np.ndarray
    similarities: np.ndarray

    def rows(self, start: int, stop: int) -> Nearest:
        """Those of a part of the rows."""
        return Nearest(self.among, self.places[start:stop], self.similarities[start:stop])

    def told(self, labels: Sequence[str]) -> list[list[dict[str, Any]]]:
        """Per row the neighbours with `label` (of `labels`; `None` without), `similarity`, `photo`.

        `photo` is the name of the reference row.
        """
        own, names = self.among.labels.tolist(), self.among.names
        rounded = self.similarities.astype(np.float64).round(6)
        return [
            [
                {
                    "label": labels[own[place]] if own[place] != _NONE else None,
                    "similarity": similarity,
                    "photo": names[place],
                }
                for place, similarity in zip(*pair, strict=True)
            ]
            for pair in zip(self.places.tolist(), rounded.tolist(), strict=True)
        ]


def thumbnail_path(root: Path, place: int) -> Path:
    """The small picture of a reference row of the package in `root`."""
    return root / THUMBNAILS / f"{place}.jpg"


def write_neighbours(root: Path, neighbours: Neighbours) -> None:
    """Writes `vigie/neighbours.npz` of the package in `root`."""
    with (root / NEIGHBOURS).open("wb") as target:
        np.savez_compressed(
            target,
            allow_pickle=False,
            vectors=neighbours.vectors.astype(np.float32),
            labels=neighbours.labels.astype(np.int64),
            names=np.array(neighbours.names, dtype=np.str_),
        )


def read_neighbours(root: Path, width: int, labels: int) -> Neighbours:
    """The reference rows of the package in `root`, of vectors of `width` numbers.

    Raises `RefusedPackage` where the file is absent, too large, or holds anything else than a
    finite vector, one of so many `labels` or none, and a name of its own for each row.
    """
    try:
        with zipfile.ZipFile(root / NEIGHBOURS) as archive:
            vectors = _read(archive, "vectors", "f", MOST_NUMBERS)
            places = _read(archive, "labels", "i", MOST_ROWS)
            names = _read(archive, "names", "U", MOST_ROWS)
        # answers hold them: texts that no JSON can hold are none
        np.char.encode(names, "utf-8")
    except FileNotFoundError:
        raise RefusedPackage("vigie/neighbours.npz is missing") from None
    except (MemoryError, RefusedPackage):
        raise
    # it may be unreadable in many ways: encrypted, an unknown compression, a header of nonsense
    except Exception:
        raise _refusal("is no archive of vectors, labels and names") from None
    rows = len(vectors) if vectors.ndim else 0
    if not 1 <= rows <= MOST_ROWS or vectors.shape != (rows, width):
        raise _refusal(f"needs vectors of {width} numbers, 1 to {MOST_ROWS} rows")
    if places.shape != (rows,) or names.shape != (rows,):
        raise _refusal("has not one label and one name per vector")
    if not np.isfinite(vectors).all():
        raise _refusal("holds a number that is not finite")
    if not ((places >= _NONE) & (places < labels)).all():
        raise _refusal("holds a label that the package does not have")
    found = tuple(names.tolist())
    if len(set(found)) != rows or not all(found):
        raise _refusal("has not a name of its own per row")
    return Neighbours(vectors.astype(np.float32), places.astype(np.int64), found)


def check_thumbnails(root: Path, rows: int) -> None:
    """Refuses unless each of so many reference rows has a small JPEG, and no other file is there.

    They are given to browsers: nothing but a picture may be called one.
    """
    wanted = {thumbnail_path(root, place).name for place in range(rows)}
    found = {path.name for path in (root / THUMBNAILS).glob("*")}
    if wanted != found:
        raise RefusedPackage("vigie/thumbnails has not one picture per reference row")
    for name in sorted(found):
        path = root / THUMBNAILS / name
        with path.open("rb") as file:
            start = file.read(len(_JPEG))
        if start != _JPEG or path.stat().st_size > MOST_THUMBNAIL_BYTES:
            raise RefusedPackage(
                f"vigie/thumbnails/{name} is no JPEG of at most {MOST_THUMBNAIL_BYTES} bytes"
            )


def _directions(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1, float32; those of zeros stay."""
    numbers = vectors.astype(np.float64)
    lengths = np.linalg.norm(numbers, axis=1, keepdims=True)
    found: np.ndarray = (numbers / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
    return found


def _read(archive: zipfile.ZipFile, name: str, kind: str, most: int) -> np.ndarray:
    """One array, its size looked at before there is room for it."""
    with archive.open(f"{name}.npy") as member:
        shape, dtype = _header(member)
    if dtype.kind != kind or dtype.itemsize > 4 * LONGEST_NAME:
        raise ValueError
    if np.prod(shape, dtype=np.float64) > most:
        raise _refusal(f"holds more than {most} {name}")
    with archive.open(f"{name}.npy") as member:
        return np.asarray(np.lib.format.read_array(member, allow_pickle=False))


def _header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(member)
    if version not in _HEADERS:
        raise ValueError
    shape, _, dtype = _HEADERS[version](member)
    return shape, dtype


def _refusal(reason: str) -> RefusedPackage:
    return RefusedPackage(f"{NEIGHBOURS.as_posix()} {reason}")
