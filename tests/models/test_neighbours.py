"""Reference rows are found by the angle of their vectors, and read within bounds."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.fruits import COMPONENTS, EACH, known_photos, write_fruits
from support.photos import LABELS
from vigie.errors import RefusedPackage
from vigie.models import neighbours as module
from vigie.models.neighbours import (
    Nearest,
    Neighbours,
    check_thumbnails,
    read_neighbours,
    write_neighbours,
)
from vigie.models.package import read_package

THREE = Neighbours(
    np.array([[1, 0], [3, 3], [0, -2]], np.float32), np.array([1, 0, -1]), ("a", "b", "c")
)


def test_the_most_alike_come_first_whatever_their_length() -> None:
    places, similarities = THREE.nearest(np.array([[10, 0.1], [0, 0], [0, -1]]), 2)
    assert places.tolist() == [[0, 1], [0, 1], [2, 0]]
    assert similarities[0] == pytest.approx([0.99995, 0.71414], abs=1e-4)
    assert similarities[1].tolist() == [0, 0]
    told = Nearest(THREE, places, similarities).rows(2, 3).told(["red", "green"])
    assert told == [
        [
            {"label": None, "similarity": 1.0, "photo": "c"},
            {"label": "green", "similarity": 0.0, "photo": "a"},
        ]
    ]


def test_there_are_no_more_neighbours_than_references() -> None:
    places, similarities = THREE.nearest(THREE.vectors, 5)
    assert places.shape == similarities.shape == (3, 3)


def test_many_rows_are_compared_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = np.random.default_rng(3).normal(size=(50, 2))
    whole = THREE.nearest(asked, 3)
    monkeypatch.setattr(module, "_COMPARED_TOGETHER", 7)
    parts = THREE.nearest(asked, 3)
    assert np.array_equal(whole[0], parts[0])
    np.testing.assert_allclose(whole[1], parts[1], atol=1e-6)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_fruits(tmp_path / "package")
    found = read_package(tmp_path / "package", "").neighbours
    assert found is not None
    assert found.names == tuple(name for name, _, _ in known_photos())
    assert found.places["green/1.jpg"] == EACH + 1
    assert found.vectors.dtype == np.float32
    assert found.vectors.shape == (EACH * len(LABELS), COMPONENTS)


def _stored(root: Path, **changes: Any) -> Path:
    (root / "vigie").mkdir()
    arrays: dict[str, Any] = {
        "vectors": THREE.vectors, "labels": THREE.labels, "names": np.array(THREE.names),
    }  # fmt: skip
    kept = {name: array for name, array in (arrays | changes).items() if array is not None}
    np.savez_compressed(root / "vigie/neighbours.npz", allow_pickle=True, **kept)
    return root


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"vectors": np.zeros((3, 4), np.float32)}, "needs vectors of 2 numbers"),
        ({"vectors": np.zeros((0, 2), np.float32)}, "needs vectors of 2 numbers"),
        ({"vectors": np.zeros((3, 2), np.int64)}, "is no archive"),
        ({"vectors": np.full((3, 2), np.nan)}, "not finite"),
        ({"vectors": np.array(1.0)}, "needs vectors"),
        ({"vectors": np.array([[{}, 1]] * 3, object)}, "is no archive"),
        ({"labels": np.array([0, 1])}, "one label and one name"),
        ({"labels": np.array([0, 1, 2])}, "a label that the package does not have"),
        ({"labels": np.array([0, 1, -2])}, "a label that the package does not have"),
        ({"names": np.array(["a", "b", "a"])}, "a name of its own"),
        ({"names": np.array(["a", "b", ""])}, "a name of its own"),
        ({"names": np.array(["a", "b", "c" * 201])}, "is no archive"),
        ({"names": None}, "is no archive"),
        ({"names": np.array(["a", "b", "\ud800"])}, "is no archive"),
        ({"names": np.array([1, 2, 2**30], np.uint32).view("U1")}, "is no archive"),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    root = _stored(tmp_path, **changes)
    with pytest.raises(RefusedPackage, match=reason):
        read_neighbours(root, 2, 2)


@pytest.mark.parametrize("content", [None, b"", b"no archive", b"PK\x03\x04" + bytes(100)])
def test_no_archive_is_refused(tmp_path: Path, content: bytes | None) -> None:
    (tmp_path / "vigie").mkdir()
    if content is not None:
        (tmp_path / "vigie/neighbours.npz").write_bytes(content)
    with pytest.raises(RefusedPackage, match=r"neighbours\.npz is"):
        read_neighbours(tmp_path, 2, 2)


# places in the header of a member of an archive, in its own and in that of the directory
FLAGS = {b"PK\x03\x04": 6, b"PK\x01\x02": 8}
METHOD = {b"PK\x03\x04": 8, b"PK\x01\x02": 10}


@pytest.mark.parametrize(
    ("places", "value"), [(FLAGS, 1), (METHOD, 99)], ids=["encrypted", "unknown compression"]
)
def test_members_that_cannot_be_opened_are_refused(
    tmp_path: Path, places: dict[bytes, int], value: int
) -> None:
    path = _stored(tmp_path) / "vigie/neighbours.npz"
    content = bytearray(path.read_bytes())
    for start, offset in places.items():
        content[content.index(start) + offset] = value
    path.write_bytes(content)
    with pytest.raises(RefusedPackage, match="is no archive"):
        read_neighbours(tmp_path, 2, 2)


@pytest.mark.parametrize(
    "header",
    [
        f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({10**400}, 2)}}",
        "{'descr': (), 'fortran_order': False, 'shape': (3, 2)}",
        "{'descr': '<f4', 'shape': (",
    ],
    ids=["larger than numbers go", "no type", "cut short"],
)
def test_headers_of_nonsense_are_refused(tmp_path: Path, header: str) -> None:
    root = _stored(tmp_path)
    text = header.encode("latin1") + b"\n"
    with zipfile.ZipFile(root / "vigie/neighbours.npz", "w") as archive:
        start = np.lib.format.magic(1, 0) + len(text).to_bytes(2, "little")
        archive.writestr("vectors.npy", start + text)
    with pytest.raises(RefusedPackage, match="is no archive"):
        read_neighbours(root, 2, 2)


def test_an_array_that_says_it_is_huge_gets_no_room(tmp_path: Path) -> None:
    header = BytesIO()
    fields = {"descr": "<f4", "fortran_order": False, "shape": (2**40, 2)}
    np.lib.format.write_array_header_1_0(header, fields)
    root = _stored(tmp_path)
    with zipfile.ZipFile(root / "vigie/neighbours.npz", "w") as archive:
        archive.writestr("vectors.npy", header.getvalue())
    with pytest.raises(RefusedPackage, match="holds more than"):
        read_neighbours(root, 2, 2)


def test_more_rows_than_may_be_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vigie").mkdir()
    write_neighbours(tmp_path, THREE)
    assert len(read_neighbours(tmp_path, 2, 2)) == 3
    monkeypatch.setattr(module, "MOST_ROWS", 2)
    with pytest.raises(RefusedPackage, match="more than 2 labels"):
        read_neighbours(tmp_path, 2, 2)


def test_each_row_has_a_small_picture_and_nothing_else_is_there(tmp_path: Path) -> None:
    write_fruits(tmp_path / "package")
    root, rows = tmp_path / "package", EACH * len(LABELS)
    check_thumbnails(root, rows)
    with pytest.raises(RefusedPackage, match="one picture per reference row"):
        check_thumbnails(root, rows + 1)
    page = root / "vigie/thumbnails/3.jpg"
    good = page.read_bytes()
    for content in (b"<html>", good + bytes(2**16)):
        page.write_bytes(content)
        with pytest.raises(RefusedPackage, match=r"3\.jpg is no JPEG of at most 65536 bytes"):
            check_thumbnails(root, rows)
    page.unlink()
    with pytest.raises(RefusedPackage, match="one picture per reference row"):
        check_thumbnails(root, rows)
