"""Snapshots of one process's metrics, and their sum over all processes, dead ones included.

Each worker writes a file a second; the publisher adds the files of living workers to the
persisted sum of the dead. A worker that is killed costs at most its last second, and no file
outlives its worker by more than one look.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from vigie.files import write_atomically
from vigie.monitoring.series_text import TextCollector

DEAD = "dead.json"
_ACCUMULATING = ("counter", "histogram", "summary")

OTHER = "other"
"""As a label: whatever is not shown by a name of its own, which so stays few."""
Family = dict[str, Any]
"""`{"name", "help", "type", "merge", "samples"}`, of a sample `[its name, labels, value]`.

`merge` is there for gauges: how those of several processes become one.
"""


class SnapshotRegistry(CollectorRegistry):  # type: ignore[misc]
    """A registry that knows its collectors: some can be written without making their samples."""

    def __init__(self) -> None:
        super().__init__(auto_describe=False)
        # when each series was made: nobody asks, and it would be every second sample
        disable_created_metrics()
        self.collectors: list[Collector] = []

    def register(self, collector: Collector) -> None:
        """Adds a collector."""
        super().register(collector)
        self.collectors.append(collector)


def take_snapshot(registry: CollectorRegistry) -> list[Family]:
    """The families of a registry."""
    return [_family(metric) for metric in registry.collect()]


def _family(metric: Metric) -> Family:
    family = {
        "name": metric.name,
        "help": metric.documentation,
        "type": metric.type,
        "samples": [[sample.name, sample.labels, sample.value] for sample in metric.samples],
    }
    return family if metric.type in _ACCUMULATING else {**family, "merge": metric.merge}


def snapshot_path(folder: Path) -> Path:
    """The file of this process; unique even where the system gives its number again."""
    return folder / f"{os.getpid()}-{time.time_ns()}.json"


def write_snapshot(path: Path, registry: SnapshotRegistry) -> None:
    """Writes the snapshot of this process, readable whole or not at all."""
    # once a second: the next one is nearer than the disk, and a new start begins at zero
    families = (text for each in registry.collectors for text in _texts(each))
    write_atomically(path, b"[" + b",".join(families) + b"]")


def _texts(collector: Collector) -> Iterator[bytes]:
    if not isinstance(collector, TextCollector):
        yield from (orjson.dumps(_family(metric)) for metric in collector.collect())
        return
    for metric, series in collector.texts():
        samples = orjson.Fragment(b"[" + b",".join(series) + b"]")
        yield orjson.dumps({**_family(metric), "samples": samples})


def merge(snapshots: Iterable[list[Family]]) -> list[Family]:
    """One family per name over all snapshots: counters added, gauges as they say themselves."""
    families: dict[str, Family] = {}
    sums: dict[str, dict[tuple[Any, ...], list[Any]]] = {}
    for snapshot in snapshots:
        for family in snapshot:
            name = family["name"]
            families.setdefault(name, {**family, "samples": []})
            into = sums.setdefault(name, {})
            for sample_name, labels, value in family["samples"]:
                key = (sample_name, *labels.items())
                if key in into:
                    into[key][2] = _combine(family, into[key][2], value)
                else:
                    into[key] = [sample_name, labels, value]
    for name, family in families.items():
        family["samples"] = list(sums[name].values())
    return list(families.values())


def _combine(family: Family, one: float, other: float) -> float:
    how = "sum" if family["type"] in _ACCUMULATING else family["merge"]
    if how == "sum":
        return one + other
    return max(one, other) if how == "max" else min(one, other)


def without_forgotten(counted: list[Family], serving: Iterable[list[Family]]) -> list[Family]:
    """What the dead or the log writer counted, without models and versions that nobody shows.

    Else every version that ever served would keep its series. While nobody serves nothing is left
    out: who comes next may serve the same.
    """
    known = {
        _subject(labels)
        for snapshot in serving
        for family in snapshot
        for _, labels, _ in family["samples"]
    } - {None}
    if not known:
        return counted
    return [
        {**family, "samples": [each for each in family["samples"] if _lasts(each[1], known)]}
        for family in counted
    ]


def counted_alone(snapshot: list[Family]) -> list[Family]:
    """The families that outlive a process: counters, histograms, summaries."""
    return [family for family in snapshot if family["type"] in _ACCUMULATING]


def _only(names: Collection[str], snapshot: list[Family]) -> list[Family]:
    return [family for family in snapshot if family["name"] in names]


def _serves(snapshot: list[Family]) -> bool:
    """True for a worker with a model; the log writer has none."""
    return any(family["name"] == "vigie_model_info" and family["samples"] for family in snapshot)


def _subject(labels: dict[str, str]) -> tuple[str, str | None] | None:
    """The model, and the version if any, that a series is about."""
    return (labels["model"], labels.get("version")) if "model" in labels else None


def _lasts(labels: dict[str, str], known: set[Any]) -> bool:
    subject = _subject(labels)
    if subject is None or subject in known:
        return True
    # an empty label is no label
    return not any(subject) or OTHER in subject


class SnapshotFolder:
    """The folder that the workers write to and the publisher adds up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def clear(self) -> None:
        """Empties the folder: a new master starts at zero, which Prometheus takes for a restart."""
        self.folder.mkdir(parents=True, exist_ok=True)
        # with those that somebody was writing who was killed
        for path in self.folder.glob("*.json*"):
            path.unlink(missing_ok=True)

    def total(self, names: Collection[str] | None = None) -> list[Family]:
        """The sum over living and dead workers, of the families `names` or all; changes nothing."""
        while True:
            before = self._burials()
            dead, buried = self._dead()
            living = [self._load(path) for path in self._files() if path.name not in buried]
            if names is not None:
                dead, *living = (_only(names, each) for each in (dead, *living))
            if self._burials() == before:
                serving = [snapshot for snapshot in living if _serves(snapshot)]
                others = [snapshot for snapshot in living if not _serves(snapshot)]
                counted = without_forgotten(merge([dead, *others]), serving)
                return merge([counted, *serving])

    def bury(self) -> None:
        """Adds the counters of workers that are gone to the persisted sum, removes their files.

        For the publisher alone. The sum names the files that it holds before they go, so that a
        stop in between neither loses nor doubles a worker.
        """
        dead, buried = self._dead()
        gone = [path for path in self._files() if self._is_gone(path)]
        fresh = [path for path in gone if path.name not in buried]
        if fresh:
            lasting = [counted_alone(_read(path, [])) for path in fresh]
            living = [self._load(path) for path in self._files() if path not in gone]
            serving = [snapshot for snapshot in living if _serves(snapshot)]
            kept = without_forgotten(merge([dead, *lasting]), serving)
            self._keep(kept, sorted(buried | {path.name for path in fresh}))
        for path in gone:
            path.unlink(missing_ok=True)
        if buried or fresh:
            self._keep(self._dead()[0], [])

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*-*.json"))

    def _load(self, path: Path) -> list[Family]:
        """What a file that is there holds."""
        found: list[Family] = _read(path, [])
        return found

    def _is_gone(self, path: Path) -> bool:
        """True where nobody writes the file any more."""
        return not _alive(int(path.stem.split("-")[0]))

    def _burials(self) -> int:
        """Changes whenever a worker is moved from the living to the dead."""
        try:
            return (self.folder / DEAD).stat().st_mtime_ns
        except OSError:
            return 0

    def _dead(self) -> tuple[list[Family], set[str]]:
        found = _read(self.folder / DEAD, {})
        return found.get("families", []), set(found.get("buried", []))

    def _keep(self, families: list[Family], buried: list[str]) -> None:
        content = {"families": families, "buried": buried}
        write_atomically(self.folder / DEAD, orjson.dumps(content))


def _read(path: Path, default: Any) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return default


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class MergedCollector:
    """Gives merged families to prometheus_client's own text writer."""

    def __init__(self, families: list[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """The families as prometheus_client's metric objects."""
        for family in self._families:
            metric = Metric(family["name"], family["help"], family["type"])
            for name, labels, value in family["samples"]:
                metric.add_sample(name, labels, value)
            yield metric
