"""What Locust counted, as this project judges it."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from load.thresholds import Measured

if TYPE_CHECKING:
    from locust.stats import RequestStats, StatsEntry


def rounded(milliseconds: float) -> float:
    """A response time to three digits and at most a tenth of a ms: what is kept of each.

    Locust keeps whole milliseconds, which is too coarse for answers within one.
    """
    if milliseconds < 100:
        return round(milliseconds, 1)
    digits = len(str(int(milliseconds))) - 3
    return float(round(milliseconds, -digits))


def measured(entry: StatsEntry, drifted: float | None = None) -> Measured:
    """What was counted of one address, or of all; with what is known of its drift."""
    return Measured(
        requests=entry.num_requests,
        failures=entry.num_failures,
        p50_ms=entry.get_response_time_percentile(0.5),
        p99_ms=entry.get_response_time_percentile(0.99),
        rate=entry.total_rps - entry.total_fail_per_sec,
        drift=drifted,
    )


def drift(stats: RequestStats) -> float | None:
    """The p95 of the last quarter of a run by that of its second; None of one too short."""
    seen = [point["response_time_percentile_0.95"] for point in stats.history]
    series = [value[1] for value in seen if value and value[1]]
    quarter = len(series) // 4
    if not quarter:
        return None
    return float(median(series[-quarter:]) / median(series[quarter : 2 * quarter]))
