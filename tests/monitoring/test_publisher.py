"""The publisher serves the sum of all workers, and goes when its parent goes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from support.ports import free_port
from support.waiting import wait_until
from vigie.monitoring.history import read_history
from vigie.monitoring.publisher import exposition
from vigie.monitoring.snapshots import Family, SnapshotFolder, merge, write_snapshot
from vigie.serving.metrics import Metrics

EXTRA: list[Family] = [
    {
        "name": "vigie_registry_last_success_timestamp_seconds",
        "help": "When the registry last answered.",
        "type": "gauge",
        "samples": [["vigie_registry_last_success_timestamp_seconds", {}, 1700.0]],
    }
]
PUBLISH = """
import os, sys
from pathlib import Path
from vigie.monitoring import history, publisher
from vigie.monitoring.snapshots import SnapshotFolder
publisher.LOOK_SECONDS = 0.05
history.STEP_SECONDS = 0.1
child = os.fork()
if child == 0:
    kept = history.History(Path(sys.argv[3]), ["/predict"])
    folder = SnapshotFolder(Path(sys.argv[1]))
    publisher.publish(folder, "127.0.0.1", int(sys.argv[2]), lambda: [], kept)
    os._exit(0)
print(child, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> SnapshotFolder:
    """The snapshots of two workers: this process, and one that is gone."""
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    for pid, rows in ((os.getpid(), 5), (gone.pid, 7)):
        metrics = Metrics()
        metrics.models.predictions.labels("iris", "1").observe(rows)
        metrics.http.count_request("POST", "/predict", 200, 0.003)
        write_snapshot(tmp_path / f"{pid}-1.json", metrics.registry)
    return SnapshotFolder(tmp_path)


@pytest.fixture
def published(folder: SnapshotFolder) -> Iterator[tuple[subprocess.Popen[str], int, str]]:
    """A process whose child publishes: the process, the child's number, the address."""
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-c", PUBLISH, folder.folder, str(port), folder.folder / "history.json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        url = f"http://127.0.0.1:{port}/metrics"
        wait_until(lambda: is_served(url))
        yield parent, child, url
        parent.kill()
    wait_until(lambda: not is_served(url))


def test_a_page_is_packed_for_those_who_take_it_so(
    published: tuple[subprocess.Popen[str], int, str],
) -> None:
    plain, packed = (
        requests.get(published[2], headers={"Accept-Encoding": coding}, timeout=60)
        for coding in ("identity", "gzip, deflate")
    )
    assert [each.headers.get("Content-Encoding") for each in (plain, packed)] == [None, "gzip"]
    assert "vigie_predictions_total" in packed.text
    assert set(packed.text.splitlines()) == set(plain.text.splitlines())
    lengths = [int(each.headers["Content-Length"]) for each in (plain, packed)]
    assert lengths[1] < lengths[0] / 2


def is_served(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def test_the_exposition_adds_workers_and_the_registry(folder: SnapshotFolder) -> None:
    body, media_type = exposition(merge([folder.total(), EXTRA]), "")
    text = body.decode()
    assert media_type.startswith("text/plain")
    assert 'vigie_predictions_total{model="iris",version="1"} 12.0' in text
    assert "# TYPE vigie_predictions_total counter" in text
    assert "vigie_registry_last_success_timestamp_seconds 1700.0" in text
    assert text.count("# HELP vigie_predictions_total ") == 1


def test_openmetrics_is_given_to_who_asks_for_it(folder: SnapshotFolder) -> None:
    body, media_type = exposition(folder.total(), "application/openmetrics-text")
    assert media_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_metrics_are_served_and_nothing_else(
    published: tuple[subprocess.Popen[str], int, str], folder: SnapshotFolder
) -> None:
    _, _, url = published
    wait_until(lambda: len(list(folder.folder.glob("[0-9]*.json"))) == 1)
    answer = requests.get(f"{url}?x=1", timeout=5)
    assert answer.status_code == 200
    assert 'vigie_predictions_total{model="iris",version="1"} 12.0' in answer.text
    assert "Python" not in answer.headers["Server"]
    assert requests.get(url.replace("/metrics", "/"), timeout=5).status_code == 404


def test_the_publisher_keeps_the_history_of_all_workers(
    published: tuple[subprocess.Popen[str], int, str], folder: SnapshotFolder
) -> None:
    path = folder.folder / "history.json"
    wait_until(lambda: len(read_history(path).points) >= 3)
    assert {point.requests for point in read_history(path).points} == {2}


def test_the_publisher_goes_when_its_parent_goes(
    published: tuple[subprocess.Popen[str], int, str],
) -> None:
    parent, child, url = published
    assert is_served(url)
    parent.kill()
    parent.wait()
    wait_until(lambda: not is_served(url))
    wait_until(lambda: not is_running(child))


def is_running(pid: int) -> bool:
    """False for a zombie too, which waits for whoever inherits it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"
