from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.ports import free_port
from vigie.batch.metrics import RunMetrics, push_metrics, write_metrics
from vigie.batch.photos import BatchSummary
from vigie.errors import ConfigurationError, DataError

GOOD = RunMetrics("colours", "3", BatchSummary(30, 2, 30, 1.5, whole=True))
BAD = RunMetrics("colours", "3", BatchSummary(30, 30, 30, 1.5, whole=True))
STOPPED = RunMetrics("colours", "3", BatchSummary(8, 0, 30, 1.5, whole=False))


def told(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_file_says_what_was_done(tmp_path: Path) -> None:
    path = tmp_path / "vigie.prom"
    write_metrics(GOOD, path)
    found = told(path.read_text())
    when = found.pop(("vigie_batch_last_success_timestamp_seconds", "colours"))
    assert abs(when - time.time()) < 600
    assert found == {
        ("vigie_batch_photos", "colours", "answered", "3"): 28,
        ("vigie_batch_photos", "colours", "failed", "3"): 2,
        ("vigie_batch_duration_seconds", "colours", "3"): 1.5,
    }
    assert [one.name for one in tmp_path.iterdir()] == ["vigie.prom"]


@pytest.mark.parametrize("failed", [BAD, STOPPED])
def test_a_run_that_failed_keeps_the_last_success(tmp_path: Path, failed: RunMetrics) -> None:
    path, name = tmp_path / "vigie.prom", ("vigie_batch_last_success_timestamp_seconds", "colours")
    write_metrics(failed, path)
    assert name not in told(path.read_text())
    write_metrics(GOOD, path)
    before = told(path.read_text())[name]
    write_metrics(failed, path)
    assert told(path.read_text())[name] == before


def test_a_file_of_others_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "vigie.prom").write_text("no metrics {")
    write_metrics(BAD, tmp_path / "vigie.prom")
    assert told((tmp_path / "vigie.prom").read_text())
    with pytest.raises(DataError, match="the metrics cannot be written"):
        write_metrics(GOOD, tmp_path / "absent" / "vigie.prom")


class Gateway(BaseHTTPRequestHandler):
    """Takes what is pushed, as a Pushgateway does."""

    taken: list[tuple[str, str, str]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.taken.append((self.command, self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keeps quiet."""


@pytest.fixture
def gateway() -> Iterator[HTTPServer]:
    Gateway.taken = []
    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_push_leaves_what_it_does_not_tell(gateway: HTTPServer) -> None:
    push_metrics(BAD, f"http://127.0.0.1:{gateway.server_port}")
    ((method, path, body),) = Gateway.taken
    assert (method, path) == ("POST", "/metrics/job/vigie-batch/model/colours")
    assert "vigie_batch_photos" in body
    assert "last_success" not in body


def test_a_gateway_that_is_away() -> None:
    with pytest.raises(DataError, match="does not take the metrics"):
        push_metrics(GOOD, f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ConfigurationError, match="is an address"):
        push_metrics(GOOD, "localhost:9091")
