"""SavedModels for tests: as BigQuery ML and estimators export them, and one that reaches out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
LABELS = ("cheap", "fair", "dear")
SPECIES = ("setosa", "virginica", "versicolor")
MEASURES = ("sepal_length", "sepal_width", "petal_length", "petal_width")


def write_bigquery_model(root: Path) -> None:
    """A TF1 graph with a text look-up, rank-1 inputs, float64, and its labels as an output."""
    with tf.Graph().as_default():
        size = v1.placeholder(tf.float64, [None], "size")
        kind = v1.placeholder(tf.string, [None], "kind")
        table = v1.lookup.StaticHashTable(
            v1.lookup.KeyValueTensorInitializer(
                tf.constant(["flat", "house"]), tf.constant([1, 2], tf.int64)
            ),
            0,
        )
        words = tf.one_hot(table.lookup(kind), 3, dtype=tf.float32)
        both = tf.concat([tf.cast(size, tf.float32)[:, None] / 100.0, words], 1)
        start = np.arange(12).reshape(4, 3).astype("float32") / 10
        weights = v1.get_variable("weights", initializer=start)
        shares = tf.nn.softmax(tf.matmul(both, weights))
        labels = tf.constant(list(LABELS))
        outputs = {
            "label_probs": shares,
            "label_values": tf.tile(labels[None], [tf.shape(shares)[0], 1]),
            "predicted_label": tf.gather(labels, tf.argmax(shares, 1))[:, None],
        }
        _save(root, {"size": size, "kind": kind}, outputs)


def write_iris_model(root: Path, shift: float = 0.0) -> None:
    """BigQuery ML's `iris_model`: numbers of rank 1, the labels by row, summaries beside the path.

    With a `shift` the scores are others.
    """
    with tf.Graph().as_default():
        inputs = {name: v1.placeholder(tf.float64, [None], name) for name in MEASURES}
        scores = _scores([tf.cast(value, tf.float32) for value in inputs.values()], shift)
        shares, labels = tf.nn.softmax(scores), tf.constant(list(SPECIES))
        outputs = {
            "species_probs": tf.cast(shares, tf.float64),
            "species_values": tf.tile(labels[None], [tf.shape(shares)[0], 1]),
            "predicted_species": tf.gather(labels, tf.argmax(shares, 1))[:, None],
        }
        _save(root, inputs, outputs)


def write_estimator_model(root: Path, raw: bool = True, default: bool = True) -> None:
    """A canned classifier: `serving_default` takes `tf.Example`, and `predict` values where `raw`.

    Without a `default` both signatures have names of their own.
    """
    with tf.Graph().as_default():
        examples = v1.placeholder(tf.string, [None], "input_example_tensor")
        features = {name: tf.io.FixedLenFeature([1], tf.float32) for name in MEASURES}
        parsed = v1.io.parse_example(examples, features)
        weights = v1.get_variable("weights", initializer=_weights())
        signatures = {
            "serving_default": ({"inputs": examples}, _predictions(list(parsed.values()), weights))
        }
        if raw:
            values = {name: v1.placeholder(tf.float32, [None], name) for name in MEASURES}
            columns = [value[:, None] for value in values.values()]
            signatures["predict"] = (values, _predictions(columns, weights))
        if not default:
            signatures = dict(zip(("first", "second"), [signatures["predict"]] * 2, strict=True))
        _save_signatures(root, signatures)


def _predictions(columns: list[tf.Tensor], weights: tf.Tensor) -> dict[str, tf.Tensor]:
    """What the head of a classifier answers to columns [rows, 1]."""
    logits = tf.matmul(tf.concat(columns, 1), weights)
    v1.summary.histogram("activation", logits)
    shares = tf.nn.softmax(logits)
    best, rows = tf.argmax(shares, 1), tf.shape(shares)[0]
    texts = tf.constant(["0", "1", "2"])
    return {
        "logits": logits,
        "probabilities": shares,
        "class_ids": best[:, None],
        "classes": tf.gather(texts, best)[:, None],
        "all_class_ids": tf.tile(tf.range(3)[None], [rows, 1]),
        "all_classes": tf.tile(texts[None], [rows, 1]),
    }


def write_regressor(root: Path, counted: bool = False) -> None:
    """One number a row, [rows, 1], and a scalar of what went on meanwhile that nobody asks for.

    `counted` adds an output of whole numbers.
    """
    with tf.Graph().as_default():
        x = v1.placeholder(tf.float32, [None], "x")
        y = 2.0 * x[:, None] + 1.0
        v1.summary.scalar("mean", tf.reduce_mean(y))
        counts = {"count": tf.cast(x, tf.int64)} if counted else {}
        _save(root, {"x": x}, {"predictions": y} | counts)


def _weights() -> np.ndarray:
    return np.random.default_rng(8).normal(size=(4, 3)).astype(np.float32)


def _scores(values: list[tf.Tensor], shift: float) -> tf.Tensor:
    weights = v1.get_variable("weights", initializer=_weights() + np.float32(shift) * np.eye(4, 3))
    scores = tf.matmul(tf.stack(values, 1), tf.cast(weights, tf.float32))
    v1.summary.histogram("scores", scores)
    v1.summary.merge_all()
    return scores


def write_reaching_model(root: Path, canary: Path, python: bool = False) -> None:
    """A graph that writes a file, or calls Python, when it is asked or loaded."""
    with tf.Graph().as_default():
        x = v1.placeholder(tf.float32, [None], "x")
        if python:
            (called,) = v1.py_func(lambda value: [value], [x], [tf.float32])
            _save(root, {"x": x}, {"y": tf.reshape(called, [-1])})
            return
        written = tf.io.write_file(str(canary), "x")
        with tf.control_dependencies([written]):
            y = x + 1.0
        _save(root, {"x": x}, {"y": y}, written)


def write_written_beside(root: Path, canary: Path) -> None:
    """A graph with a node that writes a file, on which no answer depends."""
    with tf.Graph().as_default():
        x = v1.placeholder(tf.float32, [None], "x")
        tf.io.write_file(str(canary), "x")
        _save(root, {"x": x}, {"y": x + 1.0})


def _save(
    root: Path, inputs: dict[str, tf.Tensor], outputs: dict[str, tf.Tensor], start: object = None
) -> None:
    _save_signatures(root, {"serving_default": (inputs, outputs)}, start)


def _save_signatures(
    root: Path,
    signatures: dict[str, tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]],
    start: object = None,
) -> None:
    info = v1.saved_model.build_tensor_info
    described = {
        name: v1.saved_model.build_signature_def(
            {key: info(tensor) for key, tensor in inputs.items()},
            {key: info(tensor) for key, tensor in outputs.items()},
            "tensorflow/serving/predict",
        )
        for name, (inputs, outputs) in signatures.items()
    }
    begin = tf.group(v1.tables_initializer(), *([start] if start is not None else []))
    with v1.Session() as session:
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        builder = v1.saved_model.Builder(str(root))
        builder.add_meta_graph_and_variables(session, ["serve"], described, main_op=begin)
        builder.save()
