"""The OpenAPI document: valid, complete, and true of what the service does."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from support.colours_package import install_colours
from support.fruits import install_fruits
from support.packages import install
from support.photos import LABELS, in_base64, photo_bytes
from support.worker import FLOWER, HOME, JSON, loaded, settings_for
from vigie.models.number_limits import FLOAT32_MAX
from vigie.predictionlog.entry import TRUTH_LABEL
from vigie.registry.cache import ModelCache
from vigie.serving import openapi
from vigie.serving.app import create_app
from vigie.serving.dialects.invocations import FORMATS
from vigie.serving.dialects.tfserving import SIGNATURE
from vigie.serving.dialects.v2 import MOST_DIMENSIONS, MOST_ID_CHARACTERS
from vigie.serving.dialects.v2_tensors import DTYPES
from vigie.serving.openapi.document import read_part
from vigie.serving.worker_state import WorkerState

UNDOCUMENTED = {
    "/health": "an alias of /readyz",
    "/metrics": "for Prometheus on this machine, not a part of the API",
    "/openapi.json": "the document itself",
    "/models/<model>/neighbours/<int:place>.jpg": "described for each model that has such pictures",
    "/v1/models/<model>:<verb>": "says that classify and regress are not offered",
    "/v1/models/<model>/versions/<version>:<verb>": "the same of a version",
    "/v1/models/<model>/labels/<label>:<verb>": "the same of a label",
}
PAGES = ("pages.", "status.", "web_app.", "login.")
PARTS = {"model": "housing", "version": "1", "label": "champion"}
ROWS = {"housing": HOME, "iris": FLOWER}


@pytest.fixture(scope="module")
def app(shared_worker_state: WorkerState) -> Flask:
    return create_app(worker_state=shared_worker_state)


@pytest.fixture(scope="module")
def client(app: Flask) -> FlaskClient:
    return app.test_client()


class Described(dict[str, Any]):
    """The document, in short where Hypothesis tells of a failure."""

    def __repr__(self) -> str:
        return "Described()"


@pytest.fixture(scope="module")
def document(client: FlaskClient) -> dict[str, Any]:
    response = client.get("/openapi.json")
    assert response.content_type == JSON
    return Described(orjson.loads(response.data))


Check = Callable[[dict[str, Any], Any], bool]


@pytest.fixture(scope="module")
def accepts(document: dict[str, Any]) -> Check:
    """Whether a schema of the document takes a value."""

    def check(schema: dict[str, Any], value: Any) -> bool:
        whole = {**schema, "components": document["components"]}
        return bool(Draft202012Validator(whole).is_valid(value))

    return check


def body_schema(document: dict[str, Any], path: str) -> dict[str, Any]:
    content = document["paths"][path]["post"]["requestBody"]["content"]
    schema: dict[str, Any] = content[JSON]["schema"]
    return schema


def answer_schema(document: dict[str, Any], path: str, status: int) -> dict[str, Any]:
    response = document["paths"][path]["post"]["responses"][str(status)]
    (content,) = response["content"].values()
    schema: dict[str, Any] = content["schema"]
    return schema


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    validate(document)
    operations = [
        o for path in document["paths"].values() for key, o in path.items() if key != "parameters"
    ]
    names = [o["operationId"] for o in operations if "operationId" in o]
    assert len(set(names)) == len(names) == 3


def test_what_is_written_down_is_what_the_code_takes() -> None:
    bodies = read_part("bodies")
    tensor = bodies["v2"]["properties"]["inputs"]["items"]["properties"]
    truth = bodies["truth"]["properties"]
    number, label = truth["actual"]["oneOf"]
    assert bodies["v2"]["properties"]["id"]["maxLength"] == MOST_ID_CHARACTERS
    assert tensor["shape"]["maxItems"] == MOST_DIMENSIONS
    assert tensor["datatype"]["enum"] == [*DTYPES, "BYTES"]
    assert bodies["tfserving"]["properties"]["signature_name"]["enum"][0] == SIGNATURE
    assert [one["required"] for one in bodies["invocations"]["oneOf"]] == [[one] for one in FORMATS]
    assert (number["minimum"], number["maximum"]) == (-FLOAT32_MAX, FLOAT32_MAX)
    assert label["pattern"] == TRUTH_LABEL


def test_every_file_beside_the_code_is_used_and_whole() -> None:
    names = {path.stem for path in Path(openapi.__file__).parent.glob("*.json")}
    assert names == {"bodies", "components", "operations", "paths", "prediction", "responses"}
    for name in names:
        assert ".json#" not in orjson.dumps(read_part(name)).decode()


def test_the_first_model_alone_is_described_as_the_one_without_a_name(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path / "cache")
    install(cache, "iris")
    client = create_app(worker_state=loaded(settings_for(cache, tmp_path / "state"))).test_client()
    paths = client.get("/openapi.json").get_json()["paths"]
    assert [path for path in paths if path.startswith("/predict")] == ["/predict/iris"]
    assert "also answers" not in client.get("/docs").text
    install(cache, "housing")
    client = create_app(worker_state=loaded(settings_for(cache, tmp_path / "state"))).test_client()
    paths = client.get("/openapi.json").get_json()["paths"]
    assert "surface_m2" in str(paths["/predict"])
    assert client.get("/docs").text.count("also answers") == 1


@pytest.mark.parametrize("path", ["/predict", "/predict/housing", "/predict/iris"])
def test_examples_work(
    document: dict[str, Any], client: FlaskClient, accepts: Check, path: str
) -> None:
    example = document["paths"][path]["post"]["requestBody"]["content"][JSON]["example"]
    assert accepts(body_schema(document, path), example)
    response = client.post(path, json=example)
    assert response.status_code == 200
    assert accepts(answer_schema(document, path, 200), response.get_json())


@pytest.mark.parametrize("name", ROWS)
def test_every_form_of_body_is_described(
    document: dict[str, Any], client: FlaskClient, accepts: Check, name: str
) -> None:
    row, path = ROWS[name], f"/predict/{name}"
    for body in (row, [row], {"instances": [row]}, {"features": row}, {"features": [row, row]}):
        assert accepts(body_schema(document, path), body)
        assert client.post(path, json=body).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        3,
        None,
        {"instances": []},
        {"instances": HOME},
        {"instances": [HOME], "features": HOME},
        {"instances": [HOME | {"x": 1}]},
    ],
)
def test_what_is_refused_is_not_described(
    document: dict[str, Any], client: FlaskClient, accepts: Check, body: Any
) -> None:
    path = "/predict/housing"
    assert not accepts(body_schema(document, path), body)
    response = client.post(path, data=orjson.dumps(body), content_type=JSON)
    assert response.status_code == 422
    assert accepts(answer_schema(document, path, 422), response.get_json())


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {"Content-Type": JSON}, 400),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b" " * (8 * 2**20 + 1), {"Content-Type": JSON}, 413),
    ],
)
def test_problems_are_as_described(
    document: dict[str, Any],
    client: FlaskClient,
    accepts: Check,
    body: bytes,
    headers: dict[str, str],
    status: int,
) -> None:
    response = client.post("/predict/housing", data=body, headers=headers)
    assert response.status_code == status
    assert accepts(answer_schema(document, "/predict/housing", status), response.get_json())


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-5, 2000)
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-5, 60).map(float)
    | st.sampled_from(["apartment", "house", "castle", ""])
    | st.lists(st.integers(), max_size=2)
)


@settings(max_examples=150, deadline=None)
@given(
    row=st.dictionaries(
        st.sampled_from(["surface_m2", "rooms", "property_type", "land_m2", "district", "x"]),
        VALUES,
    ),
    whole=st.booleans(),
)
def test_rows_are_taken_just_as_described(
    document: dict[str, Any], client: FlaskClient, accepts: Check, row: Any, whole: bool
) -> None:
    row = HOME | row if whole else row
    path = "/predict/housing"
    response = client.post(path, json={"instances": [row]})
    described = accepts(body_schema(document, path), {"instances": [row]})
    assert response.status_code == (200 if described else 422), row


def test_headers_are_as_described(document: dict[str, Any], client: FlaskClient) -> None:
    response = client.post("/predict/housing", json=HOME)
    described = document["paths"]["/predict/housing"]["post"]["responses"]["200"]["headers"]
    assert set(described) <= set(response.headers.keys())


def test_every_route_is_described_or_excused(app: Flask, document: dict[str, Any]) -> None:
    left = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint != "static" and not rule.endpoint.startswith(PAGES)
    }
    served = {path for path in document["paths"] if not path.startswith("/predict/")}
    described = {re.sub("{(.+?)}", r"<\1>", path) for path in served} | {"/predict/<model>"}
    assert left - described == set(UNDOCUMENTED)
    assert described <= left
    assert {f"/predict/{name}" for name in ROWS} <= set(document["paths"])


def test_described_routes_answer_as_described(
    document: dict[str, Any], client: FlaskClient, accepts: Check
) -> None:
    for path, methods in document["paths"].items():
        for method in methods.keys() & {"get", "post"}:
            operation = methods[method]
            sent = operation.get("requestBody", {}).get("content", {}).get(JSON, {}).get("example")
            assert sent is None or accepts(body_schema(document, path), sent)
            response = client.open(path.format(**PARTS), method=method.upper(), json=sent)
            assert response.status_code == 200, (path, response.data)
            ((media_type, content),) = operation["responses"]["200"]["content"].items()
            assert response.mimetype == media_type
            said = response.get_json() if media_type == JSON else response.text
            assert accepts(content["schema"], said)


def test_refusals_of_other_dialects_are_as_described(
    document: dict[str, Any], client: FlaskClient, accepts: Check
) -> None:
    for path, methods in document["paths"].items():
        if "post" in methods and not path.startswith("/predict"):
            assert not accepts(body_schema(document, path), {})
            invalid = 422 if path == "/feedback" else 400
            for body, status in ((b"{", 400), (b"{}", invalid), (b" " * (8 * 2**20 + 1), 413)):
                response = client.post(path.format(**PARTS), data=body, content_type=JSON)
                assert response.status_code == status
                assert accepts(answer_schema(document, path, status), response.get_json())
        if "{model}" in path:
            unknown = path.format(model="castle", version="1", label="champion")
            (method,) = methods.keys() & {"get", "post"}
            response = client.open(unknown, method=method.upper(), data=b"{}")
            assert response.status_code == 404
            assert list(response.get_json()) == ["error"]


# --- photos


def test_vectors_neighbours_and_notes_are_described(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path / "cache")
    install_fruits(cache)
    settings = settings_for(cache, tmp_path / "state", models=("fruits",))
    client = create_app(worker_state=loaded(settings)).test_client()
    document = client.get("/openapi.json").get_json()
    validate(document)
    schema = document["components"]["schemas"]["fruits.Answer"]
    answers = Draft202012Validator(schema)
    sent = [in_base64(photo_bytes(label)) for label in LABELS]
    predictions = client.post("/predict/fruits", json=sent).get_json()["predictions"]
    assert [one["note"] is None for one in predictions] == [False, False, True]
    for prediction in predictions:
        assert list(schema["properties"]) == list(prediction)
        assert answers.is_valid(prediction)
        for name in prediction:
            assert not answers.is_valid({**prediction, name: 3 if name != "score" else "3"})
    picture = document["paths"]["/models/fruits/neighbours/{place}.jpg"]["get"]["responses"]
    found = client.get(predictions[0]["neighbours"][0]["thumbnail"])
    assert list(picture["200"]["content"]) == [found.mimetype]
    missing = client.get("/models/fruits/neighbours/99.jpg")
    assert list(picture["404"]["content"]) == [missing.mimetype]


def test_a_model_that_takes_photos_says_how(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path / "cache")
    install_colours(cache)
    install_colours(cache, "warm", extra=True)
    models = ("colours", "warm")
    app = create_app(worker_state=loaded(settings_for(cache, tmp_path / "state", models=models)))
    client = app.test_client()
    document = client.get("/openapi.json").get_json()
    validate(document)
    body = document["paths"]["/predict/colours"]["post"]["requestBody"]["content"]
    assert body.keys() == {"application/json", "image/*", "multipart/form-data"}
    row = Draft202012Validator(document["components"]["schemas"]["warm.Row"])
    good = {"photo": in_base64(photo_bytes("red")), "warmth": 2}
    assert row.is_valid(good)
    for wrong in ({**good, "photo": "text"}, {**good, "photo": {}}, {"warmth": 2}):
        assert not row.is_valid(wrong)
    form = document["paths"]["/predict/warm"]["post"]["requestBody"]["content"]
    parts = form["multipart/form-data"]["schema"]
    assert parts["properties"].keys() == {"photo", "warmth"}
    assert parts["required"] == ["photo"]
    for path, item in document["paths"].items():
        for body in item.get("post", {}).get("requestBody", {}).get("content", {}).values():
            if "example" in body and path != "/feedback":
                asked = path.replace("{model}", "colours").replace("{version}", "1")
                said = client.post(asked.replace("{label}", "champion"), json=body["example"])
                assert said.status_code == 200, (path, said.text)
