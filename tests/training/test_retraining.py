"""When it is time to train again: every reason for and against."""

from __future__ import annotations

import pytest

from vigie.errors import RegistryError
from vigie.monitoring.drift import Drift
from vigie.registry.client import RegisteredVersion
from vigie.training.retraining import (
    Limits,
    Occasion,
    Registered,
    judge_drift,
    judge_schedule,
)

NOW = 1_800_000_000.0
HOUR, DAY = 3600.0, 86400.0
LIMITS = Limits(psi=0.25, window_seconds=DAY, every_seconds=7 * DAY)


def registered(champion: str | None, **ages: float) -> Registered:
    """Versions `v1=…` by their age in seconds."""
    versions = [
        RegisteredVersion("iris", name[1:], "", created_ms=int((NOW - age) * 1000))
        for name, age in ages.items()
    ]
    serving = next((version for version in versions if version.version == champion), None)
    return Registered(versions, serving, NOW)


def drift(value: float, rows: int = 1000, version: str = "1", feature: str = "rooms") -> Drift:
    return Drift("iris", version, feature, rows, value)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (registered(None), Occasion(True, "no version is registered yet")),
        (registered("1", v1=8 * DAY), Occasion(True, "version 1 is 8 days old, at least 7 days")),
        (registered("1", v1=7 * DAY), Occasion(True, "version 1 is 7 days old, at least 7 days")),
        (
            registered("1", v1=2 * HOUR),
            Occasion(False, "version 1 is 2 hours old, less than 7 days"),
        ),
        (
            registered("1", v1=30 * DAY, v2=3 * DAY),
            Occasion(False, "version 2 is 3 days old, less than 7 days, and not the champion"),
        ),
        (
            registered("1", v1=30 * DAY, v2=8 * DAY),
            Occasion(True, "version 1 is 30 days old, at least 7 days"),
        ),
        (registered(None, v1=8 * DAY), Occasion(True, "version 1 is 8 days old, at least 7 days")),
        (
            registered(None, v1=90.0),
            Occasion(False, "version 1 is 90 seconds old, less than 7 days, and not the champion"),
        ),
    ],
)
def test_the_schedule_is_the_age_of_the_champion(state: Registered, expected: Occasion) -> None:
    assert judge_schedule(state, LIMITS) == expected


def test_a_rollback_is_no_occasion() -> None:
    """The version that was left is the newest: it is not trained at once again."""
    assert not judge_schedule(registered("1", v1=30 * DAY, v2=2 * DAY), LIMITS).due


OLD = registered("1", v1=30 * DAY)


@pytest.mark.parametrize(
    ("state", "drifts", "due", "words"),
    [
        (OLD, [drift(0.26)], True, "rooms has an index of 0.260 over 1,000 rows, above 0.25"),
        (OLD, [drift(0.25)], False, "the largest; the limit is 0.25"),
        (OLD, [drift(0.1), drift(0.4, feature="area")], True, "area has an index of 0.400"),
        (OLD, [drift(9.0, rows=499)], False, "version 1 answered 499 rows, 500 are needed"),
        (OLD, [drift(9.0, rows=499), drift(0.2)], False, "rooms has an index of 0.200"),
        (OLD, [drift(9.0, version="2")], False, "nothing is counted for version 1"),
        (OLD, [], False, "nothing is counted for version 1"),
        (registered(None), [drift(9.0)], False, "there is no champion"),
        (registered(None, v1=DAY), [drift(9.0)], False, "there is no champion"),
    ],
)
def test_drift_is_that_of_the_champion(
    state: Registered, drifts: list[Drift], due: bool, words: str
) -> None:
    found = judge_drift(state, drifts, LIMITS)
    assert found.due is due
    assert words in found.reason


@pytest.mark.parametrize(
    ("state", "due", "words"),
    [
        # just trained and promoted: what the window shows may be older
        (registered("2", v1=30 * DAY, v2=23 * HOUR), False, "version 2 is 23 hours old, less than"),
        (registered("2", v1=30 * DAY, v2=25 * HOUR), True, "above 0.25"),
        # just trained and refused
        (registered("1", v1=30 * DAY, v2=HOUR), False, "version 2 is 60 minutes old, less than"),
        (registered("1", v1=30 * DAY, v2=2 * DAY), False, "did not become champion; the next one"),
        (registered("1", v1=30 * DAY, v2=8 * DAY), True, "above 0.25"),
    ],
)
def test_one_drift_is_trained_for_once(state: Registered, due: bool, words: str) -> None:
    champion = state.champion
    assert champion is not None
    found = judge_drift(state, [drift(0.8, version=champion.version)], LIMITS)
    assert (found.due, words in found.reason) == (due, True), found.reason


def test_daily_calls_in_a_drift_that_no_training_cures_train_once_a_week() -> None:
    """Every candidate is refused, so that the drift of the champion stays."""
    trained: list[int] = []
    for day in range(30):
        ages = {f"v{n}": (day - then) * DAY for n, then in enumerate(trained, start=2)}
        state = registered("1", v1=(day + 30) * DAY, **ages)
        if judge_drift(state, [drift(0.8)], LIMITS).due:
            trained.append(day)
    assert trained == [0, 7, 14, 21, 28]


def test_a_version_without_a_time_is_no_guess() -> None:
    state = Registered([RegisteredVersion("iris", "1", "")], None, NOW)
    with pytest.raises(RegistryError, match="does not say when version 1 was made"):
        judge_schedule(state, LIMITS)
