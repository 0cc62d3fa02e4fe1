"""Import, follow, serve, export, try beside: the commands themselves on a real MLflow server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import tensorflow as tf

from support.command import vigie
from support.imported_models import (
    COLUMNS,
    MAKERS,
    ImportedModel,
    by_vector,
    classifier,
    graph_of_scikit_learn,
    keras_file,
    numbers,
)
from support.onnx_models import perceptron
from support.photo_corpus import photo_corpus, write_files
from support.photo_ways import photo_ways, scores_in, scores_in_table
from support.real_mlflow import RealMlflow
from support.service import LiveService, value_of
from support.transport import Answer
from support.waiting import wait_until
from vigie.registry.operate import OperatorClient

pytestmark = pytest.mark.filterwarnings("ignore")
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Stack:
    """MLflow, model-sync and a service, with the models imported one by one."""

    folder: Path
    environment: Mapping[str, str]
    registry: OperatorClient
    service: LiveService
    models: dict[str, ImportedModel]
    told: dict[str, str]
    sync: psutil.Process

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """The real command."""
        return vigie(self.environment, *arguments)

    def described(self, model: str) -> dict[str, Any]:
        """What the service says of a model; nothing before it knows it."""
        said = self.service.get(f"/v1/models/{model}")
        return dict(said.json()) if said.status == 200 else {}

    def await_version(self, model: str, version: str) -> None:
        wait_until(lambda: self.described(model).get("version") == version, 600)


def log_bare_model(url: str) -> ImportedModel:
    """Version 1 of `bare`, as `mlflow.keras.log_model` writes it."""
    import mlflow

    mlflow.set_tracking_uri(url)
    mlflow.set_experiment("bare")
    model = classifier(8)
    with mlflow.start_run():
        mlflow.keras.log_model(
            model, name="model", registered_model_name="bare", pip_requirements=["keras"]
        )
    rows = by_vector(numbers())
    return ImportedModel("rebuilt", "models:/bare/1", rows, model(numbers()).numpy())


def log_bare_graph(url: str) -> ImportedModel:
    """Version 1 of `bare_graph`, as `mlflow.onnx.log_model` writes it in one file."""
    import mlflow

    mlflow.set_tracking_uri(url)
    mlflow.set_experiment("bare_graph")
    graph, answers = graph_of_scikit_learn()
    with mlflow.start_run():
        mlflow.onnx.log_model(
            graph, name="model", registered_model_name="bare_graph", pip_requirements=["onnx"],
            save_as_external_data=False,
        )  # fmt: skip
    rows = [{"X": row.tolist()} for row in numbers()]
    return ImportedModel("regrown", "models:/bare_graph/1", rows, answers)


def imported(model: ImportedModel, folder: Path, environment: Mapping[str, str]) -> str:
    """Imports a model with the command and its own rows; gives what the command said."""
    examples = folder / f"{model.name}.json"
    examples.write_text(json.dumps(model.rows))
    made = vigie(
        environment, "import", model.source, "--name", model.name, "--examples", str(examples),
        *model.options,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return made.stdout


@pytest.fixture(scope="module")
def stack(mlflow: RealMlflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    cache = folder / "cache"
    with ThreadPoolExecutor(2) as pool:
        environment = {
            **os.environ, "VIGIE_MLFLOW_URL": mlflow.url, "VIGIE_CACHE": str(cache),
            "VIGIE_STATE": str(folder / "state"), "VIGIE_MODELS": "flowers,*",
            "VIGIE_POLL_SECONDS": "1", "VIGIE_IMPORT": "off",
        }  # fmt: skip
        models = [
            *(make(folder) for make in MAKERS), log_bare_model(mlflow.url),
            log_bare_graph(mlflow.url),
        ]  # fmt: skip
        registry = OperatorClient(mlflow.url, 5)
        registry.point("bare", "champion", "1")
        told = list(pool.map(lambda model: imported(model, folder, environment), models))
        with (folder / "follow.log").open("wb") as log:
            sync = subprocess.Popen(
                [sys.executable, "-m", "vigie", "follow"], env=environment, stdout=log, stderr=log
            )
        service = LiveService(
            folder, cache, VIGIE_MODELS="flowers,*", VIGIE_WORKERS="1", VIGIE_CHALLENGER_SHARE="1"
        )
        try:
            service.start()
            wait_until(lambda: service.is_ready, 600)
            names = [model.name for model in models]
            yield Stack(
                folder, environment, registry, service,
                dict(zip(names, models, strict=True)), dict(zip(names, told, strict=True)),
                psutil.Process(sync.pid),
            )  # fmt: skip
        finally:
            service.clean_up()
            sync.terminate()
            sync.wait(60)


def numbers_in(answer: Answer, labels: bool) -> np.ndarray:
    """The predictions of an answer as rows of numbers."""
    assert answer.status == 200, answer.body
    rows = []
    for row in answer.json()["predictions"]:
        if labels:
            rows.append(list(row["scores"].values()))
        else:
            (value,) = (v for k, v in row.items() if k != "warnings")
            rows.append(value if isinstance(value, list) else [value])
    return np.array(rows)


def difference(answer: Answer, model: ImportedModel) -> float:
    """The largest difference of an answer from the model's own answers."""
    labels = "label" in answer.json()["predictions"][0]
    return float(np.abs(numbers_in(answer, labels) - model.answers).max())


