"""Flask alone, and the ASGI application, fast lane on and off, say the same to all requests."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask import Flask

from support.transport import Answer, AskEndpoint, Endpoint, answer_of
from support.worker import FLOWER, HOME, JSON, filled_cache, loaded, settings_for, with_fast_lane
from vigie.errors import DeadlineExceeded, ModelFailure, Unavailable, VigieError
from vigie.serving.app import create_app
from vigie.serving.worker_state import WorkerState

MARK = "s3cret-mark"
"""Stands in bodies; no answer may hold it."""


@dataclass(frozen=True)
class Case:
    """A request of the corpus and the status of its answer."""

    status: int
    body: bytes = b""
    path: str = "/predict/housing"
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": JSON})


def dumps(document: object) -> bytes:
    return json.dumps(document).encode()


def home(**changes: Any) -> bytes:
    return dumps(HOME | changes)


def tensors(**changes: Any) -> list[dict[str, Any]]:
    """`HOME` as tensors of the Open Inference Protocol."""
    datatypes = {"surface_m2": "FP32", "rooms": "INT64", "property_type": "BYTES"}
    return [
        {"name": name, "shape": [1], "datatype": datatypes[name], "data": [value]}
        for name, value in (HOME | changes).items()
    ]


def binary(size: int, data: bytes, shift: int = 0) -> dict[str, Any]:
    """The parts of a request whose surface is binary data."""
    surface = {
        "name": "surface_m2",
        "shape": [1],
        "datatype": "FP64",
        "parameters": {"binary_data_size": size},
    }
    outputs = {"parameters": {"binary_data_output": True}}
    head = dumps({"inputs": [surface, *tensors()[1:]], **outputs})
    headers = {"Inference-Header-Content-Length": str(len(head) + shift)}
    return {"body": head + data, "path": V2, "headers": headers}


GOOD = home()
SURFACE = struct.pack("<d", 54)
CSV = {"Content-Type": "text/csv"}
TABLE = b"surface_m2,rooms,property_type,land_m2\r\n"
TF, V2, MLFLOW = "/v1/models/housing:predict", "/v2/models/housing/infer", "/invocations"
SPLIT = {"columns": list(HOME), "data": [list(HOME.values())]}
PLAIN = {"Content-Type": "text/plain"}
CORPUS: dict[str, Case] = {
    # answered
    "one object": Case(200, GOOD),
    "instances": Case(200, dumps({"instances": [HOME, HOME | {"surface_m2": 99}]})),
    "features": Case(200, dumps({"features": HOME})),
    "bare list": Case(200, dumps([HOME] * 300)),
    "first model": Case(200, GOOD, "/predict"),
    "classification": Case(200, dumps(FLOWER), "/predict/iris"),
    "query": Case(200, GOOD, "/predict/housing?x=%20y&x=2"),
    "escaped name": Case(200, GOOD, "/predict/h%6fusing"),
    "warnings": Case(200, home(surface_m2=900, district="99")),
    "null": Case(200, home(land_m2=None, district=None)),
    "whole number as a fraction": Case(200, home(rooms=3.0)),
    "duplicate keys, last wins": Case(200, b'{"rooms": "x", ' + GOOD[1:]),
    "no media type": Case(200, GOOD, headers={}),
    "empty media type": Case(200, GOOD, headers={"Content-Type": ""}),
    "curl's media type": Case(
        200, GOOD, headers={"Content-Type": "application/x-www-form-urlencoded"}
    ),
    "charset": Case(200, GOOD, headers={"Content-Type": "application/json; charset=utf-8"}),
    "traced": Case(
        200, GOOD, headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "Content-Type": JSON}
    ),
    "wants a page": Case(200, GOOD, headers={"Accept": "text/html", "Content-Type": JSON}),
    "odd headers": Case(200, GOOD, headers={"X-Odd": "\xe9\xff", "Cookie": "a=b", "Range": "x"}),
    # not JSON
    "empty": Case(400),
    "broken": Case(400, GOOD[:-2] + MARK.encode()),
    "byte order mark": Case(400, b"\xef\xbb\xbf" + GOOD),
    "UTF-16": Case(400, GOOD.decode().encode("utf-16")),
    "UTF-32": Case(400, GOOD.decode().encode("utf-32")),
    "not UTF-8": Case(400, b'{"\xff": 1}'),
    "lone surrogate": Case(400, home(property_type="\ud800")),
    "100,000 lists": Case(400, b"[" * 100_000 + b"]" * 100_000),
    "100,000 objects": Case(400, b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "100,000 lists with NaN": Case(400, b"[" * 100_000 + b"NaN" + b"]" * 100_000),
    "zero bytes": Case(400, b"\0" * 1000),
    "number of 5,000 digits": Case(400, GOOD.replace(b"54.0", b"9" * 5000)),
    # breaks the signature
    "no object": Case(422, b"3"),
    "null body": Case(422, b"null"),
    "empty object": Case(422, b"{}"),
    "empty list": Case(422, b"[]"),
    "too many rows": Case(422, b"[" + b"1," * 10_000 + b"1]"),
    "text for number": Case(422, home(rooms=MARK)),
    "number for text": Case(422, home(property_type=3)),
    "not a choice": Case(422, home(property_type=MARK)),
    "outside the limits": Case(422, home(surface_m2=1e6)),
    "fraction": Case(422, home(rooms=2.5)),
    "true": Case(422, home(rooms=True)),
    "NaN": Case(422, home(surface_m2=float("nan"))),
    "-Infinity": Case(422, home(surface_m2=float("-inf"))),
    "64 bits": Case(422, home(rooms=2**64)),
    "400 digits": Case(400, home(rooms=10**400)),
    "1e308": Case(422, home(surface_m2=1e308)),
    "unknown field": Case(422, home(ключ=1)),
    "150,000 keys": Case(422, dumps({f"{n:x}": 0 for n in range(150_000)})),
    "a million keys": Case(413, dumps({f"{n:x}": 0 for n in range(1_000_000)})),
    "long key": Case(422, home(**{"k" * 100_000: 1})),
    "control characters in a key": Case(422, home(**{"\x00\x1b[31m\n\u202e": 1})),
    "markup": Case(422, home(property_type=f"<script>{MARK}</script>")),
    "both wrappers": Case(422, dumps({"instances": [HOME], "features": HOME})),
    # models and addresses
    "unknown model": Case(404, GOOD, "/predict/nothing"),
    "name in Unicode": Case(404, GOOD, "/predict/%C3%A9t%C3%A9"),
    "name not UTF-8": Case(404, GOOD, "/predict/%ff%fe"),
    "name with a zero": Case(404, GOOD, "/predict/housing%00"),
    "long name": Case(404, GOOD, "/predict/" + "a" * 3900),
    "upwards": Case(404, GOOD, "/predict/../../etc/passwd"),
    "upwards, escaped": Case(404, GOOD, "/predict/..%2f..%2fetc%2fpasswd"),
    "upwards, escaped twice": Case(404, GOOD, "/predict/..%252fetc"),
    "backslash": Case(404, GOOD, "/predict/..%5cetc"),
    "no name": Case(404, GOOD, "/predict/"),
    "two slashes": Case(404, GOOD, "/predict//housing"),
    "slash at the end": Case(404, GOOD, "/predict/housing/"),
    "part of a name": Case(404, GOOD, "/predict/housing/versions/1"),
    "upper case": Case(404, GOOD, "/Predict/housing"),
    "markup in a name": Case(404, GOOD, f"/predict/<b>{MARK}"),
    # methods
    "GET": Case(405, method="GET", headers={}),
    "GET as a browser": Case(405, method="GET", headers={"Accept": "text/html"}),
    "HEAD": Case(405, method="HEAD", headers={}),
    "PUT": Case(405, GOOD, method="PUT"),
    "DELETE": Case(405, method="DELETE", path="/predict", headers={}),
    "PATCH": Case(405, GOOD, method="PATCH"),
    "OPTIONS": Case(200, method="OPTIONS", headers={}),
    "TRACE": Case(405, method="TRACE", headers={}),
    "unknown method": Case(405, method="PURGE", headers={}),
    "GET of an unknown model": Case(405, method="GET", path="/predict/nothing", headers={}),
    # media types and sizes
    "text": Case(415, GOOD, headers=PLAIN),
    "form": Case(
        415, b"surface_m2=54", headers={"Content-Type": "application/x-www-form-urlencoded"}
    ),
    "multipart": Case(415, GOOD, headers={"Content-Type": "multipart/form-data; boundary=x"}),
    "gzip": Case(415, GOOD, headers={"Content-Type": JSON, "Content-Encoding": "gzip"}),
    "too large": Case(413, b" " * (8 * 2**20 + 1)),
    # TensorFlow Serving
    "rows": Case(200, dumps({"instances": [HOME, HOME]}), TF),
    "columns": Case(200, dumps({"inputs": {k: [v, v] for k, v in HOME.items()}}), TF),
    "rows as curl sends them": Case(
        200,
        dumps({"instances": [HOME]}),
        TF,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    ),
    "rows as text": Case(200, dumps({"instances": [HOME]}), TF, headers=PLAIN),
    "rows for a version": Case(
        200, dumps({"instances": [FLOWER]}), "/v1/models/iris/versions/1:predict"
    ),
    "rows for a label": Case(
        200, dumps({"instances": [HOME]}), "/v1/models/housing/labels/champion:predict"
    ),
    "rows for a label, escaped": Case(
        200, dumps({"instances": [HOME]}), "/v1/models/housing/labels/champion%3Apredict"
    ),
    "rows, wrong": Case(400, dumps({"instances": [HOME | {"rooms": MARK}]}), TF),
    "rows, no JSON": Case(400, b"{", TF),
    "rows with NaN": Case(400, dumps({"instances": [HOME | {"rooms": float("nan")}]}), TF),
    "signature": Case(400, dumps({"instances": [HOME], "signature_name": MARK}), TF),
    "base64": Case(400, dumps({"instances": [HOME | {"property_type": {"b64": "/w=="}}]}), TF),
    "classify": Case(400, b"{}", "/v1/models/housing:classify"),
    "regress a version": Case(400, b"{}", "/v1/models/housing/versions/1:regress"),
    "verb with a line end": Case(400, b"{}", "/v1/models/housing:predict%0A"),
    "version with a line end": Case(404, b"{}", "/v1/models/housing/versions/1%0A:predict"),
    "model with a line end": Case(404, b"{}", "/v2/models/housing%0A/infer"),
    "unknown verb": Case(400, b"{}", f"/v1/models/housing/labels/champion:{MARK}"),
    "rows, compressed": Case(415, b"{}", TF, headers={"Content-Encoding": "gzip"}),
    "rows, too large": Case(413, b" " * (8 * 2**20 + 1), TF),
    "rows for an unknown model": Case(404, b"{}", "/v1/models/castle:predict"),
    "rows for an unknown version": Case(404, b"{}", "/v1/models/housing/versions/9:predict"),
    "rows for an unknown label": Case(404, b"{}", "/v1/models/housing/labels/x:predict"),
    "rows for a name in Unicode": Case(404, b"{}", "/v1/models/%C3%A9t%C3%A9:predict"),
    "rows for a long version": Case(404, b"{}", f"/v1/models/a/versions/{'9' * 3900}:predict"),
    "rows for no model": Case(404, b"{}", "/v1/models/:predict"),
    "two verbs": Case(404, b"{}", "/v1/models/housing:a:predict"),
    "no verb": Case(404, b"{}", "/v1/models/housing:"),
    "version and label": Case(404, b"{}", "/v1/models/housing/versions/1/labels/x:predict"),
    "GET of rows": Case(405, path=TF, method="GET", headers={}),
    "GET of rows of a version": Case(
        405, path="/v1/models/housing/versions/1:predict", method="GET", headers={}
    ),
    "PUT of rows": Case(405, b"{}", TF, method="PUT"),
    "state of a name with a colon": Case(404, path="/v1/models/x:z", method="GET", headers={}),
    "state of a version with a colon": Case(
        404, path="/v1/models/housing/versions/1:z", method="GET", headers={}
    ),
    "status of a version": Case(
        200, path="/v1/models/housing/versions/1", method="GET", headers={}
    ),
    "metadata": Case(200, path="/v1/models/housing/metadata", method="GET", headers={}),
    "metadata of a label": Case(
        404, path="/v1/models/housing/labels/challenger/metadata", method="GET", headers={}
    ),
    # Open Inference Protocol
    "tensors": Case(200, dumps({"id": "7", "inputs": tensors()}), V2),
    "tensors for a version": Case(
        200, dumps({"inputs": tensors()}), "/v2/models/housing/versions/1/infer"
    ),
    "tensors, binary": Case(200, **binary(8, SURFACE)),
    "tensors, binary, sized wrongly": Case(400, **binary(9, SURFACE)),
    "tensors, binary, cut": Case(400, **binary(8, SURFACE[:-1])),
    "tensors, binary, shifted": Case(400, **binary(8, SURFACE, -1)),
    "tensors, binary, too long": Case(400, **binary(8, SURFACE, 99)),
    "tensors, wrong": Case(400, dumps({"inputs": tensors(rooms=MARK)}), V2),
    "tensors outside the limits": Case(400, dumps({"inputs": tensors(rooms=51)}), V2),
    "tensors, no JSON": Case(400, b"\xff", V2),
    "tensors, too large": Case(413, b" " * (8 * 2**20 + 1), V2),
    "tensors for an unknown version": Case(404, b"{}", "/v2/models/housing/versions/9/infer"),
    "tensors for an unknown model": Case(404, b"{}", "/v2/models/castle/infer"),
    "tensors, slash at the end": Case(404, b"{}", f"{V2}/"),
    "GET of tensors": Case(405, path=V2, method="GET", headers={}),
    "V2 server": Case(200, path="/v2", method="GET", headers={}),
    "V2 live": Case(200, path="/v2/health/live", method="GET", headers={}),
    "V2 ready": Case(200, path="/v2/health/ready", method="GET", headers={}),
    "V2 model": Case(200, path="/v2/models/iris", method="GET", headers={}),
    "V2 model as a browser": Case(
        404, path="/v2/models/castle", method="GET", headers={"Accept": "text/html"}
    ),
    "V2 model ready": Case(200, path="/v2/models/iris/versions/1/ready", method="GET", headers={}),
    "V2 nothing": Case(404, path="/v2/nothing", method="GET", headers={}),
    # MLflow
    "split": Case(200, dumps({"dataframe_split": SPLIT}), MLFLOW),
    "records": Case(200, dumps({"dataframe_records": [HOME]}), MLFLOW),
    "CSV": Case(200, TABLE + b"54,3,apartment,\r\n", MLFLOW, headers=CSV),
    "CSV, wrong": Case(400, TABLE + f"54,{MARK},apartment,".encode(), MLFLOW, headers=CSV),
    "CSV, broken": Case(400, TABLE + b'54,"3"x', MLFLOW, headers=CSV),
    "table, no JSON": Case(400, b"[", MLFLOW),
    "params": Case(400, dumps({"dataframe_split": SPLIT, "params": {MARK: 1}}), MLFLOW),
    "Parquet": Case(415, b"PAR1", MLFLOW, headers={"Content-Type": "application/x-parquet"}),
    "table, too large": Case(413, b" " * (8 * 2**20 + 1), MLFLOW),
    "GET of a table": Case(405, path=MLFLOW, method="GET", headers={}),
    "below a table": Case(404, b"{}", f"{MLFLOW}/x"),
    "ping": Case(200, path="/ping", method="GET", headers={}),
    "version": Case(200, path="/version", method="GET", headers={}),
    # other routes
    "livez": Case(200, method="GET", path="/livez", headers={}),
    "readyz": Case(200, method="GET", path="/readyz", headers={}),
    "livez, HEAD": Case(200, method="HEAD", path="/livez", headers={}),
    "livez, POST": Case(405, method="POST", path="/livez", headers={}),
    "livez, PUT": Case(405, method="PUT", path="/livez", headers={}),
    "livez, OPTIONS": Case(200, method="OPTIONS", path="/livez", headers={}),
    "models": Case(200, method="GET", path="/v1/models", headers={}),
    "one model": Case(200, method="GET", path="/v1/models/housing", headers={}),
    "no such model": Case(404, method="GET", path="/v1/models/castle", headers={}),
    "OpenAPI": Case(200, method="GET", path="/openapi.json", headers={}),
    "unknown route": Case(404, method="GET", path="/nothing", headers={}),
    "unknown route, escaped": Case(404, method="GET", path="/..%2f%3Cb%3E", headers={}),
}

Transport = Callable[[Case], Answer]


@pytest.fixture(scope="module")
def flask(shared_worker_state: WorkerState) -> Flask:
    return create_app(worker_state=shared_worker_state)


def flask_transport(app: Flask) -> Transport:
    """Flask alone, as under gthread."""

    def ask(asked: Case) -> Answer:
        response = app.test_client().open(
            asked.path,
            method=asked.method,
            data=asked.body,
            headers={"X-Request-Id": "same", **asked.headers},
        )
        headers = [(k.encode(), v.encode("latin-1")) for k, v in response.headers.items()]
        return answer_of(response.status_code, headers, response.data)

    return ask


def wire_transport(
    app: Flask, worker_state: WorkerState, ask_endpoint: AskEndpoint, fast: bool
) -> Transport:
    """A worker's connection, with or without its fast lane."""
    endpoint = Endpoint(with_fast_lane(worker_state, fast), app)

    def ask(asked: Case) -> Answer:
        headers = {"X-Request-Id": "same", **asked.headers}
        return ask_endpoint(endpoint, asked.method, asked.path, headers, asked.body)

    return ask


