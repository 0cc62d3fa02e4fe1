"""Sums over replicas: nothing lost, nothing doubled, whoever stops, stands still or comes back."""

from __future__ import annotations

import os
import time
from pathlib import Path

from vigie.monitoring.replicas import FRESH_SECONDS, GONE_SECONDS, ReplicaFolder
from vigie.monitoring.samples import Samples
from vigie.monitoring.snapshots import take_snapshot
from vigie.serving.metrics import Metrics


class Replica:
    """One replica: what it has counted, and the folder that its start empties."""

    def __init__(self, shared: Path, own: Path) -> None:
        self.folder, self.own = ReplicaFolder(shared), own
        own.mkdir(exist_ok=True)
        self.begin()

    def begin(self) -> None:
        """Starts anew: its counts begin at zero."""
        for path in self.own.iterdir():
            path.unlink()
        self.metrics = Metrics()
        self.metrics.workers.set(1)
        self.metrics.models.predictions.labels("iris", "1").observe(0)

    def answer(self, rows: int) -> None:
        self.metrics.models.predictions.labels("iris", "1").observe(rows)

    def put(self) -> None:
        self.folder.put(take_snapshot(self.metrics.registry), self.own)


def rows(shared: Path) -> float:
    return Samples(ReplicaFolder(shared).total()).total("vigie_predictions_total", model="iris")


def workers(shared: Path) -> float:
    return Samples(ReplicaFolder(shared).total()).total("vigie_workers")


def age(shared: Path, seconds: float) -> None:
    """Lets all files be so old."""
    then = time.time() - seconds
    for path in shared.glob("[0-9]*.json"):
        os.utime(path, (then, then))


def test_all_replicas_count_and_each_writes_its_own_file(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    one, other = (Replica(shared, tmp_path / name) for name in ("one", "other"))
    for replica, answered in ((one, 30), (other, 60)):
        replica.answer(answered)
        replica.put()
    one.answer(5)
    one.put()
    assert (rows(shared), workers(shared)) == (95, 2)
    assert ReplicaFolder(shared).count() == 2
    assert len(list(shared.glob("[0-9]*.json"))) == 2


def test_what_a_replica_counted_outlives_it_and_what_it_is_does_not(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    one, other = (Replica(shared, tmp_path / name) for name in ("one", "other"))
    one.answer(30)
    one.put()
    age(shared, FRESH_SECONDS + 1)
    other.answer(60)
    other.put()
    assert (rows(shared), workers(shared), ReplicaFolder(shared).count()) == (90, 1, 1)
    # it stood still, and goes on: it counts once
    one.answer(1)
    one.put()
    assert (rows(shared), workers(shared)) == (91, 2)


def test_a_replica_that_starts_anew_adds_to_what_it_had_counted(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    one = Replica(shared, tmp_path / "one")
    one.answer(30)
    one.put()
    one.begin()
    one.answer(4)
    one.put()
    assert rows(shared) == 34


def test_replicas_of_long_ago_are_one_sum(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    for number in range(5):
        replica = Replica(shared, tmp_path / str(number))
        replica.answer(10)
        replica.put()
        age(shared, GONE_SECONDS + 1)
    last = Replica(shared, tmp_path / "last")
    last.put()
    assert [path.name for path in shared.glob("[0-9]*.json")] == [
        path.name for path in shared.glob("[0-9]*.json") if time.time() - path.stat().st_mtime < 60
    ]
    assert (rows(shared), workers(shared)) == (50, 1)


def test_a_replica_writes_as_often_as_it_may(tmp_path: Path) -> None:
    replica = Replica(tmp_path / "shared", tmp_path / "one")
    assert replica.folder.is_due()
    replica.put()
    assert not replica.folder.is_due()
