"""What is told of a version without a package, from what stands on it."""

from __future__ import annotations

import time

import pytest

from vigie.registry.cache import CHALLENGER, CHAMPION
from vigie.registry.client import RegisteredVersion
from vigie.registry.import_watch import PATIENCE_SECONDS, ImportWatch, LastChange
from vigie.registry.tags import IMPORT, IMPORT_REASON, IMPORTER


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def version(number: str = "1", **tags: str) -> RegisteredVersion:
    return RegisteredVersion("churn", number, "", tags)


RUNNING = {IMPORT: "running", IMPORTER: "a 0"}


def test_a_version_that_nobody_has_begun_with_waits_for_a_minute(clock: Clock) -> None:
    watch = ImportWatch(CHAMPION, on=True)
    told = "version 1 was logged without Vigie; its package waits to be made"
    assert watch.pending(version()) == told
    clock.now += PATIENCE_SECONDS
    assert watch.pending(version()) == told
    clock.now += 1
    assert watch.pending(version()) is None
    assert str(watch.refusal(version())) == (
        "the version is not a package; register it with `vigie train` or "
        "`vigie import models:/churn/1 --name churn`"
    )
    assert watch.pending(version("2")) is not None


def test_an_import_goes_on_for_as_long_as_it_says_so(clock: Clock) -> None:
    watch = ImportWatch(CHAMPION, on=True)
    for beat in range(20):
        told = watch.pending(version(**{IMPORT: "running", IMPORTER: f"a {beat}"}))
        assert told == "version 1 was logged without Vigie; its package is being made"
        clock.now += PATIENCE_SECONDS
    clock.now += 1
    assert watch.pending(version(**{IMPORT: "running", IMPORTER: "a 19"})) is None
    stopped = watch.refusal(version(**RUNNING))
    assert str(stopped) == "its import has stopped; `vigie importer` goes on with it"


def test_a_failed_import_is_refused_with_its_reason(clock: Clock) -> None:
    watch = ImportWatch(CHAMPION, on=True)
    failed = version(**{IMPORT: "failed", IMPORT_REASON: "it holds\ncode. " + "x" * 2000})
    assert watch.pending(failed) is None
    reason = str(watch.refusal(failed))
    assert reason.startswith("it holds?code. xxx")
    assert len(reason) == 1000


@pytest.mark.parametrize("tags", [{}, RUNNING, {IMPORT: "failed", IMPORT_REASON: "a reason"}])
def test_switched_off_every_version_is_refused_as_no_package(tags: dict[str, str]) -> None:
    watch = ImportWatch(CHAMPION, on=False)
    assert watch.pending(version(**tags)) is None
    assert "`vigie import models:/churn/1 --name churn`" in str(watch.refusal(version(**tags)))


def test_a_challenger_is_told_no_command() -> None:
    told = ImportWatch(CHALLENGER, on=False).refusal(version())
    assert str(told) == "the version is not a package"


def test_a_change_of_the_tags_begins_a_new_time(clock: Clock) -> None:
    changes = LastChange()
    assert changes.age(version()) == 0
    clock.now += 5
    assert changes.age(version()) == 5
    assert changes.age(version(**RUNNING)) == 0
    clock.now += 5
    assert changes.age(version(**RUNNING)) == 5
