"""Sums over workers lose nothing and double nothing, whoever dies and whenever."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry, Gauge

from support.packages import homes_profile, install
from support.worker import HOME, loaded, post
from vigie.monitoring.snapshots import (
    DEAD,
    Family,
    MergedCollector,
    SnapshotFolder,
    SnapshotRegistry,
    merge,
    snapshot_path,
    take_snapshot,
    write_snapshot,
)
from vigie.predictionlog.metrics import FeedbackMetrics, PredictionLogMetrics
from vigie.registry.cache import ModelCache
from vigie.serving.metrics import Metrics
from vigie.settings import Settings

GAUGE_MERGE = {
    "vigie_http_requests_in_progress": "sum",
    "vigie_connections": "sum",
    "vigie_queue_depth": "sum",
    "vigie_model_info": "max",
    "vigie_model_training_error": "max",
    "vigie_model_loaded_timestamp_seconds": "min",
    "vigie_model_load_duration_seconds": "max",
    "vigie_build_info": "max",
    "vigie_links_info": "max",
    "vigie_feature_reference_ratio": "max",
    "vigie_prediction_reference_ratio": "max",
    "vigie_workers": "sum",
    "vigie_prediction_log_queue_rows": "sum",
    "vigie_prediction_log_last_success_timestamp_seconds": "max",
    "process_virtual_memory_bytes": "sum",
    "process_resident_memory_bytes": "sum",
    "process_start_time_seconds": "min",
    "process_open_fds": "sum",
    "process_max_fds": "min",
}


@pytest.fixture
def folder(tmp_path: Path) -> SnapshotFolder:
    return SnapshotFolder(tmp_path)


@pytest.fixture(scope="module")
def dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    return child.pid


def worker(requests: int, depth: float = 0) -> Metrics:
    """A worker that answered so many requests."""
    metrics = Metrics()
    for _ in range(requests):
        metrics.http.count_request("POST", "/predict", 200, 0.003)
    metrics.models.queue_depth.labels("iris").set(depth)
    metrics.workers.set(1)
    return metrics


def value(families: list[Family], name: str, **labels: str) -> float | None:
    """One sample as prometheus_client itself would give it."""
    registry = CollectorRegistry()
    registry.register(MergedCollector(families))
    found: float | None = registry.get_sample_value(name, labels)
    return found


def requests_in(families: list[Family]) -> float:
    labels = {"method": "POST", "route": "/predict"}
    total = value(families, "vigie_http_requests_total", **labels, code="200") or 0.0
    timed = value(families, "vigie_http_request_duration_seconds_count", **labels) or 0.0
    bucket = "vigie_http_request_duration_seconds_bucket"
    assert (value(families, bucket, **labels, le="0.005") or 0.0) == timed == total
    return total


def write(folder: SnapshotFolder, pid: int, metrics: Metrics, start: int = 1) -> Path:
    path = folder.folder / f"{pid}-{start}.json"
    write_snapshot(path, metrics.registry)
    return path


def test_a_snapshot_holds_every_family_without_creation_times() -> None:
    metrics = worker(2)
    families = take_snapshot(metrics.registry)
    names = [sample[0] for family in families for sample in family["samples"]]
    assert requests_in(families) == 2
    assert not [name for name in names if name.endswith("_created")]
    assert {family["name"] for family in families} == {
        family.name for family in metrics.registry.collect()
    }


def test_what_is_written_is_what_a_snapshot_holds(
    folder: SnapshotFolder, cache: ModelCache, settings: Settings
) -> None:
    install(cache, "housing", profile=homes_profile())
    worker_state = loaded(settings)
    registry = worker_state.metrics.registry
    path = folder.folder / "1-1.json"

    def compared() -> tuple[Samples, Samples]:
        write_snapshot(path, registry)
        taken = orjson.loads(orjson.dumps(take_snapshot(registry)))
        return samples_of(orjson.loads(path.read_bytes())), samples_of(taken)

    rows = ("vigie_feature_bin_total", "vigie_prediction_bin_total", "vigie_batch_rows_count")
    seen = []
    for asked in (False, True, False, True):
        if asked:
            assert post(worker_state, "/predict/housing", {"instances": [HOME]}).status == 200
        written, taken = compared()
        assert written == taken
        seen.append(sum(value for key, value in written.items() if key[1] in rows))
    # five inputs, the prediction, and the call
    assert seen == [0, 7, 7, 14]


Samples = dict[tuple[str, str, str], float]


def samples_of(families: list[Family]) -> Samples:
    """Values by merge, name and labels; what the system says of the process changes meanwhile."""
    return {
        (f"{family['type']} {family.get('merge')}", name, str(sorted(labels.items()))): number
        for family in families
        for name, labels, number in family["samples"]
        if not name.startswith("process_")
    }


def test_counters_and_histograms_of_three_workers_are_added() -> None:
    merged = merge(take_snapshot(worker(n).registry) for n in (1, 10, 100))
    assert requests_in(merged) == 111
    seconds = value(
        merged, "vigie_http_request_duration_seconds_sum", method="POST", route="/predict"
    )
    assert seconds == pytest.approx(0.333)
    assert [family["name"] for family in merged].count("vigie_http_requests") == 1


def test_merging_changes_no_snapshot_that_is_merged_again() -> None:
    metrics = worker(1)
    for _ in range(3):
        assert requests_in(merge([take_snapshot(metrics.registry)] * 2)) == 2


def test_series_that_only_one_worker_has_are_kept() -> None:
    one, other = Metrics(), Metrics()
    one.models.predictions.labels("iris", "1").observe(5)
    other.models.predictions.labels("iris", "2").observe(7)
    merged = merge([take_snapshot(one.registry), take_snapshot(other.registry)])
    assert value(merged, "vigie_predictions_total", model="iris", version="1") == 5
    assert value(merged, "vigie_predictions_total", model="iris", version="2") == 7


def merges_of(families: list[Family]) -> dict[str, str]:
    return {family["name"]: family["merge"] for family in families if family["type"] == "gauge"}


def test_every_gauge_of_a_worker_says_how_it_is_merged() -> None:
    assert merges_of(take_snapshot(Metrics().registry)) == GAUGE_MERGE


def test_a_gauge_that_does_not_say_so_is_no_snapshot() -> None:
    metrics = Metrics()
    Gauge("vigie_planted", "A gauge that nobody thought of.", registry=metrics.registry)
    with pytest.raises(AttributeError, match="merge"):
        take_snapshot(metrics.registry)


@pytest.mark.parametrize(("name", "merge_as"), GAUGE_MERGE.items())
def test_gauges_are_merged_as_they_say(name: str, merge_as: str) -> None:
    def family(number: float) -> list[Family]:
        sample: list[Any] = [name, {"model": "iris"}, number]
        one = {"name": name, "help": "A gauge.", "type": "gauge", "merge": merge_as}
        return [{**one, "samples": [sample]}]

    expected = {"sum": 6.0, "max": 3.0, "min": 1.0}[merge_as]
    merged = merge([family(2.0), family(1.0), family(3.0)])
    assert value(merged, name, model="iris") == expected
    assert value(merge([merged, family(4.0)]), name, model="iris") == {
        "sum": 10.0, "max": 4.0, "min": 1.0,
    }[merge_as]  # fmt: skip


def test_snapshots_are_added_from_their_files(folder: SnapshotFolder) -> None:
    assert folder.total() == []
    for start, requests in enumerate((1, 10)):
        write(folder, os.getpid(), worker(requests, depth=2), start)
    total = folder.total()
    assert requests_in(total) == 11
    assert value(total, "vigie_queue_depth", model="iris") == 4
    assert value(total, "vigie_workers") == 2


def test_a_worker_rewrites_its_own_file(folder: SnapshotFolder) -> None:
    metrics, path = worker(1), snapshot_path(folder.folder)
    assert path != snapshot_path(folder.folder)
    for _ in range(3):
        write_snapshot(path, metrics.registry)
        metrics.http.count_request("POST", "/predict", 200, 0.003)
    assert requests_in(folder.total()) == 3
    assert len(list(folder.folder.iterdir())) == 1


def test_a_dead_worker_keeps_its_counts_and_loses_its_gauges(
    folder: SnapshotFolder, dead_pid: int
) -> None:
    gone = write(folder, dead_pid, worker(10, depth=5))
    alive = write(folder, os.getpid(), worker(1, depth=2))
    folder.bury()
    assert (gone.exists(), alive.exists()) == (False, True)
    for _ in range(3):
        total = folder.total()
        assert requests_in(total) == 11
        assert value(total, "vigie_queue_depth", model="iris") == 2
        assert value(total, "vigie_workers") == 1
        folder.bury()


def test_the_dead_add_up_over_generations(folder: SnapshotFolder, dead_pid: int) -> None:
    for generation in range(4):
        write(folder, dead_pid, worker(10), start=generation)
        write(folder, dead_pid, worker(1), start=100 + generation)
        folder.bury()
    assert requests_in(folder.total()) == 44
    assert [path.name for path in folder.folder.glob("[!.]*")] == [DEAD]


def serving(*versions: str) -> Metrics:
    """A worker that answered a row with each of these versions of `housing`."""
    metrics = worker(1)
    for version in versions:
        metrics.models.start_version_at_zero("housing", version)
        metrics.models.info.labels("housing", version, "champion", "run", "onnx").set(1)
        metrics.models.predictions.labels("housing", version).observe(1)
    metrics.feedback.count("stored", "housing", "0")
    return metrics


def test_the_dead_keep_the_versions_that_somebody_shows(
    folder: SnapshotFolder, dead_pid: int
) -> None:
    rows = "vigie_predictions_total"
    write(folder, dead_pid, serving("1", "2"))
    folder.bury()
    # nobody lives: what is next may be any of them
    assert value(folder.total(), rows, model="housing", version="1") == 1
    write(folder, os.getpid(), serving("2", "3"))
    for _ in range(2):
        total = folder.total()
        assert value(total, rows, model="housing", version="1") is None
        assert value(total, rows, model="housing", version="2") == 2
        assert (
            value(total, "vigie_feedback_total", model="other", version="other", outcome="stored")
            == 2
        )
        assert requests_in(total) == 2
    write(folder, dead_pid, serving("2"), start=2)
    folder.bury()
    assert b'"version":"1"' not in (folder.folder / DEAD).read_bytes()
    assert value(folder.total(), rows, model="housing", version="2") == 3


def log_writer(*versions: str) -> SnapshotRegistry:
    """The log writer, which joined a truth to a prediction of each of these versions."""
    registry = SnapshotRegistry()
    PredictionLogMetrics(registry)
    feedback = FeedbackMetrics(registry)
    for version in versions:
        feedback.see("housing", version, "number")
        feedback.count_joined("housing", version, 1.0, {"absolute": 1.0})
    return registry


def test_the_log_writer_alone_makes_nobody_forget_the_dead(
    folder: SnapshotFolder, dead_pid: int
) -> None:
    rows = "vigie_predictions_total"
    write(folder, dead_pid, serving("2"))
    write_snapshot(folder.folder / f"{os.getpid()}-9.json", log_writer())
    folder.bury()
    assert value(folder.total(), rows, model="housing", version="2") == 1
    # a worker that has not loaded its models yet knows no more of them
    write(folder, os.getpid(), worker(0))
    write(folder, dead_pid, serving("2"), start=2)
    folder.bury()
    assert value(folder.total(), rows, model="housing", version="2") == 2
    assert value(folder.total(), "vigie_queue_depth", model="iris") == 0


def test_the_log_writer_shows_the_versions_that_workers_show(folder: SnapshotFolder) -> None:
    joined = "vigie_feedback_joined_total"
    write_snapshot(folder.folder / f"{os.getpid()}-9.json", log_writer("1", "2"))
    assert value(folder.total(), joined, model="housing", version="1") == 1
    write(folder, os.getpid(), serving("2", "3"))
    total = folder.total()
    assert value(total, joined, model="housing", version="1") is None
    assert value(total, joined, model="housing", version="2") == 1


@pytest.mark.parametrize("stop_at", range(6))
def test_a_stop_at_any_step_of_a_burial_neither_loses_nor_doubles(
    folder: SnapshotFolder, dead_pid: int, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    for start in range(2):
        write(folder, dead_pid, worker(10), start)
    write(folder, os.getpid(), worker(1))
    steps = iter(range(100))

    def stopping(method: Any) -> Any:
        def step(path: Path, *args: Any, **kwargs: Any) -> Any:
            if next(steps) == stop_at:
                raise KeyboardInterrupt
            return method(path, *args, **kwargs)

        return step

    with monkeypatch.context() as patch:
        for owner, name in ((os, "open"), (Path, "replace"), (Path, "unlink")):
            patch.setattr(owner, name, stopping(getattr(owner, name)))
        with pytest.raises(KeyboardInterrupt):
            folder.bury()
        assert requests_in(folder.total()) == 21
    write(folder, dead_pid, worker(100), start=2)
    assert requests_in(folder.total()) == 121
    for _ in range(2):
        folder.bury()
        assert requests_in(folder.total()) == 121
    assert len(list(folder.folder.glob("[0-9]*.json"))) == 1


def test_totals_never_decrease_whatever_happens(folder: SnapshotFolder, dead_pid: int) -> None:
    chance = random.Random(11)
    counted, seen = 0.0, 0.0
    living: list[tuple[Path, Metrics]] = []
    for start in range(60):
        match chance.choice(["start", "work", "work", "die", "bury"]):
            case "start":
                metrics = worker(0)
                living.append((write(folder, os.getpid(), metrics, start), metrics))
            case "work" if living:
                path, metrics = chance.choice(living)
                metrics.http.count_request("POST", "/predict", 200, 0.003)
                write_snapshot(path, metrics.registry)
                counted += 1
            case "die" if living:
                path, _ = living.pop(chance.randrange(len(living)))
                path.rename(folder.folder / f"{dead_pid}-{start}.json")
            case "bury":
                folder.bury()
        total = requests_in(folder.total())
        assert total == counted
        assert total >= seen
        seen = total
    assert counted > 10


def test_half_a_file_and_strange_files_disturb_nobody(
    folder: SnapshotFolder, dead_pid: int
) -> None:
    write(folder, os.getpid(), worker(3))
    (folder.folder / f"{os.getpid()}-9.json").write_bytes(b'[{"name": "vig')
    (folder.folder / f"{dead_pid}-9.json").write_bytes(b"")
    (folder.folder / "notes.json").write_bytes(b"{}")
    assert requests_in(folder.total()) == 3
    folder.bury()
    assert requests_in(folder.total()) == 3


def test_a_cleared_folder_starts_at_zero(folder: SnapshotFolder, dead_pid: int) -> None:
    write(folder, dead_pid, worker(3))
    folder.bury()
    write(folder, os.getpid(), worker(3))
    folder.clear()
    assert folder.total() == []
    assert list(folder.folder.iterdir()) == []
    deeper = SnapshotFolder(folder.folder / "new" / "folder")
    deeper.clear()
    assert deeper.folder.is_dir()
