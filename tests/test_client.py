"""The client: tables in parts, answers in the form of the table, truths once, a key that stays."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest
import requests

from support.fake_mlflow import Answer, http_server, send, send_json
from support.ports import free_port
from vigie.client import ROWS_AT_ONCE, Client, RefusedInput, ServiceError
from vigie.errors import ConfigurationError, DataError, InvalidInput, VigieError

KEY = "vig_secret"


class Service:
    """A stand-in for the service: an answer per method and path, and what was sent there."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.bodies: list[Any] = []
        self.keys: list[str | None] = []

    def client(self, **how: Any) -> Client:
        return Client(f"{self.url}/", **how)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        size = int(handler.headers.get("Content-Length") or 0)
        self.bodies.append(orjson.loads(handler.rfile.read(size)) if size else None)
        self.asked.append(f"{handler.command} {handler.path}")
        self.keys.append(handler.headers["Authorization"])
        self.answers[self.asked[-1]](handler)

    def in_turn(self, route: str, *answers: Answer) -> None:
        """Each answer once, the last one for good."""
        left = list(answers)
        self.answers[route] = lambda handler: (left.pop(0) if left[1:] else left[0])(handler)

    def predict(self, handler: BaseHTTPRequestHandler) -> None:
        """Doubles `x`."""
        send_json(handler, answer_to(self.bodies[-1]))


def answer_to(rows: list[dict[str, Any]], version: str = "1") -> dict[str, Any]:
    found = [{"y": 2 * row["x"], "warnings": []} for row in rows]
    request_id = f"r{rows[0]['x']}"
    return {"model": "m", "version": version, "request_id": request_id, "predictions": found}


def refusal(detail: str, status: int, *errors: tuple[str, str, str]) -> Answer:
    named = [dict(zip(("pointer", "expected", "got"), error, strict=True)) for error in errors]
    problem = {"detail": detail, "errors": named} if named else {"detail": detail}
    return lambda handler: send_json(handler, problem, status)


def later(status: int, wait: str, detail: str = "full") -> Answer:
    body, headers = orjson.dumps({"detail": detail}), {"Retry-After": wait}
    return lambda handler: send(handler, body, status=status, headers=headers)


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


def half(handler: BaseHTTPRequestHandler) -> None:
    send(handler, b'{"predictions": [', length=100)


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    service.answers["POST /predict/m"] = service.predict
    with http_server(service.answer) as url:
        service.url = url
        yield service


def test_a_table_is_answered_in_its_own_form(service: Service) -> None:
    client = service.client()
    frame = pd.DataFrame({"x": [3, 4]}, index=["b", "a"])
    made = client.predict("m", frame)
    assert made.to_dict("list") == {
        "y": [6, 8], "warnings": [[], []], "version": ["1", "1"], "request_id": ["r3", "r3"],
        "row": [0, 1],
    }  # fmt: skip
    assert made.index.tolist() == ["b", "a"]
    assert client.predict("m", {"x": [3, 4]}) == made.to_dict("list")
    rows = client.predict("m", [{"x": 3}, {"x": 4, "z": None}])
    assert rows[1] == {"y": 8, "warnings": [], "version": "1", "request_id": "r3", "row": 1}
    assert service.bodies == [[{"x": 3}, {"x": 4}]] * 3
    assert client.answer("m", [{"x": 3}]) == answer_to([{"x": 3}])


def test_a_large_table_goes_in_parts_and_stays_in_order(service: Service) -> None:
    count = 2 * ROWS_AT_ONCE + 1
    made = service.client().predict("m", {"x": list(range(count))})
    assert made["y"] == list(range(0, 2 * count, 2))
    assert [len(body) for body in service.bodies] == [ROWS_AT_ONCE, ROWS_AT_ONCE, 1]
    assert made["request_id"][-1] == f"r{2 * ROWS_AT_ONCE}"
    assert made["row"][ROWS_AT_ONCE - 1 : ROWS_AT_ONCE + 1] == [ROWS_AT_ONCE - 1, 0]