@pytest.fixture
def transports(
    flask: Flask, shared_worker_state: WorkerState, ask: AskEndpoint
) -> dict[str, Transport]:
    return {
        "flask": flask_transport(flask),
        "fast": wire_transport(flask, shared_worker_state, ask, True),
        "slow": wire_transport(flask, shared_worker_state, ask, False),
    }


def comparable(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    headers = {
        k: v for k, v in answer.headers.items() if k not in ("server-timing", "date", "connection")
    }
    return answer.status, headers, answer.body


@pytest.mark.parametrize("name", CORPUS)
def test_every_transport_says_the_same(transports: dict[str, Transport], name: str) -> None:
    asked = CORPUS[name]
    answers = {transport: ask(asked) for transport, ask in transports.items()}
    for transport, answer in answers.items():
        assert answer.status == asked.status, (transport, answer.body[:500])
        assert comparable(answer) == comparable(answers["flask"]), transport
        check_manners(asked, answer)


def check_manners(asked: Case, answer: Answer) -> None:
    """What holds of every answer of ours."""
    assert answer.headers["x-request-id"] == "same"
    if asked.method == "HEAD":
        assert answer.body == b""
    assert len(answer.body) < 50_000
    text = answer.body.decode("latin-1")
    for leak in (MARK, "Traceback", "/srv", "/tmp", "site-packages", 'File \\"', "passwd"):
        assert leak not in text
    if answer.status >= 300:
        check_problem(answer, asked)
    if answer.status == 405:
        assert asked.method not in answer.headers["allow"].split(", ")
    if asked.status == 200 and asked.method == "POST":
        assert answer.headers["content-type"] in (JSON, "application/octet-stream")
        assert answer.headers["server-timing"].startswith("queue;dur=")


def check_problem(answer: Answer, asked: Case) -> None:
    compat = re.match(r"/(v1/models/|v2|invocations)", asked.path)
    assert answer.headers["content-type"] == (JSON if compat else "application/problem+json")
    if asked.method == "HEAD":
        return
    if compat:
        members = ["error_code", "message"] if compat[1] == "invocations" else ["error"]
        assert list(answer.json()) == members
        return
    problem = answer.json()
    assert problem["status"] == answer.status
    assert problem["request_id"] == "same"
    assert problem["type"].startswith("/docs/errors/")
    assert problem["title"]
    assert problem["detail"]


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (Unavailable("The service is full; try again soon.", "full"), 503),
        (DeadlineExceeded("The deadline passed."), 504),
        (ModelFailure("The model failed on this input.", "engine"), 500),
        (RuntimeError(f"/secret/{MARK}"), 500),
        (VigieError("Explained."), 500),
    ],
)
def test_failures_look_alike(
    transports: dict[str, Transport],
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
    status: int,
) -> None:
    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr("vigie.serving.runtime.model_slot.ModelSlot.run", fail)
    monkeypatch.setattr("vigie.serving.runtime.model_slot.ModelSlot.submit", fail)
    asked = Case(status, GOOD)
    answers = {transport: ask(asked) for transport, ask in transports.items()}
    for answer in answers.values():
        assert answer.status == status
        assert comparable(answer) == comparable(answers["flask"])
        check_manners(asked, answer)
        assert ("retry-after" in answer.headers) == (status == 503)


