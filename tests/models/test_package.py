"""A package on disk is read whole, or refused with the key that is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from support.packages import (
    HOUSING_ROWS,
    housing_document,
    housing_graph,
    iris_document,
    write_package,
)
from vigie.errors import RefusedPackage
from vigie.models import package as module
from vigie.models.document import PackageDocument
from vigie.models.package import read_package
from vigie.models.profile import build_profile
from vigie.models.schema_files import FOLDER, schema_texts, write_schemas


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_package(tmp_path / "package", housing_document(), housing_graph(), HOUSING_ROWS)
    return tmp_path / "package"


def _write(root: Path, name: str, content: object) -> None:
    (root / "vigie" / name).write_text(json.dumps(content), encoding="utf-8")


def a_profile() -> dict[str, Any]:
    inputs = PackageDocument.model_validate(housing_document()).inputs
    columns = {item.name: [row.get(item.name) for row in HOUSING_ROWS] for item in inputs}
    profile: dict[str, Any] = build_profile(inputs, columns, np.array([1.0, 2.0])).model_dump()
    return profile


def test_a_package_is_read_with_and_without_a_profile(root: Path) -> None:
    package = read_package(root, "d" * 64)
    assert package.document.name == "housing"
    assert len(package.golden.rows) == 2
    assert package.profile is None
    assert package.onnx_path.is_file()
    assert package.keras_path == root / "data/model.keras"
    _write(root, "profile.json", a_profile())
    read = read_package(root, "d" * 64).profile
    assert read is not None
    assert set(read.inputs) == {item.name for item in package.document.inputs}


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("package.json", {**housing_document(), "surprise": 1}, "package.json: surprise: "),
        ("package.json", {**housing_document(), "task": "x"}, "package.json: task: "),
        ("package.json", [], "package.json: "),
        ("golden.json", {"rows": [{}]}, "golden.json: outputs: "),
        ("profile.json", {"rows": 0}, "profile.json: rows: "),
    ],
)
def test_a_document_that_breaks_its_schema_is_refused_by_key(
    root: Path, name: str, content: object, reason: str
) -> None:
    _write(root, name, content)
    with pytest.raises(RefusedPackage, match=reason) as refused:
        read_package(root, "d" * 64)
    assert str(root) not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_document_that_is_no_json_is_refused(root: Path, content: bytes) -> None:
    (root / "vigie/package.json").write_bytes(content)
    with pytest.raises(RefusedPackage, match=r"vigie/package\.json"):
        read_package(root, "d" * 64)


@pytest.mark.parametrize("name", ["package.json", "golden.json"])
def test_an_absent_document_is_refused_with_the_remedy(root: Path, name: str) -> None:
    (root / "vigie" / name).unlink()
    with pytest.raises(RefusedPackage, match=f"vigie/{name} is missing; .*vigie train"):
        read_package(root, "d" * 64)


def test_an_oversize_document_is_refused_unread(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = (root / "vigie/package.json").stat().st_size
    monkeypatch.setattr(module, "MAX_JSON_BYTES", size)
    read_package(root, "d" * 64)
    monkeypatch.setattr(module, "MAX_JSON_BYTES", size - 1)
    with pytest.raises(RefusedPackage, match=f"package.json is larger than {size - 1} bytes"):
        read_package(root, "d" * 64)


def test_the_committed_schemas_are_those_of_the_code(tmp_path: Path) -> None:
    committed = {path.name: path.read_text("utf-8") for path in FOLDER.iterdir()}
    assert committed == schema_texts(), "run vigie.models.schema_files.write_schemas()"
    write_schemas(tmp_path / "schemas")
    assert {p.name: p.read_text("utf-8") for p in (tmp_path / "schemas").iterdir()} == committed


def _problems(kind: str, content: object) -> list[str]:
    schema = json.loads((FOLDER / f"{kind}.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    return [error.message for error in Draft202012Validator(schema).iter_errors(content)]


def test_real_documents_are_valid_by_the_schemas(root: Path) -> None:
    _write(root, "profile.json", a_profile())
    for kind in ("package", "golden", "profile"):
        content = json.loads((root / "vigie" / f"{kind}.json").read_text("utf-8"))
        assert _problems(kind, content) == []
        assert _problems(kind, {**content, "surprise": 1})
        assert _problems(kind, {})
    assert _problems("package", iris_document()) == []
