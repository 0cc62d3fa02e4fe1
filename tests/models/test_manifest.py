"""A package is served only where every byte is the one that was registered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from vigie.errors import RefusedPackage
from vigie.models.manifest import file_digest, verify_manifest, write_manifest


@pytest.fixture
def package(tmp_path: Path) -> Path:
    root = tmp_path / "package"
    for name in ("MLmodel", "data/model.keras", "vigie/package.json"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return root


def test_a_whole_package_is_accepted_and_named_by_its_manifest(package: Path) -> None:
    digest = write_manifest(package)
    verify_manifest(package, digest)
    assert digest == file_digest(package / "vigie/manifest.json")
    listed = orjson.loads((package / "vigie/manifest.json").read_bytes())["files"]
    assert list(listed) == ["MLmodel", "data/model.keras", "vigie/package.json"]


def _flip(root: Path) -> None:
    path = root / "data/model.keras"
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)


def _same_size_other_place(root: Path) -> None:
    (root / "MLmodel").rename(root / "data" / "MLmodel")


def _marker_below(root: Path) -> None:
    (root / "data" / "registered_model_meta").write_text("x")


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "flipped bit": (_flip, "differs from its sha256 in the manifest: data/model.keras"),
    "extra file": (lambda r: (r / "data/x.py").write_text(""), "does not list: data/x.py"),
    "hidden file": (lambda r: (r / ".x").write_text(""), "does not list: .x"),
    "missing file": (lambda r: (r / "MLmodel").unlink(), "is missing: MLmodel"),
    "moved file": (_same_size_other_place, "does not list: data/MLmodel"),
    "marker elsewhere": (_marker_below, "does not list: data/registered_model_meta"),
    "link to a file": (lambda r: (r / "x").symlink_to("MLmodel"), "holds a link"),
    "link to a folder": (lambda r: (r / "x").symlink_to(r.parent), "holds a link"),
    "dead link": (lambda r: (r / "x").symlink_to("nowhere"), "holds a link"),
    "no manifest": (lambda r: (r / "vigie/manifest.json").unlink(), "vigie train"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_anything_else_is_refused(package: Path, fault: str) -> None:
    digest = write_manifest(package)
    plant, reason = FAULTS[fault]
    plant(package)
    with pytest.raises(RefusedPackage, match=reason) as refused:
        verify_manifest(package, digest)
    assert str(package) not in str(refused.value)


def test_a_link_in_the_place_of_a_listed_file_is_refused(package: Path, tmp_path: Path) -> None:
    digest = write_manifest(package)
    (package / "MLmodel").rename(tmp_path / "MLmodel")
    (package / "MLmodel").symlink_to(tmp_path / "MLmodel")
    with pytest.raises(RefusedPackage, match="holds a link"):
        verify_manifest(package, digest)


def test_mlflows_own_marker_at_the_root_is_allowed(package: Path) -> None:
    digest = write_manifest(package)
    (package / "registered_model_meta").write_text("model_name: housing")
    (package / "vigie/manifest.sig").write_bytes(b"signature")
    verify_manifest(package, digest)
    assert write_manifest(package) == digest


def test_another_digest_is_refused(package: Path) -> None:
    digest = write_manifest(package)
    for wrong in ("", "0" * 64, digest.upper()):
        with pytest.raises(RefusedPackage, match="digest differs"):
            verify_manifest(package, wrong)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"files": []}', b'{"files": {"MLmodel": 1}}', b"\xff"]
)
def test_a_manifest_that_is_none_is_refused(package: Path, content: bytes) -> None:
    write_manifest(package)
    path = package / "vigie/manifest.json"
    path.write_bytes(content)
    with pytest.raises(RefusedPackage, match="not a manifest"):
        verify_manifest(package, file_digest(path))


def test_a_manifest_that_names_a_file_outside_is_refused(package: Path) -> None:
    (package.parent / "outside").write_text("x")
    write_manifest(package)
    path = package / "vigie/manifest.json"
    files = orjson.loads(path.read_bytes())["files"]
    files["../outside"] = file_digest(package.parent / "outside")
    path.write_bytes(orjson.dumps({"files": files}))
    with pytest.raises(RefusedPackage, match="is missing"):
        verify_manifest(package, file_digest(path))


def test_a_part_of_a_package_is_held_against_its_manifest(package: Path) -> None:
    digest, parts = write_manifest(package), ("vigie/package.json",)
    for name in ("MLmodel", "data/model.keras"):
        (package / name).unlink()
    verify_manifest(package, digest, parts)
    with pytest.raises(RefusedPackage, match="is missing: MLmodel"):
        verify_manifest(package, digest)
    (package / "MLmodel").write_bytes(b"MLmodel")
    with pytest.raises(RefusedPackage, match="does not list: MLmodel"):
        verify_manifest(package, digest, parts)
    (package / "MLmodel").unlink()
    (package / "vigie/package.json").write_bytes(b"other")
    with pytest.raises(RefusedPackage, match="differs from its sha256"):
        verify_manifest(package, digest, parts)
