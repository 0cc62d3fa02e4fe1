"""It reads bodies under a limit, answers health itself and hands the rest to Flask."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from flask import Flask

from support.transport import Answer, AskEndpoint, Endpoint, Wire, ask_endpoint, send_parts
from support.wire import head_of
from support.worker import HOME, JSON, filled_cache, loaded, settings_for, with_fast_lane
from vigie.engines.base import Engine, Feeds
from vigie.engines.predictor import Predictor
from vigie.serving.app import create_app
from vigie.serving.runtime.loaded_model import LatencyModel
from vigie.serving.worker_state import WorkerState

GOOD = orjson.dumps(HOME)
LIMIT = 2000
MakeEndpoint = Callable[..., Endpoint]


@pytest.fixture
def make_endpoint(tmp_path: Path) -> MakeEndpoint:
    """Makes fronts with their own settings."""
    cache = filled_cache(tmp_path / "cache")

    def make(**overrides: object) -> Endpoint:
        worker_state = loaded(settings_for(cache, tmp_path / "state", **overrides))
        return Endpoint(worker_state, create_app(worker_state=worker_state))

    return make


def count(endpoint: Endpoint, name: str, **labels: str) -> float:
    return endpoint.worker_state.metrics.registry.get_sample_value(name, labels) or 0.0


def send(endpoint: Endpoint, *parts: bytes, declare: int | None = None, gone: bool = False) -> Wire:
    """What passes over the wire for a prediction whose body comes in parts."""
    headers = {"content-type": JSON}
    if declare is not None:
        headers["content-length"] = str(declare)
    return asyncio.run(send_parts(endpoint, "POST", "/predict/housing", headers, parts, gone=gone))


# --- bodies


def test_a_body_declared_too_large_is_not_read(make_endpoint: MakeEndpoint) -> None:
    endpoint = make_endpoint(max_body_bytes=LIMIT)
    wire = send(endpoint, b" " * (LIMIT + 1), declare=LIMIT + 1)
    assert wire.read == 0
    assert wire.answer.status == 413
    assert wire.answer.headers["content-type"] == "application/problem+json"
    assert wire.answer.json()["detail"] == "The body is above the limit of 2000 bytes."
    assert wire.answer.json()["request_id"] == wire.answer.headers["x-request-id"]
    labels = {"method": "POST", "route": "/predict/<model>", "code": "413"}
    assert count(endpoint, "vigie_http_requests_total", **labels) == 1


def test_a_body_in_chunks_is_read_up_to_the_limit(make_endpoint: MakeEndpoint) -> None:
    wire = send(make_endpoint(max_body_bytes=LIMIT), *[b" " * 500] * 100)
    assert wire.answer.status == 413
    assert wire.read == 5


def test_one_chunk_above_the_limit_is_too_large(make_endpoint: MakeEndpoint) -> None:
    endpoint = make_endpoint(max_body_bytes=LIMIT)
    assert send(endpoint, GOOD + b" " * LIMIT).answer.status == 413
    assert send(endpoint, b"", GOOD + b" " * LIMIT).answer.status == 413


@pytest.mark.parametrize("declare", [None, LIMIT])
def test_a_body_of_exactly_the_limit_is_taken(
    make_endpoint: MakeEndpoint, declare: int | None
) -> None:
    body = GOOD.ljust(LIMIT)
    wire = send(make_endpoint(max_body_bytes=LIMIT), body[:10], b"", body[10:], declare=declare)
    assert wire.answer.status == 200


@pytest.mark.parametrize("fast_lane", [True, False])
def test_a_caller_who_leaves_is_not_answered(make_endpoint: MakeEndpoint, fast_lane: bool) -> None:
    endpoint = make_endpoint(fast_lane=fast_lane)
    for declare in (None, len(GOOD) + 10):
        wire = send(endpoint, GOOD, declare=declare, gone=True)
        assert (bytes(wire.said), wire.is_closing()) == (b"", True)
    assert count(endpoint, "vigie_predictions_total", model="housing", version="1") == 0


# --- who answers


class WatchedApp:
    """A WSGI application that notes what reaches it."""

    def __init__(self, app: Flask) -> None:
        self.paths: list[str] = []
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.paths.append(environ["PATH_INFO"])
        return self._app(environ, start_response)


def watched(worker_state: WorkerState, fast_lane: bool) -> tuple[Endpoint, WatchedApp]:
    parts = with_fast_lane(worker_state, fast_lane)
    app: Any = WatchedApp(create_app(worker_state=parts))
    return Endpoint(parts, app), app


FAST_ROUTES = [
    *(("GET", path) for path in ("/livez", "/readyz", "/health", "/ping")),
    *(("GET", f"/v2/health/{what}") for what in ("live", "ready")),
    ("POST", "/predict/housing"),
]
FLASK_ROUTES = [
    ("GET", "/"),
    ("GET", "/models/housing"),
    ("POST", "/models/housing"),
    ("GET", "/docs"),
    ("GET", "/v1/models"),
    ("GET", "/openapi.json"),
    ("GET", "/metrics"),
    ("GET", "/static/vigie.css"),
    ("GET", "/predict/housing"),
    ("POST", "/livez"),
    ("POST", "/nothing"),
]


def test_each_request_is_answered_where_it_should_be(
    shared_worker_state: WorkerState, ask: AskEndpoint
) -> None:
    endpoint, app = watched(shared_worker_state, fast_lane=True)
    for method, path in FAST_ROUTES:
        assert ask(endpoint, method, path, {}, GOOD if method == "POST" else b"").status == 200
    assert app.paths == []
    for method, path in FLASK_ROUTES:
        assert ask(endpoint, method, path, {}).status < 500
    assert app.paths == [path for _, path in FLASK_ROUTES]


def test_without_the_fast_lane_flask_answers_all(
    shared_worker_state: WorkerState, ask: AskEndpoint
) -> None:
    endpoint, app = watched(shared_worker_state, fast_lane=False)
    for method, path in [*FAST_ROUTES, *FLASK_ROUTES]:
        assert ask(endpoint, method, path, {}, GOOD if method == "POST" else b"").status < 500
    assert len(app.paths) == len(FAST_ROUTES) + len(FLASK_ROUTES)


def test_pages_come_whole_over_the_wire(shared_worker_state: WorkerState, ask: AskEndpoint) -> None:
    endpoint, _ = watched(shared_worker_state, fast_lane=True)
    app = create_app(worker_state=shared_worker_state)
    for path in ("/", "/docs?lang=fr", "/docs/errors/not-found", "/models/iris?lang=en"):
        page = ask(endpoint, "GET", path, {"Accept": "text/html"})
        direct = app.test_client().get(path, headers={"Accept": "text/html"})
        assert page.body == direct.data
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    sent = b"surface_m2=54&rooms=3&property_type=apartment"
    assert ask(endpoint, "POST", "/models/housing", form, sent).status == 200
    assert ask(endpoint, "HEAD", "/", {}).body == b""


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_says_what_it_is(make_endpoint: MakeEndpoint, ask: AskEndpoint, path: str) -> None:
    endpoint = make_endpoint()
    answer = ask(endpoint, "GET", path, {})
    assert answer.json() == {"status": {"/livez": "alive", "/readyz": "ready"}[path]}
    head = ask(endpoint, "HEAD", path, {})
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == answer.headers["content-length"]
    labels = {"route": path, "code": "200"}
    assert count(endpoint, "vigie_http_requests_total", method="GET", **labels) == 1


def test_a_draining_service_is_alive_answers_and_is_not_ready(
    make_endpoint: MakeEndpoint, ask: AskEndpoint
) -> None:
    endpoint = make_endpoint()
    endpoint.worker_state.manager.draining = True
    ready = ask(endpoint, "GET", "/readyz", {})
    assert (ready.status, ready.json()) == (503, {"status": "draining"})
    assert ready.headers["retry-after"] == "5"
    assert ask(endpoint, "GET", "/livez", {}).status == 200
    assert ask(endpoint, "POST", "/predict/housing", {}, GOOD).status == 200


@pytest.mark.parametrize(("client", "status"), [("127.0.0.1", 200), ("::1", 200), ("8.8.8.8", 404)])
def test_metrics_are_for_this_machine(
    shared_worker_state: WorkerState, client: str, status: int
) -> None:
    endpoint, _ = watched(shared_worker_state, fast_lane=True)
    # what a proxy claims does not count
    claims = {"x-forwarded-for": "127.0.0.1"}
    asked = send_parts(endpoint, "GET", "/metrics", claims, [], client=(client, 1))
    wire = asyncio.run(asked)
    assert wire.answer.status == status


# --- load


SLOW = 10.0
"""Seconds that a call is said to take, so that a few quick ones change nobody's mind."""


