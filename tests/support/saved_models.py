"""SavedModels for tests: as BigQuery ML exports them, and one that reaches out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
LABELS = ("cheap", "fair", "dear")


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


def _save(
    root: Path, inputs: dict[str, tf.Tensor], outputs: dict[str, tf.Tensor], start: object = None
) -> None:
    info = v1.saved_model.build_tensor_info
    signature = v1.saved_model.build_signature_def(
        {name: info(tensor) for name, tensor in inputs.items()},
        {name: info(tensor) for name, tensor in outputs.items()},
        "tensorflow/serving/predict",
    )
    begin = tf.group(v1.tables_initializer(), *([start] if start is not None else []))
    with v1.Session() as session:
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        builder = v1.saved_model.Builder(str(root))
        builder.add_meta_graph_and_variables(
            session, ["serve"], {"serving_default": signature}, main_op=begin
        )
        builder.save()
