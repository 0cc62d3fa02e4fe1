"""What MLflow names is what every pod serves, unless it is bad."""

from __future__ import annotations

import time
from typing import Any

from support.kubernetes_stack import (
    asked,
    asked_everywhere,
    at_least,
    ready_pods,
    trained,
)
from support.kubernetes_versions import newest, point, unpoint, version_of
from support.memory import tell
from support.waiting import wait_until
from support.worker import FLOWER

SERVED_SECONDS = 30


def served() -> dict[str, str]:
    """The version of iris that each pod serves."""
    return {name: one["version"] for name, one in asked_everywhere("/v1/models/iris").items()}


def test_a_promoted_version_serves_in_every_pod_within_half_a_minute(cluster: float) -> None:
    at_least(2)
    before = version_of("iris")
    # as good as the one before, which is no reason to take its place by itself
    trained("iris")
    promoted = newest("iris")
    assert version_of("iris") == before != promoted
    point("iris", promoted)
    began = time.monotonic()
    wait_until(lambda: set(served().values()) == {promoted}, 120)
    took = time.monotonic() - began
    tell(f"from the alias in MLflow to every pod: {took:.1f} s")
    assert len(served()) >= 2
    assert took <= SERVED_SECONDS


def test_a_bad_version_is_refused_in_all_and_the_old_one_goes_on(cluster: float) -> None:
    at_least(2)
    good = version_of("iris")
    trained("iris", "--epochs", "1")
    bad = newest("iris")
    assert version_of("iris") == good != bad

    def refused(one: dict[str, Any]) -> bool:
        return bool(one.get("refused", {}).get("version") == bad)

    point("iris", bad)
    try:
        wait_until(lambda: all(map(refused, asked_everywhere("/v1/models/iris").values())), 120)
        assert version_of("iris") == bad
        for name in ready_pods():
            status, answer = asked(name, "/predict/iris", {"instances": [FLOWER]})
            assert (status, answer["version"]) == (200, good)
            assert "error" in asked(name, "/v1/models/iris")[1]["refused"]["reason"]
    finally:
        point("iris", good)
    wait_until(lambda: not any(map(refused, asked_everywhere("/v1/models/iris").values())), 120)


def test_a_challenger_is_tried_in_every_pod_and_goes_with_its_alias(cluster: float) -> None:
    at_least(2)
    trained("iris")
    tried = newest("iris")

    def challengers() -> set[str | None]:
        """The version that each pod tries."""
        return {
            next((v["version"] for v in one["versions"] if v["state"] == "challenger"), None)
            for one in asked_everywhere("/v1/models/iris").values()
        }

    point("iris", tried, "challenger")
    try:
        wait_until(lambda: challengers() == {tried}, 120)
        assert tried not in served().values()
    finally:
        unpoint("iris", "challenger")
    wait_until(lambda: challengers() == {None}, 120)
