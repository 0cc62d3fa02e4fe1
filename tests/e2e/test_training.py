"""Train, register, follow, serve: on a real MLflow server of the project's own environment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest
import requests

from support.real_mlflow import RealMlflow
from vigie.errors import RefusedPackage
from vigie.models.signing import new_keys
from vigie.registry.cache import ModelCache
from vigie.registry.client import RegistryClient
from vigie.registry.operate import OperatorClient
from vigie.registry.promotion import Promotions
from vigie.registry.sync import RegistrySync
from vigie.serving.worker_state import assemble
from vigie.settings import Settings, load_settings

if TYPE_CHECKING:
    from vigie.training.train import TrainingResult


@pytest.fixture(scope="module")
def settings(mlflow: RealMlflow, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("vigie")
    public = new_keys(folder / "key")
    return load_settings(
        mlflow_url=mlflow.url, cache=folder / "cache", state=folder / "state",
        audit_log=folder / "audit.log", models="iris",
        signing_key=folder / "key", public_keys=(public,),
    )  # fmt: skip


def train_iris(settings: Settings, trials: int = 1) -> TrainingResult:
    from vigie.recipes.catalogue import find_table
    from vigie.training.steps import Steps
    from vigie.training.train import train

    recipe = find_table("iris")
    data = recipe.load((), settings, lambda _: None)
    return train(recipe.spec.plan(), data, settings, Steps(), trials)


@pytest.fixture(scope="module")
def first(settings: Settings) -> TrainingResult:
    """How version 1 came to be; it is in the cache of these settings and serves."""
    result = train_iris(settings)
    assert RegistrySync(settings).sync_once() == {"iris": "installed"}
    return result


@pytest.fixture(scope="module")
def second(settings: Settings, first: TrainingResult) -> TrainingResult:
    """How version 2 came to be, of two trials and no better."""
    return train_iris(settings, trials=2)


@pytest.fixture
def rehearsal(settings: Settings, second: TrainingResult, tmp_path: Path) -> Iterator[Settings]:
    """Settings to promote with, version 1 in their cache; afterwards it is the champion again."""
    own = settings.model_copy(
        update={"cache": tmp_path / "cache", "audit_log": tmp_path / "audit.log"}
    )
    assert RegistrySync(own).sync_once() == {"iris": "installed"}
    yield own
    OperatorClient.of(settings).point("iris", "champion", "1")


def test_the_first_version_becomes_champion_and_serves(
    settings: Settings, first: TrainingResult
) -> None:
    assert first.comparison.promote, first.comparison.reason
    assert audit(settings) == [("promote", None, "1")]
    cached = ModelCache(settings.cache).champion("iris")
    assert cached is not None
    assert (cached.version, cached.digest) == ("1", first.digest)
    worker_state = assemble(settings)
    worker_state.manager.refresh()
    assert worker_state.manager.unready() == {}


def test_a_version_that_is_not_better_is_registered_and_not_promoted(
    settings: Settings, second: TrainingResult
) -> None:
    assert not second.comparison.promote
    assert "not better than version 1" in second.comparison.reason
    assert RegistrySync(settings).sync_once() == {"iris": "current"}


def test_the_run_holds_what_a_reviewer_asks_for(settings: Settings, first: TrainingResult) -> None:
    api = f"{settings.mlflow_url}/api/2.0/mlflow"
    version = RegistryClient(settings.mlflow_url, 5).version_of("iris", "champion")
    assert version is not None
    run = requests.get(f"{api}/runs/get", {"run_id": version.run_id}, timeout=60).json()["run"]
    metrics = {metric["key"] for metric in run["data"]["metrics"]}
    baselines = {name.split(".")[1] for name in metrics if name.startswith("baseline.")}
    assert baselines == {"majority", "linear", "gradient_boosting"}
    assert {"accuracy", "loss", "val_loss", "rows"} <= metrics
    assert {d["dataset"]["digest"] for d in run["inputs"]["dataset_inputs"]}
    files = requests.get(f"{api}/artifacts/list", {"run_id": version.run_id}, timeout=60).json()
    names = {file["path"] for file in files["files"]}
    assert {"plots", "model_card.md", "held_out_ids.csv"} <= names
    plots = requests.get(
        f"{api}/artifacts/list", {"run_id": version.run_id, "path": "plots"}, timeout=60
    ).json()
    assert {file["path"] for file in plots["files"]} == {
        "plots/confusion_matrix.png",
        "plots/error_by_slice.png",
        "plots/learning_curve.png",
    }


def test_trials_are_child_runs(settings: Settings, second: TrainingResult) -> None:
    api = f"{settings.mlflow_url}/api/2.0/mlflow"
    experiment = requests.get(
        f"{api}/experiments/get-by-name", {"experiment_name": "iris"}, timeout=60
    ).json()["experiment"]["experiment_id"]
    runs = requests.post(
        f"{api}/runs/search", json={"experiment_ids": [experiment]}, timeout=60
    ).json()["runs"]
    parents = [
        tag["value"]
        for run in runs
        for tag in run["data"]["tags"]
        if tag["key"] == "mlflow.parentRunId"
    ]
    assert len(parents) == 2
    assert len(set(parents)) == 1


def test_a_version_of_another_key_is_refused(
    settings: Settings, first: TrainingResult, tmp_path: Path
) -> None:
    strict = {"public_keys": (new_keys(tmp_path / "other"),), "cache": tmp_path / "cache"}
    assert RegistrySync(settings.model_copy(update=strict)).sync_once() == {"iris": "refused"}
    refusal = ModelCache(tmp_path / "cache").refusal("iris")
    assert refusal is not None
    assert "by none of VIGIE_PUBLIC_KEYS" in refusal.reason


def audit(settings: Settings) -> list[tuple[str, str | None, str]]:
    lines = settings.audit_log.read_bytes().splitlines()
    found = [orjson.loads(line) for line in lines]
    return [(line["what"], line["from_version"], line["to_version"]) for line in found]


def test_a_worse_version_is_promoted_by_force_only_and_one_command_goes_back(
    rehearsal: Settings,
) -> None:
    client = OperatorClient.of(rehearsal)
    promotions = Promotions(rehearsal)
    better, worse = client.version("iris", "1"), client.version("iris", "2")
    assert better is not None
    assert worse is not None
    assert better.tags["vigie.held_out_sha256"] == worse.tags["vigie.held_out_sha256"]
    assert better.tags["vigie.promoted_because"] == "training: the first version"
    client.tag("iris", "2", {"vigie.generated": "True"})
    with pytest.raises(RefusedPackage, match="trained on generated data, version 1 on real data"):
        promotions.promote("iris", "2", None, force=False)
    assert RegistrySync(rehearsal).sync_once() == {"iris": "current"}

    promotions.promote("iris", "2", "a rehearsal", force=True)
    assert RegistrySync(rehearsal).sync_once() == {"iris": "installed"}
    (model,) = client.models()
    assert model.aliases == {"champion": "2", "previous": "1"}
    forced = client.versions("iris")[0]
    assert forced.tags["vigie.promoted_because"].startswith("a rehearsal, forced although it was")
    assert forced.tags["vigie.promoted_from"] == "1"

    promotions.rollback("iris", None)
    assert RegistrySync(rehearsal).sync_once() == {"iris": "installed"}
    served = ModelCache(rehearsal.cache).champion("iris")
    assert served is not None
    assert served.version == "1"
    (model,) = client.models()
    assert model.aliases == {"champion": "1"}
    assert "vigie.rolled_back_at" in client.versions("iris")[0].tags
    assert audit(rehearsal) == [("promote", "1", "2"), ("rollback", "2", "1")]
    client.tag("iris", "2", {"vigie.generated": "False"})
    because = promotions.promote("iris", "2", None, force=False).because
    assert re.match(r"(as good as|better than) version 1 on the same \d+ held-out rows", because)
    assert "vigie.rolled_back_at" not in client.versions("iris")[0].tags
