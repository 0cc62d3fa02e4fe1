"""A model as an object: from MLflow or a folder, verified, with the answers of the service."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import orjson
import pytest

import vigie
from support.fake_mlflow import FakeMlflow, send_json
from support.packages import HOUSING_ROWS
from support.ports import free_port
from support.registered import Registry
from vigie.errors import ConfigurationError, NotFound, RefusedPackage, RegistryError
from vigie.models.signing import load_private_key, new_keys, sign_package


@pytest.fixture(autouse=True)
def _address(mlflow: FakeMlflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_MLFLOW_URL", mlflow.url)


@pytest.fixture
def own_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which temporary folders are made."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def price(model: Any) -> float:
    found: float = model.predict(HOUSING_ROWS)[0]["price_eur"]
    return found


@pytest.mark.parametrize(
    ("reference", "version", "factor"),
    [
        ("housing@champion", "2", 2.0),
        ("models:/housing@champion", "2", 2.0),
        ("housing/1", "1", 1.0),
        ("models:/housing/1", "1", 1.0),
    ],
)
def test_a_version_is_loaded_by_alias_or_number(
    registry: Registry, reference: str, version: str, factor: float
) -> None:
    registry.housing("1", 1.0)
    registry.housing("2", 2.0)
    model = vigie.load(reference)
    assert (model.name, model.version, model.labels) == ("housing", version, ())
    assert model.metrics == {"mae": 10000.0 * factor}
    assert [item.name for item in model.inputs][:2] == ["surface_m2", "rooms"]
    assert abs(price(model) - (factor * 3000 * 54 + 2500)) < 1000


def test_the_address_may_be_given(
    registry: Registry, mlflow: FakeMlflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.iris()
    monkeypatch.setenv("VIGIE_MLFLOW_URL", f"http://127.0.0.1:{free_port()}")
    assert vigie.load("iris@champion", mlflow_url=mlflow.url).labels[0] == "setosa"


def test_its_folder_goes_with_it(registry: Registry, own_tmp: Path) -> None:
    registry.housing("1")
    model = vigie.load("housing@champion")
    (folder,) = own_tmp.iterdir()
    assert (folder / "vigie/package.json").is_file()
    assert price(model) > 0
    del model
    gc.collect()
    assert list(own_tmp.iterdir()) == []


@pytest.mark.parametrize("as_text", [False, True])
def test_a_folder_is_loaded(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_text: bool
) -> None:
    registry.housing("1")
    folder = next(tmp_path.rglob("housing-1"))
    monkeypatch.chdir(folder.parent)
    model = vigie.load("./housing-1" if as_text else Path("housing-1"))
    assert (model.name, model.version) == ("housing", None)
    assert price(model) == price(vigie.load("housing/1"))


def test_what_is_not_there_is_told_with_what_is(registry: Registry) -> None:
    registry.housing("1")
    registry.iris()
    for reference, said in (
        ("boats@champion", "MLflow has no model boats; it has housing, iris"),
        ("housing/7", "housing has no version 7; it has 1"),
        ("housing@live", "housing has no alias live; it has champion. `vigie promote housing"),
        ("housing", "there is no folder housing; load takes name@champion, name/3, or"),
        ("models:/housing", "there is no folder housing; load takes name@champion"),
    ):
        with pytest.raises(NotFound) as missing:
            vigie.load(reference)
        assert said in str(missing.value)


def test_mlflow_that_is_away_is_told_with_the_setting() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(RegistryError, match=r"does not answer .* set VIGIE_MLFLOW_URL"):
        vigie.load("housing@champion", mlflow_url=url)


def test_a_version_that_is_no_package_is_told_with_the_remedy(
    mlflow: FakeMlflow, tmp_path: Path
) -> None:
    mlflow.register("churn", "1", tmp_path, None)
    with pytest.raises(RefusedPackage, match=r"churn version 1: it is not a package; register it"):
        vigie.load("churn@champion")


def test_a_version_that_is_not_what_was_registered_is_refused(
    registry: Registry, mlflow: FakeMlflow, own_tmp: Path
) -> None:
    registry.wrong("1")
    with pytest.raises(RefusedPackage, match=r"housing version 1: .*golden"):
        vigie.load("housing/1")
    registry.housing("2")
    path = mlflow.folders["housing", "2"] / "vigie/package.json"
    path.write_bytes(path.read_bytes().replace(b"Home price", b"Home prize"))
    with pytest.raises(RefusedPackage, match="differs from its sha256"):
        vigie.load("housing/2")
    assert list(own_tmp.iterdir()) == []


def test_a_folder_that_is_no_package_is_refused(registry: Registry, tmp_path: Path) -> None:
    registry.housing("1")
    folder = next(tmp_path.rglob("housing-1"))
    path = folder / "vigie/golden.json"
    golden = path.read_bytes()
    path.write_bytes(orjson.dumps(orjson.loads(golden) | {"outputs": {"price_eur": [1, 2]}}))
    with pytest.raises(RefusedPackage, match="a file differs from its sha256"):
        vigie.load(folder)
    (folder / "vigie/manifest.json").unlink()
    with pytest.raises(RefusedPackage, match=r"housing-1 has no vigie/manifest\.json"):
        vigie.load(folder)
    with pytest.raises(RefusedPackage, match=r"package\.json is missing; register it"):
        vigie.load(tmp_path)


def test_a_key_must_have_signed_it_where_one_is_set(
    registry: Registry, mlflow: FakeMlflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path / "a.key"
    public = new_keys(private)
    registry.housing("1")
    monkeypatch.setenv("VIGIE_PUBLIC_KEYS", str(public))
    for model in ("housing/1", mlflow.folders["housing", "1"]):
        with pytest.raises(RefusedPackage, match="sign"):
            vigie.load(model)
    sign_package(mlflow.folders["housing", "1"], load_private_key(private))
    assert vigie.load("housing/1").version == "1"
    assert vigie.load(mlflow.folders["housing", "1"]).version is None


def test_settings_that_are_wrong_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_REGISTRY_TIMEOUT_SECONDS", "soon")
    with pytest.raises(ConfigurationError, match="VIGIE_REGISTRY_TIMEOUT_SECONDS"):
        vigie.load("housing@champion")


def test_an_answer_that_is_not_mlflows_is_told(mlflow: FakeMlflow) -> None:
    mlflow.lie = lambda handler: send_json(handler, {"error_code": "TEAPOT"}, 418)
    with pytest.raises(RegistryError, match="MLflow answered 418; is MLflow's address right"):
        vigie.load("housing@champion")
