"""The history of the last minutes: bounded, never negative, readable whatever happened to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from vigie.monitoring.history import (
    CHANGES_A_MODEL,
    FAMILIES,
    MOST_CHANGES,
    MOST_POINTS,
    SPAN_SECONDS,
    STEP_SECONDS,
    History,
    joined,
    quantile,
    read_history,
    spans_of,
)
from vigie.monitoring.http_metrics import LATENCY_SECONDS
from vigie.monitoring.samples import Samples
from vigie.monitoring.snapshots import (
    SnapshotFolder,
    merge,
    snapshot_path,
    take_snapshot,
    write_snapshot,
)
from vigie.serving.metrics import Metrics

START = 1_700_000_000.0
ROUTE = "/predict/<model>"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.json"


@pytest.fixture
def history(path: Path) -> History:
    return History(path, [ROUTE])


def samples_of(*workers: Metrics) -> Samples:
    return Samples(merge(take_snapshot(worker.registry) for worker in workers))


def answer(
    worker: Metrics, number: int, status: int = 200, seconds: float = 0.003, route: str = ROUTE
) -> None:
    for _ in range(number):
        worker.http.count_request("POST", route, status, seconds)


def serving(*versions: tuple[str, str], alias: str = "champion") -> Metrics:
    """A worker that serves these versions of these models."""
    metrics = Metrics()
    for model, version in versions:
        metrics.models.info.labels(model, version, alias, "run", "onnx").set(1)
    return metrics


def changes(path: Path) -> list[tuple[str, str, str | None]]:
    return [(one.model, one.version, one.before) for one in read_history(path).changes]


def test_rates_and_shares_are_those_of_all_workers(history: History, path: Path) -> None:
    one, other = Metrics(), Metrics()
    answer(one, 1000)
    history.add(samples_of(one, other), START)
    answer(one, 30)
    answer(other, 60)
    answer(other, 6, 422)
    answer(other, 4, 503)
    answer(other, 500, route="/livez")
    history.add(samples_of(one, other), START + 10)
    (span,) = spans_of(read_history(path).points, START + 10)
    assert (span.start, span.end) == (START, START + 10)
    assert span.rate == 10
    assert span.refused_share == 0.06
    assert span.failed_share == 0.04


def test_without_requests_there_is_no_share_and_no_time(history: History, path: Path) -> None:
    for step in range(2):
        history.add(samples_of(Metrics()), START + 10 * step)
    (span,) = spans_of(read_history(path).points, START + 10)
    assert (span.rate, span.refused_share, span.failed_share) == (0, None, None)
    assert span.seconds(0.95) is None


def test_counters_that_begin_anew_are_no_negative_rates(history: History, path: Path) -> None:
    worker = Metrics()
    answer(worker, 100)
    history.add(samples_of(worker), START)
    fresh = Metrics()
    answer(fresh, 20)
    history.add(samples_of(fresh), START + 10)
    answer(fresh, 10)
    history.add(samples_of(fresh), START + 20)
    history.add(Samples([]), START + 30)
    spans = spans_of(read_history(path).points, START + 30)
    assert [span.rate for span in spans] == [2, 1, 0]
    assert all((span.counts >= 0).all() for span in spans)


def test_more_requests_than_before_the_restart_are_no_negative_counts(
    history: History, path: Path
) -> None:
    worker, fresh = Metrics(), Metrics()
    answer(worker, 10, seconds=0.001)
    history.add(samples_of(worker), START)
    answer(fresh, 25, seconds=1.0)
    history.add(samples_of(fresh), START + 10)
    (span,) = spans_of(read_history(path).points, START + 10)
    assert span.requests == 25
    assert span.seconds(0.5) == pytest.approx(0.75)


def test_it_holds_ten_minutes_and_no_more(history: History, tmp_path: Path, path: Path) -> None:
    worker = Metrics()
    sizes = []
    for step in range(3 * MOST_POINTS):
        answer(worker, 5)
        history.add(samples_of(worker), START + STEP_SECONDS * step)
        sizes.append((tmp_path / "history.json").stat().st_size)
    points = read_history(path).points
    assert len(points) == MOST_POINTS
    assert points[-1].at - points[0].at == SPAN_SECONDS
    assert max(sizes) < 20_000
    assert [path.name for path in tmp_path.iterdir()] == ["history.json"]


def test_however_often_it_is_added_to_its_size_is_bounded(history: History, path: Path) -> None:
    for step in range(MOST_POINTS + 40):
        history.add(Samples([]), START + step / 10)
    assert len(read_history(path).points) == MOST_POINTS


def test_it_goes_on_where_another_process_left_it(history: History, path: Path) -> None:
    worker = Metrics()
    history.add(samples_of(worker), START)
    answer(worker, 50)
    again = History(path, [ROUTE])
    assert not again.is_due(START + 5)
    assert again.is_due(START + 10)
    again.add(samples_of(worker), START + 10)
    (span,) = spans_of(read_history(path).points, START + 10)
    assert span.rate == 5


def test_a_clock_that_is_set_back_costs_history_alone(history: History, path: Path) -> None:
    worker = Metrics()
    history.add(samples_of(worker), START + 3600)
    assert history.is_due(START)
    history.add(samples_of(worker), START)
    answer(worker, 10)
    history.add(samples_of(worker), START + 10)
    assert [point.at for point in read_history(path).points] == [START, START + 10]
    (span,) = spans_of(read_history(path).points, START + 10)
    assert span.rate == 1


def test_what_is_older_than_ten_minutes_is_not_shown(history: History, path: Path) -> None:
    for step in range(3):
        history.add(Samples([]), START + 10 * step)
    points = read_history(path).points
    assert len(spans_of(points, START + 20)) == 2
    assert len(spans_of(points, START + SPAN_SECONDS + 10)) == 1
    assert spans_of(points, START + SPAN_SECONDS + 11) == []
    assert spans_of(points, START - 1) == []


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b'{"points": 3}', b'{"points": [{"at": 1}]}', b"\xff\x00",
        b'{"points": [{"at": 1, "requests": 1, "refused": 0, "failed": 0, "buckets": [1, 2]}]}',
    ],
)  # fmt: skip
def test_a_broken_file_is_no_history(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "history.json"
    path.write_bytes(content)
    history = History(path, [ROUTE])
    assert read_history(path).points == ()
    history.add(Samples([]), START)
    assert len(read_history(path).points) == 1


def test_no_file_is_no_history(tmp_path: Path) -> None:
    assert read_history(tmp_path / "away" / "history.json").points == ()
    with pytest.raises(OSError, match="away"):
        History(tmp_path / "away" / "history.json").add(Samples([]), START)


def test_it_is_no_snapshot_and_outlives_a_new_master(tmp_path: Path, path: Path) -> None:
    folder = SnapshotFolder(tmp_path / "metrics")
    folder.clear()
    history = History(path, [ROUTE])
    worker = Metrics()
    answer(worker, 7)
    write_snapshot(folder.folder / "1-1.json", worker.registry)
    history.add(Samples(folder.total()), START)
    before = folder.total()
    history.add(Samples(before), START + 10)
    assert folder.total() == before
    folder.clear()
    assert [point.requests for point in read_history(path).points] == [7, 7]


def test_what_it_reads_of_the_metrics_is_all_it_needs(tmp_path: Path) -> None:
    metrics = Metrics()
    metrics.http.count_request("POST", "/predict", 200, 0.003)
    metrics.models.info.labels("iris", "1", "champion", "run", "onnx").set(1)
    metrics.models.start_version_at_zero("iris", "1")
    folder = SnapshotFolder(tmp_path / "metrics")
    folder.clear()
    write_snapshot(snapshot_path(folder.folder), metrics.registry)
    kept = []
    for number, read in enumerate((folder.total(), folder.total(FAMILIES))):
        path = tmp_path / f"{number}.json"
        History(path, ["/predict"]).add(Samples(read), START)
        kept.append(path.read_bytes())
    assert kept[0] == kept[1]
    assert b"iris" in kept[0]
    assert len(folder.total()) > len(folder.total(FAMILIES)) == len(FAMILIES)


def test_windows_are_joined(history: History, path: Path) -> None:
    worker = Metrics()
    for step in range(7):
        history.add(samples_of(worker), START + 10 * step)
        answer(worker, 10 * step)
    spans = spans_of(read_history(path).points, START + 60)
    window = joined(spans, START + 30)
    assert window is not None
    assert (window.start, window.end, window.requests) == (START + 30, START + 60, 120)
    assert window.rate == 4
    assert joined(spans, START + 60) is None


# --- quantiles


@pytest.mark.parametrize(
    ("share", "cumulated", "expected"),
    [
        (0.5, [0, 0, 0, 0], None),
        (0.5, [10, 10, 10, 10], 0.5),
        (0.5, [0, 10, 10, 10], 1.5),
        (0.95, [0, 10, 20, 20], 2 + 2 * 0.9),
        (0.9, [2, 4, 8, 10], 4.0),
        (0.5, [5, 5, 10, 10], 1.0),
        (0.51, [5, 5, 10, 10], 2 + 2 * 0.1 / 5),
        (0.8, [2, 4, 8, 10], 4.0),
    ],
)
def test_quantiles_are_those_of_prometheus(
    share: float, cumulated: Sequence[float], expected: float | None
) -> None:
    found = quantile(share, (1.0, 2.0, 4.0), np.array(cumulated, float))
    assert found == (expected if expected is None else pytest.approx(expected))


def test_quantiles_lie_within_the_bucket_of_the_true_ones(history: History, path: Path) -> None:
    seconds = np.random.default_rng(3).lognormal(-5, 1, 4000)
    worker = Metrics()
    history.add(samples_of(worker), START)
    for value in seconds:
        answer(worker, 1, seconds=float(value))
    history.add(samples_of(worker), START + 10)
    (span,) = spans_of(read_history(path).points, START + 10)
    for share in (0.5, 0.95, 0.99):
        truth = float(np.quantile(seconds, share))
        above = next(bound for bound in LATENCY_SECONDS if bound >= truth)
        below = max([0.0, *(bound for bound in LATENCY_SECONDS if bound < truth)])
        found = span.seconds(share)
        assert found is not None
        assert below <= found <= above


# --- versions


def test_the_versions_that_served_are_told_in_order(history: History, path: Path) -> None:
    for step, version in enumerate(("1", "1", "2", "2", "1")):
        history.add(samples_of(serving(("iris", version), ("cars", "7"))), START + 10 * step)
    assert changes(path) == [
        ("iris", "1", None),
        ("cars", "7", None),
        ("iris", "2", "1"),
        ("iris", "1", "2"),
    ]
    assert [one.at - START for one in read_history(path).changes] == [0, 0, 20, 40]


def test_a_change_is_told_when_every_worker_has_made_it(history: History, path: Path) -> None:
    old, new = serving(("iris", "1")), serving(("iris", "2"))
    for step, workers in enumerate([(old, old), (old, new), (new, new), (), (new, new)]):
        history.add(samples_of(*workers), START + 10 * step)
    assert changes(path) == [("iris", "1", None), ("iris", "2", "1")]


def test_a_challenger_has_not_taken_over(history: History, path: Path) -> None:
    history.add(samples_of(serving(("iris", "2"), alias="challenger")), START)
    assert changes(path) == []


def test_of_each_model_the_newest_changes_are_kept(history: History, path: Path) -> None:
    for step in range(20):
        history.add(samples_of(serving(("iris", str(step)), ("cars", "1"))), START + step)
    kept = changes(path)
    assert len(kept) == CHANGES_A_MODEL + 1
    assert kept[0] == ("cars", "1", None)
    assert kept[-1] == ("iris", "19", "18")


def test_changes_of_very_many_models_are_bounded(history: History, path: Path) -> None:
    many = [(f"m{number}", "1") for number in range(MOST_CHANGES + 50)]
    for step in range(2):
        history.add(samples_of(serving(*many)), START + step)
    assert len(changes(path)) == MOST_CHANGES
