"""Fits an ensemble in one run, each member kept from its own fold of the rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from vigie.training.networks import build_network

if TYPE_CHECKING:
    from vigie.training.encoding import Feature
    from vigie.training.networks import Network, NetworkConfig, Size
    from vigie.training.plan import Architecture

EPOCHS = {"linear": 300, "dense": 40, "conv": 40}
LEARNING_RATE = {"linear": 1e-1, "dense": 3e-3, "conv": 2e-3}
WEIGHT_DECAY = {"linear": 0.01, "dense": 0.1, "conv": 0.1}
WARM_UP = 0.05
STEPS_PER_EPOCH = 24
BATCH = (16, 256)
PREDICTED_AT_ONCE = 4096

OnEpoch = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class FitConfig:
    """The network to fit, for how many epochs, and the seed of its weights and folds."""

    network: NetworkConfig
    epochs: int
    seed: int = 7


@dataclass(frozen=True)
class Fitted:
    """A trained network and what it said of each training row without having seen that row.

    `model` is the serving model. `history` holds `loss` and `val_loss` per epoch: the mean absolute
    error of the standardised target (regression) or the cross-entropy (classification), over the
    rows a member learns from and over those it is kept from. `predicted` [rows] in the target's
    unit, or shares [rows, classes], comes from the members that were kept from the row; `actual`
    [rows] is the truth. These are the answers of cross-conformal prediction (Vovk, "Cross-conformal
    predictors", 2015). They come from fewer members and rows than those of `model`, so intervals
    made of them cover a little more than asked: 90.3 % for 90 % on French sales.
    """

    model: keras.Model
    history: tuple[dict[str, float], ...]
    predicted: np.ndarray
    actual: np.ndarray


def fit_network(
    config: FitConfig,
    features: Sequence[Feature],
    columns: Mapping[str, np.ndarray],
    target: np.ndarray,
    on_epoch: OnEpoch | None = None,
) -> Fitted:
    """A network trained on all these rows; the same seed, rows and machine give the same weights.

    `on_epoch` is told the epoch (from 1) and its `loss` and `val_loss`; raise in it to stop.
    """
    keras.utils.set_random_seed(config.seed)
    network = build_network(config.network, features, columns, target)
    rng = np.random.default_rng(config.seed)
    kept_from = _kept_from(len(target), config.network.size, rng)
    encoded = _encode(network, columns)
    truth = target.astype(np.int32) if config.network.classes else network.standardise(target)
    run = _Run(network, encoded, truth, ~kept_from, config.epochs)
    history = []
    for epoch in range(1, config.epochs + 1):
        history.append(run.epoch(rng))
        if on_epoch:
            on_epoch(epoch, history[-1])
    network.settle_unknowns()
    answers = network.members.predict(encoded, batch_size=PREDICTED_AT_ONCE, verbose=0)
    predicted = _unseen(network, answers, kept_from)
    return Fitted(network.serving, tuple(history), predicted, np.asarray(target))


def _kept_from(rows: int, size: Size, rng: np.random.Generator) -> np.ndarray:
    """[rows, members], True where the member must not learn from the row."""
    fold = rng.permutation(rows) % size.folds
    return np.asarray(fold[:, None] == np.arange(size.members)[None, :] % size.folds)


def _encode(network: Network, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    feeds = {}
    for name, tensor in network.encoder.input.items():
        column = np.asarray(columns[name]).reshape(-1, 1)
        text = tensor.dtype == "string"
        feeds[name] = tf.constant(column.astype(str) if text else column.astype(np.float32))
    return np.asarray(network.encoder(feeds))


class _Run:
    """One training run: AdamW with warm-up and cosine decay, one loss per member."""

    def __init__(
        self,
        network: Network,
        encoded: np.ndarray,
        truth: np.ndarray,
        learnt: np.ndarray,
        epochs: int,
    ) -> None:
        rows = len(encoded)
        self._rows = rows
        self._batch = min(rows, batch_size(rows))
        self._members = network.members
        self._loss = _cross_entropy if network.config.task == "classification" else _absolute_error
        self._data = tuple(map(tf.constant, (encoded, truth, learnt.astype(np.float32))))
        self._optimizer = _optimizer(network.config.architecture, epochs * (rows // self._batch))
        self._optimizer.build(self._members.trainable_variables)
        # a loop of TensorFlow's own: autograph reads source code, which newer Pythons hide from it
        self._pass = tf.function(self._one_pass, autograph=False)

    def epoch(self, rng: np.random.Generator) -> dict[str, float]:
        steps = self._rows // self._batch
        order = rng.permutation(self._rows)[: steps * self._batch].reshape(steps, self._batch)
        loss, validation = self._pass(tf.constant(order, tf.int32))
        return {"loss": float(loss), "val_loss": float(validation)}

    def _one_pass(self, order: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Means over the epoch; a batch is judged before it is learnt from: validation is free."""
        steps = tf.shape(order)[0]
        _, sums = tf.while_loop(
            lambda step, _: step < steps,
            lambda step, sums: (step + 1, sums + self._learn(order[step])),
            (tf.constant(0), tf.zeros(4)),
            parallel_iterations=1,
        )
        return sums[0] / tf.maximum(sums[1], 1.0), sums[2] / tf.maximum(sums[3], 1.0)

    def _learn(self, chosen: tf.Tensor) -> tf.Tensor:
        """One step on these rows: sums and counts of the losses, learnt from and kept from."""
        encoded, truth, learnt = (tf.gather(part, chosen) for part in self._data)
        with tf.GradientTape() as tape:
            losses = self._loss(truth, self._members(encoded, training=True))
            rows = tf.maximum(tf.reduce_sum(learnt, axis=0), 1.0)
            loss = tf.reduce_sum(tf.reduce_sum(losses * learnt, axis=0) / rows)
        variables = self._members.trainable_variables
        self._optimizer.apply(tape.gradient(loss, variables), variables)
        unseen = 1.0 - learnt
        parts = (losses * learnt, learnt, losses * unseen, unseen)
        return tf.stack([tf.reduce_sum(part) for part in parts])


def batch_size(rows: int) -> int:
    """The power of two that makes about 24 steps of an epoch, from 16 to 256 rows."""
    power = 1 << round(math.log2(max(1.0, rows / STEPS_PER_EPOCH)))
    return min(max(power, BATCH[0]), BATCH[1])


def _optimizer(architecture: Architecture, steps: int) -> keras.optimizers.Optimizer:
    rate, decay = LEARNING_RATE[architecture], WEIGHT_DECAY[architecture]
    warm_up = max(1, int(steps * WARM_UP))
    schedule = keras.optimizers.schedules.CosineDecay(
        rate * WARM_UP, max(1, steps - warm_up), warmup_target=rate, warmup_steps=warm_up
    )
    return keras.optimizers.AdamW(schedule, weight_decay=decay, beta_2=0.99)


def _absolute_error(truth: tf.Tensor, answers: tf.Tensor) -> tf.Tensor:
    """[rows, members]; its minimum is the median, whose error in the target's unit is least."""
    return tf.abs(answers[:, :, 0] - truth[:, None])


def _cross_entropy(truth: tf.Tensor, answers: tf.Tensor) -> tf.Tensor:
    every = tf.repeat(truth[:, None], tf.shape(answers)[1], axis=1)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(every, answers)


def _unseen(network: Network, answers: np.ndarray, kept_from: np.ndarray) -> np.ndarray:
    """What the members kept from each row say of it: in the target's unit, or shares."""
    count = kept_from.sum(axis=1)
    if network.config.task == "classification":
        shares = np.exp(answers - answers.max(axis=2, keepdims=True))
        shares /= shares.sum(axis=2, keepdims=True)
        return np.asarray((shares * kept_from[:, :, None]).sum(axis=1) / count[:, None])
    values = answers[:, :, 0].astype(np.float64)
    return network.restore((values * kept_from).sum(axis=1) / count)
