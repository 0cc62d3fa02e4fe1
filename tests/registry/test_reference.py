from __future__ import annotations

from pathlib import Path

import pytest

from support.colours_package import install_colours, write_colours
from support.fake_mlflow import fake_mlflow
from support.packages import HOUSING_ROWS, housing_document, housing_graph, write_package
from support.registered import Registry
from support.worker import filled_cache
from vigie.errors import NotFound, RefusedPackage
from vigie.registry.cache import ModelCache
from vigie.registry.reference import open_model, photo_models
from vigie.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    cache = filled_cache(tmp_path / "cache")
    install_colours(cache)
    return load_settings(cache=cache.folder)


def test_a_name_is_one_of_the_cache(settings: Settings) -> None:
    model = open_model("colours", settings)
    assert (model.name, model.version, model.takes_photos) == ("colours", "1", True)
    assert not open_model("housing", settings).takes_photos


def test_a_path_is_a_package(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = write_colours(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    model = open_model("./mine", settings)
    assert (model.name, model.version) == ("colours", digest[:12])
    with pytest.raises(NotFound, match=r"the cache has no mine; .*; the folder is ./mine"):
        open_model("mine", settings)


def test_a_version_of_mlflow_keeps_its_folder(settings: Settings, tmp_path: Path) -> None:
    with fake_mlflow() as mlflow:
        Registry(mlflow, tmp_path / "registered").housing("3")
        model = open_model("housing/3", load_settings(cache=settings.cache, mlflow_url=mlflow.url))
    assert (model.name, model.version) == ("housing", "3")
    assert model.predictor.package.onnx_path.is_file()


@pytest.mark.parametrize("place", ["cache", "folder", "MLflow"])
def test_a_call_has_one_thread_wherever_the_model_lies(
    settings: Settings, tmp_path: Path, place: str
) -> None:
    write_package(tmp_path / "mine", housing_document(), housing_graph(), HOUSING_ROWS)
    reference = {"cache": "housing", "folder": str(tmp_path / "mine"), "MLflow": "housing/1"}
    with fake_mlflow() as mlflow:
        Registry(mlflow, tmp_path / "registered").housing("1")
        model = open_model(
            reference[place], load_settings(cache=settings.cache, mlflow_url=mlflow.url)
        )
    assert model.predictor.engine.in_caller


def test_a_package_that_was_changed_is_refused(settings: Settings, tmp_path: Path) -> None:
    write_colours(tmp_path / "mine")
    (tmp_path / "mine" / "MLmodel").write_text("flavors: {other: {}}\n")
    with pytest.raises(RefusedPackage):
        open_model(str(tmp_path / "mine"), settings)


def test_the_models_of_photos(settings: Settings) -> None:
    assert photo_models(ModelCache(settings.cache)) == ["colours"]
