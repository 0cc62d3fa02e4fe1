"""Labels and scores, numbers and vectors: what of a graph is served, and under which names."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
import skl2onnx
from onnx import helper
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from support.imported_graphs import answers, by_column, imported, refusal
from support.onnx_models import (
    FLOAT,
    model_of,
    node,
    perceptron,
    tree_classifier,
    tree_classifier_answers,
    tree_regressor,
    value,
)

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("labels", [(0, 1), ("stays", "leaves")])
@pytest.mark.parametrize("zipmap", [True, False])
def test_a_classifier_of_trees(tmp_path: Path, labels: tuple[Any, Any], zipmap: bool) -> None:
    rows = RNG.uniform(size=(8, 2)).astype(np.float32)
    predictor = imported(tmp_path, tree_classifier(labels, zipmap), columns=("age", "income"))
    document = predictor.package.document
    assert (document.task, document.labels) == ("classification", tuple(map(str, labels)))
    assert [o.name for o in document.outputs] == ["probabilities"]
    graph = onnx.load(predictor.package.onnx_path).graph
    assert "ZipMap" not in {each.op_type for each in graph.node}
    found = answers(predictor, by_column(("age", "income"), rows))
    np.testing.assert_allclose(found, tree_classifier_answers(rows), 1e-5)


def test_labels_of_ones_own_replace_those_of_the_graph(tmp_path: Path) -> None:
    predictor = imported(tmp_path, tree_classifier(), labels=("stays", "leaves"))
    assert predictor.package.document.labels == ("stays", "leaves")


@pytest.mark.parametrize(("targets", "task"), [(1, "regression"), (3, "embedding")])
def test_a_regressor_of_trees(tmp_path: Path, targets: int, task: str) -> None:
    predictor = imported(tmp_path, tree_regressor(targets), columns=("a", "b"))
    assert predictor.package.document.task == task
    found = answers(predictor, [{"a": 0.0, "b": 1.0}, {"a": 1.0, "b": 0.0}]).reshape(2, -1)
    assert found.sum(axis=1).tolist() == [21.0, 12.0]


FLOWERS = RNG.uniform(0, 8, (60, 4)).astype(np.float32)
KINDS = np.array(["daisy", "rose", "tulip"])[FLOWERS[:, :3].argmax(axis=1)]
COLUMNS = ("length", "width", "height", "weight")
CLASSIFIERS: dict[str, Callable[[], BaseEstimator]] = {
    "linear": lambda: LogisticRegression(),
    "forest": lambda: RandomForestClassifier(4, random_state=1),
    "neighbours": lambda: KNeighborsClassifier(3),
    "network": lambda: MLPClassifier(max_iter=200, random_state=1),
    "scaled": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
}


WAYS = [*((kind, True) for kind in CLASSIFIERS), ("forest", False), ("network", "columns")]


@pytest.mark.parametrize(("kind", "zipmap"), WAYS)
@pytest.mark.filterwarnings("ignore")
def test_a_classifier_of_scikit_learn(tmp_path: Path, kind: str, zipmap: bool | str) -> None:
    model = CLASSIFIERS[kind]().fit(FLOWERS, KINDS)
    graph = skl2onnx.to_onnx(model, FLOWERS[:1], options={"zipmap": zipmap})
    predictor = imported(tmp_path, graph, columns=COLUMNS)
    assert predictor.package.document.labels == ("daisy", "rose", "tulip")
    found = answers(predictor, by_column(COLUMNS, FLOWERS))
    np.testing.assert_allclose(found, model.predict_proba(FLOWERS), 1e-4, 1e-5)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_regressor_of_scikit_learn(tmp_path: Path, kind: type) -> None:
    model = RandomForestRegressor(4, random_state=1).fit(FLOWERS, FLOWERS[:, :2])
    predictor = imported(tmp_path, skl2onnx.to_onnx(model, FLOWERS[:1].astype(kind)))
    found = answers(predictor, [{"X": row.tolist()} for row in FLOWERS[:9]])
    np.testing.assert_allclose(found, model.predict(FLOWERS[:9]), 1e-5)


def test_a_pipeline_of_scikit_learn_with_named_columns(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "living area (m²)": FLOWERS[:, 0],
            "rooms": np.arange(60) % 5,
            "kind": KINDS,
        }
    )
    model = make_pipeline(
        ColumnTransformer(
            [
                ("numbers", StandardScaler(), ["living area (m²)", "rooms"]),
                ("texts", OneHotEncoder(handle_unknown="ignore"), ["kind"]),
            ]
        ),
        LogisticRegression(),
    ).fit(frame, FLOWERS[:, 1] > 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = skl2onnx.to_onnx(model, frame[:1].astype({"rooms": np.int64}))
    predictor = imported(tmp_path, graph)
    document = predictor.package.document
    assert [(i.name, i.dtype) for i in document.inputs] == [
        ("living_area__m", "float32"), ("rooms", "int64"), ("kind", "string"),
    ]  # fmt: skip
    rows = frame.rename(columns={"living area (m²)": "living_area__m"}).to_dict("records")
    found = answers(predictor, [{str(k): v for k, v in row.items()} for row in rows])
    np.testing.assert_allclose(found, model.predict_proba(frame), 1e-4, 1e-5)


@pytest.mark.filterwarnings("ignore")
def test_clusters_are_numbers(tmp_path: Path) -> None:
    model = KMeans(3, random_state=1, n_init=1).fit(FLOWERS)
    predictor = imported(tmp_path, skl2onnx.to_onnx(model, FLOWERS[:1]))
    rows = [{"X": row.tolist()} for row in FLOWERS]
    assert answers(predictor, rows).tolist() == model.predict(FLOWERS).tolist()
    np.testing.assert_allclose(answers(predictor, rows, 1), model.transform(FLOWERS), 1e-3, 1e-3)


@pytest.mark.filterwarnings("ignore")
def test_a_margin_is_no_probability(tmp_path: Path) -> None:
    graph = skl2onnx.to_onnx(LinearSVC().fit(FLOWERS, KINDS == "rose"), FLOWERS[:1])
    assert "one number and no probability" in refusal(tmp_path, graph)


def test_one_probability_becomes_two(tmp_path: Path) -> None:
    model = model_of(
        [node("Sigmoid", ["x"], ["wide"]), node("Reshape", ["wide", "flat"], ["chance"])],
        [value("x", FLOAT, ["n", 1])], [value("chance", FLOAT, ["n"])],
        {"flat": np.array([-1], np.int64)},
    )  # fmt: skip
    predictor = imported(tmp_path, model, labels=("no", "yes"))
    found = answers(predictor, [{"x": 0.0}, {"x": 3.0}])
    np.testing.assert_allclose(found, [[0.5, 0.5], [0.04742587, 0.95257413]], 1e-5)


def test_labels_that_no_output_has_scores_for(tmp_path: Path) -> None:
    said = refusal(tmp_path, perceptron(), "a", "b", "c")
    assert said == "--labels names 3 labels, and no output has a score for each of them"
    only = tree_classifier(("no", "yes"), zipmap=False)
    del only.graph.output[1]
    assert "the graph has 2 labels, and no output" in refusal(tmp_path, only)


def test_labels_in_another_order_than_the_scores(tmp_path: Path) -> None:
    model = tree_classifier(("no", "yes"), zipmap=False)
    for scores in model.graph.node[0].attribute:
        if scores.name == "class_weights":
            scores.floats[:] = [0.1, 0.1, 0.9, 0.9]
    turned = node("Concat", ["right", "left"], ["probabilities"], axis=1)
    model.graph.node[0].output[1] = "raw"
    model.graph.node.extend([node("Split", ["raw"], ["left", "right"], axis=1), turned])
    model.opset_import.append(helper.make_opsetid("", 13))
    assert "do not fit the labels that it answers" in refusal(tmp_path, model)
