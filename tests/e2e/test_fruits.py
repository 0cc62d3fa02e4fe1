"""Photos with vectors and neighbours, and an embedding: trained, followed and answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

import vigie
from support.drawn_photos import LABELS, draw_folder
from support.real_mlflow import RealMlflow
from vigie.engines.predictor import Predictor, open_predictor
from vigie.models.neighbours import thumbnail_path
from vigie.models.package import read_held_out, read_package
from vigie.recipes.photos.files import find_photos
from vigie.recipes.photos.spec import PhotoSpec
from vigie.registry.cache import ModelCache
from vigie.registry.client import RegistryClient
from vigie.registry.gate.integrity import verify_package
from vigie.registry.sync import RegistrySync
from vigie.settings import Settings, load_settings
from vigie.training.photos.photo_reader import read_photos
from vigie.training.photos.photo_set import PhotoSet
from vigie.training.photos.split import split_photos
from vigie.training.steps import Steps
from vigie.training.train import TrainingResult

COMPONENTS, COUNT, MOST = 5, 4, 18


def spec(name: str, task: str, **more: Any) -> PhotoSpec:
    return PhotoSpec.model_validate(
        {
            "name": name,
            "title": "Figures",
            "task": task,
            "source": "drawn photos",
            "photos": {"size": 64},
            "network": {"base": "MobileNetV2"},
            "augmentation": {"copies": 0},
            "head": {"kind": "linear"},
            "reduction": {"components": COMPONENTS},
            "neighbours": {"count": COUNT, "most": MOST, "thumbnails": True},
        }
        | more
    )


NOTE = {"text": {"en": "Round", "fr": "Rond"}, "link": "https://en.wikipedia.org/wiki/Dot"}
FIGURES = spec("figures", "classification", target={"notes": {"dots": NOTE, "none": NOTE}})
LOOKS = spec("looks", "embedding")


@pytest.fixture(scope="module")
def settings(mlflow: RealMlflow, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("vigie")
    return load_settings(
        mlflow_url=mlflow.url, cache=folder / "cache", state=folder / "state",
        audit_log=folder / "audit.log", data=folder / "data", models="figures,looks",
    )  # fmt: skip


def decoded(recipe: PhotoSpec, root: Path, folder: Path) -> PhotoSet:
    labelled = recipe.task == "classification"
    files = find_photos(recipe.photos, (root,), lambda text: None, labelled=labelled)
    return read_photos(
        files, recipe.plan().photo, "drawn", folder, lambda text: None, labelled=labelled
    )


def trained(recipe: PhotoSpec, photos: PhotoSet, settings: Settings) -> TrainingResult:
    from vigie.training.photos.embedding import train_embedding
    from vigie.training.photos.train import train_photos

    train = train_photos if recipe.task == "classification" else train_embedding
    return train(recipe.plan(), photos, settings, Steps(), "random")


def followed(result: TrainingResult, settings: Settings) -> Predictor:
    """The version in the cache, after every check."""
    assert result.comparison.promote, result.comparison.reason
    assert RegistrySync(settings).sync_once()[result.name] == "installed"
    cached = ModelCache(settings.cache).champion(result.name)
    assert cached is not None
    verify_package(cached.root, result.digest, result.name, settings)
    predictor = open_predictor(read_package(cached.root, result.digest))
    predictor.check_golden()
    return predictor


def test_a_classification_with_a_vector_and_neighbours(settings: Settings, tmp_path: Path) -> None:
    photos = decoded(FIGURES, draw_folder(tmp_path / "photos", 25), tmp_path)
    result = trained(FIGURES, photos, settings)
    predictor = followed(result, settings)
    document, root = predictor.package.document, predictor.package.root
    assert [output.name for output in document.outputs] == ["probabilities", "vector", "features"]
    assert document.reduction is not None
    assert document.reduction.components == COMPONENTS
    assert result.metrics["explained_variance"] == pytest.approx(document.reduction.share)
    assert set(document.label_notes) == {"dots"}
    kept = predictor.package.neighbours
    assert kept is not None
    assert len(kept) == MOST
    assert np.bincount(kept.labels).tolist() == [MOST // len(LABELS)] * len(LABELS)
    assert thumbnail_path(root, MOST - 1).is_file()
    held_out = {file.name for file in split_photos(photos).held_out.files}
    assert not held_out & set(kept.names)
    # a photo that the package knows finds itself
    model = vigie.load(str(root))
    (found,) = model.predict([tmp_path / "photos" / kept.names[3]])
    assert found["neighbours"][0]["photo"] == kept.names[3]
    assert found["neighbours"][0]["similarity"] == pytest.approx(1, abs=1e-3)
    assert found["vector"] == pytest.approx(kept.vectors[3].tolist(), abs=1e-3)
    assert len(found["neighbours"]) == COUNT
    _check_run(settings, "figures", ("plots/explained_variance.png",), "Photos that are most alike")


def test_an_embedding_of_photos_without_labels(settings: Settings, tmp_path: Path) -> None:
    folder = draw_folder(tmp_path / "photos", 20)
    for number, path in enumerate(sorted(folder.rglob("*.jpg"))):
        path.rename(folder / f"{number:03}.jpg")
    photos = decoded(LOOKS, folder, tmp_path)
    result = trained(LOOKS, photos, settings)
    predictor = followed(result, settings)
    document, root = predictor.package.document, predictor.package.root
    assert (document.task, document.labels) == ("embedding", ())
    assert [output.name for output in document.outputs] == ["vector", "features"]
    assert document.outputs[0].shape == (COMPONENTS,)
    assert read_held_out(root) is None
    assert predictor.package.profile is not None
    assert set(result.metrics) == {"explained_variance", "explained_variance_held_out"}
    (found,) = vigie.load(str(root)).predict([folder / "004.jpg"])
    assert list(found) == ["vector", "neighbours", "warnings", "version"]
    assert {one["label"] for one in found["neighbours"]} == {None}
    version = RegistryClient(settings.mlflow_url, 5).version_of("looks", "champion")
    assert version is not None
    assert "vigie.error" not in version.tags
    _check_run(settings, "looks", ("plots/explained_variance.png",), "Reduced vector")
    again = trained(LOOKS, photos, settings)
    assert not again.comparison.promote
    assert "vectors, which are not compared with 1" in again.comparison.reason


def _check_run(settings: Settings, name: str, files: tuple[str, ...], section: str) -> None:
    version = RegistryClient(settings.mlflow_url, 5).version_of(name, "champion")
    assert version is not None
    for path in (*files, "model_card.md"):
        asked = {"run_id": version.run_id, "path": path}
        answer = requests.get(f"{settings.mlflow_url}/get-artifact", asked, timeout=60)
        assert answer.status_code == 200, path
    assert section in answer.text