def test_the_service_says_how_many_rows_it_takes(service: Service) -> None:
    def capped(handler: BaseHTTPRequestHandler) -> None:
        if len(service.bodies[-1]) <= 4:
            service.predict(handler)
        else:
            refusal("The number of rows is wrong.", 422, ("", "1 to 4 rows", "9 rows"))(handler)

    service.answers["POST /predict/m"] = capped
    client = service.client()
    for _ in range(2):
        assert client.predict("m", {"x": list(range(9))})["y"] == list(range(0, 18, 2))
    assert [len(body) for body in service.bodies] == [9, 4, 4, 1, 4, 4, 1]


def test_bodies_that_are_too_large_become_smaller(service: Service) -> None:
    def capped(handler: BaseHTTPRequestHandler) -> None:
        fits = int(handler.headers["Content-Length"]) < 40
        (service.predict if fits else refusal("too large", 413))(handler)

    service.answers["POST /predict/m"] = capped
    assert service.client().predict("m", {"x": list(range(9))})["y"] == list(range(0, 18, 2))
    with pytest.raises(ServiceError, match="too large") as refused:
        service.client().predict("m", [{"x": 1, "text": "long" * 20}])
    assert refused.value.status == 413


def test_versions_may_change_in_the_middle(service: Service) -> None:
    service.in_turn(
        "POST /predict/m",
        lambda h: send_json(h, answer_to(service.bodies[-1], "1")),
        lambda h: send_json(h, answer_to(service.bodies[-1], "2")),
    )
    made = service.client().predict("m", {"x": list(range(ROWS_AT_ONCE + 1))})
    assert (made["version"][ROWS_AT_ONCE - 1], made["version"][ROWS_AT_ONCE]) == ("1", "2")


def test_a_refusal_names_each_field_at_its_row_of_the_table(service: Service) -> None:
    wrong = ("/2/sur~1face", "number of at least 9", "text")
    service.in_turn(
        "POST /predict/m", service.predict, refusal("These fields are wrong.", 422, wrong)
    )
    with pytest.raises(RefusedInput) as refused:
        service.client().predict("m", {"x": list(range(ROWS_AT_ONCE + 3))})
    assert str(refused.value) == (
        "These fields are wrong.\n"
        f"  row {ROWS_AT_ONCE + 2}, sur/face: expected number of at least 9, got text\n"
        f"  the {ROWS_AT_ONCE} rows before went through"
    )
    assert isinstance(refused.value, InvalidInput)
    (field,) = refused.value.fields
    assert (field.row, field.field, refused.value.status) == (ROWS_AT_ONCE + 2, "sur/face", 422)
    service.answers["POST /predict/m"] = refusal("wrong.", 422, ("/0/x", "number", "text"))
    with pytest.raises(RefusedInput, match=r"wrong.\n  x: expected number, got text\Z"):
        service.client().predict("m", [{"x": 1}])


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"x": [1, float("inf")]}, "x in row 1 is no finite number"),
        ([{"x": [[1.0, float("-inf")]]}], "x in row 0 is no finite number"),
        ({"x": [1], "n": [2**70]}, "n in row 0 cannot be sent: Integer exceeds 64-bit range"),
        ([{"x": "\ud800"}], "x in row 0 cannot be sent: str is not valid UTF-8"),
        ([], "the table has no rows"),
        (pd.DataFrame({"x": []}), "the table has no rows"),
    ],
)
def test_what_cannot_be_sent_is_named_before_it_is(service: Service, table: Any, said: str) -> None:
    with pytest.raises(DataError) as refused:
        service.client().predict("m", table)
    assert said in str(refused.value)
    assert service.bodies == []


def test_a_text_that_says_null_is_sent(service: Service) -> None:
    service.client().predict("m", [{"x": 1, "t": "null", "l": [None, 1.5]}])
    assert service.bodies == [[{"x": 1, "t": "null", "l": [None, 1.5]}]]


def test_an_output_that_is_named_like_the_origin_is_refused(service: Service) -> None:
    service.answers["POST /predict/m"] = lambda h: send_json(h, {"predictions": [{"row": 1}]})
    with pytest.raises(DataError, match="the model answers row, which"):
        service.client().predict("m", [{"x": 1}])


