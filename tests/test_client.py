"""The command line's client: words become a row, every failure becomes a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import orjson
import pytest

from support.fake_mlflow import Answer, http_server, send, send_json
from vigie.client import ServiceClient, ServiceError, parse_values

INPUTS: dict[str, Any] = {
    "surface_m2": {"type": "number"},
    "rooms": {"type": ["integer", "null"]},
    "property_type": {"type": "string"},
    "district": {"type": ["integer", "string", "null"]},
}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("rooms=3", 3),
        ("surface_m2=54.5", 54.5),
        ("surface_m2=-1e3", -1000.0),
        ("rooms=many", "many"),
        ("rooms=", ""),
        ("surface_m2=nan", "nan"),
        ("surface_m2=1e999", "1e999"),
        ("property_type=12", "12"),
        ("property_type=a=b", "a=b"),
        ("district=2", "2"),
        ("unknown=2", "2"),
    ],
)
def test_a_word_becomes_what_its_input_takes(word: str, value: object) -> None:
    name = word.partition("=")[0]
    row = parse_values((word,), INPUTS)
    assert row == {name: value}
    assert type(row[name]) is type(value)


def test_words_become_one_row_and_a_word_without_sign_is_refused() -> None:
    assert parse_values(("rooms=3", "surface_m2=9"), INPUTS) == {"rooms": 3, "surface_m2": 9}
    assert parse_values((), INPUTS) == {}
    with pytest.raises(ServiceError, match="rooms is not of the form name=value"):
        parse_values(("rooms",), INPUTS)


class Service:
    """A stand-in for the service, with an answer per method and path."""

    def __init__(self) -> None:
        self.client = ServiceClient("")
        self.answers: dict[str, Answer] = {}
        self.body: Any = None

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        if size := int(handler.headers.get("Content-Length") or 0):
            self.body = orjson.loads(handler.rfile.read(size))
        self.answers[f"{handler.command} {handler.path}"](handler)


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    with http_server(service.answer) as url:
        service.client = ServiceClient(f"{url}/")
        yield service


def test_a_key_goes_to_the_service_and_nowhere_else(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    sent: list[str | None] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        sent.append(handler.headers["Authorization"])
        send_json(handler, {"models": []})

    service.answers["GET /v1/models"] = answer
    with http_server(service.answer) as url:
        ServiceClient(url, "vig_x").models()
        ServiceClient(url).models()
        with http_server(lambda h: redirect(h, f"{url}/v1/models")) as other:
            ServiceClient(other.replace("127.0.0.1", "localhost"), "vig_x").models()
    assert sent[0] == "Bearer vig_x"
    assert len(sent) == 3
    assert "Bearer vig_x" not in sent[1:]


def redirect(handler: BaseHTTPRequestHandler, where: str) -> None:
    handler.send_response(302)
    handler.send_header("Location", where)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def test_a_prediction_sends_the_rows_and_gives_the_answer(service: Service) -> None:
    answer = {"model": "housing", "predictions": [{"price_eur": 1.0}]}
    service.answers["POST /predict/housing"] = lambda h: send_json(h, answer)
    assert service.client.predict("housing", [{"rooms": 3}]) == answer
    assert service.body == {"instances": [{"rooms": 3}]}


def test_a_refusal_names_each_field(service: Service) -> None:
    problem = {
        "detail": "These fields are wrong: rooms.",
        "errors": [
            {"pointer": "/instances/0/rooms", "expected": "integer from 1 to 50", "got": "text"}
        ],
    }
    service.answers["POST /predict/housing"] = lambda h: send_json(h, problem, 422)
    with pytest.raises(ServiceError) as refused:
        service.client.predict("housing", [{}])
    assert str(refused.value) == (
        "These fields are wrong: rooms.\n  rooms: expected integer from 1 to 50, got text"
    )


def test_the_inputs_of_a_model_come_from_the_openapi_document(service: Service) -> None:
    schemas = {"housing.Row": {"properties": INPUTS}, "iris.Row": {}, "Problem": {}}
    document = {"components": {"schemas": schemas}}
    service.answers["GET /openapi.json"] = lambda h: send_json(h, document)
    assert service.client.inputs("housing") == INPUTS
    with pytest.raises(ServiceError, match="no model boats; it has housing, iris"):
        service.client.inputs("boats")


def test_models_and_readiness_are_told(service: Service) -> None:
    service.answers["GET /v1/models"] = lambda h: send_json(h, {"models": [{"name": "iris"}]})
    assert service.client.models() == [{"name": "iris"}]
    for status, text in ((200, "ready"), (503, "iris has no version")):
        answer = {"status": text}
        service.answers["GET /readyz"] = lambda h, a=answer, s=status: send_json(h, a, s)  # type: ignore[misc]
        assert service.client.readiness() == text


@pytest.mark.parametrize(
    "answer",
    [
        lambda h: send(h, b"<html>", "text/html"),
        lambda h: send(h, b"<html>", "text/html", 502),
        lambda h: send_json(h, []),
        lambda h: send_json(h, [], 500),
        lambda h: send_json(h, {}),
        lambda h: send(h, b'{"models"', length=100),
    ],
    ids=["html", "502", "list", "list with 500", "empty", "half"],
)
def test_something_else_at_the_address_is_told(service: Service, answer: Answer) -> None:
    service.answers["GET /v1/models"] = answer
    with pytest.raises(ServiceError):
        service.client.models()


def test_no_service_at_the_address_is_told_with_the_remedy() -> None:
    with pytest.raises(ServiceError, match=r"no service answers at .*make run"):
        ServiceClient("http://127.0.0.1:1").models()
