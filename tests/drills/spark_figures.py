"""The figures that the page of costs reckons with, from one measured run.

VIGIE_TEST_WRITE_FIGURES=1 writes them into Iac/spark-measured.json; else they are compared.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from drills.spark import processor_seconds, python_workers, write_camera_photos
from support.memory import tell
from support.mobilenet import write_mobilenet
from support.spark import uri
from vigie.registry.reference import open_model
from vigie.settings import load_settings
from vigie.spark.features import FeaturesOrder, compute_features
from vigie.spark.session import SessionOptions, open_session

FIGURES = Path(__file__).parents[2] / "Iac" / "spark-measured.json"
PHOTOS, WARM = 400, 64
# another machine, and one that has other work, is not twice as quick or slow
MOST_APART = 2.0


def shuffled(events: Path) -> int:
    """Bytes that the tasks of a run wrote for others."""
    return sum(
        metrics.get("Shuffle Write Metrics", {}).get("Shuffle Bytes Written", 0)
        for metrics in _task_metrics(events)
    )


def _task_metrics(events: Path) -> Iterator[dict[str, Any]]:
    for path in events.rglob("events_*"):
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                entry = json.loads(line)
                if entry["Event"] == "SparkListenerTaskEnd":
                    yield entry.get("Task Metrics") or {}


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def measure(folder: Path) -> dict[str, Any]:
    """One run over camera photos with MobileNetV2, after a warm one."""
    write_mobilenet(folder / "mobilenet")
    model = open_model(str(folder / "mobilenet"), load_settings())
    photos, warm, output = folder / "photos", folder / "warm", folder / "out"
    write_camera_photos(photos, PHOTOS)
    write_camera_photos(warm, WARM)
    events = folder / "events"
    events.mkdir()
    conf = {
        "spark.local.dir": str(folder),
        "spark.eventLog.enabled": "true",
        "spark.eventLog.compress": "false",
        "spark.eventLog.dir": uri(events),
    }
    with open_session(SessionOptions("local[2]", conf)) as session:
        for source, target in ((warm, folder / "out-warm"), (photos, output)):
            (folder / f"scratch-{source.name}").mkdir()
            began = processor_seconds()
            order = FeaturesOrder(uri(source), uri(target), "scores")
            compute_features(
                session, model, order, folder / f"scratch-{source.name}", Console(quiet=True)
            )
            taken = processor_seconds() - began
        worker = max(one.memory_full_info().uss for one in python_workers(psutil.Process()))
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "photos": PHOTOS,
        "photo_bytes": size(photos) // PHOTOS,
        "core_seconds_a_photo": round(taken / PHOTOS, 4),
        "worker_mb": round(worker / 1e6),
        "shuffle_bytes_a_photo": shuffled(events) // (PHOTOS + WARM),
        "result_bytes_a_photo": size(output / "features") // PHOTOS,
    }


def test_the_figures_of_the_page_are_those_of_a_run(tmp_path: Path) -> None:
    found = measure(tmp_path)
    tell(json.dumps(found))
    if os.environ.get("VIGIE_TEST_WRITE_FIGURES") == "1":
        FIGURES.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    written = json.loads(FIGURES.read_text(encoding="utf-8"))
    for name in ("core_seconds_a_photo", "worker_mb", "result_bytes_a_photo"):
        assert written[name] / MOST_APART < found[name] < written[name] * MOST_APART, name
