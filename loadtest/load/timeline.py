"""What happened in each second of a run, by the moment when a request was due."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from load.stats import rounded


@dataclass
class Second:
    """Requests that were due in one second.

    Attributes:
        milliseconds: How many were answered within how long.
        failures: How many failed.
    """

    milliseconds: Counter[float] = field(default_factory=Counter)
    failures: int = 0


class Timeline:
    """The seconds of one process, from its start on."""

    def __init__(self, began: float | None = None) -> None:
        self.began = time.time() if began is None else began
        self.seconds: dict[int, Second] = {}

    def record(self, response_time: float, exception: object, **_: Any) -> None:
        """Counts one request of Locust's: ms that it took, and what it failed of."""
        due = int(time.time() - response_time / 1000 - self.began)
        second = self.seconds.setdefault(due, Second())
        second.milliseconds[rounded(response_time)] += 1
        second.failures += exception is not None

    def write(self, path: Path) -> None:
        """Writes it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        seconds = [
            {"second": number, "failures": one.failures, "ms": sorted(one.milliseconds.items())}
            for number, one in sorted(self.seconds.items())
        ]
        path.write_text(json.dumps({"began": self.began, "seconds": seconds}), encoding="utf-8")


def read_timeline(path: Path) -> Timeline:
    """A timeline that was written."""
    content = json.loads(path.read_text(encoding="utf-8"))
    timeline = Timeline(content["began"])
    for one in content["seconds"]:
        counted = Counter(dict(one["ms"]))
        timeline.seconds[one["second"]] = Second(counted, one["failures"])
    return timeline


def together(seconds: list[Second]) -> Second:
    """Several seconds as one."""
    whole = Second()
    for one in seconds:
        whole.milliseconds.update(one.milliseconds)
        whole.failures += one.failures
    return whole


def quantile_ms(second: Second, share: float) -> float:
    """This share of the requests was answered within; 0 where there was none."""
    wanted = share * second.milliseconds.total()
    for ms, count in sorted(second.milliseconds.items()):
        wanted -= count
        if wanted <= 0:
            return ms
    return 0.0
