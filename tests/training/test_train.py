"""What a person reads at the end of a training."""

from __future__ import annotations

import pytest

from vigie.registry.gate.comparison import Comparison
from vigie.training.train import TrainingResult, summary_lines


@pytest.mark.parametrize(
    ("error", "unit", "said"),
    [
        (7140.4, "EUR", "mean absolute error 7,140 EUR on held-out rows"),
        (7140.4, None, "mean absolute error 7,140 on held-out rows"),
        (0.3512, None, "mean absolute error 0.3512 on held-out rows"),
    ],
)
def test_an_error_with_its_unit_if_any(error: float, unit: str | None, said: str) -> None:
    result = TrainingResult(
        "flats", "2", "d" * 64, {"mae": error}, {"median": 2 * error}, Comparison(True, "better")
    )
    first, baseline, last = summary_lines(result, unit)
    assert first.strip() == said
    assert baseline.strip().startswith("median: ")
    assert not baseline.endswith(": 0")
    assert last == "  flats version 2: champion (better)"
