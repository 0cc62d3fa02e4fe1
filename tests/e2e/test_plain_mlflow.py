"""Logged by plain MLflow, named by an alias, served: no command of ours in between."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import mlflow as tracking
import numpy as np
import orjson
import pandas as pd
import pytest
import requests
from mlflow.models import infer_signature

from support.memory import tell
from support.real_mlflow import RealMlflow
from support.service import LiveService
from support.waiting import wait_until
from vigie.registry.operate import OperatorClient

pytestmark = pytest.mark.filterwarnings("ignore")

ROW = {"age": 40, "income": 30000}
LONGEST_SECONDS = 60.0
"""From the alias to the first answer, on a machine that does nothing else."""
ALLOWANCE = 10.0
"""How many times longer it may take on one that does."""
PLAIN = {"pip_requirements": ["keras"]}


@dataclass(frozen=True)
class Stack:
    """MLflow, model-sync, importer and a service, as `make run` starts them."""

    url: str
    registry: OperatorClient
    service: LiveService
    log: Path

    def described(self, model: str) -> dict[str, Any]:
        said = self.service.get(f"/v1/models/{model}")
        return dict(said.json()) if said.status == 200 else {}

    def ask(self, path: str, body: object) -> Any:
        """The answer to a body, which must be one."""
        headers = {"Content-Type": "application/json"}
        said = self.service.ask("POST", path, orjson.dumps(body), headers)
        assert said.status == 200, said.body
        return said.json()

    def await_version(self, model: str, version: str = "1") -> None:
        wait_until(lambda: self.described(model).get("version") == version, 600)

    def package(self, model: str, folder: Path) -> dict[str, Any]:
        """`package.json` of version 1, as MLflow's own client fetches it."""
        found = tracking.artifacts.download_artifacts(f"models:/{model}/1", dst_path=str(folder))
        document: dict[str, Any] = orjson.loads((Path(found) / "vigie/package.json").read_bytes())
        return document