@pytest.mark.parametrize(
    "trouble",
    [
        later(503, "0"), later(429, "0"), refusal("gone", 502), refusal("late", 504), hang_up, half,
    ],
    ids=["503", "429", "502", "504", "hung up", "half"],
)  # fmt: skip
def test_predictions_are_asked_for_again(service: Service, trouble: Answer) -> None:
    service.in_turn("POST /predict/m", trouble, trouble, service.predict)
    assert service.client().predict("m", {"x": [1]})["y"] == [2]
    assert service.asked == ["POST /predict/m"] * 3


def test_a_service_that_stays_full_says_so_in_the_end(service: Service) -> None:
    service.answers["POST /predict/m"] = later(503, "0", "The service is full.")
    with pytest.raises(ServiceError, match=r"The service is full\.") as refused:
        service.client(retries=2).predict("m", {"x": [1]})
    assert (len(service.asked), refused.value.status) == (3, 503)


@pytest.mark.parametrize("status", [400, 401, 404, 422, 500])
def test_what_will_not_change_is_asked_once(service: Service, status: int) -> None:
    service.answers["POST /predict/m"] = refusal("no", status)
    with pytest.raises(ServiceError, match="no") as refused:
        service.client().predict("m", {"x": [1]})
    assert (len(service.asked), refused.value.status) == (1, status)


def in_seconds(seconds: int) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize("wait", [lambda: "1", lambda: in_seconds(2)], ids=["seconds", "date"])
def test_it_waits_as_long_as_it_is_asked_to(service: Service, wait: Callable[[], str]) -> None:
    service.in_turn("POST /predict/m", later(503, wait()), service.predict)
    started = time.monotonic()
    service.client().predict("m", {"x": [1]})
    assert time.monotonic() - started >= 0.95


@pytest.mark.parametrize("wait", [lambda: "3600", lambda: in_seconds(3600)])
def test_who_asks_for_an_hour_is_not_asked_again(service: Service, wait: Callable[[], str]) -> None:
    service.answers["POST /predict/m"] = later(429, wait(), "Over the quota.")
    with pytest.raises(ServiceError, match=r"Over the quota\.\n  it asks to wait 3[56]\d\d s"):
        service.client().predict("m", {"x": [1]})
    assert len(service.asked) == 1


@pytest.mark.parametrize("wait", ["soon", "-5", ""])
def test_a_wait_that_is_none_is_not_kept(service: Service, wait: str) -> None:
    service.in_turn("POST /predict/m", later(503, wait), service.predict)
    assert service.client().predict("m", {"x": [1]})["y"] == [2]


def test_who_says_nothing_is_not_waited_for(service: Service) -> None:
    here = Barrier(2)

    def wait(_: BaseHTTPRequestHandler) -> None:
        here.wait(60)

    service.answers["POST /predict/m"] = wait
    try:
        with pytest.raises(ServiceError, match=r"did not answer within 0\.2 s"):
            service.client(timeout=0.2).predict("m", {"x": [1]})
    finally:
        here.wait(60)
    assert len(service.asked) == 1


ANSWERS = pd.DataFrame({"y": [1.0, 2.0, 3.0], "request_id": ["a", "a", "b"], "row": [0, 1, 0]})
TRUTHS = [
    {"request_id": "a", "row": 0, "actual": 5.0}, {"request_id": "b", "row": 0, "actual": 7.0},
]  # fmt: skip


def of_rows(client: Client) -> dict[str, int]:
    return client.feedback(ANSWERS.to_dict("records"), [5.0, None, 7.0])


@pytest.mark.parametrize(
    "give",
    [
        lambda client: client.feedback(ANSWERS, pd.Series([5.0, np.nan, 7.0])),
        lambda client: client.feedback(ANSWERS, [5.0, None, 7.0]),
        lambda client: client.feedback(ANSWERS.assign(actual=[5.0, np.nan, 7.0])),
        lambda client: client.feedback(ANSWERS.to_dict("list"), [5.0, None, 7.0]),
        of_rows,
        lambda client: client.feedback(TRUTHS),
    ],
    ids=["series", "list", "column", "columns", "rows", "truths"],
)
def test_truths_are_given_with_the_answers_or_alone(
    service: Service, give: Callable[[Client], dict[str, int]]
) -> None:
    said = {"stored": 1, "duplicate": 1}
    service.answers["POST /feedback"] = lambda h: send_json(h, said)
    assert give(service.client()) == said
    assert service.bodies == [TRUTHS]


