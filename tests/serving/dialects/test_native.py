"""Our own dialect: every form of body, what is wrong with a body, what the answer looks like."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.packages import housing_document, install
from support.transport import Answer, answer_of
from support.worker import FLOWER, HOME, filled_cache, loaded, settings_for
from vigie.errors import InvalidInput
from vigie.serving.dialects.native import NativeDialect
from vigie.serving.runtime.messages import Request
from vigie.serving.worker_state import WorkerState

PRICE = 3000 * 54 + 1000 * 3 - 500 + 7 * 100 - 700
"""What the test graph says to `HOME`."""
WRONG = HOME | {"rooms": "three"}


def ask(
    worker_state: WorkerState, body: bytes, model: str | None = "housing", **headers: str
) -> Answer:
    """The pipeline's answer; header names with _ for -."""
    path = f"/predict/{model}" if model else "/predict"
    given = {name.replace("_", "-").encode(): text.encode() for name, text in headers.items()}
    route = worker_state.pipeline.route(path)
    assert route is not None
    response = worker_state.pipeline.answer(Request("POST", path, given, body), route)
    return answer_of(response.status, response.headers, response.body)


def dumps(document: object) -> bytes:
    return json.dumps(document, allow_nan=True).encode()


def pointers(answer: Answer) -> list[str]:
    return [error["pointer"] for error in answer.json()["errors"]]


# --- forms

FORMS: dict[str, tuple[Any, int]] = {
    "instances": ({"instances": [HOME]}, 1),
    "two instances": ({"instances": [HOME, HOME]}, 2),
    "one object": (HOME, 1),
    "a bare list": ([HOME, HOME, HOME], 3),
    "features with an object": ({"features": HOME}, 1),
    "features with a list": ({"features": [HOME, HOME]}, 2),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_body_is_answered(shared_worker_state: WorkerState, form: str) -> None:
    body, rows = FORMS[form]
    answer = ask(shared_worker_state, dumps(body))
    assert answer.status == 200
    said = answer.json()
    assert list(said) == ["model", "version", "request_id", "predictions"]
    assert said["predictions"] == [{"price_eur": PRICE, "warnings": []}] * rows


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"instances": [HOME, WRONG]}, "/instances/1/rooms"),
        (WRONG, "/rooms"),
        ([HOME, HOME, WRONG], "/2/rooms"),
        ({"features": WRONG}, "/features/rooms"),
        ({"features": [WRONG]}, "/features/0/rooms"),
        ({"instances": [HOME, 7]}, "/instances/1"),
        ({"instances": HOME}, "/instances"),
        ({"instances": None}, "/instances"),
        ({"features": "text"}, "/features"),
        ({"instances": [HOME], "more": 1}, "/more"),
        ({"instances": [HOME], "features": HOME}, "/features"),
        ({"instances": []}, "/instances"),
        ({"features": []}, "/features"),
        ([], ""),
        (7, ""),
        (None, ""),
        ("text", ""),
        ({}, "/surface_m2"),
        ({"instances": [HOME | {"a/b~c": 1}]}, "/instances/0/a~1b~0c"),
    ],
)
def test_pointers_lead_into_the_body_that_was_sent(
    shared_worker_state: WorkerState, body: Any, pointer: str
) -> None:
    answer = ask(shared_worker_state, dumps(body))
    assert answer.status == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert pointer in pointers(answer)


def test_a_model_without_a_name_is_the_first(shared_worker_state: WorkerState) -> None:
    assert ask(shared_worker_state, dumps(HOME), None).json()["model"] == "housing"


def test_a_wrapper_that_is_an_input_is_an_input(shared_worker_state: WorkerState) -> None:
    live = shared_worker_state.manager.slots["housing"].live
    assert live is not None
    named = replace(live, inputs={**live.inputs, "instances": live.inputs["rooms"]})
    request = Request("POST", "/predict/housing", {}, dumps({"instances": [HOME]}))
    with pytest.raises(InvalidInput) as caught:
        NativeDialect(10).decode(request, named)
    # it is taken for one row, whose required fields are missing
    assert "surface_m2" in {error.field for error in caught.value.fields}


