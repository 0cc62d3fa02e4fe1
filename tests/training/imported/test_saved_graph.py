"""What of a SavedModel's graph counts, and which of its signatures takes values."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

from support.saved_models import (
    write_estimator_model,
    write_iris_model,
    write_reaching_model,
    write_written_beside,
)
from vigie.errors import DataError, RefusedPackage
from vigie.training.imported.saved_graph import running_operators, takes_examples
from vigie.training.imported.saved_model import check_saved_model, load_saved_model


def graph_of(path: Path) -> MetaGraphDef:
    content = (path / "saved_model.pb").read_bytes()
    return saved_model_pb2.SavedModel.FromString(content).meta_graphs[0]


def test_dead_ends_do_not_run(tmp_path: Path) -> None:
    write_iris_model(tmp_path / "1")
    meta = graph_of(tmp_path / "1")
    assert "HistogramSummary" in {node.op for node in meta.graph_def.node}
    running = running_operators(meta)
    assert not {name for name in running if "Summary" in name}
    assert {"Softmax", "RestoreV2"} <= running
    check_saved_model(tmp_path / "1")


def test_what_lies_beside_the_path_is_never_run(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    write_written_beside(tmp_path / "1", canary)
    graph = load_saved_model(tmp_path / "1")
    assert graph.call(x=tf.constant([1.0]))["y"].numpy().tolist() == [2.0]
    assert not canary.exists()


@pytest.mark.parametrize("python", [False, True], ids=["as it is loaded", "as it is asked"])
def test_what_an_answer_or_the_loading_depends_on_is_looked_at(
    tmp_path: Path, python: bool
) -> None:
    canary = tmp_path / "canary"
    write_reaching_model(tmp_path / "1", canary, python)
    canary.unlink(missing_ok=True)
    with pytest.raises(RefusedPackage, match="operator that reaches out"):
        load_saved_model(tmp_path / "1")
    assert not canary.exists()


def test_functions_are_looked_at_whole(tmp_path: Path) -> None:
    def answer(x: tf.Tensor) -> dict[str, tf.Tensor]:
        tf.print("x")
        return {"y": x}

    module = tf.Module()
    module.answer = tf.function(answer, [tf.TensorSpec([None], tf.float32)])
    tf.saved_model.save(module, str(tmp_path / "1"), {"serving_default": module.answer})
    with pytest.raises(RefusedPackage, match="reaches out: PrintV2"):
        check_saved_model(tmp_path / "1")


def test_values_are_preferred_to_serialised_examples(tmp_path: Path) -> None:
    write_estimator_model(tmp_path / "1")
    meta = graph_of(tmp_path / "1")
    assert {name: takes_examples(meta, one) for name, one in meta.signature_def.items()} == {
        "serving_default": True,
        "predict": False,
    }
    graph = load_saved_model(tmp_path / "1")
    assert graph.signature == "predict"
    assert graph.tensors[0].name == "petal_length"


def test_examples_alone_cannot_be_served(tmp_path: Path) -> None:
    write_estimator_model(tmp_path / "1", raw=False)
    with pytest.raises(DataError, match="build_raw_serving_input_receiver_fn"):
        load_saved_model(tmp_path / "1")


def test_of_several_signatures_one_is_chosen(tmp_path: Path) -> None:
    write_estimator_model(tmp_path / "1", default=False)
    with pytest.raises(DataError, match="its signatures: first, second; choose one with --sign"):
        load_saved_model(tmp_path / "1")
    with pytest.raises(DataError, match="no signature `third`; its signatures: first, second"):
        load_saved_model(tmp_path / "1", "third")
    assert load_saved_model(tmp_path / "1", "second").signature == "second"
