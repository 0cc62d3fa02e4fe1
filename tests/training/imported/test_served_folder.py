"""The package of a SavedModel that is served from its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.saved_models import SPECIES, write_iris_model, write_regressor
from vigie.errors import DataError, RefusedPackage
from vigie.models.signing import load_public_keys, new_keys
from vigie.registry.gate.integrity import verify_package
from vigie.settings import load_settings
from vigie.training.imported.served_folder import package_served


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "iris_model" / "4"
    write_iris_model(folder)
    return folder


def test_it_is_signed_where_there_is_a_key_and_keeps_no_copy(source: Path, tmp_path: Path) -> None:
    new_keys(tmp_path / "key")
    settings = load_settings(signing_key=tmp_path / "key")
    root = tmp_path / "package"
    digest = package_served(source, "iris_model", root, settings)
    keys = load_public_keys((tmp_path / "key.pub",))
    document = verify_package(root, digest, "iris_model", settings, keys).document
    assert document.labels == SPECIES
    assert document.provenance.imported
    assert document.provenance.source == "imported from iris_model/4"
    assert not (root / "source").exists()


def test_an_output_that_cannot_be_made_again_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_regressor(tmp_path / "1", counted=True)
    package_served(tmp_path / "1", "line", tmp_path / "package", load_settings())
    assert "line: the output 'count' cannot be made again and is left out" in caplog.text


def test_the_limit_of_memory_holds(source: Path, tmp_path: Path) -> None:
    with pytest.raises(RefusedPackage, match="VIGIE_MAX_MODEL_MEMORY_BYTES"):
        package_served(
            source, "iris_model", tmp_path / "package", load_settings(max_model_memory_bytes=2**12)
        )


def test_what_is_no_saved_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"\xff")
    with pytest.raises((RefusedPackage, DataError), match="is not a SavedModel"):
        package_served(tmp_path, "iris_model", tmp_path / "package", load_settings())
