"""What a run is told makes sense, or it does not begin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from load.failure import LoadError
from load.options import Options, options_of
from load.scenarios import SCENARIOS
from support.load import parsed


def told(url: str | None = "http://here:5000/", **words: Any) -> Options:
    return options_of(parsed(**words), url)


def test_the_thresholds_are_those_beside_the_scenario() -> None:
    for name, scenario in SCENARIOS.items():
        assert told(scenario=name).thresholds == scenario.thresholds
        assert scenario.thresholds.failed_share == 0


def test_each_threshold_can_be_told_and_an_empty_one_is_not() -> None:
    thresholds = told(most_failed="0", most_p99_ms="7.5", least_rate="").thresholds
    assert thresholds.p99_ms == 7.5
    assert thresholds.rate == SCENARIOS["native"].thresholds.rate


def test_a_run_by_the_clock_must_keep_up_with_it() -> None:
    assert told(rate="1000").thresholds.rate == pytest.approx(940.5)
    # ten callers at most, one but for a fifth of the time
    assert told(rate="1000", shape="spike").thresholds.rate == pytest.approx(263.34)
    assert told(rate="1000", least_rate="1").thresholds.rate == 1


def test_names_and_places_are_read() -> None:
    options = told(models=" iris, housing,", table="rows.csv", rows="100", summary="a/b.md")
    assert options.url == "http://here:5000"
    assert options.models == ("iris", "housing")
    assert (options.table, options.photos, options.rows) == (Path("rows.csv"), None, 100)
    assert options.summary == Path("a/b.md")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"url": None}, "which service"),
        ({"scenario": "grpc"}, "there is no scenario grpc; there are: native"),
        ({"shape": "stairs"}, "there is no shape stairs"),
        ({"rate": "fast"}, "--rate is no number: fast"),
        ({"rate": "0"}, "--rate must be above 0"),
        ({"rows": "-1"}, "--rows must be above 0"),
        ({"most_p99_ms": "0"}, "--most-p99-ms must be above 0"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(words: dict[str, Any], reason: str) -> None:
    with pytest.raises(LoadError, match=reason):
        told(**words)
