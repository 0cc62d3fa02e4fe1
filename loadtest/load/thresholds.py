"""What a run may not exceed or fall short of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Measured:
    """What a run got.

    Attributes:
        requests: How many were answered, or failed.
        failures: How many of them failed.
        p50_ms: Half of them were answered within.
        p99_ms: 99 of 100 were.
        rate: Requests a second.
        drift: The p95 of the last quarter by that of the second; of soaks alone.
    """

    requests: int
    failures: int
    p50_ms: float
    p99_ms: float
    rate: float
    drift: float | None = None


@dataclass(frozen=True)
class Thresholds:
    """What is asked of a run; each can be told on the command line."""

    failed_share: float = 0.0
    p99_ms: float = 1000.0
    rate: float = 0.0
    drift: float = 1.5

    def told(
        self, failed_share: float | None, p99_ms: float | None, rate: float | None
    ) -> Thresholds:
        """These, with what somebody asks instead."""
        given = {"failed_share": failed_share, "p99_ms": p99_ms, "rate": rate}
        return replace(self, **{name: one for name, one in given.items() if one is not None})


@dataclass(frozen=True)
class ThresholdCheck:
    """One threshold and what was seen of it."""

    name: str
    wanted: str
    seen: str
    holds: bool


def judge(measured: Measured, wanted: Thresholds) -> Iterator[ThresholdCheck]:
    """Every threshold, with what was seen. A run without a request misses all of them."""
    some = measured.requests > 0
    failed = measured.failures / measured.requests if some else 1.0
    yield ThresholdCheck(
        "failed requests", f"at most {wanted.failed_share:.3%}", f"{failed:.3%}",
        some and failed <= wanted.failed_share,
    )  # fmt: skip
    yield ThresholdCheck(
        "p99", f"at most {wanted.p99_ms:g} ms", f"{measured.p99_ms:g} ms",
        some and measured.p99_ms <= wanted.p99_ms,
    )  # fmt: skip
    yield ThresholdCheck(
        "requests a second", f"at least {wanted.rate:,.1f}", f"{measured.rate:,.1f}",
        some and measured.rate >= wanted.rate,
    )  # fmt: skip
    if measured.drift is not None:
        yield ThresholdCheck(
            "p95 at the end by that at the start", f"at most {wanted.drift:g} times",
            f"{measured.drift:.2f} times", measured.drift <= wanted.drift,
        )  # fmt: skip
