"""Whole runs against a real service: every scenario, what they exit with, what they hide."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from load.scenarios import SCENARIOS
from support.colours_package import install_colours
from support.load import ROOT, Run, command, run_load
from support.photos import write_photos
from support.service import LiveService
from support.waiting import wait_until
from support.worker import filled_cache

LAX = ("--most-p99-ms", "60000", "--least-rate", "0")
"""Thresholds that a busy machine keeps: no failed request is still asked for."""
STALL_SECONDS = 3.0
CALLERS = 2
ASKED = {
    "native": {"/predict/housing", "/predict/iris"},
    "tfserving": {"/v1/models/housing:predict", "/v1/models/iris:predict"},
    "v2": {"/v2/models/housing/infer", "/v2/models/iris/infer"},
    "invocations": {"/invocations"},
    "native-photos": {"/predict/colours"},
    "tfserving-photos": {"/v1/models/colours:predict"},
    "v2-photos": {"/v2/models/colours/infer"},
    "invocations-photos": {"/invocations"},
    "feedback": {"/predict/housing", "/predict/iris", "/feedback"},
    "visits": {"/predict/housing", "/predict/iris", "/"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("load")


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[LiveService]:
    cache = filled_cache(folder / "cache")
    made = LiveService(folder, cache.folder, VIGIE_WORKERS="1")
    made.start()
    made.wait_ready()
    yield made
    made.clean_up()


@pytest.fixture(scope="module")
def photo_service(folder: Path) -> Iterator[LiveService]:
    at = folder / "photo-service"
    at.mkdir()
    cache = filled_cache(at / "cache")
    install_colours(cache)
    made = LiveService(at, cache.folder, VIGIE_WORKERS="1", VIGIE_MODELS="colours")
    made.start()
    made.wait_ready()
    yield made
    made.clean_up()


def url(service: LiveService) -> str:
    return f"http://127.0.0.1:{service.port}"


def addresses(run: Run) -> set[str]:
    return {name.partition(" ")[2] for name in run.lines if name != "all"}


@pytest.mark.parametrize("name", [n for n, s in SCENARIOS.items() if s.content == "rows"])
def test_every_scenario_of_rows_is_answered_without_a_failure(
    service: LiveService, name: str
) -> None:
    run = run_load(url(service), "--scenario", name, "--rows", "3", *LAX)
    assert run.code == 0, run.told
    assert addresses(run) == ASKED[name]
    assert run.lines["all"].failed == 0


@pytest.mark.parametrize("name", [n for n, s in SCENARIOS.items() if s.content == "photos"])
def test_every_scenario_of_photos_is_answered_without_a_failure(
    photo_service: LiveService, tmp_path: Path, name: str
) -> None:
    write_photos(tmp_path)
    words = ("--scenario", name, "--photos", str(tmp_path), *LAX)
    run = run_load(url(photo_service), *words)
    assert run.code == 0, run.told
    assert addresses(run) == ASKED[name]


def test_rows_of_a_file_are_sent_to_the_model_that_is_named(
    service: LiveService, tmp_path: Path
) -> None:
    table = tmp_path / "flowers.csv"
    head = "sepal_length_cm,sepal_width_cm,petal_length_cm,petal_width_cm,species"
    table.write_text(f"{head}\n5.1,3.5,1.4,0.2,setosa\n6.2,2.9,4.3,1.3,versicolor\n")
    run = run_load(url(service), "--models", "iris", "--table", str(table), *LAX)
    assert run.code == 0, run.told
    assert addresses(run) == {"/predict/iris"}


def test_a_missed_threshold_is_the_exit_code(service: LiveService, tmp_path: Path) -> None:
    page, report = tmp_path / "told" / "summary.md", tmp_path / "report.html"
    words = ("--summary", str(page), "--html", str(report), "--least-rate", "0")
    run = run_load(url(service), "--most-p99-ms", "0.01", *words)
    assert run.code == 1, run.told
    assert "| p99 | at most 0.01 ms |" in page.read_text()
    assert page.read_text().count("misses") == 1
    assert "<html" in report.read_text()


def test_failed_requests_are_the_exit_code(photo_service: LiveService, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    words = ("--scenario", "native-photos", "--photos", str(tmp_path), *LAX)
    run = run_load(url(photo_service), *words)
    assert run.code == 1, run.told
    assert run.lines["all"].failed == run.lines["all"].requests > 0


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--scenario", "grpc"), "there is no scenario grpc"),
        (("--scenario", "v2-photos"), "the service has no model that takes photos"),
        (("--models", "trees"), "native cannot ask trees; it can ask: housing, iris"),
        (("--scenario", "invocations", "--models", "iris"), "it can ask: housing"),
    ],
)
def test_what_cannot_begin_says_why_in_one_line(
    service: LiveService, words: tuple[str, ...], reason: str
) -> None:
    run = run_load(url(service), *words)
    assert run.code == 1
    assert reason in run.told
    assert "Traceback" not in run.told


def test_a_service_that_is_not_there_is_named(service: LiveService) -> None:
    run = run_load(f"http://127.0.0.1:{service.metrics_port}")
    assert run.code == 1
    assert "says 404" in run.told


def test_workers_in_processes_of_their_own_make_one_run(service: LiveService) -> None:
    run = run_load(url(service), "--processes", "2", "--rate", "60", *LAX)
    assert run.code == 0, run.told
    assert addresses(run) == ASKED["native"]


def connections(worker: psutil.Process, port: int) -> list[object]:
    """Those of callers to a worker."""
    return [
        one
        for one in worker.net_connections("tcp")
        if one.status == psutil.CONN_ESTABLISHED and one.laddr.port == port
    ]


def through_a_stall(service: LiveService, *words: str) -> Run:
    """A run of some seconds; in its midst the service stops for a while."""
    started = subprocess.Popen(
        command(url(service), *words, *LAX, users=CALLERS, seconds=10), cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    # a process beside it has the socket for a moment
    wait_until(lambda: len(service.workers) == 1)
    (worker,) = service.workers
    # a connection of each caller: it has learnt the models on one alone
    wait_until(lambda: len(connections(worker, service.port)) >= CALLERS)
    worker.suspend()
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            started.wait(STALL_SECONDS)
    finally:
        worker.resume()
    told, _ = started.communicate(timeout=120)
    return Run(started.returncode, told)


def test_arrivals_by_the_clock_show_what_a_stall_makes_callers_wait(service: LiveService) -> None:
    """Callers who wait for their answers ask nothing meanwhile: they hide it."""
    closed = through_a_stall(service)
    by_the_clock = through_a_stall(service, "--rate", "100")
    assert closed.code == by_the_clock.code == 0, closed.told + by_the_clock.told
    # all that arrived in those seconds waited, not only the two that were open
    assert by_the_clock.lines["all"].p99_ms > 1000 * STALL_SECONDS / 2
    assert closed.lines["all"].p99_ms < 1000 * STALL_SECONDS / 2
    assert by_the_clock.lines["all"].failed == 0
