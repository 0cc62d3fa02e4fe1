"""What MLflow names is what every pod serves, unless it is bad."""

from __future__ import annotations

import time
from typing import Any

from support.kubernetes_stack import (
    asked,
    asked_everywhere,
    at_least,
    ready_pods,
    run_in,
    trained,
)
from support.memory import tell
from support.waiting import wait_until
from support.worker import FLOWER

SERVED_SECONDS = 30
POINT = """\
import sys
from vigie.registry.operate import OperatorClient
from vigie.settings import load_settings
client = OperatorClient.of(load_settings())
word, alias = sys.argv[1:]
if word == "newest":
    print(client.versions("iris")[0].version)
elif word == "which":
    print(client.version_of("iris", alias).version)
elif word == "none":
    client.unpoint("iris", alias)
else:
    client.point("iris", alias, word)
"""


def mlflow(word: str, alias: str = "champion") -> str:
    """Gives an alias of iris to a version or to `none`; says the `newest`, or `which` has it."""
    return run_in("model-sync", "follow", POINT, word, alias).strip()


def served() -> dict[str, str]:
    """The version of iris that each pod serves."""
    return {name: one["version"] for name, one in asked_everywhere("/v1/models/iris").items()}


def test_a_promoted_version_serves_in_every_pod_within_half_a_minute(cluster: float) -> None:
    at_least(2)
    before = mlflow("which")
    # as good as the one before, which is no reason to take its place by itself
    trained("iris")
    promoted = mlflow("newest")
    assert mlflow("which") == before != promoted
    mlflow(promoted)
    began = time.monotonic()
    wait_until(lambda: set(served().values()) == {promoted}, 120)
    took = time.monotonic() - began
    tell(f"from the alias in MLflow to every pod: {took:.1f} s")
    assert len(served()) >= 2
    assert took <= SERVED_SECONDS


def test_a_bad_version_is_refused_in_all_and_the_old_one_goes_on(cluster: float) -> None:
    at_least(2)
    good = mlflow("which")
    trained("iris", "--epochs", "1")
    bad = mlflow("newest")
    assert mlflow("which") == good != bad

    def refused(one: dict[str, Any]) -> bool:
        return bool(one.get("refused", {}).get("version") == bad)

    mlflow(bad)
    try:
        wait_until(lambda: all(map(refused, asked_everywhere("/v1/models/iris").values())), 120)
        assert mlflow("which") == bad
        for name in ready_pods():
            status, answer = asked(name, "/predict/iris", {"instances": [FLOWER]})
            assert (status, answer["version"]) == (200, good)
            assert "error" in asked(name, "/v1/models/iris")[1]["refused"]["reason"]
    finally:
        mlflow(good)
    wait_until(lambda: not any(map(refused, asked_everywhere("/v1/models/iris").values())), 120)


def test_a_challenger_is_tried_in_every_pod_and_goes_with_its_alias(cluster: float) -> None:
    at_least(2)
    trained("iris")
    tried = mlflow("newest")

    def challengers() -> set[str | None]:
        """The version that each pod tries."""
        return {
            next((v["version"] for v in one["versions"] if v["state"] == "challenger"), None)
            for one in asked_everywhere("/v1/models/iris").values()
        }

    mlflow(tried, "challenger")
    try:
        wait_until(lambda: challengers() == {tried}, 120)
        assert tried not in served().values()
    finally:
        mlflow("none", "challenger")
    wait_until(lambda: challengers() == {None}, 120)
