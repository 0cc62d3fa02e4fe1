"""What a run is told, on the command line or by the environment."""

from __future__ import annotations

import os
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from load.failure import LoadError
from load.scenarios import SCENARIOS, scenario
from load.stages import SHAPES, mean_callers, stages

if TYPE_CHECKING:
    from load.scenarios import Scenario
    from load.stages import Stage
    from load.thresholds import Thresholds

KEPT_UP = 0.95
"""The share of what was planned that a run by the clock must be answered, unless told."""
COMING_SECONDS = 1.0
"""Until all callers are there, nothing is asked of the service."""

_WORDS = {
    "scenario": ("native", f"what callers do: {', '.join(SCENARIOS)}"),
    "models": ("", "the models that are asked, by commas; else all that the scenario fits"),
    "shape": ("constant", f"how many callers there are: {', '.join(SHAPES)}"),
    "rows": ("1", "rows in a request"),
    "table": ("", "a CSV file with rows of the model; else its examples are varied"),
    "photos": ("", "a folder of photos"),
    "rate": ("", "requests a second that arrive by the clock, whatever the service does"),
    "most_failed": ("", "share of requests that may fail, in place of the scenario's"),
    "most_p99_ms": ("", "p99 in ms, in place of the scenario's"),
    "least_rate": ("", "requests a second, in place of the scenario's"),
    "summary": ("", "where the summary goes, as Markdown"),
    "timeline": ("", "where each second of the run goes, as JSON; of one process alone"),
}


@dataclass(frozen=True)
class Options:
    """What a run is told.

    Attributes:
        url: The service.
        name: Of the scenario.
        scenario: What callers do.
        models: The models that are asked; empty for all that fit.
        shape: Of the load.
        planned: Its stages.
        callers: How many there are at most.
        rows: In a request.
        table: Where rows come from; None for varied examples.
        photos: Where photos come from.
        rate: Requests a second at most callers, by the clock; None where each caller asks again
            once it is answered.
        thresholds: What the run must keep to.
        summary: Where the summary goes.
        timeline: Where each second of the run goes.
        key: Of a caller, where the service asks for one.
    """

    url: str
    name: str
    scenario: Scenario
    models: tuple[str, ...]
    shape: str
    planned: tuple[Stage, ...]
    callers: int
    rows: int
    table: Path | None
    photos: Path | None
    rate: float | None
    thresholds: Thresholds
    summary: Path | None
    timeline: Path | None
    key: str | None


def add_options(parser: Any) -> None:
    """Adds what this run can be told to Locust's own options; `LOAD_…` in the environment too."""
    for name, (default, text) in _WORDS.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", env_var=f"LOAD_{name.upper()}", default=default,
            help=text,
        )  # fmt: skip


def remember_size(parsed: Namespace) -> None:
    """Keeps how many callers there are and how long: workers are told what is not Locust's own."""
    parsed.callers = parsed.num_users or 1
    parsed.seconds = float(parsed.run_time or 30)


def options_of(parsed: Namespace, url: str | None) -> Options:
    """What was told, with types; `LoadError` where it makes no sense."""
    if not url:
        raise LoadError("which service? --host http://127.0.0.1:5000")
    callers, seconds = parsed.callers, parsed.seconds
    planned = stages(parsed.shape, callers, seconds)
    rate = _number("rate", parsed.rate)
    chosen = scenario(parsed.scenario)
    wanted = chosen.thresholds
    if rate is not None:
        whole = max(seconds - COMING_SECONDS, 0.0) / seconds
        kept = KEPT_UP * whole * rate * mean_callers(planned) / callers
        wanted = wanted.told(None, None, kept)
    return Options(
        url=url.rstrip("/"),
        name=parsed.scenario,
        scenario=chosen,
        models=tuple(name.strip() for name in parsed.models.split(",") if name.strip()),
        shape=parsed.shape,
        planned=planned,
        callers=callers,
        rows=int(_number("rows", parsed.rows) or 1),
        table=Path(parsed.table) if parsed.table else None,
        photos=Path(parsed.photos) if parsed.photos else None,
        rate=rate,
        thresholds=wanted.told(
            _number("most-failed", parsed.most_failed, zero=True),
            _number("most-p99-ms", parsed.most_p99_ms),
            _number("least-rate", parsed.least_rate, zero=True),
        ),
        summary=Path(parsed.summary) if parsed.summary else None,
        timeline=Path(parsed.timeline) if parsed.timeline else None,
        key=os.environ.get("VIGIE_API_KEY") or None,
    )


def _number(name: str, text: str, *, zero: bool = False) -> float | None:
    """A number; None where nothing was told, as by an empty variable."""
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        raise LoadError(f"--{name} is no number: {text}") from None
    if number < 0 or (number == 0 and not zero):
        raise LoadError(f"--{name} must be above 0: {text}")
    return number
