"""What the pipeline gives those who want more of an answer than its bytes."""

from __future__ import annotations

import orjson
import pytest

from support.worker import HOME
from vigie.errors import InvalidInput, NotFound
from vigie.serving.pipeline import Answered
from vigie.serving.runtime.messages import Request
from vigie.serving.worker_state import WorkerState

PATH = "/predict/housing"


def run(worker_state: WorkerState, row: dict[str, object], path: str = PATH) -> Answered:
    route = worker_state.pipeline.route(path)
    assert route is not None
    headers = {b"content-type": b"application/json"}
    body = orjson.dumps({"instances": [row]})
    return worker_state.pipeline.run(Request("POST", path, headers, body), route)


def test_a_result_comes_with_what_it_was_made_of(shared_worker_state: WorkerState) -> None:
    answered = run(shared_worker_state, HOME | {"surface_m2": 900})
    live = answered.context.known_live
    assert (answered.response.status, answered.error) == (200, None)
    assert live is shared_worker_state.manager.slots["housing"].live
    assert list(answered.context.decoded.outside) == ["surface_m2"]
    assert answered.result is not None
    said = orjson.loads(answered.response.body)["predictions"][0]
    assert said["price_eur"] == answered.result.answers.outputs["price_eur"].tolist()[0]


def test_a_refusal_comes_with_its_error(shared_worker_state: WorkerState) -> None:
    answered = run(shared_worker_state, HOME | {"rooms": 99})
    assert (answered.response.status, answered.result) == (422, None)
    assert isinstance(answered.error, InvalidInput)
    assert [one.field for one in answered.error.fields] == ["rooms"]
    assert answered.context.known_live is not None


def test_what_is_refused_early_has_no_version(shared_worker_state: WorkerState) -> None:
    answered = run(shared_worker_state, HOME, "/predict/nothing")
    assert answered.response.status == 404
    assert isinstance(answered.error, NotFound)
    assert answered.context.known_live is None


def test_a_failure_that_nobody_expected_is_the_cause_of_what_is_shown(
    shared_worker_state: WorkerState, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure = RuntimeError("secret")

    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr("vigie.serving.runtime.model_slot.ModelSlot.run", fail)
    answered = run(shared_worker_state, HOME)
    assert answered.response.status == 500
    assert answered.error is not None
    assert answered.error.__cause__ is failure
    assert b"secret" not in answered.response.body
