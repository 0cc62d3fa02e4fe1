from __future__ import annotations

import pytest
import yaml

from support.trained import TrainedPackage, train_package
from vigie.models.manifest import verify_manifest
from vigie.models.package import read_package
from vigie.registry.gate.integrity import verify_package
from vigie.settings import load_settings


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> TrainedPackage:
    return train_package("housing", tmp_path_factory.mktemp("package") / "housing")


def test_the_package_passes_its_own_verification(package: TrainedPackage) -> None:
    verify_manifest(package.root, package.digest)
    verify_package(package.root, package.digest, "housing", load_settings())


def test_the_document_tells_what_the_data_was(package: TrainedPackage) -> None:
    document = read_package(package.root, package.digest).document
    provenance = document.provenance
    assert provenance.data_sha256 == package.training.sha256
    assert provenance.rows == len(package.training)
    assert {rule.name for rule in provenance.rules} >= {"no price", "no coordinates"}
    assert provenance.exported_difference is not None
    assert provenance.exported_difference < 1e-4
    assert "floor" not in {item.name for item in document.inputs}


def test_the_profile_has_every_input_and_no_empty_bin(package: TrainedPackage) -> None:
    profile = read_package(package.root, package.digest).profile
    assert profile is not None
    assert set(profile.inputs) == {item.name for item in package.plan.inputs}
    for distribution in (*profile.inputs.values(), profile.prediction):
        assert min(distribution.shares) > 0
        assert sum(distribution.shares) == pytest.approx(1)


def test_mlflow_finds_signature_example_and_requirements(package: TrainedPackage) -> None:
    described = yaml.safe_load((package.root / "MLmodel").read_text())
    assert described["flavors"]["keras"]
    assert "surface_m2" in described["signature"]["inputs"]
    assert (package.root / described["saved_input_example_info"]["artifact_path"]).is_file()
    assert "keras==" in (package.root / "requirements.txt").read_text()


def test_the_package_holds_no_code(
    package: TrainedPackage,
) -> None:
    names = {path.suffix for path in package.root.rglob("*") if path.is_file()}
    assert not names & {".pkl", ".pickle", ".py", ".so"}
