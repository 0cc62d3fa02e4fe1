"""Served answers are those of the Keras model: every recipe, both engines, both transports."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import orjson
import pytest

from support.trained import TrainedPackage, train_package
from vigie.models.decoding import RowDecoder
from vigie.models.feeds import feeds_of
from vigie.registry.cache import ModelCache
from vigie.serving.app import create_app
from vigie.serving.fast_lane import FastLane
from vigie.serving.runtime.messages import Request, Response
from vigie.serving.worker_state import WorkerState, assemble
from vigie.settings import load_settings

ROWS = 1000
RECIPES = ("housing", "iris", "king_county", "california")


@pytest.fixture(scope="module", params=RECIPES)
def package(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> TrainedPackage:
    cache = ModelCache(tmp_path_factory.mktemp("cache"))
    name = request.param
    with cache.lock(name) as incoming:
        made = train_package(name, incoming / "package")
        cache.install(name, incoming / "package", made.digest, "1", "run")
        cache.point(name, made.digest)
    found = cache.champion(name)
    assert found is not None
    return TrainedPackage(name, found.root, made.digest, made.plan, made.training, made.held_out)


@pytest.fixture(scope="module", params=["onnx", "tensorflow"])
def worker_state(
    request: pytest.FixtureRequest,
    package: TrainedPackage,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[WorkerState]:
    settings = load_settings(
        cache=package.root.parents[2],
        state=tmp_path_factory.mktemp("state"),
        models=package.name,
        engine=request.param,
    )
    made = assemble(settings)
    made.manager.refresh()
    yield made
    made.close()


def varied_rows(package: TrainedPackage) -> list[dict[str, Any]]:
    """Real rows, some with values left out and some with values that training never saw."""
    rows = (package.held_out.rows() + package.training.rows())[:ROWS]
    for index, row in enumerate(rows):
        for item in package.plan.inputs:
            if not item.required and index % 5 == 0:
                row.pop(item.name, None)
            if item.choices and not item.choices.closed and index % 7 == 0:
                row[item.name] = 99999 if item.integral else "never seen"
    return rows


def keras_answers(package: TrainedPackage, rows: list[dict[str, Any]]) -> np.ndarray:
    model = keras.saving.load_model(package.root / "data" / "model.keras", compile=False)
    inputs = package.plan.inputs
    feeds = feeds_of(inputs, RowDecoder(inputs).decode(rows).columns)
    tensors = {
        name: keras.ops.convert_to_tensor(value.astype(str) if value.dtype == object else value)
        for name, value in feeds.items()
    }
    answers: np.ndarray = model.predict(tensors, batch_size=256, verbose=0)
    return answers


def served(
    worker_state: WorkerState, name: str, body: bytes, transport: str
) -> list[dict[str, Any]]:
    if transport == "flask":
        client = create_app(worker_state=worker_state).test_client()
        answer = client.post(f"/predict/{name}", data=body, content_type="application/json")
        assert answer.status_code == 200
        found: list[dict[str, Any]] = orjson.loads(answer.data)["predictions"]
        return found
    route = worker_state.pipeline.route(f"/predict/{name}")
    assert route is not None

    async def ask() -> bytes:
        request = Request("POST", f"/predict/{name}", {b"content-type": b"application/json"}, body)
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Response] = loop.create_future()
        lane = FastLane(worker_state.pipeline, worker_state.metrics)
        lane.answer(request, route, loop, answered.set_result)
        response = await answered
        assert response.status == 200
        return response.body

    return list(orjson.loads(asyncio.run(ask()))["predictions"])


@pytest.mark.parametrize("transport", ["flask", "fast lane"])
def test_served_answers_are_those_of_keras(
    worker_state: WorkerState, package: TrainedPackage, transport: str
) -> None:
    rows = varied_rows(package)
    predictions = served(worker_state, package.name, orjson.dumps({"instances": rows}), transport)
    expected = keras_answers(package, rows)
    document = worker_state.manager.slot(package.name).live
    assert document is not None
    labels = document.predictor.package.document.labels
    if labels:
        got = np.array([[p["scores"][label] for label in labels] for p in predictions])
    else:
        name = package.plan.target.name
        got = np.array([[p[name]] for p in predictions])
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)
    assert len(rows) == min(ROWS, len(package.training) + len(package.held_out))


def test_mlflow_loads_the_same_model(package: TrainedPackage) -> None:
    import mlflow

    loaded = mlflow.keras.load_model(str(package.root))
    assert {tensor.name for tensor in loaded.inputs} >= {i.name for i in package.plan.inputs}
