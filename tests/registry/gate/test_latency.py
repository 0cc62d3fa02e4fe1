"""Too slow is relative to the version that serves, and never a matter of a few milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from support.packages import open_housing
from vigie.engines.predictor import Answers
from vigie.registry.gate import latency
from vigie.registry.gate.latency import Timing, measure_times, too_slow


@pytest.mark.parametrize(
    ("candidate", "live", "factor", "refused"),
    [
        (30.1, 10.0, 3.0, True),
        (29.9, 10.0, 3.0, False),
        (4.9, 0.1, 3.0, False),
        (5.1, 0.1, 3.0, True),
        (1000.0, 1.0, 0.0, False),
        (20.0, 10.0, 1.5, True),
    ],
)
def test_the_budget(candidate: float, live: float, factor: float, refused: bool) -> None:
    reason = too_slow(Timing(256, candidate, live), factor)
    assert (reason is not None) == refused
    if reason:
        assert f"{candidate:.3g} ms" in reason
        assert f"{live:.3g} ms" in reason


def test_a_slow_graph_shows_and_the_same_graph_does_not(tmp_path: Path) -> None:
    quick = open_housing(tmp_path / "quick")
    timing = measure_times(open_housing(tmp_path / "slow", slow=True), quick)
    assert timing.rows == 256
    assert timing.candidate_ms > 3 * timing.live_ms
    assert too_slow(measure_times(quick, quick), 3.0) is None


def test_a_round_that_takes_long_is_not_repeated_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = open_housing(tmp_path / "quick")
    calls: list[int] = []
    ask = quick.predict

    def counted(columns: Mapping[str, list[Any]]) -> Answers:
        calls.append(len(columns["rooms"]))
        return ask(columns)

    monkeypatch.setattr(quick, "predict", counted)
    monkeypatch.setattr(latency, "MOST_SECONDS", 0.0)
    assert measure_times(quick, quick).rows == 256
    assert calls == [2, 2] + [256] * 2 * (latency.FEWEST_ROUNDS + 1)
    calls.clear()
    monkeypatch.setattr(latency, "SLOW_MS", 0.0)
    assert measure_times(quick, quick).rows == 2
    assert set(calls) == {2}