@pytest.fixture
def unready(tmp_path: Path, ask: AskEndpoint) -> dict[str, Transport]:
    """Transports of a service that lacks `housing`."""
    cache = filled_cache(tmp_path / "cache")
    (cache.folder / "housing" / "champion").unlink()
    worker_state = loaded(settings_for(cache, tmp_path / "state"))
    app = create_app(worker_state=worker_state)
    return {
        "flask": flask_transport(app),
        "fast": wire_transport(app, worker_state, ask, True),
        "slow": wire_transport(app, worker_state, ask, False),
    }


@pytest.mark.parametrize(
    "asked",
    [
        Case(503, GOOD),
        Case(503, GOOD, "/predict"),
        Case(200, dumps(FLOWER), "/predict/iris"),
        Case(503, b"{", "/predict"),
        Case(503, method="GET", path="/readyz", headers={}),
        Case(200, method="GET", path="/livez", headers={}),
        Case(405, method="GET", headers={}),
    ],
)
def test_without_a_model_every_transport_says_when_to_come_back(
    unready: dict[str, Transport], asked: Case
) -> None:
    answers = {transport: ask(asked) for transport, ask in unready.items()}
    for transport, answer in answers.items():
        assert answer.status == asked.status, transport
        assert comparable(answer) == comparable(answers["flask"]), transport
        if asked.status == 503:
            assert answer.headers["retry-after"] == "5"
            assert "/tmp" not in answer.body.decode()


