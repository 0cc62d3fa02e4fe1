"""What a network learns from: checked rows as tensors, and one vector per row inside the graph.

The encoding is fitted to the training rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import keras
import numpy as np

from vigie.models.decoding import RowDecoder
from vigie.models.feeds import feeds_of

if TYPE_CHECKING:
    from vigie.models.model_input import Input
    from vigie.training.dataset import Dataset

TAIL = 0.0005
# float32 holds 24 bits: a bin narrower than this share of its own start would be mostly rounding
NARROWEST = 1e-3
LATITUDES = ("latitude", "lat")
LONGITUDES = ("longitude", "long", "lon", "lng")
# a place is also seen along axes turned by these angles: bins on two axes only make a grid of
# streets that run north and east
ANGLES = (45.0, 135.0)


@dataclass(frozen=True)
class Feature:
    """One input of a network: a number, with or without `<name>__missing`, or a text choice."""

    name: str
    kind: Literal["numeric", "text"]
    has_indicator: bool = False
    vocabulary: tuple[str, ...] = ()

    @property
    def indicator(self) -> str:
        """The input that is 1.0 where the value was absent and 0.0 elsewhere."""
        return f"{self.name}__missing"


@dataclass(frozen=True)
class Encoding:
    """`model` maps the dict `inputs`, each [rows, 1], to [rows, width] float32.

    `texts`: where the one-hot block of each text starts (its first place is for unknown texts) and
    the share of each known text in training.
    """

    inputs: dict[str, keras.KerasTensor]
    model: keras.Model
    width: int
    texts: tuple[tuple[int, np.ndarray], ...]


def network_features(inputs: Sequence[Input]) -> tuple[Feature, ...]:
    """The features that a network is built from, one per input."""
    return tuple(
        Feature(
            item.name,
            "text" if item.tensor == "string" else "numeric",
            has_indicator=bool(item.missing and item.missing.indicator),
            vocabulary=item.choices.values if item.choices and item.tensor == "string" else (),
        )
        for item in inputs
    )


def network_columns(inputs: Sequence[Input], dataset: Dataset) -> dict[str, np.ndarray]:
    """The tensors of a graph for these rows, name -> [rows, 1]: decoded as in serving."""
    decoded = RowDecoder(inputs).decode(dataset.rows())
    return feeds_of(inputs, decoded.columns)


def encode(features: Sequence[Feature], columns: Mapping[str, np.ndarray], bins: int) -> Encoding:
    """The encoding fitted to `columns` ([rows] or [rows, 1]); with `bins` 0, linear terms only.

    A number becomes its standardised value and, for each of `bins` quantile bins, how far it is
    through the bin (0 before, 1 after), so that beyond the values seen in training nothing grows.
    A latitude and a longitude (by name) get bins along two more axes, half-way between theirs.
    """
    inputs = _inputs(features)
    parts: list[keras.KerasTensor] = []
    numbers = [feature for feature in features if feature.kind == "numeric"]
    if numbers:
        parts += _encode_numbers(numbers, inputs, columns, bins)
    indicators = [inputs[feature.indicator] for feature in numbers if feature.has_indicator]
    if indicators:
        parts.append(keras.layers.ReLU(max_value=1.0, name="missing")(_joined(indicators, "gaps")))
    start = sum(part.shape[-1] for part in parts)
    texts = []
    for feature in features:
        if feature.kind == "text":
            parts.append(_one_hot(feature)(inputs[feature.name]))
            texts.append((start, _shares(feature, columns[feature.name])))
            start += len(feature.vocabulary) + 1
    encoded = _joined(parts, "encoding")
    return Encoding(inputs, keras.Model(inputs, encoded, name="encoder"), start, tuple(texts))


def _inputs(features: Sequence[Feature]) -> dict[str, keras.KerasTensor]:
    inputs = {}
    for feature in features:
        dtype = "string" if feature.kind == "text" else "float32"
        inputs[feature.name] = keras.Input((1,), name=feature.name, dtype=dtype)
        if feature.has_indicator:
            name = feature.indicator
            inputs[name] = keras.Input((1,), name=name, dtype="float32")
    return inputs


def _encode_numbers(
    numbers: Sequence[Feature],
    inputs: Mapping[str, keras.KerasTensor],
    columns: Mapping[str, np.ndarray],
    bins: int,
) -> list[keras.KerasTensor]:
    table = np.column_stack([_flat(columns[feature.name]) for feature in numbers])
    low, high = np.quantile(table, [TAIL, 1 - TAIL], axis=0)
    high = np.where(high > low, high, low + 1)
    placed = np.clip((table - low) / (high - low), 0, 1)
    scale = _normalization(low, (high - low) ** 2, "scale")
    every = _joined([inputs[feature.name] for feature in numbers], "numbers")
    unit = keras.layers.ReLU(max_value=1.0, name="clip")(scale(every))
    mean, variance = placed.mean(axis=0), placed.var(axis=0)
    variance = np.where(variance > 0, variance, 1)
    standard = _normalization(mean, variance, "standard")(unit)
    if not bins:
        return [standard]
    edges = [_edges(placed[_seen(f, columns), i], bins) for i, f in enumerate(numbers)]
    turned = _turned_axes(numbers, (placed - mean) / np.sqrt(variance))
    if turned:
        kernel, bias, along = turned
        unit = _joined([unit, _frozen(kernel, bias, "turned")(standard)], "axes")
        edges += [_edges(values, bins) for values in along.T]
    if sum(len(edge) - 1 for edge in edges) < 1:
        return [standard]
    return [standard, keras.layers.ReLU(max_value=1.0, name="bins")(_ramps(edges)(unit))]


def _turned_axes(
    numbers: Sequence[Feature], standard: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Kernel, bias and values [rows, angles] in 0..1 of the place along turned axes, if any."""
    names = [feature.name for feature in numbers]
    pair = [names.index(n) for kind in (LATITUDES, LONGITUDES) for n in kind if n in names]
    if len(pair) != 2:
        return None
    angles = np.radians(ANGLES)
    kernel = np.zeros((len(names), len(angles)))
    kernel[pair] = np.sin(angles), np.cos(angles)
    along = standard @ kernel
    low, high = along.min(axis=0), along.max(axis=0)
    span = np.where(high > low, high - low, 1)
    return kernel / span, -low / span, (along - low) / span


