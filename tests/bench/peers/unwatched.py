"""Vigie without anything that watches it: what monitoring and logs are measured against.

Nobody can run Vigie so; the parts that count, log and keep are taken out of the running code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vigie.cli.main import main
from vigie.monitoring.bins import VersionBins
from vigie.monitoring.buffered_series import BufferedSeries
from vigie.monitoring.http_metrics import HttpMetrics
from vigie.serving.pipeline import Pipeline
from vigie.serving.worker_state import WorkerState


def nothing(*_: Any, **__: Any) -> None:
    """Takes the place of what counts."""


def take_out(owner: type, name: str) -> None:
    """Replaces a method; an `AttributeError` where it is not there any more."""
    found: Callable[..., Any] = getattr(owner, name)
    assert callable(found)
    setattr(owner, name, nothing)


take_out(HttpMetrics, "count_request")
take_out(Pipeline, "_observe")
take_out(VersionBins, "observe")
take_out(VersionBins, "add_up")
take_out(BufferedSeries, "add_up")
take_out(WorkerState, "_write_snapshots")

if __name__ == "__main__":
    main()
