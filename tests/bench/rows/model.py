"""The model that every contender serves, trained for a moment on made-up rows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import keras
import numpy as np

from bench.rows.homes import DISTRICTS, KINDS, MODEL, NUMBERS, TARGET, TEXTS
from vigie.models.interval import Interval
from vigie.models.model_input import Choices, Input
from vigie.training.dataset import Dataset, split
from vigie.training.encoding import network_columns
from vigie.training.graph.export import predict_keras
from vigie.training.network import KerasNetwork
from vigie.training.packaging import Trained
from vigie.training.plan import Plan, Target

SEED = 7
ROWS = 5_000
EPOCHS = 3
EMBEDDING = 8
WIDTH = 64
DECIMALS = 4


@dataclass(frozen=True)
class Trial:
    """A trained model, what a package is written from, and rows that training never saw."""

    trained: Trained
    model: keras.Model
    held_out: Dataset

    @property
    def answers(self) -> np.ndarray:
        """What the Keras model itself answers to the held-out rows, float64 [rows]."""
        return _predict(self.model, self.trained.plan, self.held_out)


def train_model() -> Trial:
    """Trains the network for a moment on made-up rows; the same seed gives the same rows."""
    keras.utils.set_random_seed(SEED)
    training, held_out = split(make_rows())
    plan = _plan().fitted_to(training)
    columns = network_columns(plan.inputs, training)
    model = build_model(columns)
    model.compile("adam", "mae")
    feeds = {
        name: keras.ops.convert_to_tensor(_as_text(values), _dtype(name))
        for name, values in columns.items()
    }
    model.fit(feeds, training.target.astype(np.float32), 64, EPOCHS, verbose=0)
    predicted = _predict(model, plan, held_out)
    error = float(np.abs(predicted - held_out.target).mean())
    trained = Trained(
        plan, KerasNetwork(model, plan.inputs), training, held_out,
        Interval.calibrate(predicted, held_out.target), (), {"mae": error}, None,
        "2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    return Trial(trained, model, held_out)


def make_rows() -> Dataset:
    """Made-up homes and their prices, k€ per m²."""
    rng = np.random.default_rng(SEED)
    numbers = {
        name: np.round(rng.uniform(*spread, ROWS), 4) for name, (_, _, spread) in NUMBERS.items()
    }
    kinds, districts = rng.integers(len(KINDS), size=ROWS), rng.integers(len(DISTRICTS), size=ROWS)
    price = (
        4 + 0.3 * kinds + 0.05 * districts - 0.004 * numbers["surface_m2"]
        - 0.008 * numbers["age_years"] - 0.03 * numbers["distance_km"]
        + rng.normal(0, 0.1, ROWS)
    )  # fmt: skip
    columns: dict[str, list[object]] = {name: values.tolist() for name, values in numbers.items()}
    columns["property_type"] = [KINDS[kind] for kind in kinds]
    columns["district"] = [DISTRICTS[district] for district in districts]
    return Dataset(
        columns,
        np.maximum(price, 0.1),
        [f"home {number}" for number in range(ROWS)],
        "made-up rows of the benchmark",
        hashlib.sha256(price.tobytes()).hexdigest(),
        generated=True,
    )


def build_model(columns: dict[str, np.ndarray]) -> keras.Model:
    """Normalised numbers, embedded texts, two hidden layers; fitted to `columns`, untrained."""
    inputs = {name: keras.Input((1,), name=name, dtype=_dtype(name)) for name in (*NUMBERS, *TEXTS)}
    table = np.column_stack([columns[name].reshape(-1) for name in NUMBERS])
    scale = keras.layers.Normalization(mean=table.mean(axis=0), variance=table.var(axis=0))
    parts = [scale(keras.layers.Concatenate()([inputs[name] for name in NUMBERS]))]
    for name, words in TEXTS.items():
        place = keras.layers.StringLookup(vocabulary=list(words))(inputs[name])
        embedded = keras.layers.Embedding(len(words) + 1, EMBEDDING)(place)
        parts.append(keras.layers.Flatten()(embedded))
    hidden = keras.layers.Concatenate()(parts)
    for _ in range(2):
        hidden = keras.layers.Dense(WIDTH, "relu")(hidden)
    return keras.Model(inputs, keras.layers.Dense(1, name=TARGET)(hidden), name=MODEL)


def _plan() -> Plan:
    numbers = [
        Input(
            name=name, label=name, dtype="float32", tensor="float32", unit=unit, limits=limits,
            example=None,
        )
        for name, (unit, limits, _) in NUMBERS.items()
    ]  # fmt: skip
    texts = [
        Input(
            name=name, label=name, dtype="string", tensor="string", example=None,
            choices=Choices(values=words, policy="closed" if words is KINDS else "open"),
        )
        for name, words in TEXTS.items()
    ]  # fmt: skip
    target = Target(TARGET, "Price", "k€ per m²", DECIMALS)
    return Plan(MODEL, "Made-up homes", "regression", (*numbers, *texts), target)


def _predict(model: keras.Model, plan: Plan, rows: Dataset) -> np.ndarray:
    answers = predict_keras(model, network_columns(plan.inputs, rows))
    return answers[TARGET].reshape(-1).astype(np.float64)


def _dtype(name: str) -> str:
    return "string" if name in TEXTS else "float32"


def _as_text(values: np.ndarray) -> np.ndarray:
    return values.astype(str) if values.dtype == object else values
