"""Models as other people have them, and what they answer themselves, in TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import skl2onnx
import tensorflow as tf
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from support.photo_corpus import photo_corpus
from support.photo_networks import CLASSES, photo_network, save_network
from support.photos import in_base64
from support.saved_models import LABELS, write_bigquery_model

ROWS = 60
COLUMNS = ("length", "width", "height", "weight")
Row = dict[str, Any]


@dataclass(frozen=True)
class ImportedModel:
    """A model to import under `name`: its file, the options, rows, and its own answers."""

    name: str
    source: str
    rows: list[Row]
    answers: np.ndarray
    options: list[str] = field(default_factory=list)
    engine: str = "onnx"


def numbers() -> np.ndarray:
    """Rows of four measures."""
    return np.random.default_rng(5).uniform(0, 8, (ROWS, 4)).astype(np.float32)


def classifier(seed: int = 3) -> keras.Model:
    """Four numbers to three shares."""
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((4,), name="measures"),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.Dense(3, activation="softmax", name="shares"),
        ]
    )


def by_column(values: np.ndarray) -> list[Row]:
    """The rows with a name for each number."""
    return [dict(zip(COLUMNS, map(float, row), strict=True)) for row in values]


def by_vector(values: np.ndarray) -> list[Row]:
    """The rows with one list of numbers."""
    return [{"measures": row.tolist()} for row in values]


def keras_file(folder: Path, name: str = "flowers", seed: int = 3) -> ImportedModel:
    """A `.keras` file whose columns and labels its owner knows."""
    model = classifier(seed)
    path = folder / f"{name}{seed}.keras"
    model.save(path)
    options = ["--columns", ",".join(COLUMNS), "--labels", "rose,tulip,daisy"]
    return ImportedModel(name, str(path), by_column(numbers()), model(numbers()).numpy(), options)


def legacy_file(folder: Path) -> ImportedModel:
    """A `.h5` file with one number as its answer."""
    keras.utils.set_random_seed(4)
    model = keras.Sequential(
        [
            keras.Input((4,), name="measures"),
            keras.layers.Dense(8, activation="tanh"),
            keras.layers.Dense(1, name="price"),
        ]
    )
    path = folder / "prices.h5"
    model.save(path)
    return ImportedModel("prices", str(path), by_vector(numbers()), model(numbers()).numpy())


def exported_folder(folder: Path) -> ImportedModel:
    """What `model.export()` writes."""
    model = classifier()
    path = folder / "exported"
    model.export(path, verbose=False)
    return ImportedModel("exported", str(path), by_vector(numbers()), model(numbers()).numpy())


def bigquery_folder(folder: Path) -> ImportedModel:
    """A SavedModel of BigQuery ML's shape below a version folder."""
    source = folder / "homes"
    written = source / "1"
    source.mkdir()
    write_bigquery_model(written)
    rng = np.random.default_rng(6)
    kinds = ["flat", "house", "castle"]
    rows = [
        {"size": round(float(rng.uniform(9, 300)), 2), "kind": str(rng.choice(kinds))}
        for _ in range(ROWS)
    ]
    answers = tf.saved_model.load(str(written)).signatures["serving_default"](
        size=tf.constant([row["size"] for row in rows], tf.float64),
        kind=tf.constant([row["kind"] for row in rows]),
    )["label_probs"]
    assert answers.shape[1] == len(LABELS)
    return ImportedModel("homes", str(source), rows, answers.numpy())


def hashing_file(folder: Path) -> ImportedModel:
    """A `.keras` file with a layer that tf2onnx cannot convert."""
    word = keras.Input((1,), name="word", dtype="string")
    wide = keras.layers.Embedding(64, 2)(keras.layers.Hashing(64)(word))
    chance = keras.layers.Dense(1, activation="sigmoid", name="chance")(
        keras.layers.Flatten()(wide)
    )
    model = keras.Model(word, chance)
    path = folder / "words.keras"
    model.save(path)
    words = [f"word {number}" for number in range(ROWS)]
    yes = model(tf.constant([[word] for word in words])).numpy()
    rows = [{"word": word} for word in words]
    options = ["--labels", "no,yes"]
    return ImportedModel("words", str(path), rows, np.hstack([1 - yes, yes]), options, "tensorflow")


def graph_of_scikit_learn() -> tuple[onnx.ModelProto, np.ndarray]:
    """A scaled linear classifier of text labels as `skl2onnx` writes it, and its own answers."""
    kinds = np.array(["rose", "tulip", "daisy"])[numbers()[:, :3].argmax(axis=1)]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(numbers(), kinds)
    return skl2onnx.to_onnx(model, numbers()[:1]), model.predict_proba(numbers())


def graph_file(folder: Path) -> ImportedModel:
    """An ONNX file whose columns its owner knows; the labels stand in it."""
    graph, answers = graph_of_scikit_learn()
    path = folder / "blossoms.onnx"
    path.write_bytes(graph.SerializeToString())
    options = ["--columns", ",".join(COLUMNS)]
    return ImportedModel("blossoms", str(path), by_column(numbers()), answers, options)


def photo_file(folder: Path) -> ImportedModel:
    """A `.keras` file of a network of photos; its rows are the files of `photo_corpus`."""
    files = photo_corpus()
    model, scores = photo_network("MobileNetV2", 96, files)
    path = save_network(model, folder / "scenes.keras")
    rows = [{"photo": in_base64(content)} for content in files.values()]
    options = ["--scaling", "symmetric", "--labels", ",".join(CLASSES)]
    return ImportedModel("scenes", str(path), rows, np.array(list(scores.values())), options)


MAKERS: tuple[Callable[[Path], ImportedModel], ...] = (
    hashing_file,
    keras_file,
    legacy_file,
    exported_folder,
    graph_file,
    bigquery_folder,
    photo_file,
)
