from __future__ import annotations

from pathlib import Path

import pytest

from support.photos import install_colours, write_colours
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


def test_a_package_that_was_changed_is_refused(settings: Settings, tmp_path: Path) -> None:
    write_colours(tmp_path / "mine")
    (tmp_path / "mine" / "MLmodel").write_text("flavors: {other: {}}\n")
    with pytest.raises(RefusedPackage):
        open_model(str(tmp_path / "mine"), settings)


def test_the_models_of_photos(settings: Settings) -> None:
    assert photo_models(ModelCache(settings.cache)) == ["colours"]
