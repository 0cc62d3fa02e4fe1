"""How long a candidate takes beside the version that serves, measured in turns on this machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vigie.engines.predictor import Predictor

ROWS = 256
ROUNDS = 15
FEWEST_ROUNDS = 3
MOST_SECONDS = 5.0
SLOW_MS = 100.0
"""A model that takes longer for its golden rows alone is measured on them alone."""
FREE_MS = 5.0
"""Below this a version is quick, however many times slower than the live one it is."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The medians of a candidate and of the live version, for so many rows."""

    rows: int
    candidate_ms: float
    live_ms: float


def measure_times(candidate: Predictor, live: Predictor) -> Timing:
    """Times both on their golden rows, repeated to `ROWS` unless the models are slow.

    Processor time, in turns, so that a busy machine favours neither; fewer rounds where a round
    takes long.
    """
    fewest = min(len(each.package.golden.rows) for each in (candidate, live))
    # also the warm-up; a model of images would take minutes, and memory, for many rows
    probes = [_milliseconds(_call(each, fewest)) for each in (candidate, live)]
    rows = max(fewest, ROWS if max(probes) < SLOW_MS else 0)
    calls = _call(candidate, rows), _call(live, rows)
    times: tuple[list[float], list[float]] = ([], [])
    started = time.monotonic()
    for done in range(ROUNDS + 1):
        for call, taken in zip(calls, times, strict=True):
            taken.append(_milliseconds(call))
        if done >= FEWEST_ROUNDS and time.monotonic() - started > MOST_SECONDS:
            break
    # the first round is of a shape that the engine has not seen
    first, second = (statistics.median(taken[1:]) for taken in times)
    return Timing(rows, first, second)


def too_slow(timing: Timing, factor: float) -> str | None:
    """The reason why a candidate is too slow; `None` where it is not, or where `factor` is 0."""
    slow = max(FREE_MS, factor * timing.live_ms)
    if not factor or timing.candidate_ms <= slow:
        return None
    return (
        f"it is too slow: {timing.candidate_ms:.3g} ms for {timing.rows} rows, the version that "
        f"serves takes {timing.live_ms:.3g} ms (VIGIE_LATENCY_FACTOR={factor:g})"
    )


def _milliseconds(call: Callable[[], object]) -> float:
    # processor time: on a busy machine, others' turns are no fault of a model
    before = time.process_time()
    call()
    return (time.process_time() - before) * 1000


def _call(predictor: Predictor, count: int) -> Callable[[], object]:
    rows = list(islice(cycle(predictor.package.golden.rows), count))
    columns = predictor.decoder.decode(rows).columns
    return lambda: predictor.predict(columns)