ALL = ("flowers", "prices", "exported", "blossoms", "homes", "words", "rebuilt", "regrown")


@pytest.mark.parametrize("name", ALL)
def test_an_imported_model_answers_over_http_as_it_does_itself(stack: Stack, name: str) -> None:
    model = stack.models[name]
    assert f"{name} version 1 is registered, served by {model.engine}" in stack.told[name]
    assert "it is the champion" in stack.told[name]
    stack.await_version(name, "1")
    assert stack.described(name)["engine"] == model.engine
    answer = stack.service.predict(name, *model.rows)
    assert len(model.rows) >= 50
    found = difference(answer, model)
    assert found <= TOLERANCE


def test_an_imported_network_of_photos_scores_files_as_it_does_itself(stack: Stack) -> None:
    files, expected = photo_corpus(), stack.models["scenes"].answers
    # the photos are told apart by more than is allowed here
    assert np.ptp(expected, axis=0).min() > 1000 * TOLERANCE
    stack.await_version("scenes", "1")
    ways = ("body", "form", "base64", "TensorFlow Serving, rows", "V2, binary")
    found: dict[str, list[list[float]]] = {way: [] for way in ways}
    for content in files.values():
        asked = photo_ways("scenes", content)
        for way in ways:
            path, body, headers = asked[way]
            said = stack.service.ask("POST", path, body, headers)
            assert said.status == 200, (way, said.body)
            found[way].append(scores_in(said.json()))
    write_files(stack.folder / "scenes", files)
    table = stack.folder / "scenes.csv"
    words = ("scenes", stack.folder / "scenes", table, "--scores", "--pattern", "*")
    done = stack.run("batch", *words)
    assert done.returncode == 0, done.stderr
    scored = scores_in_table(table)
    found["batch"] = [scored[name] for name in files]
    for way, scores in found.items():
        assert np.abs(np.array(scores) - expected).max() <= TOLERANCE, way


def test_scores_that_are_no_probabilities_are_told(stack: Stack) -> None:
    source = stack.folder / "logits.onnx"
    source.write_bytes(perceptron().SerializeToString())
    made = stack.run("import", str(source), "--name", "logits", "--labels", "no,yes")
    assert "its scores are no probabilities and are served as they are" in made.stdout
    assert "no probabilities" not in stack.told["blossoms"]


def test_the_registry_process_lets_all_others_run_first(stack: Stack) -> None:
    assert stack.sync.nice() == 19


def test_a_text_label_of_bigquery_ml_is_the_label_here(stack: Stack) -> None:
    stack.await_version("homes", "1")
    homes = stack.models["homes"]
    first = stack.service.predict("homes", homes.rows[0]).json()["predictions"][0]
    assert list(first["scores"]) == ["cheap", "fair", "dear"]
    assert first["label"] == max(first["scores"], key=first["scores"].get)


def test_a_bare_champion_is_refused_and_told_how_to_mend_it(stack: Stack) -> None:
    wait_until(lambda: stack.described("bare"), 600)
    refused = stack.described("bare")["refused"]
    assert refused["version"] == "1"
    assert "vigie import models:/bare/1 --name" in refused["reason"]
    assert stack.service.predict("bare", {"x": 1}).status == 404


