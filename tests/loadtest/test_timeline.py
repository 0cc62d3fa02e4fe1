"""A timeline counts a request in the second when it was due."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from load.timeline import Second, Timeline, quantile_ms, read_timeline, together


def test_a_request_belongs_to_the_second_when_it_was_due() -> None:
    timeline = Timeline(time.time() - 10.5)
    timeline.record(response_time=2.0, exception=None)
    timeline.record(response_time=4000.0, exception=TimeoutError())
    assert sorted(timeline.seconds) == [6, 10]
    assert timeline.seconds[6] == Second(Counter({4000.0: 1}), 1)
    assert timeline.seconds[10].failures == 0


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    timeline = Timeline(100.0)
    timeline.seconds = {3: Second(Counter({1.5: 2, 20.0: 1}), 1), 4: Second(Counter({1.5: 1}))}
    timeline.write(tmp_path / "new" / "timeline.json")
    again = read_timeline(tmp_path / "new" / "timeline.json")
    assert (again.began, again.seconds) == (100.0, timeline.seconds)


@pytest.mark.parametrize(("share", "ms"), [(0.5, 1.0), (0.9, 1.0), (0.91, 50.0), (1.0, 50.0)])
def test_quantiles_are_those_of_all_requests_together(share: float, ms: float) -> None:
    whole = together([Second(Counter({1.0: 5})), Second(Counter({1.0: 4, 50.0: 1}), 1)])
    assert quantile_ms(whole, share) == ms
    assert whole.failures == 1


def test_an_empty_second_has_no_latency() -> None:
    assert quantile_ms(Second(), 0.99) == 0.0
