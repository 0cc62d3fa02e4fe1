"""The recipe of fruits on real weights, trained on few photos: parity is the point, not quality."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from mlflow.models import Model

from support.real_data import WEIGHTS, data_for
from vigie.recipes.catalogue import PhotoRecipe, find_recipe
from vigie.recipes.photos.files import find_photos
from vigie.training.network import KerasNetwork
from vigie.training.packaging import Trained, write_package
from vigie.training.photos.extractor import build_extractor
from vigie.training.photos.features import FeatureStore
from vigie.training.photos.network import fit_photos
from vigie.training.photos.photo_reader import read_photos
from vigie.training.photos.photo_set import PhotoFile
from vigie.training.photos.plan import VECTOR
from vigie.training.photos.reference_photos import build_references
from vigie.training.photos.split import split_photos
from vigie.training.photos.vectors import Vectors, features_output, vector_output

KINDS, EACH = 5, 12


@dataclass(frozen=True)
class TrainedFruits:
    """The digest of a package of fruits, and files of photos that it did not learn from."""

    digest: str
    others: list[Path]


def train_fruits(root: Path, scratch: Path) -> TrainedFruits:
    """Trains on `EACH` photos of `KINDS` fruits, held-out ones among them; writes the package."""
    weights, folder = data_for(WEIGHTS), data_for("fruits")
    recipe = find_recipe("fruits")
    assert isinstance(recipe, PhotoRecipe)
    by_label: dict[str, list[PhotoFile]] = defaultdict(list)
    for file in find_photos(recipe.spec.photos, (folder,), lambda text: None):
        by_label[file.label].append(file)
    kinds = [by_label[label] for label in sorted(by_label)[:KINDS]]
    plan = recipe.spec.plan()
    files = [file for kind in kinds for file in kind[:EACH]]
    photos = read_photos(files, plan.photo, "fruits", scratch, lambda text: None)
    parts = split_photos(photos)
    training = parts.training
    plan = plan.with_example(training.pixels([0])[0])
    extractor = build_extractor(plan, str(weights), None)
    store = FeatureStore(plan, extractor, scratch)
    fitted = fit_photos(plan, extractor, store, training, parts.groups)
    assert plan.neighbours is not None
    assert fitted.reduction is not None
    features = store.features(training)[0]
    references = build_references(
        plan.neighbours, VECTOR, training, fitted.vectors(features), fitted.labels
    )
    trained = Trained(
        plan=plan.plan,
        network=KerasNetwork(fitted.model, plan.plan.inputs),
        training=training.dataset("training"),
        held_out=parts.held_out.dataset("held out"),
        interval=None,
        labels=fitted.labels,
        metrics={"accuracy": 1.0},
        revision=None,
        trained_at="2026-01-01T00:00:00",
        others=(vector_output(len(fitted.reduction)), features_output(features.shape[1])),
        reduction=Vectors(VECTOR, fitted.reduction).described,
        references=references,
    )
    digest = write_package(trained, root, Model()).digest
    return TrainedFruits(digest, [file.path for kind in kinds for file in kind[EACH:]])
