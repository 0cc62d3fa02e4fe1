"""`vigie export`: TensorFlow loads what it writes, and it answers as the service does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from support.fake_mlflow import fake_mlflow
from support.packages import HOUSING_ROWS, housing_document, housing_graph, write_package
from support.trained import train_package
from vigie.engines.predictor import open_predictor
from vigie.errors import DataError, RefusedPackage
from vigie.models.feeds import feeds_of
from vigie.models.package import read_package
from vigie.registry.cache import ModelCache
from vigie.settings import Settings
from vigie.training.saved_model import export_champion, write_saved_model

pytestmark = pytest.mark.filterwarnings("ignore")


def test_the_champion_of_the_cache_answers_the_same_in_tensorflow(
    tmp_path: Path, cache: ModelCache
) -> None:
    with cache.lock("housing") as incoming:
        made = train_package("housing", incoming / "package")
        cache.install("housing", incoming / "package", made.digest, "7", "run")
        cache.point("housing", made.digest)
    folder = export_champion("housing", tmp_path / "served", Settings(cache=cache.folder))
    assert folder == tmp_path / "served" / "7"
    found = cache.champion("housing")
    assert found is not None
    predictor = open_predictor(read_package(found.root, ""))
    inputs = predictor.package.document.inputs
    feeds = feeds_of(inputs, predictor.decoder.decode(made.held_out.rows()[:50]).columns)
    served = tf.saved_model.load(str(folder)).signatures["serving_default"]
    tensors = {
        name: tf.constant(value, tf.string if value.dtype == object else None)
        for name, value in feeds.items()
    }
    assert set(served.structured_input_signature[1]) == set(feeds)
    (name,) = served.structured_outputs
    expected = predictor.engine.run(feeds)[predictor.package.document.outputs[0].tensor]
    np.testing.assert_allclose(served(**tensors)[name].numpy(), expected, 1e-4)
    with pytest.raises(DataError, match="already a version folder 7"):
        export_champion("housing", tmp_path / "served", Settings(cache=cache.folder))


def test_a_package_without_either_is_refused(tmp_path: Path) -> None:
    write_package(tmp_path / "package", housing_document(), housing_graph(), HOUSING_ROWS)
    with pytest.raises(RefusedPackage, match="neither a Keras model nor a SavedModel"):
        write_saved_model(tmp_path / "package", tmp_path / "served")


def test_an_unknown_model_is_explained(tmp_path: Path, cache: ModelCache) -> None:
    with fake_mlflow() as registry:
        settings = Settings(cache=cache.folder, mlflow_url=registry.url)
        with pytest.raises(DataError, match="no champion named unknown"):
            export_champion("unknown", tmp_path, settings)