@pytest.fixture(scope="module")
def stack(mlflow: RealMlflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    own = {name: text for name, text in os.environ.items() if name[:6] != "VIGIE_"}
    environment = {
        **own, "VIGIE_MLFLOW_URL": mlflow.url, "VIGIE_CACHE": str(folder / "cache"),
        "VIGIE_STATE": str(folder / "state"), "VIGIE_MODELS": "*",
    }  # fmt: skip
    tracking.set_tracking_uri(mlflow.url)
    service = LiveService(folder, folder / "cache", VIGIE_MODELS="*", VIGIE_WORKERS="1")
    with (folder / "behind.log").open("wb") as log:
        behind = [
            subprocess.Popen(
                [sys.executable, "-m", "vigie", command], env=environment, stdout=log, stderr=log
            )
            for command in ("follow", "importer")
        ]
    try:
        service.start()
        yield Stack(mlflow.url, OperatorClient(mlflow.url, 30), service, folder / "behind.log")
    finally:
        service.clean_up()
        for process in behind:
            process.terminate()
        for process in behind:
            process.wait(60)


def frame() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(3)
    ages = rng.integers(18, 80, 200)
    incomes = rng.normal(30000, 8000, 200).round(2)
    left = (incomes < 500 * ages).astype(float)
    return pd.DataFrame({"age": ages, "income": incomes}), left


def network(X: pd.DataFrame, y: np.ndarray) -> keras.Model:  # noqa: N803 -- everybody's names
    scale = keras.layers.Normalization()
    scale.adapt(X.to_numpy())
    model = keras.Sequential([
        keras.Input((X.shape[1],)), scale, keras.layers.Dense(8, activation="relu"),
        keras.layers.Dense(1, activation="sigmoid"),
    ])  # fmt: skip
    model.compile("adam", "binary_crossentropy")
    model.fit(X.to_numpy(), y, epochs=2, verbose=0)
    return model


def by_name(X: pd.DataFrame) -> dict[str, np.ndarray]:  # noqa: N803
    """The columns by name: what MLflow takes as a signature of a Keras model with names."""
    return {str(name): X[name].to_numpy() for name in X}


def the_twelve_lines() -> keras.Model:
    """What everybody writes."""
    X, y = frame()  # noqa: N806
    model = network(X, y)
    tracking.set_experiment("churn")
    with tracking.start_run():
        tracking.keras.log_model(
            model, name="model", registered_model_name="churn",
            signature=infer_signature(by_name(X), y),
        )  # fmt: skip
    tracking.MlflowClient().set_registered_model_alias("churn", "champion", "1")
    return model


def expected(model: keras.Model) -> float:
    return float(model.predict(np.array([[ROW["age"], ROW["income"]]]), verbose=0).item())


@pytest.fixture(scope="module")
def churn(stack: Stack) -> float:
    """What the model says, once the service has it; how long that took is printed."""
    model = the_twelve_lines()
    began = time.monotonic()
    wait_until(
        lambda: stack.service.ask(
            "POST", "/predict/churn", orjson.dumps([ROW]), {"Content-Type": "application/json"}
        ).status == 200,
        LONGEST_SECONDS * ALLOWANCE,
    )  # fmt: skip
    tell(f"from the alias to the first answer: {time.monotonic() - began:.1f} s")
    return expected(model)


def test_version_and_alias_are_the_users_own(stack: Stack, churn: float) -> None:
    assert stack.described("churn")["version"] == "1"
    client = tracking.MlflowClient()
    assert client.get_registered_model("churn").aliases == {"champion": "1"}
    assert client.get_model_version_by_alias("churn", "champion").version == "1"
    (version,) = client.search_model_versions("name='churn'")
    assert version.tags["vigie.imported"] == "in place"


@pytest.mark.parametrize("row", [ROW, [ROW["age"], ROW["income"]]], ids=["an object", "a list"])
def test_every_dialect_answers_as_the_model_does(stack: Stack, churn: float, row: Any) -> None:
    tensors = [
        {"name": name, "shape": [1], "datatype": "FP64", "data": [value]}
        for name, value in ROW.items()
    ]
    table = {"name": "X", "shape": [1, 2], "datatype": "FP64", "data": list(ROW.values())}
    inputs = tensors if isinstance(row, dict) else [table]
    (native,) = stack.ask("/predict/churn", {"instances": [row]})["predictions"]
    (bare,) = stack.ask("/predict/churn", [row])["predictions"]
    found = [
        *(value for answer in (native, bare) for value in answer.values() if value != []),
        *stack.ask("/v1/models/churn:predict", {"instances": [row]})["predictions"],
        stack.ask("/v2/models/churn/infer", {"inputs": inputs})["outputs"][0]["data"][0],
        *stack.ask("/invocations", {"instances": [row]})["predictions"],
    ]
    assert found == pytest.approx([churn] * 5, abs=1e-5)


def test_the_form_has_the_columns(stack: Stack, churn: float) -> None:
    page = stack.service.get("/models/churn").body.decode()
    assert 'name="age"' in page
    assert 'name="income"' in page


def test_the_status_names_what_is_missing_and_the_call_that_brings_it(
    stack: Stack, churn: float
) -> None:
    page = stack.service.get("/status").body.decode()
    assert "It lacks a profile, so drift, figures on data kept aside, an interval" in page
    assert "vigie.log_model(model, name=&#34;churn&#34;, inputs=X, targets=y)" in page


def test_nothing_of_the_users_is_changed(stack: Stack, churn: float, tmp_path: Path) -> None:
    loaded = tracking.keras.load_model("models:/churn/1")
    assert expected(loaded) == pytest.approx(churn, abs=1e-6)
    assert [tuple(tensor.shape) for tensor in loaded.inputs] == [(None, 2)]
    kinds = {item["name"]: item["dtype"] for item in stack.package("churn", tmp_path)["inputs"]}
    assert kinds == {"age": "int64", "income": "float32"}


# --- the other ways in which MLflow logs a model


Log = Callable[[str, keras.Model, pd.DataFrame, np.ndarray], None]


def log_by_tensorflow(name: str, model: keras.Model, X: pd.DataFrame, y: np.ndarray) -> None:  # noqa: N803
    """MLflow takes a table as the example of a Keras model, and not as its signature."""
    with tracking.start_run():
        tracking.tensorflow.log_model(
            model, name="model", registered_model_name=name,
            signature=infer_signature(X.to_numpy(), y), input_example=X.head(3), **PLAIN,
        )  # fmt: skip


def log_by_autolog(name: str, model: keras.Model, X: pd.DataFrame, y: np.ndarray) -> None:  # noqa: N803
    tracking.keras.autolog(registered_model_name=name)
    # it takes no `pip_requirements`: nobody waits for the process that would guess them
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT", "0")
        try:
            with tracking.start_run():
                model.fit(X.to_numpy(), y, epochs=1, verbose=0)
        finally:
            tracking.keras.autolog(disable=True)


def log_exported(name: str, model: keras.Model, X: pd.DataFrame, y: np.ndarray) -> None:  # noqa: N803
    with tracking.start_run():
        tracking.keras.log_model(
            model, name="model", registered_model_name=name, save_exported_model=True,
            signature=infer_signature(X.to_numpy(np.float32), y), **PLAIN,
        )  # fmt: skip


def log_into_a_run(name: str, model: keras.Model, X: pd.DataFrame, y: np.ndarray) -> None:  # noqa: N803
    """As releases before MLflow 3 did: files of a run, and a version that names them."""
    client = tracking.MlflowClient()
    with tracking.start_run() as run:
        folder = Path(os.environ["PYTEST_TMP"]) / run.info.run_id
        signature = infer_signature(by_name(X), y)
        tracking.keras.save_model(model, str(folder), signature=signature, **PLAIN)
        tracking.log_artifacts(str(folder), "model")
        client.create_registered_model(name)
        source = f"{run.info.artifact_uri}/model"
        client.create_model_version(name, source, run.info.run_id)


WAYS: Mapping[str, tuple[Log, object]] = {
    "with_a_table": (log_by_tensorflow, ROW),
    "by_autolog": (log_by_autolog, list(ROW.values())),
    "exported": (log_exported, list(ROW.values())),
    "in_a_run": (log_into_a_run, ROW),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_logging_is_served(
    stack: Stack, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_TMP", str(tmp_path))
    log, row = WAYS[way]
    X, y = frame()  # noqa: N806
    model = network(X, y)
    tracking.set_experiment("ways")
    log(way, model, X, y)
    tracking.MlflowClient().set_registered_model_alias(way, "champion", "1")
    stack.await_version(way)
    (answer,) = stack.ask(f"/predict/{way}", [row])["predictions"]
    value = next(iter(answer.values()))
    assert np.ravel(value) == pytest.approx([expected(model)], abs=1e-5)


def test_code_is_never_opened_and_the_line_that_mends_it_is_told(stack: Stack) -> None:
    X, y = frame()  # noqa: N806
    tracking.set_experiment("code")
    with tracking.start_run():
        tracking.tensorflow.log_model(
            network(X, y), name="model", registered_model_name="code",
            signature=infer_signature(X.to_numpy(), y), custom_objects={"frame": frame}, **PLAIN,
        )  # fmt: skip
    tracking.MlflowClient().set_registered_model_alias("code", "champion", "1")
    wait_until(lambda: "refused" in stack.described("code"), 600)
    reason = stack.described("code")["refused"]["reason"]
    assert reason.startswith("the package holds code or a pickle: custom_objects.cloudpickle")
    assert 'Log it again: vigie.log_model(model, name="code", inputs=X, targets=y)' in reason
    tags = tracking.MlflowClient().get_model_version("code", "1").tags
    assert tags["vigie.import"] == "failed"
    assert tags["vigie.import.reason"] == reason
    assert requests.get(f"{stack.url}/health", timeout=30).ok
