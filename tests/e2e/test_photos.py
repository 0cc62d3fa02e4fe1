"""Photos, trained, registered, followed and answered: on a real MLflow server."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import requests
from PIL import Image

from support.drawn_photos import LABELS, draw_folder
from support.real_mlflow import RealMlflow
from vigie.engines.predictor import open_predictor
from vigie.models.package import read_held_out, read_package
from vigie.models.photo import read_photo
from vigie.models.photo_figures import FIGURES
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

if TYPE_CHECKING:
    import keras

    from vigie.training.train import TrainingResult

SPEC = PhotoSpec.model_validate(
    {
        "name": "drawn",
        "title": "Figures",
        "source": "drawn photos",
        "photos": {"size": 96},
        "target": {"labels": {"dots": {"en": "dotted", "fr": "à pois"}}},
        "network": {"base": "MobileNetV2"},
    }
)


@pytest.fixture(scope="module")
def settings(mlflow: RealMlflow, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("vigie")
    return load_settings(
        mlflow_url=mlflow.url, cache=folder / "cache", state=folder / "state",
        audit_log=folder / "audit.log", data=folder / "data", models="drawn", held_out_rows=12,
    )  # fmt: skip


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> PhotoSet:
    folder = tmp_path_factory.mktemp("photos")
    root = draw_folder(folder / "photos", 30)
    with Image.open(root / "dots" / "000.jpg") as image:
        image.resize((240, 180)).save(root / "dots" / "larger.jpg")
    (root / "dots" / "broken.jpg").write_bytes(b"no photo")
    files = find_photos(SPEC.photos, (root,), lambda text: None)
    return read_photos(files, SPEC.plan().photo, SPEC.source, folder, lambda text: None)


@pytest.fixture(scope="module")
def first(settings: Settings, photos: PhotoSet) -> TrainingResult:
    from vigie.training.photos.train import train_photos

    return train_photos(SPEC.plan(), photos, settings, Steps(), "random")


@pytest.fixture(scope="module")
def root(settings: Settings, first: TrainingResult) -> Path:
    """The folder of version 1 in the cache."""
    assert first.comparison.promote, first.comparison.reason
    assert RegistrySync(settings).sync_once() == {"drawn": "installed"}
    cached = ModelCache(settings.cache).champion("drawn")
    assert cached is not None
    return cached.root


def test_the_package_passes_every_check_and_answers_a_file_as_training_did(
    root: Path, settings: Settings, first: TrainingResult, photos: PhotoSet
) -> None:
    verify_package(root, first.digest, "drawn", settings)
    predictor = open_predictor(read_package(root, first.digest))
    document = predictor.package.document
    (item,) = document.inputs
    assert (item.name, item.dtype, item.shape) == ("photo", "image", (96, 96, 3))
    assert (document.task, document.labels) == ("classification", LABELS)
    assert document.label_texts["dots"] == {"en": "dotted", "fr": "à pois"}
    example = predictor.decoder.decode([document.example])
    assert predictor.predict(example.columns).labels(document)[0] in LABELS
    held_out = split_photos(photos).held_out
    files = [file.path.read_bytes() for file in held_out.files]
    sent: list[dict[str, object]] = [{"photo": {"b64": b64encode(one).decode()}} for one in files]
    answers = predictor.predict(predictor.decoder.decode(sent).columns)
    right = np.array(answers.labels(document), object) == held_out.labels
    assert right.mean() == pytest.approx(first.metrics["accuracy"])
    again = [{"photo": read_photo(one, item).pixels} for one in files]
    same = predictor.predict(predictor.decoder.decode(again).columns)
    assert answers.outputs["probabilities"] == pytest.approx(same.outputs["probabilities"])


def test_its_rows_are_photos_and_its_profile_their_figures(root: Path, photos: PhotoSet) -> None:
    package = read_package(root, "")
    assert all(row["photo"].shape == (96, 96, 3) for row in package.golden.rows)
    held_out = read_held_out(root)
    assert held_out is not None
    assert len(held_out.rows) == 12
    assert set(held_out.actual) == set(LABELS)
    assert package.profile is not None
    assert set(package.profile.inputs) == {f"photo.{figure}" for figure in FIGURES}
    provenance = package.document.provenance
    assert provenance.rows == package.profile.rows
    assert "random weights" in str(provenance.source)
    assert provenance.data_sha256 == photos.digest()
    assert {rule.name: rule.dropped for rule in provenance.rules}["broken: no photo"] == 1


def test_a_version_that_is_not_better_is_registered_and_not_promoted(
    settings: Settings, photos: PhotoSet, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It learns from another size: the champion is judged on the photos at its own."""
    from vigie.training.graph.export import export_onnx
    from vigie.training.photos.train import train_photos

    written: list[Path] = []

    def counted(model: keras.Model, path: Path) -> None:
        written.append(path)
        export_onnx(model, path)

    monkeypatch.setattr("vigie.training.network.export_onnx", counted)
    plan = SPEC.plan()
    smaller = plan.photo.model_copy(update={"shape": (64, 64, 3)})
    plan = replace(plan, plan=replace(plan.plan, inputs=(smaller,)))
    again = read_photos(photos.files, smaller, "drawn", settings.data, lambda text: None)
    second = train_photos(plan, again, settings, Steps(), "random", quantize=True)
    assert second.version == "2"
    assert len(written) == 1
    assert not second.comparison.promote
    assert f"({second.metrics['accuracy']:.0f}" not in second.comparison.reason
    assert "not better than version 1" in second.comparison.reason
    version = RegistryClient(settings.mlflow_url, 5).version("drawn", "2")
    assert version is not None
    asked = {"run_id": version.run_id, "path": "model_card.md"}
    card = requests.get(f"{settings.mlflow_url}/get-artifact", asked, timeout=60).text
    assert "| int8 |" in card


def test_the_run_holds_what_a_reviewer_asks_for(settings: Settings, root: Path) -> None:
    api = f"{settings.mlflow_url}/api/2.0/mlflow"
    version = RegistryClient(settings.mlflow_url, 5).version_of("drawn", "champion")
    assert version is not None
    run = requests.get(f"{api}/runs/get", {"run_id": version.run_id}, timeout=60).json()["run"]
    metrics = {metric["key"]: metric["value"] for metric in run["data"]["metrics"]}
    baselines = {name.split(".")[1] for name in metrics if name.startswith("baseline.")}
    assert baselines == {"majority", "colour_histogram"}
    assert {"accuracy", "macro_f1", "recall.dots", "precision.lines"} <= metrics.keys()
    assert metrics["near_duplicates"] == 2
    names = set()
    for folder in ("", "plots"):
        asked = {"run_id": version.run_id, **({"path": folder} if folder else {})}
        found = requests.get(f"{api}/artifacts/list", asked, timeout=60).json()["files"]
        names |= {file["path"] for file in found}
    assert {
        "model_card.md", "held_out_ids.csv", "confusion_matrix.csv", "error_by_slice.json",
        "plots/confusion_matrix.png", "plots/worst_photos.jpg", "plots/accuracy_by_photos.png",
        "plots/error_by_slice.png",
    } <= names  # fmt: skip
    address = f"{settings.mlflow_url}/get-artifact"
    card = requests.get(
        address, {"run_id": version.run_id, "path": "model_card.md"}, timeout=60
    ).text
    for part in ("random weights", "colour_histogram", "| dots |", "photo.brightness",
                 "2 photos have one that is nearly the same", "broken: no photo"):  # fmt: skip
        assert part in card