# --- media types


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON;charset=UTF-8",
        "application/vnd.vigie+json",
        "application/problem+json; charset=utf-8",
        "application/x-www-form-urlencoded",
    ],
)
def test_json_media_types_are_taken(shared_worker_state: WorkerState, media_type: str) -> None:
    assert ask(shared_worker_state, dumps(HOME), content_type=media_type).status == 200
    assert ask(shared_worker_state, b"\n [%s]" % dumps(HOME), content_type=media_type).status == 200


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (dumps(HOME), {"content_type": "text/plain"}),
        (dumps(HOME), {"content_type": "text/csv"}),
        (dumps(HOME), {"content_type": "application/jsonlines"}),
        (dumps(HOME), {"content_type": "nonsense"}),
        (b"surface_m2=54&rooms=3", {"content_type": "application/x-www-form-urlencoded"}),
        (b"", {"content_type": "application/x-www-form-urlencoded"}),
        (dumps(HOME), {"content_encoding": "gzip"}),
        (dumps(HOME), {"content_encoding": "BR"}),
    ],
)
def test_other_media_types_are_refused(
    shared_worker_state: WorkerState, body: bytes, headers: dict[str, str]
) -> None:
    answer = ask(shared_worker_state, body, **headers)
    assert answer.status == 415
    assert answer.json()["type"] == "/docs/errors/unsupported-media-type"


def test_identity_is_no_compression(shared_worker_state: WorkerState) -> None:
    assert ask(shared_worker_state, dumps(HOME), content_encoding="identity").status == 200


# --- what cannot be parsed


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"instances": [',
        b"{'surface_m2': 54}",
        dumps(HOME)[:-1],
        dumps(HOME) + b"}",
        b"\xff\xfe",
        b"\xef\xbb\xbf" + dumps(HOME),
        dumps(HOME).decode().encode("utf-16"),
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b'{"a": 01}',
        b"[" * 100_000,
        b"[" * 100_000 + b"NaN" + b"]" * 100_000,
        b'{"property_type": "NaN',
        b"NaN, Infinity",
    ],
    ids=range(17),
)
def test_what_is_no_json_is_malformed(shared_worker_state: WorkerState, body: bytes) -> None:
    answer = ask(shared_worker_state, body)
    assert answer.status == 400
    assert answer.json()["type"] == "/docs/errors/malformed-request"
    assert answer.json()["errors"] == [{"pointer": "", "expected": "JSON", "got": "something else"}]


def test_the_place_of_the_break_is_told(shared_worker_state: WorkerState) -> None:
    detail = ask(shared_worker_state, b'{"a": 1,\n "b": x}').json()["detail"]
    assert detail == "The body is not JSON (line 2, column 7)."
    assert ask(shared_worker_state, b"").json()["detail"] == "The body is empty; send JSON."


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("field", ["surface_m2", "rooms", "property_type", "land_m2", "district"])
def test_numbers_that_are_not_finite_are_named(
    shared_worker_state: WorkerState, number: str, field: str
) -> None:
    body = dumps({"instances": [HOME, HOME | {field: float(number)}]})
    answer = ask(shared_worker_state, body)
    assert answer.status == 422
    assert pointers(answer) == [f"/instances/1/{field}"]


@pytest.mark.parametrize("text", ["1e999", "-1e999", "1" * 400, "1" * 5000])
def test_numbers_beyond_every_limit_are_refused(
    shared_worker_state: WorkerState, text: str
) -> None:
    answer = ask(shared_worker_state, dumps(HOME).replace(b"54.0", text.encode()))
    assert answer.status == 400
    assert answer.json()["detail"] == "A number is too large (line 1, column 16)."


