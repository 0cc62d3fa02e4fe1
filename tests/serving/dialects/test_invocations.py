"""MLflow's dialect: tables and tensors in, predictions and MLflow's errors out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vigie
from support.transport import Answer
from support.worker import FLOWER, HOME, filled_cache, loaded, post, settings_for
from vigie.serving.app import create_app
from vigie.serving.worker_state import WorkerState

PATH = "/invocations"
PRICE = 164500.0
CSV = "text/csv"
SPLIT = {"columns": list(HOME), "data": [list(HOME.values())] * 2}
HEAD = b"surface_m2,rooms,property_type,land_m2\r\n"


def csv(worker_state: WorkerState, body: bytes, media_type: str = CSV) -> Answer:
    return post(worker_state, PATH, body, content_type=media_type)


def message(answer: Answer, code: str = "INVALID_PARAMETER_VALUE", status: int = 400) -> str:
    said = answer.json()
    assert answer.status == status
    assert list(said) == ["error_code", "message"]
    assert said["error_code"] == code
    text: str = said["message"]
    return text


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": SPLIT},
        {"dataframe_split": SPLIT | {"index": [0, 1]}},
        {"dataframe_records": [HOME, HOME]},
        {"instances": [HOME, HOME]},
        {"inputs": [HOME, HOME]},
        {"inputs": {name: [value] * 2 for name, value in HOME.items()}},
        {"inputs": {name: [[value]] * 2 for name, value in HOME.items()}},
        {"dataframe_records": [HOME | {"land_m2": None}, HOME], "params": {}},
        {"dataframe_records": [HOME, HOME], "params": None},
    ],
)
def test_every_form_is_answered_by_a_flat_list(shared_worker_state: WorkerState, body: Any) -> None:
    answer = post(shared_worker_state, PATH, body, content_type="application/json; charset=utf-8")
    assert answer.json() == {"predictions": [PRICE, PRICE]}


def test_a_classification_answers_scores_by_label(tmp_path: Any) -> None:
    settings = settings_for(filled_cache(tmp_path / "c"), tmp_path / "s", models=("iris",))
    worker_state = loaded(settings)
    ours = post(worker_state, "/predict", FLOWER).json()["predictions"][0]
    answer = post(worker_state, PATH, {"dataframe_records": [FLOWER]})
    assert answer.json() == {"predictions": [ours["scores"]]}


def test_several_outputs_go_by_name(tensor_worker_state: WorkerState, tmp_path: Any) -> None:
    worker_state = loaded(
        settings_for(tensor_worker_state.manager.cache, tmp_path, models=("sensors",))
    )
    row = {"tag": "foo", "signal": [1, 2, 3, 4, 5], "sensor": [[1, 2], [3, 4]]}
    answer = post(worker_state, PATH, {"instances": [row]})
    assert answer.json() == {
        "predictions": [{"doubled": [2.0, 4.0, 6.0, 8.0, 10.0], "kind": 101.0}]
    }


def test_a_model_of_one_input_takes_plain_values(tensor_worker_state: WorkerState) -> None:
    assert post(tensor_worker_state, PATH, {"inputs": [1.0, 2.0]}).json() == {
        "predictions": [2.5, 3.0]
    }


@pytest.mark.parametrize(
    "body",
    [
        HEAD + b"54,3,apartment,\r\n54.0,3.0,apartment,100\r\n",
        HEAD + b'"54","3","apartment",""\r\n5.4e1, 3 ,apartment,100',
        HEAD + b"54,3,apartment,\r\n\r\n54,3,apartment,100\r\n\r\n",
        (HEAD + b"54,3,apartment,\n54,3,apartment,100\n").replace(b"\r\n", b"\n"),
        b"\xef\xbb\xbf" + HEAD + b"54,3,apartment,\r\n54,+3,apartment,1e2\r\n",
    ],
)
def test_csv_is_read_as_rfc_4180_says(shared_worker_state: WorkerState, body: bytes) -> None:
    assert csv(shared_worker_state, body).json() == {"predictions": [PRICE, PRICE + 700]}


def test_quotes_hold_commas_and_lines(shared_worker_state: WorkerState) -> None:
    answer = csv(shared_worker_state, HEAD + b'54,3,"a, ""b""\r\nc",\r\n')
    assert message(answer) == (
        "column property_type, row 1: expected one of apartment, house, "
        "got text that is not a choice"
    )


@pytest.mark.parametrize(
    "media_type", [CSV, "text/csv; charset=utf-8", 'TEXT/CSV;charset="UTF-8"', "text/csv; x=1"]
)
def test_media_types_of_csv(shared_worker_state: WorkerState, media_type: str) -> None:
    assert csv(shared_worker_state, HEAD + b"54,3,apartment,\n", media_type).status == 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (HEAD + b"54,x,apartment,\n", "column rooms, row 1: expected integer from 1 to 50, got te"),
        (HEAD + b"54,3,apartment,\n54,,apartment,\n", "column rooms, row 2: expected integer"),
        (HEAD + b"nan,3,apartment,\n", "column surface_m2, row 1: expected number from 9"),
        (HEAD + b"inf,3,apartment,\n", "column surface_m2, row 1: expected number from 9"),
        (HEAD + b"1e999,3,apartment,\n", "column surface_m2, row 1: expected number from 9"),
        (HEAD + b"5_4,3,apartment,\n", "column surface_m2, row 1: expected number from 9"),
        (HEAD + "\u0665,3,apartment,\n".encode(), "column surface_m2, row 1: expected number"),
        (HEAD + b"9" * 5000 + b",3,apartment,\n", "column surface_m2, row 1: expected number"),
        (HEAD + b"54,3,apartment\n", "row 1: expected 4 values, got 3 values"),
        (HEAD + b"54,3,apartment,,\n", "row 1: expected 4 values, got 5 values"),
        (b"rooms\n3\n", "column surface_m2: expected number from 9 to 1000, got nothing"),
        (b",rooms\n0,3\n", "column : no such input"),
        (b"rooms,rooms\n3,3\n", "The names of the columns are not different texts."),
        (HEAD, "The table needs a line with the names of the inputs and a row."),
        (b"", "The table needs a line"),
    ],
)
def test_tables_that_break_the_signature(
    shared_worker_state: WorkerState, body: bytes, said: str
) -> None:
    assert message(csv(shared_worker_state, body)).startswith(said)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (HEAD + b'54,3,"apartment,\n', "The body is not CSV"),
        (HEAD + b'54,3,"apart"ment,\n', "The body is not CSV"),
        (HEAD + b"a" * 200_000, "The body is not CSV"),
        (HEAD + b"\xff", "The table is not UTF-8."),
        (HEAD.decode().encode("utf-16"), "The table is not UTF-8."),
    ],
)
def test_what_is_no_table_is_a_bad_request(
    shared_worker_state: WorkerState, body: bytes, said: str
) -> None:
    assert message(csv(shared_worker_state, body), "BAD_REQUEST").startswith(said)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([HOME], "body: expected object, got list"),
        ({}, "Send exactly one of dataframe_split, dataframe_records, instances, inputs."),
        ({"instances": [HOME], "inputs": {}}, "Send exactly one of"),
        ({"instances": [HOME], "params": {"a": 1}}, "params: the models here take none"),
        ({"dataframe_split": 3}, "dataframe_split: expected object with columns and data"),
        ({"dataframe_split": {"data": []}}, "dataframe_split: expected object with columns"),
        ({"dataframe_split": {"columns": 1, "data": []}}, "dataframe_split: expected lists"),
        ({"dataframe_split": SPLIT | {"data": []}}, "dataframe_split.data: expected 1 to 10000"),
        ({"dataframe_split": SPLIT | {"data": [[1]]}}, "dataframe_split.data[0]: expected 3 val"),
        ({"dataframe_split": SPLIT | {"data": [1]}}, "dataframe_split.data[0]: expected 3 values"),
        ({"dataframe_split": SPLIT | {"columns": [[], 1, 2]}}, "The names of the columns"),
        (
            {"dataframe_split": SPLIT | {"data": [[54, 3, "castle"]]}},
            "dataframe_split.data[0][2] (property_type): expected one of apartment, house",
        ),
        (
            {"dataframe_split": {"columns": ["castle"], "data": [[1]]}},
            "dataframe_split.columns, castle: no such input",
        ),
        ({"dataframe_records": {}}, "dataframe_records: expected list of objects, got object"),
        ({"dataframe_records": []}, "dataframe_records: expected 1 to 10000 rows, got 0 rows"),
        ({"dataframe_records": [3]}, "dataframe_records[0]: expected object with one value"),
        ({"dataframe_records": [HOME | {"rooms": 0}]}, "dataframe_records[0].rooms: expected"),
        ({"dataframe_records": [HOME | {"rooms": float("nan")}]}, "dataframe_records[0].rooms"),
        ({"inputs": [HOME | {"rooms": 0}]}, "inputs[0].rooms: expected integer from 1"),
        ({"instances": [HOME | {"rooms": 0}]}, "instances[0].rooms: expected integer from 1"),
        ({"inputs": {"rooms": [0]}}, "inputs.surface_m2: expected number from 9 to 1000, got no"),
    ],
)
def test_errors_point_into_the_body(shared_worker_state: WorkerState, body: Any, said: str) -> None:
    assert message(post(shared_worker_state, PATH, body)).startswith(said)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"{}", {"content_type": "application/vnd.apache.parquet"}, 415),
        (HEAD, {"content_type": "text/csv; charset=latin-1"}, 415),
        (HEAD, {"content_type": CSV, "content_encoding": "gzip"}, 415),
        (b"{}", {"content_encoding": "gzip"}, 415),
    ],
)
def test_other_refusals_have_the_form_of_mlflow(
    shared_worker_state: WorkerState, body: bytes, headers: dict[str, str], status: int
) -> None:
    text = message(post(shared_worker_state, PATH, body, **headers), "BAD_REQUEST", status)
    assert text.endswith("JSON (application/json) and CSV (text/csv) are taken.")


def test_too_many_rows_are_refused(tmp_path: Any) -> None:
    worker_state = loaded(settings_for(filled_cache(tmp_path / "c"), tmp_path / "s", max_rows=2))
    assert message(csv(worker_state, HEAD + b"54,3,house,\n" * 3)) == (
        "table: expected 1 to 2 rows, got 3 rows"
    )
    assert csv(worker_state, HEAD + b"54,3,house,\n" * 2).status == 200


def test_the_version_is_that_of_the_service(shared_worker_state: WorkerState) -> None:
    client = create_app(worker_state=shared_worker_state).test_client()
    assert client.get("/version").text == vigie.__version__
    assert client.get("/ping").status_code == 200


def test_ping_tells_when_the_first_model_is_away(tmp_path: Any) -> None:
    cache = filled_cache(tmp_path / "cache")
    (cache.folder / "housing" / "champion").unlink()
    client = create_app(worker_state=loaded(settings_for(cache, tmp_path / "state"))).test_client()
    response = client.get("/ping")
    assert response.status_code == 503
    assert response.get_json()["error_code"] == "TEMPORARILY_UNAVAILABLE"
    assert client.get("/v2/health/ready").get_json() == {"ready": False}
    assert client.get("/v2/models/housing/ready").status_code == 503
    assert client.get("/v2/models/iris/ready").status_code == 200


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_whatever_table_comes_is_answered_or_explained(
    shared_worker_state: WorkerState, body: bytes
) -> None:
    for sent in (body, HEAD + body, HEAD + b"54,3,apartment," + body):
        answer = csv(shared_worker_state, sent)
        assert answer.status in (200, 400)
        assert len(answer.body) < 5000


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*HOME, "columns", "data"]), inner, max_size=4)
    ),
    max_leaves=8,
)
FORMS = ["dataframe_split", "dataframe_records", "instances", "inputs", "params"]


@given(st.dictionaries(st.sampled_from(FORMS), JSON_VALUES, max_size=2))
def test_whatever_json_comes_is_answered_or_explained(
    shared_worker_state: WorkerState, body: Any
) -> None:
    answer = post(shared_worker_state, PATH, body)
    assert answer.status in (200, 400)
    assert len(answer.body) < 5000


# --- tables without names

LISTED = [54, 3, "apartment", None, None]


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [LISTED] * 2},
        {"inputs": [LISTED] * 2},
        {"dataframe_split": {"data": [LISTED] * 2}},
        {"dataframe_split": {"columns": [0, 1, 2, 3, 4], "index": [0, 1], "data": [LISTED] * 2}},
    ],
)
def test_a_table_without_names_is_in_the_order_of_the_inputs(
    shared_worker_state: WorkerState, body: dict[str, Any]
) -> None:
    assert post(shared_worker_state, PATH, body).json() == {"predictions": [PRICE] * 2}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([[1, 2]], "dataframe_split.data[0]: expected 5 values in this order: surface_m2, rooms"),
        ([[54, 0, "apartment", None, None]], "dataframe_split.data[0][1] (rooms): expected integ"),
        ([HOME], "dataframe_split.data: expected values by input name (surface_m2, "),
    ],
)
def test_what_is_wrong_in_it_is_found_by_its_place(
    shared_worker_state: WorkerState, data: list[Any], said: str
) -> None:
    answer = post(shared_worker_state, PATH, {"dataframe_split": {"data": data}})
    assert message(answer).startswith(said)
