"""What the service tells those who operate it about its models."""

from __future__ import annotations

from typing import Any

from support.packages import install
from support.worker import HOME
from vigie.registry.cache import ModelCache, Refusal
from vigie.serving.app import create_app
from vigie.serving.worker_state import WorkerState


def state_of(worker_state: WorkerState, name: str) -> dict[str, Any]:
    response = create_app(worker_state=worker_state).test_client().get(f"/v1/models/{name}")
    found: dict[str, Any] = response.get_json()
    assert response.status_code == 200
    return found


def test_one_model_is_told_as_in_the_list(worker_state: WorkerState) -> None:
    client = create_app(worker_state=worker_state).test_client()
    listed = {model["name"]: model for model in client.get("/v1/models").get_json()["models"]}
    said = state_of(worker_state, "iris")
    (version,) = said.pop("versions")
    (status,) = said.pop("model_version_status")
    assert said == listed["iris"]
    assert version == {
        "version": "1",
        "digest": said["digest"],
        "state": "serving",
        "loaded_at": said["loaded_at"],
    }
    assert status == {
        "version": "1",
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }


def test_a_refused_candidate_has_its_reason(cache: ModelCache, worker_state: WorkerState) -> None:
    cache.refuse("housing", Refusal("2", "f" * 64, "the golden rows differ"))
    said = state_of(worker_state, "housing")
    assert (said["state"], said["version"]) == ("serving", "1")
    assert said["refused"] == {"version": "2", "reason": "the golden rows differ"}


def test_a_candidate_that_is_being_imported_is_not_refused(
    cache: ModelCache, worker_state: WorkerState
) -> None:
    cache.refuse("housing", Refusal("2", "", "its package is being made", pending=True))
    said = state_of(worker_state, "housing")
    assert (said["state"], "refused" in said) == ("serving", False)
    assert said["importing"] == {"version": "2", "reason": "its package is being made"}


def test_a_model_whose_first_version_is_being_imported_says_so(
    cache: ModelCache, worker_state: WorkerState
) -> None:
    cache.refuse("churn", Refusal("1", "", "its package is being made", pending=True))
    assert worker_state.manager.why_not("churn") == "its package is being made"


def test_a_replaced_version_is_there_as_long_as_a_request_runs_on_it(
    cache: ModelCache, worker_state: WorkerState
) -> None:
    request = worker_state.manager.slot("housing").live
    assert request is not None
    install(cache, "housing", "2", factor=2.0)
    worker_state.manager.refresh()
    states = [(v["version"], v["state"]) for v in state_of(worker_state, "housing")["versions"]]
    assert states == [("2", "serving"), ("1", "ending")]
    statuses = state_of(worker_state, "housing")["model_version_status"]
    assert [(s["version"], s["state"]) for s in statuses] == [
        ("2", "AVAILABLE"),
        ("1", "UNLOADING"),
    ]
    assert request.predictor.decoder.decode([HOME]).rows == 1
    del request
    assert [v["version"] for v in state_of(worker_state, "housing")["versions"]] == ["2"]


def test_an_unknown_model_is_told_as_tensorflow_serving_does(worker_state: WorkerState) -> None:
    response = create_app(worker_state=worker_state).test_client().get("/v1/models/castle")
    assert response.status_code == 404
    assert response.get_json() == {
        "error": "There is no such model here; GET /v1/models lists them."
    }
