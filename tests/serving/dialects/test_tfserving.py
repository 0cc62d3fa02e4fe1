"""TensorFlow Serving: the requests of its documentation, and what is wrong with a body."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.packages import install, iris_document
from support.transport import Answer
from support.worker import FLOWER, HOME, filled_cache, loaded, post, settings_for
from vigie.registry.cache import ModelCache
from vigie.serving.app import create_app
from vigie.serving.worker_state import WorkerState

HALF = "/v1/models/half_plus_two:predict"
IRIS = "/v1/models/iris:predict"
SENSORS = "/v1/models/sensors:predict"
HOUSING = "/v1/models/housing:predict"
PRICE = 164500.0
BY_ROW = b"""{
 "instances": [
   {
     "tag": "foo",
     "signal": [1, 2, 3, 4, 5],
     "sensor": [[1, 2], [3, 4]]
   },
   {
     "tag": "bar",
     "signal": [3, 4, 1, 2, 5],
     "sensor": [[4, 5], [6, 8]]
   }
 ]
}"""
BY_COLUMN = b"""{
 "inputs": {
   "tag": ["foo", "bar"],
   "signal": [[1, 2, 3, 4, 5], [3, 4, 1, 2, 5]],
   "sensor": [[[1, 2], [3, 4]], [[4, 5], [6, 8]]]
 }
}"""
DOUBLED = [[2.0, 4.0, 6.0, 8.0, 10.0], [6.0, 8.0, 2.0, 4.0, 10.0]]


def error(answer: Answer) -> str:
    said = answer.json()
    assert list(said) == ["error"]
    text: str = said["error"]
    return text


# --- the documentation of TensorFlow Serving


@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        (HALF, b'{"instances": [1.0, 2.0, 5.0]}', {"predictions": [2.5, 3.0, 4.5]}),
        (HALF, b'{"instances": [1.0,2.0,5.0]}', {"predictions": [2.5, 3.0, 4.5]}),
        (HALF, b'{"instances": [{"x": 1.0}, {"x": 2.0}]}', {"predictions": [2.5, 3.0]}),
        (HALF, b'{"inputs": [1.0, 2.0, 5.0]}', {"outputs": [2.5, 3.0, 4.5]}),
        (HALF, b'{"inputs": {"x": [1.0, 2.0]}}', {"outputs": [2.5, 3.0]}),
        (HALF, b'{"inputs": {"x": [[1.0], [2.0]]}}', {"outputs": [2.5, 3.0]}),
        (HALF, b'{"instances": [[1.0], [2.0]]}', {"predictions": [2.5, 3.0]}),
        (
            "/v1/models/half_plus_two/versions/123:predict",
            b'{"signature_name": "serving_default", "instances": [1]}',
            {"predictions": [2.5]},
        ),
        (
            SENSORS,
            BY_ROW,
            {
                "predictions": [
                    {"doubled": DOUBLED[0], "kind": 101.0},
                    {"doubled": DOUBLED[1], "kind": 204.0},
                ]
            },
        ),
        (SENSORS, BY_COLUMN, {"outputs": {"doubled": DOUBLED, "kind": [101.0, 204.0]}}),
    ],
)
def test_the_documented_requests_get_the_documented_answers(
    tensor_worker_state: WorkerState, path: str, body: bytes, answer: dict[str, Any]
) -> None:
    said = post(tensor_worker_state, path, body)
    assert said.status == 200
    assert said.headers["content-type"] == "application/json"
    assert said.json() == answer


def test_the_status_is_that_of_the_documentation(tensor_worker_state: WorkerState) -> None:
    client = create_app(worker_state=tensor_worker_state).test_client()
    status = [
        {
            "version": "123",
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }
    ]
    whole = client.get("/v1/models/half_plus_two").get_json()
    assert whole["model_version_status"] == status
    for path in ("versions/123", "labels/champion"):
        said = client.get(f"/v1/models/half_plus_two/{path}").get_json()
        assert said == {"model_version_status": status}
    for path in ("versions/124", "labels/stable", "labels/challenger", "versions/124/metadata"):
        response = client.get(f"/v1/models/half_plus_two/{path}")
        assert response.status_code == 404
        assert list(response.get_json()) == ["error"]


def test_the_metadata_names_every_tensor(tensor_worker_state: WorkerState) -> None:
    client = create_app(worker_state=tensor_worker_state).test_client()
    said = client.get("/v1/models/sensors/metadata").get_json()
    assert said["model_spec"] == {"name": "sensors", "signature_name": "", "version": "123"}
    signature = said["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["inputs"]["sensor"] == {
        "dtype": "DT_INT64",
        "tensor_shape": {
            "dim": [{"size": size, "name": ""} for size in ("-1", "2", "2")],
            "unknown_rank": False,
        },
        "name": "sensor",
    }
    assert signature["inputs"]["tag"]["dtype"] == "DT_STRING"
    assert set(signature["outputs"]) == {"doubled", "kind"}


# --- forms


def test_rows_and_columns_are_answered_alike(shared_worker_state: WorkerState) -> None:
    rows = post(shared_worker_state, HOUSING, {"instances": [HOME, HOME | {"land_m2": 10}]})
    columns = {name: [value, value] for name, value in HOME.items()} | {"land_m2": [None, 10]}
    assert post(shared_worker_state, HOUSING, {"inputs": columns}).json() == {
        "outputs": rows.json()["predictions"]
    }
    assert rows.json()["predictions"][0] == PRICE


def test_a_classification_answers_its_scores(shared_worker_state: WorkerState) -> None:
    ours = post(shared_worker_state, "/predict/iris", FLOWER).json()["predictions"][0]
    said = post(shared_worker_state, "/v1/models/iris:predict", {"instances": [FLOWER]}).json()
    assert said == {"predictions": [list(ours["scores"].values())]}


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "image/png", ""]
)
def test_the_media_type_does_not_matter(tensor_worker_state: WorkerState, media_type: str) -> None:
    answer = post(tensor_worker_state, HALF, {"instances": [1]}, content_type=media_type)
    assert answer.status == 200


def test_base64_stands_for_text(
    tensor_worker_state: WorkerState, shared_worker_state: WorkerState
) -> None:
    encoded = {"b64": base64.b64encode(b"bar").decode()}
    row = json.loads(BY_ROW)["instances"][0]
    said = post(tensor_worker_state, SENSORS, {"instances": [row | {"tag": encoded}]})
    assert said.json()["predictions"][0]["kind"] == 201.0
    columns = {name: [value] for name, value in row.items()} | {"tag": [encoded]}
    said = post(tensor_worker_state, SENSORS, {"inputs": columns})
    assert said.json()["outputs"]["kind"] == [201.0]
    for broken in ("*", "abc", base64.b64encode(b"\xff").decode()):
        answer = post(shared_worker_state, HOUSING, _home(property_type={"b64": broken}))
        assert error(answer) == (
            "instances[0].property_type: expected one of apartment, house, got object"
        )
    assert post(shared_worker_state, HOUSING, _home(rooms={"b64": "Mw=="})).status == 400


# --- what is wrong


def _home(**changes: Any) -> dict[str, Any]:
    return {"instances": [HOME | changes]}


COLUMNS = {name: [value, value] for name, value in HOME.items()}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (_home(rooms="x"), "instances[0].rooms: expected integer from 1 to 50, got text"),
        (_home(castle=1), "instances[0].castle: no such input"),
        ({"instances": [HOME, 3]}, "instances[1]: expected object with one value per input"),
        ({"instances": [HOME, {}]}, "instances[1].surface_m2: expected number from 9 to 1000"),
        ({"instances": 3}, "instances: expected list, got integer"),
        ({"instances": []}, "instances: expected 1 to 10000 rows, got 0 rows"),
        ({"instances": [1.0]}, "instances: expected values by input name (surface_m2, rooms,"),
        ({"inputs": [1.0]}, "inputs: expected values by input name (surface_m2, rooms,"),
        ({"inputs": 3}, "inputs: expected object with one list per input, got integer"),
        ({"inputs": {}}, "inputs: expected object with one list per input, got object"),
        ({"inputs": {"rooms": 3}}, "inputs.rooms: expected list with one value per row"),
        ({"inputs": COLUMNS | {"rooms": [3, "x"]}}, "inputs.rooms[1]: expected integer from 1"),
        ({"inputs": COLUMNS | {"rooms": [3]}}, "inputs.rooms: expected 2 values, got 1 values"),
        ({"inputs": COLUMNS | {"castle": [3, 3]}}, "inputs.castle: no such input"),
        ({"inputs": {"rooms": [3]}}, "inputs.surface_m2: expected number from 9 to 1000, got no"),
        ({}, "Send either instances (by row) or inputs (by column)."),
        ({"instances": [], "inputs": {}}, "Send either instances"),
        ([HOME], "body: expected object with instances or inputs, got list"),
        (_home() | {"signature_name": "other"}, "Serving signature name not found"),
        (_home() | {"signature_name": [1]}, "Serving signature name not found"),
        (_home(surface_m2=float("nan")), "instances[0].surface_m2: expected number from 9"),
        (_home(surface_m2=float("inf")), "instances[0].surface_m2: expected number from 9"),
        (b"{", "The body is not JSON"),
        (b"", "The body is empty; send JSON."),
    ],
)
def test_errors_point_into_the_body(shared_worker_state: WorkerState, body: Any, said: str) -> None:
    answer = post(shared_worker_state, HOUSING, body)
    assert answer.status == 400
    assert error(answer).startswith(said)


def test_errors_are_few(shared_worker_state: WorkerState) -> None:
    text = error(post(shared_worker_state, HOUSING, {"instances": [HOME | {"rooms": "x"}] * 1000}))
    assert text.endswith("; and 15 more")
    assert len(text) < 500


@pytest.mark.parametrize("verb", ["classify", "regress", "explain"])
def test_other_verbs_are_not_offered(tensor_worker_state: WorkerState, verb: str) -> None:
    for version in ("", "/versions/123", "/labels/champion"):
        path = f"/v1/models/half_plus_two{version}:{verb}"
        answer = post(tensor_worker_state, path, {"examples": [{"x": 1.0}]})
        assert answer.status == 400
        assert error(answer) == "Only :predict is offered here, no :classify and no :regress."


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/castle:predict",
        "/v1/models/housing/versions/2:predict",
        "/v1/models/housing/labels/challenger:predict",
        "/v1/models/housing/labels/stable:predict",
    ],
)
def test_what_is_not_in_memory_is_not_found(shared_worker_state: WorkerState, path: str) -> None:
    answer = post(shared_worker_state, path, _home())
    assert answer.status == 404
    assert error(answer)


def test_too_many_rows_are_refused(tmp_path: Path) -> None:
    worker_state = loaded(settings_for(filled_cache(tmp_path / "c"), tmp_path / "s", max_rows=2))
    columns = {name: [value] * 3 for name, value in HOME.items()}
    for body in ({"instances": [HOME] * 3}, {"inputs": columns}):
        assert "expected 1 to 2 rows, got 3 rows" in error(post(worker_state, HOUSING, body))


@pytest.mark.parametrize("canary", [0.0, 1.0])
def test_a_challenger_answers_by_its_label_and_version(tmp_path: Path, canary: float) -> None:
    cache = filled_cache(tmp_path / "cache")
    first = cache.champion("housing")
    assert first is not None
    install(cache, "housing", "2", factor=2.0)
    second = cache.champion("housing")
    assert second is not None
    cache.point("housing", first.digest)
    cache.point("housing", second.digest, "challenger")
    shares = {"challenger_share": 1.0, "canary_share": canary}
    worker_state = loaded(settings_for(cache, tmp_path / "state", **shares))
    slot = worker_state.manager.slots["housing"]
    try:
        for choice, price in (
            ("", PRICE + 54 * 3000 * canary),
            ("/labels/champion", PRICE),
            ("/versions/1", PRICE),
            ("/labels/challenger", PRICE + 54 * 3000),
            ("/versions/2", PRICE + 54 * 3000),
        ):
            answer = post(worker_state, f"/v1/models/housing{choice}:predict", _home())
            assert answer.json() == {"predictions": [price]}
            assert answer.headers["x-model-version"] == ("1" if price == PRICE else "2")
        tried = {"model": "housing", "version": "2"}
        samples = worker_state.metrics.registry
        assert samples.get_sample_value("vigie_predictions_total", tried) == 2 + canary
        client = create_app(worker_state=worker_state).test_client()
        assert client.get("/v2/models/housing").get_json()["versions"] == ["1", "2"]
    finally:
        slot.challenge(None)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*HOME, "b64", "x"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(
    member=st.sampled_from(["instances", "inputs"]),
    value=JSON_VALUES
    | JSON_VALUES.map(lambda v: [HOME, HOME | {"property_type": v}])
    | JSON_VALUES.map(lambda v: COLUMNS | {"property_type": v})
    | JSON_VALUES.map(lambda v: COLUMNS | {"rooms": [v, 3]}),
    more=st.dictionaries(st.sampled_from(["signature_name", "instances", "x"]), JSON_VALUES),
)
def test_whatever_is_sent_is_answered_or_explained(
    shared_worker_state: WorkerState, member: str, value: Any, more: Any
) -> None:
    answer = post(shared_worker_state, HOUSING, more | {member: value})
    assert answer.status in (200, 400)
    if answer.status == 400:
        assert error(answer)
        assert len(answer.body) < 5000


# --- rows that are lists

FLOWERS = [list(FLOWER.values())] * 2


@pytest.mark.parametrize(
    ("body", "member"), [({"instances": FLOWERS}, "predictions"), ({"inputs": FLOWERS}, "outputs")]
)
def test_a_list_stands_for_a_row(
    shared_worker_state: WorkerState, body: dict[str, Any], member: str
) -> None:
    answer = post(shared_worker_state, "/v1/models/iris:predict", body)
    named = post(shared_worker_state, "/v1/models/iris:predict", {"instances": [FLOWER] * 2})
    assert answer.status == 200
    assert answer.json()[member] == named.json()["predictions"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            {"instances": [FLOWERS[0], [1, 2]]},
            "instances[1]: expected 4 values in this order: sepal_length_cm, ",
        ),
        ({"inputs": [[*FLOWERS[0][:3], "wide"]]}, "inputs[0][3] (petal_width_cm): expected number"),
        ({"instances": [*FLOWERS, FLOWER]}, "instances[2]: expected 4 values in this order"),
        ({"instances": [3]}, "instances: expected values by input name (sepal_length_cm, "),
    ],
)
def test_what_is_wrong_in_a_list_is_found_by_its_place(
    shared_worker_state: WorkerState, body: dict[str, Any], said: str
) -> None:
    assert error(post(shared_worker_state, "/v1/models/iris:predict", body)).startswith(said)


# --- what an imported SavedModel answered itself


@pytest.fixture(scope="module")
def imported_state(tmp_path_factory: pytest.TempPathFactory) -> WorkerState:
    """A worker whose iris model was a SavedModel of other outputs."""
    folder = tmp_path_factory.mktemp("imported")
    cache = ModelCache(folder / "cache")
    outputs = [
        {"name": "predicted", "part": "label", "shape": [1]},
        {"name": "probs", "part": "values", "output": "probabilities", "shape": [3]},
        {"name": "class_ids", "part": "place", "shape": [1]},
    ]
    original = {"signature": "predict", "outputs": outputs}
    install(cache, "iris", document={**iris_document(), "original": original})
    return loaded(settings_for(cache, folder / "state", models=("iris",)))


def test_an_imported_model_answers_as_its_original(imported_state: WorkerState) -> None:
    plain = post(imported_state, "/predict/iris", {"instances": [FLOWER]}).json()
    (row,) = plain["predictions"]
    said = post(imported_state, IRIS, {"instances": [FLOWER]}).json()
    (answered,) = said["predictions"]
    assert list(answered) == ["predicted", "probs", "class_ids"]
    assert answered["predicted"] == [row["label"]]
    assert answered["probs"] == pytest.approx(list(row["scores"].values()))
    assert answered["class_ids"] == [list(row["scores"]).index(row["label"])]
    columns = {name: [value] for name, value in FLOWER.items()}
    by_column = post(imported_state, IRIS, {"inputs": columns}).json()
    assert by_column == {"outputs": {name: [value] for name, value in answered.items()}}


@pytest.mark.parametrize("left_out", [(), ("count",)])
def test_what_is_left_of_several_outputs_keeps_its_name(
    tmp_path: Path, left_out: tuple[str, ...]
) -> None:
    cache = ModelCache(tmp_path / "cache")
    outputs = [{"name": "probs", "part": "values", "output": "probabilities", "shape": [3]}]
    original = {"signature": "predict", "outputs": outputs, "left_out": left_out}
    install(cache, "iris", document={**iris_document(), "original": original})
    state = loaded(settings_for(cache, tmp_path / "state", models=("iris",)))
    (row,) = post(state, IRIS, {"instances": [FLOWER]}).json()["predictions"]
    columns = {name: [value] for name, value in FLOWER.items()}
    answered = post(state, IRIS, {"inputs": columns}).json()["outputs"]
    probs = row["probs"] if left_out else row
    assert len(probs) == 3
    assert row == ({"probs": probs} if left_out else probs)
    assert answered == ({"probs": [probs]} if left_out else [probs])


def test_the_signature_of_the_original_is_known(imported_state: WorkerState) -> None:
    for name in ("predict", "serving_default"):
        body = {"signature_name": name, "instances": [FLOWER]}
        assert post(imported_state, IRIS, body).status == 200
    said = post(imported_state, IRIS, {"signature_name": "other", "instances": [FLOWER]})
    assert said.status == 400
    assert "the only one is predict" in error(said)
    client = create_app(worker_state=imported_state).test_client()
    metadata = client.get("/v1/models/iris/metadata").get_json()["metadata"]
    outputs = metadata["signature_def"]["signature_def"]["predict"]["outputs"]
    found = {
        name: (one["dtype"], [size["size"] for size in one["tensor_shape"]["dim"]])
        for name, one in outputs.items()
    }
    assert found == {
        "predicted": ("DT_STRING", ["-1", "1"]),
        "probs": ("DT_FLOAT", ["-1", "3"]),
        "class_ids": ("DT_INT64", ["-1", "1"]),
    }