def test_an_export_loads_in_tensorflow_and_answers_the_same(stack: Stack) -> None:
    flowers = stack.models["flowers"]
    stack.await_version("flowers", "1")
    written = stack.run("export", "flowers", str(stack.folder / "served"))
    assert written.returncode == 0, written.stderr
    signature = tf.saved_model.load(str(stack.folder / "served" / "1")).signatures[
        "serving_default"
    ]
    columns = {
        name: tf.constant([[row[name]] for row in flowers.rows], tf.float32) for name in COLUMNS
    }
    (answers,) = signature(**columns).values()
    found = float(np.abs(answers.numpy() - flowers.answers).max())
    assert found <= TOLERANCE


CHALLENGED = {"model": "flowers", "version": "2"}


@pytest.fixture
def first(stack: Stack) -> Iterator[ImportedModel]:
    """Version 1 of `flowers`, which is served, and afterwards is so again."""
    stack.await_version("flowers", "1")
    yield stack.models["flowers"]
    stack.registry.point("flowers", "champion", "1")
    stack.await_version("flowers", "1")


def test_a_second_version_is_tried_served_to_a_share_and_promoted(
    stack: Stack, first: ImportedModel
) -> None:
    second = keras_file(stack.folder, "flowers", seed=11)
    told = imported(second, stack.folder, stack.environment)
    remedy = "vigie promote flowers --version 2 --force"
    assert remedy in told

    stack.registry.point("flowers", "challenger", "2")
    wait_until(lambda: _tried(stack.service), 600)
    before = value_of(stack.service.samples(), "vigie_challenger_requests_total", **CHALLENGED)
    assert difference(stack.service.predict("flowers", *first.rows), first) <= TOLERANCE
    wait_until(
        lambda: (
            value_of(stack.service.samples(), "vigie_challenger_requests_total", **CHALLENGED)
            > before
        ),
        30,
    )
    _check_canary(stack, second)

    stack.registry.unpoint("flowers", "challenger")
    wait_until(lambda: not _tried(stack.service), 600)

    refused = stack.run("promote", "flowers", "--version", "2")
    assert refused.returncode == 1
    assert "--force" in refused.stderr
    promoted = stack.run(*remedy.split()[1:])
    assert promoted.returncode == 0, promoted.stderr
    stack.await_version("flowers", "2")
    found = difference(stack.service.predict("flowers", *second.rows), second)
    assert found <= TOLERANCE


def _tried(service: LiveService) -> bool:
    """Whether there are series of the challenger."""
    return any(
        name == "vigie_challenger_requests_total" and set(CHALLENGED.items()) <= set(labels)
        for name, labels in service.samples()
    )


def _check_canary(stack: Stack, challenger: ImportedModel) -> None:
    folder = stack.folder / "canary"
    folder.mkdir()
    canary = LiveService(
        folder, stack.folder / "cache", VIGIE_MODELS="flowers", VIGIE_WORKERS="1",
        VIGIE_CHALLENGER_SHARE="0", VIGIE_CANARY_SHARE="1",
    )  # fmt: skip
    try:
        canary.start()
        canary.wait_ready()
        answer = canary.predict("flowers", *challenger.rows, **{"X-Canary-Key": "somebody"})
        assert answer.headers["x-model-version"] == "2"
        assert difference(answer, challenger) <= TOLERANCE
    finally:
        canary.clean_up()


@pytest.fixture
def broken(tmp_path: Path) -> dict[str, str]:
    """Sources that are no model, by what is wrong with them."""
    classifier().save(tmp_path / "whole.keras")
    whole = (tmp_path / "whole.keras").read_bytes()
    (tmp_path / "cut.keras").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"\xff\xfe no graph")
    return {
        "absent": str(tmp_path / "absent.keras"),
        "cut": str(tmp_path / "cut.keras"),
        "saved": str(tmp_path / "saved"),
        "version": "models:/bare/99",
    }


def test_what_cannot_be_read_is_one_line_and_exit_code_1(
    stack: Stack, broken: dict[str, str]
) -> None:
    with ThreadPoolExecutor(2) as pool:
        ends = pool.map(lambda source: stack.run("import", source, "--name", "no"), broken.values())
        for what, end in zip(broken, ends, strict=True):
            assert end.returncode == 1, (what, end.stderr)
            (line,) = end.stderr.splitlines()
            assert line.startswith("vigie: "), (what, line)
    assert stack.registry.versions("no") == []
