"""One run of the load generator, and what it took itself."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from load.timeline import quantile_ms, read_timeline, together
from scale.failure import ScaleError

if TYPE_CHECKING:
    from load.timeline import Timeline

FOLDER = Path(__file__).parents[1]
EDGES = 2
"""So many seconds at start and end of a run are not counted: callers come and go."""


@dataclass(frozen=True)
class Workload:
    """What callers do.

    Attributes:
        callers: How many at most.
        seconds: For how long.
        rows: In each request.
        rate: Requests a second by the clock; None where each asks again once it is answered.
        shape: Of the load.
        scenario: How they ask.
    """

    callers: int
    seconds: float
    rows: int
    rate: float | None = None
    shape: str = "constant"
    scenario: str = "native"


@dataclass(frozen=True)
class Got:
    """What came of a run.

    Attributes:
        rate: Answers a second.
        answered: Answers in all of the run.
        p50_ms: Half of them within.
        p99_ms: 99 of 100 within.
        failures: Requests that failed.
        generator_cores: What the generator computed, in cores.
    """

    rate: float
    answered: int
    p50_ms: float
    p99_ms: float
    failures: int
    generator_cores: float


def ask(url: str, model: str, asked: Workload, path: Path) -> tuple[Timeline, Got]:
    """Asks one model; the timeline goes to `path`. `ScaleError` where nothing was asked."""
    path.unlink(missing_ok=True)
    began, used = time.monotonic(), _children_seconds()
    done = subprocess.run(
        [
            sys.executable, "-m", "locust", "-f", str(FOLDER / "locustfile.py"), "--headless",
            "--only-summary", "--loglevel", "WARNING", "--host", url,
            "--scenario", asked.scenario,
            # MLflow's address names no model: it is the service's first
            "--models", "" if asked.scenario == "invocations" else model,
            "--users", str(asked.callers), "--run-time", str(int(asked.seconds)),
            "--stop-timeout", "60", "--shape", asked.shape, "--rows", str(asked.rows),
            "--rate", "" if asked.rate is None else str(asked.rate), "--timeline", str(path),
        ],
        capture_output=True, text=True, check=False, timeout=asked.seconds + 180,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    if not path.exists():
        raise ScaleError(f"nothing was asked: {(done.stderr or done.stdout).strip()[-300:]}")
    cores = (_children_seconds() - used) / (time.monotonic() - began)
    timeline = read_timeline(path)
    return timeline, got(timeline, asked.seconds, cores)


def got(timeline: Timeline, seconds: float, cores: float) -> Got:
    """What a run of so many seconds came to; failures are counted in all of them."""
    inner = range(EDGES, int(seconds) - EDGES)
    counted = together([timeline.seconds[n] for n in inner if n in timeline.seconds])
    whole = together(list(timeline.seconds.values()))
    return Got(
        rate=(counted.milliseconds.total() - counted.failures) / len(inner),
        answered=whole.milliseconds.total() - whole.failures,
        p50_ms=quantile_ms(counted, 0.5),
        p99_ms=quantile_ms(counted, 0.99),
        failures=whole.failures,
        generator_cores=cores,
    )


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