def test_many_truths_go_in_parts(service: Service) -> None:
    def store(handler: BaseHTTPRequestHandler) -> None:
        count = len(service.bodies[-1])
        if count > 400:
            refusal("Send 1 to 400 truths at once.", 422)(handler)
        else:
            send_json(handler, {"stored": count, "duplicate": 0})

    service.answers["POST /feedback"] = store
    truths = [{"request_id": "a", "row": row, "actual": row} for row in range(1500)]
    assert service.client().feedback(truths) == {"stored": 1500, "duplicate": 0}
    assert [row for body in service.bodies[1:] for row in body] == truths


@pytest.mark.parametrize(
    ("answers", "actual", "said"),
    [
        (ANSWERS, [1.0], "there are 3 answers, and 1 truths"),
        (ANSWERS, pd.Series([1.0, 2.0, 3.0], index=[2, 1, 0]), "actual has another index"),
        (ANSWERS, None, "no truth is given: give actual"),
        (ANSWERS.drop(columns="request_id"), [1, 2, 3], "row 0 has no request_id"),
        (ANSWERS, "y", "column actual is a str"),
    ],
)
def test_truths_that_fit_no_answer_are_named(
    service: Service, answers: Any, actual: Any, said: str
) -> None:
    with pytest.raises(DataError) as refused:
        service.client().feedback(answers, actual)
    assert said in str(refused.value)
    assert service.asked == []


@pytest.mark.parametrize("trouble", [later(503, "0"), later(429, "0"), refusal("x", 502), hang_up])
def test_truths_are_never_sent_twice(service: Service, trouble: Answer) -> None:
    service.answers["POST /feedback"] = trouble
    with pytest.raises(ServiceError):
        service.client().feedback(TRUTHS)
    assert service.asked == ["POST /feedback"]


def test_a_contradiction_is_told_with_its_row(service: Service) -> None:
    detail, wrong = "1 of 2 truths contradict.", ("/1/actual", "the truth that is known", "another")
    service.answers["POST /feedback"] = refusal(detail, 409, wrong)
    with pytest.raises(ServiceError, match=r"row 1, actual: expected the truth") as refused:
        service.client().feedback(TRUTHS)
    assert (refused.value.status, refused.value.fields[0].row) == (409, 1)


