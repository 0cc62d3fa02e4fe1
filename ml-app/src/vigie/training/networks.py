"""Keras networks for tables: encoding, ensemble and back-transform in one graph.

The encoding is the piecewise-linear one of Gorishniy et al., "On Embeddings for Numerical Features
in Tabular Deep Learning" (NeurIPS 2022, section 3.2); the ensemble packed in one graph follows
Gorishniy et al., "TabM" (ICLR 2025), here with no weight shared, so that a member knows nothing of
the rows it was kept from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import keras
import numpy as np

from vigie.training.encoding import encode

if TYPE_CHECKING:
    from vigie.models.document import Task
    from vigie.training.encoding import Encoding, Feature
    from vigie.training.plan import Architecture

SMALL_ROWS = 5_000
FIRST_LAYERS = ("member_weights", "hidden_1", "lay_")  # those that take the encoding itself


@dataclass(frozen=True)
class Size:
    """How large an ensemble is: `members` nets, `bins` per number, `width` units per layer.

    Member j is kept from the rows of fold j modulo `folds`.
    """

    members: int
    folds: int
    bins: int
    width: int = 64


@dataclass(frozen=True)
class NetworkConfig:
    """What network to build; `output_name` is the name of its answer.

    `log_target` makes it answer the target by its logarithm (regression); `classes` says how many
    there are (classification).
    """

    architecture: Architecture
    size: Size
    task: Task
    output_name: str
    log_target: bool = False
    classes: int = 0

    @property
    def outputs(self) -> int:
        """The numbers that a member answers per row."""
        return self.classes if self.task == "classification" else 1


@dataclass(frozen=True)
class Network:
    """One graph seen three ways; they share their weights, so `serving` is trained with `members`.

    `encoder`: dict of inputs [rows, 1] -> encoded [rows, width of the encoding].
    `members`: encoded -> one answer per member [rows, members, outputs], standardised (regression)
    or logits (classification).
    `serving`: dict of inputs -> the answer in the target's unit [rows, 1], or the classes' shares
    [rows, classes].
    """

    encoder: keras.Model
    members: keras.Model
    serving: keras.Model
    config: NetworkConfig
    mean: float
    deviation: float
    _encoding: Encoding = field(repr=False)

    def standardise(self, target: np.ndarray) -> np.ndarray:
        """The target [rows] as the members see it: log if asked, mean 0, deviation 1."""
        values = np.log(target) if self.config.log_target else target
        return np.asarray((values - self.mean) / self.deviation, np.float32)

    def restore(self, standardised: np.ndarray) -> np.ndarray:
        """The inverse of `standardise`, float64 [rows]."""
        values = standardised.astype(np.float64) * self.deviation + self.mean
        return np.exp(values) if self.config.log_target else values

    def settle_unknowns(self) -> None:
        """Gives every unknown text the average effect of the known ones, weighted by frequency.

        Training never meets an unknown text, so its weights would stay those of the start.
        """
        for layer in self.members.layers:
            if not layer.name.startswith(FIRST_LAYERS):
                continue
            weights = layer.get_weights()
            for start, shares in self._encoding.texts:
                known = weights[0][start + 1 : start + 1 + len(shares)]
                weights[0][start] = np.tensordot(shares, known, axes=1)
            layer.set_weights(weights)


def build_network(
    config: NetworkConfig,
    features: Sequence[Feature],
    columns: Mapping[str, np.ndarray],
    target: np.ndarray,
) -> Network:
    """An untrained network whose encoding and standardisation are fitted to these rows.

    `columns` are [rows] or [rows, 1], numbers or texts, `<name>__missing` among them; `target` is
    [rows], the number to predict or the class as an integer. Nothing but standard Keras layers is
    used. The weights depend on the seed given to `keras.utils.set_random_seed` before.
    """
    linear = config.architecture == "linear"
    encoding = encode(features, columns, 0 if linear else config.size.bins)
    members = _members(config, encoding.width)
    mean, deviation = _moments(config, target)
    answers = members(encoding.model(encoding.inputs))
    if config.task == "classification":
        answer = _shares(answers, config.output_name, linear=linear)
    else:
        answer = _value(answers, config, mean, deviation)
    name = f"{config.output_name}_{config.architecture}"
    serving = keras.Model(encoding.inputs, answer, name=name)
    return Network(encoding.model, members, serving, config, mean, deviation, encoding)


def default_size(architecture: Architecture, rows: int) -> Size:
    """The leanest of the best sizes on three housing markets; few rows need more members."""
    if architecture == "conv":
        return Size(members=5, folds=5, bins=24)
    if architecture == "linear":
        return Size(members=8, folds=8, bins=0)
    if rows < SMALL_ROWS:
        return Size(members=16, folds=8, bins=48, width=48)
    return Size(members=8, folds=4, bins=40)


def _moments(config: NetworkConfig, target: np.ndarray) -> tuple[float, float]:
    """Mean and deviation of the target as the members see it; classes are left as they are."""
    if config.task == "classification":
        return 0.0, 1.0
    if config.log_target and np.min(target) <= 0:
        raise ValueError("the logarithm of the target needs targets above zero")
    values = np.log(target) if config.log_target else np.asarray(target, np.float64)
    return float(values.mean()), float(values.std()) or 1.0


def _members(config: NetworkConfig, width: int) -> keras.Model:
    encoded = keras.Input((width,), name="encoded")
    build = {"linear": _linear, "dense": _dense, "conv": _conv}[config.architecture]
    answers = build(encoded, config.size, config.outputs)
    return keras.Model(encoded, answers, name=config.architecture)


def _linear(encoded: keras.KerasTensor, size: Size, outputs: int) -> keras.KerasTensor:
    every = keras.layers.Dense(size.members * outputs, name="member_weights")(encoded)
    return keras.layers.Reshape((size.members, outputs), name="member_answers")(every)


def _dense(encoded: keras.KerasTensor, size: Size, outputs: int) -> keras.KerasTensor:
    k, width = size.members, size.width
    layer = keras.layers.Dense(k * width, "relu", kernel_initializer="he_normal", name="hidden_1")
    hidden = keras.layers.Reshape((k, width), name="per_member")(layer(encoded))
    hidden = _per_member(k, width, width, 2.0, "relu", "hidden_2")(hidden)
    return _per_member(k, width, outputs, 1.0, None, "member_answers")(hidden)


def _per_member(
    members: int, width: int, outputs: int, gain: float, activation: str | None, name: str
) -> keras.layers.Layer:
    """A dense layer of its own for each member: [rows, members, width] -> [.., outputs]."""
    start = keras.initializers.RandomNormal(stddev=float(np.sqrt(gain / width)))
    return keras.layers.EinsumDense(
        "bki,kio->bko", (members, outputs), activation=activation, bias_axes="ko",
        kernel_initializer=start, name=name,
    )  # fmt: skip


def _conv(encoded: keras.KerasTensor, size: Size, outputs: int) -> keras.KerasTensor:
    """Each member lays a projection of the row out as 16 steps x 8 channels and convolves it."""
    answers = []
    for j in range(size.members):
        x = keras.layers.Dense(128, "relu", kernel_initializer="he_normal", name=f"lay_{j}")(
            encoded
        )
        x = keras.layers.Reshape((16, 8), name=f"steps_{j}")(x)
        for depth, channels in enumerate((16, 16)):
            x = keras.layers.Conv1D(
                channels, 3, padding="same", activation="relu",
                kernel_initializer="he_normal", name=f"conv_{j}_{depth}",
            )(x)  # fmt: skip
        x = keras.layers.Flatten(name=f"flat_{j}")(x)
        answers.append(keras.layers.Dense(outputs, name=f"answer_{j}")(x))
    every = keras.layers.Concatenate(name="answers")(answers)
    return keras.layers.Reshape((size.members, outputs), name="member_answers")(every)


def _mean(answers: keras.KerasTensor) -> keras.KerasTensor:
    return keras.layers.GlobalAveragePooling1D(name="mean_of_members")(answers)


def _value(
    answers: keras.KerasTensor, config: NetworkConfig, mean: float, deviation: float
) -> keras.KerasTensor:
    name = config.output_name
    scaling = keras.layers.Rescaling(deviation, mean, name="log" if config.log_target else name)
    value = scaling(_mean(answers))
    if not config.log_target:
        return value
    return keras.layers.Activation("exponential", name=name)(value)


def _shares(answers: keras.KerasTensor, name: str, *, linear: bool) -> keras.KerasTensor:
    """Class shares; averaged logits keep a linear softmax linear, nets average their shares."""
    if linear:
        return keras.layers.Softmax(name=name)(_mean(answers))
    shares = keras.layers.Softmax(name="member_shares")(answers)
    return keras.layers.GlobalAveragePooling1D(name=name)(shares)