def test_a_full_service_says_so_by_every_transport(
    flask: Flask,
    shared_worker_state: WorkerState,
    transports: dict[str, Transport],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shared_worker_state.pipeline.admission, "_most_in_flight", 0)
    for ask in transports.values():
        answer = ask(Case(503, GOOD))
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        assert orjson.loads(answer.body)["detail"] == "The service is full; try again soon."


@pytest.mark.parametrize("name", ["GET", "GET as a browser", "PUT", "PATCH"])
def test_a_wrong_method_gets_an_example_that_works(
    transports: dict[str, Transport], name: str
) -> None:
    for ask in transports.values():
        answer = ask(CORPUS[name])
        assert answer.headers["allow"] == "OPTIONS, POST"
        assert ask(Case(200, orjson.dumps(answer.json()["example"]))).status == 200


@pytest.mark.parametrize("path", [TF, "/v1/models/housing/versions/1:predict", V2, MLFLOW])
@pytest.mark.parametrize("method", ["OPTIONS", "GET"])
def test_a_prediction_route_takes_nothing_but_post(
    transports: dict[str, Transport], path: str, method: str
) -> None:
    for ask in transports.values():
        answer = ask(Case(0, path=path, method=method))
        assert answer.status == (200 if method == "OPTIONS" else 405)
        assert set(answer.headers["allow"].split(", ")) == {"OPTIONS", "POST"}


def test_metrics_name_templates_and_never_paths(tmp_path: Path, ask: AskEndpoint) -> None:
    worker_state = loaded(settings_for(filled_cache(tmp_path / "cache"), tmp_path / "state"))
    app = create_app(worker_state=worker_state)
    transports = [
        flask_transport(app),
        wire_transport(app, worker_state, ask, True),
        wire_transport(app, worker_state, ask, False),
    ]
    for transport in transports:
        for asked in CORPUS.values():
            if len(asked.body) < 10_000:
                transport(asked)
    counted: dict[tuple[str, str, str], float] = {}
    for family in worker_state.metrics.registry.collect():
        for sample in family.samples:
            if sample.name == "vigie_http_requests_total":
                labels = sample.labels
                key = (labels["method"], labels["route"], labels["code"])
                counted[key] = sample.value
    rules = {rule.rule for rule in app.url_map.iter_rules()} | {"(none)"}
    assert {route for _, route, _ in counted} <= rules
    assert {method for method, _, _ in counted} <= {
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other",
    }  # fmt: skip
    assert all(value % len(transports) == 0 for value in counted.values()), counted
