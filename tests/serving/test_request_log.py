"""One line a request at most, and nothing in it that the caller sent but its ids."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest

from support.transport import AskEndpoint, Endpoint
from support.worker import HOME, filled_cache, loaded, settings_for
from vigie.engines.base import Feeds
from vigie.engines.predictor import Predictor
from vigie.monitoring.logs import JsonLines
from vigie.serving.app import create_app
from vigie.serving.request_log import MOST_LINES, RequestLog
from vigie.serving.runtime.messages import Request

SECRET = "hunter2"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
IDS = {"x-request-id": "r-1", "traceparent": TRACE}


class Broken:
    """An engine that fails and says what it was given."""

    name = "onnx"
    in_caller = True

    def run(self, feeds: Feeds, wanted: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        raise RuntimeError(f"{SECRET} {feeds}")


@pytest.fixture(params=[True, False], ids=["fast lane", "Flask"])
def endpoint(request: pytest.FixtureRequest, tmp_path: Path) -> Endpoint:
    cache = filled_cache(tmp_path / "cache")
    settings = settings_for(cache, tmp_path / "state", request_log="all", fast_lane=request.param)
    worker_state = loaded(settings)
    return Endpoint(worker_state, create_app(worker_state=worker_state))


def said(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    found = [r for r in caplog.records if r.name == "vigie.request"]
    return [orjson.loads(JsonLines().format(record)) for record in found]


def test_every_request_has_one_line(
    endpoint: Endpoint, ask: AskEndpoint, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    body = orjson.dumps([HOME, HOME])
    ask(endpoint, "POST", "/predict/housing", IDS, body)
    ask(endpoint, "POST", "/predict/housing", IDS, orjson.dumps({**HOME, "rooms": SECRET}))
    ask(endpoint, "GET", f"/{SECRET}?q={SECRET}", {**IDS, "x-api-key": SECRET})
    ask(endpoint, "GET", "/livez", {"traceparent": SECRET, "x-request-id": f"{SECRET}/"})
    lines = said(caplog)
    assert [line["status"] for line in lines] == [200, 422, 404, 200]
    assert SECRET not in str(lines)
    first = lines[0]
    for name in ("time", "process", "seconds", "logger"):
        first.pop(name)
    assert first == {
        "level": "info", "message": "answered", "request_id": "r-1", "traceparent": TRACE,
        "method": "POST", "route": "/predict/<model>", "status": 200, "model": "housing",
        "version": "1", "rows": 2,
    }  # fmt: skip
    assert lines[2]["route"] == "(none)"
    assert lines[3]["traceparent"] is None


def test_a_failure_has_one_line_with_its_places_and_not_its_text(
    endpoint: Endpoint, ask: AskEndpoint, caplog: pytest.LogCaptureFixture
) -> None:
    slot = endpoint.worker_state.manager.slots["housing"]
    assert slot.live is not None
    broken = Predictor(slot.live.predictor.package, Broken())
    slot.swap(replace(slot.live, predictor=broken))
    assert ask(endpoint, "POST", "/predict/housing", IDS, orjson.dumps(HOME)).status == 500
    (line,) = said(caplog)
    assert (line["status"], line["level"], line["request_id"]) == (500, "error", "r-1")
    outline = line["exception"]
    assert isinstance(outline, list)
    assert "RuntimeError" in outline
    assert SECRET not in str(line)


def test_only_failures_have_lines_where_no_more_is_asked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    assert RequestLog("errors").least_status == 500
    assert RequestLog("all").least_status <= 200


def test_a_probe_that_is_told_not_yet_has_no_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    request = Request("GET", "/readyz", {}, b"")
    RequestLog("errors").note(request, "/readyz", "r", 503)
    assert not caplog.records
    RequestLog("errors").note(request, "/readyz", "r", 500, failure=RuntimeError())
    RequestLog("all").note(request, "/readyz", "r", 503)
    assert len(caplog.records) == 2


def test_a_flood_ends_in_a_line_that_counts_it(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_log, request = RequestLog("errors"), Request("GET", "/", {}, b"")
    now = 1000.0
    monkeypatch.setattr("vigie.serving.request_log.time.monotonic", lambda: now)
    for _ in range(MOST_LINES + 7):
        request_log.note(request, "/", "r", 503)
    assert len(caplog.records) == MOST_LINES
    now = 1001.0
    request_log.note(request, "/", "r", 503)
    assert caplog.messages[-2:] == ["7 more requests were answered without a line", "answered"]
