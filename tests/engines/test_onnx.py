"""ONNX Runtime answers like numpy, a batch like its rows, and hides its own texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from support.packages import housing_graph, iris_graph
from vigie.engines.onnx import OnnxEngine
from vigie.errors import ModelFailure, RefusedPackage

RNG = np.random.default_rng(5)


def engine_of(folder: Path, graph: onnx.ModelProto) -> OnnxEngine:
    onnx.save(graph, folder / "model.onnx")
    return OnnxEngine(folder / "model.onnx")


def homes(rows: int) -> dict[str, np.ndarray]:
    def column(low: float, high: float) -> np.ndarray:
        return RNG.uniform(low, high, (rows, 1)).astype(np.float32)

    return {
        "surface_m2": column(9, 300),
        "rooms": column(1, 9).round(),
        "property_type": RNG.choice(np.array(["apartment", "house"], object), (rows, 1)),
        "land_m2": column(0, 5000),
        "land_m2__missing": column(0, 1).round(),
        "district": RNG.choice(np.array(["1", "2", "3", "", "9"], object), (rows, 1)),
    }


def formula(feeds: dict[str, np.ndarray]) -> np.ndarray:
    """The graph of the test package, in numpy."""
    kind = {"apartment": 0, "house": 1}
    area = {"1": 1, "2": 2, "3": 3}
    answer: np.ndarray = (
        3000.0 * feeds["surface_m2"]
        + 1000.0 * feeds["rooms"]
        + 20000.0 * np.vectorize(lambda text: kind.get(text, -1))(feeds["property_type"])
        + 500.0 * np.vectorize(lambda text: area.get(text, -1))(feeds["district"])
        + 7.0 * feeds["land_m2"]
        - 700.0 * feeds["land_m2__missing"]
    )
    return answer


def test_a_graph_with_texts_answers_like_numpy(tmp_path: Path) -> None:
    feeds = homes(200)
    answered = engine_of(tmp_path, housing_graph()).run(feeds)
    assert list(answered) == ["price_eur"]
    np.testing.assert_allclose(answered["price_eur"], formula(feeds), rtol=1e-5)


def test_an_unknown_text_is_looked_up_as_unknown(tmp_path: Path) -> None:
    feeds = homes(1)
    feeds["property_type"][0, 0] = "château d'eau"
    answered = engine_of(tmp_path, housing_graph()).run(feeds)
    np.testing.assert_allclose(answered["price_eur"], formula(feeds), rtol=1e-5)


def test_a_batch_answers_like_its_rows_alone(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, iris_graph())
    feeds = {name: RNG.uniform(0, 8, (33, 1)).astype(np.float32) for name in engine.inputs}
    together = engine.run(feeds)["probabilities"]
    alone = [
        engine.run({name: column[i : i + 1] for name, column in feeds.items()})["probabilities"]
        for i in range(33)
    ]
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=1e-6)
    np.testing.assert_allclose(together.sum(axis=1), 1, rtol=1e-5)


def test_a_graph_tells_its_inputs_and_outputs(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, housing_graph())
    assert engine.inputs["district"] == "tensor(string)"
    assert engine.inputs["rooms"] == "tensor(float)"
    assert engine.outputs == ["price_eur"]


@pytest.mark.parametrize("content", [b"", b"not a graph", None])
def test_a_broken_file_is_refused_without_its_path(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RefusedPackage) as refused:
        OnnxEngine(path)
    assert str(refused.value) == "ONNX Runtime cannot load vigie/model.onnx"


@pytest.mark.parametrize("fault", ["absent", "type", "shape"])
def test_a_failure_in_the_graph_tells_nothing_of_the_input(tmp_path: Path, fault: str) -> None:
    feeds = homes(2)
    if fault == "absent":
        del feeds["rooms"]
    else:
        values = np.array([["s3cret"]] * 2, object)
        feeds["rooms"] = values if fault == "type" else np.zeros((3, 1), np.float32)
    with pytest.raises(ModelFailure) as failed:
        engine_of(tmp_path, housing_graph()).run(feeds)
    assert failed.value.reason == "engine"
    assert str(failed.value) == "The model failed on this input."
    assert failed.value.__cause__ is None