def test_a_key_goes_to_the_service_and_nowhere_else(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    service.answers["GET /v1/models"] = lambda h: send_json(h, {"models": []})
    service.client(api_key=f"{KEY}\n").models()
    service.client().models()
    assert service.keys == [f"Bearer {KEY}", None]
    moved = {"Location": f"{service.url}/v1/models"}
    for status in (301, 302, 307, 308):
        service.answers["GET /v1/models"] = partial(send, body=b"", status=status, headers=moved)
        with pytest.raises(ServiceError, match="sends callers elsewhere"):
            service.client(api_key=KEY).models()
    assert service.asked == ["GET /v1/models"] * 6


def test_a_key_is_in_no_error_no_log_and_no_text(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    service.answers["GET /v1/models"] = refusal("no", 401)
    service.answers["POST /feedback"] = hang_up
    service.answers["POST /predict/m"] = refusal("no", 503)
    away = Client(f"http://127.0.0.1:{free_port()}", KEY, retries=1)
    client = service.client(api_key=KEY, retries=1)
    for fail in (
        client.models,
        away.models,
        lambda: client.feedback(TRUTHS),
        lambda: client.predict("m", {"x": [1]}),
        lambda: Client(service.url, f"{KEY} \x00"),
        lambda: Client(service.url, f"{KEY}\r\nX-A: b"),
        lambda: Client(service.url.replace("http://", f"http://user:{KEY}@")),
    ):
        with pytest.raises(VigieError) as failed:
            fail()
        trace = traceback.TracebackException.from_exception(failed.value)
        assert KEY not in f"{failed.value}{failed.value!r}{''.join(trace.format())}"
        frames = [frame for frame, _ in traceback.walk_tb(failed.value.__traceback__)]
        assert not any("urllib3" in frame.f_code.co_filename for frame in frames)
        assert failed.value.__context__ is None
    assert KEY not in repr(client) + str(client)
    assert repr(client) == f"Client({service.url!r})"
    assert caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    "url", ["", "localhost:5000", "ftp://a", "http://", "http://a:b", "http://a/?key=x", None]
)
def test_an_address_that_is_none_is_told(url: Any) -> None:
    with pytest.raises(ConfigurationError, match="url is no address of a service"):
        Client(url)


@pytest.mark.parametrize("how", [{"timeout": 0}, {"timeout": float("nan")}, {"retries": -1}])
def test_waits_that_are_none_are_told(how: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="timeout is a number of seconds above 0"):
        Client("http://127.0.0.1:5000", **how)


def test_threads_may_share_a_client(service: Service) -> None:
    with service.client() as client:
        answers: dict[int, list[Any]] = {}

        def ask(number: int) -> None:
            answers[number] = [client.predict("m", {"x": [number]})["y"][0] for _ in range(20)]

        threads = [Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert answers == {number: [2 * number] * 20 for number in range(8)}


def test_cookies_are_not_kept(service: Service) -> None:
    def bake(handler: BaseHTTPRequestHandler) -> None:
        assert handler.headers["Cookie"] is None
        send(handler, b'{"models":[]}', headers={"Set-Cookie": "a=b"})

    service.answers["GET /v1/models"] = bake
    client = service.client()
    assert client.models() == client.models() == []


def test_the_inputs_of_a_model_come_from_the_openapi_document(service: Service) -> None:
    inputs = {"surface_m2": {"type": "number"}}
    schemas = {"housing.Row": {"properties": inputs}, "iris.Row": {}, "Problem": {}}
    document = {"components": {"schemas": schemas}}
    service.answers["GET /openapi.json"] = lambda h: send_json(h, document)
    assert service.client().inputs("housing") == inputs
    with pytest.raises(ServiceError, match="no model boats; it has housing, iris"):
        service.client().inputs("boats")


def test_models_and_readiness_are_told(service: Service) -> None:
    service.answers["GET /v1/models"] = lambda h: send_json(h, {"models": [{"name": "iris"}]})
    assert service.client().models() == [{"name": "iris"}]
    for status, text in ((200, "ready"), (503, "iris has no version")):
        answer = {"status": text}
        service.answers["GET /readyz"] = lambda h, a=answer, s=status: send_json(h, a, s)  # type: ignore[misc]
        assert service.client().readiness() == text
    assert service.asked.count("GET /readyz") == 2


@pytest.mark.parametrize(
    "answer",
    [
        lambda h: send(h, b"<html>", "text/html"),
        lambda h: send(h, b"<html>", "text/html", 502),
        lambda h: send_json(h, []),
        lambda h: send_json(h, [], 500),
        lambda h: send_json(h, {}),
        lambda h: send_json(h, {"models": 3, "predictions": 3}),
        lambda h: send_json(h, {"predictions": [{}, {}]}),
        half,
    ],
    ids=["html", "502", "list", "list with 500", "empty", "number", "too many", "half"],
)
def test_something_else_at_the_address_is_told(service: Service, answer: Answer) -> None:
    service.answers["GET /v1/models"] = service.answers["POST /predict/m"] = answer
    client = service.client(retries=0)
    for ask in (client.models, lambda: client.predict("m", [{"x": 1}])):
        with pytest.raises(ServiceError, match=r"does not answer like Vigie|no service answers"):
            ask()


def test_no_service_at_the_address_is_told_with_the_remedy() -> None:
    with pytest.raises(ServiceError, match=r"no service answers at .*make run"):
        Client("http://127.0.0.1:1", retries=0).models()


def test_a_certificate_that_nobody_knows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise requests.exceptions.SSLError("self-signed")

    monkeypatch.setattr(requests.Session, "request", refuse)
    with pytest.raises(ServiceError, match="certificate of https://a is not trusted"):
        Client("https://a").models()
