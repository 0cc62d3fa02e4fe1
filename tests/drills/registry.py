"""A registry that goes away, lies or loses things: callers notice nothing of it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import requests

from support.lies import lies
from support.memory import tell
from support.service import LiveService, value_of
from support.stage import (
    CONNECTIONS,
    Follow,
    Load,
    Registry,
    seconds_until,
    serving,
    silent_host,
    start,
    version_in,
)
from vigie.registry.cache import ModelCache

LAST_SUCCESS = "vigie_registry_last_success_timestamp_seconds"


@pytest.fixture
def cache(tmp_path: Path) -> ModelCache:
    """An empty cache; the services of `make_service` read it."""
    return ModelCache(tmp_path / "cache")


def test_a_registry_that_is_away_at_the_first_start(
    service: LiveService, registry: Registry, follow: Follow
) -> None:
    registry.go_away()
    process = follow()
    service.start()
    seconds_until(lambda: "the registry is away" in process.log, 15)
    seconds_until(lambda: answers(service), 15)
    said = service.get("/readyz")
    assert (said.status, "no verified version" in said.json()["models"]["housing"]) == (503, True)
    time.sleep(10)
    with silent_host(registry.port) as host:
        time.sleep(40)
        host.hang_up()
        registry.come_back()
        seconds = seconds_until(lambda: service.is_ready, 15)
    gaps = [later - before for before, later in itertools.pairwise(host.began)]
    # both models are asked about at the same time
    gaps = [gap for gap in gaps if gap > 0.5]
    waits = ", ".join(f"{each:.1f}" for each in host.waited)
    tell(f"ready {seconds:.1f} s after its return; attempts of {waits} s, "
         f"{min(gaps):.1f} to {max(gaps):.1f} s apart")  # fmt: skip
    assert len(host.waited) >= 3
    assert max(host.waited) <= 5.5
    assert min(gaps) >= 4
    assert max(gaps) <= 12
    assert process.log.count("the registry is away") == 1


def answers(service: LiveService) -> bool:
    try:
        return service.get("/readyz").status == 503
    except requests.RequestException:
        return False


KILLS = 4


def test_a_registry_that_is_away_while_workers_die(
    service: LiveService, registry: Registry, follow: Follow
) -> None:
    follow()
    start(service)
    time.sleep(6)
    loaded, seconds, seen = "housing version 1 serves on", [], []
    with Load(service) as load:
        registry.go_away()
        time.sleep(8)
        for _ in range(KILLS):
            seen.append(value_of(service.samples(), LAST_SUCCESS))
            loads = service.log.read_text().count(loaded)
            service.workers[0].kill()
            seconds.append(
                seconds_until(
                    lambda before=loads: service.log.read_text().count(loaded) > before, 10
                )
            )
            time.sleep(12)
            assert alive(service) == 2
        seen.append(value_of(service.samples(), LAST_SUCCESS))
        age = time.time() - seen[-1]
        assert service.is_ready
        registry.come_back()
        back = seconds_until(lambda: value_of(service.samples(), LAST_SUCCESS) > seen[-1], 15)
    figures = load.figures
    tell(f"away for {age:.0f} s, {KILLS} workers killed, ready again from the cache after "
         f"{', '.join(f'{each:.1f}' for each in seconds)} s")  # fmt: skip
    tell(f"{figures.lost} lost in flight; {dict(figures.statuses)}; noticed after {back:.1f} s")
    assert len(set(seen)) == 1
    assert age > 50
    assert set(figures.statuses) == {200}
    # a killed worker takes with it at most one request on each connection
    assert figures.lost <= KILLS * CONNECTIONS


def alive(service: LiveService) -> int:
    return sum(worker.status() != psutil.STATUS_ZOMBIE for worker in service.workers)


LIE_SECONDS = 15


def test_eight_lies(
    service: LiveService, registry: Registry, follow: Follow, cache: ModelCache
) -> None:
    process = follow()
    start(service)
    mlflow = registry.mlflow
    recovered: dict[str, float] = {}
    with silent_host() as other, Load(service) as load:
        for number, (name, lie) in enumerate(lies(mlflow, other.port).items(), start=2):
            # the alias moves as the lie begins: what it names is to be fetched through it
            mlflow.lie = lie
            registry.register("housing", str(number), 1 + number / 100)
            time.sleep(LIE_SECONDS)
            assert service.is_ready
            mlflow.lie = None
            version = str(number)
            recovered[name] = seconds_until(lambda v=version: version_in(cache) == v, 15)
        seconds_until(lambda: serving(service) == {version_in(cache)}, 10)
    for name, seconds in recovered.items():
        tell(f"{name}: taken {seconds:.1f} s after the end")
    tell(f"{load.figures}; {dict(load.figures.statuses)}, {len(other.began)} connections elsewhere")
    assert load.all_answered()
    assert other.began == []
    assert registry.url not in process.log


# --- a registry that loses things


def test_what_the_registry_loses_goes_on_serving(
    service: LiveService, registry: Registry, follow: Follow, cache: ModelCache, tmp_path: Path
) -> None:
    registry.register("cottages", "1", 2.0)
    process = follow(VIGIE_MODELS="housing,iris,*", VIGIE_POLL_SECONDS="1")
    start(service)
    seconds_until(lambda: "cottages" in cache.models(), 15)
    seconds_until(lambda: service.get("/v1/models/cottages").status == 200, 15)
    mlflow = registry.mlflow
    digest = mlflow.tags("housing", "1")["vigie.digest"]
    empty = tmp_path / "empty"
    empty.mkdir()

    def deleted() -> None:
        mlflow.delete("housing", "1")
        mlflow.delete("cottages", "1")

    steps: dict[Callable[[], None], tuple[str, ...]] = {
        deleted: ("housing has no champion in MLflow", "cottages has no champion in MLflow"),
        lambda: mlflow.register("housing", "2", empty, "0" * 64): (
            "housing version 2 is refused: the version has no vigie/manifest.json",
        ),
        lambda: mlflow.register("housing", "3", empty, None): (
            "housing version 3 is refused: the version is not a package",
        ),
        mlflow.empty: ("iris has no champion in MLflow; version 1 goes on serving",),
    }
    with Load(service, "housing", 150) as first, Load(service, "cottages", 150) as second:
        for step, lines in steps.items():
            step()
            for line in lines:
                seconds_until(lambda wanted=line: wanted in process.log, 10)
            time.sleep(6)
            assert service.is_ready
    assert cache.pointer("housing") == digest
    assert cache.models() == ["cottages", "housing", "iris"]
    tell(f"housing: {first.figures}; cottages: {second.figures}")
    assert first.all_answered()
    assert second.all_answered()
    assert set(first.figures.versions) == set(second.figures.versions) == {"1"}