def test_nan_does_not_open_a_laxer_parser(tmp_path: Path) -> None:
    """Python's parser, which finds the NaN, takes texts that the graph cannot."""
    document = housing_document()
    kind = {**document["inputs"][2], "choices": {"values": ["house"], "policy": "open"}}
    inputs = [*document["inputs"][:2], kind, *document["inputs"][3:]]
    cache = filled_cache(tmp_path / "cache")
    install(cache, "housing", "2", document={**document, "inputs": inputs})
    worker_state = loaded(settings_for(cache, tmp_path / "state"))
    for text in (b"NaN\\ud800", b"\\ud800Infinity"):
        body = dumps(HOME).replace(b"apartment", text)
        assert ask(worker_state, body).status == 400
    twice = b'{"surface_m2": NaN, "surface_m2": 54, "rooms": 3, "property_type": "\\ud800"}'
    assert ask(worker_state, twice).status == 400
    assert ask(worker_state, dumps(HOME).replace(b"apartment", b"NaN")).status == 200


# --- rows


def test_an_empty_batch_and_too_many_rows_are_refused(tmp_path: Path) -> None:
    cache = filled_cache(tmp_path / "cache")
    worker_state = loaded(settings_for(cache, tmp_path / "state", max_rows=3))
    assert ask(worker_state, dumps([HOME] * 3)).status == 200
    for rows in (0, 4):
        answer = ask(worker_state, dumps({"instances": [HOME] * rows}))
        assert answer.status == 422
        assert answer.json()["errors"] == [
            {"pointer": "/instances", "expected": "1 to 3 rows", "got": f"{rows} rows"}
        ]


def test_errors_are_bounded(shared_worker_state: WorkerState) -> None:
    answer = ask(shared_worker_state, dumps([WRONG] * 1000))
    assert len(answer.json()["errors"]) == 20
    assert len(answer.body) < 4000
    answer = ask(shared_worker_state, dumps({f"key{n}": n for n in range(100_000)}))
    assert len(answer.json()["errors"]) == 20


def test_warnings_stand_with_their_row(shared_worker_state: WorkerState) -> None:
    odd = HOME | {"surface_m2": 900, "district": 77}
    answer = ask(shared_worker_state, dumps([HOME, odd, HOME | {"rooms": 40}]))
    assert [row["warnings"] for row in answer.json()["predictions"]] == [
        [],
        [
            "surface_m2 is outside the range seen in training (12 to 240)",
            "district has a value that was not seen in training",
        ],
        ["rooms is outside the range seen in training (1 to 9)"],
    ]


@pytest.mark.parametrize("land", [{}, {"land_m2": None}])
def test_nothing_is_null_or_absent(shared_worker_state: WorkerState, land: dict[str, Any]) -> None:
    answer = ask(shared_worker_state, dumps(HOME | land))
    assert answer.json()["predictions"][0]["price_eur"] == PRICE


def test_a_classification_has_label_score_and_scores(shared_worker_state: WorkerState) -> None:
    answer = ask(shared_worker_state, dumps([FLOWER, FLOWER]), "iris")
    assert answer.status == 200
    first, second = answer.json()["predictions"]
    assert first == second
    assert list(first) == ["label", "score", "scores", "warnings"]
    assert list(first["scores"]) == ["setosa", "versicolor", "virginica"]
    assert first["scores"][first["label"]] == first["score"] == max(first["scores"].values())
    assert sum(first["scores"].values()) == pytest.approx(1, abs=1e-5)


def test_the_answer_carries_its_headers(shared_worker_state: WorkerState) -> None:
    answer = ask(shared_worker_state, dumps(HOME), x_request_id="mine-1")
    live = shared_worker_state.manager.slots["housing"].live
    assert live is not None
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "mine-1"
    assert answer.headers["x-model-name"] == "housing"
    assert answer.headers["x-model-version"] == "1"
    assert answer.headers["x-model-digest"] == live.digest
    stages = [part.split(";")[0] for part in answer.headers["server-timing"].split(", ")]
    assert stages == ["queue", "decode", "infer", "encode"]


TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x_request_id": "a.B_c-9"}, "a.B_c-9"),
        ({"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}, TRACE),
        ({"x_request_id": "a", "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}, "a"),
        ({"x_request_id": "no spaces"}, None),
        ({"x_request_id": "a" * 129}, None),
        ({"x_request_id": "<script>"}, None),
        ({"traceparent": "00-zz-zz-00"}, None),
        ({}, None),
    ],
)
def test_the_id_is_the_callers_if_it_is_one(
    shared_worker_state: WorkerState, headers: dict[str, str], expected: str | None
) -> None:
    found = ask(shared_worker_state, dumps(HOME), **headers).headers["x-request-id"]
    assert found == expected if expected else len(found) == 32 and int(found, 16) >= 0


# --- refusals


@pytest.mark.parametrize("model", ["housing", "iris"])
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"{", {}),
        (b"[]", {}),
        (b"{}", {}),
        (b'{"instances": 3}', {}),
        (b"[NaN]", {}),
        (b"{}", {"content_type": "text/plain"}),
        (b"{}", {"content_encoding": "gzip"}),
    ],
)
def test_the_example_of_a_refusal_works(
    shared_worker_state: WorkerState, model: str, body: bytes, headers: dict[str, str]
) -> None:
    refused = ask(shared_worker_state, body, model, **headers)
    assert refused.status in (400, 415, 422)
    assert ask(shared_worker_state, orjson.dumps(refused.json()["example"]), model).status == 200


def test_values_are_never_repeated(shared_worker_state: WorkerState) -> None:
    secret = "s3cret-value"
    for field in HOME:
        assert secret not in ask(shared_worker_state, dumps(HOME | {field: secret})).body.decode()
        assert secret not in ask(shared_worker_state, dumps(HOME | {field: [secret]})).body.decode()


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*HOME, "instances", "features", "x"]), inner, max_size=5)
    ),
    max_leaves=8,
)


@given(body=JSON_VALUES | JSON_VALUES.map(lambda value: HOME | {"rooms": value}))
def test_whatever_is_sent_is_answered_or_explained(
    shared_worker_state: WorkerState, body: Any
) -> None:
    answer = ask(shared_worker_state, dumps(body))
    assert answer.status in (200, 400, 422)
    if answer.status == 422:
        assert answer.json()["errors"]


# --- rows that are lists

LISTED = [54, 3, "apartment", None, None]


@pytest.mark.parametrize(
    "body", [[LISTED, LISTED], {"instances": [LISTED]}, {"features": [LISTED, LISTED, LISTED]}]
)
def test_a_list_stands_for_a_row(shared_worker_state: WorkerState, body: Any) -> None:
    rows = len(body if isinstance(body, list) else next(iter(body.values())))
    answer = ask(shared_worker_state, dumps(body))
    assert answer.status == 200
    assert answer.json()["predictions"] == [{"price_eur": PRICE, "warnings": []}] * rows


def test_a_list_of_one_is_a_row_of_the_one_input(tensor_worker_state: WorkerState) -> None:
    by_name = ask(tensor_worker_state, dumps([{"x": 1.0}, {"x": 2.0}]), "half_plus_two")
    by_place = ask(tensor_worker_state, dumps([[1.0], [2.0]]), "half_plus_two")
    assert by_place.status == 200
    assert by_place.json()["predictions"] == by_name.json()["predictions"]


@pytest.mark.parametrize(
    ("body", "model", "pointer", "expected"),
    [
        (
            {"instances": [LISTED, [54, 3]]}, "housing", "/instances/1",
            "5 values in this order: surface_m2, rooms, property_type, land_m2, district",
        ),
        ([[54, 0, "apartment", None, None]], "housing", "/0/1", "integer from 1 to 50 (rooms)"),
        ({"instances": [LISTED, HOME]}, "housing", "/instances/1", "5 values in this order"),
        ([["a"]], "half_plus_two", "/0", "number (x)"),
        ([[1, 2]], "sensors", "/0", "object with one value per input"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_list_is_found_by_its_place(
    request: pytest.FixtureRequest, body: Any, model: str, pointer: str, expected: str
) -> None:
    kind = "shared" if model == "housing" else "tensor"
    answer = ask(request.getfixturevalue(f"{kind}_worker_state"), dumps(body), model)
    assert answer.status == 422
    (wrong,) = answer.json()["errors"]
    assert wrong["pointer"] == pointer
    assert wrong["expected"].startswith(expected)