class HeldEngine:
    """The real engine, held until it is let go."""

    name = "onnx"
    in_caller = True

    def __init__(self, engine: Engine) -> None:
        self.entered, self.go_on = threading.Event(), threading.Event()
        self.rows = 0
        self._engine = engine

    def run(self, feeds: Feeds, wanted: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        self.rows += len(feeds["surface_m2"])
        self.entered.set()
        assert self.go_on.wait(60)
        return self._engine.run(feeds, wanted)


@pytest.fixture
def hold(make_endpoint: MakeEndpoint) -> Iterator[Callable[..., tuple[Endpoint, HeldEngine]]]:
    """Makes fronts whose `housing` is slow and held."""
    held: list[HeldEngine] = []

    def make(**overrides: object) -> tuple[Endpoint, HeldEngine]:
        endpoint = make_endpoint(**overrides)
        slot = endpoint.worker_state.manager.slots["housing"]
        live = slot.live
        assert live is not None
        engine = HeldEngine(live.predictor.engine)
        held.append(engine)
        predictor = Predictor(live.predictor.package, engine)
        slot.swap(replace(live, predictor=predictor, latency=LatencyModel(SLOW, SLOW, 64)))
        return endpoint, engine

    yield make
    for engine in held:
        engine.go_on.set()


Hold = Callable[..., tuple[Endpoint, HeldEngine]]


async def drained(endpoint: Endpoint) -> None:
    """Returns when nothing waits for the model any more, run or not."""
    while count(endpoint, "vigie_queue_depth", model="housing"):
        await asyncio.sleep(0.001)


def predict(endpoint: Endpoint) -> asyncio.Task[Answer]:
    return asyncio.create_task(ask_endpoint(endpoint, "POST", "/predict/housing", {}, GOOD))


def test_above_the_cap_callers_are_told_to_come_back(hold: Hold) -> None:
    endpoint, engine = hold()
    endpoint.worker_state.pipeline.admission._most_in_flight = 2

    async def ask_three() -> list[Answer]:
        first = [predict(endpoint), predict(endpoint)]
        await asyncio.to_thread(engine.entered.wait, 10)
        third = await predict(endpoint)
        ready = await ask_endpoint(endpoint, "GET", "/readyz", {})
        assert ready.status == 200
        engine.go_on.set()
        return [*await asyncio.gather(*first), third]

    one, two, three = asyncio.run(ask_three())
    assert [one.status, two.status, three.status] == [200, 200, 503]
    assert three.headers["retry-after"] == "1"
    assert count(endpoint, "vigie_rejected_total", reason="full") == 1
    assert count(endpoint, "vigie_http_requests_in_progress") == 0


def test_what_waits_past_its_deadline_is_not_run(hold: Hold) -> None:
    endpoint, engine = hold(request_timeout_ms=2000)

    async def ask_two() -> tuple[Answer, Answer]:
        first = predict(endpoint)
        await asyncio.to_thread(engine.entered.wait, 10)
        told = await asyncio.gather(first, predict(endpoint))
        engine.go_on.set()
        await drained(endpoint)
        return told

    first, second = asyncio.run(ask_two())
    # the first hangs in the model: its deadline is told all the same
    assert (first.status, second.status) == (504, 504)
    assert second.json()["type"] == "/docs/errors/deadline-exceeded"
    assert count(endpoint, "vigie_rejected_total", reason="deadline") == 2
    assert engine.rows == 1


def test_who_would_wait_too_long_is_told_when_to_come_back(hold: Hold) -> None:
    endpoint, engine = hold()

    async def ask_many() -> list[Answer]:
        asked = [predict(endpoint)]
        await asyncio.to_thread(engine.entered.wait, 10)
        asked += [predict(endpoint) for _ in range(3)]
        # whoever is sent away came last
        await asked[-1]
        engine.go_on.set()
        return await asyncio.gather(*asked)

    slot = endpoint.worker_state.manager.slots["housing"]
    assert slot.live is not None
    # the fourth would wait for longer than five calls of a row take on a machine that is idle
    slot.swap(replace(slot.live, latency=LatencyModel(3.0, 3.0, 1)))
    latency = slot.live.latency
    latency.seconds = lambda rows: {1: 7.0, 2: 15.0}.get(rows, 20.2)  # type: ignore[method-assign]
    answers = asyncio.run(ask_many())
    assert [answer.status for answer in answers] == [200, 200, 200, 503]
    assert answers[-1].headers["retry-after"] == "21"
    assert count(endpoint, "vigie_rejected_total", reason="queue") == 1
    assert engine.rows == 3


def test_a_caller_may_ask_for_less_time_and_never_for_more(hold: Hold) -> None:
    # whoever waited for as long as the other number says would wait until the model fails
    for said, allowed in (("20", 3_600_000), ("3600000", 200)):
        endpoint, _ = hold(request_timeout_ms=allowed)
        began = time.perf_counter()
        asked = ask_endpoint(
            endpoint, "POST", "/predict/housing", {"X-Request-Timeout-Ms": said}, GOOD
        )
        assert asyncio.run(asked).status == 504
        assert time.perf_counter() - began + 0.05 >= min(int(said), allowed) / 1000


@pytest.mark.parametrize("said", ["", "-1", "1.5", "soon", "1" * 10])
def test_a_deadline_that_is_no_number_is_refused(make_endpoint: MakeEndpoint, said: str) -> None:
    endpoint = make_endpoint()
    answer = asyncio.run(
        ask_endpoint(endpoint, "POST", "/predict/housing", {"X-Request-Timeout-Ms": said}, GOOD)
    )
    assert answer.status == 400
    assert "whole number of milliseconds" in answer.json()["title"] + answer.json()["detail"]


def test_the_work_of_a_caller_who_has_gone_is_dropped(hold: Hold) -> None:
    endpoint, engine = hold()

    async def leave() -> Answer:
        first = predict(endpoint)
        await asyncio.to_thread(engine.entered.wait, 10)
        second = endpoint.connect()
        second.send(head_of("POST", "/predict/housing", f"Content-Length: {len(GOOD)}") + GOOD)
        second.leave()
        assert (bytes(second.said), second.is_closing()) == (b"", True)
        engine.go_on.set()
        await drained(endpoint)
        return await first

    assert asyncio.run(leave()).status == 200
    assert engine.rows == 1
    assert count(endpoint, "vigie_rejected_total", reason="gone") == 1
    assert count(endpoint, "vigie_http_requests_in_progress") == 0


def test_it_keeps_nothing_of_unknown_models(
    shared_worker_state: WorkerState, ask: AskEndpoint
) -> None:
    endpoint, _ = watched(shared_worker_state, fast_lane=True)
    known = shared_worker_state.pipeline.routes._known
    before = set(known)
    for number in range(50):
        for path in (
            f"/predict/no{number}",
            f"/v1/models/no{number}:predict",
            f"/v1/models/housing:no{number}",
            f"/v1/models/housing/versions/{number + 2}:predict",
            f"/v1/models/housing/labels/no{number}:predict",
            f"/v2/models/no{number}/infer",
            f"/v2/models/housing/versions/{number + 2}/infer",
        ):
            assert ask(endpoint, "POST", path, {}, GOOD).status in (400, 404)
    assert set(known) == before
