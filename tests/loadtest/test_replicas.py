"""What the kernel tells a container of itself is read in both versions of control groups."""

from __future__ import annotations

import pytest

from scale.failure import ScaleError
from scale.replicas import cpu_seconds, memory_mb, throttled, wait_for

FIRST = """usage_ns 2500000000
nr_periods 90
nr_throttled 77
throttled_time 900
cache 5000000
rss 1000
total_rss 82000000
"""
SECOND = """usage_ns
usage_usec 2500000
nr_periods 90
nr_throttled 77
anon 82000000
file 5000000
"""


@pytest.mark.parametrize("told", [FIRST, SECOND])
def test_time_stops_and_memory_are_found(told: str) -> None:
    assert throttled(told) == 77
    assert cpu_seconds(told) == pytest.approx(2.5)
    assert memory_mb(told) == pytest.approx(82)


def test_what_says_nothing_has_used_nothing() -> None:
    assert (throttled(""), cpu_seconds(""), memory_mb("")) == (0, 0, 0)


def test_what_does_not_come_is_named() -> None:
    with pytest.raises(ScaleError, match="four pods: not within 0 s"):
        wait_for("four pods", lambda: False, seconds=0)
