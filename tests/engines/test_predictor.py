"""A predictor: decoded rows in, rounded and finite answers out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import orjson
import pytest
from onnx import TensorProto, helper

from support.packages import (
    HOUSING_ROWS,
    IRIS_ROWS,
    housing_document,
    housing_graph,
    iris_document,
    iris_graph,
    write_package,
)
from vigie.engines.predictor import Answers, Predictor, open_predictor
from vigie.errors import InvalidInput, ModelFailure, RefusedPackage
from vigie.models.document import PackageDocument
from vigie.models.package import read_package


def predictor_of(folder: Path, document: dict[str, Any], graph: onnx.ModelProto) -> Predictor:
    rows = IRIS_ROWS if document["name"] == "iris" else HOUSING_ROWS
    digest = write_package(folder / "package", document, graph, rows)
    return open_predictor(read_package(folder / "package", digest))


@pytest.fixture
def housing(tmp_path: Path) -> Predictor:
    return predictor_of(tmp_path, housing_document(), housing_graph())


def reciprocal() -> tuple[dict[str, Any], onnx.ModelProto]:
    """A model that answers 1 / x, which is infinite for 0."""
    document = {
        **housing_document(),
        "inputs": [
            {"name": "x", "label": "x", "dtype": "float32", "tensor": "float32", "example": 1}
        ],
        "outputs": [{"name": "y", "label": "y", "tensor": "y"}],
    }
    graph = helper.make_graph(
        [helper.make_node("Reciprocal", ["x"], ["y"])],
        "reciprocal",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
    )
    opsets = [helper.make_opsetid("", 17)]
    return document, helper.make_model(graph, opset_imports=opsets, ir_version=9)


def test_rows_as_callers_send_them_get_the_answers_of_the_formula(housing: Predictor) -> None:
    answers = housing.predict(housing.decoder.decode(HOUSING_ROWS).columns)
    first = 3000 * 54 + 1000 * 3 - 500 + 7 * 100 - 700
    second = 3000 * 120.5 + 1000 * 5 + 20000 + 500 * 2 + 7 * 400
    assert answers.outputs["price_eur"].tolist() == [first, second]
    assert answers.lower is None


def test_a_batch_answers_like_its_rows_alone(housing: Predictor) -> None:
    rows = [{**HOUSING_ROWS[index % 2], "surface_m2": 20 + index} for index in range(20)]
    together = housing.predict(housing.decoder.decode(rows).columns)
    for row, part in zip(rows, together.parts([1] * 20), strict=True):
        alone = housing.predict(housing.decoder.decode([row]).columns)
        assert part.outputs["price_eur"].tolist() == alone.outputs["price_eur"].tolist()


def test_answers_are_rounded_as_the_output_says(tmp_path: Path) -> None:
    document = housing_document()
    document["outputs"] = [{**document["outputs"][0], "decimals": 0}]
    predictor = predictor_of(tmp_path, document, housing_graph(1.00001))
    (price,) = predictor.predict(predictor.decoder.decode(HOUSING_ROWS[:1]).columns).outputs[
        "price_eur"
    ]
    assert price == round(price)
    assert price.dtype == np.float64


def test_an_interval_encloses_the_answer_and_is_cut_with_the_rows(tmp_path: Path) -> None:
    interval = {"level": 0.9, "scale": "plain", "sizes": [0.0], "widths": [1000.0]}
    document = {**housing_document(), "interval": interval}
    predictor = predictor_of(tmp_path, document, housing_graph())
    answers = predictor.predict(predictor.decoder.decode(HOUSING_ROWS).columns)
    _, part = answers.parts([1, 1])
    assert part.lower is not None
    assert part.upper is not None
    (price,) = part.outputs["price_eur"]
    assert (part.lower.tolist(), part.upper.tolist()) == ([price - 1000], [price + 1000])


def test_a_vector_output_keeps_its_shape(tmp_path: Path) -> None:
    predictor = predictor_of(tmp_path, iris_document(), iris_graph())
    decoded = predictor.decoder.decode(IRIS_ROWS * 4)
    assert predictor.predict(decoded.columns).outputs["probabilities"].shape == (4, 3)


def test_an_answer_that_is_not_finite_is_a_failure_and_not_an_answer(tmp_path: Path) -> None:
    document, graph = reciprocal()
    digest = write_package(tmp_path / "package", document, graph, [{"x": 2.0}])
    predictor = open_predictor(read_package(tmp_path / "package", digest))
    predictor.check_golden()
    with pytest.raises(ModelFailure) as failed:
        predictor.predict(predictor.decoder.decode([{"x": 4}, {"x": 0}]).columns)
    assert failed.value.reason == "nonfinite_output"


def _rewrite(predictor: Predictor, name: str, **changes: Any) -> Predictor:
    root = predictor.package.root
    path = root / "vigie" / name
    path.write_bytes(orjson.dumps({**orjson.loads(path.read_bytes()), **changes}))
    return open_predictor(read_package(root, "d" * 64))


def test_golden_rows_decide(housing: Predictor) -> None:
    housing.check_golden()
    wrong = _rewrite(housing, "golden.json", outputs={"price_eur": [1.0, 2.0]})
    with pytest.raises(RefusedPackage, match="differs by up to"):
        wrong.check_golden()
    unfit = _rewrite(housing, "golden.json", rows=[{"surface_m2": "large"}])
    with pytest.raises(InvalidInput):
        unfit.check_golden()


def test_an_output_that_the_graph_has_not_is_named(housing: Predictor) -> None:
    output = {"name": "price_eur", "label": "Price", "tensor": "worth"}
    with pytest.raises(RefusedPackage, match="no output named worth"):
        _rewrite(housing, "package.json", outputs=[output]).check_golden()


def test_a_package_without_a_graph_is_refused_with_the_remedy(housing: Predictor) -> None:
    housing.package.onnx_path.unlink()
    with pytest.raises(RefusedPackage, match="VIGIE_ENGINE=tensorflow"):
        open_predictor(housing.package)


def test_the_label_of_a_row_is_the_first_of_those_with_the_highest_score() -> None:
    document = PackageDocument.model_validate(iris_document())
    name = document.outputs[0].name
    scores = np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 0.0], [0.2, 0.4, 0.4]], np.float32)
    answers = Answers({name: scores})
    first, second, third = document.labels
    assert answers.labels(document) == [third, first, second]
    assert answers.parts([1, 1, 1])[1].labels(document) == [first]
    assert Answers({name: scores[:0]}).labels(document) == []
