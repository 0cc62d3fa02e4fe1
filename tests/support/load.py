"""Runs of the load generator as `make load` starts it, in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from load.options import remember_size
from scale.points import Point

ROOT = Path(__file__).parents[2]
TOLD = {
    "num_users": 10, "run_time": 100, "scenario": "native", "models": "", "shape": "constant",
    "rows": "1", "table": "", "photos": "", "rate": "", "most_failed": "", "most_p99_ms": "",
    "least_rate": "", "summary": "", "timeline": "",
}  # fmt: skip
"""What a command line without options gives."""
ADDRESS = re.compile(
    r"^\| `?(?P<name>[^|`]+?)`? \| (?P<requests>[\d,]+) \| (?P<failed>[\d,]+) "
    r"\| (?P<rate>[\d.,]+) \| (?P<p50>[\d.]+) \| (?P<p99>[\d.]+) \|$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Line:
    """What a summary says of one address."""

    requests: int
    failed: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Run:
    """What a run of the generator said and how it ended."""

    code: int
    told: str

    @property
    def lines(self) -> dict[str, Line]:
        return {
            found["name"]: Line(
                int(found["requests"].replace(",", "")), int(found["failed"].replace(",", "")),
                float(found["p50"]), float(found["p99"]),
            )
            for found in ADDRESS.finditer(self.told)
        }  # fmt: skip


def command(url: str, *words: str, users: int = 4, seconds: int = 1) -> list[str]:
    """The generator against a service."""
    return [
        sys.executable, "-m", "locust", "-f", "loadtest/locustfile.py", "--headless",
        "--only-summary", "--loglevel", "WARNING", "--host", url, "--users", str(users),
        "--run-time", str(seconds), "--stop-timeout", "30", *words,
    ]  # fmt: skip


def run_load(url: str, *words: str, users: int = 4, seconds: int = 1) -> Run:
    """A whole run."""
    done = subprocess.run(
        command(url, *words, users=users, seconds=seconds), cwd=ROOT, check=False, timeout=120,
        capture_output=True, text=True,
    )  # fmt: skip
    return Run(done.returncode, done.stdout + done.stderr)


def parsed(**words: Any) -> Namespace:
    """A command line with some options."""
    told = Namespace(**TOLD | words)
    remember_size(told)
    return told


def carrying(replicas: int, rate: float, rows: int = 100) -> Point:
    """What so many replicas carry, where all else is as it should be."""
    return Point(replicas, rows, rate, 90.0, 150.0, 0, 0.3, 500.0, 70, 80.0)


GOOD_POINTS = [carrying(1, 200), carrying(2, 380), carrying(3, 560), carrying(4, 720)]
"""Just what the proof asks of replicas."""