def _ramps(edges: Sequence[np.ndarray]) -> keras.layers.Layer:
    """A frozen dense layer: for the bin from a to b of number i, (number i - a) / (b - a)."""
    kernel = np.zeros((len(edges), sum(len(edge) - 1 for edge in edges)), np.float32)
    bias = np.zeros(kernel.shape[1], np.float32)
    place = 0
    for row, edge in enumerate(edges):
        slopes = 1 / np.diff(edge)
        kernel[row, place : place + len(slopes)] = slopes
        bias[place : place + len(slopes)] = -edge[:-1] * slopes
        place += len(slopes)
    return _frozen(kernel, bias, "ramps")


def _frozen(kernel: np.ndarray, bias: np.ndarray, name: str) -> keras.layers.Layer:
    layer = keras.layers.Dense(kernel.shape[1], trainable=False, name=name)
    layer.build((None, len(kernel)))
    layer.set_weights([kernel, bias])
    return layer


def _normalization(mean: np.ndarray, variance: np.ndarray, name: str) -> keras.layers.Layer:
    return keras.layers.Normalization(mean=mean.tolist(), variance=variance.tolist(), name=name)


def _joined(tensors: Sequence[keras.KerasTensor], name: str) -> keras.KerasTensor:
    return keras.layers.Concatenate(name=name)(tensors) if len(tensors) > 1 else tensors[0]


def _edges(values: np.ndarray, bins: int) -> np.ndarray:
    """Quantiles of `values` in 0..1 as rising bin edges, none closer than float32 bears."""
    if not bins or not len(values):
        return np.zeros(1)
    quantiles = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)))
    edges = [quantiles[0]]
    for edge in quantiles[1:]:
        if edge - edges[-1] > max(NARROWEST * edge, 1e-6):
            edges.append(edge)
    return np.asarray(edges)


def _one_hot(feature: Feature) -> keras.layers.Layer:
    return keras.layers.StringLookup(
        vocabulary=list(feature.vocabulary), output_mode="one_hot", name=f"{feature.name}_choice"
    )


def _shares(feature: Feature, column: np.ndarray) -> np.ndarray:
    values = np.asarray(column).reshape(-1).astype(str)
    counts = np.array([np.sum(values == text) for text in feature.vocabulary], np.float64)
    return np.asarray(counts / max(1.0, counts.sum()))


def _seen(feature: Feature, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """True for the rows where the number was given."""
    if not feature.has_indicator:
        return np.ones(len(columns[feature.name]), bool)
    return np.asarray(_flat(columns[feature.indicator]) == 0)


def _flat(column: np.ndarray) -> np.ndarray:
    return np.asarray(column, np.float64).reshape(-1)
