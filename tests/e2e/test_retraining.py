"""From answers and truths to a new version: a real MLflow, a real log, real trainings."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import requests
from click.testing import CliRunner, Result

from support.prediction_log import join_all, write_once
from support.real_mlflow import RealMlflow
from support.waiting import wait_until
from support.worker import JSON, loaded, post
from vigie.cli.main import main
from vigie.models.document import PackageDocument
from vigie.predictionlog.database import open_database
from vigie.recipes.catalogue import find_table
from vigie.registry.client import RegisteredVersion, RegistryClient
from vigie.registry.fetch import document_of
from vigie.registry.sync import RegistrySync
from vigie.serving.app import create_app
from vigie.settings import Settings, load_settings
from vigie.training.dataset import split
from vigie.training.retraining import Registered

NEW_FLOWERS = 12
EPOCHS = ("--epochs", "30")


@pytest.fixture(scope="module")
def folder(mlflow: RealMlflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a trained and served `iris`, its environment set; settings come from there."""
    root = tmp_path_factory.mktemp("retraining")
    with pytest.MonkeyPatch.context() as p:
        for name, value in {
            "MLFLOW_URL": mlflow.url, "CACHE": root / "cache", "STATE": root / "state",
            "AUDIT_LOG": root / "audit.log", "MODELS": "iris",
            "PREDICTION_LOG_ROWS_PER_SECOND": 0,
        }.items():  # fmt: skip
            p.setenv(f"VIGIE_{name}", str(value))
        yield root


def vigie(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments], catch_exceptions=False)


def version(number: str) -> RegisteredVersion:
    found = RegistryClient.of(load_settings()).version("iris", number)
    assert found is not None
    return found


def document(number: str) -> PackageDocument:
    found = document_of(RegistryClient.of(load_settings()), "iris", number)
    assert found is not None
    return found


def answer_and_tell(settings: Settings) -> list[dict[str, Any]]:
    """Flowers that a service was asked and whose species it was told; the new ones among them."""
    recipe = find_table("iris")
    training, held_out = split(recipe.load((), settings, lambda _: None))
    chance = np.random.default_rng(1)
    fresh = [
        {name: round(float(chance.uniform(1, 8)), 3) for name in training.columns}
        for _ in range(NEW_FLOWERS)
    ]
    # what the data knows already, and what must stay unseen
    asked = [*fresh, training.rows()[0], held_out.rows()[0], fresh[0]]
    actual = ["virginica"] * NEW_FLOWERS
    actual += [str(training.target[0]), str(held_out.target[0]), actual[0]]
    worker_state = loaded(settings)
    for number, flower in enumerate(asked):
        said = post(worker_state, "/predict/iris", flower, x_request_id=f"flower-{number}")
        assert said.status == 200
    write_once(worker_state)
    body = orjson.dumps(
        [{"request_id": f"flower-{n}", "actual": species} for n, species in enumerate(actual)]
    )
    client = create_app(worker_state=worker_state).test_client()
    assert client.post("/feedback", data=body, content_type=JSON).status_code == 200
    database = open_database(settings)
    assert join_all(database, worker_state.metrics.feedback) == len(asked)
    database.close()
    return fresh


@pytest.fixture(scope="module")
def fresh(folder: Path) -> list[dict[str, Any]]:
    """Version 1 without feedback, version 2 with it; the flowers that were new."""
    nothing = vigie("train", "iris", "--with-feedback", *EPOCHS)
    assert nothing.exit_code == 1
    assert "there is no prediction log here; set VIGIE_STATE" in nothing.stderr
    assert vigie("train", "iris", *EPOCHS).exit_code == 0
    assert RegistrySync(load_settings()).sync_once() == {"iris": "installed"}
    flowers = answer_and_tell(load_settings())
    done = vigie("train", "iris", "--with-feedback", *EPOCHS)
    assert done.exit_code == 0
    assert "feedback duplicate: 2 rows dropped" in done.stderr
    assert "feedback held out: 1 rows dropped" in done.stderr
    assert f"{NEW_FLOWERS} rows of feedback" in done.stderr
    return flowers


def test_candidates_with_and_without_feedback_are_compared_on_the_same_rows(
    fresh: list[dict[str, Any]],
) -> None:
    plain, fed = version("1"), version("2")
    assert plain.tags["vigie.held_out_sha256"] == fed.tags["vigie.held_out_sha256"]
    assert plain.tags["vigie.data_sha256"] != fed.tags["vigie.data_sha256"]
    assert "version 1" in fed.tags["vigie.verdict"]


def test_the_package_says_what_came_from_feedback(fresh: list[dict[str, Any]]) -> None:
    plain, fed = document("1").provenance, document("2").provenance
    assert (plain.feedback_rows, fed.feedback_rows) == (0, NEW_FLOWERS)
    assert plain.rows is not None
    assert fed.rows == plain.rows + NEW_FLOWERS
    assert fed.data_sha256 == version("2").tags["vigie.data_sha256"]
    dropped = {rule.name: rule.dropped for rule in fed.rules}
    assert dropped["feedback duplicate"] == 2


def test_what_callers_sent_is_in_no_file_of_the_version(
    fresh: list[dict[str, Any]], tmp_path: Path
) -> None:
    RegistryClient.of(load_settings()).download(version("2"), tmp_path, 2**30)
    texts = [path.read_bytes() for path in tmp_path.rglob("*.json")]
    assert len(texts) > 4
    marks = [str(value).encode() for row in fresh for value in row.values() if value * 100 % 1]
    assert len(marks) > 20
    # the smallest and the largest are the ranges that the package tells
    assert sum(any(mark in text for text in texts) for mark in marks) <= 8


def test_the_run_and_its_card_say_so_too(fresh: list[dict[str, Any]]) -> None:
    api = f"{load_settings().mlflow_url}/api/2.0/mlflow"
    run_id = version("2").run_id
    run = requests.get(f"{api}/runs/get", {"run_id": run_id}, timeout=60).json()["run"]
    parameters = {entry["key"]: entry["value"] for entry in run["data"]["params"]}
    assert parameters["feedback.rows"] == str(NEW_FLOWERS)
    root = run["info"]["artifact_uri"].removeprefix("mlflow-artifacts:")
    files = f"{load_settings().mlflow_url}/api/2.0/mlflow-artifacts/artifacts{root}"
    card = requests.get(f"{files}/model_card.md", timeout=60).text
    assert f"{NEW_FLOWERS} of them feedback" in card


def age_of_newest(model: str) -> float:
    """What the schedule goes by, seconds."""
    registered = Registered(RegistryClient.of(load_settings()).versions(model), None, time.time())
    assert registered.newest is not None
    return registered.age(registered.newest)


def test_retrain_trains_once_and_then_has_nothing_to_do(fresh: list[dict[str, Any]]) -> None:
    wait_until(lambda: age_of_newest("iris") >= 1)
    due = vigie(
        "retrain", "iris", "--when", "schedule", "--every", "1s", "--with-feedback", *EPOCHS
    )
    assert due.exit_code == 0
    assert due.stdout.startswith("schedule: due: version")
    assert document("3").provenance.feedback_rows == NEW_FLOWERS
    again = vigie("retrain", "iris", "--when", "schedule", "--every", "1h")
    assert (again.exit_code, again.stdout[:17]) == (0, "schedule: not due")
    assert RegistryClient.of(load_settings()).version("iris", "4") is None
